"""What a partition knows of its records without reading them: how many, from when to when, and their sums by hour.

Sums are marginals (by channel, by model, by key), not a cross product, which would grow as the records do. They are
never journalled: an open partition's are counted from its records, a sealed one's lie in its index, so they equal a
recount.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import cast, get_args

from axonhub.addons.store.backend import Counters, Dimension, Json, Record, Step, UsageRow

HOUR_S = 3600
STEP_S: Mapping[Step, int] = {"hour": HOUR_S, "day": 24 * HOUR_S}
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension.__value__)
COUNTERS = tuple(each.name for each in fields(Counters))
TOKENS = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning")
MOST_VALUES = 2_000
"""A caller that invents model names must not make the sums grow for ever; the rest is counted under OTHER."""
OTHER = "(other)"

type Cell = tuple[int, Dimension, str]
"""Start of the hour, dimension, value."""


def counted(record: Record) -> list[int]:
    """What one record adds, in the order of COUNTERS."""
    usage = record.get("usage")
    tokens = usage if isinstance(usage, Mapping) else {}
    cost = record.get("cost_micro_usd")
    outcome = record.get("outcome")
    return [
        1,
        int(outcome == "error"),
        int(outcome == "canceled"),
        *[whole(tokens.get(name)) for name in TOKENS],
        whole(cost),
        int(cost is None and bool(tokens)),
        whole(record.get("duration_ms")),
    ]


def whole(value: Json) -> int:
    return int(value) if isinstance(value, int | float) else 0


def values(record: Record) -> Iterable[tuple[Dimension, str]]:
    key = str(record.get("key_name") or "")
    yield "all", ""
    yield "channel", str(record.get("channel") or "")
    yield "model", str(record.get("used_model") or record.get("wanted_model") or record.get("asked_model") or "")
    yield "key", key
    yield "profile", f"{key}\t{record.get('profile') or ''}"


@dataclass(slots=True)
class Summary:
    records: int = 0
    first_id: str = ""
    last_id: str = ""
    since_s: float = float("inf")
    """Earliest start of an exchange."""
    until_s: float = float("-inf")
    """Latest end of an exchange, or start where the end is not known."""
    sums: dict[Cell, list[int]] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        started = number(record.get("ts"))
        request_id = str(record.get("id") or "")
        self.records += 1
        self.first_id = min(self.first_id or request_id, request_id)
        self.last_id = max(self.last_id, request_id)
        self.since_s = min(self.since_s, started)
        self.until_s = max(self.until_s, started, number(record.get("ended_ts")))
        hour = int(started) // HOUR_S * HOUR_S
        added = [(place, amount) for place, amount in enumerate(counted(record)) if amount]
        for dimension, value in values(record):
            self._sum(hour, dimension, value, added)

    def _sum(self, hour: int, dimension: Dimension, value: str, added: list[tuple[int, int]]) -> None:
        total = self.sums.get((hour, dimension, value))
        if total is None:
            if len(self.sums) > MOST_VALUES * len(DIMENSIONS):
                value = OTHER
            total = self.sums.setdefault((hour, dimension, value), [0] * len(COUNTERS))
        for place, amount in added:
            total[place] += amount

    def overlaps(self, since_s: float | None, until_s: float | None) -> bool:
        return (since_s is None or self.until_s >= since_s) and (until_s is None or self.since_s < until_s)

    def to_json(self) -> dict[str, Json]:
        return {
            "records": self.records,
            "first_id": self.first_id,
            "last_id": self.last_id,
            "since_s": self.since_s,
            "until_s": self.until_s,
            "sums": [[*cell, *total] for cell, total in self.sums.items()],
        }


def by_day(summary: Summary) -> Summary:
    """The same with its sums by day, which is what is kept when a partition is dropped."""
    day_s = STEP_S["day"]
    sums: dict[Cell, list[int]] = {}
    for (hour, dimension, value), added in summary.sums.items():
        cell = (hour // day_s * day_s, dimension, value)
        sums[cell] = [a + b for a, b in zip(sums.get(cell, [0] * len(COUNTERS)), added, strict=True)]
    return replace(summary, sums=sums)


def number(value: Json) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def read_summary(data: Mapping[str, Json]) -> Summary:
    sums: dict[Cell, list[int]] = {}
    for row in cast(list[list[Json]], data["sums"]):
        hour, dimension, value, *total = row
        sums[(cast(int, hour), cast(Dimension, dimension), str(value))] = cast(list[int], total)
    return Summary(
        cast(int, data["records"]),
        str(data["first_id"]),
        str(data["last_id"]),
        number(data["since_s"]),
        number(data["until_s"]),
        sums,
    )


def usage(
    summaries: Iterable[Summary], by: Dimension, since_s: float | None, until_s: float | None, step: Step
) -> list[UsageRow]:
    """The sums of all of them together, by time and then value. Bounds are widened to whole hours."""
    length_s = STEP_S.get(step, 0)
    totals: dict[tuple[int, str], list[int]] = {}
    for summary in summaries:
        for (hour, dimension, value), added in summary.sums.items():
            if dimension != by or outside(hour, since_s, until_s):
                continue
            start = hour // length_s * length_s if length_s else 0
            total = totals.setdefault((start, value), [0] * len(COUNTERS))
            for place, amount in enumerate(added):
                total[place] += amount
    return [UsageRow(start, value, Counters(*total)) for (start, value), total in sorted(totals.items())]


def outside(hour: int, since_s: float | None, until_s: float | None) -> bool:
    return (since_s is not None and hour + HOUR_S <= since_s) or (until_s is not None and hour >= until_s)
