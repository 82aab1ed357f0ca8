"""What was submitted is stored, in order, with its bodies; what could not be is counted and logged, never silent."""

import asyncio
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings as examples, strategies as st

from axonhub.addons.store.backend import Ack, Dropped, Filter, Finished, Record, SyncFailed, WriteFailed
from axonhub.addons.store.embedded import Limits
from axonhub.addons.store.reader import TraceReader
from axonhub.addons.store.writer import CREDENTIALS, StoreSettings, TraceWriter, fit
from axonhub.transformers.repetition import Likeness
from tests.store.traffic import START_S

MB = 1 << 20


class FakeDisk:
    """A backend that keeps records in a list, when its gate is open and it has no error to raise."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.records: list[Record] = []
        self.marks: list[Record] = []
        self.known: list[Likeness] = []
        self.gate = threading.Event()
        self.waiting = threading.Event()
        self.gate.set()
        self.closed = False

    def append(self, batch: Sequence[Record]) -> Ack:
        self.waiting.set()
        assert self.gate.wait(10)
        if self.errors:
            raise self.errors.pop(0)
        json.dumps(batch)
        self.records += batch
        return Ack(len(batch), "written")

    def put(self, trace: str, bodies: Mapping[str, bytes]) -> Mapping[str, str]:
        return {name: f"{trace}:{len(body)}" for name, body in bodies.items()}

    def put_all(
        self, several: Sequence[tuple[str, Mapping[str, bytes]]], known: Collection[Likeness] = ()
    ) -> Sequence[Mapping[str, str]]:
        self.known += known
        return [self.put(trace, bodies) for trace, bodies in several]

    def mark_open(self, begun: Sequence[Record]) -> None:
        self.marks += begun

    def turn_day(self) -> None: ...

    def retain(self, records_before_s: float, bodies_before_s: float) -> Dropped:
        return Dropped()

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., TraceWriter]]:
    writers: list[TraceWriter] = []

    def started(disk: Any, **settings: Any) -> TraceWriter:
        writers.append(TraceWriter(disk, StoreSettings(tmp_path, retry_s=0.01, **settings), lambda: START_S))
        writers[-1].start()
        return writers[-1]

    yield started
    for writer in writers:
        assert writer.close(10)


def finished(number: int, size_bytes: int = 0) -> Finished:
    return Finished({"id": f"req_{number}", "thread_id": "t"}, {"request": b"x" * size_bytes} if size_bytes else {})


def ids(records: Sequence[Record]) -> list[Any]:
    return [each["id"] for each in records]


def test_submitted_exchange_is_read_back_by_another_reader(tmp_path: Path) -> None:
    writer = TraceWriter.open(StoreSettings(tmp_path / "data"))
    document = {"id": "req_1", "ts": 100.0, "trace_id": "t", "channel": "a", "outcome": "ok"}

    accepted = writer.submit(Finished(document, {"request": b'{"a":1}', "response": b"\xff\x00"}))
    stored = writer.flush(10)

    reader = TraceReader.open(tmp_path / "data")
    record = reader.get("req_1")
    assert accepted and stored
    assert record is not None
    bodies: Any = record["bodies"]
    assert reader.body(bodies["request"]) == b'{"a":1}'
    assert reader.body(bodies["response"]) == b"\xff\x00"
    assert [r["id"] for r in reader.latest(5, Filter({"channel": "a"}))] == ["req_1"]
    assert writer.close(10)


def test_stalled_disk_sheds_bodies_first_then_refuses_and_counts_both(start: Callable[..., TraceWriter]) -> None:
    disk = FakeDisk()
    writer = start(disk, queue_bytes=10 * MB, queue_items=50, group_items=1)
    disk.gate.clear()
    largest = 0
    accepted = []
    for number in range(80):
        accepted.append(writer.submit(finished(number, MB)))
        largest = max(largest, writer.stats().queue_bytes)
    stalled = writer.stats()
    disk.gate.set()
    assert writer.flush(10)

    assert accepted == [True] * 50 + [False] * 30
    assert largest <= 10 * MB + MB
    assert (stalled.submitted, stalled.refused, stalled.queue_items) == (50, 30, 50)
    assert ids(disk.records) == [f"req_{number}" for number in range(50)]
    shed = [each for each in disk.records if each.get("bodies_shed") == ["request"]]
    assert len(shed) == writer.stats().bodies_shed == 41
    assert all(each.get("bodies") == {"request": f"t:{MB}"} for each in disk.records if each not in shed)
    assert (writer.stats().queue_items, writer.stats().queue_bytes) == (0, 0)


def test_what_is_known_of_a_body_is_shed_with_it(start: Callable[..., TraceWriter]) -> None:
    """It holds the body, too."""
    disk = FakeDisk()
    writer = start(disk, queue_bytes=MB, linger_s=3600)
    known = [Likeness(b"a" * 10), Likeness(b"b" * MB)]
    for number, each in enumerate(known):
        writer.submit(Finished({"id": f"req_{number}"}, {"request": each.body}, each))

    assert writer.flush(10)
    assert disk.known == known[:1]


def test_event_loop_turns_while_the_disk_stands_still(start: Callable[..., TraceWriter]) -> None:
    disk = FakeDisk()
    writer = start(disk)
    disk.gate.clear()
    writer.submit(finished(0))
    assert disk.waiting.wait(10)

    async def serve() -> int:
        turns = 0
        for number in range(500):
            writer.submit(finished(number, MB))
            await asyncio.sleep(0)
            turns += 1
        assert disk.waiting.is_set()
        return turns

    assert asyncio.run(serve()) == 500
    assert disk.records == []
    disk.gate.set()


def test_disk_that_refuses_for_a_while_gets_each_record_once(start: Callable[..., TraceWriter]) -> None:
    disk = FakeDisk(*[WriteFailed("no space")] * 5)
    writer = start(disk, group_items=3)
    for number in range(20):
        writer.submit(finished(number))
    assert writer.flush(10)

    assert ids(disk.records) == [f"req_{number}" for number in range(20)]
    assert (writer.stats().stored, writer.stats().write_errors, writer.stats().last_error) == (20, 5, "no space")


def test_unconfirmed_group_is_counted_as_lost_and_the_next_is_stored(start: Callable[..., TraceWriter]) -> None:
    disk = FakeDisk(SyncFailed("input/output error"))
    writer = start(disk)
    writer.submit(finished(1))
    writer.flush(10)
    writer.submit(finished(2))
    writer.flush(10)

    assert ids(disk.records) == ["req_2"]
    assert (writer.stats().stored, writer.stats().lost) == (1, 1)


def test_error_nobody_foresaw_is_logged_whole_and_the_thread_lives(
    start: Callable[..., TraceWriter], caplog: pytest.LogCaptureFixture
) -> None:
    writer = start(disk := FakeDisk(RuntimeError("surprise")))
    writer.submit(finished(1))
    writer.flush(10)
    writer.submit(finished(2))
    writer.flush(10)

    assert ids(disk.records) == ["req_2"]
    assert (writer.stats().crashes, writer.stats().lost, writer.stats().stored) == (1, 1, 1)
    assert "surprise" in caplog.text and "Traceback" in caplog.text


def test_close_stores_what_is_queued_and_then_refuses(start: Callable[..., TraceWriter]) -> None:
    writer = start(disk := FakeDisk())
    disk.gate.clear()
    for number in range(100):
        writer.submit(finished(number))
    disk.gate.set()
    assert writer.close(10)

    assert len(disk.records) == 100 and disk.closed
    assert not writer.submit(finished(101))
    assert writer.stats().refused == 1


def test_close_gives_up_on_a_disk_that_keeps_refusing(start: Callable[..., TraceWriter]) -> None:
    disk = FakeDisk(*[WriteFailed("no space")] * 1_000_000)
    writer = start(disk)
    writer.submit(finished(1))

    assert writer.close(0.05)
    assert writer.stats().lost == 1 and disk.closed


def test_what_was_shed_is_logged(start: Callable[..., TraceWriter], caplog: pytest.LogCaptureFixture) -> None:
    disk = FakeDisk()
    writer = start(disk, queue_items=1, tick_s=0)
    disk.gate.clear()
    writer.submit(finished(1))
    with caplog.at_level(logging.WARNING):
        writer.submit(finished(2))
        disk.gate.set()
        writer.flush(10)
        writer.close(10)

    assert "1 records refused" in caplog.text


def test_begun_requests_are_marked_unless_they_end_in_the_same_group(start: Callable[..., TraceWriter]) -> None:
    disk = FakeDisk()
    writer = start(disk)
    disk.gate.clear()
    writer.submit(finished(0))
    assert disk.waiting.wait(10)  # the next ones form one group
    writer.open_request({"id": "req_1"})
    writer.open_request({"id": "req_2"})
    writer.submit(finished(2))
    disk.gate.set()
    assert writer.flush(10)

    assert ids(disk.marks) == ["req_1"]
    assert (writer.stats().submitted, writer.stats().stored) == (2, 2)


def test_record_that_json_cannot_carry_is_stored_as_text(tmp_path: Path) -> None:
    writer = TraceWriter.open(StoreSettings(tmp_path))
    deep: Any = {}
    for _ in range(1000):
        deep = {"d": deep}
    odd: dict[Any, Any] = {"id": "req_1", "large": 2**80, "half": "a\ud800b", "set": {1}, "deep": deep, 5: [b"x"]}
    writer.submit(Finished({"id": "req_0"}))
    writer.submit(Finished(odd))
    writer.submit(Finished({"id": "req_2"}))
    writer.flush(10)
    writer.close(10)

    found = TraceReader.open(tmp_path).get("req_1")
    assert found is not None
    assert (found["large"], found["half"], found["set"], found["5"]) == (str(2**80), "a?b", "{1}", ["b'x'"])
    assert ids(TraceReader.open(tmp_path).latest(9)) == ["req_2", "req_1", "req_0"]


def test_no_credential_reaches_the_disk(tmp_path: Path) -> None:
    """Records carry no headers; this is what happens should one get in all the same."""
    writer = TraceWriter.open(StoreSettings(tmp_path))
    secret = "sk-ant-very-secret"
    headers = {"Authorization": f"Bearer {secret}", "x-api-key": secret, "accept": "text/event-stream"}
    writer.submit(Finished({"id": "req_1", "X-Goog-Api-Key": secret, "attempts": [{"headers": headers}]}))
    writer.close(10)

    everything = b"".join(each.read_bytes() for each in tmp_path.rglob("*") if each.is_file())
    assert secret.encode() not in everything and b"event-stream" in everything


NAMES = st.sampled_from((*CREDENTIALS, "Authorization", "X-API-KEY", "coo\u212aie", "key_name", "status"))
VALUES = st.recursive(
    st.none() | st.integers() | st.text() | NAMES,
    lambda inner: st.dictionaries(NAMES | st.text(), inner) | st.lists(inner) | st.lists(inner).map(tuple),
)


@examples(deadline=None)
@given(st.dictionaries(NAMES, VALUES))
def test_what_is_fit_to_be_stored_has_no_credential_and_is_json(record: dict[str, Any]) -> None:
    def names(value: Any) -> Iterator[tuple[str, object]]:
        if isinstance(value, dict):
            yield from value.items()
        for each in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
            yield from names(each)

    stored = json.loads(json.dumps(fit(record)))

    assert record.keys() == stored.keys()
    assert {"[removed]"} >= {value for name, value in names(stored) if name.lower() in CREDENTIALS}


FILL_THE_DISK = """
import json, logging, random, resource, sys
import tests.conftest
from pathlib import Path
from axonhub.addons.store.backend import Filter, Finished
from axonhub.addons.store.reader import TraceReader
from axonhub.addons.store.writer import CREDENTIALS, StoreSettings, TraceWriter, fit
logging.disable()
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))
writer = TraceWriter.open(StoreSettings(Path(sys.argv[1]), retry_s=0.01, queue_items=100))
accepted = []
for number in range(2000):
    body = random.Random(number).randbytes(800)
    if writer.submit(Finished({"id": f"req_{number}", "text": "x" * 100}, {"request": body})):
        accepted.append(f"req_{number}")
    if number % 50 == 0:
        writer.flush(0.05)
full = writer.stats()
while not writer.close(0.1):
    pass
final = writer.stats()
in_file = [each["id"] for each in TraceReader.open(Path(sys.argv[1])).latest(5000)]
json.dump({
    "acknowledged": in_file[::-1][: full.stored] == accepted[: full.stored],
    "stored": final.stored, "in file": len(in_file),
    "refused": full.refused, "accounted": final.stored + final.lost == final.submitted == len(accepted),
    "lost": final.lost, "shed": final.bodies_shed, "errors": full.write_errors, "error": full.last_error,
}, sys.stdout)
"""


def test_full_disk_keeps_earlier_records_and_the_gateway_serving(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, str(tmp_path / "data")],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    seen = json.loads(done.stdout)

    assert seen["acknowledged"] and seen["stored"] == seen["in file"] > 50
    assert seen["refused"] > 100 and seen["shed"] > 0 and seen["lost"] > 0 and seen["errors"] > 0
    assert seen["accounted"] and seen["error"].endswith("File too large")
    stored = TraceReader.open(tmp_path / "data").latest(5000)
    assert len(stored) == seen["stored"]


def test_retention_runs_by_itself(tmp_path: Path) -> None:
    now_s = START_S
    settings = StoreSettings(tmp_path, tick_s=0, limits=Limits(records=10), retention_requests_s=1000.0)
    writer = TraceWriter.open(settings, lambda: now_s)
    for number in range(25):
        writer.submit(Finished({"id": f"req_{number:03}", "ts": START_S}))
        writer.flush(10)
    before = len(TraceReader.open(tmp_path).latest(100))
    now_s += 1001
    writer.submit(Finished({"id": "req_new", "ts": now_s}))
    writer.flush(10)
    writer.close(10)

    assert before == 25
    assert ids(TraceReader.open(tmp_path).latest(100)) == ["req_new", *(f"req_{n:03}" for n in range(24, 19, -1))]


@pytest.mark.parametrize("ack", ["written", "durable"])
def test_both_durabilities_store(tmp_path: Path, ack: Any) -> None:
    writer = TraceWriter.open(StoreSettings(tmp_path, ack=ack))
    writer.submit(finished(1, 1000))
    assert writer.flush(10) and writer.stats().stored == 1
    writer.close(10)

    assert ids(TraceReader.open(tmp_path).latest(5)) == ["req_1"]


def test_a_question_is_answered_behind_what_was_submitted_before_and_ahead_of_what_comes_later(
    start: Callable[..., TraceWriter],
) -> None:
    disk, answers = FakeDisk(), list[list[object]]()
    writer = start(disk)
    disk.gate.clear()
    writer.submit(Finished({"id": "a"}))
    assert disk.waiting.wait(10)
    writer.submit(Finished({"id": "b"}))
    writer.ask(lambda store: answers.append([each["id"] for each in disk.records]))
    writer.submit(Finished({"id": "c"}))
    disk.gate.set()

    assert writer.close(10)
    assert answers == [["a", "b"]]
    assert [each["id"] for each in disk.records] == ["a", "b", "c"]


def test_a_question_that_fails_costs_no_record(start: Callable[..., TraceWriter]) -> None:
    disk = FakeDisk()
    writer = start(disk)

    def failing(store: object) -> None:
        raise ValueError("cannot be answered")

    writer.ask(failing)
    writer.submit(Finished({"id": "a"}))

    assert writer.close(10)
    assert [each["id"] for each in disk.records] == ["a"]
    assert (writer.stats().lost, writer.stats().crashes) == (0, 1)


@pytest.mark.parametrize("group_items", [1, 7, 256])
def test_who_waits_does_not_wait_for_company_of_the_last(start: Callable[..., TraceWriter], group_items: int) -> None:
    disk, answers = FakeDisk(), list[int]()
    writer = start(disk, linger_s=3600, group_items=group_items)
    for number in range(30):
        writer.submit(finished(number))
    assert writer.flush(10)
    writer.submit(finished(30))
    answered = threading.Event()
    writer.ask(lambda store: (answers.append(len(disk.records)), answered.set()))
    assert answered.wait(10)
    writer.submit(finished(31))

    assert writer.close(10)
    assert answers == [31]
    assert ids(disk.records) == [f"req_{number}" for number in range(32)]


def test_items_that_come_one_by_one_are_stored_together(start: Callable[..., TraceWriter]) -> None:
    disk, groups = FakeDisk(), list[int]()
    writer = start(disk, linger_s=3600)
    append = disk.append
    disk.append = lambda batch: (groups.append(len(batch)), append(batch))[1]  # type: ignore[method-assign]
    for number in range(20):
        writer.submit(finished(number))

    assert writer.flush(10)
    assert groups == [20]


def test_what_stands_behind_a_question_does_not_wait_for_company(start: Callable[..., TraceWriter]) -> None:
    disk = FakeDisk()
    writer = start(disk, linger_s=3600)
    disk.gate.clear()
    writer.submit(finished(0))
    writer.ask(lambda store: None)
    assert disk.waiting.wait(10)
    writer.submit(finished(1))
    writer.ask(lambda store: None)
    writer.submit(finished(2))
    disk.gate.set()

    assert writer.flush(10)
    assert ids(disk.records) == ["req_0", "req_1", "req_2"]


def test_a_full_group_does_not_wait_for_company(start: Callable[..., TraceWriter]) -> None:
    disk = FakeDisk()
    writer = start(disk, linger_s=3600, group_items=5)
    for number in range(5):
        writer.submit(finished(number))

    assert disk.waiting.wait(10)


def test_disk_without_room_for_all_bodies_of_a_group_gets_those_that_fit(start: Callable[..., TraceWriter]) -> None:
    disk = FakeDisk()

    def put_all(several: Sequence[tuple[str, Mapping[str, bytes]]], known: object) -> Sequence[Mapping[str, str]]:
        if sum(len(body) for _, bodies in several for body in bodies.values()) > 1000:
            raise WriteFailed("no space")
        return [disk.put(trace, bodies) for trace, bodies in several]

    disk.put_all = put_all  # type: ignore[method-assign]
    writer = start(disk, linger_s=3600)
    for number, size in enumerate((600, 2000, 0, 700)):
        writer.submit(finished(number, size))

    assert writer.flush(10)
    assert ids(disk.records) == ["req_0", "req_1", "req_2", "req_3"]
    assert [each.get("bodies") for each in disk.records] == [{"request": "t:600"}, {}, None, {"request": "t:700"}]
    assert [each.get("bodies_shed") for each in disk.records] == [None, ["request"], None, None]
    assert writer.stats().bodies_shed == 1
