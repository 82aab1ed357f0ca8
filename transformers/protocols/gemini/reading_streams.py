"""A provider's answer: chunks → hub events. A whole answer is a stream of one chunk.

Every chunk is a partial answer whose parts are increments: text goes on where the last text ended, a call comes whole.
There is no terminator: the end of the bytes is the end, and proper when a finishReason or a block came before it.
"""

from typing import Final, Literal

import orjson

from axonhub.transformers.call_ids import minted_call_id
from axonhub.transformers.dialect import Dialect
from axonhub.transformers.fields import as_mapping, as_objects, as_text
from axonhub.transformers.hub.candidates import of_candidate
from axonhub.transformers.hub.events import (
    AnnotationTold,
    ArgumentsDelta,
    End,
    Event,
    Failed,
    Start,
    Stop,
    UsageTold,
)
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.ledger import Ledger
from axonhub.transformers.hub.logprobs import TokenLogprob
from axonhub.transformers.hub.parts import Native, Part, Refusal, Text, Thinking, ToolCall, Unknown
from axonhub.transformers.hub.responses import StopReason
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import Undo, Unreadable
from axonhub.transformers.protocols.gemini.arguments import arguments_text
from axonhub.transformers.protocols.gemini.failures import failure_in
from axonhub.transformers.protocols.gemini.grounding import annotations
from axonhub.transformers.protocols.gemini.logprobs import read_logprobs
from axonhub.transformers.protocols.gemini.media_parts import file_source, inline, media_part
from axonhub.transformers.protocols.gemini.names import NAME, camel
from axonhub.transformers.protocols.gemini.reading_parts import hosted_code
from axonhub.transformers.protocols.gemini.signing import provider_signature
from axonhub.transformers.protocols.gemini.stops import UNSPECIFIED, block, read_stop, unknown_word
from axonhub.transformers.protocols.gemini.usage import read_usage
from axonhub.transformers.sse import SseEvent
from axonhub.transformers.tool_names import freeform_input

_TEXT: Final = "text"
_THOUGHT: Final = "thought"


class GeminiStreamReader:
    """One a stream. Not thread-safe."""

    def __init__(self, dialect: Dialect, undo: Undo) -> None:
        self._dialect, self._undo = dialect, undo
        self._ledger = Ledger()
        self._started = self._failed = self._spoke = False
        self._response_id = ""
        self._calls = 0
        self._usage = Usage()
        self._finish_reason = self._finish_message = ""
        self._blocked = False
        self._pieces: list[str] = []
        """Text of the open text part: Google counts citations in its bytes."""
        self._further: dict[int, GeminiStreamReader] = {}
        """Of the answers beyond the first, where several were asked for."""
        self._logprobs: tuple[TokenLogprob, ...] = ()
        """Of the chunk's tokens, until its text is told."""
        self._sources: JsonObject = {}
        """The last candidate that told where the answer comes from."""

    def read(self, event: SseEvent) -> list[Event]:
        return [told for chunk in _chunks(event.data) for told in self.chunk(chunk)]

    def chunk(self, chunk: JsonObject) -> list[Event]:
        """One partial answer."""
        if self._failed:
            return []
        chunk = camel(chunk)
        if failure := failure_in(chunk):
            return self._fail(failure)
        events = self._start(chunk)
        if (refusal := block(chunk)) and not self._blocked:
            self._blocked = True
            events += self._refuse(refusal)
        candidates = [camel(each) for each in as_objects(chunk.get("candidates"))]
        for candidate in candidates:
            events += self._placed(candidate)
            if events and isinstance(events[-1], Failed):
                return events
        self._tell_usage(chunk, events)
        return events

    def _placed(self, candidate: JsonObject) -> list[Event]:
        place = candidate.get("index")
        if isinstance(place, int) and place > 0:
            return self._further_candidate(place, candidate)
        return self._candidate(candidate)

    def _candidate(self, candidate: JsonObject) -> list[Event]:
        events: list[Event] = []
        if "logprobsResult" in candidate:
            self._logprobs += read_logprobs(camel(candidate))
        for part in as_objects(as_mapping(candidate.get("content")).get("parts")):
            self._part(camel(part), events)
        if "groundingMetadata" in candidate or "citationMetadata" in candidate:
            self._sources = candidate
        return self._note_finish(candidate, events)

    def _further_candidate(self, place: int, candidate: JsonObject) -> list[Event]:
        if place not in self._further:
            self._further[place] = reader = GeminiStreamReader(self._dialect, self._undo)
            reader._response_id = f"{self._response_id}/{place}"
        events = of_candidate(place, self._further[place]._candidate(candidate))
        self._failed = self._further[place]._failed
        return events

    def finish(self) -> list[Event]:
        if self._failed:
            return []
        further = [told for place, each in self._further.items() for told in of_candidate(place, each.finish())]
        if further and isinstance(further[-1], Failed):
            self._failed = True
            return further
        stop = self._stop()
        if isinstance(stop, Failure):
            return self._fail(stop)
        usage = [UsageTold(self._usage)] if self._usage.known else []
        told = Stop(stop, word=unknown_word(self._finish_reason))
        return [*further, *self._end_text(), *self._ledger.end_all(), *usage, told, End()]

    def whole(self) -> list[Event]:
        """The end of a whole answer, which needs no reason to be complete."""
        for each in (self, *self._further.values()):
            each._finish_reason = each._finish_reason or "STOP"
        return self.finish()

    # -- beginning and end

    def _start(self, chunk: JsonObject) -> list[Event]:
        if self._started:
            return []
        self._started = True
        self._usage = read_usage(chunk)
        self._response_id = as_text(chunk.get("responseId")) or ""
        return [Start(self._response_id or None, as_text(chunk.get("modelVersion")), self._usage)]

    def _tell_usage(self, chunk: JsonObject, events: list[Event]) -> None:
        told = read_usage(chunk)
        if told != self._usage and told.known:
            self._usage = self._usage.updated(told)
            events.append(UsageTold(told))

    def _note_finish(self, candidate: JsonObject, events: list[Event]) -> list[Event]:
        """Held until the end: some services tell STOP in every chunk."""
        reason = as_text(candidate.get("finishReason"))
        if reason and reason != UNSPECIFIED:
            self._finish_reason = reason
            self._finish_message = as_text(candidate.get("finishMessage")) or ""
            stop = self._stop()
            if isinstance(stop, Failure):
                return [*events, *self._fail(stop)]
        return events

    def _stop(self) -> StopReason | Failure:
        called = self._ledger.saw_tool_call
        if self._blocked:
            return StopReason.FILTER
        if self._finish_reason:
            return read_stop(self._finish_reason, self._finish_message, called)
        if self._ended_in_thought() or (self._dialect.omits_terminator and (called or self._spoke)):
            return StopReason.TOOL if called else StopReason.END
        return Failure(FailureKind.SERVER, "The provider's stream ended before the answer did.")

    def _ended_in_thought(self) -> bool:
        """Thoughts and nothing else: Gemini ends such answers without a reason."""
        return self._ledger.is_open(_THOUGHT) and not self._spoke

    def _fail(self, failure: Failure) -> list[Event]:
        self._failed = True
        return [Failed(failure)]

    # -- parts

    def _part(self, part: JsonObject, events: list[Event]) -> None:
        words = as_text(part.get("text"))
        if words is not None or part.keys() <= {"thought", "thoughtSignature"}:
            self._words(part, words or "", events)
            return
        self._spoke = True
        events += self._end_words()
        if (call := part.get("functionCall")) is not None:
            self._call(camel(as_mapping(call)), part, events)
        elif part.get("executableCode") is not None or part.get("codeExecutionResult") is not None:
            events += self._code(part)
        elif (whole := self._whole(part)) is not None:
            events += self._ledger.whole(whole)

    def _words(self, part: JsonObject, words: str, events: list[Event]) -> None:
        """Text or a thought, which goes on or begins."""
        key = _THOUGHT if part.get("thought") is True else _TEXT
        signature = provider_signature(part, self._dialect.signature_origin)
        if not words and signature is None:
            return
        if not words and not self._ledger.is_open(key):
            # A signature without words and nothing before it that it could belong to.
            events += [*self._end_words(), *self._ledger.whole(Text("", signature=signature))]
            return
        if key == _TEXT:
            self._spoke = True
            events += self._ledger.end(_THOUGHT)
            self._pieces.append(words)
        elif words:
            events += self._end_text()
        logprobs, self._logprobs = (self._logprobs, ()) if key == _TEXT and words else ((), self._logprobs)
        events += self._ledger.text(key, words, Text("") if key == _TEXT else _THINKING, logprobs)
        if signature is not None:
            events += self._ledger.signature(key, signature)

    def _end_words(self) -> list[Event]:
        return [*self._end_text(), *self._ledger.end(_THOUGHT)]

    def _end_text(self) -> list[Event]:
        if not self._ledger.is_open(_TEXT):
            return []
        index, text = self._ledger.index(_TEXT), "".join(self._pieces) if self._sources else ""
        told = annotations(self._sources, text) if self._sources else []
        self._pieces, self._sources = [], {}
        return [*(AnnotationTold(index, each) for each in told), *self._ledger.end(_TEXT)]

    def _refuse(self, refusal: str) -> list[Event]:
        key = "refusal"
        return [*self._end_words(), *self._ledger.text(key, refusal, Refusal("")), *self._ledger.end(key)]

    def _call(self, call: JsonObject, part: JsonObject, events: list[Event]) -> None:
        reference = self._undo.reference(as_text(call.get("name")) or f"tool_{self._calls}")
        call_id = as_text(call.get("id")) or minted_call_id(self._response_id, self._calls, "call_")
        arguments = arguments_text(call.get("args"))
        kind: Literal["function", "freeform"] = "freeform" if reference.kind == "freeform" else "function"
        if kind == "freeform":
            arguments = freeform_input(arguments)
        signature = provider_signature(part, self._dialect.signature_origin)
        started = ToolCall(call_id, reference.name, "", kind, reference.namespace, signature=signature)
        key = ("call", self._calls)
        self._calls += 1
        events += self._ledger.start(key, started)
        if arguments:
            events.append(ArgumentsDelta(self._ledger.index(key), arguments))
        events += self._ledger.end(key)

    def _code(self, part: JsonObject) -> list[Event]:
        """Code that Gemini ran, and what came out: fenced text to everyone but Gemini's own clients."""
        told, key = hosted_code(part), "code"
        empty = Text("", native=told.native)
        fenced = f"\n{told.text}\n" if told.text else ""
        return [*self._ledger.start(key, empty), *self._ledger.text(key, fenced, empty), *self._ledger.end(key)]

    def _whole(self, part: JsonObject) -> Part | None:
        """A part without increments."""
        if blob := camel(as_mapping(part.get("inlineData"))):
            media_type, data = as_text(blob.get("mimeType")) or "", as_text(blob.get("data")) or ""
            return media_part(media_type, inline(media_type, data), part)
        if file := camel(as_mapping(part.get("fileData"))):
            media_type, uri = as_text(file.get("mimeType")) or "", as_text(file.get("fileUri")) or ""
            return media_part(media_type, file_source(uri, media_type or None), part)
        kind = next((name for name in part if name not in ("thought", "thoughtSignature")), "")
        return Unknown(kind, Native(NAME, part)) if kind else None


_THINKING: Final = Thinking(native=Native(NAME, {"thought": True}))


def _chunks(data: str) -> list[JsonObject]:
    """The chunk in an event; gateways also send a list of them."""
    try:
        parsed: Json = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Unreadable("an event is not JSON") from error
    if isinstance(parsed, dict):
        return [parsed]
    if isinstance(parsed, list):
        return as_objects(parsed)
    raise Unreadable("an event is no object")


def _first_candidate(chunk: JsonObject) -> JsonObject:
    """The hub holds one answer; a request for more is refused."""
    for candidate in as_objects(chunk.get("candidates")):
        candidate = camel(candidate)
        if not candidate.get("index"):
            return candidate
    return {}


def skimmed(data: str) -> list[Event]:
    """Start, UsageTold, Stop and Failed of one chunk. Every chunk tells all it knows, so each gives a Start."""
    events: list[Event] = []
    for chunk in map(camel, _chunks(data)):
        if failure := failure_in(chunk):
            return [Failed(failure)]
        usage = read_usage(chunk)
        events.append(Start(as_text(chunk.get("responseId")), as_text(chunk.get("modelVersion")), usage))
        candidate = _first_candidate(chunk)
        parts = as_objects(as_mapping(candidate.get("content")).get("parts"))
        reason = as_text(candidate.get("finishReason"))
        if reason and reason != UNSPECIFIED:
            stop = read_stop(reason, "", any("functionCall" in part or "function_call" in part for part in parts))
            events.append(Failed(stop) if isinstance(stop, Failure) else Stop(stop))
        elif block(chunk):
            events.append(Stop(StopReason.FILTER))
    return events
