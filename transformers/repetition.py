"""Repetition: a conversation's next body begins like the one before it, and need not be looked through again.

Looking for a few bytes in 300 kB takes as long as parsing it; comparing it with the body before takes a twentieth.
"""

import re
from collections.abc import Callable, Set
from dataclasses import dataclass, field

COMPARE_BYTES = 1 << 16
SMALLEST_BYTES = 1 << 14
"""What is shorter is looked through as quickly as it is compared."""
_OVERLAP = 16
"""Longer than any fixed part of what is looked for."""
_BETWEEN = b' \t\r\n:"'
"""What may stand, in any number, between the fixed parts."""
_RUN = re.compile(rb"[%b]*" % re.escape(_BETWEEN))

type Finder = Callable[[bytes, int, int], bool]
"""Whether a thing stands in a body from one place to another. What it looks for is at most 16 fixed bytes, white space
and colons, and at most 16 fixed bytes."""


def shared_prefix(old: bytes, new: bytes) -> int:
    """How many bytes both begin with."""
    view = memoryview(old)
    return _alike(min(len(old), len(new)), lambda low, high: new.startswith(view[low:high], low))


def shared_suffix(old: bytes, new: bytes, most: int) -> int:
    """How many bytes both end with, of the last `most`."""
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


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """A body, and what it shares with an earlier one: a fact about two objects, wherever it is told. Of the earlier one
    it keeps the mark alive, not the bytes. Made by `compared` only."""

    body: bytes
    prefix: int = 0
    suffix: int = 0
    """So many bytes both begin and end with; together no more than the shorter one has."""
    earlier: object = None
    """Whose mark that is; None: it was compared with none."""
    mark: object = field(default_factory=object)
    """Of this body and of no other."""


def compared(body: bytes, earlier: Likeness | None) -> Likeness:
    if earlier is None:
        return Likeness(body)
    prefix = shared_prefix(earlier.body, body)
    suffix = shared_suffix(earlier.body, body, min(len(earlier.body), len(body)) - prefix)
    return Likeness(body, prefix, suffix, earlier.mark)


class Unseen:
    """What is known not to stand in one body, and what it shares with the body before it in its conversation."""

    def __init__(self, before: "Unseen | None" = None, prefix: int = 0, suffix: int = 0) -> None:
        """`prefix`, `suffix`: so many bytes both begin and end with."""
        self._before: Set[Finder] = before._now if before else frozenset()
        self._prefix, self._suffix = prefix, suffix
        self._now: set[Finder] = set()

    def holds(self, finds: Finder, body: bytes) -> bool:
        """The same as `finds(body, 0, len(body))`, always of the same body."""
        start, end = 0, len(body)
        if finds in self._before:
            start, end = safe_start(body, self._prefix), safe_end(body, end - self._suffix)
        found = finds(body, start, end)
        if not found:
            self._now.add(finds)
        return found


def safe_start(body: bytes, seen: int) -> int:
    """Where to begin so that nothing is missed that begins among the first `seen` bytes and ends behind them."""
    between = max(0, seen - _OVERLAP)
    while between and body[between - 1] in _BETWEEN:
        between -= 1
    return max(0, between - _OVERLAP)


def safe_end(body: bytes, seen: int) -> int:
    """Where to end so that nothing is missed that begins before `seen`, from where on all was seen, and ends later."""
    between = _RUN.match(body, min(len(body), seen + _OVERLAP))
    assert between is not None  # it matches nothing, too
    return min(len(body), between.end() + _OVERLAP)
