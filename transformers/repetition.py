"""Repetition: a conversation's next body begins like the one before it, and need not be looked through again.

Looking for a few bytes in 300 kB takes as long as parsing it; comparing it with the body before takes a twentieth.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable

COMPARE_BYTES = 1 << 16
SMALLEST_BYTES = 1 << 14
"""What is shorter is looked through as quickly as it is compared."""
_OVERLAP = 16
"""Longer than any fixed part of what is looked for."""
_BETWEEN = b' \t\r\n:"'
"""What may stand, in any number, between the fixed parts."""


def shared_prefix(old: bytes, new: bytes) -> int:
    """How many bytes both begin with."""
    view = memoryview(old)
    return _alike(min(len(old), len(new)), lambda low, high: new.startswith(view[low:high], low))


def shared_suffix(old: bytes, new: bytes, most: int) -> int:
    """How many bytes both end with, `most` at most, which neither may be shorter than."""
    view, end = memoryview(old), len(old)
    return _alike(most, lambda low, high: new.endswith(view[end - high : end - low], 0, len(new) - low))


def _alike(most: int, same: Callable[[int, int], bool]) -> int:
    """How many of `most` bytes are the same, by a comparison from one number of them to another.

    Slices are compared by memcmp; a loop over bytes would cost 50 times as much.
    """
    low = 0
    while low + COMPARE_BYTES <= most and same(low, low + COMPARE_BYTES):
        low += COMPARE_BYTES
    high = min(low + COMPARE_BYTES, most)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if same(low, middle) else (low, middle - 1)
    return low


class Unseen:
    """Remembers of each conversation the last body in which one thing was not found.

    It keeps bodies alive that others keep as well, `most_bytes` of them. **Not** thread-safe.
    """

    def __init__(self, finds: Callable[[bytes, int], bool], most_bytes: int = 16 << 20) -> None:
        """`finds`: whether the thing stands in a body from an offset on. What it looks for is at most 16 fixed bytes,
        white space and colons, and at most 16 fixed bytes."""
        self._finds, self._most_bytes = finds, most_bytes
        self._bodies: OrderedDict[Hashable, bytes] = OrderedDict()
        self._bytes = 0

    def holds(self, conversation: Hashable, body: bytes) -> bool:
        """The same as `finds(body, 0)`."""
        if len(body) < SMALLEST_BYTES:
            return self._finds(body, 0)
        before = self._forget(conversation)
        found = self._finds(body, safe_start(body, shared_prefix(before, body)) if before else 0)
        if not found:
            self._remember(conversation, body)
        return found

    def _forget(self, conversation: Hashable) -> bytes:
        before = self._bodies.pop(conversation, b"")
        self._bytes -= len(before)
        return before

    def _remember(self, conversation: Hashable, body: bytes) -> None:
        self._bodies[conversation] = body
        self._bytes += len(body)
        while self._bytes > self._most_bytes:
            self._forget(next(iter(self._bodies)))


def safe_start(body: bytes, seen: int) -> int:
    """Where to begin so that nothing is missed that begins among the `seen` bytes and ends behind them."""
    between = len(body[: max(0, seen - _OVERLAP)].rstrip(_BETWEEN))
    return max(0, between - _OVERLAP)
