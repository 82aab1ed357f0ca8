"""Where a trace id comes from: every form that a client uses, and nothing from garbage (requirements E1, E2)."""

import pytest

from axonhub.addons.config import Trace
from axonhub.addons.trace_ids import session_of_user_id, session_told, trace_ids

SESSION = "0f6c2b1e-8a4e-4b7d-9d57-0d5e6a6f2c11"
DEVICE = "a" * 64
CLAUDE = Trace(claude_code_trace_enabled=True)


@pytest.mark.parametrize(
    "user_id",
    [
        f'{{"device_id":"{DEVICE}","account_uuid":"","session_id":"{SESSION}"}}',
        f"user_{DEVICE}_account__session_{SESSION}",
        f"user_{DEVICE}_account_1b2c3d4e-0000-4000-8000-000000000000_session_{SESSION}",
        f"  user_{DEVICE}_account__session_{SESSION}\n",
    ],
)
def test_every_form_of_user_id_tells_the_session(user_id: str):
    assert SESSION == session_of_user_id(user_id)


@pytest.mark.parametrize(
    "user_id",
    [None, 7, "", "somebody", "{", '{"session_id": 5}', "[]", "user_zz_account__session_x", '{"device_id":"x"}'],
)
def test_anything_else_tells_none(user_id: object):
    assert "" == session_of_user_id(user_id)


def test_claude_codes_header_needs_no_body():
    found = trace_ids(CLAUDE, {"x-claude-code-session-id": SESSION, "x-claude-code-agent-id": "abc"}, {})

    assert (SESSION, "abc", "claude-code") == (found.trace_id, found.agent_id, found.source)


@pytest.mark.parametrize("name", ["x-claude-code-session-id", "session_id"])
def test_a_session_is_told_whatever_makes_a_trace(name: str):
    assert SESSION == session_told({name: SESSION})
    assert "" == session_told({"user-agent": SESSION})


def test_claude_codes_session_is_not_read_unless_enabled():
    assert "" == trace_ids(Trace(), {"x-claude-code-session-id": SESSION}, {}).trace_id


def test_an_explicit_header_wins_over_the_session():
    found = trace_ids(CLAUDE, {"ah-trace-id": "mine", "x-claude-code-session-id": SESSION}, {})

    assert ("mine", "AH-Trace-Id") == (found.trace_id, found.source)


def test_first_non_empty_extra_header_wins():
    config = Trace(extra_trace_headers=("X-One", "X-Two", "X-Three"))

    assert "b" == trace_ids(config, {"x-one": " ", "x-two": "b", "x-three": "c"}, {}).trace_id


@pytest.mark.parametrize(
    ("headers", "document"),
    [({"session-id": SESSION}, {}), ({"session_id": SESSION}, {}), ({}, {"client_metadata": {"session_id": SESSION}})],
)
def test_codex_tells_its_session(headers: dict[str, str], document: dict):
    found = trace_ids(Trace(), headers, document)

    assert (SESSION, "codex") == (found.trace_id, found.source)


def test_body_fields_are_the_last_resort():
    config = Trace(extra_trace_body_fields=("a.b", "metadata.run"))

    assert "r7" == trace_ids(config, {}, {"a": {"b": 5}, "metadata": {"run": "r7"}}).trace_id


def test_same_first_message_is_one_trace_when_asked_for():
    config = Trace(fallback="first-message")
    one = trace_ids(config, {}, {"messages": [{"role": "user", "content": "hi"}]})
    longer = trace_ids(config, {}, {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant"}]})
    other = trace_ids(config, {}, {"messages": [{"role": "user", "content": "ho"}]})

    assert one.trace_id.startswith("msg-")
    assert one == longer
    assert one.trace_id != other.trace_id


def test_an_id_that_is_no_id_is_none():
    assert "" == trace_ids(CLAUDE, {"ah-trace-id": "x" * 300}, {}).trace_id
    assert "" == trace_ids(CLAUDE, {"ah-trace-id": "a\x07b"}, {}).trace_id


def test_thread_header_is_kept_beside_the_trace():
    found = trace_ids(CLAUDE, {"ah-thread-id": "t1", "ah-trace-id": "r1"}, {})

    assert ("t1", "r1") == (found.thread_id, found.trace_id)
