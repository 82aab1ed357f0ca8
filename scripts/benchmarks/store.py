"""The trace store against what it promises, and against SQLite and plain TinyDB doing the same work in the same run.

`scripts/bench store [--records N]`; a million records take about three minutes. Each section runs in a process of its
own, so that memory is its own too.
"""

import argparse
import asyncio
import gc
import json
import multiprocessing
import random
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
from tinydb import TinyDB

import tests.conftest  # noqa: F401  makes axonhub importable
from axonhub.addons.store.backend import Filter, Finished
from axonhub.addons.store.embedded import Embedded
from axonhub.addons.store.partition import INDEXED
from axonhub.addons.store.reader import TraceReader
from axonhub.addons.store.summary import COUNTERS, HOUR_S, counted, values
from axonhub.addons.store.writer import StoreSettings, TraceWriter
from tests.store.traffic import START_S, exchanges, record

GROUP = 64
WINDOW = 20_000
"""Records over which CPU is averaged: one partition, so one sealing is in it."""
COMPARED = 7
"""So many of the last windows are compared."""

type Row = tuple[str, str, str, bool]
"""What was measured, the figure, the limit, whether it holds."""


def clock() -> float:
    return START_S


def groups(first: int, count: int) -> Iterator[list[dict[str, Any]]]:
    dice = random.Random(first)
    for start in range(first, first + count, GROUP):
        yield [record(n, dice) for n in range(start, min(start + GROUP, first + count))]


def cpu_us(store: Callable[[list[dict[str, Any]]], object], batches: list[list[dict[str, Any]]]) -> float:
    """CPU microseconds a record; what waits its turn here is kept out of the garbage collector's sight."""
    gc.collect()
    gc.freeze()
    before = time.process_time()
    for batch in batches:
        store(batch)
    return (time.process_time() - before) / sum(map(len, batches)) * 1e6


class Sqlite:
    """The same records with the same indexes and sums, as durable: WAL, synchronous=FULL, a transaction a group."""

    def __init__(self, path: Path, sums: bool) -> None:
        self.db, self._sums = sqlite3.connect(path), sums
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=FULL")
        self.db.execute(f"CREATE TABLE requests (n INTEGER PRIMARY KEY, {', '.join(INDEXED)}, ts, document)")
        for name in INDEXED:
            self.db.execute(f"CREATE INDEX by_{name} ON requests ({name})")
        self.db.execute(
            f"CREATE TABLE sums (hour, dimension, value, {', '.join(COUNTERS)}, UNIQUE (hour, dimension, value))"
        )
        self._insert = (
            f"INSERT INTO requests ({', '.join(INDEXED)}, ts, document) VALUES ({', '.join('?' * (len(INDEXED) + 2))})"
        )
        self._add = (
            f"INSERT INTO sums VALUES ({', '.join('?' * (len(COUNTERS) + 3))}) ON CONFLICT DO UPDATE SET "
            + ", ".join(f"{name} = {name} + excluded.{name}" for name in COUNTERS)
        )

    def append(self, batch: list[dict[str, Any]]) -> None:
        rows = [(*[each[name] for name in INDEXED], each["ts"], orjson.dumps(each)) for each in batch]
        self.db.executemany(self._insert, rows)
        if self._sums:
            for each in batch:
                hour, added = int(each["ts"]) // HOUR_S * HOUR_S, counted(each)
                self.db.executemany(self._add, [(hour, *value, *added) for value in values(each)])
        self.db.commit()


def insert(folder: Path, records: int) -> dict[str, float]:
    """CPU a record: ours with all, with a thousand, and SQLite with all; in turns, as the machine's speed varies."""
    store, sqlite = Embedded(folder / "ours", "durable", clock), Sqlite(folder / "sqlite.db", sums=True)
    large, small, theirs = [], [], []
    for first in range(0, records, WINDOW):
        batches = list(groups(first, min(WINDOW, records - first)))
        large.append(cpu_us(store.append, batches))
        theirs.append(cpu_us(sqlite.append, batches))
        if first + COMPARED * WINDOW >= records:
            small += [at_a_thousand(folder / f"small-{first}-{n}") for n in range(5)]
    return {
        "ours at 1000": statistics.median(small),
        "ours at the end": statistics.median(large[-COMPARED:]),
        "sqlite at the end": statistics.median(theirs[-COMPARED:]),
        "sqlite without sums": cpu_us(Sqlite(folder / "plain.db", sums=False).append, batches),
    }


def at_a_thousand(folder: Path) -> float:
    store = Embedded(folder, "durable", clock)
    taken_us = cpu_us(store.append, list(groups(0, 1000)))
    store.close()
    return taken_us


def insert_alone(folder: Path, records: int) -> dict[str, float]:
    """The memory of nothing but our store with so many records, written and then read."""
    store = Embedded(folder / "ours", "written", clock)
    for batch in groups(0, records):
        store.append(batch)
    for ask in questions(records, store.reader).values():
        ask()
    store.close()
    return {"rss MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def naive(folder: Path, _: int) -> dict[str, float]:
    """What one more record costs plain TinyDB (JSONStorage) that holds 10,000, and ours, in groups."""
    documents = [each for batch in groups(0, 10_000) for each in batch]
    db, store = TinyDB(folder / "naive.json"), Embedded(folder / "ours", "durable", clock)
    db.insert_multiple(documents)
    store.append(documents)
    theirs = cpu_us(lambda batch: db.insert(batch[0]), [[each] for each in documents[:8]])
    return {"naive": theirs, "ours": cpu_us(store.append, list(groups(10_000, 6400)))}


def questions(records: int, reader: TraceReader) -> dict[str, Callable[[], object]]:
    middle = next(groups(records // 2, GROUP))[7]
    return {
        "latest 50": lambda: reader.latest(50),
        "by id": lambda: reader.get(middle["id"]),
        "a trace of 60": lambda: reader.trace(middle["trace_id"]),
        "latest 50 of a key": lambda: reader.latest(50, Filter({"key_name": "key-7"})),
        "latest 50 of a channel": lambda: reader.latest(50, Filter({"channel": "gemini"})),
        "latest 50 of a model with a status": lambda: reader.latest(
            50, Filter({"used_model": "gpt-5.1", "status": 529})
        ),
        "a value that nothing has": lambda: reader.latest(50, Filter({"channel": "none"})),
        "sums by channel and day": lambda: reader.rollup("channel", step="day"),
        "sums by model and hour": lambda: reader.rollup("model", step="hour"),
    }


def sqlite_questions(records: int, db: sqlite3.Connection) -> dict[str, Callable[[], object]]:
    middle = next(groups(records // 2, GROUP))[7]

    def rows(query: str, *values: object) -> list[Any]:
        return [
            orjson.loads(each[0]) for each in db.execute(f"SELECT document FROM requests {query}", values).fetchall()
        ]

    latest = "ORDER BY n DESC LIMIT 50"
    return {
        "latest 50": lambda: rows(latest),
        "by id": lambda: rows("WHERE id = ?", middle["id"]),
        "a trace of 60": lambda: rows("WHERE trace_id = ?", middle["trace_id"]),
        "latest 50 of a key": lambda: rows(f"WHERE key_name = ? {latest}", "key-7"),
        "latest 50 of a channel": lambda: rows(f"WHERE channel = ? {latest}", "gemini"),
        "latest 50 of a model with a status": lambda: rows(
            f"WHERE used_model = ? AND status = ? {latest}", "gpt-5.1", 529
        ),
        "a value that nothing has": lambda: rows(f"WHERE channel = ? {latest}", "none"),
    }


def median_ms(ask: Callable[[], object], times: int = 7) -> float:
    taken = []
    for _ in range(times):
        before = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - before) * 1e3)
    return statistics.median(taken)


def ask_all(folder: Path, records: int) -> dict[str, Any]:
    before = time.perf_counter()
    reader = TraceReader.open(folder / "ours")
    reader.latest(1)
    reading_s = time.perf_counter() - before
    before = time.perf_counter()
    store = Embedded(folder / "ours", "written", clock)
    writing_s = time.perf_counter() - before
    ours = {name: median_ms(ask) for name, ask in questions(records, reader).items()}
    db = sqlite3.connect(folder / "sqlite.db")
    theirs = {name: median_ms(ask) for name, ask in sqlite_questions(records, db).items()}
    store.close()
    return {"start reading s": reading_s, "start writing s": writing_s, "ours": ours, "theirs": theirs}


def drop_half(folder: Path, records: int) -> dict[str, float]:
    store = Embedded(folder / "ours", "written", clock)
    before = time.perf_counter()
    dropped = store.retain(START_S + records / 4, START_S + records / 4)
    ours_s = time.perf_counter() - before
    store.close()
    db = sqlite3.connect(folder / "sqlite.db")
    before = time.perf_counter()
    db.execute("DELETE FROM requests WHERE n <= ?", (dropped.records,))
    db.commit()
    return {
        "records": dropped.records,
        "partitions": dropped.partitions,
        "ours s": ours_s,
        "theirs s": time.perf_counter() - before,
    }


def bodies(folder: Path, _: int) -> dict[str, float]:
    """Six conversations of 200 requests, interleaved: all bytes of all files against what went over the wire."""
    store, raw, large = Embedded(folder / "bodies", "written", clock), 0, []
    for each in exchanges(6, 200, turn_bytes=4_800):
        raw += sum(map(len, each.bodies.values()))
        before = time.process_time()
        refs = store.put(str(each.document["thread_id"]), each.bodies)
        if len(each.bodies["request"]) > 900_000:
            large.append((time.process_time() - before) * 1e3)
        store.append([{**each.document, "bodies": refs}])
    store.roll()
    store.close()
    stored = sum(each.stat().st_size for each in (folder / "bodies").rglob("*") if each.is_file())
    return {
        "raw MB": raw / 1e6,
        "stored MB": stored / 1e6,
        "ratio": raw / stored,
        "1 MB body cpu ms": statistics.mean(large),
    }


async def lags_ms(seconds: float, work: Callable[[int], None], every_s: float) -> list[float]:
    """How late a timer of 1 ms fires while `work` is called on the loop at a fixed rate."""
    lags, number, began = [], 0, time.perf_counter()
    while (now := time.perf_counter()) - began < seconds:
        if now - began >= number * every_s:
            work(number)
            number += 1
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        lags.append((time.perf_counter() - before - 0.001) * 1e3)
    return sorted(lags)


def submitting(folder: Path, change: Callable[[bytes, int], bytes]) -> dict[str, float]:
    """100 requests a second with bodies of 650 kB from 20 conversations, for ten seconds."""
    *_, last = exchanges(1, 160, turn_bytes=4_800)
    shape = last.bodies["request"][:650_000]
    dice, writer = random.Random(1), TraceWriter.open(StoreSettings(folder))
    documents = [record(n, dice) for n in range(1100)]

    def submit(n: int) -> None:
        sent = {"request": change(shape, n), "response": shape[:4000]}
        writer.submit(Finished(documents[n] | {"thread_id": f"t{n % 20}"}, sent))

    idle = asyncio.run(lags_ms(3, lambda n: None, 1.0))
    busy = asyncio.run(lags_ms(10, submit, 0.01))
    writer.close(30)
    return lag_figures(idle, busy) | {"shed": writer.stats().bodies_shed}


def lag_figures(idle: list[float], busy: list[float]) -> dict[str, float]:
    return {
        "idle p99 ms": idle[int(len(idle) * 0.99)],
        "p50 ms": busy[len(busy) // 2],
        "p99 ms": busy[int(len(busy) * 0.99)],
        "max ms": busy[-1],
    }


def lag_of_growing(folder: Path, _: int) -> dict[str, float]:
    """Each body is its conversation's last one with something new at its end."""
    return submitting(folder / "growing", lambda shape, n: b"%s%d%s" % (shape[: 640_000 + n], n, shape[:100]))


def lag_of_changing(folder: Path, _: int) -> dict[str, float]:
    """The worst case: each body differs from all others at its beginning, so that all of it is cut and hashed."""
    return submitting(folder / "changing", lambda shape, n: b'{"n":"%d",%s' % (n, shape))


def lag_of_retention(folder: Path, records: int) -> dict[str, float]:
    """The loop while another thread drops half of all partitions."""
    store = Embedded(folder / "memory" / "ours", "written", clock)
    idle = asyncio.run(lags_ms(2, lambda n: None, 1.0))
    limit_s = START_S + records / 4

    async def drop() -> list[float]:
        dropping = asyncio.create_task(asyncio.to_thread(store.retain, limit_s, limit_s))
        lags: list[float] = []
        while not dropping.done():
            lags += await lags_ms(0.02, lambda n: None, 1.0)
        return sorted(lags)

    figures = lag_figures(idle, asyncio.run(drop()))
    store.close()
    return figures


def alone(section: Callable[[Path, int], dict[str, Any]], folder: Path, records: int) -> dict[str, Any]:
    """Run a section in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(section, (folder, records))


def measure(folder: Path, records: int) -> Iterator[Row]:
    found = alone(insert, folder, records)
    start, end, theirs = found["ours at 1000"], found["ours at the end"], found["sqlite at the end"]
    yield (
        f"insert at {records:,} against at 1,000, CPU",
        f"{end / start:.2f} × ({end:.0f} / {start:.0f} µs)",
        "≤ 1.3 ×",
        end <= 1.3 * start,
    )
    yield (
        f"insert against SQLite at {records:,}, CPU",
        f"{end / theirs:.2f} × (it: {theirs:.0f} µs)",
        "≤ 1 ×",
        end <= theirs,
    )
    plain = found["sqlite without sums"]
    yield "the same, SQLite empty and without sums", f"{end / plain:.2f} × (it: {plain:.0f} µs)", "", True
    found = alone(naive, folder / "naive", records)
    times = found["naive"] / found["ours"]
    yield "one more record with 10,000 stored, plain TinyDB against ours", f"{times:,.0f} ×", "≥ 1,000 ×", times >= 1000
    found = alone(insert_alone, folder / "memory", records)
    yield f"memory with {records:,} records", f"{found['rss MB']:.0f} MB", "≤ 150 MB", found["rss MB"] <= 150

    found = alone(ask_all, folder, records)
    yield (
        f"start with {records:,} records, writer",
        f"{found['start writing s']:.2f} s",
        "< 3 s",
        found["start writing s"] < 3,
    )
    yield (
        f"start with {records:,} records, reader's first answer",
        f"{found['start reading s']:.2f} s",
        "< 3 s",
        found["start reading s"] < 3,
    )
    for name, ms in found["ours"].items():
        sqlite = f" (SQLite {found['theirs'][name]:.2f})" if name in found["theirs"] else ""
        yield name, f"{ms:.2f} ms{sqlite}", "≤ 5 ms", ms <= 5
    found = alone(drop_half, folder, records)
    yield (
        f"retention drops {found['records']:,} records",
        f"{found['ours s'] * 1e3:.0f} ms for {found['partitions']} partitions "
        f"(SQLite's DELETE {found['theirs s'] * 1e3:,.0f} ms)",
        "≥ 10 × quicker",
        found["theirs s"] >= 10 * found["ours s"],
    )
    found = alone(bodies, folder, records)
    yield (
        "conversations of 200 requests, all files",
        f"{found['raw MB']:.0f} → {found['stored MB']:.1f} MB, {found['ratio']:.0f} ×",
        "≥ 50 ×",
        found["ratio"] >= 50,
    )
    yield (
        "1 MB body whose prefix is known, CPU",
        f"{found['1 MB body cpu ms']:.1f} ms",
        "≤ 3 ms",
        found["1 MB body cpu ms"] <= 3,
    )
    for what, section in (("growing", lag_of_growing), ("all new", lag_of_changing)):
        found = alone(section, folder, records)
        holds = found["p99 ms"] <= 10 and found["shed"] == 0
        yield (
            f"event loop's lag, 100 × 650 kB a second, {what}: p99",
            f"{found['p99 ms']:.1f} ms (idle {found['idle p99 ms']:.1f}; p50 {found['p50 ms']:.1f}, "
            f"max {found['max ms']:.1f}; {found['shed']} shed)",
            "≤ 10 ms",
            holds,
        )
    found = alone(lag_of_retention, folder, records)
    yield (
        "event loop's lag while retention drops half: max",
        f"{found['max ms']:.1f} ms (idle p99 {found['idle p99 ms']:.1f})",
        "≤ 50 ms",
        found["max ms"] <= 50,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_010_000, help="a million and half a partition more by default")
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    rows = []
    if not wanted.json:
        print("| what | measured | limit | |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        (Path(folder) / "naive").mkdir()
        for what, figure, limit, holds in measure(Path(folder), wanted.records):
            rows.append({"what": what, "measured": figure, "limit": limit, "holds": holds})
            if not wanted.json:
                print(f"| {what} | {figure} | {limit} | {('✓' if holds else '✗') if limit else ''} |", flush=True)
    if wanted.json:
        print(json.dumps(rows, indent=1))
    return 0 if all(row["holds"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
