"""One protocol in front, another behind; the official SDKs and providers as strict as real ones are the judges."""

import json

import anthropic
import openai
import pytest

from tests.gateway.conftest import (
    ANTHROPIC_HEADERS,
    CALLER_KEY,
    StartGateway,
    Upstreams,
    ask_anthropic,
    ask_chat,
    chat_body,
    chat_channel,
    config_of,
    messages_body,
)
from tests.gateway.process import Gateway
from tests.judges.grammar import anthropic_faults, chat_faults
from tests.judges.sdk import judge_anthropic, judge_anthropic_whole, judge_chat, judge_chat_whole
from tests.upstreams.anthropic import anthropic as anthropic_speaker
from tests.upstreams.chat import chat
from tests.upstreams.chat_rules import DEEPSEEK
from tests.upstreams.plan import Call, Conversation, Turn, Usage
from tests.upstreams.server import Cut, Request, Step, event_stream, json_reply

SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
TOOLS = [
    {"name": "read", "description": "Reads a file", "input_schema": SCHEMA},
    {"name": "stop", "input_schema": SCHEMA},
]
FUNCTIONS = [
    {"type": "function", "function": {"name": "read", "description": "Reads a file", "parameters": SCHEMA}},
    {"type": "function", "function": {"name": "stop", "parameters": SCHEMA}},
]
USAGE = Usage(fresh=901, cache_read=99, out=42)
TURNS = {
    "text": Turn(text="Just words: ünïcödé 北京 🎈.", usage=USAGE),
    "one call": Turn(text="I read.", calls=(Call("read", {"path": "a"}),), usage=USAGE),
    "only a call": Turn(calls=(Call("read", {"path": 'quo"te \\ ü'}),), usage=USAGE),
    "parallel calls": Turn(calls=tuple(Call("read", {"path": name}) for name in "abc"), usage=USAGE),
    "call without arguments": Turn(calls=(Call("stop", {}),), usage=USAGE),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", TURNS)
def test_turn_of_a_chat_provider_reaches_an_anthropic_caller(
    gateway: Gateway, upstreams: Upstreams, name: str, stream: bool
) -> None:
    turn = TURNS[name]
    upstreams.chat.script = chat(lambda conversation: turn, upstreams.refusals)

    answer = ask_anthropic(gateway, body=messages_body("gpt-4.1", stream=stream, tools=TOOLS))

    message = judge_anthropic(answer.body) if stream else judge_anthropic_whole(answer.body)
    assert upstreams.refusals == []
    assert "".join(block.text for block in message.content if block.type == "text") == turn.text
    assert [(block.name, block.input) for block in message.content if block.type == "tool_use"] == [
        (call.name, dict(call.arguments)) for call in turn.calls
    ]
    assert message.stop_reason == ("tool_use" if turn.calls else "end_turn")
    assert message.model == "gpt-4.1"
    assert message.usage.input_tokens == USAGE.fresh
    assert message.usage.cache_read_input_tokens == USAGE.cache_read
    assert message.usage.output_tokens == USAGE.out
    if stream:
        assert anthropic_faults(answer.body) == []
        assert str(answer.header("content-type")).startswith("text/event-stream")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", TURNS)
def test_turn_of_an_anthropic_provider_reaches_a_chat_caller(
    gateway: Gateway, upstreams: Upstreams, name: str, stream: bool
) -> None:
    turn = TURNS[name]
    upstreams.anthropic.script = anthropic_speaker(lambda conversation: turn, upstreams.refusals)
    more = {"stream_options": {"include_usage": True}} if stream else {}

    answer = ask_chat(gateway, body=chat_body("claude-sonnet-4-5", stream=stream, tools=FUNCTIONS, **more))

    completion = judge_chat(answer.body) if stream else judge_chat_whole(answer.body)
    message = completion.choices[0].message
    assert upstreams.refusals == []
    assert (message.content or "") == turn.text
    assert [
        (call.function.name, json.loads(call.function.arguments))
        for call in message.tool_calls or ()
        if call.type == "function"
    ] == [(call.name, dict(call.arguments)) for call in turn.calls]
    assert completion.choices[0].finish_reason == ("tool_calls" if turn.calls else "stop")
    assert completion.usage is not None
    assert completion.usage.prompt_tokens == USAGE.prompt
    assert completion.usage.completion_tokens == USAGE.out
    if stream:
        assert chat_faults(answer.body, usage_asked=True) == []


def test_thinking_of_a_vendor_is_shown_and_comes_back(start: StartGateway, upstreams: Upstreams) -> None:
    """DeepSeek refuses the second request of a tool loop without its own thinking."""
    seen: list[Conversation] = []

    def plan(conversation: Conversation) -> Turn:
        seen.append(conversation)
        if conversation.last is None:
            return Turn("I should read it.", "Reading.", (Call("read", {"path": "a"}),))
        return Turn("It is empty.", "Done.")

    upstreams.chat.script = chat(plan, upstreams.refusals, DEEPSEEK)
    gateway = start(config_of([chat_channel(upstreams.chat, type="deepseek")]))
    hello = {"role": "user", "content": "hello"}
    first = judge_anthropic(
        ask_anthropic(gateway, body=messages_body("deepseek-reasoner", messages=[hello], tools=TOOLS, stream=True)).body
    )
    content = [block.to_dict(exclude_unset=True) for block in first.content]
    used = next(block for block in first.content if block.type == "tool_use")
    result = {"type": "tool_result", "tool_use_id": used.id, "content": [{"type": "text", "text": "nothing"}]}
    history = [hello, {"role": "assistant", "content": content}, {"role": "user", "content": [result]}]

    second = judge_anthropic(
        ask_anthropic(gateway, body=messages_body("deepseek-reasoner", messages=history, tools=TOOLS, stream=True)).body
    )

    assert upstreams.refusals == []
    assert [block.type for block in first.content] == ["thinking", "text", "tool_use"]
    assert seen[-1].thoughts == ("I should read it.",)
    assert [block.type for block in second.content] == ["thinking", "text"]


CLAUDE_CODES_WAY: dict[str, object] = {
    "system": [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.197.abc; cc_entrypoint=sdk-cli;"},
        {"type": "text", "text": "You are a test.", "cache_control": {"type": "ephemeral"}},
    ],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "hello", "cache_control": {"type": "ephemeral"}}]},
        {"role": "system", "content": "Mind the gap."},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                {"type": "text", "text": "I read."},
                {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "a"}},
                {"type": "tool_use", "id": "toolu_2", "name": "read", "input": {"path": "b"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "content": [
                        {"type": "text", "text": "see"},
                        {
                            "type": "image",
                            "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
                        },
                    ],
                },
                {"type": "tool_result", "tool_use_id": "toolu_2", "content": "no such file", "is_error": True},
                {"type": "text", "text": "Go on."},
            ],
        },
    ],
    "tools": [{**TOOLS[0], "input_schema": {**SCHEMA, "$schema": "https://json-schema.org/draft/2020-12/schema"}}],
    "thinking": {"type": "adaptive"},
    "output_config": {"effort": "high"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "metadata": {"user_id": json.dumps({"device_id": "ab" * 32, "account_uuid": "", "session_id": "s" * 36})},
    "max_tokens": 64000,
}


@pytest.mark.parametrize("stream", [False, True])
def test_all_that_claude_code_sends_is_taken_by_a_chat_provider(
    gateway: Gateway, upstreams: Upstreams, stream: bool
) -> None:
    seen: list[Conversation] = []

    def plan(conversation: Conversation) -> Turn:
        seen.append(conversation)
        return Turn(text="fine")

    upstreams.chat.script = chat(plan, upstreams.refusals)

    answer = ask_anthropic(gateway, body=messages_body("gpt-4.1", stream=stream, **CLAUDE_CODES_WAY))

    assert answer.status == 200, answer.body
    assert upstreams.refusals == []
    (conversation,) = seen
    assert conversation.last is not None
    assert [result.call.arguments for result in conversation.last.results] == [{"path": "a"}, {"path": "b"}]
    assert "see" in conversation.last.results[0].text
    assert "no such file" in conversation.last.results[1].text
    assert "rror" in conversation.last.results[1].text
    assert any("Go on." in said for said in conversation.said)
    assert "You are a test." in conversation.system
    assert "billing" not in upstreams.chat.only.body.decode()
    assert "Mind the gap." in upstreams.chat.only.body.decode()
    assert "iVBORw0KGgo=" in upstreams.chat.only.body.decode()
    assert answer.header("x-axonhub-loss")


def test_same_conversation_gives_the_same_bytes(gateway: Gateway, upstreams: Upstreams) -> None:
    """Providers cache by prefix."""
    for _ in range(2):
        ask_anthropic(gateway, body=messages_body("gpt-4.1", **CLAUDE_CODES_WAY))

    first, second = upstreams.chat.requests
    assert first.body == second.body


def test_tokens_are_counted_for_a_provider_that_cannot(gateway: Gateway, upstreams: Upstreams) -> None:
    words = "the quick brown fox jumps over the lazy dog " * 100
    body = json.dumps({"model": "gpt-4.1", "messages": [{"role": "user", "content": words}]}).encode()

    answer = gateway.call("POST", "/anthropic/v1/messages/count_tokens?beta=true", ANTHROPIC_HEADERS, body)

    counted = answer.json()
    assert isinstance(counted, dict)
    assert list(counted) == ["input_tokens"]
    assert 700 <= counted["input_tokens"] <= 1300
    assert upstreams.chat.requests == []


def test_tokens_are_counted_by_the_provider_that_can(gateway: Gateway, upstreams: Upstreams) -> None:
    body = b'{"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "hi"}]}'

    answer = gateway.call("POST", "/anthropic/v1/messages/count_tokens?beta=true", ANTHROPIC_HEADERS, body)

    assert upstreams.anthropic.only.target == "/v1/messages/count_tokens?beta=true"
    assert upstreams.anthropic.only.body == body
    assert answer.json() == {"input_tokens": len(body) // 4}


def test_error_of_a_chat_provider_comes_in_anthropics_envelope(gateway: Gateway, upstreams: Upstreams) -> None:
    error = {"message": "the prompt is odd", "type": "invalid_request_error", "param": None, "code": None}
    upstreams.chat.script = lambda request: json_reply(400, {"error": error})

    answer = ask_anthropic(gateway, body=messages_body("gpt-4.1", stream=True))

    assert answer.status == 400
    assert answer.error() == {"type": "invalid_request_error", "message": "the prompt is odd"}


def test_error_of_an_anthropic_provider_comes_in_openais_envelope(gateway: Gateway, upstreams: Upstreams) -> None:
    error = {"type": "invalid_request_error", "message": "the prompt is odd"}
    upstreams.anthropic.script = lambda request: json_reply(400, {"type": "error", "error": error})

    answer = ask_chat(gateway, body=chat_body("claude-sonnet-4-5"))

    assert answer.status == 400
    assert answer.error()["message"] == "the prompt is odd"
    assert {"message", "type", "param", "code"} <= set(answer.error())


def cut_after(script: object, events: int, ending: list[Step]) -> object:
    def cut(request: Request) -> object:
        reply = script(request)  # type: ignore[operator]
        steps = list(reply.body)
        return event_stream([*steps[:events], *ending])

    return cut


@pytest.mark.parametrize("reset", [False, True])
def test_stream_that_is_cut_ends_with_an_error_not_as_if_well(
    gateway: Gateway, upstreams: Upstreams, reset: bool
) -> None:
    whole = chat(lambda conversation: Turn(text="Never to be said to the end."), upstreams.refusals)
    upstreams.chat.script = cut_after(whole, 3, [Cut(reset)])  # type: ignore[assignment]

    answer = ask_anthropic(gateway, body=messages_body("gpt-4.1", stream=True))

    assert anthropic_faults(answer.body) == []
    assert b"message_stop" not in answer.body
    with pytest.raises(anthropic.APIError):
        judge_anthropic(answer.body)


def test_anthropic_stream_that_is_cut_ends_with_an_error_for_a_chat_caller(
    gateway: Gateway, upstreams: Upstreams
) -> None:
    whole = anthropic_speaker(lambda conversation: Turn(text="Never to be said to the end."), upstreams.refusals)
    upstreams.anthropic.script = cut_after(whole, 5, [Cut()])  # type: ignore[assignment]

    answer = ask_chat(gateway, body=chat_body("claude-sonnet-4-5", stream=True))

    assert chat_faults(answer.body, usage_asked=False) == []
    with pytest.raises(openai.APIError):
        judge_chat(answer.body)


def test_official_sdks_work_against_the_gateway(gateway: Gateway, upstreams: Upstreams) -> None:
    """As users set them up: a base URL and a key."""
    claude = anthropic.Anthropic(api_key=CALLER_KEY, base_url=f"{gateway.url}/anthropic", max_retries=0)
    gpt = openai.OpenAI(api_key=CALLER_KEY, base_url=f"{gateway.url}/v1", max_retries=0)
    with claude, gpt:
        with claude.messages.stream(
            model="gpt-4.1", max_tokens=64, messages=[{"role": "user", "content": "hi"}]
        ) as first:
            said_by_chat = first.get_final_text()
        with gpt.chat.completions.stream(
            model="claude-sonnet-4-5", messages=[{"role": "user", "content": "hi"}]
        ) as second:
            said_by_anthropic = second.get_final_completion().choices[0].message.content
        models = {model.id for model in claude.models.list()} | {model.id for model in gpt.models.list()}

    assert said_by_chat == "Said by Chat."
    assert said_by_anthropic == "Said by Anthropic."
    assert {"gpt-4.1", "claude-sonnet-4-5"} <= models
    assert upstreams.refusals == []
