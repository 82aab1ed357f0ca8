"""What a model said, as each of the four providers sends it: streams and whole bodies, written down by hand.

These are the providers' own habits, not ours: DeepSeek's reasoning field and two calls of chat whose pieces alternate,
OpenAI's summaries, Gemini's thoughts and calls in one chunk. No writer of ours has a part in them.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

type Reason = Literal["end", "tool", "length", "filter"]
type Ending = Literal["proper", "error", "cut"]

SIGNATURE = "Eggrc2lnbmF0dXJlIHRoYXQgYW50aHJvcGljIG1pbnRlZA=="
"""Of the form of Anthropic's own."""
FRESH, CACHED, OUT, THOUGHT = 1200, 300, 57, 20
ERROR = "The engine is overloaded."


@dataclass(frozen=True)
class Call:
    name: str
    arguments: str = ""
    """JSON; "" where the provider sends nothing at all for a call without arguments."""
    id: str = "call_1"

    @property
    def value(self) -> dict:
        return json.loads(self.arguments or "{}")


@dataclass(frozen=True)
class Said:
    thinking: str = ""
    text: str = ""
    calls: tuple[Call, ...] = ()
    reason: Reason = "end"
    ending: Ending = "proper"

    def halves(self, words: str) -> Iterator[str]:
        """In two pieces, as a stream brings them."""
        middle = (len(words) + 1) // 2
        return filter(None, (words[:middle], words[middle:]))


def event(name: str | None, data: object) -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


# -- Anthropic Messages

_ANTHROPIC_REASONS = {"end": "end_turn", "tool": "tool_use", "length": "max_tokens", "filter": "refusal"}
_ANTHROPIC_USAGE = {
    "input_tokens": FRESH,
    "cache_read_input_tokens": CACHED,
    "cache_creation_input_tokens": 0,
    "output_tokens": OUT,
}


def _anthropic_message(said: Said) -> dict:
    content: list[dict] = []
    if said.thinking:
        content.append({"type": "thinking", "thinking": said.thinking, "signature": SIGNATURE})
    if said.text:
        content.append({"type": "text", "text": said.text, "citations": None})
    content += [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.value} for call in said.calls]
    return {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": content,
        "stop_reason": _ANTHROPIC_REASONS[said.reason],
        "stop_sequence": None,
        "usage": _ANTHROPIC_USAGE,
    }


def _anthropic_stream(said: Said) -> Iterator[bytes]:
    empty = {"content": [], "stop_reason": None, "usage": {**_ANTHROPIC_USAGE, "output_tokens": 1}}
    yield _anthropic("message_start", message={**_anthropic_message(said), **empty})
    yield _anthropic("ping")
    for index, block in enumerate(_anthropic_message(said)["content"]):
        yield from _anthropic_block(index, block, said)
    if said.ending == "error":
        yield _anthropic("error", error={"type": "overloaded_error", "message": ERROR})
    if said.ending == "proper":
        delta = {"stop_reason": _ANTHROPIC_REASONS[said.reason], "stop_sequence": None}
        yield _anthropic("message_delta", delta=delta, usage=_ANTHROPIC_USAGE)
        yield _anthropic("message_stop")


def _anthropic(name: str, **members: object) -> bytes:
    return event(name, {"type": name, **members})


def _anthropic_block(index: int, block: dict, said: Said) -> Iterator[bytes]:
    def delta(kind: str, **members: object) -> bytes:
        return _anthropic("content_block_delta", index=index, delta={"type": kind, **members})

    match block["type"]:
        case "thinking":
            empty, deltas = (
                {"thinking": "", "signature": ""},
                [
                    *(delta("thinking_delta", thinking=piece) for piece in said.halves(block["thinking"])),
                    delta("signature_delta", signature=block["signature"]),
                ],
            )
        case "text":
            empty, deltas = {"text": ""}, [delta("text_delta", text=piece) for piece in said.halves(block["text"])]
        case _:
            arguments = next(call.arguments for call in said.calls if call.id == block["id"])
            empty, deltas = (
                {"input": {}},
                [
                    delta("input_json_delta", partial_json=""),
                    *(delta("input_json_delta", partial_json=piece) for piece in said.halves(arguments)),
                ],
            )
    yield _anthropic("content_block_start", index=index, content_block={**block, **empty})
    yield from deltas
    yield _anthropic("content_block_stop", index=index)


# -- OpenAI Chat

_CHAT_REASONS = {"end": "stop", "tool": "tool_calls", "length": "length", "filter": "content_filter"}
_CHAT_USAGE = {
    "prompt_tokens": FRESH + CACHED,
    "completion_tokens": OUT,
    "total_tokens": FRESH + CACHED + OUT,
    "prompt_tokens_details": {"cached_tokens": CACHED},
    "completion_tokens_details": {"reasoning_tokens": THOUGHT},
}
_CHAT = {"id": "chatcmpl-1", "created": 7, "model": "deepseek-x"}


def _chat_completion(said: Said) -> dict:
    message: dict = {"role": "assistant", "content": said.text or None}
    if said.thinking:
        message["reasoning_content"] = said.thinking
    if said.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in said.calls
        ]
    choice = {"index": 0, "message": message, "finish_reason": _CHAT_REASONS[said.reason], "logprobs": None}
    return {**_CHAT, "object": "chat.completion", "choices": [choice], "usage": _CHAT_USAGE}


def _chat_stream(said: Said) -> Iterator[bytes]:
    yield _chat_delta({"role": "assistant", "content": ""})
    for piece in said.halves(said.thinking):
        yield _chat_delta({"content": None, "reasoning_content": piece})
    for piece in said.halves(said.text):
        yield _chat_delta({"content": piece})
    yield from _chat_calls(said)
    if said.ending == "error":
        yield event(None, {"error": {"message": ERROR, "type": "overloaded_error", "code": None}})
    if said.ending == "proper":
        yield _chat_delta({}, _CHAT_REASONS[said.reason])
        yield event(None, {**_CHAT, "object": "chat.completion.chunk", "choices": [], "usage": _CHAT_USAGE})
        yield b"data: [DONE]\n\n"


def _chat_delta(delta: dict, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return event(None, {**_CHAT, "object": "chat.completion.chunk", "choices": [choice], "usage": None})


def _chat_calls(said: Said) -> Iterator[bytes]:
    """All calls begin, then their arguments come in turns."""
    for index, call in enumerate(said.calls):
        function = {"name": call.name, "arguments": ""}
        yield _chat_delta({"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": function}]})
    for half in range(2):
        for index, call in enumerate(said.calls):
            piece = [*said.halves(call.arguments), "", ""][half]
            if piece:
                yield _chat_delta({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})


# -- OpenAI Responses

_INCOMPLETE = {"length": "max_output_tokens", "filter": "content_filter"}
_RESPONSES_USAGE = {
    "input_tokens": FRESH + CACHED,
    "input_tokens_details": {"cached_tokens": CACHED},
    "output_tokens": OUT,
    "output_tokens_details": {"reasoning_tokens": THOUGHT},
    "total_tokens": FRESH + CACHED + OUT,
}


def _response(said: Said) -> dict:
    reason = _INCOMPLETE.get(said.reason)
    return {
        "id": "resp_01",
        "object": "response",
        "created_at": 7,
        "status": "incomplete" if reason else "completed",
        "incomplete_details": {"reason": reason} if reason else None,
        "error": None,
        "model": "gpt-x",
        "output": list(_items(said)),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": _RESPONSES_USAGE,
    }


def _items(said: Said) -> Iterator[dict]:
    if said.thinking:
        summary = [{"type": "summary_text", "text": said.thinking}]
        yield {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "sealed"}
    if said.text:
        content = [{"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}]
        yield {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}
    for number, call in enumerate(said.calls):
        yield {
            "type": "function_call",
            "id": f"fc_{number}",
            "call_id": call.id,
            "name": call.name,
            "arguments": call.arguments or "{}",
            "status": "completed",
        }


def _responses_stream(said: Said) -> Iterator[bytes]:
    for number, told in enumerate(_responses_events(said)):
        yield event(told["type"], {"sequence_number": number, **told})


def _responses_events(said: Said) -> Iterator[dict]:
    begun = {**_response(said), "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(_items(said)):
        yield from _item_events(index, item, said)
    if said.ending == "error":
        error = {"code": "server_is_overloaded", "message": ERROR}
        yield {"type": "response.failed", "response": {**begun, "status": "failed", "error": error}}
    if said.ending == "proper":
        kind = "incomplete" if said.reason in _INCOMPLETE else "completed"
        yield {"type": f"response.{kind}", "response": _response(said)}


def _item_events(index: int, item: dict, said: Said) -> Iterator[dict]:
    place = {"output_index": index, "item_id": item["id"]}
    empty = {"reasoning": {"summary": []}, "message": {"content": []}, "function_call": {"arguments": ""}}
    status = {} if item["type"] == "reasoning" else {"status": "in_progress"}
    yield {
        "type": "response.output_item.added",
        "output_index": index,
        "item": {**item, **empty[item["type"]], **status},
    }
    match item["type"]:
        case "reasoning":
            yield from _part_events("reasoning_summary", {**place, "summary_index": 0}, item["summary"][0], said)
        case "message":
            yield from _part_events("output", {**place, "content_index": 0}, item["content"][0], said)
        case _:
            for piece in said.halves(item["arguments"]):
                yield {"type": "response.function_call_arguments.delta", **place, "delta": piece}
            yield {"type": "response.function_call_arguments.done", **place, "arguments": item["arguments"]}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _part_events(prefix: str, place: dict, part: dict, said: Said) -> Iterator[dict]:
    frame = "content_part" if prefix == "output" else f"{prefix}_part"
    more = {"logprobs": []} if prefix == "output" else {}
    yield {"type": f"response.{frame}.added", **place, "part": {**part, "text": ""}}
    for piece in said.halves(part["text"]):
        yield {"type": f"response.{prefix}_text.delta", **place, "delta": piece, **more}
    yield {"type": f"response.{prefix}_text.done", **place, "text": part["text"], **more}
    yield {"type": f"response.{frame}.done", **place, "part": part}


# -- Gemini

_GEMINI_REASONS = {"end": "STOP", "tool": "STOP", "length": "MAX_TOKENS", "filter": "SAFETY"}
_GEMINI_USAGE = {
    "promptTokenCount": FRESH + CACHED,
    "cachedContentTokenCount": CACHED,
    "candidatesTokenCount": OUT - THOUGHT,
    "thoughtsTokenCount": THOUGHT,
    "totalTokenCount": FRESH + CACHED + OUT,
}
_GEMINI = {"modelVersion": "gemini-x", "responseId": "r01"}


def _gemini_parts(said: Said, whole: bool) -> Iterator[dict]:
    for piece in [said.thinking] if whole else said.halves(said.thinking):
        if piece:
            yield {"text": piece, "thought": True}
    for piece in [said.text] if whole else said.halves(said.text):
        if piece:
            yield {"text": piece}
    for number, call in enumerate(said.calls):
        function = {"name": call.name, "args": call.value, "id": call.id}
        yield {"functionCall": function} | ({"thoughtSignature": "c2lnbmVk"} if not number else {})


def _gemini_answer(said: Said) -> dict:
    content = {"role": "model", "parts": list(_gemini_parts(said, whole=True))}
    candidate = {"content": content, "finishReason": _GEMINI_REASONS[said.reason], "index": 0}
    return {"candidates": [candidate], "usageMetadata": _GEMINI_USAGE, **_GEMINI}


def _gemini_stream(said: Said) -> Iterator[bytes]:
    for part in _gemini_parts(said, whole=False):
        candidate = {"content": {"role": "model", "parts": [part]}, "index": 0}
        prompt = {"promptTokenCount": FRESH + CACHED, "totalTokenCount": FRESH + CACHED}
        yield event(None, {"candidates": [candidate], "usageMetadata": prompt, **_GEMINI}).replace(b"\n", b"\r\n")
    if said.ending == "error":
        yield json.dumps({"error": {"code": 503, "message": ERROR, "status": "UNAVAILABLE"}}).encode() + b"\r\n"
    if said.ending == "proper":
        candidate = {"content": {"role": "model", "parts": []}, "finishReason": _GEMINI_REASONS[said.reason]}
        yield event(None, {"candidates": [candidate], "usageMetadata": _GEMINI_USAGE, **_GEMINI}).replace(
            b"\n", b"\r\n"
        )


_STREAMS = {
    "anthropic/messages": _anthropic_stream,
    "openai/chat": _chat_stream,
    "openai/responses": _responses_stream,
    "gemini/generate_content": _gemini_stream,
}
_BODIES = {
    "anthropic/messages": _anthropic_message,
    "openai/chat": _chat_completion,
    "openai/responses": _response,
    "gemini/generate_content": _gemini_answer,
}
_ERRORS = {
    "anthropic/messages": (529, {"type": "error", "error": {"type": "overloaded_error", "message": ERROR}}),
    "openai/chat": (503, {"error": {"message": ERROR, "type": "server_error", "param": None, "code": "overloaded"}}),
    "openai/responses": (503, {"error": {"message": ERROR, "type": "server_error", "param": None, "code": None}}),
    "gemini/generate_content": (503, {"error": {"code": 503, "message": ERROR, "status": "UNAVAILABLE"}}),
}


def stream_of(protocol: str, said: Said) -> bytes:
    return b"".join(_STREAMS[protocol](said))


def body_of(protocol: str, said: Said) -> dict:
    """A whole answer; endings other than the proper one have none."""
    return _BODIES[protocol](said)


def error_of(protocol: str) -> tuple[int, bytes]:
    """Status and body of an overload before the answer began."""
    status, body = _ERRORS[protocol]
    return status, json.dumps(body).encode()
