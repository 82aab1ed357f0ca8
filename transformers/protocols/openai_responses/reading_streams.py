"""A provider's stream → hub events, and the little that a stream which passes untouched is asked for.

Indexes name the items: some servers give an item another id when it is done. What comes without deltas is taken from
the event that ends it, and what has no such event from the terminal event's whole response.
"""

import json
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Final

import orjson

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.fields import as_items, as_mapping, as_objects, as_text
from axonhub.transformers.hub.events import AnnotationTold, End, Event, Failed, Start, Stop, UsageTold
from axonhub.transformers.hub.ledger import Ledger
from axonhub.transformers.hub.parts import Refusal, Text, Thinking, ToolCall
from axonhub.transformers.hub.responses import StopReason
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.openai_logprobs import read_tokens
from axonhub.transformers.protocol import Undo, Unreadable
from axonhub.transformers.protocols.openai_responses.failures import broken_stream, read_told_failure
from axonhub.transformers.protocols.openai_responses.names import SEPARATOR
from axonhub.transformers.protocols.openai_responses.reading_responses import ItemReader, stop_reason
from axonhub.transformers.protocols.openai_responses.usage import read_usage
from axonhub.transformers.sse import SseEvent
from axonhub.transformers.tool_names import freeform_input

_DONE: Final = "[DONE]"
_CALLS: Final = ("function_call", "custom_tool_call")
_TERMINAL: Final = ("response.completed", "response.done", "response.incomplete")
_TOLD: Final = frozenset((*_TERMINAL, "response.created", "response.failed", "error"))
_HEAD: Final = 64
"""Characters of an unnamed event in which its type usually stands."""


class _Call:
    """An open tool call."""

    def __init__(self, part: ToolCall, wrapped: bool) -> None:
        self.part = part
        self.wrapped = wrapped
        """A freeform tool that the provider knows as a function: its input is told when it is whole."""
        self.pieces: list[str] = []


class ResponsesStreamReader:
    """One a stream. Not thread-safe."""

    def __init__(self, dialect: Dialect, undo: Undo) -> None:
        self._dialect, self._undo = dialect, undo
        self._ledger = Ledger()
        self._items = ItemReader(dialect, undo, "")
        self._started = self._ended = False
        self._calls: dict[Hashable, _Call] = {}
        self._texts: dict[Hashable, set[Hashable]] = {}
        """Content keys of each message item that have been told."""
        self._thoughts: dict[Hashable, tuple[str, Hashable]] = {}
        """Of each reasoning item, whether summary or content is told, and the index of the last piece."""
        self._finished: set[Hashable] = set()
        self._seen = False

    def read(self, event: SseEvent) -> Iterable[Event]:
        if self._ended or event.data == _DONE:
            return ()
        obj = _parsed(event.data)
        kind = as_text(obj.get("type")) or event.name
        handler = _HANDLERS.get(kind)
        if handler is not None:
            return handler(self, obj)
        return self._failed(obj) if "error" in obj and not kind.startswith("response.") else ()

    def finish(self) -> Iterable[Event]:
        if self._ended:
            return ()
        self._ended = True
        if not (self._dialect.omits_terminator and self._seen and not self._calls):
            return (Failed(broken_stream()),)
        reason = StopReason.TOOL if self._ledger.saw_tool_call else StopReason.END
        return (*self._ledger.end_all(), Stop(reason), End())

    # -- the response

    def _created(self, obj: JsonObject) -> list[Event]:
        return self._start(as_mapping(obj.get("response")))

    def _start(self, response: JsonObject) -> list[Event]:
        if self._started:
            return []
        self._started = True
        provider_id = as_text(response.get("id"))
        self._items = ItemReader(self._dialect, self._undo, provider_id or "")
        return [Start(provider_id, as_text(response.get("model")))]

    def _completed(self, obj: JsonObject) -> list[Event]:
        response = as_mapping(obj.get("response"))
        if response.get("error") is not None or response.get("status") in ("failed", "cancelled"):
            return self._failed(obj)
        self._ended = True
        events = self._start(response)
        for index, item in enumerate(as_items(response.get("output"))):
            if isinstance(item, dict) and (index not in self._finished if self._seen_indexes() else not self._seen):
                events += self._item_done({"output_index": index, "item": item})
        events += self._ledger.end_all()
        usage = read_usage(response.get("usage"))
        if usage.known:
            events.append(UsageTold(usage))
        return [*events, Stop(stop_reason(response, self._ledger.saw_tool_call)), End()]

    def _seen_indexes(self) -> bool:
        return self._seen and all(isinstance(key, int) for key in self._finished)

    def _failed(self, obj: JsonObject) -> list[Event]:
        self._ended = True
        response = as_mapping(obj.get("response"))
        return [Failed(read_told_failure(response.get("error") or obj.get("error") or _flat_error(obj)))]

    # -- items

    def _key(self, obj: JsonObject) -> Hashable:
        self._seen = True
        index = obj.get("output_index")
        if isinstance(index, int):
            return index
        return as_text(obj.get("item_id")) or as_text(as_mapping(obj.get("item")).get("id")) or ""

    def _item_added(self, obj: JsonObject) -> list[Event]:
        item, key = as_mapping(obj.get("item")), self._key(obj)
        events = self._start({})
        if item.get("type") in _CALLS and key not in self._calls:
            events += self._open_call(key, item)
        return events

    def _open_call(self, key: Hashable, item: JsonObject) -> list[Event]:
        call = self._items.call({**item, "arguments": "", "input": ""})
        wrapped = call.kind == "freeform" and item.get("type") == "function_call"
        self._calls[key] = _Call(call, wrapped)
        return self._ledger.start(("call", key), call)

    def _arguments_delta(self, obj: JsonObject) -> list[Event]:
        key, text = self._key(obj), as_text(obj.get("delta")) or ""
        call = self._calls.get(key)
        if call is None or not text:
            return []
        call.pieces.append(text)
        return [] if call.wrapped else self._ledger.arguments(("call", key), text)

    def _arguments_done(self, obj: JsonObject) -> list[Event]:
        key = self._key(obj)
        call = self._calls.get(key)
        whole = as_text(obj.get("arguments")) or as_text(obj.get("input"))
        if call is None or call.pieces or not whole:
            return []
        call.pieces.append(whole)
        return [] if call.wrapped else self._ledger.arguments(("call", key), whole)

    def _text_delta(self, obj: JsonObject) -> list[Event]:
        return self._said(obj, as_text(obj.get("delta")) or "", Text(""))

    def _refusal_delta(self, obj: JsonObject) -> list[Event]:
        return self._said(obj, as_text(obj.get("delta")) or "", Refusal(""))

    def _text_done(self, obj: JsonObject) -> list[Event]:
        return self._unsaid(obj, as_text(obj.get("text")) or "", Text(""))

    def _refusal_done(self, obj: JsonObject) -> list[Event]:
        return self._unsaid(obj, as_text(obj.get("refusal")) or "", Refusal(""))

    def _said(self, obj: JsonObject, text: str, part: Text | Refusal) -> list[Event]:
        key, content = self._content(obj)
        if not text:
            return []
        self._texts.setdefault(key, set()).add(content)
        odds = read_tokens(obj.get("logprobs"))
        return [*self._start({}), *self._ledger.text(("text", key, content), text, part, odds)]

    def _unsaid(self, obj: JsonObject, text: str, part: Text | Refusal) -> list[Event]:
        """A text that came without deltas."""
        key, content = self._content(obj)
        return [] if content in self._texts.get(key, ()) else self._said(obj, text, part)

    def _content(self, obj: JsonObject) -> tuple[Hashable, Hashable]:
        index = obj.get("content_index")
        return self._key(obj), index if isinstance(index, int) else 0

    def _annotation(self, obj: JsonObject) -> list[Event]:
        key, content = self._content(obj)
        annotation = obj.get("annotation")
        if not isinstance(annotation, dict):
            return []
        place = ("text", key, content)
        self._texts.setdefault(key, set()).add(content)
        started = [] if self._ledger.is_open(place) else [*self._start({}), *self._ledger.start(place, Text(""))]
        return [*started, AnnotationTold(self._ledger.index(place), annotation)]

    def _summary_delta(self, obj: JsonObject) -> list[Event]:
        return self._thought(obj, "summary", as_text(obj.get("delta")) or "")

    def _summary_done(self, obj: JsonObject) -> list[Event]:
        kind, last = self._thoughts.get(self._key(obj), ("summary", None))
        told = kind != "summary" or last == obj.get("summary_index")
        return [] if told else self._thought(obj, "summary", as_text(obj.get("text")) or "")

    def _reasoning_delta(self, obj: JsonObject) -> list[Event]:
        return self._thought(obj, "content", as_text(obj.get("delta")) or "")

    def _thought(self, obj: JsonObject, kind: str, text: str) -> list[Event]:
        """Reasoning text. Of summary and content the first to come is told; pieces are set apart by a blank line."""
        key, index = self._key(obj), obj.get(f"{kind}_index")
        place: Hashable = index if isinstance(index, int) else 0
        told, last = self._thoughts.get(key, (kind, place))
        if not text or told != kind:
            return []
        apart = SEPARATOR if key in self._thoughts and last != place else ""
        self._thoughts[key] = (kind, place)
        part = Thinking(item_id=as_text(obj.get("item_id")))
        return [*self._start({}), *self._ledger.text(("thought", key), apart + text, part)]

    def _item_done(self, obj: JsonObject) -> list[Event]:
        item, key = as_mapping(obj.get("item")), self._key(obj)
        events = self._start({})
        if key in self._finished:
            return events
        self._finished.add(key)
        match as_text(item.get("type")):
            case "function_call" | "custom_tool_call":
                return events + self._end_call(key, item)
            case "message":
                return events + self._end_message(key, item)
            case "reasoning":
                return events + self._end_reasoning(key, item)
            case _:
                return events + [event for part in self._items.parts(item) for event in self._ledger.whole(part)]

    def _end_call(self, key: Hashable, item: JsonObject) -> list[Event]:
        events = [] if key in self._calls else self._open_call(key, item)
        call = self._calls.pop(key)
        freeform = item.get("type") == "custom_tool_call"
        whole = "".join(call.pieces) or as_text(item.get("input" if freeform else "arguments")) or ""
        place = ("call", key)
        if call.wrapped:
            events += self._ledger.arguments(place, freeform_input(whole))
        elif not call.pieces:
            events += self._ledger.arguments(place, whole)
        return events + self._ledger.end(place)

    def _end_message(self, key: Hashable, item: JsonObject) -> list[Event]:
        events: list[Event] = []
        told = self._texts.pop(key, set())
        for content, part in enumerate(as_objects(item.get("content"))):
            if content not in told:
                for read in self._items.parts({"type": "message", "content": [part]}):
                    events += self._whole_text(read)
            events += self._ledger.end(("text", key, content))
        for left in told:
            events += self._ledger.end(("text", key, left))
        return events

    def _whole_text(self, part: object) -> Iterator[Event]:
        if isinstance(part, Text | Refusal):
            place = object()
            empty = Text("") if isinstance(part, Text) else Refusal("")
            yield from self._ledger.text(place, part.text, empty, part.logprobs)
            if isinstance(part, Text):
                yield from (AnnotationTold(self._ledger.index(place), each) for each in part.annotations)
            yield from self._ledger.end(place)

    def _end_reasoning(self, key: Hashable, item: JsonObject) -> list[Event]:
        place: Hashable = ("thought", key)
        events: list[Event] = []
        whole = next(self._items.reasoning(item), None)
        if isinstance(whole, Thinking):
            if not self._ledger.is_open(place):
                events += self._ledger.start(place, Thinking(redacted=whole.redacted, item_id=whole.item_id))
                events += self._ledger.text(place, whole.text, whole)
            if whole.signature is not None:
                events += self._ledger.signature(place, whole.signature)
        self._thoughts.pop(key, None)
        return events + self._ledger.end(place)


def _parsed(data: str) -> JsonObject:
    try:
        obj: Json = orjson.loads(data)
    except orjson.JSONDecodeError:
        obj = _repaired(data)
    if not isinstance(obj, dict):
        raise Unreadable("an event of the stream is not an object")
    return obj


def _repaired(data: str) -> Json:
    """Servers that cut text by UTF-16 units send half a surrogate pair, which the fast parser refuses."""
    try:
        whole = json.dumps(json.loads(data), ensure_ascii=False).encode("utf-8", "replace")
        obj: Json = orjson.loads(whole)
    except (ValueError, RecursionError) as error:
        raise Unreadable("an event of the stream is not JSON") from error
    return obj


def _flat_error(obj: JsonObject) -> JsonObject:
    """An `error` event carries its members beside its type."""
    return {name: value for name, value in obj.items() if name in ("message", "code", "param")}


_HANDLERS: Final[dict[str, Callable[[ResponsesStreamReader, JsonObject], list[Event]]]] = {
    "response.output_text.delta": ResponsesStreamReader._text_delta,
    "response.function_call_arguments.delta": ResponsesStreamReader._arguments_delta,
    "response.custom_tool_call_input.delta": ResponsesStreamReader._arguments_delta,
    "response.reasoning_summary_text.delta": ResponsesStreamReader._summary_delta,
    "response.reasoning_text.delta": ResponsesStreamReader._reasoning_delta,
    "response.refusal.delta": ResponsesStreamReader._refusal_delta,
    "response.created": ResponsesStreamReader._created,
    "response.queued": ResponsesStreamReader._created,
    "response.in_progress": ResponsesStreamReader._created,
    "response.output_item.added": ResponsesStreamReader._item_added,
    "response.output_text.done": ResponsesStreamReader._text_done,
    "response.refusal.done": ResponsesStreamReader._refusal_done,
    "response.output_text.annotation.added": ResponsesStreamReader._annotation,
    "response.reasoning_summary_text.done": ResponsesStreamReader._summary_done,
    "response.function_call_arguments.done": ResponsesStreamReader._arguments_done,
    "response.custom_tool_call_input.done": ResponsesStreamReader._arguments_done,
    "response.output_item.done": ResponsesStreamReader._item_done,
    "response.completed": ResponsesStreamReader._completed,
    "response.done": ResponsesStreamReader._completed,
    "response.incomplete": ResponsesStreamReader._completed,
    "response.failed": ResponsesStreamReader._failed,
    "error": ResponsesStreamReader._failed,
}


# -- a stream that passes untouched


def skim(event: SseEvent) -> Iterable[Event]:
    """Start, UsageTold, Stop and Failed; deltas are not even parsed."""
    data = event.data
    if event.name and event.name not in _TOLD:
        return ()
    if not event.name and '.delta"' in data[:_HEAD]:
        return ()
    if data == _DONE:
        return ()
    obj = _parsed(data)
    kind, response = as_text(obj.get("type")) or event.name, as_mapping(obj.get("response"))
    match kind:
        case "response.created":
            return (Start(as_text(response.get("id")), as_text(response.get("model"))),)
        case "response.completed" | "response.done" | "response.incomplete":
            return _skimmed_end(response)
        case "response.failed" | "error":
            return (Failed(read_told_failure(response.get("error") or obj.get("error") or _flat_error(obj))),)
        case _:
            return ()


def _skimmed_end(response: JsonObject) -> Iterator[Event]:
    usage: Usage = read_usage(response.get("usage"))
    if usage.known:
        yield UsageTold(usage)
    called = any(item.get("type") in _CALLS for item in as_objects(response.get("output")))
    yield Stop(stop_reason(response, called))
