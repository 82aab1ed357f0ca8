"""What an operator may do to a store's folder: check, compact, count it. Works while a gateway writes, or without."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from axonhub.addons.store.backend import BodyUnavailable, Record, StoreBusy
from axonhub.addons.store.bodies import BodyReader, read_place
from axonhub.addons.store.index import Index
from axonhub.addons.store.partition import INDEX, JOURNAL, PACK, TABLE, Records, SealedPartition, partitions


@dataclass(frozen=True, slots=True)
class PartitionReport:
    name: str
    records: int
    journal_bytes: int
    pack_bytes: int
    index_bytes: int
    sealed: bool
    bodies: int = 0
    """References that were followed; 0 where nobody looked, or retention has dropped the pack."""
    problems: tuple[str, ...] = ()


def check(root: Path) -> list[PartitionReport]:
    """Reads everything: lines and frames against their checksums, sums against a recount, references to their ends."""
    return looked_at(root, checked)


def checked(folder: Path) -> PartitionReport:
    records = Records(folder, read_only=True)
    try:
        journal = records.db.journal.journal
        problems = [f"{size} bytes at {at} of {JOURNAL} do not check" for at, size in journal.damaged]
        problems += index_problems(folder, records)
        followed, unreadable = follow_bodies(folder, records.table)
        problems += unreadable
        return report(folder, records.summary.records, is_sealed(folder), followed, tuple(problems))
    finally:
        records.close()


def index_problems(folder: Path, records: Records) -> Iterator[str]:
    try:
        index = Index(folder / INDEX)
    except FileNotFoundError:
        return
    except ValueError as error:
        yield str(error)
        return
    records.db.journal.catch_up()  # it may have been sealed just now
    yield from (f"section {name} of {INDEX} does not check" for name in index.bad_sections())
    if not is_sealed(folder):
        yield f"{INDEX} does not fit the journal; the next start of the gateway makes it again"
    elif index.summary != records.summary:
        yield "sums differ from a recount"


def follow_bodies(folder: Path, records: Iterable[Record]) -> tuple[int, list[str]]:
    try:
        reader = BodyReader(folder / PACK)
    except BodyUnavailable:
        return 0, []
    followed, unreadable = 0, []
    for record in records:
        for name, ref in cast(Mapping[str, str], record.get("bodies") or {}).items():
            followed += 1
            if not reader.intact(read_place(ref)):
                unreadable.append(f"{record.get('id')}: body {name} is damaged")
    reader.close()
    return followed, unreadable


def compact(root: Path) -> list[tuple[str, int, int]]:
    """Rewrite sealed journals without what is no longer alive; partition, bytes before, bytes after."""
    done = []
    for name in existing(root):
        # Busy or gone: the gateway is sealing it, or retention was quicker.
        with suppress(StoreBusy, FileNotFoundError):
            if is_sealed(root / name) and (sizes := compacted(root / name)):
                done.append((name, *sizes))
    return done


def compacted(folder: Path) -> tuple[int, int] | None:
    """The old index does not fit the new journal: should we die between them, the gateway's next start seals again."""
    records = Records(folder, read_only=False)
    try:
        storage = records.db.journal
        before = storage.journal.scanned
        if before - storage.living_bytes(TABLE) <= before // 50:
            return None
        if len(records.open_table):
            records.open_table.truncate()
        storage.compact()
        records.seal()
        return before, storage.journal.scanned
    finally:
        records.close()


def survey(root: Path) -> list[PartitionReport]:
    """Sizes and counts, from the indexes; reads only what has none."""
    return looked_at(root, surveyed)


def looked_at(root: Path, look: Callable[[Path], PartitionReport]) -> list[PartitionReport]:
    found = []
    for name in existing(root):
        with suppress(FileNotFoundError):  # retention was quicker
            found.append(look(root / name))
    return found


def surveyed(folder: Path) -> PartitionReport:
    if is_sealed(folder):
        return report(folder, SealedPartition(folder).summary.records, True)
    records = Records(folder, read_only=True)
    try:
        return report(folder, records.summary.records, False)
    finally:
        records.close()


def report(
    folder: Path, records: int, sealed: bool, bodies: int = 0, problems: tuple[str, ...] = ()
) -> PartitionReport:
    journal, pack, index = (size(folder / name) for name in (JOURNAL, PACK, INDEX))
    return PartitionReport(folder.name, records, journal, pack, index, sealed, bodies, problems)


def existing(root: Path) -> list[str]:
    return partitions(root) if root.is_dir() else []


def is_sealed(folder: Path) -> bool:
    try:
        SealedPartition(folder)
    except (ValueError, FileNotFoundError):
        return False
    return True


def size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
