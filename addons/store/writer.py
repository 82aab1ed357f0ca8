"""The writer thread: takes finished exchanges from the event loop and stores them in groups.

`submit` never blocks and does no I/O. The queue is bounded by bytes and by items. When bytes run out, bodies are shed
first: the record is kept and says which are missing; when items run out, `submit` says False. Everything shed is
counted and logged.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple, Protocol, Self, cast

import orjson

from axonhub.addons.store.backend import (
    BlobBackend,
    Durability,
    Finished,
    Json,
    Record,
    SyncFailed,
    TraceBackend,
    WriteFailed,
)
from axonhub.addons.store.embedded import Embedded, Limits
from axonhub.transformers.repetition import Likeness

log = logging.getLogger(__name__)

DAY_S = 24 * 3600
RECORD_BYTES = 4_000
"""What a queued record is taken to weigh without its bodies."""

COMPLAIN_S = 10.0
"""Between two log lines about a disk that refuses."""
CREDENTIALS = frozenset({"authorization", "proxy-authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie"})
PARTS = tuple(each for each in CREDENTIALS if not any(other in each for other in CREDENTIALS - {each}))
"""A text without these holds none of them."""
DEEPEST = 32
"""Levels of a record; JSON readers give up on some hundreds."""


@dataclass(frozen=True, slots=True)
class StoreSettings:
    path: Path
    ack: Durability = "written"
    retention_requests_s: float = 30 * DAY_S
    retention_bodies_s: float = 7 * DAY_S
    queue_bytes: int = 64 << 20
    queue_items: int = 10_000
    group_items: int = 256
    linger_s: float = 0.02
    """How long the first of a group waits for company."""
    retry_s: float = 1.0
    """Between attempts on a disk that refuses."""
    tick_s: float = 60.0
    """Between looks at the day, the retention and what was shed."""
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts since start, and the queue now."""

    submitted: int = 0
    stored: int = 0
    """Acknowledged: they survive what `ack` says."""
    refused: int = 0
    """Records that found no room in the queue."""
    lost: int = 0
    """Records that were queued and could not be stored: an error, or a disk full until the end."""
    bodies_shed: int = 0
    write_errors: int = 0
    crashes: int = 0
    """Errors nobody foresaw, each logged whole."""
    queue_items: int = 0
    queue_bytes: int = 0
    last_error: str = ""


class Item(NamedTuple):
    finished: Finished
    shed: tuple[str, ...]
    weight_bytes: int
    begun: bool = False
    """Says that a request has begun; its record comes later."""


type Question = Callable[[TraceBackend], None]
"""Is called in the store's thread when all that was submitted before it is stored, and nothing after it."""


class Backend(TraceBackend, BlobBackend, Protocol):
    """What the thread drives. Calls come from its thread only, one at a time."""

    def put_all(
        self, several: Sequence[tuple[str, Mapping[str, bytes]]], known: Collection[Likeness] = ()
    ) -> Sequence[Mapping[str, str]]:
        """`put` for each, at once; `known` of some of the bodies. Raises WriteFailed, and then none is stored."""

    def mark_open(self, begun: Sequence[Record]) -> None: ...

    def turn_day(self) -> None: ...

    def close(self) -> None: ...


class TraceWriter:
    """`submit` from one thread (the event loop); everything else from any."""

    def __init__(self, backend: Backend, settings: StoreSettings, clock: Callable[[], float]) -> None:
        self._backend, self._settings, self._clock = backend, settings, clock
        self._queue: SimpleQueue[Item | Question | None] = SimpleQueue()
        # Each counter has one writer, so no lock: these two the loop's side, the rest the thread's.
        self._submitted = self._queued = self._refused = self._shed_early = self._bytes_in = 0
        self._settled = self._bytes_out = 0
        self._stats = Stats()
        self._progress = threading.Condition()
        self._closing = threading.Event()
        self._hurry = threading.Event()
        """Somebody waits, or the group is full: it gets no more company."""
        self._give_up_s = float("inf")
        self._ticked_s = float("-inf")
        self._complained_s = float("-inf")
        self._reported = (0, 0, 0)
        self._thread = threading.Thread(target=self._run, name="axonhub-store", daemon=True)

    @classmethod
    def open(cls, settings: StoreSettings, clock: Callable[[], float] = time.time) -> Self:
        """The embedded store, its thread running. Reads the last partition, so may take a second. Raises StoreBusy,
        OSError."""
        writer = cls(Embedded(settings.path, settings.ack, clock, settings.limits), settings, clock)
        writer.start()
        return writer

    def start(self) -> None:
        self._thread.start()

    def submit(self, finished: Finished) -> bool:
        """Queue it; False, counted, when there is no room. Never blocks, never raises."""
        if self._queued - self._settled >= self._settings.queue_items or self._closing.is_set():
            self._refused += 1
            return False
        weight = RECORD_BYTES + sum(map(len, finished.bodies.values()))
        shed: tuple[str, ...] = ()
        if finished.bodies and self._bytes_in - self._bytes_out + weight > self._settings.queue_bytes:
            shed = tuple(finished.bodies)
            self._shed_early += len(shed)
            finished, weight = Finished(finished.document), RECORD_BYTES
        self._submitted += 1
        self._enqueue(Item(finished, shed, weight))
        return True

    def open_request(self, document: Record) -> None:
        """Note that a request has begun; if the process is killed, this much of it is found later. Never blocks."""
        if self._queued - self._settled < self._settings.queue_items // 2 and not self._closing.is_set():
            self._enqueue(Item(Finished(document), (), RECORD_BYTES, begun=True))

    def ask(self, question: Question) -> None:
        """Have it answered in its turn. Never blocks."""
        self._queue.put(question)
        self._hurry.set()

    def _enqueue(self, item: Item) -> None:
        self._queued += 1
        self._bytes_in += item.weight_bytes
        self._queue.put(item)
        if self._queued - self._settled == self._settings.group_items:
            self._hurry.set()

    def stats(self) -> Stats:
        return replace(
            self._stats,
            submitted=self._submitted,
            refused=self._refused,
            bodies_shed=self._stats.bodies_shed + self._shed_early,
            queue_items=self._queued - self._settled,
            queue_bytes=self._bytes_in - self._bytes_out,
        )

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was submitted before is stored (or counted as lost); False when that took too long."""
        wanted = self._queued
        self._hurry.set()
        with self._progress:
            return self._progress.wait_for(lambda: self._settled >= wanted, timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Store what is queued, end the thread, release the folder; what the disk still refuses then is lost."""
        self._give_up_s = time.monotonic() + timeout_s
        self._closing.set()
        self._queue.put(None)
        self._hurry.set()
        self._thread.join(timeout_s + self._settings.retry_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not (self._closing.is_set() and self._queue.empty()):
            group: list[Item] = []
            try:
                group, question = self._collect()
                self._store(group)
                if question is not None:
                    self._answer(question)
                self._tick()
            except Exception:
                log.exception("store: a group of %d records failed", len(group))
                self._count(lost=len(group), crashes=1)
            finally:
                self._settle(group)
        self._backend.close()

    def _answer(self, question: Question) -> None:
        try:
            question(self._backend)
        except Exception:  # it is somebody else's, and the thread must live on
            log.exception("store: a question could not be answered")
            self._count(crashes=1)

    def _collect(self) -> tuple[list[Item], Question | None]:
        """The next group, empty when it is time for a tick or to end; and the question that came behind it."""
        group = list[Item]()
        try:
            item = self._queue.get(timeout=self._settings.tick_s)
            if isinstance(item, Item):
                # One sleep for the whole group: to be woken for each item costs more than to store it.
                self._hurry.wait(self._settings.linger_s)
            self._hurry.clear()
            while isinstance(item, Item):
                group.append(item)
                item = self._queue.get_nowait() if len(group) < self._settings.group_items else None
        except Empty:
            return group, None
        self._hurry.set()  # what stands behind has waited already
        return group, item

    def _settle(self, group: list[Item]) -> None:
        if group:
            with self._progress:
                self._bytes_out += sum(item.weight_bytes for item in group)
                self._settled += len(group)
                self._progress.notify_all()

    def _store(self, group: list[Item]) -> None:
        """Keep trying while the disk refuses: the queue is bounded, and sheds and counts meanwhile."""
        ended = [item for item in group if not item.begun]
        self._mark(group, ended)
        records = list(map(record_of, ended, self._put(ended)))
        while records:
            try:
                self._backend.append(records)
            except WriteFailed as error:
                self._failed(error)
                if time.monotonic() >= self._give_up_s:
                    return self._count(lost=len(records))
                time.sleep(self._settings.retry_s)
            except SyncFailed as error:
                self._failed(error)
                return self._count(lost=len(records))
            else:
                return self._count(stored=len(records))

    def _mark(self, group: list[Item], ended: list[Item]) -> None:
        """Marks for those that did not end in this same group. One that the disk refuses is not worth a retry."""
        gone = {item.finished.document.get("id") for item in ended}
        begun = [item.finished.document for item in group if item.begun]
        begun = [fit(document) for document in begun if document.get("id") not in gone]
        if begun:
            try:
                self._backend.mark_open(begun)
            except WriteFailed as error:
                self._failed(error)

    def _put(self, items: Sequence[Item]) -> list[Mapping[str, str] | None]:
        """References of each one's bodies; None where the disk refuses them."""
        try:
            known = [likeness for item in items if (likeness := item.finished.likeness) is not None]
            return list(self._backend.put_all([(conversation(item), item.finished.bodies) for item in items], known))
        except WriteFailed as error:
            self._failed(error)
        if len(items) > 1:  # there may be room for some of them
            return [refs for item in items for refs in self._put([item])]
        self._count(bodies_shed=len(items[0].finished.bodies))
        return [None]

    def _failed(self, error: Exception) -> None:
        now_s = time.monotonic()
        if now_s - self._complained_s >= COMPLAIN_S:
            self._complained_s = now_s
            log.error("store: %s", error)
        self._stats = replace(self._stats, write_errors=self._stats.write_errors + 1, last_error=str(error))

    def _count(self, *, stored: int = 0, lost: int = 0, bodies_shed: int = 0, crashes: int = 0) -> None:
        now = self._stats
        self._stats = replace(
            now,
            stored=now.stored + stored,
            lost=now.lost + lost,
            bodies_shed=now.bodies_shed + bodies_shed,
            crashes=now.crashes + crashes,
        )

    def _tick(self) -> None:
        if time.monotonic() - self._ticked_s < self._settings.tick_s:
            return
        self._ticked_s = time.monotonic()
        self._report_shed()
        self._backend.turn_day()
        now_s = self._clock()
        dropped = self._backend.retain(
            now_s - self._settings.retention_requests_s, now_s - self._settings.retention_bodies_s
        )
        if dropped.partitions or dropped.body_packs:
            log.info("store: retention dropped %s", dropped)

    def _report_shed(self) -> None:
        now = self.stats()
        counts = (now.refused, now.lost, now.bodies_shed)
        if counts != self._reported:
            self._reported = counts
            log.warning("store: since start %d records refused, %d lost, %d bodies shed", *counts)


def conversation(item: Item) -> str:
    document = item.finished.document
    return str(document.get("thread_id") or document.get("trace_id") or document.get("key_hash") or "")


def record_of(item: Item, refs: Mapping[str, str] | None) -> Record:
    """What is stored of it; `refs`: see _put."""
    document = dict(item.finished.document)
    missing = item.shed if refs is not None else tuple(item.finished.bodies)
    if refs or missing:
        document["bodies"] = refs or {}
    if missing:
        document["bodies_shed"] = list(missing)
    return fit(document)


def fit(record: Record) -> Record:
    """The record as it may be stored: without credentials, and with what JSON cannot carry as text, so that it is not
    lost."""
    try:
        text = orjson.dumps(record).decode().lower()
    except TypeError:
        kept = cast(Record, without_credentials(record))
        return {readable(str(name)): as_text(value, DEEPEST) for name, value in kept.items()}
    # To look through the text takes a tenth of the time of looking at each name.
    return cast(Record, without_credentials(record)) if any(map(text.__contains__, PARTS)) else record


def without_credentials(value: Json, depth: int = DEEPEST) -> Json:
    """Records are made without headers; should one get in, it stays out of the file."""
    match value:
        case Mapping() if depth:
            return {
                name: "[removed]" if str(name).lower() in CREDENTIALS else without_credentials(each, depth - 1)
                for name, each in value.items()
            }
        case list() | tuple() if depth:
            return [without_credentials(each, depth - 1) for each in value]
        case _:
            return value


def as_text(value: object, depth: int) -> Json:
    match value:
        case None | bool() | float():
            return value
        case int() if -(2**63) <= value < 2**64:
            return value
        case Mapping() if depth:
            return {readable(str(name)): as_text(each, depth - 1) for name, each in value.items()}
        case list() | tuple() if depth:
            return [as_text(each, depth - 1) for each in value]
        case _:
            return readable(str(value))


def readable(text: str) -> str:
    """Lone surrogates, which UTF-8 cannot carry, become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
