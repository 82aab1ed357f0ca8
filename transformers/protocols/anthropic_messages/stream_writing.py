"""Hub events → the stream of a client. Its clients are strict, so the order is kept by construction.

message_start; then block after block with indexes 0, 1, 2, …, each opened, told and closed before the next; then one
message_delta, with the usage; message_stop. A failure is an error event, after which nothing comes. Blocks open only
when there is something to say in them: white space alone opens none, and no index is spent on silence.
"""

from collections.abc import Callable
from typing import Any, Final

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
from axonhub.transformers.hub.parts import Hosted, Part, Refusal, Signature, Text, Thinking, ToolCall
from axonhub.transformers.hub.responses import StopReason
from axonhub.transformers.hub.sequencer import Sequencer
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocol import Reply
from axonhub.transformers.protocols.anthropic_messages.block_writing import (
    answer_blocks,
    citation,
    signature_blocks,
    wire_call_id,
)
from axonhub.transformers.protocols.anthropic_messages.failures import write_error
from axonhub.transformers.protocols.anthropic_messages.names import HOSTED_CALLS
from axonhub.transformers.protocols.anthropic_messages.responses import estimated_tokens, hides_thinking, message_id
from axonhub.transformers.protocols.anthropic_messages.signing import wire_signature
from axonhub.transformers.protocols.anthropic_messages.stopping import write_stop
from axonhub.transformers.protocols.anthropic_messages.usage import write_usage

_PING: Final = b'event: ping\ndata: {"type":"ping"}\n\n'


class Writer:
    """One a stream; not thread-safe."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._hidden = hides_thinking(reply)
        self._sequencer = Sequencer()
        self._started = self._over = False
        self._usage = Usage()
        self._stop: Stop | None = None
        self._characters = 0
        self._blocks = 0
        """Opened so far; the open one has the last index."""
        self._called_tool = self._refused = False
        self._part: Part | None = None
        """The part that events now tell of."""
        self._open = False
        """Has its block been opened?"""
        self._held: list[str] = []
        """White space that may turn out to be all of a text."""
        self._signature: Signature | None = None

    def write(self, event: Event) -> bytes:
        if self._over:
            return b""
        frames: list[bytes] = []
        if not self._started and type(event) is not Failed and type(event) is not Ping:
            frames.append(self._message_start(event if isinstance(event, Start) else Start()))
        for each in self._sequencer.feed(event):
            say = _SAY.get(type(each))
            if say is not None:
                frames += say(self, each)
        return b"".join(frames)

    def keepalive(self) -> bytes:
        return _PING if self._started and not self._over else b""

    def _message_start(self, start: Start) -> bytes:
        self._started = True
        self._usage = self._usage.updated(start.usage)
        message: JsonObject = {
            "id": message_id(start.id, self._reply),
            "type": "message",
            "role": "assistant",
            "model": self._reply.request.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": write_usage(self._usage, self._reply.estimated_input_tokens, 0),
        }
        return _frame("message_start", {"type": "message_start", "message": message})

    def _ping(self, event: Ping) -> list[bytes]:
        return [self.keepalive()]

    def _usage_told(self, event: UsageTold) -> list[bytes]:
        self._usage = self._usage.updated(event.usage)
        return []

    def _stopped(self, event: Stop) -> list[bytes]:
        self._stop = self._stop or event
        return []

    def _failed(self, event: Failed) -> list[bytes]:
        self._over = True
        return [_frame("error", write_error(event.failure))]

    def _ended(self, event: End) -> list[bytes]:
        self._over = True
        stop = self._stop or Stop(StopReason.END)
        delta: JsonObject = {
            "type": "message_delta",
            "delta": write_stop(stop.reason.when_refused(self._refused), stop.sequence, stop.detail, self._called_tool),
            "usage": write_usage(self._usage, self._reply.estimated_input_tokens, estimated_tokens(self._characters)),
        }
        return [_frame("message_delta", delta), _frame("message_stop", {"type": "message_stop"})]

    def _part_started(self, event: PartStarted) -> list[bytes]:
        part = self._part = event.part
        self._refused = self._refused or isinstance(part, Refusal)
        self._open, self._held, self._signature = False, [], None
        match part:
            case ToolCall():
                return self._tool_started(part, event.index)
            case Thinking(redacted=None, text=words) | Text(text=words) | Refusal(text=words):
                return self._text(words) if words else []
            case Hosted(kind=kind) if kind in HOSTED_CALLS:
                return self._hosted_call(part, event.index)
            case _:
                blocks = answer_blocks(part, self._reply.id, event.index, self._hidden)
                return [frame for block in blocks for frame in self._whole(block)]

    def _tool_started(self, call: ToolCall, index: int) -> list[bytes]:
        frames = [frame for block in signature_blocks(call.signature) for frame in self._thinking_block(block)]
        self._called_tool = True
        block: JsonObject = {
            "type": "tool_use",
            "id": wire_call_id(call.id, self._reply.id, index),
            "name": call.name or f"tool_{index}",
            "input": {},
        }
        # Anthropic itself opens with an empty piece; a call without arguments has no other.
        return [*frames, self._start(block), self._delta({"type": "input_json_delta", "partial_json": call.arguments})]

    def _hosted_call(self, part: Hosted, index: int) -> list[bytes]:
        frames: list[bytes] = []
        for block in answer_blocks(part, self._reply.id, index, self._hidden):
            words = orjson.dumps(block.get("input")).decode()
            frames += [
                self._start(block | {"input": {}}),
                self._delta({"type": "input_json_delta", "partial_json": words}),
                self._end(),
            ]
        return frames

    def _thinking_block(self, block: JsonObject) -> list[bytes]:
        """A block that is only a signature."""
        return [
            self._start({"type": "thinking", "thinking": "", "signature": ""}),
            self._delta({"type": "signature_delta", "signature": block["signature"]}),
            self._end(),
        ]

    def _whole(self, block: JsonObject) -> list[bytes]:
        if block["type"] != "text":
            return [self._start(block), self._end()]
        delta: JsonObject = {"type": "text_delta", "text": block["text"]}
        return [self._start({"type": "text", "text": ""}), self._delta(delta), self._end()]

    def _text_delta(self, event: TextDelta) -> list[bytes]:
        return self._text(event.text)

    def _text(self, words: str) -> list[bytes]:
        self._characters += len(words)
        if isinstance(self._part, Thinking):
            return self._thought(words)
        if self._open:
            return [self._delta({"type": "text_delta", "text": words})]
        self._held.append(words)
        if words.isspace():
            return []
        held = "".join(self._held)
        return [self._start({"type": "text", "text": ""}), self._delta({"type": "text_delta", "text": held})]

    def _thought(self, words: str) -> list[bytes]:
        if self._hidden:
            return []
        delta: JsonObject = {"type": "thinking_delta", "thinking": words}
        return [*self._thinking_started(), self._delta(delta)]

    def _thinking_started(self) -> list[bytes]:
        return [] if self._open else [self._start({"type": "thinking", "thinking": "", "signature": ""})]

    def _arguments_delta(self, event: ArgumentsDelta) -> list[bytes]:
        self._characters += len(event.text)
        return [self._delta({"type": "input_json_delta", "partial_json": event.text})]

    def _signature_told(self, event: SignatureTold) -> list[bytes]:
        self._signature = event.signature
        return []

    def _annotation_told(self, event: AnnotationTold) -> list[bytes]:
        told = citation(event.annotation)
        return [self._delta({"type": "citations_delta", "citation": told})] if told and self._open else []

    def _part_ended(self, event: PartEnded) -> list[bytes]:
        part, self._part = self._part, None
        frames = self._signed(part) if isinstance(part, Thinking) and part.redacted is None else []
        return [*frames, self._end()] if self._open else frames

    def _signed(self, part: Thinking) -> list[bytes]:
        """The one signature, last in its block; reasoning that is hidden or empty is told by it alone."""
        signature = self._signature or part.signature
        if not self._open and signature is None:
            return []
        delta: JsonObject = {"type": "signature_delta", "signature": wire_signature(signature)}
        return [*self._thinking_started(), self._delta(delta)]

    def _start(self, block: JsonObject) -> bytes:
        self._open = True
        self._blocks += 1
        start: JsonObject = {"type": "content_block_start", "index": self._blocks - 1, "content_block": block}
        return _frame("content_block_start", start)

    def _delta(self, delta: JsonObject) -> bytes:
        return _frame("content_block_delta", {"type": "content_block_delta", "index": self._blocks - 1, "delta": delta})

    def _end(self) -> bytes:
        self._open = False
        return _frame("content_block_stop", {"type": "content_block_stop", "index": self._blocks - 1})


def _frame(name: str, data: JsonObject) -> bytes:
    text = orjson.dumps(data)
    if b"\xe2\x80" in text:
        # Old decoders take U+2028 and U+2029 for ends of lines.
        text = text.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    return b"event: %b\ndata: %b\n\n" % (name.encode(), text)


# Each method takes the one event type that it is listed under.
_SAY: Final[dict[type, Callable[[Writer, Any], list[bytes]]]] = {
    PartStarted: Writer._part_started,
    TextDelta: Writer._text_delta,
    ArgumentsDelta: Writer._arguments_delta,
    SignatureTold: Writer._signature_told,
    AnnotationTold: Writer._annotation_told,
    PartEnded: Writer._part_ended,
    UsageTold: Writer._usage_told,
    Stop: Writer._stopped,
    Failed: Writer._failed,
    End: Writer._ended,
    Ping: Writer._ping,
}
