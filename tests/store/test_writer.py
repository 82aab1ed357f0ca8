"""What was submitted is stored, in order, with its bodies; and what could not be is counted."""

from pathlib import Path

from axonhub.addons.store.backend import Filter, Finished
from axonhub.addons.store.reader import TraceReader
from axonhub.addons.store.writer import StoreSettings, TraceWriter


def test_submitted_exchange_is_read_back_by_another_reader(tmp_path: Path) -> None:
    writer = TraceWriter.open(StoreSettings(tmp_path / "data"))
    document = {"id": "req_1", "ts": 100.0, "trace_id": "t", "channel": "a", "outcome": "ok"}

    accepted = writer.submit(Finished(document, {"request": b'{"a":1}', "response": b"\xff\x00"}))
    stored = writer.flush(10)

    reader = TraceReader.open(tmp_path / "data")
    record = reader.get("req_1")
    assert accepted and stored
    assert record is not None
    bodies = record["bodies"]
    assert reader.body(bodies["request"]) == b'{"a":1}'
    assert reader.body(bodies["response"]) == b"\xff\x00"
    assert [r["id"] for r in reader.latest(5, Filter({"channel": "a"}))] == ["req_1"]
    assert writer.close(10)
