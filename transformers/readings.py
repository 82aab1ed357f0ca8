"""Readings: what was made of the values of a conversation's last request, for those that stand in its next one as well.

A reader that looks at a value only at its place asks here first. It is the same value when it is the same object, which
reparse.py sees to; documents are never changed.
"""

from collections.abc import Callable
from typing import cast

from axonhub.transformers.json_types import Json


class Readings:
    """Of one request. Keeps its values alive and, until it is `settled`, those of the request before."""

    def __init__(self, before: "Readings | None" = None) -> None:
        self._before: dict[str, tuple[Json, object]] = before._now if before else {}
        self._now: dict[str, tuple[Json, object]] = {}

    def of[T](self, path: str, value: Json, read: Callable[[], T]) -> T:
        """`read()`, unless that was done: it must depend on path and value alone, and always be the same for a path."""
        known = self._before.get(path)
        if known is None or known[0] is not value:
            known = value, read()
        self._now[path] = known
        return cast(T, known[1])

    def settled(self) -> None:
        """The request is read. What the one before had more need not live any longer: of a conversation that was cut
        short that may be megabytes."""
        self._before = {}
