"""A client's stream: hub events → chunks, as server-sent events or as one JSON array.

Google's readers are strict in their own way: no event names, no comments, no terminator; an error is a bare line of
JSON, and only an empty line may fill a silence. A call comes whole. The last chunk has the finishReason, without which
Gemini CLI asks again and shows the text twice.
"""

from collections.abc import Mapping
from typing import Final, TypeGuard

import orjson

from axonhub.transformers.hub.events import (
    AnnotationTold,
    ArgumentsDelta,
    End,
    Event,
    Failed,
    OfCandidate,
    PartEnded,
    PartStarted,
    Ping,
    SignatureTold,
    Start,
    Stop,
    TextDelta,
    UsageTold,
)
from axonhub.transformers.hub.logprobs import TokenLogprob
from axonhub.transformers.hub.parts import Part, Refusal, Signature, Text, Thinking, ToolCall
from axonhub.transformers.hub.responses import StopReason
from axonhub.transformers.hub.sequencer import Sequencer
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import Reply
from axonhub.transformers.protocols.gemini.failures import write_error
from axonhub.transformers.protocols.gemini.grounding import grounding_metadata
from axonhub.transformers.protocols.gemini.logprobs import write_logprobs
from axonhub.transformers.protocols.gemini.responses import about, of_candidate
from axonhub.transformers.protocols.gemini.signing import signed
from axonhub.transformers.protocols.gemini.stops import write_stop
from axonhub.transformers.protocols.gemini.writing_parts import identified, is_code, shows_thoughts, written_part

_NOTHING: Final[Mapping[str, Json]] = {}


class GeminiStreamWriter:
    """One a stream. Not thread-safe."""

    def __init__(self, reply: Reply, candidate: int = 0) -> None:
        """`candidate`: which of several answers this one writes; the first one's writer holds those of the others."""
        self._reply = of_candidate(reply, candidate)
        self._candidate = candidate
        self._further: dict[int, GeminiStreamWriter] = {}
        self._with_thoughts = shows_thoughts(reply.request)
        self._sequencer = Sequencer()
        self._framing = _Framing(reply.json_array)
        self._response_id: str | None = None
        self._usage = Usage()
        self._stop = StopReason.END
        self._refused = False
        self._part: Part | None = None
        self._index = 0
        self._pieces: list[str] = []
        """Arguments of the open call, or text that citations may refer to."""
        self._signature: Signature | None = None
        self._annotations: list[JsonObject] = []
        self._cited: list[tuple[str, list[JsonObject]]] = []

    def write(self, event: Event) -> bytes:
        if isinstance(event, OfCandidate):
            asked = self._reply.request.sampling.asks_for(event.candidate)
            return self._of(event.candidate).write(event.event) if asked else b""
        return b"".join(self._written(each) for each in self._sequencer.feed(event))

    def keepalive(self) -> bytes:
        """An empty line: comments break Google's readers."""
        return b"\n"

    def _written(self, event: Event) -> bytes:
        match event:
            case TextDelta(text=text, logprobs=logprobs):
                return self._text(text, logprobs)
            case ArgumentsDelta(text=text):
                self._pieces.append(text)
            case PartStarted(index, part):
                self._refused = self._refused or isinstance(part, Refusal)
                self._part, self._pieces, self._signature, self._annotations = part, [], None, []
                self._index = index
            case PartEnded():
                return self._end_part()
            case SignatureTold(signature=signature):
                self._signature = signature
            case AnnotationTold(annotation=annotation):
                self._annotations.append(annotation)
            case Start(response_id, _, usage):
                self._response_id = response_id
                self._usage = self._usage.updated(usage)
            case UsageTold(usage):
                self._usage = self._usage.updated(usage)
            case Stop(reason):
                self._stop = reason
            case End():
                return self._finish()
            case Failed(failure):
                return self._framing.error(write_error(failure)[1])
            case Ping():
                pass
        return b""

    # -- parts

    def _of(self, candidate: int) -> "GeminiStreamWriter":
        """The writer of a further answer, whose chunks stand in the same body and say the same of the response."""
        if candidate not in self._further:
            self._further[candidate] = further = GeminiStreamWriter(self._reply, candidate)
            further._framing, further._response_id = self._framing, self._response_id or self._reply.id
        return self._further[candidate]

    def _text(self, text: str, logprobs: tuple[TokenLogprob, ...]) -> bytes:
        if isinstance(self._part, Thinking):
            return self._chunk({"text": text, "thought": True}) if self._with_thoughts else b""
        self._pieces.append(text)
        return b"" if _stands_for_code(self._part) else self._chunk({"text": text}, write_logprobs(logprobs))

    def _end_part(self) -> bytes:
        part, self._part = self._part, None
        if _stands_for_code(part):
            return self._chunk(written_part(part, self._with_thoughts))
        match part:
            case Text(text):
                self._note_citations(part)
                return self._tail({"text": text}, self._signature or part.signature)
            case Thinking(redacted=None):
                text = part.text if self._with_thoughts else ""
                return self._tail({"text": text, "thought": True}, self._signature or part.signature)
            case Refusal(text):
                return self._tail({"text": text}, None)
            case ToolCall():
                return self._chunk(written_part(self._whole_call(part), self._with_thoughts))
            case None:
                return b""
            case _:
                return self._chunk(written_part(part, self._with_thoughts))

    def _tail(self, part: JsonObject, signature: Signature | None) -> bytes:
        """What came with the part's start and what came after its text."""
        return self._chunk(signed(part, signature)) if part["text"] or signature else b""

    def _whole_call(self, part: ToolCall) -> ToolCall:
        arguments = part.arguments + "".join(self._pieces)
        whole = ToolCall(part.id, part.name, arguments, part.kind, signature=self._signature or part.signature)
        return identified(whole, self._reply.id, self._index)

    def _note_citations(self, part: Text) -> None:
        told = [*part.annotations, *self._annotations]
        if told:
            self._cited.append(("".join(self._pieces) + part.text, told))

    # -- chunks

    def _chunk(self, part: JsonObject | None, beside: Mapping[str, Json] = _NOTHING) -> bytes:
        if part is None:
            return b""
        candidate: JsonObject = {"content": {"role": "model", "parts": [part]}, "index": self._candidate, **beside}
        return self._framing.chunk({"candidates": [candidate], **self._about()})

    def _finish(self) -> bytes:
        whole: JsonObject = {
            "candidates": [each._last() for each in (self, *self._further.values())],
            **about(self._reply, self._response_id, self._usage),
        }
        return self._framing.chunk(whole) + self._framing.end()

    def _last(self) -> JsonObject:
        return {
            "content": {"role": "model", "parts": []},
            "finishReason": write_stop(self._stop.when_refused(self._refused)),
            "index": self._candidate,
            **grounding_metadata(self._cited),
        }

    def _about(self) -> JsonObject:
        return {"modelVersion": self._reply.request.model, "responseId": self._response_id or self._reply.id}


def _stands_for_code(part: Part | None) -> TypeGuard[Text]:
    return isinstance(part, Text) and part.native is not None and is_code(part.native.value)


class _Framing:
    """How chunks stand in the body."""

    def __init__(self, json_array: bool) -> None:
        self._json_array = json_array
        self._empty = True

    def chunk(self, value: JsonObject) -> bytes:
        return self._item(value) if self._json_array else b"data: " + _dumped(value) + b"\n\n"

    def error(self, value: JsonObject) -> bytes:
        """Google's readers raise on a bare line of JSON; behind `data: ` they pass over it in silence."""
        return self._item(value) + self.end() if self._json_array else _dumped(value) + b"\n\n"

    def end(self) -> bytes:
        if not self._json_array:
            return b""
        return b"[]" if self._empty else b"]"

    def _item(self, value: JsonObject) -> bytes:
        separator = b"[" if self._empty else b",\n"
        self._empty = False
        return separator + _dumped(value)


def _dumped(value: Json) -> bytes:
    # Line separators that older decoders split lines at.
    return orjson.dumps(value).replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
