"""The judges pass what real providers say and catch what breaks real readers."""

import json

import anthropic
import openai
import pytest

from tests.judges.grammar import anthropic_faults, chat_faults
from tests.judges.sdk import judge_anthropic, judge_anthropic_whole, judge_chat, judge_chat_whole
from tests.upstreams import anthropic as anthropic_wire, chat as chat_wire
from tests.upstreams.chat_rules import DEEPSEEK
from tests.upstreams.plan import Call, Turn
from tests.upstreams.server import Reply, Request

EVERYTHING = Turn("I think so.", "Here it comes.", (Call("read", {"path": "ä"}), Call("stop", {})))
HELLO = {"role": "user", "content": "hello"}


def said(reply: object) -> bytes:
    assert isinstance(reply, Reply)
    if isinstance(reply.body, bytes):
        return reply.body
    return b"".join(piece for piece in reply.body if isinstance(piece, bytes))


def anthropic_answer(turn: Turn, *, stream: bool = True) -> bytes:
    headers = (("x-api-key", "k"), ("anthropic-version", "2023-06-01"), ("content-type", "application/json"))
    body = {"model": "claude-sonnet-4-5", "max_tokens": 5, "messages": [HELLO], "stream": stream}
    script = anthropic_wire.anthropic(lambda conversation: turn, [])
    return said(script(Request(1, "POST", "/v1/messages", headers, json.dumps(body).encode())))


def chat_answer(turn: Turn, *, stream: bool = True, **more: object) -> bytes:
    headers = (("authorization", "Bearer k"), ("content-type", "application/json"))
    body = {"model": "deepseek-reasoner", "messages": [HELLO], "stream": stream, **more}
    script = chat_wire.chat(lambda conversation: turn, [], DEEPSEEK)
    return said(script(Request(1, "POST", "/v1/chat/completions", headers, json.dumps(body).encode())))


def test_anthropic_stream_of_everything_is_read() -> None:
    stream = anthropic_answer(EVERYTHING)

    message = judge_anthropic(stream)

    assert [block.type for block in message.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert [block.input for block in message.content if block.type == "tool_use"] == [{"path": "ä"}, {}]
    assert message.stop_reason == "tool_use"
    assert message.usage.output_tokens == EVERYTHING.usage.out
    assert anthropic_faults(stream) == []


def test_anthropic_whole_answer_is_read() -> None:
    message = judge_anthropic_whole(anthropic_answer(EVERYTHING, stream=False))

    assert [block.type for block in message.content] == ["thinking", "text", "tool_use", "tool_use"]


def test_chat_stream_of_everything_is_read() -> None:
    stream = chat_answer(EVERYTHING, stream_options={"include_usage": True})

    completion = judge_chat(stream)

    message = completion.choices[0].message
    assert message.content == "Here it comes."
    assert [(call.function.name, call.function.arguments) for call in message.tool_calls or ()] == [
        ("read", '{"path": "ä"}'),
        ("stop", "{}"),
    ]
    assert completion.usage is not None
    assert completion.usage.prompt_tokens == EVERYTHING.usage.prompt
    assert chat_faults(stream, usage_asked=True) == []
    assert chat_faults(chat_answer(EVERYTHING), usage_asked=False) == []


def test_chat_whole_answer_is_read() -> None:
    completion = judge_chat_whole(chat_answer(EVERYTHING, stream=False))

    assert completion.choices[0].finish_reason == "tool_calls"


BROKEN_ANTHROPIC = {
    "index does not begin at 0": ('"index": 0', '"index": 1'),
    "text block without its text": ('{"type": "text", "text": ""}', '{"type": "text"}'),
    "no usage at the start": ('"output_tokens": 1}', '"output_tokens": null}'),
    "thinking in a text block": ('"type": "text_delta", "text"', '"type": "thinking_delta", "thinking"'),
    "unnamed event": ("event: content_block_delta\n", ""),
    "terminator of another protocol": ("event: message_stop", "data: [DONE]\n\nevent: message_stop"),
    "delta without a stop reason": ('"stop_reason": "tool_use"', '"stop_reason": null'),
    "block that never stops": ("event: content_block_stop", ": content_block_stop"),
    "second start": (
        "event: ping\n",
        'event: message_start\ndata: {"type": "message_start", "message": {}}\n\nevent: ping\n',
    ),
    "no end": ("event: message_stop\n", "event: ping\n"),
}


@pytest.mark.parametrize("name", BROKEN_ANTHROPIC)
def test_broken_anthropic_stream_has_faults(name: str) -> None:
    good, bad = BROKEN_ANTHROPIC[name]
    stream = anthropic_answer(EVERYTHING)
    assert good.encode() in stream

    assert anthropic_faults(stream.replace(good.encode(), bad.encode())) != []


BROKEN_CHAT = {
    "role in every delta": ('"delta": {"content"', '"delta": {"role": "assistant", "content"'),
    "call that begins at index 1": ('"index": 0, "id"', '"index": 1, "id"'),
    "name again": ('"function": {"arguments"', '"function": {"name": "read", "arguments"'),
    "null in place of the name": ('"function": {"arguments"', '"function": {"name": null, "arguments"'),
    "no object": ('"object": "chat.completion.chunk"', '"object": ""'),
    "no choices": ('"choices": [], ', ""),
    "no end": ("data: [DONE]\n\n", ""),
    "named event": ("data: [DONE]", "event: done\ndata: [DONE]"),
    "no finish": ('"finish_reason": "tool_calls"', '"finish_reason": null'),
    "wrong finish": ('"finish_reason": "tool_calls"', '"finish_reason": "stop"'),
}


@pytest.mark.parametrize("name", BROKEN_CHAT)
def test_broken_chat_stream_has_faults(name: str) -> None:
    good, bad = BROKEN_CHAT[name]
    stream = chat_answer(EVERYTHING, stream_options={"include_usage": True})
    assert good.encode() in stream

    assert chat_faults(stream.replace(good.encode(), bad.encode()), usage_asked=True) != []


def test_error_in_mid_stream_is_raised() -> None:
    error = b'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}\n\n'
    stream = anthropic_answer(EVERYTHING).partition(b"event: content_block_stop")[0] + error

    assert anthropic_faults(stream) == []
    with pytest.raises(anthropic.APIStatusError):
        judge_anthropic(stream)


def test_chat_error_in_mid_stream_is_raised() -> None:
    error = (
        b'data: {"error": {"message": "busy", "type": "server_error", "code": null, "param": null}}\n\ndata: [DONE]\n\n'
    )
    stream = chat_answer(EVERYTHING).partition(b'data: {"id"')[0] + error

    assert chat_faults(stream, usage_asked=False) == []
    with pytest.raises(openai.APIError):
        judge_chat(stream)
