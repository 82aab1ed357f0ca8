"""Checkers of order that are stricter than any reader: hub events, and the streams of Gemini's clients.

Those of the other streams: tests/judges/grammar.py (Anthropic, chat) and responses_wire.py (Responses).
"""

import json
from collections.abc import Iterable, Iterator

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
from axonhub.transformers.hub.parts import Part, Refusal, Text, Thinking, ToolCall


def hub_faults(events: Iterable[Event]) -> list[str]:
    """Every departure from the grammar in hub/events.py; none for a good stream, also one that failed."""
    return list(_HubGrammar().faults(list(events)))


class _HubGrammar:
    def __init__(self) -> None:
        self.open: dict[int, Part] = {}
        self.count = self.stops = 0

    def faults(self, events: list[Event]) -> Iterator[str]:
        if not events or not isinstance(events[-1], End | Failed):
            yield "no End or Failed at the end"
        for place, event in enumerate(events):
            if isinstance(event, End | Failed) and place < len(events) - 1:
                yield f"{type(event).__name__} is followed by {events[place + 1]}"
            if isinstance(event, Start) != (place == 0) and not isinstance(event, Failed | Ping):
                yield f"{type(event).__name__} at {place}"
            yield from self._event(event)

    def _event(self, event: Event) -> Iterator[str]:
        match event:
            case PartStarted(index, part):
                if index != self.count:
                    yield f"part {index} begins while {self.count} is due"
                if isinstance(part, ToolCall) and part.arguments:
                    yield f"call {index} begins with arguments"
                self.open[index] = part
                self.count += 1
            case TextDelta(index, text):
                if not text or not isinstance(self.open.get(index), Text | Refusal | Thinking):
                    yield f"text {text!r} for {self.open.get(index)}"
            case ArgumentsDelta(index, text):
                if not text or not isinstance(self.open.get(index), ToolCall):
                    yield f"arguments {text!r} for {self.open.get(index)}"
            case SignatureTold(index) | AnnotationTold(index):
                if index not in self.open:
                    yield f"{event} for a part that is not open"
            case PartEnded(index):
                if self.open.pop(index, None) is None:
                    yield f"part {index} ends twice or never began"
            case Stop():
                self.stops += 1
                if self.stops > 1:
                    yield "a second Stop"
            case End():
                if self.open or not self.stops:
                    yield f"End with open parts {list(self.open)} and {self.stops} Stop"
            case Start() | UsageTold() | Failed() | Ping():
                pass


REASONS = {"STOP", "MAX_TOKENS", "SAFETY"}


def gemini_faults(stream: bytes) -> list[str]:
    """Every departure from the chunks of generateContent; none for a good stream, be it ended properly or by an
    error."""
    return list(_gemini_faults(stream.decode()))


def _gemini_faults(stream: str) -> Iterator[str]:
    frames = [frame for frame in stream.split("\n\n") if frame.strip("\n")]
    if not stream.endswith("\n\n"):
        yield "the last frame is not closed"
    failed = bool(frames) and frames[-1].startswith('{"error":')
    if failed:
        yield from _error_faults(json.loads(frames.pop()))
    for frame in frames:
        if not frame.startswith("data: {") or "\n" in frame:
            yield f"frame {frame[:80]!r}"
    chunks = [json.loads(frame.removeprefix("data: ")) for frame in frames]
    yield from _ending_faults(chunks, failed)
    for chunk in chunks:
        yield from _chunk_faults(chunk)


def _error_faults(error: dict) -> Iterator[str]:
    said = error["error"]
    if type(said.get("code")) is not int or not said.get("status") or not isinstance(said.get("message"), str):
        yield f"error {said}"


def _ending_faults(chunks: list[dict], failed: bool) -> Iterator[str]:
    reasons = [chunk["candidates"][0].get("finishReason") for chunk in chunks]
    told = [reason for reason in reasons if reason is not None]
    if failed and told:
        yield "an error after a finishReason"
    if not failed and (len(told) != 1 or reasons[-1] is None or told[0] not in REASONS):
        yield f"finishReason in {reasons}"
    if len({(chunk["responseId"], chunk["modelVersion"]) for chunk in chunks}) > 1:
        yield "chunks of different answers"
    for chunk in chunks:
        usage = chunk.get("usageMetadata")
        if usage and not _adds_up(usage):
            yield f"usage {usage}"


def _adds_up(usage: dict) -> bool:
    parts = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    total = sum(usage.get(name, 0) for name in parts)
    return all(type(value) is int and value >= 0 for value in usage.values()) and total == usage["totalTokenCount"]


def _chunk_faults(chunk: dict) -> Iterator[str]:
    (candidate,) = chunk["candidates"]
    if candidate.get("index") != 0 or candidate["content"]["role"] != "model":
        yield f"candidate {candidate}"
    for part in candidate["content"]["parts"]:
        if not part or ("text" in part and not part["text"] and "thoughtSignature" not in part):
            yield f"empty part {part}"
        call = part.get("functionCall")
        if call is not None and (not isinstance(call["args"], dict) or not call["name"] or not call["id"]):
            yield f"call {call}"
