"""Turns: requests that wait, in the order in which they came, until their channel has room for one more.

Not for a channel without a queue, nor when the queue is full, nor longer than its time: then the request goes on as if
there were no queue. Lives on the event loop. `now_s` is in seconds of one monotonic clock.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from axonhub.addons.config import RateLimit
from axonhub.addons.health import Vitals

_LOOK_S = 1.0
"""Of a minute's sums nobody tells that they have become smaller."""


@dataclass(eq=False, slots=True)
class _Waiting:
    poked: asyncio.Event = field(default_factory=asyncio.Event)


class Turns:
    def __init__(self) -> None:
        self._queues: dict[str, deque[_Waiting]] = {}

    @property
    def waiting(self) -> Mapping[str, int]:
        """By channel."""
        return {channel: len(queue) for channel, queue in self._queues.items()}

    def may_wait(self, channel: str, limit: RateLimit) -> bool:
        return len(self._queues.get(channel, ())) < limit.queue_size

    async def wait(
        self, channel: str, limit: RateLimit, vitals: Callable[[], Vitals], left: asyncio.Event, timeout_s: float
    ) -> None:
        """Until there is room and nobody is before us, or the time is over, or `left` is set."""
        queue = self._queues.setdefault(channel, deque())
        own = _Waiting()
        queue.append(own)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    while not left.is_set() and (queue[0] is not own or is_full(limit, vitals())):
                        await _first_of(own.poked, left)
                        own.poked.clear()
        finally:
            queue.remove(own)
            if not queue:
                del self._queues[channel]
            self.poke(channel)

    def poke(self, channel: str) -> None:
        """There may be room on this channel now."""
        if queue := self._queues.get(channel):
            queue[0].poked.set()


def is_full(limit: RateLimit, vitals: Vitals) -> bool:
    pairs = (
        (vitals.in_flight, limit.max_concurrent),
        (vitals.requests_last_minute, limit.rpm),
        (vitals.tokens_last_minute, limit.tpm),
    )
    return any(most is not None and used >= most for used, most in pairs)


async def _first_of(*events: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=_LOOK_S, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
