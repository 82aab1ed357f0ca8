"""A sealed partition's index file: where each record lies and which records hold a value, read in place.

Derived data: it can be made again from the journal, and one that does not check counts as absent. A checksummed line of
JSON (what the sections are, the journal's generation and size, the partition's summary), then arrays of little-endian
numbers: `numbers` (record numbers in order), `spots` (offset and length of each), and for each indexed field the sorted
CRC-32 of its values, where each one's postings begin, and the postings (positions in `numbers`).

Lookups go by hash, so they may name a record too many, never one too few: the query is run on each anyway.
"""

import os
import sys
from array import array
from binascii import crc32
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import orjson

from axonhub.addons.store.backend import Json, Scalar
from axonhub.addons.store.summary import Summary, read_summary
from axonhub.addons.store.tables import Shelf

VERSION = 2
KEPT_BYTES = 1 << 17
"""Hash sections up to this size stay in memory, so that a partition without the value is skipped unopened."""


def value_hash(value: Scalar) -> int:
    """The same for values that Python holds equal (1, 1.0 and True), as TinyDB's comparison does."""
    if isinstance(value, str):
        text = b"s" + value.encode("utf-8", "surrogatepass")
    elif value is None:
        text = b"z"
    elif isinstance(value, float) and not value.is_integer():
        text = b"n" + repr(value).encode()
    else:
        text = b"n%d" % int(value)
    return crc32(text)


def little_endian(numbers: "array[int]") -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def write_index(path: Path, shelf: Shelf, summary: Summary, generation: str, journal_bytes: int) -> None:
    """Whole or not at all."""
    position = {doc_id: place for place, doc_id in enumerate(shelf.spots)}
    sections: dict[str, tuple[str, bytes]] = {
        "numbers": ("Q", little_endian(array("Q", shelf.spots))),
        "spots": ("Q", little_endian(array("Q", [n for spot in shelf.spots.values() for n in spot[:2]]))),
    }
    for name, postings in shelf.postings.items():
        hashed: dict[int, list[int]] = {}
        for value, doc_ids in postings.items():
            hashed.setdefault(value_hash(value), []).extend(doc_ids)
        order, starts, places = sorted(hashed), [0], array("I")
        for each in order:
            if shelf.only_grew:
                found = [position[doc_id] for doc_id in hashed[each]]
            else:  # without deleted documents, and each once, though a replaced one stands there twice
                found = list({position[doc_id] for doc_id in hashed[each] if doc_id in position})
            places.extend(sorted(found))
            starts.append(len(places))
        sections[f"{name}.hashes"] = ("I", little_endian(array("I", order)))
        sections[f"{name}.starts"] = ("I", little_endian(array("I", starts)))
        sections[f"{name}.places"] = ("I", little_endian(places))
    layout, offset = {}, 0
    for name, (code, data) in sections.items():
        layout[name] = [code, offset, len(data), crc32(data)]
        offset += len(data)
    head = orjson.dumps(
        {
            "version": VERSION,
            "generation": generation,
            "journal_bytes": journal_bytes,
            "summary": summary.to_json(),
            "sections": layout,
        }
    )
    fresh = path.with_name(path.name + ".new")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(b"%08x %b\n" % (crc32(head), head))
        file.writelines(data for _, data in sections.values())
    os.rename(fresh, path)


class Index:
    """One index file. Holds no open file: sections are read when asked for, small hash sections kept."""

    def __init__(self, path: Path) -> None:
        """Raises ValueError when the head does not check, FileNotFoundError when there is none."""
        with path.open("rb") as file:
            line = file.readline()
            size = os.fstat(file.fileno()).st_size
        payload = line[9:-1]
        if line[:9] != b"%08x " % crc32(payload):
            raise ValueError(f"{path.name}: head is damaged")
        head: Mapping[str, Json] = orjson.loads(payload)
        if head["version"] != VERSION:
            raise ValueError(f"{path.name}: version {head['version']!r}")
        self.path = path
        self.generation = str(head["generation"])
        self.journal_bytes = cast(int, head["journal_bytes"])
        self.summary = read_summary(cast(Mapping[str, Json], head["summary"]))
        self._sections = cast(Mapping[str, Sequence[Json]], head["sections"])
        self._start = len(line)
        self._kept: dict[str, array[int]] = {}
        if size != self._start + sum(cast(int, section[2]) for section in self._sections.values()):
            raise ValueError(f"{path.name}: wrong size")

    def __len__(self) -> int:
        return cast(int, self._sections["numbers"][2]) // 8

    def open(self) -> "OpenIndex":
        """Raises FileNotFoundError when retention was quicker."""
        return OpenIndex(self, os.open(self.path, os.O_RDONLY))

    def section(self, fd: int, name: str, first: int = 0, count: int | None = None) -> "array[int]":
        """`count` numbers from the `first` on; all of them by default."""
        code, offset, size, _ = cast(tuple[str, int, int, int], self._sections[name])
        numbers = array(code)
        width = numbers.itemsize
        length = size if count is None else count * width
        numbers.frombytes(os.pread(fd, length, self._start + offset + first * width))
        if sys.byteorder == "big":
            numbers.byteswap()
        return numbers

    def hashes(self, fd: int, name: str) -> "array[int]":
        if name in self._kept:
            return self._kept[name]
        found = self.section(fd, f"{name}.hashes")
        if name != "id" and len(found) * found.itemsize <= KEPT_BYTES:
            self._kept[name] = found
        return found

    def knows(self, name: str) -> bool:
        return f"{name}.hashes" in self._sections

    def bad_sections(self) -> list[str]:
        with self.open() as opened:
            return [
                name
                for name, section in self._sections.items()
                if crc32(little_endian(self.section(opened.fd, name))) != section[3]
            ]


class OpenIndex:
    """An index while one query runs."""

    def __init__(self, index: Index, fd: int) -> None:
        self._index, self.fd = index, fd

    def __enter__(self) -> "OpenIndex":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)

    def lookup(self, name: str, value: Scalar) -> Sequence[int] | None:
        """Positions of records that may hold the value, ascending; None when the field has no index."""
        if not self._index.knows(name):
            return None
        wanted, hashes = value_hash(value), self._index.hashes(self.fd, name)
        place = bisect_left(hashes, wanted)
        if place == len(hashes) or hashes[place] != wanted:
            return ()
        first, last = self._index.section(self.fd, f"{name}.starts", place, 2)
        return self._index.section(self.fd, f"{name}.places", first, last - first)

    def number(self, place: int) -> int:
        return self._index.section(self.fd, "numbers", place, 1)[0]

    def numbers(self) -> "array[int]":
        return self._index.section(self.fd, "numbers")

    def spot(self, place: int) -> tuple[int, int]:
        offset, length = self._index.section(self.fd, "spots", 2 * place, 2)
        return offset, length
