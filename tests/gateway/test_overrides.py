"""A channel's overrides on what is sent: last, only where they apply, and without a secret for anybody's eyes."""

import json

import pytest

from tests.gateway.conftest import (
    ANTHROPIC_HEADERS,
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
from tests.gateway.process import Gateway

SECRET = "of-the-operator-and-of-nobody-else"
BODY = b'{ "model":"claude-sonnet-4-5",  "max_tokens": 64, "messages":[{"content":"h\\u00e9llo","role":"user"}] }'

ANTHROPIC_SETTINGS = {
    "body_override_operations": [
        {"op": "set", "path": "max_tokens", "value": 100, "condition": "~hq 'x-team: blue'"},
        {"op": "set", "path": "metadata.user_id", "value": "{{ key }}", "condition": "~bq haiku"},
    ],
    "header_override_operations": [
        {"op": "set", "path": "x-wanted", "value": "{{ request_model }} as {{ model }}"},
        {"op": "set", "path": "x-upstream-secret", "value": SECRET},
        {"op": "delete", "path": "x-stainless-lang"},
    ],
}
CHAT_SETTINGS = {
    "body_override_operations": [
        {"op": "set", "path": "temperature", "value": 0.25},
        {"op": "rename", "from": "max_completion_tokens", "to": "max_tokens"},
        {"op": "set", "path": "messages.-1.content", "value": "{{ request_header.x_team }}!"},
    ],
}


@pytest.fixture(scope="module")
def shared(standing_upstreams: Upstreams, start_for_module: StartGateway) -> Gateway:
    channels = [
        anthropic_channel(standing_upstreams.anthropic, settings=ANTHROPIC_SETTINGS),
        chat_channel(standing_upstreams.chat, settings=CHAT_SETTINGS),
    ]
    return start_for_module(config_of(channels))


def test_bytes_stay_where_no_body_operation_applies(shared: Gateway, upstreams: Upstreams) -> None:
    headers = (*ANTHROPIC_HEADERS, ("x-stainless-lang", "python"))

    assert shared.call("POST", "/v1/messages", headers, BODY).status == 200
    (request,) = upstreams.anthropic.requests
    assert request.body == BODY
    assert request.header("x-wanted") == "claude-sonnet-4-5 as claude-sonnet-4-5"
    assert request.header("x-upstream-secret") == SECRET
    assert request.header("x-stainless-lang") is None


def test_only_the_members_of_a_condition_that_holds_change(shared: Gateway, upstreams: Upstreams) -> None:
    headers = (*ANTHROPIC_HEADERS, ("x-team", "blue"))

    assert shared.call("POST", "/v1/messages", headers, BODY).status == 200
    assert upstreams.anthropic.requests[0].body == BODY.replace(b"64", b"100")


def test_filter_sees_the_clients_own_body(shared: Gateway, upstreams: Upstreams) -> None:
    assert ask_anthropic(shared, body=messages_body("claude-haiku-4-5")).status == 200
    assert upstreams.anthropic.requests[0].json()["metadata"] == {"user_id": "me"}  # type: ignore[index, call-overload]


def test_count_of_tokens_keeps_its_body(shared: Gateway, upstreams: Upstreams) -> None:
    body = json.dumps({"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "hello"}]}).encode()

    assert shared.call("POST", "/v1/messages/count_tokens", ANTHROPIC_HEADERS, body).status == 200
    (request,) = upstreams.anthropic.requests
    assert (request.body, request.header("x-upstream-secret")) == (body, SECRET)


def test_converted_request_is_changed_in_the_channels_protocol(shared: Gateway, upstreams: Upstreams) -> None:
    headers = (*ANTHROPIC_HEADERS, ("x-team", "blue"))

    assert shared.call("POST", "/v1/messages", headers, messages_body("gpt-4.1")).status == 200
    sent = upstreams.chat.requests[0].json()
    assert isinstance(sent, dict)
    assert (sent["temperature"], sent["max_tokens"]) == (0.25, 64)
    assert "max_completion_tokens" not in sent
    assert sent["messages"][-1] == {"role": "user", "content": "blue!"}


def test_stream_stays_the_clients_choice(shared: Gateway, upstreams: Upstreams) -> None:
    answer = ask_chat(shared, body=chat_body(stream=True))

    assert answer.status == 200
    assert answer.body.rstrip().endswith(b"data: [DONE]")
    assert upstreams.refusals == []


def test_operators_secret_is_in_no_record_and_no_log(shared: Gateway, upstreams: Upstreams) -> None:
    before = len(json.loads(shared.command("trace", "list", "--json").stdout))
    assert ask_anthropic(shared, body=messages_body("claude-haiku-4-5")).status == 200
    shared.wait_until(
        lambda: len(json.loads(shared.command("trace", "list", "--json").stdout)) > before, "the request is recorded"
    )
    newest = json.loads(shared.command("trace", "list", "--json").stdout)[0]["id"]
    shown = shared.command("trace", "show", newest, "--json").stdout

    assert newest in shown
    assert SECRET not in shown
    assert SECRET not in shared.log()
    files = [file for file in (shared.folder / "store").rglob("*") if file.is_file()]
    assert not [file for file in files if SECRET.encode() in file.read_bytes()]


def test_dry_run_shows_before_and_after_and_no_secret(shared: Gateway) -> None:
    arguments = ("override", "first", "--model", "claude-haiku-4-5", "--header", "X-Team: blue", "--key", "you")

    told = shared.command(*arguments)
    structured = json.loads(shared.command(*arguments, "--json").stdout)

    assert told.returncode == 0, told.stderr
    assert "1. set max_tokens: applied" in told.stdout
    assert '+    "user_id": "you"' in told.stdout
    assert "+x-upstream-secret: ***" in told.stdout
    assert SECRET not in told.stdout + json.dumps(structured)
    assert [step["outcome"] for step in structured["steps"]] == ["applied"] * 4 + ["no effect"]
    assert structured["body"]["after"]["max_tokens"] == 100
    assert "max_tokens" not in structured["body"]["before"]


def test_dry_run_of_a_channel_without_overrides_says_so(shared: Gateway) -> None:
    told = shared.command("override", "nobody")

    assert told.returncode == 1
    assert "there is no channel 'nobody'; there are: first, second" in told.stderr
