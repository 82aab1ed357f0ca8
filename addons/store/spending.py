"""What a key, or a key under one of its profiles, has used up since a moment: from sums where whole hours will do, from
records where they will not.

Only requests that reached a channel count as requests: a refusal must not use up what it refuses.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Protocol

from axonhub.addons.store.backend import Counters, Dimension, Filter, Page, Record, Step, UsageRow
from axonhub.addons.store.summary import HOUR_S, counted, number

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Spent:
    requests: int = 0
    """That reached a channel."""
    tokens: int = 0
    """Input and output without what came from a cache."""
    cache_read_tokens: int = 0
    cost_micro_usd: int = 0
    unpriced: int = 0
    """Requests with usage and without a price: missing in the cost."""

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            self.requests + other.requests,
            self.tokens + other.tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.cost_micro_usd + other.cost_micro_usd,
            self.unpriced + other.unpriced,
        )

    def __sub__(self, other: "Spent") -> "Spent":
        return Spent(
            self.requests - other.requests,
            self.tokens - other.tokens,
            self.cache_read_tokens - other.cache_read_tokens,
            self.cost_micro_usd - other.cost_micro_usd,
            self.unpriced - other.unpriced,
        )


@dataclass(frozen=True, slots=True)
class Owner:
    key: str
    """An API key's name."""
    profile: str = ""
    """"" is the key under whatever profile."""

    @property
    def dimension(self) -> Dimension:
        return "profile" if self.profile else "key"

    @property
    def value(self) -> str:
        """As sums name it."""
        return f"{self.key}\t{self.profile}" if self.profile else self.key


@dataclass(frozen=True, slots=True)
class Want:
    owner: Owner
    since_s: float
    """Unix time; 0: ever since."""
    step: Step | None
    """How fine the answer must be; None: each record for itself."""


type Spending = list[tuple[float, Spent]]
"""When (Unix time: of a record its begin, of a sum the begin of its hour, 0 for all together), and how much."""


class Source(Protocol):
    """A TraceBackend, or a reader of one."""

    def search(self, wanted: Filter, limit: int, cursor: str | None = None) -> Page: ...

    def rollup(
        self, by: Dimension, since_s: float | None = None, until_s: float | None = None, step: Step = "all"
    ) -> Sequence[UsageRow]: ...


def spending(source: Source, wants: Sequence[Want]) -> list[Spending]:
    """For each want its answer. Sums that several need are read once."""
    sums: dict[tuple[Dimension, float, Step], Mapping[str, Spending]] = {}
    return [_answer(source, want, sums) for want in wants]


def spent_by(record: Record) -> Spent:
    return _spent(Counters(*counted(record)))


def _answer(source: Source, want: Want, sums: dict[tuple[Dimension, float, Step], Mapping[str, Spending]]) -> Spending:
    if want.step is None:
        return list(_records(source, want.owner, want.since_s, None))
    hour_s = ceil(want.since_s / HOUR_S) * HOUR_S  # what lies before it is a part of an hour, and no sum tells it
    group = (want.owner.dimension, hour_s, want.step)
    if group not in sums:
        sums[group] = _sums(source, *group)
    edge = _records(source, want.owner, want.since_s, hour_s) if want.since_s < hour_s else ()
    return [*edge, *sums[group].get(want.owner.value, ())]


def _sums(source: Source, dimension: Dimension, since_s: float, step: Step) -> Mapping[str, Spending]:
    found: dict[str, Spending] = {}
    for each in source.rollup(dimension, since_s or None, None, step):
        found.setdefault(each.value, []).append((each.start_s or since_s, _spent(each.counters)))
    return found


def _records(source: Source, owner: Owner, since_s: float, until_s: float | None) -> Iterator[tuple[float, Spent]]:
    equal = {"key_name": owner.key, **({"profile": owner.profile} if owner.profile else {})}
    cursor: str | None = None
    while True:
        page = source.search(Filter(equal, since_s, until_s), _PAGE, cursor)
        yield from ((number(each.get("ts")), spent_by(each)) for each in page.records)
        cursor = page.cursor
        if cursor is None:
            return


def _spent(sums: Counters) -> Spent:
    return Spent(
        sums.tried,
        sums.input_tokens + sums.cache_write_5m_tokens + sums.cache_write_1h_tokens + sums.output_tokens,
        sums.cache_read_tokens,
        sums.cost_micro_usd,
        sums.unpriced,
    )
