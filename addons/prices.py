"""Prices: what tokens cost in US dollars, by the operator's prices first and the shipped ones last.

The shipped ones are in prices.json, with their date and source. What is on no list costs nobody knows what, never
nothing. Names of models are compared letter by letter: a guess would be a wrong bill.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache, lru_cache
from pathlib import Path

from axonhub.addons.config import Price

_SHIPPED = Path(__file__).with_name("prices.json")


def price_of(channel: str, model: str, prices: Iterable[Price]) -> Price | None:
    """The price of a channel's model; `prices` are the operator's. None: nobody has told."""
    fitting = [each for each in prices if each.model == model and each.channel in (channel, None)]
    if fitting:
        return next((each for each in fitting if each.channel is not None), fitting[0])
    return shipped_prices().get(model)


@lru_cache(maxsize=1024)
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
def shipped_prices() -> Mapping[str, Price]:
    """By model."""
    shipped = json.loads(_SHIPPED.read_text(encoding="utf-8"))
    rows = [row for vendor in shipped["vendors"] for row in vendor["prices"]]
    return {model: Price.model_validate({"model": model, **row["price"]}) for row in rows for model in row["models"]}
