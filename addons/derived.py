"""What is worked out once from an object of the configuration, and kept as long as that object lives.

The configuration's objects are frozen and replaced as a whole, so identity is all there is to compare; most of them
hold mappings and cannot be hashed. Safe in any thread: at worst something is worked out twice.
"""

from collections.abc import Callable
from weakref import ref


class Derived[Source: object, Value]:
    """Callable: source → value, worked out at the first call."""

    def __init__(self, work_out: Callable[[Source], Value]) -> None:
        self._work_out = work_out
        self._kept: dict[int, tuple[ref[Source], Value]] = {}

    def __call__(self, source: Source) -> Value:
        kept = self._kept.get(id(source))
        if kept is not None and kept[0]() is source:
            return kept[1]
        value = self._work_out(source)
        number = id(source)

        def forget(gone: ref[Source]) -> None:
            found = self._kept.get(number)
            if found is not None and found[0] is gone:  # another object may have taken the place in memory
                del self._kept[number]

        self._kept[number] = (ref(source, forget), value)
        return value
