"""What any backend must do. A new engine joins by one entry in BACKENDS or STATES, and must pass unchanged."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest

from axonhub.addons.store.backend import (
    Ack,
    BlobBackend,
    BodyUnavailable,
    Dimension,
    Dropped,
    Filter,
    Health,
    Page,
    Record,
    SharedState,
    Step,
    TraceBackend,
    UsageRow,
)
from axonhub.addons.store.embedded import Embedded, Limits
from axonhub.addons.store.shared import LocalState
from axonhub.addons.store.summary import Summary, usage
from tests.store.traffic import START_S


class Both(TraceBackend, BlobBackend, Protocol): ...


class InMemory:
    """The smallest thing that keeps the contract: shows that the suite asks for nothing of the embedded store's own."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.blobs: dict[str, bytes] = {}
        self.expired = 0

    def append(self, batch: Sequence[Record]) -> Ack:
        self.records += batch
        return Ack(len(batch), "written")

    def get(self, request_id: str) -> Record | None:
        return next((each for each in reversed(self.records) if each["id"] == request_id), None)

    def search(self, wanted: Filter, limit: int, cursor: str | None = None) -> Page:
        places = range((int(cursor) if cursor else len(self.records)) - 1, -1, -1)
        found = [place for place in places if fits(self.records[place], wanted)][:limit]
        more = len(found) == limit
        return Page(tuple(self.records[place] for place in found), str(found[-1]) if more else None)

    def trace(self, trace_id: str) -> Sequence[Record]:
        return sorted(
            (r for r in self.records if r.get("trace_id") == trace_id), key=lambda each: float(str(each["ts"]))
        )

    def rollup(
        self, by: Dimension, since_s: float | None = None, until_s: float | None = None, step: Step = "all"
    ) -> Sequence[UsageRow]:
        summary = Summary()
        for each in self.records:
            summary.add(each)
        return usage([summary], by, since_s, until_s, step)

    def retain(self, records_before_s: float, bodies_before_s: float) -> Dropped:
        kept = [each for each in self.records if float(str(each["ts"])) >= records_before_s]
        dropped, self.records = len(self.records) - len(kept), kept
        return Dropped(records=dropped)

    def follow(self, cursor: str | None, limit: int) -> Page:
        start = int(cursor or 0)
        found = tuple(self.records[start : start + limit])
        return Page(found, str(start + len(found)))

    def health(self) -> Health:
        return Health(True, len(self.records), 0)

    def put(self, trace: str, bodies: Mapping[str, bytes]) -> Mapping[str, str]:
        refs = {name: f"{len(self.blobs)}-{name}" for name in bodies}
        self.blobs |= {refs[name]: body for name, body in bodies.items()}
        return refs

    def body(self, ref: str) -> bytes:
        try:
            return self.blobs[ref]
        except KeyError:
            raise BodyUnavailable(ref) from None


def fits(record: Record, wanted: Filter) -> bool:
    started = float(str(record["ts"]))
    return (
        all(name in record and record[name] == value for name, value in wanted.equal.items())
        and (wanted.since_s is None or started >= wanted.since_s)
        and (wanted.until_s is None or started < wanted.until_s)
    )


BACKENDS: dict[str, Callable[[Path], Any]] = {
    "embedded": lambda folder: Embedded(folder, "durable", lambda: START_S, Limits(records=7)),
    "in memory": lambda folder: InMemory(),
}


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


STATES: dict[str, Callable[[Clock], SharedState]] = {"local": LocalState}


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Both]:
    made = BACKENDS[request.param](tmp_path / "data")
    yield made
    if hasattr(made, "close"):
        made.close()


def a_record(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"req_{number:04}",
        "ts": START_S + number,
        "trace_id": f"t{number % 3}",
        "channel": "ab"[number % 2],
        "used_model": "m",
        "key_name": "me",
        "outcome": "ok",
        "usage": {"input": 10, "output": 1},
        "cost_micro_usd": 5,
        **fields,
    }


def numbers(records: Sequence[Record]) -> list[int]:
    return [int(str(each["id"])[4:]) for each in records]


def test_appended_is_acknowledged_and_found(backend: Both) -> None:
    ack = backend.append([a_record(1), a_record(2)])

    assert ack.records == 2 and ack.durability in ("written", "durable")
    assert backend.get("req_0002") == a_record(2)
    assert backend.get("req_0003") is None
    assert backend.health().ok and backend.health().records == 2


def test_search_is_newest_first_and_all_conditions_hold(backend: Both) -> None:
    backend.append([a_record(n) for n in range(20)])

    assert numbers(backend.search(Filter(), 3).records) == [19, 18, 17]
    assert numbers(backend.search(Filter({"channel": "a"}), 99).records) == list(range(18, -1, -2))
    assert numbers(backend.search(Filter({"channel": "a", "trace_id": "t0"}), 99).records) == [18, 12, 6, 0]
    assert numbers(backend.search(Filter({}, START_S + 3, START_S + 6), 99).records) == [5, 4, 3]
    assert backend.search(Filter({"channel": "c"}), 99) == Page((), None)
    assert backend.search(Filter({"nothing": None}), 99) == Page((), None)


def test_pages_join_to_the_whole_though_newer_records_come(backend: Both) -> None:
    backend.append([a_record(n) for n in range(20)])
    seen: list[int] = []
    page = backend.search(Filter({"channel": "a"}), 3)
    while page.cursor is not None:
        seen += numbers(page.records)
        backend.append([a_record(100 + len(seen))])
        page = backend.search(Filter({"channel": "a"}), 3, page.cursor)
    seen += numbers(page.records)

    assert seen == list(range(18, -1, -2))


def test_trace_is_oldest_first_by_start(backend: Both) -> None:
    backend.append([a_record(n) for n in (8, 2, 5, 3)])

    assert numbers(backend.trace("t2")) == [2, 5, 8]
    assert list(backend.trace("none")) == []


def test_follow_delivers_each_once_from_any_cursor(backend: Both) -> None:
    first = backend.follow(None, 10)
    assert first.records == () and first.cursor is not None
    backend.append([a_record(n) for n in range(25)])
    seen, cursor = [], first.cursor
    while (page := backend.follow(cursor, 10)).records:
        seen, cursor = seen + numbers(page.records), page.cursor
    backend.append([a_record(25)])

    assert seen == list(range(25))
    assert numbers(backend.follow(cursor, 10).records) == [25]


def test_rollup_sums_by_dimension_and_time(backend: Both) -> None:
    backend.append([a_record(n, ts=START_S + n * 1800) for n in range(6)])
    backend.append([a_record(6, outcome="error", usage=None, cost_micro_usd=None)])

    rows = backend.rollup("channel", step="hour")
    counted = [((row.start_s - START_S) / 3600, row.value, row.counters.requests) for row in rows]
    assert counted == [(0, "a", 2), (0, "b", 1), (1, "a", 1), (1, "b", 1), (2, "a", 1), (2, "b", 1)]
    (everything,) = backend.rollup("all")
    assert (everything.counters.requests, everything.counters.errors) == (7, 1)
    assert (everything.counters.input_tokens, everything.counters.cost_micro_usd) == (60, 30)
    (late,) = backend.rollup("all", since_s=START_S + 7200, until_s=START_S + 10800)
    assert late.counters.requests == 2


def test_retention_never_drops_what_is_young_enough(backend: Both) -> None:
    for first in range(0, 20, 5):
        backend.append([a_record(n) for n in range(first, first + 5)])
    backend.retain(records_before_s=START_S + 12, bodies_before_s=START_S + 12)

    kept = numbers(backend.search(Filter(), 99).records)
    assert kept[:8] == list(range(19, 11, -1))
    assert len(kept) < 20


def test_bodies_come_back_and_absent_ones_say_so(backend: Both) -> None:
    bodies = {"request": b'{"a":1}' * 100, "response": bytes(range(256)), "attempt": b""}
    refs = backend.put("t", bodies)

    assert {name: backend.body(ref) for name, ref in refs.items()} == bodies
    with pytest.raises(BodyUnavailable):
        backend.body("nothing")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=STATES)
def state(request: pytest.FixtureRequest, clock: Clock) -> SharedState:
    return STATES[request.param](clock)


def test_take_keeps_to_its_budget_in_a_sliding_window(state: SharedState, clock: Clock) -> None:
    assert state.take("k", 6, limit=10, window_s=60)
    clock.now_s += 30
    assert not state.take("k", 5, limit=10, window_s=60)
    assert state.take("k", 4, limit=10, window_s=60)
    assert state.take("other", 10, limit=10, window_s=60)
    clock.now_s += 30
    assert state.take("k", 6, limit=10, window_s=60)
    assert not state.take("k", 1, limit=10, window_s=60)


def test_affinity_lasts_its_time(state: SharedState, clock: Clock) -> None:
    assert state.affinity("s") is None
    state.set_affinity("s", "a", ttl_s=10)
    state.set_affinity("s", "b", ttl_s=10)
    clock.now_s += 9
    assert state.affinity("s") == "b"
    clock.now_s += 1
    assert state.affinity("s") is None


def test_counters_add_up(state: SharedState) -> None:
    assert [state.add("n", 2), state.add("n", 3), state.add("m", 1)] == [2, 5, 1]
