"""What dialects say of single models, as data."""

from typing import get_type_hints

import pytest
from pydantic import TypeAdapter

from axonhub.transformers import dialects
from axonhub.transformers.dialect import Dialect
from axonhub.transformers.hub.parts import CacheMark, Text
from axonhub.transformers.hub.requests import Reasoning, Request, Sampling, Turn
from axonhub.transformers.protocol import Unsupported
from axonhub.transformers.registry import discovered

NAMED = {name: value for name, value in vars(dialects).items() if isinstance(value, Dialect)}
MESSAGES, CHAT, RESPONSES, GENERATE = (
    discovered()[name] for name in ("anthropic/messages", "openai/chat", "openai/responses", "gemini/generate_content")
)


def written(protocol, dialect, model, **members):
    request = Request(model, (Turn("user", (Text("hi"),)),), **members)
    return protocol.write_request(request, dialect.of_model(model))


@pytest.mark.parametrize(("name", "dialect"), NAMED.items(), ids=NAMED)
def test_every_rule_sets_flags_that_exist_to_values_that_they_take(name, dialect):
    hints = get_type_hints(Dialect)

    for rule in dialect.models:
        for flag, value in rule.flags:
            TypeAdapter(hints[flag]).validate_python(value, strict=True)
        assert rule.flags


def test_a_dialect_without_rules_is_the_same_for_all_models():
    assert dialects.DEEPSEEK.of_model("deepseek-chat") is dialects.DEEPSEEK


EFFORT = Reasoning("effort", "high")
CLAUDES = {
    "claude-3-7-sonnet-20250219": "enabled",
    "claude-sonnet-4-20250514": "enabled",
    "claude-opus-4-1-20250805": "enabled",
    "claude-sonnet-4-5": "enabled",
    "claude-haiku-4-5-20251001": "enabled",
    "anthropic.claude-opus-4-5-20251101-v1:0": "enabled",
    "claude-opus-4-5@20251101": "enabled",
    "claude-opus-4-6": "adaptive",
    "claude-sonnet-4-6-20260201": "adaptive",
    "claude-opus-4-7": "adaptive",
    "claude-opus-4-10": "adaptive",
    "claude-sonnet-5": "adaptive",
    "claude-opus-5-1": "adaptive",
    "a-name-of-my-own": "adaptive",
}


@pytest.mark.parametrize(("model", "kind"), CLAUDES.items())
def test_case_136_claude_thinks_as_its_model_can(model, kind):
    body = written(MESSAGES, dialects.ANTHROPIC, model, reasoning=EFFORT, max_output_tokens=64000).body

    assert body["thinking"]["type"] == kind
    assert ("budget_tokens" in body["thinking"]) == (kind == "enabled")
    assert body.get("output_config") == (None if kind == "enabled" else {"effort": "high"})


@pytest.mark.parametrize(
    ("model", "kept"),
    [("claude-sonnet-4-5", True), ("claude-opus-4-6", True), ("claude-opus-4-7", False), ("claude-sonnet-5", False)],
)
def test_sampling_goes_where_the_model_takes_it(model, kept):
    told = written(MESSAGES, dialects.ANTHROPIC, model, sampling=Sampling(temperature=0.2))

    assert ("temperature" in told.body) == kept
    assert [loss.path for loss in told.losses] == ([] if kept else ["temperature"])


@pytest.mark.parametrize(
    ("model", "role"), [("claude-sonnet-4-5", "user"), ("claude-opus-4-6", "user"), ("claude-opus-4-7", "system")]
)
def test_case_110_a_system_message_in_the_middle_goes_as_the_model_takes_it(model, role):
    turns = tuple(Turn(who, (Text(who),)) for who in ("user", "assistant", "user", "system"))
    body = MESSAGES.write_request(Request(model, turns), dialects.ANTHROPIC.of_model(model)).body

    assert body["messages"][-1]["role"] == role
    assert "system" in str(body["messages"][-1])


OPENAI_EFFORTS = {
    "gpt-5": {"none": "minimal", "minimal": "minimal", "xhigh": "high"},
    "gpt-5-mini-2025-08-07": {"none": "minimal", "max": "high"},
    "gpt-5.1": {"none": "none", "minimal": "low", "max": "high"},
    "gpt-5.2": {"none": "none", "max": "xhigh"},
    "gpt-5.4-mini": {"none": "none", "xhigh": "xhigh"},
    "gpt-6": {"none": "none", "max": "xhigh"},
    "gpt-6.1-pro": {"high": "high"},
    "gpt-10": {"max": "xhigh"},
    "openai/gpt-6": {"max": "xhigh"},
    "gpt-5-codex": {"minimal": "low"},
    "gpt-5.1-codex-max": {"max": "xhigh"},
    "gpt-5-pro": {"low": "high"},
    "o3": {"none": "low", "max": "high"},
    "o4-mini": {"minimal": "low"},
    "gpt-4.1": {"high": None},
    "gpt-6-chat-latest": {"high": None},
    "my-gpt-6": {"high": None},
}


@pytest.mark.parametrize(
    ("model", "asked", "told"), [(model, *each) for model, all_ in OPENAI_EFFORTS.items() for each in all_.items()]
)
def test_openai_is_asked_for_an_effort_that_its_model_takes(model, asked, told):
    body = written(CHAT, dialects.OPENAI, model, reasoning=Reasoning("effort", asked)).body

    assert body.get("reasoning_effort") == told


@pytest.mark.parametrize("model", ["gpt-5", "gpt-6", "gpt-6-mini", "gpt-12.5", "o5", "openai/gpt-7"])
@pytest.mark.parametrize(("protocol", "dialect"), [(CHAT, dialects.OPENAI), (RESPONSES, dialects.RESPONSES)])
def test_case_137_sampling_is_kept_from_models_that_think_also_newer_ones(protocol, dialect, model):
    told = written(protocol, dialect, model, sampling=Sampling(temperature=0.2), max_output_tokens=100)

    assert "temperature" not in told.body
    assert [loss.path for loss in told.losses] == ["temperature"]
    assert told.body.get("max_completion_tokens", told.body.get("max_output_tokens")) == 100


GEMINIS = {
    "gemini-2.0-flash": None,
    "gemini-2.5-flash": {"thinkingBudget": 0},
    "gemini-2.5-pro": {"thinkingBudget": 128},
    "gemini-3-flash-preview": {"thinkingLevel": "MINIMAL"},
    "gemini-3-pro-preview": {"thinkingLevel": "LOW"},
    "gemini-4-flash": {"thinkingLevel": "MINIMAL"},
    "gemini-flash-latest": {"thinkingBudget": 128},
}


@pytest.mark.parametrize(("model", "config"), GEMINIS.items())
@pytest.mark.parametrize("dialect", [dialects.GEMINI, dialects.GEMINI_VERTEX])
def test_gemini_is_told_not_to_think_in_its_models_words(dialect, model, config):
    body = written(GENERATE, dialect, model, reasoning=Reasoning("off")).body

    assert body.get("generationConfig", {}).get("thinkingConfig") == config


def test_a_model_that_does_not_think_is_a_recorded_loss():
    told = written(GENERATE, dialects.GEMINI, "gemini-2.0-flash", reasoning=EFFORT)

    assert [loss.path for loss in told.losses] == ["reasoning"]


@pytest.mark.parametrize(
    ("flags", "members", "expected"),
    [
        ({"thinking_top_p": True}, {"reasoning": EFFORT, "sampling": Sampling(top_p=0.97)}, {"top_p": 0.97}),
        ({"blank_stop": True}, {"stop": ("\n", "END")}, {"stop_sequences": ["\n", "END"]}),
        ({"budgets": (1024, 2000, 3000, 4000, 5000), "adaptive_thinking": False}, {"reasoning": EFFORT}, 4000),
        (
            {"adaptive_effort": "low", "adaptive_thinking": False},
            {"reasoning": Reasoning("adaptive")},
            1024,
        ),
    ],
)
def test_what_is_not_confirmed_of_claude_is_a_flag(flags, members, expected):
    body = MESSAGES.write_request(
        Request("m", (Turn("user", (Text("hi"),)),), max_output_tokens=64000, **members),
        Dialect(signature_origin="ant", **{"adaptive_thinking": True, **flags}),
    ).body

    if isinstance(expected, int):
        assert body["thinking"]["budget_tokens"] == expected
    else:
        assert {name: body.get(name) for name in expected} == expected


def test_a_top_p_that_is_too_low_beside_thinking_is_lost_all_the_same():
    dialect = Dialect(adaptive_thinking=True, thinking_top_p=True)
    told = written(MESSAGES, dialect, "m", reasoning=EFFORT, sampling=Sampling(top_p=0.5))

    assert "top_p" not in told.body
    assert [loss.path for loss in told.losses] == ["top_p"]


def test_case_117_whether_an_assistant_may_begin_is_a_flag():
    request = Request("m", (Turn("assistant", (Text("so"),)), Turn("user", (Text("hi"),))))
    free = MESSAGES.write_request(request, Dialect(assistant_first=True))

    assert [each["role"] for each in free.body["messages"]] == ["assistant", "user"]
    assert free.losses == ()


def test_the_least_limit_of_responses_is_a_flag():
    request = Request("m", (Turn("user", (Text("hi"),)),), max_output_tokens=3)

    assert RESPONSES.write_request(request, Dialect()).body["max_output_tokens"] == 16
    assert RESPONSES.write_request(request, Dialect(least_output_tokens=1)).body["max_output_tokens"] == 3


@pytest.mark.parametrize(
    ("flags", "member"),
    [
        ({"cache_breakpoints": True}, {"prompt_cache_breakpoint": {"mode": "explicit"}}),
        ({"cache_marks": True}, {"cache_control": {"type": "ephemeral", "ttl": "1h"}}),
        ({}, {}),
    ],
)
def test_cache_marks_of_chat_are_said_as_the_channel_takes_them(flags, member):
    marked = Text("hi", cache=CacheMark("1h"))
    told = CHAT.write_request(Request("m", (Turn("user", (marked, Text("so"))),)), Dialect(**flags))

    assert told.body["messages"][0]["content"][0] == {"type": "text", "text": "hi", **member}
    assert {loss.severity for loss in told.losses} <= {"info"}
    assert bool(told.losses) == (flags != {"cache_marks": True})


@pytest.mark.parametrize("provider", [(MESSAGES, dialects.ANTHROPIC), (RESPONSES, dialects.RESPONSES)])
@pytest.mark.parametrize("uri", ["https://www.youtube.com/watch?v=x", "https://youtu.be/x"])
def test_a_film_by_address_is_no_document_to_others(provider, uri):
    body = {"contents": [{"role": "user", "parts": [{"fileData": {"fileUri": uri}}, {"text": "What is it?"}]}]}

    with pytest.raises(Unsupported, match="video"):
        provider[0].write_request(GENERATE.read_request(body, "m", False), provider[1])
    assert (
        GENERATE.write_request(GENERATE.read_request(body, "m", False), dialects.GEMINI).body["contents"]
        == (body["contents"])
    )
