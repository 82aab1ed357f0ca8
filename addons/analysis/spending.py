"""Sums over records: tokens of each kind, money, and how many requests have no price. They add up in any order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from axonhub.addons.store.backend import Json, Record
from axonhub.addons.store.summary import TOKENS, whole


@dataclass(frozen=True, slots=True)
class Spending:
    requests: int = 0
    errors: int = 0
    input_tokens: int = 0
    """In no cache."""
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    cost_micro_usd: int = 0
    unpriced: int = 0
    """Requests with usage but without a price: their cost is missing from the sum."""

    @classmethod
    def of(cls, records: Iterable[Record]) -> Self:
        total = cls()
        for each in records:
            total = total.plus(each)
        return total

    def plus(self, record: Record) -> Self:
        usage = usage_of(record)
        cost = record.get("cost_micro_usd")
        return type(self)(
            self.requests + 1,
            self.errors + (record.get("outcome") == "error"),
            self.input_tokens + whole(usage.get("input")),
            self.cache_read_tokens + whole(usage.get("cache_read")),
            self.cache_write_tokens + written_tokens(record),
            self.output_tokens + whole(usage.get("output")),
            self.cost_micro_usd + whole(cost),
            self.unpriced + (cost is None and bool(usage)),
        )


def usage_of(record: Record) -> Mapping[str, Json]:
    usage = record.get("usage")
    return usage if isinstance(usage, Mapping) else {}


def prompt_tokens(record: Record) -> int:
    """All that went in, cached or not."""
    usage = usage_of(record)
    return sum(whole(usage.get(name)) for name in TOKENS[:4])


def written_tokens(record: Record) -> int:
    usage = usage_of(record)
    return whole(usage.get("cache_write_5m")) + whole(usage.get("cache_write_1h"))
