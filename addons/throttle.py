"""How often somebody may show a wrong token: guessing must not pay, and a stale one must not shut others out.

Moments are seconds of one monotonic clock. One token that is wrong is told so `SAME_TOKEN` times a minute; after
`OTHER_TOKENS` different wrong ones from one address nothing is compared for that address until a minute has passed.
Memory is bounded: the address that was not heard of for longest is forgotten.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

WINDOW_S = 60.0
SAME_TOKEN = 5
OTHER_TOKENS = 10
_MOST_ADDRESSES = 1024


@dataclass(slots=True)
class _Visitor:
    failures: OrderedDict[bytes, deque[float]] = field(default_factory=OrderedDict)
    """Digest of a wrong token → when it was shown."""


class Throttle:
    def __init__(self) -> None:
        self._visitors: OrderedDict[str, _Visitor] = OrderedDict()

    def wait_s(self, address: str, token: str, now_s: float) -> float:
        """How long until this token may be looked at; 0: now."""
        visitor = self._visitors.get(address)
        if visitor is None:
            return 0.0
        _forget(visitor, now_s)
        moments = visitor.failures.get(_digest(token))
        if moments is not None:
            return WINDOW_S - (now_s - moments[0]) if len(moments) >= SAME_TOKEN else 0.0
        if len(visitor.failures) < OTHER_TOKENS:
            return 0.0
        return WINDOW_S - (now_s - min(each[-1] for each in visitor.failures.values()))

    def failed(self, address: str, token: str, now_s: float) -> None:
        visitor = self._visitors.setdefault(address, _Visitor())
        self._visitors.move_to_end(address)
        visitor.failures.setdefault(_digest(token), deque(maxlen=SAME_TOKEN)).append(now_s)
        while len(self._visitors) > _MOST_ADDRESSES:
            self._visitors.popitem(last=False)


class Gate:
    """Compares shown tokens with the admin's, wherever one may be shown: what is guessed at one door counts at all."""

    def __init__(self, is_right: Callable[[str], bool], clock: Callable[[], float] = time.monotonic) -> None:
        """`is_right` compares in constant time."""
        self._is_right, self._clock = is_right, clock
        self._throttle = Throttle()

    def wait_s(self, address: str, token: str) -> float:
        """How long this token is not looked at; 0: it is."""
        return self._throttle.wait_s(address, token, self._clock())

    def opens(self, address: str, token: str) -> bool:
        if self.wait_s(address, token):
            return False
        if self._is_right(token):
            return True
        if token:
            self._throttle.failed(address, token, self._clock())
        return False


def _forget(visitor: _Visitor, now_s: float) -> None:
    for digest, moments in list(visitor.failures.items()):
        while moments and now_s - moments[0] >= WINDOW_S:
            moments.popleft()
        if not moments:
            del visitor.failures[digest]


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogateescape")).digest()
