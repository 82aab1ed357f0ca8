"""Hub events → the stream of a response, in the order that OpenAI keeps and its clients rely on.

response.created, response.in_progress; for each item output_item.added, its parts and deltas, their ends,
output_item.done; one of response.completed, .incomplete, .failed with the whole Response. Items never overlap. An item
is announced when it has something to say, so that an empty part leaves no gap in the indexes.

Codex takes text from output_item.done, ignores `error` events, and starts over without a terminal event.
"""

import orjson

from axonhub.transformers.hub.events import (
    AnnotationTold,
    ArgumentsDelta,
    End,
    Event,
    Failed,
    PartEnded,
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
from axonhub.transformers.hub.parts import (
    Hosted,
    Image,
    Inline,
    Part,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    Unknown,
)
from axonhub.transformers.hub.responses import StopReason
from axonhub.transformers.hub.sequencer import Sequencer
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.openai_logprobs import write_tokens
from axonhub.transformers.protocol import Reply
from axonhub.transformers.protocols.openai_responses.annotations import flat_annotation
from axonhub.transformers.protocols.openai_responses.failures import failed_response_error
from axonhub.transformers.protocols.openai_responses.names import NAME
from axonhub.transformers.protocols.openai_responses.usage import write_usage
from axonhub.transformers.protocols.openai_responses.writing_responses import (
    call_item,
    content_part,
    ending,
    item_id_of,
    item_kind,
    reasoning_item,
    response_id,
    response_object,
    signature_item,
    with_status,
)

_KEEPALIVE = b": keepalive\n\n"


class ResponsesStreamWriter:
    """One a stream. Not thread-safe."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._sequencer = Sequencer()
        self._response = response_object(reply)
        self._out: list[bytes] = []
        self._sequence = 0
        self._begun = self._ended = False
        self._usage = Usage()
        self._stop = StopReason.END
        self._items: list[Json] = []
        self._part: Part | None = None
        self._pieces: list[str] = []
        self._signature: Signature | None = None
        self._annotations: list[JsonObject] = []
        self._logprobs: list[TokenLogprob] = []
        self._announced = False
        """Does the client know of the current part?"""
        self._item_id: str | None = None
        """The open item's; None when no item is open. A message stays open over several parts."""
        self._content: list[JsonObject] = []
        """The finished parts of the open message."""

    def write(self, event: Event) -> bytes:
        if self._ended:
            return b""
        for each in self._sequencer.feed(event):
            self._take(each)
        out = b"".join(self._out)
        self._out.clear()
        return out

    def keepalive(self) -> bytes:
        return b"" if self._ended else _KEEPALIVE

    def _take(self, event: Event) -> None:
        match event:
            case TextDelta(text=text, logprobs=logprobs):
                self._text(text, logprobs)
            case ArgumentsDelta(text=text):
                self._arguments(text)
            case Start():
                self._begin(event)
            case PartStarted(part=part):
                self._start(part)
            case SignatureTold(signature=signature):
                self._signature = signature
            case AnnotationTold(annotation=annotation):
                self._annotate(annotation)
            case PartEnded():
                self._end_part()
            case UsageTold(usage=usage):
                self._usage = self._usage.updated(usage)
            case Stop(reason=reason):
                self._stop = reason
            case End():
                self._finish()
            case Failed(failure=failure):
                self._fail(failure)
            case Ping():
                pass

    def _emit(self, kind: str, payload: JsonObject) -> None:
        data = orjson.dumps({"type": kind, "sequence_number": self._sequence, **payload})
        if b"\xe2\x80" in data:
            # Line separators inside JSON strings: older decoders end a line there.
            data = data.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
        self._sequence += 1
        self._out.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), data))

    # -- the response

    def _begin(self, start: Start) -> None:
        if self._begun:
            return
        self._begun = True
        self._usage = self._usage.updated(start.usage)
        self._response["id"] = response_id(self._reply, start.id)
        self._emit("response.created", {"response": self._response})
        self._emit("response.in_progress", {"response": self._response})

    def _finish(self) -> None:
        self._begin(Start())
        self._end_part()
        status, details = ending(self._stop)
        self._close_message(status)
        self._terminal(status, {"incomplete_details": details})

    def _fail(self, failure: Failure) -> None:
        self._begin(Start())
        self._terminal("failed", {"error": failed_response_error(failure)})

    def _terminal(self, status: str, told: JsonObject) -> None:
        completed_at = self._reply.created_s if status == "completed" else None
        output = with_status(self._items, status)
        ended: JsonObject = {"status": status, "completed_at": completed_at, "output": output}
        self._emit(
            f"response.{status}", {"response": {**self._response, **ended, "usage": write_usage(self._usage), **told}}
        )
        self._ended = True

    # -- parts

    def _start(self, part: Part) -> None:
        self._begin(Start())
        self._end_part()
        self._part, self._announced, self._signature = part, False, None
        self._pieces, self._annotations, self._logprobs = [], [], []
        match part:
            case Text(text=text) | Refusal(text=text) | Thinking(text=text):
                if not isinstance(part, Text | Refusal):
                    self._close_message()
                if text:
                    self._text(text)
            case ToolCall():
                self._close_message()
                self._open_call(part)
            case _:
                self._close_message()
                self._whole(part)

    def _end_part(self) -> None:
        part, self._part = self._part, None
        match part:
            case Text() | Refusal():
                self._end_content(part)
            case Thinking():
                self._end_thinking(part)
            case ToolCall():
                self._end_call(part)
            case _:
                pass

    def _text(self, text: str, logprobs: tuple[TokenLogprob, ...] = ()) -> None:
        if not self._announced:
            self._announce()
        self._pieces.append(text)
        part = self._part
        if isinstance(part, Thinking):
            self._emit(
                "response.reasoning_summary_text.delta",
                {"item_id": self._item_id, "output_index": len(self._items), "summary_index": 0, "delta": text},
            )
        else:
            place = self._place() | {"delta": text}
            if isinstance(part, Refusal):
                self._emit("response.refusal.delta", place)
            else:
                self._logprobs += logprobs
                self._emit("response.output_text.delta", place | {"logprobs": write_tokens(logprobs)})

    def _announce(self) -> None:
        self._announced = True
        if isinstance(self._part, Thinking):
            self._open_item("reasoning", {"summary": []}, self._part.item_id)
            self._emit(
                "response.reasoning_summary_part.added",
                self._summary_place() | {"part": {"type": "summary_text", "text": ""}},
            )
            return
        if self._item_id is None:
            self._open_item("message", {"status": "in_progress", "content": [], "role": "assistant"})
        empty = Refusal("") if isinstance(self._part, Refusal) else Text("")
        self._emit("response.content_part.added", self._place() | {"part": content_part(empty)})

    def _annotate(self, annotation: JsonObject) -> None:
        if not isinstance(self._part, Text):
            return
        flat = flat_annotation(annotation, sum(map(len, self._pieces)))
        if flat is None:
            return
        if not self._announced:
            self._announce()
        self._annotations.append(annotation)
        told: JsonObject = {"annotation_index": len(self._annotations) - 1, "annotation": flat}
        self._emit("response.output_text.annotation.added", self._place() | told)

    def _end_content(self, part: Text | Refusal) -> None:
        if self._announced:
            words = "".join(self._pieces)
            place = self._place()
            if isinstance(part, Refusal):
                whole = content_part(Refusal(words))
                self._emit("response.refusal.done", place | {"refusal": words})
            else:
                told, odds = (*part.annotations, *self._annotations), tuple(self._logprobs)
                whole = content_part(Text(words, annotations=told, logprobs=odds))
                self._emit("response.output_text.done", place | {"text": words, "logprobs": write_tokens(odds)})
            self._emit("response.content_part.done", place | {"part": whole})
            self._content.append(whole)
        signature = self._signature or (part.signature if isinstance(part, Text) else None)
        if signature is not None:
            self._close_message()
            self._append_signature("", signature)

    def _end_thinking(self, part: Thinking) -> None:
        words = "".join(self._pieces)
        signature = self._signature or part.signature
        if not words and signature is None and part.redacted is None:
            return
        if words:
            place = self._summary_place()
            self._emit("response.reasoning_summary_text.done", place | {"text": words})
            whole: JsonObject = {"type": "summary_text", "text": words}
            self._emit("response.reasoning_summary_part.done", place | {"part": whole})
        else:
            self._open_item("reasoning", {"summary": []}, part.item_id)
        self._close_item("reasoning", reasoning_item(Thinking(words, signature, part.redacted)))

    # -- tool calls

    def _open_call(self, call: ToolCall) -> None:
        self._announced = True
        kind = item_kind(call)
        member = "input" if call.kind == "freeform" else "arguments"
        self._open_item(kind, call_item(call) | {member: "", "status": "in_progress"}, call.item_id)
        if call.arguments:
            self._arguments(call.arguments)

    def _arguments(self, text: str) -> None:
        if not isinstance(self._part, ToolCall):
            return
        self._pieces.append(text)
        freeform = self._part.kind == "freeform"
        kind = "response.custom_tool_call_input.delta" if freeform else "response.function_call_arguments.delta"
        self._emit(kind, {"item_id": self._item_id, "output_index": len(self._items), "delta": text})

    def _end_call(self, call: ToolCall) -> None:
        freeform = call.kind == "freeform"
        if not self._pieces and not freeform:
            self._part = call
            self._arguments("{}")
            self._part = None
        words = "".join(self._pieces)
        place: JsonObject = {"item_id": self._item_id, "output_index": len(self._items)}
        if freeform:
            self._emit("response.custom_tool_call_input.done", place | {"input": words})
        else:
            told: JsonObject = {"name": call.name, "arguments": words}
            self._emit("response.function_call_arguments.done", place | told)
        item = call_item(ToolCall(call.id, call.name, words, call.kind, call.namespace))
        self._close_item(item_kind(call), item | {"status": "completed"})
        signature = self._signature or call.signature
        if signature is not None:
            self._append_signature(str(item["call_id"]), signature)

    # -- items

    def _place(self) -> JsonObject:
        return {"item_id": self._item_id, "output_index": len(self._items), "content_index": len(self._content)}

    def _summary_place(self) -> JsonObject:
        return {"item_id": self._item_id, "output_index": len(self._items), "summary_index": 0}

    def _open_item(self, kind: str, item: JsonObject, provider_id: str | None = None) -> None:
        self._item_id = item_id_of(self._reply, kind, len(self._items), provider_id)
        whole: JsonObject = {"id": self._item_id, "type": kind, **item}
        self._emit("response.output_item.added", {"output_index": len(self._items), "item": whole})

    def _close_item(self, kind: str, item: JsonObject) -> None:
        whole: JsonObject = {"id": self._item_id, "type": kind, **item}
        self._emit("response.output_item.done", {"output_index": len(self._items), "item": whole})
        self._items.append(whole)
        self._item_id = None

    def _close_message(self, status: str = "completed") -> None:
        if self._item_id is not None and self._content:
            content = list[Json](self._content)
            self._content = []
            self._close_item("message", {"status": status, "content": content, "role": "assistant"})

    def _append_signature(self, call_id: str, signature: Signature) -> None:
        item = signature_item(call_id, signature)
        self._open_item("reasoning", {"summary": []})
        self._close_item("reasoning", item)

    def _whole(self, part: Part) -> None:
        """A part without deltas; one that only another protocol can say is left out, as in the whole response."""
        match part:
            case Image(source=Inline(data=data)):
                self._open_item("image_generation_call", {"status": "in_progress", "result": None})
                self._close_item("image_generation_call", {"status": "completed", "result": data})
            case Hosted() | Unknown() if part.native.protocol == NAME:
                told: JsonObject = {"output_index": len(self._items), "item": part.native.value}
                self._emit("response.output_item.added", told)
                self._emit("response.output_item.done", told)
                self._items.append(part.native.value)
            case _:
                pass
