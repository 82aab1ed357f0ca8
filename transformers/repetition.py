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

type Span = tuple[int, int]
type Finder = Callable[[bytes, int, int], bool]
"""Whether something stands in a body between two places. What is looked for is at most 16 fixed bytes, white space and
colons, and at most 16 fixed bytes."""


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
    """Remembers of each conversation the last body and what was not found in it: only what is new is looked through.

    It keeps bodies alive that others keep as well, `most_bytes` of them. **Not** thread-safe.
    """

    def __init__(self, *finders: Finder, most_bytes: int = 16 << 20) -> None:
        self._finders, self._most_bytes = finders, most_bytes
        self._last: OrderedDict[Hashable, tuple[bytes, tuple[bool, ...]]] = OrderedDict()
        self._bytes = 0

    def holds(self, conversation: Hashable, body: bytes) -> tuple[bool, ...]:
        """What each finder says of the whole body."""
        if len(body) < SMALLEST_BYTES:
            return tuple([finds(body, 0, len(body)) for finds in self._finders])
        before, found = self._forget(conversation)
        if before is not body:
            found = self._found(before, found, body)
        self._remember(conversation, body, found)
        return found

    def _found(self, before: bytes, found: tuple[bool, ...], body: bytes) -> tuple[bool, ...]:
        whole, new = (0, len(body)), changed(before, body)
        return tuple([finds(body, *(whole if was else new)) for finds, was in zip(self._finders, found, strict=True)])

    def _forget(self, conversation: Hashable) -> tuple[bytes, tuple[bool, ...]]:
        before, found = self._last.pop(conversation, (b"", (True,) * len(self._finders)))
        self._bytes -= len(before)
        return before, found

    def _remember(self, conversation: Hashable, body: bytes, found: tuple[bool, ...]) -> None:
        self._last[conversation] = body, found
        self._bytes += len(body)
        while self._bytes > self._most_bytes:
            self._forget(next(iter(self._last)))


def changed(old: bytes, new: bytes) -> Span:
    """The part of `new` in which all that a finder looks for begins and ends that is not in `old` as well."""
    prefix = shared_prefix(old, new)
    suffix = shared_suffix(old, new, min(len(old), len(new)) - prefix)
    return _before(new, prefix), _behind(new, len(new) - suffix)


def _before(body: bytes, place: int) -> int:
    """So far before it that what begins there ends before it, too."""
    place = max(0, place - _OVERLAP)
    while place and body[place - 1] in _BETWEEN:
        place -= 1
    return max(0, place - _OVERLAP)


def _behind(body: bytes, place: int) -> int:
    """Likewise behind it."""
    place = min(len(body), place + _OVERLAP)
    while place < len(body) and body[place] in _BETWEEN:
        place += 1
    return min(len(body), place + _OVERLAP)
