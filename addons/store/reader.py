"""Reads a store's folder, in the gateway or in another process while the gateway writes: no lock, no wait.

Thread-safe by one lock of its own; methods block on the disk, so call them from a thread, never from the event loop.
"""

import os
import time
from collections.abc import Callable, Iterator
from functools import reduce
from operator import and_
from pathlib import Path
from threading import RLock
from typing import Self, cast

from tinydb import where
from tinydb.queries import QueryLike

from axonhub.addons.store.backend import (
    BodyUnavailable,
    Dimension,
    Filter,
    Health,
    Page,
    Record,
    Scalar,
    Step,
    UsageRow,
)
from axonhub.addons.store.bodies import BodyReader, read_place
from axonhub.addons.store.history import FILE, dropped_sums
from axonhub.addons.store.partition import NAME, PACK, Gone, Partition, open_partition, partitions, signature
from axonhub.addons.store.summary import Summary, number, usage

LOOK_AGAIN_S = 0.25
"""How often the folder is looked through for new partitions; the open one is followed with each call."""
MOST_RETRIES = 5
EVERYTHING = Filter()


class TraceReader:
    def __init__(self, root: Path) -> None:
        self.root = root
        self._partitions: dict[str, Partition] = {}
        self._dropped = Summary()
        self._history_seen: tuple[object, ...] = ()
        self._looked_s = float("-inf")
        self._lock = RLock()

    @classmethod
    def open(cls, root: Path) -> Self:
        """An absent folder reads as an empty store."""
        return cls(root)

    def get(self, request_id: str) -> Record | None:
        return next(iter(self.search(Filter({"id": request_id}), 1).records), None)

    def latest(self, limit: int, wanted: Filter = EVERYTHING) -> tuple[Record, ...]:
        return self.search(wanted, limit).records

    def search(self, wanted: Filter, limit: int, cursor: str | None = None) -> Page:
        return self._steadily(lambda: self._search(wanted, limit, cursor))

    def find(self, query: QueryLike, limit: int) -> tuple[Record, ...]:
        """Newest first, by any TinyDB query, such as `(where("channel") == "a") & (where("duration_ms") > 9000)`."""
        return self._steadily(lambda: self._page(query, EVERYTHING, limit, None).records)

    def trace(self, trace_id: str) -> tuple[Record, ...]:
        found = self.find(where("trace_id") == trace_id, limit=1_000_000)
        return tuple(sorted(found, key=lambda record: number(record.get("ts"))))

    def rollup(
        self, by: Dimension, since_s: float | None = None, until_s: float | None = None, step: Step = "all"
    ) -> tuple[UsageRow, ...]:
        def summed() -> tuple[UsageRow, ...]:
            summaries = [self._dropped, *(each.summary for each in self._partitions.values())]
            return tuple(usage(summaries, by, since_s, until_s, step))

        return self._steadily(summed)

    def unfinished(self) -> tuple[Record, ...]:
        """What was known at the start of requests that are running now; of a killed gateway, that were running then."""

        def newest() -> tuple[Record, ...]:
            names = sorted(self._partitions)
            return tuple(self._partitions[names[-1]].unfinished()) if names else ()

        return self._steadily(newest)

    def follow(self, cursor: str | None, limit: int) -> Page:
        return self._steadily(lambda: self._follow(cursor, limit))

    def body(self, ref: str) -> bytes:
        """The exact bytes. Raises BodyUnavailable."""
        place = read_place(ref)
        if not NAME.fullmatch(place.partition):
            raise BodyUnavailable(f"{ref!r} is not a body reference")
        reader = BodyReader(self.root / place.partition / PACK)
        try:
            return reader.body(place)
        finally:
            reader.close()

    def health(self) -> Health:
        def looked() -> Health:
            notes = tuple(note for each in self._partitions.values() for note in each.notes())
            records = sum(each.summary.records for each in self._partitions.values())
            return Health(not notes, records, size_of(self.root), notes)

        return self._steadily(looked)

    def look_again(self) -> None:
        """The next call looks the folder through, however recently that was done."""
        self._looked_s = float("-inf")

    def close(self) -> None:
        with self._lock:
            for each in self._partitions.values():
                each.close()
            self._partitions.clear()

    def _steadily[T](self, read: Callable[[], T]) -> T:
        """Read what is there now; look again when a partition was compacted or dropped meanwhile."""
        with self._lock:
            for _ in range(MOST_RETRIES):
                try:
                    self._look()
                    return read()
                except (Gone, FileNotFoundError):
                    self.look_again()
            self._look()
            return read()

    def _look(self) -> None:
        now_s = time.monotonic()
        if now_s - self._looked_s >= LOOK_AGAIN_S:
            self._list()
            self._looked_s = now_s
        for each in self._partitions.values():
            each.catch_up()

    def _list(self) -> None:
        names = partitions(self.root) if self.root.is_dir() else []
        before, self._partitions = self._partitions, {}
        for name in names:
            known = before.pop(name, None)
            if known is None or known.signature != signature(self.root / name):
                if known is not None:
                    known.close()
                known = self._opened(name)
            if known is not None:
                self._partitions[name] = known
        for each in before.values():
            each.close()
        if self._history_seen != (seen := (*identity(self.root / FILE), *self._partitions)):
            self._dropped, self._history_seen = dropped_sums(self.root, self._partitions), seen

    def _opened(self, name: str) -> Partition | None:
        try:
            return open_partition(self.root / name)
        except FileNotFoundError:
            return None

    def _search(self, wanted: Filter, limit: int, cursor: str | None) -> Page:
        return self._page(query_of(wanted), wanted, limit, cursor)

    def _page(self, query: QueryLike | None, bounds: Filter, limit: int, cursor: str | None) -> Page:
        found: list[Record] = []
        for name, each, record in self._newest_first(query, bounds, cursor):
            found.append(record)
            if len(found) == limit:
                return Page(tuple(found), f"{name}:{each}")
        return Page(tuple(found), None)

    def _newest_first(
        self, query: QueryLike | None, bounds: Filter, cursor: str | None
    ) -> Iterator[tuple[str, int, Record]]:
        last, before = read_cursor(cursor)
        for name in sorted(self._partitions, reverse=True):
            partition = self._partitions[name]
            if (last and name > last) or not partition.summary.overlaps(bounds.since_s, bounds.until_s):
                continue
            if not may_hold_id(partition, bounds):
                continue
            for each, record in partition.matching(query, before if name == last else None):
                yield name, each, record

    def _follow(self, cursor: str | None, limit: int) -> Page:
        first, after = read_cursor(cursor)
        found: list[Record] = []
        at = cursor or ""
        for name in sorted(self._partitions):
            if name < first:
                continue
            for each, record in self._partitions[name].after(after or 0 if name == first else 0):
                if len(found) == limit:
                    return Page(tuple(found), at)
                found.append(record)
                at = f"{name}:{each}"
        return Page(tuple(found), at)


def may_hold_id(partition: Partition, wanted: Filter) -> bool:
    request_id = wanted.equal.get("id")
    summary = partition.summary
    return not isinstance(request_id, str) or summary.first_id <= request_id <= summary.last_id


def read_cursor(cursor: str | None) -> tuple[str, int | None]:
    """Raises ValueError for what is not one of our cursors."""
    if not cursor:
        return "", None
    name, _, number = cursor.partition(":")
    return name, int(number)


def query_of(wanted: Filter) -> QueryLike | None:
    terms = [equals(name, value) for name, value in wanted.equal.items()]
    if wanted.since_s is not None:
        terms.append(where("ts") >= wanted.since_s)
    if wanted.until_s is not None:
        terms.append(where("ts") < wanted.until_s)
    return reduce(and_, terms) if terms else None


def equals(name: str, value: Scalar) -> QueryLike:
    return cast(QueryLike, where(name) == value)


def identity(path: Path) -> tuple[int, int]:
    """Changes when the file grows or is replaced."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return found.st_ino, found.st_size


def size_of(root: Path) -> int:
    return sum(os.stat(os.path.join(folder, name)).st_size for folder, _, names in os.walk(root) for name in names)
