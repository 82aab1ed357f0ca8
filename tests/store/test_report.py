"""What the command line shows, from a store that a gateway is writing, that none is writing, or that is not there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from axonhub.addons.store import report
from axonhub.addons.store.backend import Filter, Finished
from axonhub.addons.store.partition import JOURNAL, partitions
from axonhub.addons.store.reader import TraceReader
from axonhub.addons.store.writer import StoreSettings, TraceWriter
from tests.store.traffic import START_S

BODY = '{"model":"claude","text":"it\'s ü $HOME `x`"}'.encode()


def exchange(number: int, agent: str = "main", **fields: Any) -> dict[str, Any]:
    return {
        "id": f"req_{number}",
        "ts": START_S + 86_400 * number,
        "trace_id": "t",
        "agent_id": agent,
        "path": "/v1/messages",
        "key_name": "me",
        "profile": "fast",
        "asked_model": "claude-opus-4-5",
        "used_model": "deepseek-chat",
        "channel": "deepseek",
        "stream": False,
        "status": 200,
        "outcome": "ok",
        "duration_ms": 1234,
        "first_event_ms": 300,
        "usage": {"input": 100, "cache_read": 50, "output": 7},
        "cost": "0.0025",
        "cost_micro_usd": 2500,
        "attempts": [{"channel": "first", "status": 529, "kind": "overloaded"}, {"channel": "deepseek", "status": 200}],
        "losses": [{"path": "messages[0].citations", "reason": "not known there", "severity": "minor"}],
        **fields,
    }


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """Written by a writer that is still open, as beside a running gateway."""
    writer = TraceWriter.open(StoreSettings(tmp_path / "data"))
    writer.submit(Finished(exchange(0), {"request": BODY, "response": b"\xff\x00\x1b[31m" + b"x" * 5000}))
    writer.submit(
        Finished(exchange(1, "helper", outcome="error", status=529, usage=None, cost=None, cost_micro_usd=None))
    )
    writer.open_request({"id": "req_running", "ts": START_S, "asked_model": "claude-opus-4-5"})
    assert writer.flush(10)
    yield tmp_path / "data"
    writer.close(10)


@pytest.fixture
def reader(root: Path) -> Iterator[TraceReader]:
    opened = TraceReader.open(root)
    yield opened
    opened.close()


def test_list_shows_the_running_and_then_the_latest(reader: TraceReader) -> None:
    shown = report.trace_list(reader, 10)

    assert [each["id"] for each in json.loads(json.dumps(shown.data))] == ["req_running", "req_1", "req_0"]
    lines = shown.text.splitlines()
    assert lines[0].split()[:3] == ["time", "id", "status"]
    assert "running" in lines[1] and "529" in lines[2] and "0.0025" in lines[3] and "1.2 s" in lines[3]


def test_list_can_be_narrowed(reader: TraceReader) -> None:
    shown = report.trace_list(reader, 10, Filter({"outcome": "ok"}))

    assert [each["id"] for each in json.loads(json.dumps(shown.data))] == ["req_0"]


def test_show_tells_attempts_losses_and_bodies_without_driving_the_terminal(reader: TraceReader) -> None:
    shown = report.trace_show(reader, "req_0")

    assert shown.ok
    assert "attempt 1       channel=first status=529 kind=overloaded" in shown.text
    assert "messages[0].citations: not known there (minor)" in shown.text
    assert BODY.decode() in shown.text
    assert "\\xff\\x00\\x1b[31mxxx" in shown.text and "\x1b" not in shown.text
    assert "bytes more]" in shown.text


def test_show_of_a_trace_sums_by_agent(reader: TraceReader) -> None:
    shown = report.trace_show(reader, "t")
    data = json.loads(json.dumps(shown.data))

    assert data["agents"]["main"] == {"requests": 1, "input": 150, "output": 7, "cost_micro_usd": 2500, "unpriced": 0}
    assert data["agents"]["helper"]["requests"] == 1
    assert [each["id"] for each in data["requests"]] == ["req_0", "req_1"]
    assert "helper" in shown.text


def test_show_of_something_unknown_fails(reader: TraceReader) -> None:
    shown = report.trace_show(reader, "req_x")

    assert not shown.ok and shown.data is None and "req_x" in shown.text


@pytest.mark.parametrize("by", ["day", "hour", "channel", "model", "key", "profile"])
def test_usage_adds_up_however_it_is_cut(reader: TraceReader, by: Any) -> None:
    shown = report.usage(reader, by)
    rows = json.loads(json.dumps(shown.data))

    assert sum(row["requests"] for row in rows) == 2
    assert sum(row["cost_micro_usd"] for row in rows) == 2500
    assert len(rows) == (2 if by in ("day", "hour") else 1)
    assert "0.0025" in shown.text


def test_usage_can_be_bounded(reader: TraceReader) -> None:
    assert json.loads(json.dumps(report.usage(reader, "model", since_s=START_S + 86_400).data))[0]["requests"] == 1


def test_check_is_good_and_then_names_the_damage(root: Path) -> None:
    good = report.store_check(root)
    journal = root / partitions(root)[0] / JOURNAL
    data = journal.read_bytes().replace(b"deepseek-chat", b"deepseek-chap", 1)
    journal.write_bytes(data)
    bad = report.store_check(root)

    assert good.ok and good.text == "1 partitions, 2 records, 2 bodies: all good"
    assert not bad.ok and "do not check" in bad.text


def test_stats_and_compact_work_beside_a_gateway(root: Path) -> None:
    assert report.store_stats(root).text.splitlines()[-1].split()[:2] == ["all", "2"]
    assert report.store_compact(root).text == "Nothing to gain."


def test_absent_store_reads_as_empty(tmp_path: Path) -> None:
    reader = TraceReader.open(tmp_path / "none")

    assert report.trace_list(reader, 5).text == "No exchanges are stored."
    assert report.usage(reader).text == "No usage is stored for that time."
    assert report.store_check(tmp_path / "none").ok
    assert report.store_stats(tmp_path / "none").ok
    assert not (tmp_path / "none").exists()
