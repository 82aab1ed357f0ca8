"""What an operation reads and writes does not grow with what is stored: counted in bytes by the kernel, not in time."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from axonhub.addons.store.backend import Filter
from axonhub.addons.store.embedded import Embedded, Limits
from axonhub.addons.store.reader import TraceReader
from tests.store.traffic import START_S, record

COUNTERS = Path("/proc/self/io")
pytestmark = pytest.mark.skipif(not COUNTERS.exists(), reason="the kernel keeps no count of bytes for us")


def moved_bytes(act: Callable[[], object], counter: str = "rchar") -> int:
    """Bytes that went through read (or with `wchar` write) calls of this process."""

    def now() -> int:
        return int(next(line for line in COUNTERS.read_text().splitlines() if line.startswith(counter)).split()[1])

    overhead = -now() + now()
    before = now()
    act()
    return now() - before - overhead


def stored(folder: Path, count: int) -> Embedded:
    store, dice = Embedded(folder, "written", lambda: START_S, Limits(records=200)), random.Random(1)
    for first in range(0, count, 50):
        store.append([record(n, dice) for n in range(first, first + 50)])
    return store


def costs(folder: Path, count: int) -> dict[str, int]:
    store = stored(folder, count)
    wanted = record(count // 2, random.Random(0))
    reader = TraceReader.open(folder)
    middle = reader.trace(wanted["trace_id"])[7]
    questions: dict[str, Callable[[], object]] = {
        "latest": lambda: reader.latest(50),
        "id": lambda: reader.get(str(middle["id"])),
        "trace": lambda: reader.trace(wanted["trace_id"]),
        "key": lambda: reader.latest(50, Filter({"key_name": "key-7"})),
        "channel": lambda: reader.latest(50, Filter({"channel": "gemini"})),
        "model and status": lambda: reader.latest(2, Filter({"used_model": "gpt-5.1", "status": 529})),
        "absent": lambda: reader.latest(50, Filter({"channel": "none"})),
        "sums by day": lambda: reader.rollup("channel", step="day"),
        "sums by hour": lambda: reader.rollup("model", step="hour"),
    }
    for ask in questions.values():
        ask()
    found = {name: moved_bytes(ask) for name, ask in questions.items()}
    dice = random.Random(2)
    found["insert"] = moved_bytes(lambda: store.append([record(count, dice)]), "wchar")
    store.close()
    reader.close()
    return found


def test_questions_and_inserts_cost_the_same_with_ten_times_the_records(tmp_path: Path) -> None:
    few, many = costs(tmp_path / "few", 1_010), costs(tmp_path / "many", 10_010)

    assert few["sums by day"] == many["sums by day"] == 0
    assert few["sums by hour"] == many["sums by hour"] == 0
    assert few["absent"] == many["absent"] == 0
    assert {name: many[name] for name in many if many[name] > few[name] * 1.6 + 3_000} == {}
    record_bytes = 1_800
    assert many["id"] < 5 * record_bytes
    assert many["latest"] < 60 * record_bytes
