"""Requests from inside: to one channel, through the whole pipeline, with the admin token only."""

import json
from typing import cast

import pytest
from pydantic import SecretStr

from axonhub.addons.exchange import Pin
from axonhub.addons.pinning import pin_headers
from tests.gateway.caller import Answer
from tests.gateway.conftest import (
    ANTHROPIC_HEADERS,
    CALLER_KEY,
    DEEPSEEK_PROFILE,
    StartGateway,
    Upstreams,
    anthropic_channel,
    api_key,
    chat_channel,
    config_of,
    messages_body,
)
from tests.gateway.process import Gateway

ADMIN_TOKEN = "admin-token-of-the-operator"


@pytest.fixture(scope="module")
def pinnable(start_for_module: StartGateway, standing_upstreams: Upstreams) -> Gateway:
    channels = [
        anthropic_channel(standing_upstreams.anthropic),
        chat_channel(standing_upstreams.chat, status="disabled"),
    ]
    key = api_key(active_profile="deepseek", profiles=[DEEPSEEK_PROFILE])
    return start_for_module(config_of(channels, [key], server={"admin": {"token": ADMIN_TOKEN}}), way="serve")


def ask(gateway: Gateway, pin: Pin, token: str = ADMIN_TOKEN, **more: object) -> Answer:
    headers = [*ANTHROPIC_HEADERS[1:], *pin_headers(pin, SecretStr(token)).items()]
    return gateway.call("POST", "/v1/messages", headers, messages_body(**more))


def record(gateway: Gateway, answer: Answer) -> dict[str, object]:
    request_id = str(answer.header("x-axonhub-request-id"))

    def shown() -> str:
        return gateway.command("trace", "show", request_id, "--json").stdout

    gateway.wait_until(lambda: request_id in shown(), "the record is in the store")
    return cast("dict[str, object]", json.loads(shown()))


def test_disabled_channel_answers_a_pinned_request_and_is_converted_for(pinnable, upstreams):
    answer = ask(pinnable, Pin("test", "second", "deepseek-chat"))

    assert 200 == answer.status, answer.body
    assert "second" == answer.header("x-axonhub-channel")
    assert "deepseek-chat" == upstreams.chat.requests[0].json()["model"]
    assert upstreams.anthropic.requests == []


def test_key_and_profile_of_a_pin_apply(pinnable, upstreams):
    mapped = ask(pinnable, Pin("replay", "second", key="me"))
    plain = ask(pinnable, Pin("replay", key="me", profile="-"))

    assert ("second", "deepseek-reasoner") == (mapped.header("x-axonhub-channel"), mapped.header("x-axonhub-model"))
    assert ("first", "claude-sonnet-4-5") == (plain.header("x-axonhub-channel"), plain.header("x-axonhub-model"))


def test_record_tells_source_and_what_was_replayed(pinnable, upstreams):
    kept = record(pinnable, ask(pinnable, Pin("replay", "first", replay_of="req_of_long_ago")))

    assert ("replay", "req_of_long_ago", None) == (kept["source"], kept["replay_of"], kept["key_name"])


@pytest.mark.parametrize("token", ["", "wrong", CALLER_KEY])
def test_pin_without_the_token_reaches_no_channel_even_with_a_valid_key(pinnable, upstreams, token):
    headers = [*ANTHROPIC_HEADERS, *pin_headers(Pin("test", "first"), SecretStr(token)).items()]
    answer = pinnable.call("POST", "/v1/messages", headers, messages_body())

    assert 403 == answer.status
    assert upstreams.were_left_alone()


@pytest.mark.parametrize(
    ("pin", "status", "word"),
    [
        (Pin("test", "third"), 400, "third"),
        (Pin("test", "first", credential=7), 400, "1 credentials"),
        (Pin("test", "first", "gpt-4.1"), 404, "'first' does not serve"),
        (Pin("test", "first", key="nobody"), 400, "nobody"),
        (Pin("test", "first", key="me", profile="other"), 400, "other"),
        (Pin("test", "first", profile="deepseek"), 400, "pin-key"),
    ],
)
def test_pin_that_leads_nowhere_says_so(pinnable, upstreams, pin, status, word):
    answer = ask(pinnable, pin)

    assert status == answer.status
    assert word in str(answer.error()["message"])
    assert upstreams.were_left_alone()


def test_pin_headers_and_the_token_go_nowhere(pinnable, upstreams):
    answer = ask(pinnable, Pin("test", "first"))
    record(pinnable, answer)

    sent = upstreams.anthropic.requests[0]
    assert "x-axonhub" not in str(sent.headers).lower()
    stored = b"".join(file.read_bytes() for file in (pinnable.folder / "store").rglob("*") if file.is_file())
    assert b"x-axonhub-pin-token" not in stored.lower()
    assert ADMIN_TOKEN.encode() not in stored
    assert ADMIN_TOKEN not in pinnable.log()
