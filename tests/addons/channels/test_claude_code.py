"""The subscription gets what it needs, and Claude Code's own requests pass as they are."""

import orjson
import pytest

from axonhub.addons.channels.claude_code import IDENTITY, adapt
from axonhub.addons.channels.kinds import Outgoing
from axonhub.addons.config import Channel

CHANNEL = Channel(name="c", type="claude-code")
URL = "https://api.anthropic.com/v1/messages"


def sent(document: dict, headers: dict[str, str] | None = None, query: str = "") -> Outgoing:
    url = f"{URL}?{query}" if query else URL
    return adapt(Outgoing(url, headers or {}, orjson.dumps(document), "m"), CHANNEL)


def test_case_175_identity_comes_first_and_the_callers_system_follows():
    adapted = sent({"model": "m", "system": "Be brief.", "messages": []})

    assert [
        {"type": "text", "text": IDENTITY},
        {"type": "text", "text": "Be brief."},
    ] == orjson.loads(adapted.body)["system"]


@pytest.mark.parametrize(
    "system",
    [
        [{"type": "text", "text": IDENTITY}],
        [{"type": "text", "text": "x-anthropic-billing-header: x"}, {"type": "text", "text": IDENTITY}],
    ],
)
def test_case_175_claude_codes_own_bytes_pass(system: list):
    body = b'{"thinking": {"type":"enabled"}, "tool_choice":{"type":"any"},  "system": ' + orjson.dumps(system) + b"}"

    assert body == adapt(Outgoing(URL, {}, body, "m"), CHANNEL).body


def test_needed_betas_join_the_clients_own_without_repeating():
    adapted = sent({"betas": ["x-1", "y-2"]}, {"anthropic-beta": "y-2, oauth-2025-04-20"})

    assert "y-2,oauth-2025-04-20,x-1,claude-code-20250219" == adapted.headers["anthropic-beta"]
    assert "betas" not in orjson.loads(adapted.body)


@pytest.mark.parametrize("system", [None, "Do.", [{"type": "text", "text": "You are a Claude agent."}]])
def test_claude_codes_own_bytes_pass_in_every_mode(system: object):
    """Its quota check has no system prompt, its headless mode another identity."""
    body = b'{"max_tokens": 1,  "system": ' + orjson.dumps(system) + b"}"

    assert body == adapt(Outgoing(URL, {"user-agent": "claude-cli/2.1.197 (external, cli)"}, body, "m"), CHANNEL).body


def test_identity_behind_another_block_is_put_in_front():
    """The API looks at the first block that is no billing block."""
    identity = {"type": "text", "text": IDENTITY}
    adapted = sent({"system": [{"type": "text", "text": "Be brief."}, identity]})

    assert [identity, {"type": "text", "text": "Be brief."}] == orjson.loads(adapted.body)["system"]


def test_identity_as_a_mere_string_becomes_a_block():
    assert [{"type": "text", "text": IDENTITY}] == orjson.loads(sent({"system": IDENTITY}).body)["system"]


@pytest.mark.parametrize(
    ("query", "expected"), [("", "beta=true"), ("a=b", "a=b&beta=true"), ("beta=true", "beta=true")]
)
def test_beta_is_in_the_query_once(query: str, expected: str):
    assert f"{URL}?{expected}" == sent({}, query=query).url


def test_thinking_is_off_when_a_tool_is_forced():
    adapted = sent({"thinking": {"type": "enabled"}, "tool_choice": {"type": "tool", "name": "t"}})

    assert "thinking" not in orjson.loads(adapted.body)


def test_thinking_stays_when_no_tool_is_forced():
    adapted = sent({"thinking": {"type": "enabled"}, "tool_choice": {"type": "auto"}})

    assert "thinking" in orjson.loads(adapted.body)
