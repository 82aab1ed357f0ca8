"""Repetition: a conversation's next body begins like the one before it, and need not be looked through again.

Looking for a few bytes in 300 kB takes as long as parsing it; comparing it with the body before takes a twentieth.
"""

import re
from collections.abc import Callable, Set
from dataclasses import dataclass, field

COMPARE_BYTES = 1 << 16
"""At once: slices are compared by memcmp, a loop over bytes would cost 50 times as much."""
_STEPS = tuple(COMPARE_BYTES >> shift for shift in range(1, 17))
"""What is alike within the first piece that is not: half of it or not, a quarter more or not, and so on to one byte."""
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
    view, most, same = memoryview(old), min(len(old), len(new)), 0
    while same + COMPARE_BYTES <= most and new.startswith(view[same : same + COMPARE_BYTES], same):
        same += COMPARE_BYTES
    for step in _STEPS:
        if same + step <= most and new.startswith(view[same : same + step], same):
            same += step
    return same


def shared_suffix(old: bytes, new: bytes, most: int) -> int:
    """How many bytes both end with, of the last `most`."""
    view, old_end, new_end, least = memoryview(old), len(old), len(new), len(new) - most
    while new_end - COMPARE_BYTES >= least and new.endswith(view[old_end - COMPARE_BYTES : old_end], 0, new_end):
        old_end, new_end = old_end - COMPARE_BYTES, new_end - COMPARE_BYTES
    for step in _STEPS:
        if new_end - step >= least and new.endswith(view[old_end - step : old_end], 0, new_end):
            old_end, new_end = old_end - step, new_end - step
    return len(new) - new_end


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
        self._new: tuple[int, int] | None = None
        """From where to where something may stand that stood not in the body before; None: nobody has asked."""

    def holds(self, finds: Finder, body: bytes) -> bool:
        """The same as `finds(body, 0, len(body))`, always of the same body."""
        start, end = 0, len(body)
        if finds in self._before:
            if self._new is None:
                self._new = safe_start(body, self._prefix), safe_end(body, end - self._suffix)
            start, end = self._new
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
