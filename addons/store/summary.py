"""What a partition knows of its records without reading them: how many, from when to when, and their sums by hour.

Sums are marginals (by channel, by model, by key), not a cross product, which would grow as the records do. They are
never journalled: an open partition's are counted from its records, a sealed one's lie in its index, so they equal a
recount.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, cast, get_args

from axonhub.addons.store.backend import INTERRUPTED, Counters, Dimension, Json, Record, Step, UsageRow

HOUR_S = 3600
STEP_S: Mapping[Step, int] = {"hour": HOUR_S, "day": 24 * HOUR_S}
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension.__value__)
COUNTERS = tuple(each.name for each in fields(Counters))
TOKENS = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning")
MOST_ROWS = 10_000
"""A caller that invents model names must not make the sums grow for ever; the rest is counted under OTHER. Keys and
profiles are the operator's and not so many, and quotas are reckoned from their sums."""
BOUNDED = frozenset(("model",))
OTHER = "(other)"

NUMBER = (int, float)  # as a union it would be made anew at each call, and this is called a dozen times a record
LARGEST_NUMBER = 2**53
"""What is larger, or no number at all, counts as 0: no record may make a sum, or an index, impossible."""

type Sums = dict[tuple[int, str], list[int]]
"""Start of the hour and value → what COUNTERS name."""


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
        int(bool(tokens) and not isinstance(cost, int)),
        whole(record.get("duration_ms")),
        int(tried(record)),
    ]


def tried(record: Record) -> bool:
    """Did it reach a channel? One that was cut short by the gateway's end counts as if it had."""
    attempts = record.get("attempts")
    return bool(isinstance(attempts, list | tuple) and attempts) or record.get("error_kind") == INTERRUPTED


def whole(value: Json) -> int:
    if type(value) is int:  # nearly always
        return value if -LARGEST_NUMBER < value < LARGEST_NUMBER else 0
    return int(number(value))


def number(value: Json) -> float:
    return float(value) if isinstance(value, NUMBER) and -LARGEST_NUMBER < value < LARGEST_NUMBER else 0.0


def values(record: Record) -> Iterable[tuple[Dimension, str]]:
    key = text(record.get("key_name"))
    yield "all", ""
    yield "channel", text(record.get("channel"))
    yield "model", text(record.get("used_model") or record.get("wanted_model") or record.get("asked_model"))
    yield "key", key
    yield "profile", f"{key}\t{text(record.get('profile'))}"


def text(value: Json) -> str:
    return value if isinstance(value, str) else ""


@dataclass(slots=True)
class Summary:
    records: int = 0
    first_id: str = ""
    last_id: str = ""
    since_s: float = float("inf")
    """Earliest start of an exchange."""
    until_s: float = float("-inf")
    """Latest end of an exchange, or start where the end is not known."""
    sums: dict[Dimension, Sums] = field(default_factory=lambda: {dimension: {} for dimension in DIMENSIONS})

    def add(self, record: Record) -> None:
        started = number(record.get("ts"))
        request_id = text(record.get("id"))
        self.records += 1
        self.first_id = min(self.first_id or request_id, request_id)
        self.last_id = max(self.last_id, request_id)
        self.since_s = min(self.since_s, started)
        self.until_s = max(self.until_s, started, number(record.get("ended_ts")))
        hour = int(started) // HOUR_S * HOUR_S
        added = [(place, amount) for place, amount in enumerate(counted(record)) if amount]
        for dimension, value in values(record):
            total = row(self.sums[dimension], hour, value, dimension in BOUNDED)
            for place, amount in added:
                total[place] += amount

    def add_sums(self, other: "Summary") -> None:
        for dimension, sums in other.sums.items():
            for (start_s, value), added in sums.items():
                add_all(self.sums[dimension].setdefault((start_s, value), [0] * len(COUNTERS)), added)

    def overlaps(self, since_s: float | None, until_s: float | None) -> bool:
        return (since_s is None or self.until_s >= since_s) and (until_s is None or self.since_s < until_s)

    def to_json(self) -> dict[str, Json]:
        return {
            "records": self.records,
            "first_id": self.first_id,
            "last_id": self.last_id,
            "since_s": self.since_s,
            "until_s": self.until_s,
            "sums": {name: [[*cell, *total] for cell, total in sums.items()] for name, sums in self.sums.items()},
        }


def row(sums: Sums, start_s: int, value: str, bounded: bool) -> list[int]:
    """The counters to add to."""
    found = sums.get((start_s, value))
    if found is not None:
        return found
    if bounded and len(sums) >= MOST_ROWS:
        value = OTHER
    return sums.setdefault((start_s, value), [0] * len(COUNTERS))


def add_all(total: list[int], added: list[int]) -> None:
    for place, amount in enumerate(added):
        total[place] += amount


def by_day(summary: Summary) -> Summary:
    """The same with its sums by day, which is what is kept when a partition is dropped."""
    day_s = STEP_S["day"]
    days: dict[Dimension, Sums] = {dimension: {} for dimension in DIMENSIONS}
    for dimension, sums in summary.sums.items():
        for (hour, value), added in sums.items():
            add_all(row(days[dimension], hour // day_s * day_s, value, dimension in BOUNDED), added)
    return replace(summary, sums=days)


def read_summary(data: Mapping[str, Json]) -> Summary:
    stored = cast(Mapping[str, list[list[Any]]], data["sums"])
    sums = {name: {(hour, value): told(total) for hour, value, *total in stored.get(name, ())} for name in DIMENSIONS}
    return Summary(
        cast(int, data["records"]),
        str(data["first_id"]),
        str(data["last_id"]),
        number(data["since_s"]),
        number(data["until_s"]),
        sums,
    )


def told(counters: list[int]) -> list[int]:
    """Sums of an earlier version did not tell which requests were tried: they count all."""
    return [*counters, *counters[: len(COUNTERS) - len(counters)]]


def usage(
    summaries: Iterable[Summary], by: Dimension, since_s: float | None, until_s: float | None, step: Step
) -> list[UsageRow]:
    """The sums of all of them together, by time and then value. Bounds are widened to whole hours."""
    length_s = STEP_S.get(step, 0)
    totals: Sums = {}
    for summary in summaries:
        for (hour, value), added in summary.sums[by].items():
            if not outside(hour, since_s, until_s):
                start_s = hour // length_s * length_s if length_s else 0
                add_all(totals.setdefault((start_s, value), [0] * len(COUNTERS)), added)
    return [UsageRow(start, value, Counters(*total)) for (start, value), total in sorted(totals.items())]


def outside(hour: int, since_s: float | None, until_s: float | None) -> bool:
    return (since_s is not None and hour + HOUR_S <= since_s) or (until_s is not None and hour >= until_s)
