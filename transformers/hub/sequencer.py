"""The sequencer: overlapping parts become one after the other, for protocols that allow one open part at a time.

The first open part flows through at once; the others wait, whole, and follow in order of first appearance when it ends.
"""

from axonhub.transformers.hub.events import (
    AnnotationTold,
    ArgumentsDelta,
    End,
    Event,
    Failed,
    PartEnded,
    PartStarted,
    SignatureTold,
    Stop,
    TextDelta,
)


class Sequencer:
    """Feeds on events with dense indexes and gives them back sequentially. Not thread-safe."""

    def __init__(self) -> None:
        self._current: int | None = None
        self._waiting: dict[int, list[Event]] = {}

    def feed(self, event: Event) -> list[Event]:
        match event:
            case PartStarted(index):
                return self._start(index, event)
            case TextDelta(index) | ArgumentsDelta(index) | SignatureTold(index) | AnnotationTold(index):
                return self._delta(index, event)
            case PartEnded(index):
                return self._end(index, event)
            case Stop() | End():
                return [*self._drain(), event]
            case Failed():
                return [event]
            case _:
                return [event]

    def _start(self, index: int, event: Event) -> list[Event]:
        if self._current is None:
            self._current = index
            return [event]
        self._waiting[index] = [event]
        return []

    def _delta(self, index: int, event: Event) -> list[Event]:
        if index == self._current:
            return [event]
        self._waiting[index].append(event)
        return []

    def _end(self, index: int, event: Event) -> list[Event]:
        if index != self._current:
            self._waiting[index].append(event)
            return []
        return [event, *self._next()]

    def _next(self) -> list[Event]:
        """The parts that waited: every ended one whole, up to and including the first that is still open."""
        self._current = None
        released: list[Event] = []
        while self._waiting and self._current is None:
            index = next(iter(self._waiting))
            events = self._waiting.pop(index)
            released += events
            if not isinstance(events[-1], PartEnded):
                self._current = index
        return released

    def _drain(self) -> list[Event]:
        """Ends what a reader left open, so that nothing that waited is lost."""
        drained: list[Event] = []
        while self._current is not None:
            drained += self._end(self._current, PartEnded(self._current))
        return drained
