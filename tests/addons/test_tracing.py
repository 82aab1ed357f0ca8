"""Which bodies of an exchange are kept."""

from dataclasses import replace

import pytest

from axonhub.addons.config import Channel, Config
from axonhub.addons.exchange import Address, Attempt, Candidate, Exchange
from axonhub.addons.tracing import bodies, finished
from axonhub.transformers.registry import discovered
from axonhub.transformers.repetition import Likeness
from axonhub.transformers.splice import replace_string

ASKED = b'{"model":"asked","messages":[]}'
ANSWER = b'{"id":"1"}'
PROTOCOL = discovered()["anthropic/messages"]
CANDIDATE = Candidate(Channel(name="first", type="anthropic"), "wanted")


def exchange(**attempt: object) -> Exchange:
    tried = Attempt(CANDIDATE, PROTOCOL, None, 1.0, response_body=ANSWER, **attempt)
    return Exchange(
        "req_1", 1.0, Config(), Address(PROTOCOL, "generate"), "/v1/messages",
        body=ASKED, response_body=ANSWER, attempts=[tried],
    )  # fmt: skip


def test_renamed_request_is_kept_once_and_can_be_made_again() -> None:
    renamed = replace_string(ASKED, "model", "wanted")
    found = exchange(request_body=renamed, renamed_body=renamed)

    kept = bodies(found)

    assert {"request": ASKED, "response": ANSWER} == kept
    assert renamed == replace_string(kept["request"], "model", found.attempts[-1].candidate.model)


@pytest.mark.parametrize(
    "attempt",
    [
        {"request_body": b'{"model":"wanted","input":[]}', "converted": True},
        {"request_body": b'{"model":"wanted","more":1}', "renamed_body": b'{"model":"wanted"}'},
    ],
    ids=["converted", "more than renamed"],
)  # fmt: skip
def test_request_that_became_another_is_kept_as_both(attempt: dict[str, object]) -> None:
    assert {"request": ASKED, "upstream_request": attempt["request_body"], "response": ANSWER} == bodies(
        exchange(**attempt)
    )


def test_nothing_is_kept_that_the_operator_does_not_want() -> None:
    found = exchange(request_body=b"{}", converted=True)
    store = found.config.store.model_copy(update={"request_bodies": False, "response_bodies": False})
    found = replace(found, config=found.config.model_copy(update={"store": store}))

    found.likeness = Likeness(found.body)

    assert {} == bodies(found)
    assert finished(found).likeness is None
