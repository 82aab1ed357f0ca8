"""What the command line shows of the store: each function gives the data (for `--json`) and the same as text.

Pure but for reading: they take a TraceReader or a folder, so they work beside a running gateway and without one.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, cast

from axonhub.addons.store import maintenance
from axonhub.addons.store.backend import BodyUnavailable, Counters, Dimension, Filter, Json, Record, Step
from axonhub.addons.store.reader import TraceReader
from axonhub.addons.store.summary import TOKENS, number, whole

type By = Literal["day", "hour", "channel", "model", "key", "profile"]

UNPRICED = "unpriced"
SHOWN_BODY_BYTES = 2_000
TIMES: Mapping[By, Step] = {"day": "day", "hour": "hour"}


@dataclass(frozen=True, slots=True)
class Report:
    data: Json
    text: str
    ok: bool = True
    """False when the command should exit with 1."""


def trace_list(reader: TraceReader, limit: int, wanted: Filter | None = None) -> Report:
    """The latest exchanges, newest first, with those that are still running on top."""
    running = [{**each, "outcome": "running"} for each in reader.unfinished()] if wanted is None else []
    records: list[Record] = [*running, *reader.latest(limit, wanted or Filter())]
    rows = [
        (
            moment(each.get("ts")),
            each.get("id"),
            each.get("status") or each.get("outcome"),
            duration(each.get("duration_ms")),
            each.get("used_model") or each.get("asked_model"),
            each.get("channel"),
            each.get("key_name"),
            tokens_in(each),
            usage_of(each).get("output"),
            cost(each),
        )
        for each in records
    ]
    heads = ("time", "id", "status", "took", "model", "channel", "key", "in", "out", "cost $")
    return Report(records, table(heads, rows) if rows else "No exchanges are stored.")


def trace_show(reader: TraceReader, name: str) -> Report:
    """One exchange by its id, with its attempts and bodies; or all exchanges of a trace, with sums by agent."""
    record = reader.get(name)
    if record is not None:
        return Report(record, "\n".join(exchange_lines(reader, record)))
    trace = reader.trace(name)
    if trace:
        agents = by_agent(trace)
        return Report({"trace_id": name, "agents": agents, "requests": trace}, trace_text(trace, agents))
    return Report(None, f"No exchange and no trace is called {name!r}.", ok=False)


def exchange_lines(reader: TraceReader, record: Record) -> Iterable[str]:
    for field, value in record.items():
        if field not in ("attempts", "bodies", "losses", "usage") and value is not None:
            yield f"{field:15} {moment(value) if field in ('ts', 'ended_ts') else value}"
    yield f"{'usage':15} " + " ".join(f"{name}={value}" for name, value in usage_of(record).items() if value)
    for place, attempt in enumerate(cast(Sequence[Record], record.get("attempts") or ()), 1):
        yield f"attempt {place:<7} " + " ".join(
            f"{name}={value}" for name, value in attempt.items() if value is not None
        )
    for loss in cast(Sequence[Record], record.get("losses") or ()):
        yield f"{'loss':15} {loss.get('path')}: {loss.get('reason')} ({loss.get('severity')})"
    for body, ref in cast(Mapping[str, str], record.get("bodies") or {}).items():
        yield f"\n--- {body}"
        yield body_text(reader, ref)


def body_text(reader: TraceReader, ref: str) -> str:
    """Its beginning, whatever it is: bytes that are no text, and control characters, are shown escaped."""
    try:
        body = reader.body(ref)
    except BodyUnavailable as error:
        return f"[{error}]"
    text = printable(body[:SHOWN_BODY_BYTES].decode("utf-8", "backslashreplace"))
    more = len(body) - SHOWN_BODY_BYTES
    return f"{text}\n[{more} bytes more]" if more > 0 else text


def printable(text: str) -> str:
    """Without what could drive the terminal: a model's answer is a stranger's text."""
    return re.sub(r"[^\n\t\x20-\x7e\xa0-\U0010ffff]", lambda match: f"\\x{ord(match[0]):02x}", text)


def trace_text(trace: Sequence[Record], agents: Mapping[str, Mapping[str, Json]]) -> str:
    rows = [
        (
            moment(each.get("ts")),
            each.get("id"),
            each.get("agent_id"),
            each.get("status"),
            duration(each.get("duration_ms")),
            tokens_in(each),
            usage_of(each).get("output"),
            cost(each),
        )
        for each in trace
    ]
    sums = [
        (name, sums["requests"], sums["input"], sums["output"], cost_sum(sums["cost_micro_usd"], sums["unpriced"]))
        for name, sums in agents.items()
    ]
    return (
        table(("time", "id", "agent", "status", "took", "in", "out", "cost $"), rows)
        + "\n\n"
        + table(("agent", "requests", "in", "out", "cost $"), sums)
    )


def by_agent(trace: Sequence[Record]) -> dict[str, dict[str, Json]]:
    """Sums of each agent's requests; together they are the trace's."""
    sums: dict[str, Counter[str]] = {}
    for each in trace:
        agent = sums.setdefault(str(each.get("agent_id") or "main"), Counter())
        agent["requests"] += 1
        agent["input"] += tokens_in(each)
        agent["output"] += whole(usage_of(each).get("output"))
        agent["cost_micro_usd"] += whole(each.get("cost_micro_usd"))
        agent["unpriced"] += int(cost(each) == UNPRICED)
    return {
        name: {field: count[field] for field in ("requests", "input", "output", "cost_micro_usd", "unpriced")}
        for name, count in sums.items()
    }


def usage(reader: TraceReader, by: By = "day", since_s: float | None = None, until_s: float | None = None) -> Report:
    step = TIMES.get(by, "all")
    dimension: Dimension = "all" if by in TIMES else cast(Dimension, by)
    rows = reader.rollup(dimension, since_s, until_s, step)
    data = [{"start_s": each.start_s, "value": each.value, **asdict(each.counters)} for each in rows]
    heads = (by, "requests", "errors", "in", "cached", "written", "out", "cost $", "without price")
    lines = [
        (moment(each.start_s) if by in TIMES else each.value.replace("\t", "/"), *usage_row(each.counters))
        for each in rows
    ]
    return Report(data, table(heads, lines) if lines else "No usage is stored for that time.")


def usage_row(sums: Counters) -> tuple[Json, ...]:
    return (
        sums.requests,
        sums.errors,
        sums.input_tokens,
        sums.cache_read_tokens,
        sums.cache_write_5m_tokens + sums.cache_write_1h_tokens,
        sums.output_tokens,
        cost_sum(sums.cost_micro_usd, sums.unpriced),
        sums.unpriced or "",
    )


def store_check(root: Path) -> Report:
    found = maintenance.check(root)
    problems = [f"{each.name}: {problem}" for each in found for problem in each.problems]
    records, bodies = sum(each.records for each in found), sum(each.bodies for each in found)
    summary = f"{len(found)} partitions, {records} records, {bodies} bodies: "
    text = summary + (f"{len(problems)} problems\n" + "\n".join(problems) if problems else "all good")
    return Report([asdict(each) for each in found], text, ok=not problems)


def store_compact(root: Path) -> Report:
    done = maintenance.compact(root)
    data: list[Json] = [{"partition": name, "before_bytes": a, "after_bytes": b} for name, a, b in done]
    lines = [(name, size(before), size(after)) for name, before, after in done]
    return Report(data, table(("partition", "before", "after"), lines) if lines else "Nothing to gain.")


def store_stats(root: Path) -> Report:
    found = maintenance.survey(root)
    lines: list[tuple[Json, ...]] = [
        (
            each.name,
            each.records,
            size(each.journal_bytes),
            size(each.pack_bytes),
            size(each.index_bytes),
            "" if each.sealed else "open",
        )
        for each in found
    ]
    lines.append(
        (
            "all",
            sum(each.records for each in found),
            size(sum(each.journal_bytes for each in found)),
            size(sum(each.pack_bytes for each in found)),
            size(sum(each.index_bytes for each in found)),
            "",
        )
    )
    return Report(
        [asdict(each) for each in found], table(("partition", "records", "journal", "bodies", "index", ""), lines)
    )


def table(heads: Sequence[str], rows: Sequence[Sequence[Json]]) -> str:
    """Columns as wide as their widest cell; numbers to the right."""
    cells = [
        [printable("" if cell is None else str(cell)).replace("\n", " ") for cell in row] for row in (heads, *rows)
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [bool(rows) and all(isinstance(row[i], int | float | None) for row in rows) for i in range(len(heads))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in cells
    )


def usage_of(record: Record) -> Mapping[str, Json]:
    usage = record.get("usage")
    return usage if isinstance(usage, Mapping) else {}


def tokens_in(record: Record) -> int:
    """All that went in, cached or not."""
    usage = usage_of(record)
    return sum(whole(usage.get(name)) for name in TOKENS[:4])


def moment(seconds: Json) -> str:
    """Local time."""
    return datetime.fromtimestamp(number(seconds), UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def duration(milliseconds: Json) -> str:
    return f"{number(milliseconds) / 1000:.1f} s" if milliseconds is not None else ""


def dollars(micro_usd: Json) -> str:
    return f"{number(micro_usd) / 1_000_000:.4f}"


def cost(record: Record) -> Json:
    """What nobody knows the price of did not cost nothing."""
    known = record.get("cost")
    return UNPRICED if known is None and usage_of(record) else known


def cost_sum(micro_usd: Json, unpriced: Json) -> str:
    """Of what has a price; that something has none shows, too."""
    if not unpriced:
        return dollars(micro_usd)
    return f"{dollars(micro_usd)} + {UNPRICED}" if micro_usd else UNPRICED


def size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
