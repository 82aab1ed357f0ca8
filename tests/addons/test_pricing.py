"""What a price means: by unit, tier and request, and what it is at which time of day."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from axonhub.addons.config import Price
from axonhub.addons.pricing import cost_of, in_force
from axonhub.transformers.hub.usage import Usage

TIERS = [
    {"up_to": "1k", "input": 4, "output": 20},
    {"up_to": "10k", "input": 2, "output": 10},
    {"input": 1, "output": 5},
]


def price(**keys: object) -> Price:
    return Price.model_validate({"model": "m", **keys})


def at(text: str, place: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(place)).timestamp()


def test_seventy_eight_percent_of_the_cache_writes_are_for_an_hour():
    """As Claude Code writes them; at five minutes' price it would be 0.0375, 41 % less than it is."""
    writes = Usage(cache_write_5m_tokens=2_200, cache_write_1h_tokens=7_800)

    cost = cost_of(writes, price(input=3, output=15))

    assert cost.total == Decimal("0.05505")
    assert [(each.item, each.quantity, each.subtotal) for each in cost.items] == [
        ("cache_write_5m", 2_200, Decimal("0.00825")),
        ("cache_write_1h", 7_800, Decimal("0.0468")),
    ]


def test_a_flat_price_is_for_the_request():
    cost = cost_of(Usage(fresh_tokens=5_000, output_tokens=70), price(flat="0.04"))

    assert cost.total == Decimal("0.04")


def test_a_flat_price_comes_on_top_of_what_tokens_cost():
    cost = cost_of(Usage(fresh_tokens=1_000, output_tokens=100), price(flat="0.01", input=2, output=10))

    assert cost.total == Decimal("0.013")
    assert [each.item for each in cost.items] == ["request", "input", "output"]


@pytest.mark.parametrize(
    ("tokens", "expected"), [(1_000, "0.004"), (1_001, "0.004002"), (10_000, "0.022"), (20_000, "0.032")]
)
def test_tiered_prices_are_for_each_tiers_share(tokens, expected):
    assert Decimal(expected) == cost_of(Usage(fresh_tokens=tokens), price(mode="tiered", tiers=TIERS)).total


@pytest.mark.parametrize(
    ("tokens", "expected"), [(1_000, "0.004"), (1_001, "0.002002"), (10_000, "0.02"), (20_000, "0.02")]
)
def test_volume_prices_are_for_the_whole_quantity(tokens, expected):
    assert Decimal(expected) == cost_of(Usage(fresh_tokens=tokens), price(mode="volume", tiers=TIERS)).total


def test_each_kind_of_tokens_finds_its_own_tier_unless_the_prompt_does():
    usage = Usage(fresh_tokens=900, cache_read_tokens=200, output_tokens=100)

    own = cost_of(usage, price(mode="volume", tiers=TIERS)).total
    by_prompt = cost_of(usage, price(mode="volume", tiers=TIERS, tiers_by="prompt")).total

    assert own == Decimal("0.0036") + Decimal("0.00008") + Decimal("0.002")
    assert by_prompt == Decimal("0.0018") + Decimal("0.00004") + Decimal("0.001")


def test_a_cost_tells_which_tiers_it_fell_into():
    (item,) = cost_of(Usage(output_tokens=1_500), price(mode="tiered", tiers=TIERS)).items

    assert [(each.up_to, each.quantity, each.rate, each.subtotal) for each in item.tiers] == [
        (1_000, 1_000, Decimal(20), Decimal("0.02")),
        (10_000, 500, Decimal(10), Decimal("0.005")),
    ]


NIGHT = {"name": "night", "daily": "16:30-00:30", "input": 1, "output": 2}


@pytest.mark.parametrize(
    ("moment", "name"),
    [
        ("2026-03-02 16:29:59", ""),
        ("2026-03-02 16:30:00", "night"),
        ("2026-03-03 00:29:59", "night"),
        ("2026-03-03 00:30:00", ""),
    ],
)
def test_a_price_differs_at_the_hours_of_its_schedule(moment, name):
    held, schedule = in_force(price(input=4, output=8, cache_read="0.5", schedules=[NIGHT]), at(moment), "UTC")

    assert schedule == name
    assert (held.input, held.output, held.cache_read) == ((1, 2, Decimal("0.5")) if name else (4, 8, Decimal("0.5")))


def test_hours_past_midnight_belong_to_the_day_that_they_begin_on():
    fridays = price(input=4, output=8, schedules=[{**NIGHT, "weekdays": ["fri"], "until": "2026-03-06"}])

    assert in_force(fridays, at("2026-03-07 00:10"), "UTC")[1] == "night"  # a Saturday, by Friday's hours
    assert in_force(fridays, at("2026-03-06 00:10"), "UTC")[1] == ""
    assert in_force(fridays, at("2026-03-13 17:00"), "UTC")[1] == ""


def test_of_several_schedules_the_lowest_priority_holds():
    sale = {"name": "sale", "priority": -1, "from": "2026-03-01", "until": "2026-03-31", "flat": 0}
    both = price(input=4, output=8, schedules=[NIGHT, sale])

    assert in_force(both, at("2026-03-02 17:00"), "UTC")[1] == "sale"
    assert in_force(both, at("2026-04-02 17:00"), "UTC")[1] == "night"


def test_hours_are_those_of_the_prices_time_zone():
    moment = at("2026-07-01 17:00", "Asia/Shanghai")  # 09:00 UTC

    assert in_force(price(input=1, output=1, schedules=[NIGHT]), moment, "Asia/Shanghai")[1] == "night"
    assert in_force(price(input=1, output=1, schedules=[NIGHT], timezone="UTC"), moment, "Asia/Shanghai")[1] == ""


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "needs input and output, or flat"),
        ({"input": 1}, "needs input and output, or flat"),
        ({"input": 1, "output": 1, "tiers": TIERS}, "tiers need mode"),
        ({"mode": "volume"}, "mode: volume needs tiers"),
        ({"mode": "tiered", "tiers": TIERS, "input": 1}, "prices stand in these only"),
        ({"mode": "tiered", "tiers": TIERS, "tiers_by": "prompt"}, "tiers_by: prompt is for mode: volume"),
        ({"mode": "tiered", "tiers": TIERS[:2]}, "the last tier must have no up_to"),
        ({"mode": "tiered", "tiers": [TIERS[1], TIERS[0], TIERS[2]]}, "in the order of their up_to"),
        ({"flat": 1, "schedules": [{"name": "x", "daily": "9 to 5"}]}, "must be hours such as"),
        ({"flat": 1, "timezone": "Europe/Atlantis"}, "unknown time zone"),
    ],
)
def test_a_price_that_means_nothing_is_refused(keys, message):
    with pytest.raises(ValidationError, match=message):
        price(**keys)
