"""The embedded store: a folder that one process writes, TinyDB on journals inside. Fulfils TraceBackend and
BlobBackend.

**Not** thread-safe for writing: `writer.TraceWriter` gives it a thread. Reading goes through a TraceReader, as
everywhere.
"""

import errno
import fcntl
import logging
import os
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import gmtime, strftime

from axonhub.addons.store.backend import (
    INTERRUPTED,
    Ack,
    Dimension,
    Dropped,
    Durability,
    Filter,
    Health,
    Page,
    Record,
    Step,
    StoreBusy,
    SyncFailed,
    UsageRow,
    WriteFailed,
)
from axonhub.addons.store.bodies import BodyWriter
from axonhub.addons.store.history import keep_sums
from axonhub.addons.store.journal import sync_folder
from axonhub.addons.store.partition import PACK, TABLE, Records, SealedPartition, open_partition, partitions
from axonhub.addons.store.reader import TraceReader
from axonhub.transformers.repetition import Likeness

log = logging.getLogger(__name__)

DROPPED_PREFIX = "dropped-"
INTERRUPTED_MESSAGE = "the gateway stopped before this request ended"


@dataclass(frozen=True, slots=True)
class Limits:
    """When a partition is full, and what the writer may remember of bodies."""

    records: int = 20_000
    pack_bytes: int = 512 << 20
    memory_bytes: int = 32 << 20


class Hot:
    """The partition that is open for writing."""

    def __init__(self, folder: Path, memory_bytes: int) -> None:
        if not folder.exists():
            folder.mkdir(mode=0o700)
            sync_folder(folder.parent)
        self.folder = folder
        self.records = Records(folder, read_only=False)
        self.bodies = BodyWriter(folder / PACK, folder.name, memory_bytes)
        sync_folder(folder)

    def close(self) -> None:
        self.bodies.close()
        self.records.close()


class Embedded:
    def __init__(
        self, root: Path, durability: Durability, clock: Callable[[], float], limits: Limits | None = None
    ) -> None:
        """Makes the folder when absent, and takes its lock. Raises StoreBusy, OSError."""
        self.root = root
        self._durability, self._clock, self._limits = durability, clock, limits or Limits()
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        root.chmod(0o700)
        self._lock = lock(root / "writer.lock")
        self._remove_leftovers()
        self._open: dict[str, int] = {}
        """Request id → its number in the open table of the hot partition."""
        self._ended_s: dict[str, float] = {}
        """Sealed partition → when its last exchange ended."""
        interrupted: dict[str, Record] = {}
        self.reader = TraceReader.open(root)
        self._hot = self._resume(interrupted)
        if len(self._hot.records.open_table):
            self._hot.records.open_table.truncate()
        if interrupted:
            self.append(list(interrupted.values()))

    def _remove_leftovers(self) -> None:
        for each in self.root.glob(DROPPED_PREFIX + "*"):
            shutil.rmtree(each, ignore_errors=True)

    def _resume(self, interrupted: dict[str, Record]) -> Hot:
        """Seal what was left open, go on with the newest partition when it is today's and has room."""
        hot = None
        for name in partitions(self.root):
            if (ended_s := sealed_end(self.root / name)) is not None:
                self._ended_s[name] = ended_s
                continue
            if hot is not None:
                self._seal(hot)
            hot = Hot(self.root / name, self._limits.memory_bytes)
            note_interrupted(hot.records, interrupted)
        newest = (partitions(self.root) or [""])[-1]
        if hot and hot.folder.name == newest and newest.startswith(self._today()) and not self._full(hot):
            return hot
        if hot is not None:
            self._seal(hot)
        return self._fresh()

    def _today(self) -> str:
        return strftime("%Y%m%d", gmtime(self._clock()))

    def _fresh(self) -> Hot:
        """A new partition, later in order than any other, whatever the clock says. Raises OSError, WriteFailed."""
        last = (partitions(self.root) or ["00000000-0000"])[-1]
        day = max(self._today(), last[:8])
        sequence = int(last[9:]) + 1 if last[:8] == day else 1
        folder = self.root / f"{day}-{sequence:04d}"
        try:
            return Hot(folder, self._limits.memory_bytes)
        except (OSError, WriteFailed):
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _full(self, hot: Hot) -> bool:
        return hot.records.summary.records >= self._limits.records or hot.bodies.size_bytes >= self._limits.pack_bytes

    def put(self, trace: str, bodies: Mapping[str, bytes]) -> Mapping[str, str]:
        return self._hot.bodies.put(trace, bodies)

    def put_all(
        self, several: Sequence[tuple[str, Mapping[str, bytes]]], known: Collection[Likeness] = ()
    ) -> Sequence[Mapping[str, str]]:
        return self._hot.bodies.put_all(several, known)

    def append(self, batch: Sequence[Record]) -> Ack:
        try:
            if self._durability == "durable":
                self._hot.bodies.sync()
            self._hot.records.table.insert_multiple(batch)
            if self._durability == "durable":
                self._hot.records.db.journal.journal.sync()
        except SyncFailed:
            self.roll()
            raise
        self._unmark(batch)
        if self._full(self._hot):
            self.roll()
        return Ack(len(batch), self._durability)

    def mark_open(self, begun: Sequence[Record]) -> None:
        """Note requests that have begun, so that a killed gateway leaves them as errors, not as nothing."""
        numbers = self._hot.records.open_table.insert_multiple(begun)
        self._open.update(zip((str(each.get("id")) for each in begun), numbers, strict=True))

    def _unmark(self, ended: Sequence[Record]) -> None:
        numbers = [n for each in ended if (n := self._open.pop(str(each.get("id")), None)) is not None]
        if numbers:
            self._hot.records.open_table.remove(doc_ids=numbers)

    def roll(self) -> None:
        """Begin a new partition and seal the old one; stay with the old one when the disk will not have it."""
        try:
            fresh = self._fresh()
        except (OSError, WriteFailed) as error:
            log.warning("store: no new partition: %s", error)
            return
        old, self._hot = self._hot, fresh
        if self._open:
            self.mark_open(old.records.open_table.all())
        self._seal(old)
        self.reader.look_again()

    def _seal(self, hot: Hot) -> None:
        try:
            hot.records.seal()
        except OSError as error:
            log.warning("store: %s stays without an index: %s", hot.folder.name, error)
        hot.close()

    def turn_day(self) -> None:
        """Seal yesterday's partition, so that it can grow old."""
        if self._hot.records.summary.records and self._hot.folder.name[:8] < self._today():
            self.roll()

    def retain(self, records_before_s: float, bodies_before_s: float) -> Dropped:
        total = Dropped()
        for name in partitions(self.root):
            if name == self._hot.folder.name:
                continue
            ended_s = self._end_of(self.root / name)
            if ended_s < records_before_s:
                total = plus(total, self._drop(self.root / name))
            elif ended_s < bodies_before_s:
                total = plus(total, drop_pack(self.root / name / PACK))
        return total

    def _end_of(self, folder: Path) -> float:
        if folder.name not in self._ended_s:
            partition = open_partition(folder)
            self._ended_s[folder.name] = partition.summary.until_s
            partition.close()
        return self._ended_s[folder.name]

    def _drop(self, folder: Path) -> Dropped:
        """One rename, after which no reader finds it, then unlinks that none waits for. Its daily sums stay."""
        partition = open_partition(folder)
        keep_sums(self.root, folder.name, partition.summary)
        partition.close()
        size = sum(each.stat().st_size for each in folder.iterdir())
        gone = folder.with_name(DROPPED_PREFIX + folder.name)
        folder.rename(gone)
        sync_folder(self.root)
        self.reader.look_again()
        shutil.rmtree(gone, ignore_errors=True)
        return Dropped(partitions=1, records=partition.summary.records, bytes=size)

    def get(self, request_id: str) -> Record | None:
        return self.reader.get(request_id)

    def search(self, wanted: Filter, limit: int, cursor: str | None = None) -> Page:
        return self.reader.search(wanted, limit, cursor)

    def trace(self, trace_id: str) -> Sequence[Record]:
        return self.reader.trace(trace_id)

    def rollup(
        self, by: Dimension, since_s: float | None = None, until_s: float | None = None, step: Step = "all"
    ) -> Sequence[UsageRow]:
        return self.reader.rollup(by, since_s, until_s, step)

    def follow(self, cursor: str | None, limit: int) -> Page:
        return self.reader.follow(cursor, limit)

    def body(self, ref: str) -> bytes:
        return self.reader.body(ref)

    def health(self) -> Health:
        return self.reader.health()

    def close(self) -> None:
        """May be called again."""
        if self._lock >= 0:
            self.reader.close()
            self._hot.close()
            os.close(self._lock)
            self._lock = -1


def sealed_end(folder: Path) -> float | None:
    """When its last exchange ended; None when it has no index that fits, so that it must be sealed (again)."""
    try:
        return SealedPartition(folder).summary.until_s
    except (ValueError, FileNotFoundError):
        return None


def note_interrupted(records: Records, interrupted: dict[str, Record]) -> None:
    """Add the requests that this partition knows to have begun, take out those that it knows to have ended."""
    for begun in records.open_table:
        record: Record = {**begun, "outcome": "error", "error_kind": INTERRUPTED, "error_message": INTERRUPTED_MESSAGE}
        interrupted[str(begun.get("id"))] = record
    ended = records.db.journal.shelf(TABLE)
    for request_id in [each for each in interrupted if ended.lookup("id", each)]:
        del interrupted[request_id]


def lock(path: Path) -> int:
    """Held for as long as the file stays open, or the process lives. Raises StoreBusy."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise
        raise StoreBusy(f"another gateway already writes to {path.parent}") from error
    return fd


def drop_pack(pack: Path) -> Dropped:
    try:
        size = pack.stat().st_size
        pack.unlink()
    except FileNotFoundError:
        return Dropped()
    return Dropped(body_packs=1, bytes=size)


def plus(a: Dropped, b: Dropped) -> Dropped:
    return Dropped(a.partitions + b.partitions, a.records + b.records, a.body_packs + b.body_packs, a.bytes + b.bytes)
