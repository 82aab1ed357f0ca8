"""Which take answers a request, and what is told when none does."""

import json
from typing import Any

import pytest

from axonhub.addons.analysis.conversations import Stored
from axonhub.addons.playing.matching import Miss, Repertoire
from axonhub.addons.playing.takes import Asked, Take, takes_of
from axonhub.transformers.registry import discovered
from tests.analysis.trace import call, exchange, result, said, user

PROTOCOL = discovered()["anthropic/messages"]
LOOK = call("Look", 1, at="it")
BILLING = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.197.abc;"}
TOOLS = [{"name": "Look", "input_schema": {"type": "object"}}]


def trace() -> tuple[Stored, ...]:
    more: Any = {"tools": TOOLS, "system": "In /one.", "metadata": {"user_id": "first"}}
    return (
        exchange(1, [user("Go.")], [LOOK], request=more),
        exchange(2, [user("Go."), said(LOOK), user(result(1, "seen in 3 ms"))], [], request=more, at_s=2),
    )


def asked(*messages: dict[str, Any], system: Any = "In /one.", **more: Any) -> Asked:
    body = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 64,
        "messages": list(messages),
        "tools": TOOLS,
        "system": system,
    }
    return Asked(PROTOCOL, {**body, **more}, "", more.get("stream") is True)


def given(repertoire: Repertoire, request: Asked) -> str:
    found = repertoire.answer(request)
    return found.id if isinstance(found, Take) else f"miss: {found.difference}"


FIRST, SECOND = [user("Go.")], [user("Go."), said(LOOK), user(result(1, "seen in 3 ms"))]


def test_equal_request_gets_its_take() -> None:
    repertoire = Repertoire(takes_of(trace()))

    assert ["req_1", "req_2"] == [given(repertoire, asked(*each)) for each in (FIRST, SECOND)]
    assert [] == repertoire.not_given


def test_what_differs_from_run_to_run_is_no_difference() -> None:
    marked = {"role": "user", "content": [{"type": "text", "text": "Go.", "cache_control": {"type": "ephemeral"}}]}
    request = asked(marked, metadata={"user_id": "another"}, system="In /one.")
    turned = Asked(PROTOCOL, dict(reversed(request.document.items())), "", False)

    assert ["req_1", "req_1"] == [given(Repertoire(takes_of(trace())), each) for each in (request, turned)]


def test_billing_block_is_no_difference() -> None:
    blocks = [{"type": "text", "text": "Be brief."}]
    take = exchange(1, FIRST, [LOOK], request={"tools": TOOLS, "system": [{**BILLING}, *blocks]})
    other = {**BILLING, "text": BILLING["text"].replace("abc", "def")}

    assert "req_1" == given(Repertoire(takes_of([take])), asked(*FIRST, system=[other, *blocks]))


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (asked(*FIRST, system="In /two."), "system: recorded '\"In /one.\"', asked '\"In /two.\"'"),
        (asked(*FIRST, user("More.")), "messages[1].role: nothing was recorded there"),
        (asked(*FIRST, max_tokens=99), "max_tokens: recorded 64, asked 99"),
        (asked(*FIRST, stream=True), "stream: recorded false, asked true"),
    ],
)  # fmt: skip
def test_miss_names_the_nearest_and_the_first_difference(request_: Asked, words: str) -> None:
    found = Repertoire(takes_of(trace())).answer(request_)

    assert isinstance(found, Miss)
    assert "req_1" == found.nearest
    assert found.difference.startswith(words), found.difference


def test_loose_is_content_with_the_place_in_the_conversation() -> None:
    repertoire = Repertoire(takes_of(trace()), loose=True)
    elsewhere = [asked(*FIRST, system="In /two."), asked(*FIRST, said(LOOK), user(result(1, "took 8 ms")), system="x")]

    assert ["req_1", "req_2"] == [given(repertoire, each) for each in elsewhere]
    assert given(repertoire, asked(user("Something else."), said(), user("!"), said(), user("?"))).startswith("miss: ")


def test_loose_tells_conversations_of_the_same_length_apart() -> None:
    takes = takes_of([exchange(n, [user(text)], request={"tools": TOOLS}) for n, text in enumerate(("One.", "Two."))])

    assert "req_1" == given(Repertoire(takes, loose=True), asked(user("Two."), system="x"))
    assert given(Repertoire(takes, loose=True), asked(user("Three."), system="x")).startswith("miss: ")


def test_same_request_twice_gets_both_takes_in_turn() -> None:
    repertoire = Repertoire(takes_of([exchange(n, FIRST, request={"tools": TOOLS}) for n in (1, 2)]))
    request = Asked(PROTOCOL, json.loads(trace()[0].asked or b"") | {"system": None}, "", False)
    request = Asked(PROTOCOL, {k: v for k, v in request.document.items() if k != "system"}, "", False)

    assert ["req_1", "req_2", "req_1"] == [given(repertoire, request) for _ in range(3)]


def test_other_protocol_has_nothing() -> None:
    found = Repertoire(takes_of(trace())).answer(Asked(discovered()["openai/chat"], {"messages": []}, "", False))

    assert Miss("", "nothing was recorded in the protocol openai/chat") == found


def test_what_was_not_answered_is_no_take() -> None:
    trace_ = [exchange(1, FIRST, bodies={}), exchange(2, FIRST, outcome="canceled")]

    assert () == takes_of(trace_)
