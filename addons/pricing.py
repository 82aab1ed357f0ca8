"""What a use of tokens costs under a price: by unit, tier, request, and time of day. Pure, and exact `Decimal`s.

Kinds of tokens are disjoint (`hub.usage`), so nothing is paid for twice. A cost is told item by item, each with the
tiers that it fell into, so that it can be checked by hand long after the price has changed.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from axonhub.addons.config import Price, Schedule, Tier
from axonhub.addons.config.values import zone
from axonhub.addons.costs import Cost, CostItem, TierShare
from axonhub.transformers.hub.usage import Usage

CACHE_READ = Decimal("0.1")
"""Of the input price, as the next two: what Anthropic asks, and for reads most others, too."""
CACHE_WRITE_5M = Decimal("1.25")
CACHE_WRITE_1H = Decimal(2)
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = timedelta(days=1)


def cost_of(usage: Usage, price: Price) -> Cost:
    """By the price as it stands, whatever its schedules. A figure that the provider did not tell counts as none."""
    flat = (CostItem("request", 1, price.flat),) if price.flat is not None else ()
    prompt = usage.input_tokens
    return Cost(flat + tuple(_item(name, count, prompt, price) for name, count in quantities(usage) if count))


def in_force(price: Price, moment_s: float, timezone: str) -> tuple[Price, str]:
    """The price as it is at a time (Unix seconds), and the name of the schedule that makes it so, or "".

    `timezone`: of a price that names none.
    """
    if not price.schedules:
        return price, ""
    schedule = schedule_at(price, datetime.fromtimestamp(moment_s, zone(price.timezone or timezone)))
    return (scheduled(price, schedule), schedule.name) if schedule else (price.model_copy(update=_UNSCHEDULED), "")


def by_request_only(price: Price) -> bool:
    """Is it known without knowing the tokens?"""
    return price.flat is not None and price.input is None and price.output is None and not price.tiers


def quantities(usage: Usage) -> tuple[tuple[str, int], ...]:
    return (
        ("input", usage.fresh_tokens or 0),
        ("cache_read", usage.cache_read_tokens or 0),
        ("cache_write_5m", usage.cache_write_5m_tokens or 0),
        ("cache_write_1h", usage.cache_write_1h_tokens or 0),
        ("output", usage.output_tokens or 0),
    )


def rate(name: str, card: Price | Tier) -> Decimal:
    """Stated, or following from the input price; a price by request only has no other."""
    stated: Decimal | None = getattr(card, name)
    if stated is not None:
        return stated
    share = {"cache_read": CACHE_READ, "cache_write_5m": CACHE_WRITE_5M, "cache_write_1h": CACHE_WRITE_1H}
    return (card.input or Decimal(0)) * share.get(name, Decimal(0))


def _item(name: str, quantity: int, prompt: int, price: Price) -> CostItem:
    if not price.tiers:
        return CostItem(name, quantity, quantity * rate(name, price) / price.per_tokens)
    if price.mode == "tiered":
        parts: Sequence[tuple[Tier, int]] = list(shares(quantity, price.tiers))
    else:
        parts = [(reached(prompt if price.tiers_by == "prompt" else quantity, price.tiers), quantity)]
    tiers = tuple(_share(name, tier, count, price.per_tokens) for tier, count in parts)
    return CostItem(name, quantity, sum((each.subtotal for each in tiers), Decimal(0)), tiers)


def _share(name: str, tier: Tier, count: int, per: int) -> TierShare:
    each = rate(name, tier)
    return TierShare(tier.up_to, count, each, count * each / per)


def shares(quantity: int, tiers: Sequence[Tier]) -> Iterator[tuple[Tier, int]]:
    """What of a quantity lies in each tier; tiers that it does not reach are left out."""
    below = 0
    for tier in tiers:
        end = quantity if tier.up_to is None else min(quantity, tier.up_to)
        if end > below:
            yield tier, end - below
            below = end


def reached(quantity: int, tiers: Sequence[Tier]) -> Tier:
    return next((each for each in tiers if each.up_to is None or quantity <= each.up_to), tiers[-1])


def schedule_at(price: Price, moment: datetime) -> Schedule | None:
    """The one that holds, in the moment's own time zone; None: the price as it stands."""
    fitting = [each for each in price.schedules if _holds(each, moment)]
    return min(fitting, key=lambda each: each.priority, default=None)


def scheduled(price: Price, schedule: Schedule) -> Price:
    """The price with what the schedule states instead."""
    stated = {name: getattr(schedule, name) for name in schedule.model_fields_set & _SHARED}
    return price.model_copy(update={**stated, **_UNSCHEDULED})


_UNSCHEDULED: Mapping[str, object] = {"schedules": ()}
_SHARED = frozenset(Schedule.model_fields) & frozenset(Price.model_fields)


def _holds(schedule: Schedule, moment: datetime) -> bool:
    day = moment.date()
    if schedule.hours is not None:
        begin, end = schedule.hours
        now = moment.time()
        if begin < end and not begin <= now < end:
            return False
        if begin >= end and end <= now < begin:
            return False
        if begin >= end and now < end:
            day -= _DAY  # the hours began yesterday
    if schedule.weekdays and _WEEKDAYS[day.weekday()] not in schedule.weekdays:
        return False
    return not ((schedule.from_ and day < schedule.from_) or (schedule.until and day > schedule.until))
