"""Checkers of event order that are stricter than any reader: they list every departure from the provider's own streams.

Sources: Anthropic's streaming reference (2026-10), OpenAI's reference of chunks (2026-10).
"""

import json
from collections.abc import Iterator

type Event = tuple[str | None, str]
"""Name and data."""


def server_sent_events(stream: bytes) -> list[Event]:
    """Read the plain way; comments are left out. Nothing but LF or CRLF line ends, and no BOM, is expected."""
    found = []
    for block in stream.decode().replace("\r\n", "\n").split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        name = next((line[6:].strip() for line in lines if line.startswith("event:")), None)
        data = "\n".join(line[5:].removeprefix(" ") for line in lines if line.startswith("data:"))
        if lines:
            found.append((name, data))
    return found


def anthropic_faults(stream: bytes) -> list[str]:
    """Every departure from the event grammar; none for a good stream, be it ended by message_stop or by an error."""
    return list(AnthropicGrammar().faults(server_sent_events(stream)))


EMPTY_FIELDS = {
    "text": {"text": ""},
    "thinking": {"thinking": "", "signature": ""},
    "tool_use": {"input": {}},
    "redacted_thinking": {},
}
DELTAS = {
    "text": {"text_delta", "citations_delta"},
    "thinking": {"thinking_delta", "signature_delta"},
    "tool_use": {"input_json_delta"},
    "redacted_thinking": set[str](),
}


class AnthropicGrammar:
    """One pass over one stream."""

    def __init__(self) -> None:
        self.started = False
        self.ended = False
        self.closing = False
        """message_delta was seen: only message_stop may follow."""
        self.blocks = 0
        self.open: str | None = None
        """Type of the block that is open."""
        self.arguments = ""

    def faults(self, events: list[Event]) -> Iterator[str]:
        for name, data in events:
            try:
                event = json.loads(data)
            except ValueError:
                yield f"data is not JSON: {data[:80]!r}"
                continue
            kind = event.get("type")
            if name != kind:
                yield f"event: {name!r} carries type {kind!r}"
            if self.ended:
                yield f"{kind} after the end"
            yield from self.one(str(kind), event)
        if not self.ended:
            yield "neither message_stop nor error at the end"

    def one(self, kind: str, event: dict[str, object]) -> Iterator[str]:
        if kind == "ping":
            return
        if kind == "error":
            self.ended = True
            yield from () if error_is_whole(event) else [f"error without type and message: {event}"]
            return
        if kind != "message_start" and not self.started:
            yield f"{kind} before message_start"
        if self.closing and kind != "message_stop":
            yield f"{kind} after message_delta"
        match kind:
            case "message_start":
                yield from self.message_start(event)
            case "content_block_start":
                yield from self.block_start(event)
            case "content_block_delta":
                yield from self.block_delta(event)
            case "content_block_stop":
                yield from self.block_stop(event)
            case "message_delta":
                yield from self.message_delta(event)
            case "message_stop":
                self.ended = True
                if not self.closing:
                    yield "message_stop without message_delta"
            case _:
                yield f"unknown event {kind!r}"

    def message_start(self, event: dict[str, object]) -> Iterator[str]:
        if self.started:
            yield "second message_start"
        self.started = True
        message = event.get("message")
        if not isinstance(message, dict):
            yield "message_start without a message"
            return
        expected = {"type": "message", "role": "assistant", "content": [], "stop_reason": None, "stop_sequence": None}
        for field, value in expected.items():
            if field not in message or message[field] != value:
                yield f"message_start: {field} is {message.get(field)!r}, not {value!r}"
        if not str(message.get("id", "")).startswith("msg_") or not message.get("model"):
            yield f"message_start: id {message.get('id')!r}, model {message.get('model')!r}"
        yield from usage_faults(message.get("usage"), ("input_tokens", "output_tokens"), "message_start")

    def block_start(self, event: dict[str, object]) -> Iterator[str]:
        block = event.get("content_block")
        if self.open is not None:
            yield f"a block starts within an open {self.open} block"
        if event.get("index") != self.blocks:
            yield f"block {self.blocks} starts with index {event.get('index')!r}"
        if not isinstance(block, dict) or block.get("type") not in EMPTY_FIELDS:
            yield f"unknown content block {block!r}"
            return
        self.open, self.arguments = block["type"], ""
        for field, value in EMPTY_FIELDS[block["type"]].items():
            if field not in block or block[field] != value:
                yield f"{self.open} starts with {field}={block.get(field)!r}"
        if self.open == "tool_use" and not (block.get("id") and block.get("name")):
            yield f"tool_use starts without id and name: {block}"

    def block_delta(self, event: dict[str, object]) -> Iterator[str]:
        delta = event.get("delta")
        kind = delta.get("type") if isinstance(delta, dict) else None
        if self.open is None or event.get("index") != self.blocks:
            yield f"delta of block {event.get('index')!r}, which is not open"
        elif kind not in DELTAS[self.open]:
            yield f"{kind} in a {self.open} block"
        if isinstance(delta, dict) and kind == "input_json_delta":
            self.arguments += delta["partial_json"]
        if isinstance(delta, dict) and kind in ("text_delta", "thinking_delta") and "" in delta.values():
            yield f"empty {kind}"

    def block_stop(self, event: dict[str, object]) -> Iterator[str]:
        if self.open is None or event.get("index") != self.blocks:
            yield f"stop of block {event.get('index')!r}, which is not open"
        if self.arguments and not is_json(self.arguments):
            yield f"arguments are not JSON: {self.arguments[:80]!r}"
        self.open = None
        self.blocks += 1

    def message_delta(self, event: dict[str, object]) -> Iterator[str]:
        self.closing = True
        delta = event.get("delta")
        if self.open is not None:
            yield f"message_delta within an open {self.open} block"
        if not isinstance(delta, dict) or not delta.get("stop_reason") or "stop_sequence" not in delta:
            yield f"message_delta without stop_reason and stop_sequence: {delta}"
        yield from usage_faults(event.get("usage"), ("output_tokens",), "message_delta")


def error_is_whole(event: dict[str, object]) -> bool:
    error = event.get("error")
    return isinstance(error, dict) and bool(error.get("type")) and isinstance(error.get("message"), str)


def usage_faults(usage: object, wanted: tuple[str, ...], place: str) -> Iterator[str]:
    for field in wanted:
        count = usage.get(field) if isinstance(usage, dict) else None
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            yield f"{place}: usage.{field} is {count!r}"


def is_json(data: str) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


def chat_faults(stream: bytes, *, usage_asked: bool) -> list[str]:
    """Every departure from the order and shape of chunks; none for a good stream, be it ended well or by an error."""
    return list(chat_stream_faults(server_sent_events(stream), usage_asked=usage_asked))


def chat_stream_faults(events: list[Event], *, usage_asked: bool) -> Iterator[str]:
    if any(name is not None for name, _ in events):
        yield "an event has a name"
    if not events or events[-1][1] != "[DONE]":
        yield "[DONE] is not the last event"
    chunks = [json.loads(data) for _, data in events if data != "[DONE]"]
    if chunks and "error" in chunks[-1]:
        error = chunks.pop()["error"]
        if not {"message", "type", "code", "param"} <= set(error):
            yield f"error without its four fields: {error}"
    else:
        yield from chat_ending_faults(chunks, usage_asked=usage_asked)
    yield from chat_chunk_faults(chunks)
    yield from chat_call_faults(chunks)


def chat_chunk_faults(chunks: list[dict[str, object]]) -> Iterator[str]:
    """What each chunk has for itself, and the role."""
    for field in ("id", "created", "model", "object"):
        values = {repr(chunk.get(field)) for chunk in chunks}
        if len(values) > 1 or "None" in values:
            yield f"{field} is not the same in all chunks: {values}"
    if any(chunk.get("object") != "chat.completion.chunk" for chunk in chunks):
        yield "object is not chat.completion.chunk"
    if any(not isinstance(chunk.get("choices"), list) for chunk in chunks):
        yield "a chunk without choices"
    roles = [at for at, delta in enumerate(chat_deltas(chunks)) if "role" in delta]
    if chunks and roles != [0]:
        yield f"role stands in the deltas {roles}, not just in the first"


def chat_ending_faults(chunks: list[dict[str, object]], *, usage_asked: bool) -> Iterator[str]:
    reasons = [choice.get("finish_reason") for choice in chat_choices(chunks)]
    if [reason for reason in reasons if reason is not None] != reasons[-1:]:
        yield f"finish_reason is not in the last choice and only there: {reasons}"
    with_usage = [at for at, chunk in enumerate(chunks) if chunk.get("usage") is not None]
    without_choices = [at for at, chunk in enumerate(chunks) if chunk.get("choices") == []]
    expected = [len(chunks) - 1] if usage_asked else []
    if with_usage != expected or without_choices != expected:
        yield f"usage in chunks {with_usage}, no choices in {without_choices}, expected of {expected}"
    for at in with_usage:
        yield from usage_faults(chunks[at]["usage"], ("prompt_tokens", "completion_tokens", "total_tokens"), "usage")


def chat_call_faults(chunks: list[dict[str, object]]) -> Iterator[str]:
    """Calls: indexes dense in order of appearance, id, name and type once and first, arguments JSON in the end."""
    arguments: dict[int, str] = {}
    for delta in chat_deltas(chunks):
        for call in delta.get("tool_calls") or ():
            index, function = call.get("index"), call.get("function", {})
            if index not in arguments:
                if index != len(arguments):
                    yield f"call {len(arguments)} comes with index {index!r}"
                if not (call.get("id") and call.get("type") == "function" and function.get("name")):
                    yield f"first delta of call {index}: {call}"
            elif {"id", "type"} & set(call) or "name" in function:
                yield f"id, type or name again in call {index}: {call}"
            if not isinstance(function.get("arguments"), str):
                yield f"call {index} without arguments: {call}"
            arguments[index] = arguments.get(index, "") + (function.get("arguments") or "")
    finished = any(choice.get("finish_reason") == "tool_calls" for choice in chat_choices(chunks))
    if finished:
        yield from (
            f"arguments of call {index} are not JSON: {data[:80]!r}"
            for index, data in arguments.items()
            if not is_json(data)
        )
    if finished != bool(arguments) and any(choice.get("finish_reason") == "stop" for choice in chat_choices(chunks)):
        yield "calls, but finish_reason is stop"


def chat_choices(chunks: list[dict[str, object]]) -> list[dict[str, object]]:
    return [choice for chunk in chunks for choice in chunk.get("choices") or ()]  # type: ignore[attr-defined]


def chat_deltas(chunks: list[dict[str, object]]) -> list[dict[str, object]]:
    return [choice.get("delta") or {} for choice in chat_choices(chunks)]
