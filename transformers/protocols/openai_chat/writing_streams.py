"""Hub events → a stream of chat completion chunks, in the order that openai-python's accumulator can follow.

It joins strings and merges lists by `index`, so role, id, name and type are said once, and no list comes twice without
indexes. Chat's tool calls may interleave, text and reasoning are strings of their own: nothing is put in sequence.
"""

from typing import Final, Literal

import orjson

from axonhub.transformers.carriers import carried
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
from axonhub.transformers.hub.parts import Image, Part, Refusal, Signature, Text, Thinking, ToolCall
from axonhub.transformers.hub.responses import StopReason
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import Reply
from axonhub.transformers.protocols.openai_chat.failures import write_failure
from axonhub.transformers.protocols.openai_chat.reasoning import SEPARATOR, carrier_detail, carrier_of, hides_reasoning
from axonhub.transformers.protocols.openai_chat.stops import write_stop
from axonhub.transformers.protocols.openai_chat.usage import write_usage
from axonhub.transformers.protocols.openai_chat.writing_responses import (
    call_id,
    is_legacy,
    of_candidate,
    response_id,
    write_annotations,
    write_image,
    write_logprobs,
)

_DONE: Final = b"data: [DONE]\n\n"


class _TextPart:
    """A part whose deltas are text, and the field of the message that they go to."""

    __slots__ = ("field", "length", "start")

    def __init__(self, field: Literal["content", "refusal", "reasoning_content"], start: int = 0) -> None:
        self.field = field
        self.start = start
        """Where it begins in the message's content, in characters."""
        self.length = 0


class _Call:
    """A tool call that was announced to the client."""

    __slots__ = ("argued", "custom", "index")

    def __init__(self, index: int, custom: bool) -> None:
        self.index = index
        self.custom = custom
        self.argued = False


class ChatStreamWriter:
    """One a stream. Not thread-safe."""

    def __init__(self, reply: Reply, choice: int = 0) -> None:
        """`choice`: which of several answers this one writes; the first one's writer holds those of the others."""
        request = reply.request
        self._reply, self._request = of_candidate(reply, choice), request
        self._choice = choice
        self._further: dict[int, ChatStreamWriter] = {}
        self._legacy = is_legacy(request)
        self._hides_reasoning = hides_reasoning(request)
        self._tells_usage = bool(request.stream_usage)
        self._head: JsonObject | None = None
        """What every chunk says; None before the first one."""
        self._silent = False
        """A further answer that has not told its role."""
        self._texts: dict[int, _TextPart] = {}
        self._calls: dict[int, _Call] = {}
        self._content_length = 0
        self._reasoned = False
        self._details = 0
        self._images = 0
        self._annotations: list[Json] = []
        self._usage = Usage()
        self._stopped = False
        self._over = False

    def write(self, event: Event) -> bytes:
        if self._over:
            return b""
        match event:
            case TextDelta(index, text, logprobs):
                return self._text(index, text, logprobs)
            case ArgumentsDelta(index, text):
                return self._arguments(index, text)
            case Start(id, _, usage):
                self._usage = self._usage.updated(usage)
                return self._start(id)
            case PartStarted(index, part):
                return self._part(index, part)
            case PartEnded(index):
                return self._end_part(index)
            case SignatureTold(index, signature):
                return self._sign(index, signature)
            case AnnotationTold(index, annotation):
                self._annotate(index, annotation)
                return b""
            case UsageTold(usage):
                self._usage = self._usage.updated(usage)
                return b""
            case Stop(reason):
                return self._stop(reason)
            case OfCandidate(candidate, inner):
                return self._of(candidate).write(inner) if self._request.sampling.asks_for(candidate) else b""
            case Failed(failure):
                self._over = True
                return _frame(write_failure(failure)[1]) + _DONE
            case End():
                return self._end()
            case Ping():
                return b""

    def keepalive(self) -> bytes:
        """A comment: an event without data breaks openai-python."""
        return b"" if self._over else b": keepalive\n\n"

    # -- chunks

    def _start(self, provider_id: str | None) -> bytes:
        if self._head is not None:
            return b""
        self._head = {
            "id": response_id(provider_id, self._reply),
            "object": "chat.completion.chunk",
            "created": self._reply.created_s,
            "model": self._reply.request.model,
        }
        return self._delta({"role": "assistant", "content": ""})

    def _of(self, candidate: int) -> "ChatStreamWriter":
        """The writer of a further answer: its chunks say the same of the response, its role comes with the first."""
        if candidate not in self._further:
            self._further[candidate] = further = ChatStreamWriter(self._reply, candidate)
            further._head, further._silent = self._head, True
        return self._further[candidate]

    def _delta(self, delta: JsonObject, finish_reason: str | None = None, logprobs: JsonObject | None = None) -> bytes:
        lead = b"" if self._head is not None else self._start(None)
        if self._silent:
            self._silent, delta = False, {"role": "assistant", **delta}
        chunk: JsonObject = {
            **(self._head or {}),
            "choices": [{"index": self._choice, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}],
        }
        if self._tells_usage:
            chunk["usage"] = None
        return lead + _frame(chunk)

    # -- parts

    def _part(self, index: int, part: Part) -> bytes:
        match part:
            case Text():
                self._texts[index] = _TextPart("content", self._content_length)
            case Refusal():
                self._texts[index] = _TextPart("refusal")
            case Thinking():
                self._texts[index] = _TextPart("reasoning_content")
                return self._carry(index, carrier_of(part))
            case ToolCall():
                return self._call(index, part)
            case Image():
                self._images += 1
                return self._delta({"images": [write_image(part, self._images - 1)]})
            case _:
                pass  # A tool that the provider ran itself: chat's clients know no such part.
        return b""

    def _text(self, index: int, text: str, logprobs: tuple[TokenLogprob, ...]) -> bytes:
        part = self._texts[index]
        if part.field == "content":
            self._content_length += len(text)
        elif part.field == "reasoning_content":
            if self._hides_reasoning:
                return b""
            if self._reasoned and not part.length:
                part.length += len(text)
                return self._delta({part.field: SEPARATOR + text})
            self._reasoned = True
        part.length += len(text)
        if not logprobs:
            return self._delta({part.field: text})
        told = write_logprobs(logprobs, ()) if part.field == "content" else write_logprobs((), logprobs)
        return self._delta({part.field: text}, logprobs=told)

    def _call(self, index: int, call: ToolCall) -> bytes:
        place = len(self._calls)
        known = self._calls[index] = _Call(place, call.kind == "freeform")
        if self._legacy:
            return b"" if place else self._delta({"function_call": {"name": call.name, "arguments": ""}})
        said: JsonObject = {"index": place, "id": call_id(call, self._reply, place)}
        if known.custom:
            said |= {"type": "custom", "custom": {"name": call.name, "input": ""}}
        else:
            said |= {"type": "function", "function": {"name": call.name, "arguments": ""}}
        if call.signature is not None:
            said |= _signed(call.signature)
        return self._delta({"tool_calls": [said]})

    def _arguments(self, index: int, text: str) -> bytes:
        call = self._calls[index]
        call.argued = True
        if self._legacy:
            return b"" if call.index else self._delta({"function_call": {"arguments": text}})
        return self._argue(call, text, {})

    def _argue(self, call: _Call, text: str, beside: JsonObject) -> bytes:
        said: JsonObject = {"custom": {"input": text}} if call.custom else {"function": {"arguments": text}}
        return self._delta({"tool_calls": [{"index": call.index, **said, **beside}]})

    def _end_part(self, index: int) -> bytes:
        call = self._calls.get(index)
        if call is None or call.argued or call.custom:
            return b""
        return self._arguments(index, "{}")  # Clients parse the arguments, and "" is no JSON.

    def _sign(self, index: int, signature: Signature) -> bytes:
        if index in self._calls:
            if self._legacy:
                return b""
            # openai-python asserts that every delta of a function's call has a `function`.
            return self._argue(self._calls[index], "", _signed(signature))
        part = self._texts.get(index)
        is_thought = part is not None and part.field == "reasoning_content"
        return self._carry(index, carried(signature)) if is_thought else b""

    def _carry(self, index: int, carrier: str | None) -> bytes:
        if carrier is None:
            return b""
        detail = carrier_detail(carrier, self._details, self._texts[index].length)
        self._details += 1
        return self._delta({"reasoning_details": [detail]})

    def _annotate(self, index: int, annotation: JsonObject) -> None:
        part = self._texts.get(index)
        if part is not None:
            self._annotations += write_annotations((annotation,), part.start, part.start + part.length)

    # -- the end

    def _stop(self, reason: StopReason) -> bytes:
        if self._stopped:
            return b""
        self._stopped = True
        # All in one delta: a second list without indexes breaks openai-python.
        told = self._delta({"annotations": self._annotations}) if self._annotations else b""
        return told + self._delta({}, write_stop(reason, bool(self._calls), self._legacy))

    def _end(self) -> bytes:
        finish = b"".join(each._stop(StopReason.END) for each in (*self._further.values(), self))
        self._over = True
        if not self._tells_usage:
            return finish + _DONE
        return finish + _frame({**(self._head or {}), "choices": [], "usage": write_usage(self._usage)}) + _DONE


def _signed(signature: Signature) -> JsonObject:
    return {"extra_content": {"google": {"thought_signature": carried(signature)}}}


def _frame(chunk: JsonObject) -> bytes:
    # Old decoders take the Unicode line separators for the end of a line.
    text = orjson.dumps(chunk)
    if b"\xe2\x80\xa8" in text or b"\xe2\x80\xa9" in text:
        text = text.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    return b"data: " + text + b"\n\n"
