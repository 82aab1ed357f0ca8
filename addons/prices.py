"""Prices: what tokens cost in US dollars, by the operator's prices first and the shipped ones last.

The shipped ones are in prices.json, with their date and source. What is on no list costs nobody knows what, never
nothing. Names of models are compared letter by letter: a guess would be a wrong bill.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from pathlib import Path

from axonhub.addons.config import Price
from axonhub.transformers.hub.usage import Usage

_SHIPPED = Path(__file__).with_name("prices.json")
_CACHE_READ = Decimal("0.1")
"""Of the input price, as the next two: what Anthropic asks, and for reads most others, too."""
_CACHE_WRITE_5M = Decimal("1.25")
_CACHE_WRITE_1H = Decimal(2)


@dataclass(frozen=True, slots=True)
class ShippedPrice:
    price: Price
    most_input_tokens: int | None = None
    """The vendor asks more for a longer prompt, so this is no price for it. None: the same at any length."""


def cost_of(usage: Usage, price: Price) -> Decimal:
    """US dollars, unrounded. A figure that the provider did not tell counts as none."""
    parts = (
        (usage.fresh_tokens, price.input),
        (usage.cache_read_tokens, _stated(price.cache_read, price.input * _CACHE_READ)),
        (usage.cache_write_5m_tokens, _stated(price.cache_write_5m, price.input * _CACHE_WRITE_5M)),
        (usage.cache_write_1h_tokens, _stated(price.cache_write_1h, price.input * _CACHE_WRITE_1H)),
        (usage.output_tokens, price.output),
    )
    return sum(((tokens or 0) * each for tokens, each in parts), Decimal(0)) / price.per_tokens


def price_of(usage: Usage, channel: str, model: str, prices: Iterable[Price]) -> Price | None:
    """The price that holds for this use of a channel's model; `prices` are the operator's. None: nobody has told."""
    fitting = [each for each in prices if each.model == model and each.channel in (channel, None)]
    if fitting:
        return next((each for each in fitting if each.channel is not None), fitting[0])
    shipped = shipped_prices().get(model)
    if shipped is None or usage.input_tokens > (shipped.most_input_tokens or usage.input_tokens):
        return None
    return shipped.price


def version(price: Price) -> str:
    """Short, and another one whenever the price is."""
    return hashlib.sha256(price.model_dump_json(exclude_none=True).encode()).hexdigest()[:12]


def dollars(cost: Decimal) -> str:
    """Without exponent and idle zeros."""
    return format(cost.normalize(), "f")


def micro_dollars(cost: Decimal) -> int:
    """Millionths of a dollar, for sums."""
    return int((cost * 1_000_000).to_integral_value(ROUND_HALF_EVEN))


@cache
def shipped_prices() -> Mapping[str, ShippedPrice]:
    """By model."""
    shipped = json.loads(_SHIPPED.read_text(encoding="utf-8"))
    rows = [row for vendor in shipped["vendors"] for row in vendor["prices"]]
    return {
        model: ShippedPrice(Price.model_validate({"model": model, **row["price"]}), row.get("most_input_tokens"))
        for row in rows
        for model in row["models"]
    }


def _stated(stated: Decimal | None, usual: Decimal) -> Decimal:
    return usual if stated is None else stated
