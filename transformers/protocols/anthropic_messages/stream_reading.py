"""A provider's stream → hub events; and the skim of a stream that passes untouched."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

import orjson

from axonhub.transformers.fields import as_mapping, as_text
from axonhub.transformers.hub.events import AnnotationTold, End, Event, Failed, Ping, Start, Stop, UsageTold
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.ledger import Ledger
from axonhub.transformers.hub.parts import Signature, Text, Thinking, ToolCall
from axonhub.transformers.hub.responses import StopReason
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import Undo, Unreadable
from axonhub.transformers.protocols.anthropic_messages.block_reading import Reading, argument_text, read_block
from axonhub.transformers.protocols.anthropic_messages.failures import read_error
from axonhub.transformers.protocols.anthropic_messages.stopping import read_stop
from axonhub.transformers.protocols.anthropic_messages.usage import read_delta_usage, read_usage
from axonhub.transformers.sse import SseEvent
from axonhub.transformers.tool_names import freeform_input

_CUT: Final = Failure(FailureKind.SERVER, "The provider's stream ended before its answer was complete.")


@dataclass(slots=True)
class _Block:
    """An open block of the wire."""

    kind: str
    start: JsonObject
    passes: bool = True
    """Its pieces go on as they come; else they are held until the block ends."""
    freeform: bool = False
    given: str = ""
    """Arguments that stood in a call's start, for when no pieces follow."""
    pieces: list[str] = field(default_factory=list)


class Reader:
    """One a stream; not thread-safe."""

    def __init__(self, origin: str, undo: Undo, omits_terminator: bool) -> None:
        self._origin, self._undo, self._omits_terminator = origin, undo, omits_terminator
        self._ledger = Ledger()
        self._blocks: dict[int, _Block] = {}
        self._started = self._stopped = self._over = False
        self._complete = False
        """The terminator has come."""

    def read(self, event: SseEvent) -> Iterable[Event]:
        if self._over:
            return []
        body = _parsed(event.data)
        kind = as_text(body.get("type")) or event.name
        if failure := _told_failure(kind, body):
            self._over = True
            return [Failed(failure)]
        read = _READ.get(kind)
        events = read(self, body) if read else []
        if not events or self._started:
            return events
        self._started = True
        return events if isinstance(events[0], Start) else [Start(), *events]

    def finish(self) -> Iterable[Event]:
        if self._over:
            return []
        self._over = True
        if not (self._complete or self._stopped or (self._omits_terminator and self._all_told())):
            return [Failed(_CUT)]
        stop = [] if self._stopped else [Stop(StopReason.TOOL if self._ledger.saw_tool_call else StopReason.END)]
        start = [] if self._started else [Start()]
        return [*start, *self._ledger.end_all(), *stop, End()]

    def _all_told(self) -> bool:
        """Something came, and no block is half told."""
        return self._started and not self._blocks

    def _message_start(self, body: JsonObject) -> list[Event]:
        if self._started:
            return []
        message = as_mapping(body.get("message"))
        return [Start(as_text(message.get("id")), as_text(message.get("model")), read_usage(message.get("usage")))]

    def _block_start(self, body: JsonObject) -> list[Event]:
        index, start = _index(body), as_mapping(body.get("content_block"))
        if self._stopped:
            return []  # late content
        if index in self._blocks:
            raise Unreadable(f"block {index} begins twice", "content_block_start")
        block = self._blocks[index] = _Block(as_text(start.get("type")) or "", start)
        match block.kind:
            case "text":
                return self._ledger.start(index, Text("")) + self._words(index, start, "text")
            case "thinking":
                words = self._ledger.start(index, Thinking()) + self._words(index, start, "thinking")
                return words + self._signed(index, start)
            case "tool_use":
                return self._call_start(index, block)
            case _:
                block.passes = False
                return []

    def _call_start(self, index: int, block: _Block) -> list[Event]:
        reference = self._undo.reference(as_text(block.start.get("name")) or f"tool_{index}")
        if given := block.start.get("input"):
            block.given = argument_text(given)
        call_id = as_text(block.start.get("id")) or ""
        if reference.kind != "freeform":
            return self._ledger.start(index, ToolCall(call_id, reference.name, "", namespace=reference.namespace))
        block.passes, block.freeform = False, True
        return self._ledger.start(index, ToolCall(call_id, reference.name, "", "freeform", reference.namespace))

    def _words(self, index: int, source: JsonObject, key: str) -> list[Event]:
        words = source.get(key)
        return self._ledger.text(index, words, Text("")) if isinstance(words, str) else []

    def _signed(self, index: int, source: JsonObject) -> list[Event]:
        signature = as_text(source.get("signature"))
        return self._ledger.signature(index, Signature(signature, self._origin)) if signature else []

    def _block_delta(self, body: JsonObject) -> list[Event]:
        index, delta = _index(body), as_mapping(body.get("delta"))
        block = self._blocks.get(index)
        if block is None and self._stopped:
            return []  # late content
        if block is None:
            raise Unreadable(f"block {index} has not begun", "content_block_delta")
        match delta.get("type"), block.kind:
            case ("text_delta", "text"):
                return self._words(index, delta, "text")
            case ("thinking_delta", "thinking"):
                return self._words(index, delta, "thinking")
            case ("signature_delta", "thinking"):
                return self._signed(index, delta)
            case ("citations_delta", "text"):
                return [AnnotationTold(self._ledger.index(index), as_mapping(delta.get("citation")))]
            case ("input_json_delta", _):
                return self._argument_piece(index, block, as_text(delta.get("partial_json")) or "")
            case ("compaction_delta", _):
                block.start = block.start | {"content": delta.get("content")}
        return []

    def _argument_piece(self, index: int, block: _Block, words: str) -> list[Event]:
        block.pieces.append(words)
        return self._ledger.arguments(index, words) if block.passes and block.kind == "tool_use" else []

    def _block_stop(self, body: JsonObject) -> list[Event]:
        return self._closed(_index(body))

    def _closed(self, index: int) -> list[Event]:
        block = self._blocks.pop(index, None)
        if block is None:
            return []
        if block.kind == "tool_use":
            return self._rest_of_call(index, block) + self._ledger.end(index)
        return self._ledger.end(index) if block.passes else self._whole(index, block)

    def _rest_of_call(self, index: int, block: _Block) -> list[Event]:
        """The arguments that have not gone on yet."""
        told = "".join(block.pieces)
        if block.freeform:
            return self._ledger.arguments(index, freeform_input(told or block.given))
        return [] if told else self._ledger.arguments(index, block.given or "{}")

    def _whole(self, index: int, block: _Block) -> list[Event]:
        """A block that the hub takes only whole: redacted thinking, or one of the provider's own tools."""
        told = "".join(block.pieces)
        source = block.start | {"input": _loads(told)} if told else block.start
        part = read_block(source, f"content[{index}]", Reading(self._undo, self._origin))
        return [] if part is None else self._ledger.whole(part)

    def _message_delta(self, body: JsonObject) -> list[Event]:
        usage = read_delta_usage(body.get("usage"))
        events: list[Event] = [UsageTold(usage)] if usage.known else []
        stop = None if self._stopped else read_stop(as_mapping(body.get("delta")))
        if stop is not None:
            self._stopped = True
            left_open = [each for index in list(self._blocks) for each in self._closed(index)]
            events += [*left_open, stop]
        return events

    def _message_stop(self, body: JsonObject) -> list[Event]:
        self._complete = True
        return []

    def _ping(self, body: JsonObject) -> list[Event]:
        return [Ping()] if self._started else []


_READ: Final[dict[str, Callable[[Reader, JsonObject], list[Event]]]] = {
    "message_start": Reader._message_start,
    "content_block_start": Reader._block_start,
    "content_block_delta": Reader._block_delta,
    "content_block_stop": Reader._block_stop,
    "message_delta": Reader._message_delta,
    "message_stop": Reader._message_stop,
    "ping": Reader._ping,
}


def skim(event: SseEvent) -> list[Event]:
    """Start, UsageTold, Stop, Failed and End; the many events of content are not even parsed."""
    kind = event.name or _kind_at_start(event.data)
    if kind.startswith("content_block_") or kind == "ping":
        return []
    body = _parsed(event.data)
    kind = as_text(body.get("type")) or kind
    if failure := _told_failure(kind, body):
        return [Failed(failure)]
    if kind == "message_start":
        message = as_mapping(body.get("message"))
        return [Start(as_text(message.get("id")), as_text(message.get("model")), read_usage(message.get("usage")))]
    if kind == "message_delta":
        usage, stop = read_delta_usage(body.get("usage")), read_stop(as_mapping(body.get("delta")))
        return [*([UsageTold(usage)] if usage.known else []), *([stop] if stop else [])]
    return [End()] if kind == "message_stop" else []


def _kind_at_start(data: str) -> str:
    """The type of an event without a name, where it stands first; "" when only parsing can tell."""
    head = data[:60].replace(" ", "")
    return head.removeprefix('{"type":"').partition('"')[0] if head.startswith('{"type":"') else ""


def _told_failure(kind: str, body: JsonObject) -> Failure | None:
    """An error event; also one in another vendor's form, which has no type of ours."""
    if kind == "error" or (kind not in _READ and isinstance(body.get("error"), dict | str)):
        return read_error(body)
    return None


def _index(body: JsonObject) -> int:
    index = body.get("index")
    if isinstance(index, bool) or not isinstance(index, int):
        raise Unreadable("must be an integer", "index")
    return index


def _parsed(data: str) -> JsonObject:
    try:
        body: Json = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Unreadable("an event is no JSON") from error
    if not isinstance(body, dict):
        raise Unreadable("an event is no object")
    return body


def _loads(words: str) -> Json:
    try:
        value: Json = orjson.loads(words)
    except orjson.JSONDecodeError:
        return words
    return value
