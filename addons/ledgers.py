"""Ledgers: what an owner has used up in a quota's period, and when there will be room again. Pure, in memory.

A ledger adds up in buckets, each of which leaves the period as a whole: a day or a month of the calendar, all time, or
for a rolling period a thousandth of it (an hour, where it is long). A bucket leaves when the newest that may be in it
is old enough, so a rolling period is never shorter than said. A request counts where it began, as in the store's sums.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from math import inf
from typing import Literal, Protocol

from axonhub.addons.config import Period, Quota
from axonhub.addons.config.values import zone
from axonhub.addons.store.backend import Step
from axonhub.addons.store.spending import Spending, Spent

type Kind = Literal["requests", "tokens", "cost_usd"]

_HOUR_S = 3600.0
_LONG_S = 48 * _HOUR_S
"""Rolling periods from here on move hour by hour, so that they can be read from the store's sums."""
_MICRO = Decimal(1_000_000)


class Window(Protocol):
    """Which bucket a moment belongs to, and how long that counts. All times are Unix times in seconds."""

    @property
    def step(self) -> Step | None:
        """How fine the store must tell what was before; None: each record."""

    def bucket(self, moment_s: float) -> float: ...

    def end(self, bucket: float) -> float:
        """When the bucket no longer counts."""

    def since(self, now_s: float) -> float:
        """The begin of the oldest bucket that counts; 0: all do."""


@dataclass(frozen=True, slots=True)
class AllTime:
    step: Step | None = "all"

    def bucket(self, moment_s: float) -> float:
        return 0.0

    def end(self, bucket: float) -> float:
        return inf

    def since(self, now_s: float) -> float:
        return 0.0


@dataclass(frozen=True, slots=True)
class Calendar:
    unit: Literal["day", "month"]
    timezone: str
    step: Step | None = "all"

    def bucket(self, moment_s: float) -> float:
        midnight = datetime.fromtimestamp(moment_s, zone(self.timezone)).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        return (midnight.replace(day=1) if self.unit == "month" else midnight).timestamp()

    def end(self, bucket: float) -> float:
        begin = datetime.fromtimestamp(bucket, zone(self.timezone)).replace(tzinfo=None)
        following = begin + timedelta(days=1) if self.unit == "day" else (begin + timedelta(days=31)).replace(day=1)
        return following.replace(hour=0, tzinfo=zone(self.timezone)).timestamp()

    def since(self, now_s: float) -> float:
        return self.bucket(now_s)


@dataclass(frozen=True, slots=True)
class Rolling:
    length_s: float

    @property
    def step(self) -> Step | None:
        return "hour" if self.length_s >= _LONG_S else None

    @property
    def width_s(self) -> float:
        return _HOUR_S if self.length_s >= _LONG_S else self.length_s / 1000

    def bucket(self, moment_s: float) -> float:
        return moment_s // self.width_s * self.width_s

    def end(self, bucket: float) -> float:
        return bucket + self.width_s + self.length_s

    def since(self, now_s: float) -> float:
        return self.bucket(now_s - self.length_s)


def window_of(period: Period, timezone: str) -> Window:
    """`timezone`: of a calendar that names none."""
    if period.calendar is not None:
        return Calendar(period.calendar, period.timezone or timezone)
    return AllTime() if period.past_s is None else Rolling(period.past_s)


class Ledger:
    def __init__(self, window: Window) -> None:
        self.window = window
        self._buckets: dict[float, Spent] = {}
        self._used = Spent()
        self._next_end_s = inf
        """When the first of the buckets leaves."""

    def add(self, moment_s: float, spent: Spent) -> None:
        bucket = self.window.bucket(moment_s)
        self._buckets[bucket] = self._buckets.get(bucket, Spent()) + spent
        self._used += spent
        self._next_end_s = min(self._next_end_s, self.window.end(bucket))

    def add_all(self, spending: Spending) -> None:
        for moment_s, spent in spending:
            self.add(moment_s, spent)

    def used(self, now_s: float) -> Spent:
        if now_s >= self._next_end_s:
            self._leave(now_s)
        return self._used

    def free_at(self, now_s: float, fits: Callable[[Spent], bool]) -> float | None:
        """When enough will have left; None: never by itself."""
        left = self.used(now_s)
        if fits(left):
            return now_s
        for bucket in sorted(self._buckets):
            left -= self._buckets[bucket]
            if fits(left):
                end_s = self.window.end(bucket)
                return None if end_s == inf else end_s
        return None

    def _leave(self, now_s: float) -> None:
        kept = {bucket: spent for bucket, spent in self._buckets.items() if self.window.end(bucket) > now_s}
        self._buckets, self._used = kept, sum(kept.values(), Spent())
        self._next_end_s = min(map(self.window.end, kept), default=inf)


def limits(quota: Quota) -> dict[Kind, Decimal]:
    """Those that are set."""
    found: dict[Kind, int | Decimal | None] = {
        "requests": quota.requests,
        "tokens": quota.tokens,
        "cost_usd": quota.cost_usd,
    }
    return {kind: Decimal(limit) for kind, limit in found.items() if limit is not None}


def amount(kind: Kind, spent: Spent, quota: Quota) -> Decimal:
    """In the unit of the kind's limit."""
    match kind:
        case "requests":
            return Decimal(spent.requests)
        case "tokens":
            return spent.tokens + spent.cache_read_tokens * quota.cache_read_weight
        case "cost_usd":
            return spent.cost_micro_usd / _MICRO


def exhausted(quota: Quota, spent: Spent) -> Kind | None:
    """The first limit that leaves no room for another request; None: there is room."""
    return next((kind for kind, limit in limits(quota).items() if amount(kind, spent, quota) >= limit), None)
