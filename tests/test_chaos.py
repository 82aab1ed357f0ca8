"""A small run of chaos, and its judge, who must find what is wrong."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.chaos import ANTHROPIC, CUT_AFTER, LETTERS, Asked, Seen, judge, run, said, table
from tests.gateway.caller import Answer

ID = "req_1"
WHOLE = Asked(1, ANTHROPIC, stream=False)


@pytest.mark.slow
def test_three_hundred_requests(tmp_path: Path) -> None:
    verdict, doors, _ = run(300, 7, 32, tmp_path)

    assert verdict.deviations == [], table(verdict, doors)
    assert verdict.outcomes.total() == 300
    assert verdict.outcomes["answered by try 2"] > 0
    assert {"stall", "garbage", "reset", CUT_AFTER} <= set(verdict.fates)


def answered(text: str, status: int = 200) -> Answer:
    body = json.dumps({"content": [{"type": "text", "text": text}]}).encode()
    return Answer(status, (("x-axonhub-request-id", ID),), body)


def tries(*kinds: tuple[str, str | None]) -> dict[str, dict[str, object]]:
    return {ID: {"attempts": [{"channel": name, "kind": kind, "reason": None} for name, kind in kinds]}}


def seen(*fates: tuple[str, str], reused: bool = False) -> list[Seen]:
    return [Seen(name, 1, fate, reused, at) for at, (name, fate) in enumerate(fates)]


GOOD = answered(said("alpha", 1))
FAILED = (("alpha", "server"), ("beta", "server"), ("gamma", "network"), ("delta", "timeout"))


@pytest.mark.parametrize(
    ("answer", "saw", "record"),
    [
        (GOOD, seen(("alpha", "")), tries(("alpha", None))),
        (GOOD, seen(("beta", "500"), ("alpha", "")), tries(("beta", "server"), ("alpha", None))),
        (GOOD, seen(("alpha", "")), tries(("beta", "network"), ("alpha", None))),
        (
            GOOD,
            seen(("beta", "reset"), ("beta", "reset"), ("alpha", ""), reused=True),
            tries(("beta", "network"), ("alpha", None)),
        ),
        (answered("", 500), seen(("alpha", "500"), ("beta", "garbage")), tries(*FAILED)),
    ],
)
def test_judge_is_content(answer: Answer, saw: Sequence[Seen], record: dict[str, dict[str, object]]) -> None:
    assert judge([WHOLE], {1: answer}, saw, record).deviations == []


@pytest.mark.parametrize(
    ("answer", "saw", "record", "complaint"),
    [
        (TimeoutError(), [], tries(), "no answer"),
        (GOOD, seen(("alpha", "")), {}, "no record"),
        (GOOD, seen(("alpha", "")), tries(("alpha", None)) | {"req_2": {}}, "2 records of 1"),
        (answered("half"), seen(("alpha", "")), tries(("alpha", None)), "said 'half'"),
        (
            answered(said("alpha", 1) + LETTERS["beta"]),
            seen(("alpha", "")),
            tries(("alpha", None)),
            "bytes of {'beta'}",
        ),
        (answered(said("beta", 1)), seen(("alpha", "")), tries(("alpha", None)), "bytes of {'beta'}"),
        (answered("", 500), seen(("alpha", "500")), tries(*FAILED[:1]), "only"),
        (answered("", 500), seen(("alpha", "")), tries(*FAILED), "answered well"),
        (GOOD, seen(("beta", "500"), ("alpha", "")), tries(("alpha", None)), "no record tells"),
        (GOOD, seen(("alpha", "")), tries(("beta", "server"), ("alpha", None)), "nobody saw"),
        (GOOD, seen(("alpha", "500")), tries(("alpha", None)), "the upstream '500'"),
        (
            GOOD,
            seen(("beta", "garbage"), ("beta", "garbage"), ("alpha", ""), reused=True),
            tries(("beta", "network"), ("alpha", None)),
            "no record",
        ),
    ],
)
def test_judge_complains(
    answer: Answer | Exception, saw: Sequence[Seen], record: dict[str, dict[str, object]], complaint: str
) -> None:
    assert complaint in " ".join(judge([WHOLE], {1: answer}, saw, record).deviations)
