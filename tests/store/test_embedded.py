"""Partitions: what rolls, seals, drops and compacts them is not seen by whoever reads, in this process or another."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tinydb import where

from axonhub.addons.store import maintenance
from axonhub.addons.store.backend import BodyUnavailable, Filter, StoreBusy
from axonhub.addons.store.embedded import Embedded, Limits
from axonhub.addons.store.history import keep_sums
from axonhub.addons.store.partition import INDEX, JOURNAL, PACK, SealedPartition, partitions
from axonhub.addons.store.reader import TraceReader
from axonhub.addons.store.summary import Summary, usage
from axonhub.addons.store.tables import JournalDB
from tests.store.traffic import START_S, record

DAY_S = 86_400.0
SMALL = Limits(records=40)


class Clock:
    def __init__(self) -> None:
        self.now_s = START_S

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_store(tmp_path: Path, clock: Clock) -> Iterator[Callable[[], Embedded]]:
    stores: list[Embedded] = []

    def opened() -> Embedded:
        stores.append(Embedded(tmp_path / "data", "written", clock, SMALL))
        return stores[-1]

    yield opened
    for store in stores:
        store.close()


def filled(store: Embedded, count: int, first: int = 0) -> list[dict[str, Any]]:
    dice = random.Random(first)
    records = [record(first + n, dice) for n in range(count)]
    for each in records:
        refs = store.put(each["thread_id"], {"request": each["id"].encode() * 20})
        store.append([each | {"bodies": refs}])
    return records


def ids(records: Any) -> list[Any]:
    return [each["id"] for each in records]


def test_searches_over_partitions_equal_a_scan_of_what_was_stored(open_store: Callable[[], Embedded]) -> None:
    store, dice = open_store(), random.Random(5)
    stored = filled(store, 250)
    newest_first = stored[::-1]
    for _ in range(300):
        example = dice.choice(stored)
        names = dice.sample(["id", "trace_id", "key_name", "channel", "used_model", "status", "outcome", "agent_id"], 2)
        equal = {name: example[name] for name in names[: dice.randrange(3)]}
        since, until = (dice.choice([None, START_S + dice.randrange(130)]) for _ in range(2))
        expected = [
            each["id"]
            for each in newest_first
            if all(each[name] == value for name, value in equal.items())
            and (since is None or each["ts"] >= since)
            and (until is None or each["ts"] < until)
        ]

        assert ids(store.search(Filter(equal, since, until), 1000).records) == expected


def test_any_tinydb_query_finds_the_newest_first(open_store: Callable[[], Embedded]) -> None:
    store = open_store()
    stored = filled(store, 120)

    found = store.reader.find((where("channel") == "openai") & (where("usage")["output"] > 2000), 7)

    expected = [
        e["id"] for e in stored[::-1] if e["channel"] == "openai" and e["usage"] and e["usage"]["output"] > 2000
    ]
    assert ids(found) == expected[:7]


def test_pages_join_to_the_whole_while_records_come_in(open_store: Callable[[], Embedded]) -> None:
    store = open_store()
    stored = filled(store, 130)
    seen, page = [], store.search(Filter({"outcome": "ok"}), 9)
    while True:
        seen += ids(page.records)
        if page.cursor is None:
            break
        filled(store, 3, 10_000 + len(seen))
        page = store.search(Filter({"outcome": "ok"}), 9, page.cursor)

    assert seen == [each["id"] for each in stored[::-1] if each["outcome"] == "ok"]


def test_following_sees_each_record_once_in_order(open_store: Callable[[], Embedded]) -> None:
    store = open_store()
    seen, cursor = [], None
    for part in range(6):
        filled(store, 25, part * 25)
        page = store.follow(cursor, 17)
        seen, cursor = seen + ids(page.records), page.cursor
    while page.records:
        page = store.follow(cursor, 17)
        seen, cursor = seen + ids(page.records), page.cursor

    assert seen == ids(store.search(Filter(), 1000).records)[::-1]
    assert len(seen) == 150


def test_trace_is_complete_and_oldest_first(open_store: Callable[[], Embedded]) -> None:
    store = open_store()
    stored = filled(store, 130)

    assert ids(store.trace(stored[50]["trace_id"])) == ids(stored[:60])


def test_no_record_can_make_sums_or_index_impossible(open_store: Callable[[], Embedded]) -> None:
    store = open_store()
    odd = [float("nan"), float("inf"), 1e300, 2**63, -(2**63), "text", [1], None, True]
    for value in odd:
        store.append([{"id": value, "ts": value, "usage": {"input": value}, "cost_micro_usd": value, "status": value}])
        store.append([{"usage": value, "channel": value, "ended_ts": value, "duration_ms": value, "attempts": value}])
    store.roll()
    store.append([{"id": f"req_{n}", "ts": START_S, "used_model": f"invented-{n}"} for n in range(12_000)])

    assert store.rollup("all")[0].counters.requests == 2 * len(odd) + 12_000
    assert len(store.rollup("model")) <= 10_002
    assert len(store.search(Filter({"status": True}), 99).records) == 1
    assert [each.problems for each in maintenance.check(store.root)] == [(), (), ()]
    store.close()
    assert open_store().rollup("all")[0].counters.requests == 2 * len(odd) + 12_000


@pytest.mark.parametrize("by", ["all", "channel", "model", "key", "profile"])
@pytest.mark.parametrize("step", ["hour", "day", "all"])
def test_sums_equal_a_recount(open_store: Callable[[], Embedded], by: Any, step: Any) -> None:
    store, recount = open_store(), Summary()
    for each in filled(store, 100) + filled(store, 100, 200_000):
        recount.add(each)

    rows = store.rollup(by, step=step)

    assert list(rows) == usage([recount], by, None, None, step)
    assert sum(row.counters.requests for row in rows) == 200


def test_restart_goes_on_with_todays_partition_and_seals_yesterdays(
    open_store: Callable[[], Embedded], clock: Clock, tmp_path: Path
) -> None:
    first = open_store()
    stored = filled(first, 5)
    first.close()
    second = open_store()
    stored += filled(second, 5, 5)
    second.close()
    clock.now_s += DAY_S
    third = open_store()
    stored += filled(third, 5, 10)

    assert [name[:8] for name in partitions(tmp_path / "data")] == ["20260101", "20260102"]
    assert ids(third.search(Filter(), 99).records) == ids(stored)[::-1]


def test_clock_that_goes_back_keeps_the_order(open_store: Callable[[], Embedded], clock: Clock) -> None:
    store = open_store()
    filled(store, 50)
    clock.now_s -= 5 * DAY_S
    filled(store, 50, 50)

    newest = store.search(Filter(), 1).records[0]
    assert str(newest["id"]).startswith(f"req_{99:016x}")


def test_second_gateway_on_the_same_folder_is_refused(open_store: Callable[[], Embedded]) -> None:
    open_store()
    with pytest.raises(StoreBusy):
        open_store()


def test_durable_means_bodies_and_then_the_record_are_on_the_disk(tmp_path: Path, clock: Clock) -> None:
    """Watches the calls that go to the kernel: nothing short of a power cut would show the difference."""
    store, calls = Embedded(tmp_path, "durable", clock), []

    def watch(_: object, event: str, function: Any) -> None:
        if event == "c_call" and function.__name__ in ("write", "fdatasync"):
            calls.append(function.__name__)

    sys.setprofile(watch)
    try:
        refs = store.put("t", {"request": b"body"})
        ack = store.append([{"id": "req_1", "bodies": refs}])
    finally:
        sys.setprofile(None)
    store.close()

    assert calls == ["write", "fdatasync", "write", "fdatasync"]
    assert ack.durability == "durable"


def test_everything_is_private(open_store: Callable[[], Embedded], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    before = os.umask(0)
    try:
        filled(open_store(), 50)
    finally:
        os.umask(before)

    found = [tmp_path / "data", *(tmp_path / "data").rglob("*")]
    assert {oct(each.stat().st_mode & 0o777) for each in found if each.is_dir()} == {"0o700"}
    assert {oct(each.stat().st_mode & 0o777) for each in found if each.is_file()} == {"0o600"}


def test_retention_drops_bodies_first_and_records_later(open_store: Callable[[], Embedded], clock: Clock) -> None:
    store = open_store()
    old = filled(store, 40)
    refs = store.search(Filter(), 1).records[0]["bodies"]
    new = filled(store, 5, 200_000)  # more than a day later
    before = store.rollup("channel", step="day")
    assert store.body(refs["request"])

    dropped = store.retain(records_before_s=START_S, bodies_before_s=START_S + DAY_S)
    assert (dropped.partitions, dropped.body_packs) == (0, 1)
    with pytest.raises(BodyUnavailable, match="expired"):
        store.body(refs["request"])
    assert ids(store.search(Filter(), 99).records) == ids(old + new)[::-1]

    dropped = store.retain(records_before_s=START_S + DAY_S, bodies_before_s=START_S + DAY_S)
    assert (dropped.partitions, dropped.records) == (1, 40)
    store.reader.close()  # what follows must come from the disk
    assert ids(store.search(Filter(), 99).records) == ids(new)[::-1]
    assert store.rollup("channel", step="day") == before


def test_dropping_that_was_interrupted_is_finished_and_counts_once(
    open_store: Callable[[], Embedded], tmp_path: Path
) -> None:
    """Killed after the sums were kept and before the rename; and killed between the rename and the last unlink."""
    store = open_store()
    filled(store, 90)
    before = store.rollup("all")
    first, second, _ = partitions(tmp_path / "data")
    keep_sums(tmp_path / "data", first, SealedPartition(tmp_path / "data" / first).summary)
    keep_sums(tmp_path / "data", second, SealedPartition(tmp_path / "data" / second).summary)
    (tmp_path / "data" / second).rename(tmp_path / "data" / f"dropped-{second}")
    store.close()

    again = open_store()
    assert again.rollup("all") == before
    assert not list((tmp_path / "data").glob("dropped-*"))
    again.retain(START_S + DAY_S, START_S + DAY_S)
    assert again.rollup("all") == before


def test_reader_that_was_open_is_not_hurt_by_retention_or_compaction(
    open_store: Callable[[], Embedded], tmp_path: Path
) -> None:
    store = open_store()
    store.mark_open([{"id": f"req_running_{n}", "ts": START_S, "path": "/v1/messages"} for n in range(30)])
    stored = filled(store, 130)
    reader = TraceReader.open(tmp_path / "data")
    assert len(reader.search(Filter(), 999).records) == 130

    assert maintenance.compact(tmp_path / "data")
    assert ids(reader.search(Filter(), 999).records) == ids(stored)[::-1]
    store.retain(START_S + DAY_S, START_S + DAY_S)
    assert ids(reader.search(Filter(), 999).records) == ids(stored[120:])[::-1]
    assert reader.get(stored[3]["id"]) is None
    reader.close()


@pytest.mark.parametrize("harm", ["flip", "cut", "remove", "other version"])
def test_bad_index_is_made_again(open_store: Callable[[], Embedded], tmp_path: Path, harm: str) -> None:
    store = open_store()
    stored = filled(store, 45)
    store.close()
    index = tmp_path / "data" / partitions(tmp_path / "data")[0] / INDEX
    data = index.read_bytes()
    match harm:
        case "flip":
            index.write_bytes(data[:30] + bytes([data[30] ^ 1]) + data[31:])
        case "cut":
            index.write_bytes(data[:-1])
        case "remove":
            index.unlink()
        case "other version":
            index.write_bytes(data[:9] + data[9:].replace(b'"version":1', b'"version":0', 1))

    reader = TraceReader.open(tmp_path / "data")
    assert ids(reader.search(Filter({"channel": "openai"}), 99).records) == [
        each["id"] for each in stored[::-1] if each["channel"] == "openai"
    ]
    reader.close()
    open_store()
    assert index.read_bytes()[9:] == data[9:]


def test_begun_request_of_a_killed_gateway_is_found_as_interrupted(open_store: Callable[[], Embedded]) -> None:
    store = open_store()
    store.mark_open([{"id": "req_a", "ts": START_S, "key_name": "me"}, {"id": "req_b", "ts": START_S}])
    store.append([{"id": "req_b", "ts": START_S, "outcome": "ok"}])
    assert ids(store.reader.unfinished()) == ["req_a"]
    filled(store, 45)
    assert ids(store.reader.unfinished()) == ["req_a"]
    store.close()

    again = open_store()
    found = again.get("req_a")
    assert found is not None
    assert (found["outcome"], found["error_kind"], found["key_name"]) == ("error", "interrupted", "me")
    assert again.reader.unfinished() == ()
    assert len(again.search(Filter(), 99).records) == 47
    again.close()
    assert len(open_store().search(Filter(), 99).records) == 47


def test_check_finds_every_kind_of_damage(open_store: Callable[[], Embedded], tmp_path: Path) -> None:
    store = open_store()
    filled(store, 130)
    root = tmp_path / "data"
    assert [each.problems for each in maintenance.check(root)] == [()] * 4
    assert sum(each.bodies for each in maintenance.check(root)) == 130
    journal, pack, index, _ = (root / name for name in partitions(root))
    flip(journal / JOURNAL, 5000)
    flip(pack / PACK, 2000)
    flip(index / INDEX, -100)

    problems = [each.problems for each in maintenance.check(root)]

    assert [len(each) > 0 for each in problems] == [True, True, True, False]
    assert any("do not check" in each for each in problems[0]) and "damaged" in problems[1][0]
    assert "section" in problems[2][0]


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)


def test_partition_is_a_tinydb_anyone_can_open(open_store: Callable[[], Embedded], tmp_path: Path) -> None:
    store = open_store()
    stored = filled(store, 45)
    with JournalDB(tmp_path / "data" / partitions(tmp_path / "data")[0] / JOURNAL, read_only=True) as db:
        assert ids(db.table("requests").search(where("status") == 200)) == [
            each["id"] for each in stored[:40] if each["status"] == 200
        ]


READ_WHILE_WRITTEN = """
import json, sys, time
import tests.conftest
from pathlib import Path
from axonhub.addons.store.backend import Filter
from axonhub.addons.store.reader import TraceReader
reader, seen, behind = TraceReader.open(Path(sys.argv[1])), 0, 0.0
print("ready", flush=True)
for line in sys.stdin:
    stored = int(line)
    asked = time.monotonic()
    while True:
        rows = reader.rollup("all")
        found = rows[0].counters.requests if rows else 0
        listed = reader.search(Filter(), 1_000_000).records
        assert found >= seen and len(listed) >= found, (found, seen, len(listed))
        assert len({each["id"] for each in listed}) == len(listed)
        seen = found
        if found >= stored:
            break
        assert time.monotonic() - asked < 10, "never came"
    behind = max(behind, time.monotonic() - asked)
    print(json.dumps([stored, found, behind]), flush=True)
"""


def test_reader_in_another_process_sees_what_was_acknowledged_within_a_second(
    open_store: Callable[[], Embedded], tmp_path: Path
) -> None:
    """Across the roll of partitions and compaction; never fewer than before, never one twice."""
    store = open_store()
    reader = subprocess.Popen(
        [sys.executable, "-c", READ_WHILE_WRITTEN, str(tmp_path / "data")],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert reader.stdin and reader.stdout
    assert reader.stdout.readline() == "ready\n"
    for turn in range(30):
        store.mark_open([{"id": f"req_{turn}_{n}", "ts": START_S} for n in range(9)])
        filled(store, 13, turn * 13)
        reader.stdin.write(f"{turn * 13 + 13}\n")
        reader.stdin.flush()
        if turn % 7 == 6:
            maintenance.compact(tmp_path / "data")
        stored, found, behind_s = json.loads(reader.stdout.readline())
        assert found >= stored and behind_s < 1
    reader.stdin.close()
    assert reader.wait(10) == 0
    reader.stdout.close()
