"""fold: events → Response, unfold: Response → events. Streamed and whole answers mean the same through these two."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from axonhub.transformers.hub.events import (
    AnnotationTold,
    ArgumentsDelta,
    End,
    Event,
    Failed,
    OfCandidate,
    PartEnded,
    PartEvent,
    PartStarted,
    Ping,
    SignatureTold,
    Start,
    Stop,
    TextDelta,
    UsageTold,
)
from axonhub.transformers.hub.failures import Failure
from axonhub.transformers.hub.logprobs import TokenLogprob
from axonhub.transformers.hub.parts import Part, Refusal, Signature, Text, Thinking, ToolCall
from axonhub.transformers.hub.responses import Response, StopReason
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import JsonObject


class _OpenPart:
    """A part while its deltas come."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.pieces: list[str] = []
        self.annotations: list[JsonObject] = []
        self.signature: Signature | None = None
        self.logprobs: list[TokenLogprob] = []

    def closed(self) -> Part:
        part, text = self.part, "".join(self.pieces)
        match part:
            case Text():
                signature = self.signature or part.signature
                told = (*part.annotations, *self.annotations)
                odds = (*part.logprobs, *self.logprobs)
                return replace(part, text=part.text + text, signature=signature, annotations=told, logprobs=odds)
            case Refusal():
                return replace(part, text=part.text + text, logprobs=(*part.logprobs, *self.logprobs))
            case Thinking():
                return replace(part, text=part.text + text, signature=self.signature or part.signature)
            case ToolCall():
                return replace(part, arguments=part.arguments + text, signature=self.signature or part.signature)
            case _:
                return part


class Fold:
    """Collects events into a Response; usable at any moment of the stream, also after it broke. Not thread-safe."""

    def __init__(self) -> None:
        self.start = Start()
        self.usage = Usage()
        self.stop: Stop | None = None
        self.failure: Failure | None = None
        self.ended = False
        self._parts: dict[int, _OpenPart] = {}
        self._further: dict[int, Fold] = {}
        """Of the answers beyond the first, by candidate."""

    def add(self, event: Event) -> None:
        match event:
            case Start():
                self.start = event
                self.usage = self.usage.updated(event.usage)
            case PartStarted(index, part):
                self._parts[index] = _OpenPart(part)
            case TextDelta(index, text, logprobs):
                self._parts[index].pieces.append(text)
                self._parts[index].logprobs += logprobs
            case ArgumentsDelta(index, text):
                self._parts[index].pieces.append(text)
            case SignatureTold(index, signature):
                self._parts[index].signature = signature
            case AnnotationTold(index, annotation):
                self._parts[index].annotations.append(annotation)
            case UsageTold(usage):
                self.usage = self.usage.updated(usage)
            case Stop():
                self.stop = event
            case OfCandidate(candidate, inner):
                self._further.setdefault(candidate, Fold()).add(inner)
            case Failed(failure):
                self.failure = failure
            case End():
                self.ended = True
            case PartEnded() | Ping():
                pass

    def response(self) -> Response:
        """What has come so far; without a Stop the reason is END."""
        stop = self.stop or Stop(StopReason.END)
        return Response(
            parts=tuple(self._parts[index].closed() for index in sorted(self._parts)),
            stop=stop.reason,
            usage=self.usage,
            id=self.start.id,
            model=self.start.model,
            stop_sequence=stop.sequence,
            stop_detail=stop.detail,
            stop_word=stop.word,
            alternatives=tuple(self._further[candidate].response() for candidate in sorted(self._further)),
        )


def fold(events: Iterable[Event]) -> Response | Failure:
    """The whole answer of a stream; its Failure when it broke."""
    collected = Fold()
    for event in events:
        collected.add(event)
    return collected.failure or collected.response()


def unfold(response: Response) -> Iterator[Event]:
    """A whole answer as the shortest stream that folds to it."""
    yield Start(response.id, response.model, response.usage)
    yield from _unfold_parts(response)
    for place, further in enumerate(response.alternatives, start=1):
        yield from (OfCandidate(place, event) for event in _unfold_parts(further))
        yield OfCandidate(place, _stop_of(further))
    yield UsageTold(response.usage)
    yield _stop_of(response)
    yield End()


def _stop_of(response: Response) -> Stop:
    return Stop(response.stop, response.stop_sequence, response.stop_detail, response.stop_word)


def _unfold_parts(response: Response) -> Iterator[PartEvent]:
    for index, part in enumerate(response.parts):
        yield from _unfold_part(index, part)


def _unfold_part(index: int, part: Part) -> Iterator[PartEvent]:
    match part:
        case Text():
            yield PartStarted(index, Text("", cache=part.cache))
            yield from _text(index, part.text, part.logprobs)
            yield from (AnnotationTold(index, each) for each in part.annotations)
            yield from _signature(index, part.signature)
        case Refusal():
            yield PartStarted(index, Refusal(""))
            yield from _text(index, part.text, part.logprobs)
        case Thinking():
            yield PartStarted(index, replace(part, text="", signature=None, native=None))
            yield from _text(index, part.text)
            yield from _signature(index, part.signature)
        case ToolCall():
            # The signature comes at once: a writer may have to say it before the call.
            yield PartStarted(index, replace(part, arguments="", native=None))
            if part.arguments:
                yield ArgumentsDelta(index, part.arguments)
        case _:
            yield PartStarted(index, part)
    yield PartEnded(index)


def _text(index: int, text: str, logprobs: tuple[TokenLogprob, ...] = ()) -> Iterator[PartEvent]:
    if text:
        yield TextDelta(index, text, logprobs)


def _signature(index: int, signature: Signature | None) -> Iterator[PartEvent]:
    if signature is not None:
        yield SignatureTold(index, signature)
