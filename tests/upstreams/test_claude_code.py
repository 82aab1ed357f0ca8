"""The subscription's upstream: it refuses what it is for, and takes what a subscription's client sends."""

import json

import pytest

from tests.upstreams.claude_code import IDENTITY, TOKEN, subscription, unified_limits
from tests.upstreams.plans import say
from tests.upstreams.rules import Refusal
from tests.upstreams.server import Reply, Request

HEADERS = {
    "authorization": f"Bearer {TOKEN}",
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "oauth-2025-04-20,claude-code-20250219",
    "content-type": "application/json",
}
BODY = {
    "model": "claude-opus-4-5",
    "max_tokens": 4096,
    "system": [{"type": "text", "text": IDENTITY}],
    "messages": [{"role": "user", "content": "hello"}],
}
TOOL = {"name": "read", "input_schema": {"type": "object"}}


def refused_by(headers: dict[str, str], body: dict[str, object], query: str = "?beta=true") -> list[str]:
    refusals: list[Refusal] = []
    request = Request(1, "POST", f"/v1/messages{query}", tuple(headers.items()), json.dumps(body).encode())
    subscription(say("fine"), refusals)(request)
    return [refusal.rule for refusal in refusals]


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"authorization": ""}, "bearer_token"),
        ({"authorization": "Bearer sk-ant-other"}, "bearer_token"),
        ({"x-api-key": TOKEN}, "token_is_no_key"),
        ({"anthropic-beta": "claude-code-20250219"}, "needed_betas"),
        ({"anthropic-beta": ""}, "needed_betas"),
    ],
)
def test_headers_that_a_subscription_is_refused_for(changed: dict[str, str], rule: str) -> None:
    assert refused_by(HEADERS | changed, BODY) == [rule]


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"system": IDENTITY}, "identity_comes_first"),
        ({"system": []}, "identity_comes_first"),
        ({"system": [{"type": "text", "text": f"{IDENTITY} And more."}]}, "identity_comes_first"),
        ({"system": [{"type": "text", "text": "Be brief."}, *BODY["system"]]}, "identity_comes_first"),  # type: ignore[misc]
        ({"betas": ["x"]}, "known_fields"),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 1024}, "tools": [TOOL], "tool_choice": {"type": "any"}},
            "thinking_goes_with_the_rest",
        ),
    ],
)
def test_bodies_that_a_subscription_is_refused_for(changed: dict[str, object], rule: str) -> None:
    assert refused_by(HEADERS, BODY | changed) == [rule]


def test_query_must_name_the_beta() -> None:
    assert refused_by(HEADERS, BODY, "") == ["beta_in_the_query"]


def test_good_request_is_answered_and_told_its_limits() -> None:
    request = Request(1, "POST", "/v1/messages?beta=true", tuple(HEADERS.items()), json.dumps(BODY).encode())

    reply = subscription(say("fine"), [], unified_limits(0.5, 0.25))(request)

    assert isinstance(reply, Reply)
    assert reply.status == 200
    assert ("anthropic-ratelimit-unified-5h-utilization", "0.5") in tuple(reply.headers)
