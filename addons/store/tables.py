"""TinyDB on a journal: the same tables, queries and documents, but a write costs what it changes, not what is stored.

`JournalStorage` alone fulfils TinyDB's storage contract, so `TinyDB(path, storage=JournalStorage)` opens any journal
and writes only the difference; but that contract is "read all, write all", hence O(n). `JournalDB` gives the tables
lazy views of the journal instead: TinyDB's own insert, update, upsert and remove run on them unchanged. **Not**
thread-safe.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, cast

from tinydb import TinyDB
from tinydb.queries import QueryLike
from tinydb.storages import Storage
from tinydb.table import Document, Table

from axonhub.addons.store.backend import Json, Scalar, StoreError
from axonhub.addons.store.journal import Change, Journal, decode, encode, rewrite
from axonhub.addons.store.plan import SCALARS, plan

type Fields = dict[str, Json]
type Edit = tuple[str, int, Fields]
"""Operation, document number, and the document: an empty one for operations that have none."""


class Shelf:
    """Where one table's documents lie in the journal, in table order, and which of them hold an indexed value."""

    def __init__(self, indexed: Sequence[str]) -> None:
        self.spots: dict[int, tuple[int, int, int]] = {}
        """Document number → offset, length, position in the table's order."""
        self.postings: dict[str, dict[Scalar, list[int]]] = {name: {} for name in indexed}
        """Entries of replaced and deleted documents stay; whoever reads checks the document."""
        self._placed = 0
        self.only_grew = True
        """Nothing was replaced or deleted, so the postings are exact."""

    def put(self, doc_id: int, document: Mapping[str, Json], offset: int, length: int) -> None:
        known = self.spots.get(doc_id)
        self.only_grew &= known is None
        self.spots[doc_id] = (offset, length, known[2] if known else self._placed)
        self._placed += 1
        for name, index in self.postings.items():
            if name in document and type(value := document[name]) in SCALARS:
                index.setdefault(cast(Scalar, value), []).append(doc_id)

    def lookup(self, name: str, value: Scalar) -> Iterable[int] | None:
        index = self.postings.get(name)
        return None if index is None else index.get(value, ())

    def remove(self, doc_id: int) -> None:
        self.only_grew = False
        self.spots.pop(doc_id, None)

    def clear(self) -> None:
        self.spots.clear()
        for index in self.postings.values():
            index.clear()

    def in_order(self, query: QueryLike) -> list[int]:
        """The numbers of the documents that may match, in table order."""
        found = plan(query, self.lookup)
        if found is None:
            return list(self.spots)
        return sorted((each for each in found if each in self.spots), key=lambda each: self.spots[each][2])


class JournalStorage(Storage):
    """A journal as TinyDB storage."""

    def __init__(
        self,
        path: str | Path,
        indexed: Sequence[str] = (),
        *,
        read_only: bool = False,
        observe: Callable[[Change], None] | None = None,
    ) -> None:
        """`indexed` fields are found without a scan; `observe` sees every change, old ones too, in the file's order."""
        self._indexed = indexed
        self._observe = observe
        self.shelves: dict[str, Shelf] = {}
        self.journal = Journal(Path(path), read_only=read_only)
        self.catch_up()
        if not read_only:
            self.journal.begin()
            self.catch_up()

    def catch_up(self) -> None:
        """Take in what the writing process has appended since."""
        for entry in self.journal.scan():
            if entry.change is not None:
                self._apply(entry.change, entry.offset, entry.length)

    def _apply(self, change: Change, offset: int, length: int) -> None:
        op, table, doc_id, document = change
        if op == "i":
            self.shelf(table).put(doc_id, document, offset, length)
        elif op == "d":
            self.shelf(table).remove(doc_id)
        elif op == "t":
            self.shelf(table).clear()
        elif op == "x":
            self.shelves.pop(table, None)
        if self._observe is not None:
            self._observe(change)

    def shelf(self, table: str) -> Shelf:
        if table not in self.shelves:
            self.shelves[table] = Shelf(self._indexed)
        return self.shelves[table]

    def commit(self, table: str, edits: Iterable[Edit]) -> None:
        """Journal the edits with one write, then show them. Raises WriteFailed, and then nothing has changed."""
        if self.journal.read_only:
            raise StoreError(f"{self.journal.path.name} was opened for reading")
        changes = [Change(op, table, doc_id, document) for op, doc_id, document in edits]
        lines = [encode(*change) for change in changes]
        offset = self.journal.append(lines)
        for change, line in zip(changes, lines, strict=True):
            self._apply(change, offset, len(line))
            offset += len(line)

    def document(self, table: str, doc_id: int) -> Fields | None:
        """None when it is absent, or its bytes do not check any more."""
        shelf = self.shelves.get(table)
        spot = shelf.spots.get(doc_id) if shelf else None
        change = self.journal.read(spot[0], spot[1]) if spot else None
        return change.document if change else None

    def documents(self, table: str, doc_ids: Iterable[int]) -> Iterator[tuple[int, Fields]]:
        """Those that are there and whose bytes check."""
        for doc_id in list(doc_ids):
            if (document := self.document(table, doc_id)) is not None:
                yield doc_id, document

    def read(self) -> dict[str, dict[str, Any]] | None:
        """TinyDB's contract: everything."""
        self.catch_up()
        whole = {
            name: {str(each): document for each, document in self.documents(name, shelf.spots)}
            for name, shelf in self.shelves.items()
        }
        return whole or None

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """TinyDB's contract: make everything be `data`; only the difference is journalled."""
        for name in [name for name in self.shelves if name not in data]:
            self.commit(name, [("x", 0, {})])
        for name, table in data.items():
            self.commit(name, difference(self.shelves.get(name), {int(k): v for k, v in table.items()}, self, name))

    def compact(self) -> None:
        """Rewrite the journal with the living documents only, in place of the old file."""
        rewrite(self.journal.path, self._living_lines())
        self.journal.close()
        fresh = JournalStorage(self.journal.path, self._indexed, observe=None)
        self.journal, self.shelves = fresh.journal, fresh.shelves

    def living_bytes(self, table: str) -> int:
        return sum(length for _, length, _ in self.shelf(table).spots.values())

    def _living_lines(self) -> Iterator[bytes]:
        for name, shelf in self.shelves.items():
            if not shelf.spots:
                yield encode("t", name, 0, {})
            for offset, length, _ in shelf.spots.values():
                line = os.pread(self.journal.fileno(), length, offset)
                if decode(line):
                    yield line

    def close(self) -> None:
        self.journal.close()


def difference(shelf: Shelf | None, wanted: dict[int, Fields], storage: JournalStorage, table: str) -> list[Edit]:
    edits: list[Edit] = [] if shelf else [("t", 0, {})]
    edits += [("d", each, {}) for each in (shelf.spots if shelf else ()) if each not in wanted]
    edits += [("i", each, new) for each, new in wanted.items() if storage.document(table, each) != new]
    return edits


class View(MutableMapping[int, Fields]):
    """One table as TinyDB's updaters see it: reads come from the journal, changes are collected for one commit."""

    def __init__(self, storage: JournalStorage, table: str) -> None:
        self._storage, self._table = storage, table
        shelf = storage.shelves.get(table)
        self._spots: Mapping[int, object] = shelf.spots if shelf else {}
        self._edits: list[Edit] = []
        self._absent = shelf is None
        self._put: dict[int, Fields] = {}
        self._read: dict[int, tuple[bytes, Fields]] = {}
        """What an updater was given, and may have changed in place, with how it looked before."""
        self._gone: set[int] = set()
        self._cleared = False

    def __contains__(self, doc_id: object) -> bool:
        return doc_id in self._put or (doc_id in self._spots and doc_id not in self._gone and not self._cleared)

    def __getitem__(self, doc_id: int) -> Fields:
        if doc_id in self._put:
            return self._put[doc_id]
        if doc_id not in self:
            raise KeyError(doc_id)
        if doc_id not in self._read:
            document = self._storage.document(self._table, doc_id) or {}
            self._read[doc_id] = (encode("i", self._table, doc_id, document), document)
        return self._read[doc_id][1]

    def __setitem__(self, doc_id: int, document: Fields) -> None:
        self._put[doc_id] = document
        self._edits.append(("i", doc_id, document))

    def __delitem__(self, doc_id: int) -> None:
        if doc_id not in self:
            raise KeyError(doc_id)
        self._put.pop(doc_id, None)
        self._read.pop(doc_id, None)
        self._gone.add(doc_id)
        self._edits.append(("d", doc_id, {}))

    def clear(self) -> None:
        self._put.clear()
        self._read.clear()
        self._cleared = True
        self._edits = [("t", 0, {})]

    def __iter__(self) -> Iterator[int]:
        if not self._cleared:
            yield from (each for each in self._spots if each not in self._gone and each not in self._put)
        yield from self._put

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def edits(self) -> list[Edit]:
        changed: list[Edit] = [
            ("i", doc_id, document)
            for doc_id, (before, document) in self._read.items()
            if doc_id not in self._put and encode("i", self._table, doc_id, document) != before
        ]
        # TinyDB makes a table exist with any write to it, even one that stores nothing.
        return self._edits + changed or ([("t", 0, {})] if self._absent else [])


class Snapshot(Mapping[str, Fields]):
    """One table as TinyDB's readers see it: string ids, documents read when asked for."""

    def __init__(self, storage: JournalStorage, table: str) -> None:
        self._storage, self._table = storage, table
        self._shelf = storage.shelves.get(table) or Shelf(())

    def __getitem__(self, doc_id: str) -> Fields:
        document = self._storage.document(self._table, int(doc_id))
        if document is None:
            raise KeyError(doc_id)
        return document

    def numbers(self) -> list[int]:
        return list(self._shelf.spots)

    def __iter__(self) -> Iterator[str]:
        return map(str, self.numbers())

    def __len__(self) -> int:
        return len(self._shelf.spots)


class JournalTable(Table):
    """A TinyDB table whose reads are lazy, whose queries use the indexes and whose writes append."""

    @property
    def _journal(self) -> JournalStorage:
        return cast(JournalStorage, self._storage)

    def _read_table(self) -> dict[str, Mapping[str, Any]]:
        return cast(dict[str, Mapping[str, Any]], Snapshot(self._journal, self.name))

    def _update_table(self, updater: Callable[[dict[int, Mapping[str, Any]]], None]) -> None:
        view = View(self._journal, self.name)
        updater(cast(dict[int, Mapping[str, Any]], view))
        if edits := view.edits():
            self._journal.commit(self.name, edits)

    def _wrapped(self, doc_ids: Iterable[int]) -> Iterator[Document]:
        for doc_id, document in self._journal.documents(self.name, doc_ids):
            yield self.document_class(document, doc_id)

    def _matching(self, cond: QueryLike) -> Iterator[Document]:
        shelf = self._journal.shelves.get(self.name)
        return (document for document in self._wrapped(shelf.in_order(cond) if shelf else ()) if cond(document))

    def __iter__(self) -> Iterator[Document]:
        return self._wrapped(Snapshot(self._journal, self.name).numbers())

    def search(self, cond: QueryLike) -> list[Document]:
        return list(self._matching(cond))

    def get(self, cond: Any = None, doc_id: Any = None, doc_ids: Any = None) -> Any:
        if doc_id is not None:
            return next(self._wrapped([doc_id]), None)
        if doc_ids is not None:
            wanted = set(doc_ids)
            return list(self._wrapped(each for each in Snapshot(self._journal, self.name).numbers() if each in wanted))
        return next(self._matching(cond), None) if cond is not None else super().get()

    def update(self, fields: Any, cond: QueryLike | None = None, doc_ids: Iterable[int] | None = None) -> list[int]:
        if cond is not None and doc_ids is None:
            doc_ids = [document.doc_id for document in self._matching(cond)]
        return super().update(fields, None, doc_ids)

    def remove(self, cond: QueryLike | None = None, doc_ids: Iterable[int] | None = None) -> list[int]:
        if cond is not None and doc_ids is None:
            doc_ids = [document.doc_id for document in self._matching(cond)]
        return super().remove(None, doc_ids)


class JournalDB(TinyDB):
    """TinyDB with journal tables: `JournalDB(path, indexed=("channel", "model"))`."""

    table_class = JournalTable
    default_storage_class = JournalStorage  # type: ignore[assignment]  # TinyDB infers its own default's type

    @property
    def journal(self) -> JournalStorage:
        return cast(JournalStorage, self.storage)

    def tables(self) -> set[str]:
        return set(self.journal.shelves)
