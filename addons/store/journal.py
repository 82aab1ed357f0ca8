"""The journal: an append-only file of checksummed lines, one line a change, that may be cut or damaged anywhere.

A line is eight hex digits of CRC-32, a space, and `[op, table, id, document]` as JSON; so `cut -c10- FILE | jq` reads
it. Operations: `i` inserts or replaces, `d` deletes, `t` empties a table, `x` drops it; the first line, `h`, says what
the file is and names its generation, which changes when compaction rewrites it.

Nothing is ever cut off or overwritten: bytes that do not check are skipped and reported, and an unfinished last line is
closed by the next writer. So no fault, and no bug in recovery, can take a record that was acknowledged. One process
writes (flock); any number may read meanwhile. **Not** thread-safe: each thread opens its own.
"""

import fcntl
import os
import re
from binascii import crc32
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

import orjson

from axonhub.addons.store.backend import Json, StoreBusy, StoreError, SyncFailed, WriteFailed

FORMAT_NAME = "axonhub-journal"
FORMAT_VERSION = 1
SCAN_BLOCK_BYTES = 1 << 20
UNFINISHED = b"~"
"""Ends a line that its writer did not live to finish."""
LINE_START = re.compile(rb'[0-9a-f]{8} \["')
"""Cannot occur inside a line: there, a quote within a string is escaped and objects start with a brace."""


class Change(NamedTuple):
    op: str
    table: str
    doc_id: int
    document: dict[str, Json]


class Entry(NamedTuple):
    """One line of the file; `change` is None where the bytes do not check."""

    offset: int
    length: int
    change: Change | None


def encode(op: str, table: str, doc_id: int, document: Mapping[str, Json]) -> bytes:
    """Raises TypeError for what JSON cannot carry, integers over 64 bits included. NaN and infinities become null."""
    payload = orjson.dumps([op, table, doc_id, document])
    return b"%08x %b\n" % (crc32(payload), payload)


def decode(line: bytes) -> Change | None:
    """A line with or without its newline; None when it does not check."""
    payload = line[9:-1] if line.endswith(b"\n") else line[9:]
    if line[:9] != b"%08x " % crc32(payload):
        return None
    return Change(*orjson.loads(payload))


def salvage(line: bytes, offset: int) -> Iterator[Entry]:
    """The good lines inside a bad one: when the damaged byte was a newline, two lines look like one."""
    starts = [match.start() for match in LINE_START.finditer(line)]
    if not starts or starts[0] > 0:
        starts.insert(0, 0)
    for start, end in zip(starts, [*starts[1:], len(line)], strict=True):
        piece = line[start:end]
        # The last byte of an inner piece is the newline that was damaged, whatever it is now.
        change = decode(piece) or (decode(piece[:-1]) if end < len(line) else None)
        yield Entry(offset + start, end - start, change)


class Journal:
    """One open journal file."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Raises FileNotFoundError when read-only and absent, StoreBusy when another process writes to it."""
        self.path = path
        self.read_only = read_only
        self.damaged: list[tuple[int, int]] = []
        """Offset and length of each stretch that did not check, as far as the file was scanned."""
        self.unfinished = 0
        """Last lines of killed writers, never acknowledged, that a later writer closed."""
        self.generation = ""
        """Empty before the header was scanned."""
        self.scanned = 0
        """Everything before this offset has been scanned or written by us."""
        self._fd = os.open(path, os.O_RDONLY) if read_only else open_for_writing(path)

    def fileno(self) -> int:
        return self._fd

    def scan(self) -> Iterator[Entry]:
        """The whole lines behind `scanned`, which moves along. An unfinished last line is left for the next call."""
        rest = b""
        while block := os.pread(self._fd, SCAN_BLOCK_BYTES, self.scanned + len(rest)):
            lines = (rest + block).split(b"\n")
            rest = lines.pop()
            for line in lines:
                offset = self.scanned
                self.scanned += len(line) + 1
                yield from self._entries(line, offset)

    def _entries(self, line: bytes, offset: int) -> Iterator[Entry]:
        if change := decode(line):
            if change.op == "h":
                self.generation = read_generation(change)
            else:
                yield Entry(offset, len(line) + 1, change)
        elif line.endswith(UNFINISHED):
            self.unfinished += 1
        else:
            yield from self._salvaged(line, offset)

    def _salvaged(self, line: bytes, offset: int) -> Iterator[Entry]:
        entries = list(salvage(line, offset))
        bad = [(entry.offset, entry.length) for entry in entries if entry.change is None]
        self.damaged.extend(bad or [(offset, len(line) + 1)])
        yield from (entry for entry in entries if entry.change and entry.change.op != "h")

    def begin(self) -> None:
        """Make the file ready for `append`, once it has been scanned to its end; then scan again."""
        size = os.fstat(self._fd).st_size
        if size == 0:
            self.generation = token_hex(8)
            self.append([header_line(self.generation)])
        elif size > self.scanned:
            tail = os.pread(self._fd, size - self.scanned, self.scanned)
            os.write(self._fd, b"\n" if decode(tail) else UNFINISHED + b"\n")

    def append(self, lines: Sequence[bytes]) -> int:
        """Write all lines with one call, or none. Returns the first one's offset. Raises WriteFailed."""
        data = b"".join(lines)
        start = self.scanned
        try:
            write_all(self._fd, data)
        except OSError as error:
            self._roll_back(start)
            raise WriteFailed(f"{self.path.name}: {error.strerror}") from error
        self.scanned = start + len(data)
        return start

    def _roll_back(self, size: int) -> None:
        """Unacknowledged lines that fitted before the disk was full must not come back beside their second try."""
        if os.fstat(self._fd).st_size > size:
            os.ftruncate(self._fd, size)

    def sync(self) -> None:
        """Raises SyncFailed; after that the kernel may have dropped the pages, so do not just try again."""
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            raise SyncFailed(f"{self.path.name}: {error.strerror}") from error

    def read(self, offset: int, length: int) -> Change | None:
        return decode(os.pread(self._fd, length, offset))

    def replaced(self) -> bool:
        """Whether the path now names another file (compaction), no file (retention), or a shorter one (roll-back)."""
        try:
            there = os.stat(self.path)
        except FileNotFoundError:
            return True
        ours = os.fstat(self._fd)
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino) or there.st_size < self.scanned

    def close(self) -> None:
        os.close(self._fd)


def write_all(fd: int, data: bytes) -> None:
    """One call, unless the disk is nearly full: then the second says what is wrong."""
    written = os.write(fd, data)
    while written < len(data):
        written += os.write(fd, data[written:])


def open_for_writing(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        raise StoreBusy(f"{path} is being written by another process") from error
    return fd


def header_line(generation: str) -> bytes:
    return encode("h", FORMAT_NAME, FORMAT_VERSION, {"generation": generation})


def read_generation(change: Change) -> str:
    if change.table != FORMAT_NAME or change.doc_id != FORMAT_VERSION:
        raise StoreError(f"{change.table!r} version {change.doc_id!r} is not a journal this version can read")
    return str(change.document.get("generation", ""))


def rewrite(path: Path, lines: Iterator[bytes]) -> None:
    """Put a new journal in the place of the one at `path`, whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(header_line(token_hex(8)))
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    os.rename(fresh, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes creations and renames in it survive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
