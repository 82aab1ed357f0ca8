"""Over sockets: other channels hide a failure, a pause comes only where no other is left, and a client may see why."""

import json
import threading

import pytest

from tests.gateway.caller import Answer
from tests.gateway.conftest import (
    ANTHROPIC_HEADERS,
    StartGateway,
    Upstreams,
    anthropic_channel,
    ask_anthropic,
    config_of,
    messages_body,
)
from tests.gateway.process import Gateway
from tests.gateway.test_traces import record_of
from tests.upstreams.anthropic import anthropic
from tests.upstreams.plans import say
from tests.upstreams.server import Hold, Raw, Reply, Request, Script, in_turn, json_reply


def refusing(status: int, kind: str, **headers: str) -> Script:
    def script(request: Request) -> Reply:
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        body = {"type": "error", "error": {"type": kind, "message": f"Refused with {status}."}}
        return json_reply(status, body, named)

    return script


def two_channels(upstreams: Upstreams, **second: object) -> list[dict[str, object]]:
    """The first is always preferred; the second speaks Anthropic's protocol as well."""
    twin = anthropic_channel(upstreams.chat, name="twin", priority=1, **second)
    upstreams.chat.script = anthropic(say("Said by the twin."), upstreams.refusals)
    return [anthropic_channel(upstreams.anthropic), twin]


def ask_why(gateway: Gateway) -> Answer:
    headers = (*ANTHROPIC_HEADERS, ("x-debug-mode", "true"))
    return gateway.call("POST", "/anthropic/v1/messages", headers, messages_body())


@pytest.mark.parametrize(
    "script",
    [
        refusing(500, "api_error"),
        refusing(529, "overloaded_error"),
        refusing(429, "rate_limit_error", retry_after="60"),
        refusing(401, "authentication_error"),
    ],
)
def test_failure_of_one_channel_is_hidden_by_the_next_one(
    start: StartGateway, upstreams: Upstreams, script: Script
) -> None:
    gateway = start(config_of(two_channels(upstreams)))
    upstreams.anthropic.script = script

    answer = ask_anthropic(gateway)

    assert answer.status == 200
    assert b"Said by the twin." in answer.body
    assert answer.header("x-axonhub-channel") == "twin"
    assert answer.header("x-axonhub-attempts") == "2"
    assert upstreams.refusals == []


def test_channel_that_asked_for_rest_is_left_alone(start: StartGateway, upstreams: Upstreams) -> None:
    gateway = start(config_of(two_channels(upstreams)))
    upstreams.anthropic.script = refusing(429, "rate_limit_error", retry_after="60")

    answers = [ask_anthropic(gateway) for _ in range(4)]

    assert [answer.status for answer in answers] == [200] * 4
    assert len(upstreams.anthropic.requests) == 1
    assert [answer.header("x-axonhub-attempts") for answer in answers] == ["2", "1", "1", "1"]


def test_only_channel_is_asked_again(start: StartGateway, upstreams: Upstreams) -> None:
    gateway = start(config_of([anthropic_channel(upstreams.anthropic)], retry={"delay": "10ms"}))
    well = anthropic(say("Said at last."), upstreams.refusals)
    upstreams.anthropic.script = in_turn(refusing(500, "api_error"), refusing(503, "api_error"), well)

    answer = ask_anthropic(gateway)

    assert b"Said at last." in answer.body
    assert answer.header("x-axonhub-attempts") == "3"
    assert len(upstreams.anthropic.requests) == 3


def test_when_all_fail_the_client_learns_why_how_often_and_when_to_come_back(
    start: StartGateway, upstreams: Upstreams
) -> None:
    gateway = start(config_of([anthropic_channel(upstreams.anthropic)]))
    upstreams.anthropic.script = refusing(429, "rate_limit_error", retry_after="60")

    answer = ask_anthropic(gateway)

    assert answer.status == 429
    assert b"Refused with 429." in answer.body
    assert answer.header("x-axonhub-attempts") == "1"
    assert 55 <= int(answer.header("retry-after") or 0) <= 60


def test_next_credential_of_the_same_channel_is_tried_first(start: StartGateway, upstreams: Upstreams) -> None:
    keys = ["sk-ant-credential-number-one", "sk-ant-credential-number-two"]
    first, twin = two_channels(upstreams)
    gateway = start(config_of([{**first, "api_keys": keys}, twin]))
    refuse = refusing(401, "authentication_error")
    well = anthropic(say("Said with the other key."), upstreams.refusals)
    upstreams.anthropic.script = in_turn(refuse, well)

    answer = ask_anthropic(gateway)

    assert b"Said with the other key." in answer.body
    assert sorted(str(request.header("x-api-key")) for request in upstreams.anthropic.requests) == keys
    assert upstreams.chat.requests == []


def test_client_that_asks_why_is_told_without_secrets(start: StartGateway, upstreams: Upstreams) -> None:
    channels = two_channels(upstreams)
    gateway = start(config_of(channels))
    upstreams.anthropic.script = refusing(500, "api_error")

    answer = ask_why(gateway)

    told = answer.header("x-axonhub-debug") or ""
    explanation = json.loads(told)
    assert explanation["strategy"] == "adaptive"
    assert explanation["next"] == "twin"
    (tried,) = explanation["tries"]
    assert tried.pop("ms") >= 0
    assert tried == {"channel": "first", "status": 500, "kind": "server"}
    assert [each["channel"] for each in explanation["candidates"]] == ["first", "twin"]
    assert not any(str(key) in told for channel in channels for key in channel["api_keys"])  # type: ignore[attr-defined]
    assert upstreams.chat.only.header("x-debug-mode") is None
    assert ask_anthropic(gateway).header("x-axonhub-debug") is None


def test_record_tells_of_each_try_with_scores_and_reasons(start: StartGateway, upstreams: Upstreams) -> None:
    gateway = start(config_of(two_channels(upstreams)))
    upstreams.anthropic.script = refusing(500, "api_error")
    ask_anthropic(gateway)

    answer = ask_anthropic(gateway)

    first, second = record_of(gateway, answer)["attempts"]  # type: ignore[misc]
    assert (first["channel"], first["status"], first["kind"]) == ("first", 500, "server")
    assert (second["channel"], second["status"], second["kind"]) == ("twin", 200, None)
    reasons = {each["name"]: each["reason"] for each in first["score"]}
    assert "1 failures in a row" in reasons["errors"]
    assert reasons["weight"] == "weight 100"


def test_unknown_strategy_is_refused_at_load(start: StartGateway, upstreams: Upstreams) -> None:
    gateway = start(config_of(two_channels(upstreams)))

    gateway.edit(load_balance={"strategy": "fastest"})

    gateway.wait_until(lambda: "unknown strategy 'fastest'" in gateway.log(), "the log says why")
    assert ask_anthropic(gateway).status == 200


def test_nothing_is_tried_twice_when_the_time_of_a_request_is_over(start: StartGateway, upstreams: Upstreams) -> None:
    gateway = start(config_of(two_channels(upstreams), server={"llm_request_timeout": "1s"}))
    upstreams.anthropic.script = upstreams.chat.script = lambda request: Raw([Hold(threading.Event())])

    answer = ask_anthropic(gateway)

    assert answer.status == 504
    assert answer.header("x-axonhub-attempts") == "2"


def test_whole_answer_that_does_not_come_is_given_up_while_another_channel_is_left(
    start: StartGateway, upstreams: Upstreams
) -> None:
    gateway = start(config_of(two_channels(upstreams), retry={"first_event_timeout": "200ms"}))
    upstreams.anthropic.script = lambda request: Raw([Hold(threading.Event())])

    answer = ask_anthropic(gateway)

    assert answer.status == 200
    assert answer.header("x-axonhub-channel") == "twin"
    assert answer.header("x-axonhub-attempts") == "2"


def test_record_tells_who_was_passed_over(start: StartGateway, upstreams: Upstreams) -> None:
    gateway = start(config_of(two_channels(upstreams)))

    (other,) = record_of(gateway, ask_anthropic(gateway))["passed_over"]  # type: ignore[misc]

    assert other["channel"] == "twin"
    assert "errors" in [each["name"] for each in other["score"]]
