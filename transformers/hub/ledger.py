"""The ledger: which delta belongs to which part. Kept once, for every stream reader.

A reader names parts by a key of its vendor's choosing (a block index, a tool-call index, "text"); the ledger hands out
dense indexes in order of first appearance, opens and closes parts, and drops empty deltas. Protocol modules only map.
"""

from collections.abc import Hashable

from axonhub.transformers.hub.events import ArgumentsDelta, Event, PartEnded, PartStarted, SignatureTold, TextDelta
from axonhub.transformers.hub.logprobs import TokenLogprob
from axonhub.transformers.hub.parts import Part, Signature, ToolCall


class Ledger:
    """Open parts of one stream. Every method returns the events that it caused, in order. Not thread-safe."""

    def __init__(self) -> None:
        self._open: dict[Hashable, int] = {}
        self._count = 0
        self.saw_tool_call = False

    def is_open(self, key: Hashable) -> bool:
        return key in self._open

    def start(self, key: Hashable, part: Part) -> list[Event]:
        """Opens a part. The key must not be open."""
        if key in self._open:
            raise KeyError(key)
        self._open[key] = self._count
        self._count += 1
        self.saw_tool_call = self.saw_tool_call or isinstance(part, ToolCall)
        return [PartStarted(self._open[key], part)]

    def whole(self, part: Part) -> list[Event]:
        """A part that has no deltas."""
        index = self._count
        self._count += 1
        return [PartStarted(index, part), PartEnded(index)]

    def text(self, key: Hashable, text: str, part: Part, logprobs: tuple[TokenLogprob, ...] = ()) -> list[Event]:
        """Text for the part of this key, which is opened as `part` when it is not open."""
        if not text:
            return []
        started = [] if key in self._open else self.start(key, part)
        return [*started, TextDelta(self._open[key], text, logprobs)]

    def arguments(self, key: Hashable, text: str) -> list[Event]:
        """Argument text for an open tool call."""
        return [ArgumentsDelta(self._open[key], text)] if text else []

    def signature(self, key: Hashable, signature: Signature) -> list[Event]:
        return [SignatureTold(self._open[key], signature)]

    def index(self, key: Hashable) -> int:
        """The dense index of an open part."""
        return self._open[key]

    def end(self, key: Hashable) -> list[Event]:
        """Closes the part of this key; nothing when it is not open."""
        return [PartEnded(self._open.pop(key))] if key in self._open else []

    def end_all(self) -> list[Event]:
        ended: list[Event] = [PartEnded(index) for index in self._open.values()]
        self._open.clear()
        return ended
