"""Bodies, stored once: each is cut where JSON messages begin, and what was seen before is only referred to.

A Claude Code conversation sends everything said so far with each request; of the next body, only the last messages are
new. A pack file is a row of frames, each with the bodies of one exchange or of several that were stored together: a
16-byte head (`axb1`, stored length, CRC-32, length before compression) and a zstd frame of varints and chunks (see
`write_frame`). A body's reference names its frame and place in it; its recipe is a row of runs `(frame, start,
length)`, so reading needs no table, and a damaged frame costs only bodies that use it.

Any bytes are accepted: a cut in the wrong place is harmless, since a body is always the concatenation of its chunks.
**Not** thread-safe.
"""

import os
import re
import struct
import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate, compress, count
from operator import itemgetter, ne
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import zstandard

from axonhub.addons.store.backend import BodyUnavailable, SyncFailed, WriteFailed
from axonhub.addons.store.journal import write_all
from axonhub.transformers.repetition import Likeness, shared_prefix, shared_suffix

MAGIC = b"axb1"
HEAD = struct.Struct("<4sIII")
BEGINNING = re.compile(rb'\{"(?:role|type|name|parts|function)"')
"""Where a message, a block or a tool begins. Patterns that start with fixed bytes are looked for four times as fast."""
CACHE_MARK = b',"cache_control"'
"""Moves to the next message each turn; what stands before it stays."""
STREAM_STARTS = (b"event:", b"data:")
EVENT_END = b"\n\n"
STREAM_CHUNK_BYTES = 4096
"""An answer's events are never said again, so a stream is cut only to have something to compare with."""
SMALLEST_CHUNK_BYTES = 128
"""Shorter ones join their neighbour: remembering them costs more than storing them again."""
REPEATED_CHUNK_BYTES = 1024
"""Up to this size, what the same frame holds already is written again: the compressor makes less of it than a run of
its own takes, and all that follows stays one run."""
MOST_CHUNKS = 200_000
LEVEL = 3
FRAME_BYTES = 1 << 18
"""When a frame holds so much before compression, the next bodies begin another: a reader unpacks whole frames."""
REMEMBERED_BYTES = 1024
"""What is shorter is cut as quickly as it is compared with the one before."""
KEPT_FRAMES = 1000
RUNS_BEFORE_FULL = 24
"""A recipe is written against the last full one while it adds no more runs than this."""

type Run = tuple[int, int, int]
"""Frame offset, start among the frame's chunk bytes, length."""


class Place(NamedTuple):
    """What a reference says: `partition:frame:recipe:size`."""

    partition: str
    frame: int
    recipe: int
    """Which of the frame's."""
    size_bytes: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.frame}:{self.recipe}:{self.size_bytes}"


def read_place(ref: str) -> Place:
    partition, _, numbers = ref.partition(":")
    try:
        frame, index, size = (int(each) for each in numbers.split(":"))
    except ValueError:
        raise BodyUnavailable(f"{ref!r} is not a body reference") from None
    return Place(partition, frame, index, size)


def seams(body: bytes, start: int, stop: int) -> Iterator[int]:
    """Ends of the chunks of `body[start:stop]`; the last is `stop`."""
    if body.startswith(STREAM_STARTS):
        return stream_seams(body, start, stop)
    return document_seams(body, start, stop)


def document_seams(body: bytes, start: int, stop: int) -> Iterator[int]:
    last = mark = beginning = start
    while last < stop:
        least = last + SMALLEST_CHUNK_BYTES
        if mark < least:
            mark = position(body.find(CACHE_MARK, least, stop), stop)
        if beginning < least:
            found = BEGINNING.search(body, least, stop)
            beginning = found.start() if found else stop
        last = min(mark, beginning)
        yield last


def stream_seams(body: bytes, start: int, stop: int) -> Iterator[int]:
    last = start
    while last < stop:
        last = position(body.find(EVENT_END, last + STREAM_CHUNK_BYTES, stop), stop)
        yield last


def position(found: int, otherwise: int) -> int:
    return found if found >= 0 else otherwise


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


class Recipe(NamedTuple):
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


type Full = tuple[int, int, tuple[Run, ...]]
"""Frame, index and runs of a recipe that was written whole."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """The body before in the same conversation: what a new one is compared with."""

    likeness: Likeness
    """Of that body."""
    ends: list[int]
    """Of its chunks."""
    runs: tuple[Run, ...]
    full: Full
    """The last one in this conversation."""


NOTHING = Remembered(Likeness(b""), [], (), (0, 0, ()))


class Draft:
    """What one write is going to add to the pack: frames, and what to remember of them once they are there."""

    def __init__(self, offset: int, known: Collection[Likeness]) -> None:
        self.offset = offset
        """Of the frame at hand."""
        self._known = {id(each.body): each for each in known}
        self.frames = bytearray()
        self.recipes: list[Recipe] = []
        self.fresh = bytearray()
        self.chunks: dict[bytes, Run] = {}
        self.entries: dict[tuple[str, str], Remembered] = {}

    def likeness(self, body: bytes) -> Likeness:
        """What is known of this very object; nothing of its equals."""
        return self._known.get(id(body)) or Likeness(body)

    def place(self, chunk: bytes, known: Mapping[bytes, Run]) -> Run:
        """Where the chunk lies: in an earlier frame or in this one."""
        digest = blake2b(chunk, digest_size=16).digest()
        run = known.get(digest) or self.chunks.get(digest)
        if run is None or (run[0] == self.offset and len(chunk) <= REPEATED_CHUNK_BYTES):
            run = self.offset, len(self.fresh), len(chunk)
            self.chunks.setdefault(digest, run)
            self.fresh += chunk
        return run

    def end_frame(self) -> None:
        if self.recipes:
            frame = write_frame(self.recipes, bytes(self.fresh), self.offset)
            self.frames += frame
            self.offset += len(frame)
            self.recipes, self.fresh = [], bytearray()


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
        """Store whatever of the bodies is new; name → reference. Raises WriteFailed."""
        return self.put_all([(trace, bodies)])[0]

    def put_all(
        self, several: Sequence[tuple[str, Mapping[str, bytes]]], known: Collection[Likeness] = ()
    ) -> list[dict[str, str]]:
        """The same for several, with one write; `known` of some of the bodies. Raises WriteFailed, and then none is
        stored."""
        draft, refs = Draft(self.size_bytes, known), list[dict[str, str]]()
        for trace, bodies in several:
            refs.append({name: self._add(draft, (trace, name), body) for name, body in bodies.items()})
            if len(draft.fresh) > FRAME_BYTES:
                draft.end_frame()
        draft.end_frame()
        self._append(draft.frames)
        self._learn(draft.chunks)
        for key, entry in draft.entries.items():
            self._remember(key, entry)
        return refs

    def _add(self, draft: Draft, key: tuple[str, str], body: bytes) -> str:
        """The body's reference, once it is in the draft."""
        place = Place(self.partition, draft.offset, len(draft.recipes), len(body))
        large = len(body) >= REMEMBERED_BYTES
        draft.recipes.append(self._grown(draft, key, place, body) if large else self._alone(draft, body))
        return str(place)

    def _alone(self, draft: Draft, body: bytes) -> Recipe:
        """Of a body that is compared with no other."""
        runs: list[Run] = []
        self._add_chunks(draft, body, 0, len(body), runs)
        return Recipe(0, 0, 0, tuple(runs))

    def _grown(self, draft: Draft, key: tuple[str, str], place: Place, body: bytes) -> Recipe:
        """Of a body that probably begins and ends like the one before it in its conversation."""
        before, likeness = draft.entries.get(key) or self._memory.get(key, NOTHING), draft.likeness(body)
        ends, runs = self._cut(draft, before, likeness)
        recipe = shortest(runs, before.full)
        full = before.full if recipe.taken else (place.frame, place.recipe, runs)
        draft.entries[key] = Remembered(likeness, ends, runs, full)
        return recipe

    def _cut(self, draft: Draft, before: Remembered, likeness: Likeness) -> tuple[list[int], tuple[Run, ...]]:
        """Ends of the body's chunks, and its runs. Only what differs from the body before is looked at: in most
        clients' requests, tools and system text stand behind the messages."""
        old, body = before.likeness.body, likeness.body
        old_size, grown, compared = len(old), len(body) - len(old), likeness.earlier is before.likeness.mark
        known = bisect_right(before.ends, likeness.prefix if compared else shared_prefix(old, body))
        start = before.ends[known - 1] if known else 0
        same_size = likeness.suffix if compared else shared_suffix(old, body, min(old_size, len(body)) - start)
        rest = bisect_left(before.ends, old_size - same_size) + 1
        old_stop = before.ends[rest - 1] if before.ends else 0
        runs = between(before.runs, 0, start)
        ends = before.ends[:known] + self._add_chunks(draft, body, start, old_stop + grown, runs)
        ends += [end + grown for end in before.ends[rest:]]
        for run in between(before.runs, old_stop, old_size):
            join(runs, run)
        return ends, tuple(runs)

    def _add_chunks(self, draft: Draft, body: bytes, start: int, stop: int, runs: list[Run]) -> list[int]:
        """Joins the chunks of what stands between to the runs; returns their ends."""
        ends = list(seams(body, start, stop))
        for end in ends:
            join(runs, draft.place(body[start:end], self._chunks))
            start = end
        return ends

    def _append(self, frames: bytearray) -> None:
        if not frames:
            return
        self._dirty = True
        try:
            write_all(self._fd, bytes(frames))
            self.size_bytes += len(frames)
        except OSError as error:
            # Half a frame is harmless, nothing refers to it; but the next one must know where it begins.
            self.size_bytes = os.fstat(self._fd).st_size
            raise WriteFailed(f"{self.path.name}: {error.strerror}") from error

    def _learn(self, added: dict[bytes, Run]) -> None:
        if len(self._chunks) > MOST_CHUNKS:
            self._chunks.clear()
        self._chunks.update(added)

    def _remember(self, key: tuple[str, str], entry: Remembered) -> None:
        self._forget(key)
        self._memory[key] = entry
        self._memory_bytes += len(entry.likeness.body)
        while self._memory_bytes > self._memory_limit:
            self._forget(next(iter(self._memory)))

    def _forget(self, key: tuple[str, str]) -> None:
        if old := self._memory.pop(key, None):
            self._memory_bytes -= len(old.likeness.body)

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


def shortest(runs: tuple[Run, ...], full: Full) -> Recipe:
    frame, index, base = full
    taken = next(compress(count(), map(ne, base, runs)), min(len(base), len(runs)))
    if taken > 1 and len(runs) - taken <= RUNS_BEFORE_FULL:
        return Recipe(frame, index, taken, runs[taken:])
    return Recipe(0, 0, 0, runs)


def join(runs: list[Run], run: Run) -> None:
    """Append it; what lies next to the last one in the same frame makes that one longer."""
    frame, start, length = run
    if runs and runs[-1][0] == frame and runs[-1][1] + runs[-1][2] == start:
        runs[-1] = (frame, runs[-1][1], runs[-1][2] + length)
    else:
        runs.append(run)


def between(runs: Sequence[Run], start: int, stop: int) -> list[Run]:
    """The runs of what stands from `start` to `stop` in the body that these runs make up."""
    if start >= stop:
        return []
    ends = list(accumulate(map(itemgetter(2), runs)))
    first, last = bisect_right(ends, start), bisect_left(ends, stop)
    part = list(runs[first : last + 1])
    frame, at, length = part[-1]
    part[-1] = (frame, at, length - (ends[last] - stop))
    frame, at, length = part[0]
    skipped = start - (ends[first] - runs[first][2])
    part[0] = (frame, at + skipped, length - skipped)
    return part


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
        recipe = self._frame(place.frame).recipes[place.recipe]
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
