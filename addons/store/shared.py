"""SharedState for one gateway: plain dictionaries. Several gateways need an engine they all reach, such as Redis."""

from collections import deque
from collections.abc import Callable

MOST_KEYS = 10_000
"""From so many on, those that have expired are looked for."""


class LocalState:
    """Fulfils SharedState. **Not** thread-safe: it belongs to the event loop. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._taken: dict[str, deque[tuple[float, int]]] = {}
        self._affinity: dict[str, tuple[str, float]] = {}
        self._counters: dict[str, int] = {}

    def take(self, key: str, amount: int, limit: int, window_s: float) -> bool:
        now_s = self._clock()
        taken = self._taken.setdefault(key, deque())
        while taken and taken[0][0] <= now_s - window_s:
            taken.popleft()
        if sum(each for _, each in taken) + amount > limit:
            return False
        taken.append((now_s, amount))
        return True

    def affinity(self, key: str) -> str | None:
        channel, until_s = self._affinity.get(key, ("", 0.0))
        if channel and until_s <= self._clock():
            del self._affinity[key]
            return None
        return channel or None

    def set_affinity(self, key: str, channel: str, ttl_s: float) -> None:
        now_s = self._clock()
        if len(self._affinity) >= MOST_KEYS:
            self._affinity = {each: kept for each, kept in self._affinity.items() if kept[1] > now_s}
        self._affinity[key] = (channel, now_s + ttl_s)

    def add(self, counter: str, amount: int) -> int:
        self._counters[counter] = self._counters.get(counter, 0) + amount
        return self._counters[counter]
