"""What tokens cost, as config.yml says it: by unit, by tier, by request, and otherwise at certain times."""

from datetime import date, time
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from axonhub.addons.config.section import Section
from axonhub.addons.config.values import Count, Hours, Name, TimeZone, read_hours

type Dollars = Annotated[Decimal, Field(ge=0)]
type Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
type Mode = Literal["per_unit", "tiered", "volume"]
type TiersBy = Literal["own", "prompt"]

RATES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")


class Tier(Section):
    """The prices up to a quantity."""

    up_to: Count | None = None
    """Tokens, this many included; nothing, in the last tier only: no end."""
    input: Dollars
    """Input tokens that are in no cache."""
    output: Dollars
    """Output tokens, reasoning included."""
    cache_read: Dollars | None = None
    """Input tokens read from the provider's cache; nothing: a tenth of `input`."""
    cache_write_5m: Dollars | None = None
    """Input tokens written to a cache for five minutes; nothing: 1.25 times `input`."""
    cache_write_1h: Dollars | None = None
    """Input tokens written to a cache for an hour; nothing: twice `input`."""


class Schedule(Section):
    """What differs at certain times. What it does not state is as at any other time."""

    name: Name
    """Shown with the cost."""
    priority: int = 0
    """Of several that fit the lowest wins, then the first."""
    daily: Hours | None = None
    """`16:30-00:30`; may pass midnight, and then belongs to the day that it begins on."""
    weekdays: tuple[Weekday, ...] = ()
    """Empty: every day."""
    from_: date | None = None
    """First day."""
    until: date | None = None
    """Last day."""
    flat: Dollars | None = None
    """US dollars for each request, whatever its tokens."""
    input: Dollars | None = None
    """Input tokens that are in no cache."""
    output: Dollars | None = None
    """Output tokens, reasoning included."""
    cache_read: Dollars | None = None
    """Input tokens read from the provider's cache."""
    cache_write_5m: Dollars | None = None
    """Input tokens written to a cache for five minutes."""
    cache_write_1h: Dollars | None = None
    """Input tokens written to a cache for an hour."""
    tiers: tuple[Tier, ...] = ()
    """Instead of the price's tiers."""

    @model_validator(mode="after")
    def check_tiers(self) -> Self:
        check_order(self.tiers)
        return self

    @property
    def hours(self) -> tuple[time, time] | None:
        return read_hours(self.daily) if self.daily else None


class Price(Section):
    """US dollars per `per` tokens, from one channel or from any; goes before the prices that the gateway comes with."""

    channel: Name | None = None
    """Nothing: every channel that has no price of its own."""
    model: Name
    """The name that the channel is asked for, letter by letter."""
    input: Dollars | None = None
    """Input tokens that are in no cache."""
    output: Dollars | None = None
    """Output tokens, reasoning included."""
    cache_read: Dollars | None = None
    """Input tokens read from the provider's cache; nothing: a tenth of `input`."""
    cache_write_5m: Dollars | None = None
    """Input tokens written to a cache for five minutes; nothing: 1.25 times `input`."""
    cache_write_1h: Dollars | None = None
    """Input tokens written to a cache for an hour; nothing: twice `input`."""
    per_tokens: Count = 1_000_000
    """The number of tokens that a price is for."""
    flat: Dollars | None = None
    """US dollars for each request, whatever its tokens; alone, or besides the rest."""
    mode: Mode = "per_unit"
    """`tiered`: each tier's share at its own price; `volume`: everything at the price of the tier that is reached."""
    tiers: tuple[Tier, ...] = ()
    """The prices of the other two modes, in the order of `up_to`."""
    tiers_by: TiersBy = "own"
    """Which quantity finds the tier: each kind's own tokens, or (volume only) the whole prompt, cached or not."""
    schedules: tuple[Schedule, ...] = ()
    """What differs at certain times."""
    timezone: TimeZone | None = None
    """Of the schedules; nothing: `accounting.timezone`."""

    @model_validator(mode="after")
    def check_mode(self) -> Self:
        check_order(self.tiers)
        if self.mode == "per_unit":
            self._check_units()
        else:
            self._check_tiers()
        if any(bool(each.tiers) and self.mode == "per_unit" for each in self.schedules):
            raise ValueError("a schedule with tiers needs mode: tiered or volume")
        return self

    def _check_units(self) -> None:
        if self.tiers or self.tiers_by != "own":
            raise ValueError("tiers need mode: tiered or volume")
        if self.flat is None and (self.input is None or self.output is None):
            raise ValueError("needs input and output, or flat")

    def _check_tiers(self) -> None:
        if not self.tiers:
            raise ValueError(f"mode: {self.mode} needs tiers")
        if any(getattr(each, rate) is not None for each in (self, *self.schedules) for rate in RATES):
            raise ValueError("with tiers, prices stand in these only")
        if self.mode == "tiered" and self.tiers_by != "own":
            raise ValueError("tiers_by: prompt is for mode: volume")


def check_order(tiers: tuple[Tier, ...]) -> None:
    """Each reaches further than the one before; the last has no end. ValueError."""
    if tiers and tiers[-1].up_to is not None:
        raise ValueError("the last tier must have no up_to")
    for before, after in pairwise(tiers):
        if before.up_to is None or (after.up_to is not None and after.up_to <= before.up_to):
            raise ValueError("tiers must come in the order of their up_to")
