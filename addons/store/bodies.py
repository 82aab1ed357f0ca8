"""Bodies, stored once: each is cut where JSON messages begin, and what was seen before is only referred to.

A Claude Code conversation sends everything said so far with each request; of the next body, only the last messages are
new. A pack file is a row of frames, one for each `put`: a 16-byte head (`axb1`, stored length, CRC-32, length before
compression) and a zstd frame of varints and chunks (see `write_frame`). A body's reference names its frame and place in
it; its recipe is a row of runs `(frame, start, length)`, so reading needs no table, and a damaged frame costs only
bodies that use it.

Any bytes are accepted: a cut in the wrong place is harmless, since a body is always the concatenation of its chunks.
**Not** thread-safe.
"""

import os
import re
import struct
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from heapq import merge
from pathlib import Path
from zlib import crc32

import zstandard

from axonhub.addons.store.backend import BodyUnavailable, SyncFailed, WriteFailed
from axonhub.addons.store.journal import write_all
from axonhub.transformers.repetition import shared_prefix

MAGIC = b"axb1"
HEAD = struct.Struct("<4sIII")
BEGINNING = re.compile(rb'\{"(?:role|type|name|parts|function)"')
"""Where a message, a block or a tool begins. Patterns that start with fixed bytes are looked for four times as fast."""
CACHE_MARK = re.compile(rb',"cache_control"')
"""Moves to the next message each turn; what stands before it stays."""
SMALLEST_CHUNK_BYTES = 128
"""Shorter ones join their neighbour: remembering them costs more than storing them again."""
MOST_CHUNKS = 200_000
LEVEL = 3
KEPT_FRAMES = 1000
RUNS_BEFORE_FULL = 24
"""A recipe is written against the last full one while it adds no more runs than this."""

type Run = tuple[int, int, int]
"""Frame offset, start among the frame's chunk bytes, length."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a reference says: `partition:frame:index:size`."""

    partition: str
    frame: int
    index: int
    size_bytes: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.frame}:{self.index}:{self.size_bytes}"


def read_place(ref: str) -> Place:
    partition, _, numbers = ref.partition(":")
    try:
        frame, index, size = (int(each) for each in numbers.split(":"))
    except ValueError:
        raise BodyUnavailable(f"{ref!r} is not a body reference") from None
    return Place(partition, frame, index, size)


def seams(body: bytes, start: int) -> Iterator[int]:
    """Ends of the chunks of `body` from `start` on; the last is its length."""
    last = start
    found = (pattern.finditer(body, start) for pattern in (BEGINNING, CACHE_MARK))
    for seam in merge(*((match.start() for match in matches) for matches in found)):
        if seam - last >= SMALLEST_CHUNK_BYTES:
            last = seam
            yield last
    if len(body) > last:
        yield len(body)


def varints(numbers: Sequence[int]) -> bytes:
    out = bytearray()
    for number in numbers:
        while number > 127:
            out.append(number & 127 | 128)
            number >>= 7
        out.append(number)
    return bytes(out)


def read_varints(data: bytes) -> list[int]:
    numbers, number, shift = [], 0, 0
    for byte in data:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            numbers.append(number)
            number = shift = 0
    return numbers


@dataclass(frozen=True, slots=True)
class Recipe:
    """A body as the first `taken` runs of an earlier full recipe, then runs of its own."""

    base_frame: int
    base_index: int
    taken: int
    runs: tuple[Run, ...]


class Compressors(threading.local):
    """One for each thread: making one takes longer than what it does, and none may be shared."""

    def __init__(self) -> None:
        self.own = zstandard.ZstdCompressor(level=LEVEL, write_content_size=True)


_compressors = Compressors()


def write_frame(recipes: Sequence[Recipe], chunks: bytes, own_offset: int) -> bytes:
    """Head and compressed content. A run's frame is counted back from this one, so that numbers stay short."""
    numbers = [len(recipes)]
    for recipe in recipes:
        back = own_offset - recipe.base_frame if recipe.taken else 0
        numbers += [back, recipe.base_index, recipe.taken, len(recipe.runs)]
        for frame, start, length in recipe.runs:
            numbers += [own_offset - frame, start, length]
    table = varints(numbers)
    content = varints([len(table)]) + table + chunks
    packed = _compressors.own.compress(content)
    return HEAD.pack(MAGIC, len(packed), crc32(packed), len(content)) + packed


@dataclass(frozen=True, slots=True)
class Frame:
    recipes: tuple[Recipe, ...]
    chunks: memoryview


def read_frame(content: bytes, own_offset: int) -> Frame:
    table_length, start = 0, 0
    while content[start] > 127:
        start += 1
    start += 1
    table_length = read_varints(content[:start])[0]
    numbers = iter(read_varints(content[start : start + table_length]))
    recipes = []
    for _ in range(next(numbers)):
        back, index, taken, count = next(numbers), next(numbers), next(numbers), next(numbers)
        runs = tuple((own_offset - next(numbers), next(numbers), next(numbers)) for _ in range(count))
        recipes.append(Recipe(own_offset - back, index, taken, runs))
    return Frame(tuple(recipes), memoryview(content)[start + table_length :])


@dataclass(slots=True)
class Remembered:
    """The body before in the same conversation: what a new one is compared with."""

    body: bytes
    ends: list[int]
    runs: list[Run]
    """One for each chunk, so not joined."""
    full: tuple[int, int, tuple[Run, ...]]
    """Frame, index and runs of the last recipe that was written whole."""


class BodyWriter:
    """Appends to one pack file."""

    def __init__(self, path: Path, partition: str, memory_bytes: int) -> None:
        self.path = path
        self.partition = partition
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.size_bytes = os.fstat(self._fd).st_size
        self._dirty = False
        self._chunks: dict[bytes, Run] = {}
        self._memory: OrderedDict[tuple[str, str], Remembered] = OrderedDict()
        self._memory_bytes, self._memory_limit = 0, memory_bytes

    def put(self, trace: str, bodies: Mapping[str, bytes]) -> dict[str, str]:
        """One frame with whatever of the bodies is new; name → reference. Raises WriteFailed."""
        offset, fresh = self.size_bytes, bytearray()
        added: dict[bytes, Run] = {}
        cut = {name: self._cut((trace, name), body, offset, fresh, added) for name, body in bodies.items()}
        recipes = [self._recipe(entry) for entry in cut.values()]
        self._append(write_frame(recipes, bytes(fresh), offset))
        self._learn(added)
        for index, ((name, entry), recipe) in enumerate(zip(cut.items(), recipes, strict=True)):
            if not recipe.taken:
                entry.full = (offset, index, recipe.runs)
            self._remember((trace, name), entry)
        return {
            name: str(Place(self.partition, offset, index, len(body)))
            for index, (name, body) in enumerate(bodies.items())
        }

    def _cut(
        self, key: tuple[str, str], body: bytes, offset: int, fresh: bytearray, added: dict[bytes, Run]
    ) -> Remembered:
        before = self._memory.get(key) or Remembered(b"", [], [], (0, 0, ()))
        same = shared_prefix(before.body, body)
        known = sum(1 for end in before.ends if end <= same)
        ends, runs = before.ends[:known], before.runs[:known]
        start = ends[-1] if ends else 0
        for end in seams(body, start):
            chunk = body[start:end]
            digest = blake2b(chunk, digest_size=16).digest()
            run = self._chunks.get(digest) or added.get(digest)
            if run is None:
                run = added[digest] = (offset, len(fresh), len(chunk))
                fresh += chunk
            ends.append(end)
            runs.append(run)
            start = end
        return Remembered(body, ends, runs, before.full)

    def _recipe(self, entry: Remembered) -> Recipe:
        runs = joined(entry.runs)
        frame, index, base = entry.full
        taken = next((i for i, (a, b) in enumerate(zip(base, runs, strict=False)) if a != b), min(len(base), len(runs)))
        if taken > 1 and len(runs) - taken <= RUNS_BEFORE_FULL:
            return Recipe(frame, index, taken, runs[taken:])
        return Recipe(0, 0, 0, runs)

    def _append(self, frame: bytes) -> None:
        try:
            write_all(self._fd, frame)
        except OSError as error:
            raise WriteFailed(f"{self.path.name}: {error.strerror}") from error
        finally:
            # Half a frame is harmless, nothing refers to it; but the next one must know where it begins.
            self.size_bytes = os.fstat(self._fd).st_size
        self._dirty = True

    def _learn(self, added: dict[bytes, Run]) -> None:
        if len(self._chunks) > MOST_CHUNKS:
            self._chunks.clear()
        self._chunks.update(added)

    def _remember(self, key: tuple[str, str], entry: Remembered) -> None:
        self._forget(key)
        self._memory[key] = entry
        self._memory_bytes += len(entry.body)
        while self._memory_bytes > self._memory_limit:
            self._forget(next(iter(self._memory)))

    def _forget(self, key: tuple[str, str]) -> None:
        if old := self._memory.pop(key, None):
            self._memory_bytes -= len(old.body)

    def sync(self) -> None:
        """Raises SyncFailed."""
        if not self._dirty:
            return
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            raise SyncFailed(f"{self.path.name}: {error.strerror}") from error
        self._dirty = False

    def close(self) -> None:
        os.close(self._fd)


def joined(runs: Sequence[Run]) -> tuple[Run, ...]:
    """Neighbours that lie next to each other in one frame become one run."""
    out: list[Run] = []
    for frame, start, length in runs:
        if out and out[-1][0] == frame and out[-1][1] + out[-1][2] == start:
            out[-1] = (frame, out[-1][1], out[-1][2] + length)
        else:
            out.append((frame, start, length))
    return tuple(out)


class BodyReader:
    """Reads bodies from one pack file, opened for as long as the reader lives."""

    def __init__(self, path: Path) -> None:
        """Raises BodyUnavailable when retention has removed the pack."""
        try:
            self._fd = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            raise BodyUnavailable(f"{path.parent.name}: bodies have expired") from None
        self._frames: dict[int, Frame] = {}
        self._checked: set[int] = set()

    def body(self, place: Place) -> bytes:
        """Raises BodyUnavailable when a frame that it needs does not check."""
        try:
            body = b"".join(
                self._frame(frame).chunks[start : start + length] for frame, start, length in self._runs(place)
            )
        except (IndexError, StopIteration, zstandard.ZstdError) as error:
            raise BodyUnavailable(f"{place}: damaged") from error
        if len(body) != place.size_bytes:
            raise BodyUnavailable(f"{place}: damaged")
        return body

    def intact(self, place: Place) -> bool:
        """Whether all that the body needs checks, at less cost than reading it."""
        try:
            frames = {place.frame, *(frame for frame, _, _ in self._runs(place))}
            for frame in frames - self._checked:
                self._content(frame)
        except (IndexError, StopIteration, zstandard.ZstdError, BodyUnavailable):
            return False
        self._checked |= frames
        if len(self._frames) > KEPT_FRAMES:
            self._frames.clear()
        return True

    def _runs(self, place: Place) -> tuple[Run, ...]:
        recipe = self._frame(place.frame).recipes[place.index]
        if not recipe.taken:
            return recipe.runs
        return self._frame(recipe.base_frame).recipes[recipe.base_index].runs[: recipe.taken] + recipe.runs

    def _frame(self, offset: int) -> Frame:
        if offset not in self._frames:
            self._frames[offset] = read_frame(self._content(offset), offset)
        return self._frames[offset]

    def _content(self, offset: int) -> bytes:
        head = os.pread(self._fd, HEAD.size, offset)
        if len(head) < HEAD.size or not head.startswith(MAGIC):
            raise BodyUnavailable(f"no frame at {offset}")
        _, length, checksum, size = HEAD.unpack(head)
        packed = os.pread(self._fd, length, offset + HEAD.size)
        if crc32(packed) != checksum:
            raise BodyUnavailable(f"frame at {offset}: damaged")
        return zstandard.ZstdDecompressor().decompress(packed, max_output_size=size)

    def close(self) -> None:
        os.close(self._fd)
