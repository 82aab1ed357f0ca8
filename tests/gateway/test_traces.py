"""Requests of one session are one trace, stay on one channel, and are in the store when it stops."""

import json
from collections.abc import Mapping
from typing import cast

import pytest

from tests.gateway.caller import Answer
from tests.gateway.conftest import (
    ANTHROPIC_HEADERS,
    CHAT_HEADERS,
    StartGateway,
    Upstreams,
    anthropic_channel,
    ask_anthropic,
    ask_chat,
    chat_body,
    chat_channel,
    config_of,
    messages_body,
)
from tests.gateway.process import Config, Gateway
from tests.upstreams.anthropic import anthropic
from tests.upstreams.plans import say
from tests.upstreams.server import json_reply

SESSION = "0d6a1b7e-41f4-4d0a-9f5c-6f4b0a3a9c11"
DEVICE = "ab" * 32
TRACED = {"trace": {"claude_code_trace_enabled": True, "codex_trace_enabled": True}}


def traces(gateway: Gateway) -> list[dict[str, object]]:
    """What `axonhub trace list` shows, newest first or last: the order is not the point here."""
    listed = gateway.command("trace", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    return cast("list[dict[str, object]]", json.loads(listed.stdout))


def record_of(gateway: Gateway, answer: Answer) -> dict[str, object]:
    """The record of the request that was answered so; waits for it."""

    def found() -> list[dict[str, object]]:
        return [record for record in traces(gateway) if record["id"] == answer.header("x-axonhub-request-id")]

    gateway.wait_until(lambda: found() != [], "the request is in the store")
    (record,) = found()
    return record


def traced(config: Config) -> Config:
    return {**config, "server": TRACED}


@pytest.fixture(scope="module")
def shared(start_for_module: StartGateway, standing_upstreams: Upstreams) -> Gateway:
    channels = [anthropic_channel(standing_upstreams.anthropic), chat_channel(standing_upstreams.chat)]
    return start_for_module(traced(config_of(channels)))


def with_user_id(user_id: str) -> bytes:
    return messages_body(metadata={"user_id": user_id})


def test_finished_request_is_recorded_with_what_served_it(shared: Gateway, upstreams: Upstreams) -> None:
    answer = ask_anthropic(shared, body=messages_body("gpt-4.1"))

    record = record_of(shared, answer)

    assert (record["trace_id"] or None) == answer.header("x-axonhub-trace-id")
    assert record["channel"] == "second"
    assert record["asked_model"] == "gpt-4.1"
    assert record["used_model"] == "gpt-4.1"
    assert record["status"] == 200


def test_request_can_be_shown(shared: Gateway, upstreams: Upstreams) -> None:
    answer = ask_anthropic(shared)
    record_of(shared, answer)

    shown = shared.command("trace", "show", str(answer.header("x-axonhub-request-id")), "--json")

    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)
    assert "claude-sonnet-4-5" in shown.stdout


def test_refused_request_is_no_upstream_attempt(shared: Gateway, upstreams: Upstreams) -> None:
    upstreams.anthropic.script = lambda request: json_reply(
        400, {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}
    )

    record = record_of(shared, ask_anthropic(shared))

    assert record["status"] == 400
    assert record["outcome"] != "ok"


@pytest.mark.parametrize("way", ["mitmdump", "serve"])
def test_no_finished_request_is_lost_at_the_end(start: StartGateway, upstreams: Upstreams, way: str) -> None:
    gateway = start(traced(config_of([anthropic_channel(upstreams.anthropic)])), way=way)
    ids = [ask_anthropic(gateway).header("x-axonhub-request-id") for _ in range(25)]

    gateway.stop()

    assert {record["id"] for record in traces(gateway)} == set(ids)


USER_IDS: Mapping[str, str] = {
    "JSON": json.dumps({"device_id": DEVICE, "account_uuid": "", "session_id": SESSION}),
    "without account": f"user_{DEVICE}_account__session_{SESSION}",
    "with account": f"user_{DEVICE}_account_1b2c3d4e-0000-4000-8000-000000000000_session_{SESSION}",
}


def test_every_form_of_a_claude_code_session_is_one_trace(shared: Gateway, upstreams: Upstreams) -> None:
    by_header = (("X-Claude-Code-Session-Id", SESSION), *ANTHROPIC_HEADERS)

    answers = [ask_anthropic(shared, body=with_user_id(user_id)) for user_id in USER_IDS.values()]
    answers.append(shared.call("POST", "/v1/messages?beta=true", by_header, messages_body()))
    other = ask_anthropic(shared, body=with_user_id(USER_IDS["JSON"].replace(SESSION, DEVICE[:8] + SESSION[8:])))

    ids = {answer.header("x-axonhub-trace-id") for answer in answers}
    assert len(ids) == 1
    assert ids != {None}
    assert other.header("x-axonhub-trace-id") not in ids


def test_codex_session_is_one_trace(shared: Gateway, upstreams: Upstreams) -> None:

    answers = [
        shared.call("POST", "/v1/chat/completions", ((name, SESSION), *CHAT_HEADERS), chat_body())
        for name in ("session-id", "Session_id", "session_id")
    ]

    ids = {answer.header("x-axonhub-trace-id") for answer in answers}
    assert len(ids) == 1
    assert ids != {None}


def test_callers_own_trace_header_outranks_the_rest(shared: Gateway, upstreams: Upstreams) -> None:
    body = with_user_id(USER_IDS["JSON"])

    one = shared.call("POST", "/v1/messages", (("AH-Trace-Id", "my-trace"), *ANTHROPIC_HEADERS), body)
    two = shared.call("POST", "/v1/messages", (("ah-trace-id", "my-trace"), *ANTHROPIC_HEADERS), messages_body())

    assert one.header("x-axonhub-trace-id") == two.header("x-axonhub-trace-id")
    assert one.header("x-axonhub-trace-id") is not None


def test_trace_stays_on_its_channel(start: StartGateway, upstreams: Upstreams) -> None:
    """Two equal channels: sessions spread over both, each session stays where it began."""
    upstreams.chat.script = anthropic(say("Said by the other."), upstreams.refusals)
    channels = [anthropic_channel(upstreams.anthropic), anthropic_channel(upstreams.chat, name="twin")]
    gateway = start(traced(config_of(channels)))
    sessions = [f"{number:08d}{SESSION[8:]}" for number in range(12)]

    used: dict[str, set[str | None]] = {session: set() for session in sessions}
    for _ in range(4):
        for session in sessions:
            user_id = json.dumps({"device_id": DEVICE, "account_uuid": "", "session_id": session})
            used[session].add(ask_anthropic(gateway, body=with_user_id(user_id)).header("x-axonhub-channel"))

    assert [len(channels) for channels in used.values()] == [1] * len(sessions)
    assert set.union(*used.values()) == {"first", "twin"}


def test_lower_priority_group_is_left_alone(start: StartGateway, upstreams: Upstreams) -> None:
    channels = [
        chat_channel(upstreams.chat, name="later", priority=5),
        chat_channel(upstreams.anthropic, name="sooner"),
    ]
    upstreams.anthropic.script = upstreams.chat.script
    gateway = start(config_of(channels))

    served = {ask_chat(gateway).header("x-axonhub-channel") for _ in range(10)}

    assert served == {"sooner"}
