"""What happens in the gateway, for whoever looks on: events to each listener's own queue, which never holds anybody up.

Used on the event loop only. A listener that is too slow loses the oldest events, which the numbers show.
"""

from asyncio import Queue
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

from axonhub.addons.store.backend import Json

_MOST_WAITING = 500
MOST_LISTENERS = 32


@dataclass(frozen=True, slots=True)
class LiveEvent:
    number: int
    kind: str
    """`request.started`, `request.finished` or `configuration`."""
    data: Mapping[str, Json]


class LiveEvents:
    def __init__(self) -> None:
        self._queues: set[Queue[LiveEvent]] = set()
        self._numbers = count(1)

    @property
    def is_heard(self) -> bool:
        """Does anybody listen? Else there is no need to put an event together."""
        return bool(self._queues)

    @property
    def is_full(self) -> bool:
        return len(self._queues) >= MOST_LISTENERS

    def publish(self, kind: str, data: Mapping[str, Json]) -> None:
        event = LiveEvent(next(self._numbers), kind, data)
        for queue in self._queues:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)

    @contextmanager
    def listening(self) -> Iterator[Queue[LiveEvent]]:
        queue: Queue[LiveEvent] = Queue(_MOST_WAITING)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)
