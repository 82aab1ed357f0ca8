"""A partition: a folder with one stretch of records, their bodies, and once it is sealed an index.

    20260307-0001/records.journal   the records, a TinyDB (journal.py, tables.py)
                  bodies.pack       their bodies (bodies.py)
                  index             only when sealed; made from the journal, and made again when it does not check

One is open for writing at a time. It is sealed when the day (UTC) ends or it has grown enough, and dropped whole by
retention. Bodies refer only to their own partition, so nothing needs counting or collecting.
"""

import os
import re
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from tinydb.queries import QueryLike

from axonhub.addons.store.backend import Record, StoreError
from axonhub.addons.store.index import Index, OpenIndex, write_index
from axonhub.addons.store.journal import Change, decode
from axonhub.addons.store.plan import plan
from axonhub.addons.store.summary import Summary
from axonhub.addons.store.tables import JournalDB, JournalTable

NAME = re.compile(r"\d{8}-\d{4,}")
JOURNAL, PACK, INDEX = "records.journal", "bodies.pack", "index"
TABLE = "requests"
OPEN_TABLE = "open"
"""Requests that have begun and not ended; each leaves it in the moment its record is stored."""
INDEXED = ("id", "trace_id", "thread_id", "key_name", "channel", "used_model", "asked_model", "status", "outcome")

type Signature = tuple[int, int]
"""Which journal and which index file are there: their inodes, 0 for none."""


class Gone(StoreError):
    """The partition was compacted or dropped while it was read: look again."""


def partitions(root: Path) -> list[str]:
    """Names, oldest first."""
    return sorted(name for name in os.listdir(root) if NAME.fullmatch(name))


def signature(folder: Path) -> Signature:
    return inode(folder / JOURNAL), inode(folder / INDEX)


def inode(path: Path) -> int:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0


class Records:
    """One partition's journal, held in memory by number and indexed value, with its summary."""

    def __init__(self, folder: Path, *, read_only: bool) -> None:
        self.folder = folder
        self.summary = Summary()
        self.db = JournalDB(folder / JOURNAL, INDEXED, read_only=read_only, observe=self._observe)

    def _observe(self, change: Change) -> None:
        if change.op == "i" and change.table == TABLE:
            self.summary.add(change.document)

    @property
    def table(self) -> JournalTable:
        return cast(JournalTable, self.db.table(TABLE))

    @property
    def open_table(self) -> JournalTable:
        return cast(JournalTable, self.db.table(OPEN_TABLE))

    def seal(self) -> None:
        """Write the index; the journal must not grow after this. Raises OSError when the disk is full."""
        journal = self.db.journal.journal
        shelf = self.db.journal.shelf(TABLE)
        write_index(self.folder / INDEX, shelf, self.summary, journal.generation, journal.scanned)

    def close(self) -> None:
        self.db.close()


class LivePartition:
    """A partition without a good index, to a reader: scanned once, then followed."""

    def __init__(self, folder: Path) -> None:
        """Raises FileNotFoundError when there is no journal (yet, or any more)."""
        self.name = folder.name
        self.signature = signature(folder)
        self._records = Records(folder, read_only=True)
        self.summary = self._records.summary

    def catch_up(self) -> None:
        """Raises Gone when the writer took back a write that did not fit on the disk."""
        journal = self._records.db.journal.journal
        if os.fstat(journal.fileno()).st_size < journal.scanned:
            raise Gone(self.name)
        self._records.db.journal.catch_up()

    def matching(self, query: QueryLike | None, before: int | None = None) -> Iterator[tuple[int, Record]]:
        """Number and record, newest first, of those with a number below `before`."""
        storage = self._records.db.journal
        shelf = storage.shelf(TABLE)
        numbers = list(shelf.spots) if query is None else shelf.in_order(query)
        for number, document in storage.documents(TABLE, reversed(numbers)):
            if (before is None or number < before) and (query is None or query(document)):
                yield number, document

    def after(self, number: int) -> Iterator[tuple[int, Record]]:
        storage = self._records.db.journal
        return storage.documents(TABLE, (each for each in storage.shelf(TABLE).spots if each > number))

    def unfinished(self) -> Iterator[Record]:
        storage = self._records.db.journal
        return (document for _, document in storage.documents(OPEN_TABLE, storage.shelf(OPEN_TABLE).spots))

    def notes(self) -> list[str]:
        return [
            f"{self.name}: {size} bytes at {at} do not check" for at, size in self._records.db.journal.journal.damaged
        ]

    def close(self) -> None:
        self._records.close()


class SealedPartition:
    """A partition with an index, to a reader: nothing stays open, little stays in memory."""

    def __init__(self, folder: Path) -> None:
        """Raises ValueError or FileNotFoundError when there is no index that fits the journal."""
        self.name = folder.name
        self.signature = signature(folder)
        self._folder = folder
        self._index = Index(folder / INDEX)
        self.summary = self._index.summary
        head, size = first_line(folder / JOURNAL)
        if head is None or head.document.get("generation") != self._index.generation:
            raise ValueError(f"{self.name}: the index is another journal's")
        if size != self._index.journal_bytes:
            raise ValueError(f"{self.name}: the journal has changed since it was indexed")

    def catch_up(self) -> None:
        pass

    def matching(self, query: QueryLike | None, before: int | None = None) -> Iterator[tuple[int, Record]]:
        """Number and record, newest first, of those with a number below `before`. Raises Gone."""
        with self._open_index() as index, OpenJournal(self._folder, self.signature) as journal:
            last = len(self._index) if before is None else bisect_left(index.numbers(), before)
            found = None if query is None else plan(query, index.lookup)
            places = range(last - 1, -1, -1) if found is None else sorted(found, reverse=True)
            for place in places:
                document = journal.document(*index.spot(place)) if place < last else None
                if document is not None and (query is None or query(document)):
                    yield index.number(place), document

    def after(self, number: int) -> Iterator[tuple[int, Record]]:
        with self._open_index() as index, OpenJournal(self._folder, self.signature) as journal:
            numbers = index.numbers()
            for place in range(bisect_left(numbers, number + 1), len(numbers)):
                if (document := journal.document(*index.spot(place))) is not None:
                    yield numbers[place], document

    def unfinished(self) -> Iterator[Record]:
        return iter(())

    def _open_index(self) -> OpenIndex:
        try:
            return self._index.open()
        except FileNotFoundError:
            raise Gone(self.name) from None

    def notes(self) -> list[str]:
        return []

    def close(self) -> None:
        pass


class OpenJournal:
    """A sealed journal while one query runs: records by place, without scanning."""

    def __init__(self, folder: Path, expected: Signature) -> None:
        try:
            self._fd = os.open(folder / JOURNAL, os.O_RDONLY)
        except FileNotFoundError:
            raise Gone(folder.name) from None
        if os.fstat(self._fd).st_ino != expected[0]:
            os.close(self._fd)
            raise Gone(folder.name)

    def __enter__(self) -> "OpenJournal":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def document(self, offset: int, length: int) -> Record | None:
        change = decode(os.pread(self._fd, length, offset))
        return change.document if change else None


def first_line(journal: Path) -> tuple[Change | None, int]:
    """The header, None when it does not check, and the file's size."""
    with journal.open("rb") as file:
        return decode(file.readline()), os.fstat(file.fileno()).st_size


type Partition = LivePartition | SealedPartition


def open_partition(folder: Path) -> Partition:
    """Raises FileNotFoundError when retention was quicker."""
    try:
        return SealedPartition(folder)
    except (ValueError, FileNotFoundError):
        return LivePartition(folder)
