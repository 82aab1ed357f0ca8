"""What has been used up in a period, and when there is room again."""

from datetime import datetime
from decimal import Decimal
from math import inf
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from axonhub.addons.config import Period, Quota
from axonhub.addons.ledgers import Ledger, amount, exhausted, window_of
from axonhub.addons.quota_text import span
from axonhub.addons.store.spending import Spent

ONE = Spent(requests=1, tokens=10)
NOW_S = 1_700_000_000.0


def at(text: str, place: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(place)).timestamp()


def ledger(period: object, timezone: str = "UTC") -> Ledger:
    return Ledger(window_of(Period.model_validate(period), timezone))


@pytest.mark.parametrize(
    ("unit", "before", "moment", "until"),
    [
        ("day", "2026-03-01 23:59:59", "2026-03-02 00:00:00", "2026-03-03 00:00"),
        ("month", "2026-02-28 23:59:59", "2026-03-01 00:00:00", "2026-04-01 00:00"),
        ("month", "2025-12-31 23:59:59", "2026-01-31 12:00:00", "2026-02-01 00:00"),
        ("day", "2026-03-28 23:59:59", "2026-03-29 12:00:00", "2026-03-30 00:00"),  # 23 hours long in Berlin
        ("day", "2026-10-24 23:59:59", "2026-10-25 12:00:00", "2026-10-26 00:00"),  # 25 hours
    ],
)
@pytest.mark.parametrize("place", ["UTC", "Europe/Berlin", "Asia/Kolkata"])
def test_a_calendar_begins_anew_at_its_own_midnight(unit, before, moment, until, place):
    used = ledger({"calendar": unit}, place)
    used.add(at(before, place), ONE)
    used.add(at(moment, place), ONE)

    assert used.used(at(moment, place)) == ONE
    assert used.free_at(at(moment, place), lambda left: left.requests == 0) == at(until, place)
    assert used.used(at(until, place)) == Spent()


def test_what_ends_after_midnight_counts_on_the_day_that_it_began():
    used = ledger({"calendar": "day"})
    used.add(at("2026-03-02 00:00:01"), ONE)

    used.add(at("2026-03-01 23:59:59"), ONE)

    assert used.used(at("2026-03-02 00:10")) == ONE


@given(st.lists(st.floats(0, 7200), max_size=30), st.floats(0, 3600))
def test_a_rolling_period_is_never_shorter_than_said_and_at_most_a_thousandth_longer(ages_s, later_s):
    used = ledger({"past": "1h"})
    for age_s in ages_s:
        used.add(NOW_S - age_s, ONE)

    now_s = NOW_S + later_s
    surely = sum(age_s + later_s < 3600 for age_s in ages_s)
    perhaps = sum(age_s + later_s <= 3600 + 3.6 + 1e-6 for age_s in ages_s)
    assert surely <= used.used(now_s).requests <= perhaps


def test_there_is_room_again_when_enough_has_left():
    used = ledger({"past": "1h"})
    for age_s in (3000, 2000, 1000):
        used.add(NOW_S - age_s, ONE)

    free_s = used.free_at(NOW_S, lambda left: left.requests < 2)

    assert free_s is not None
    assert 1600 <= free_s - NOW_S <= 1604  # when the second has left
    assert used.used(free_s).requests == 1


def test_all_time_never_has_room_again():
    used = ledger("all_time")
    used.add(0.0, ONE)

    assert used.used(NOW_S) == ONE
    assert used.free_at(NOW_S, lambda left: left.requests == 0) is None
    assert used.window.end(0.0) == inf


def test_a_rolling_ledger_stays_small():
    used = ledger({"past": "1h"})
    for second in range(20_000):
        used.add(NOW_S + second / 2, ONE)
        used.used(NOW_S + second / 2)

    assert len(used._buckets) <= 1002


@pytest.mark.parametrize(
    ("limits", "spent", "expected"),
    [
        ({"requests": 2}, Spent(requests=1), None),
        ({"requests": 2}, Spent(requests=2), "requests"),
        ({"requests": 0}, Spent(), "requests"),
        ({"tokens": 100}, Spent(tokens=60, cache_read_tokens=40), "tokens"),
        ({"tokens": 100, "cache_read_weight": "0.1"}, Spent(tokens=60, cache_read_tokens=399), None),
        ({"tokens": 100, "cache_read_weight": "0.1"}, Spent(tokens=60, cache_read_tokens=400), "tokens"),
        ({"tokens": 100, "cache_read_weight": 0}, Spent(tokens=99, cache_read_tokens=10**9), None),
        ({"cost_usd": "0.5"}, Spent(cost_micro_usd=499_999), None),
        ({"cost_usd": "0.5"}, Spent(cost_micro_usd=500_000), "cost_usd"),
        ({}, Spent(10**9, 10**9, 10**9, 10**9), None),
    ],
)
def test_a_limit_is_reached_by_what_it_limits(limits, spent, expected):
    assert exhausted(Quota.model_validate(limits), spent) == expected


def test_amounts_are_in_the_unit_of_their_limit():
    quota = Quota.model_validate({"cache_read_weight": "0.1"})
    spent = Spent(3, 100, 55, 1_500_000)

    assert [amount(kind, spent, quota) for kind in ("requests", "tokens", "cost_usd")] == [
        3,
        Decimal("105.5"),
        Decimal("1.5"),
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1, "1 s"),
        (59.2, "1 min"),
        (300, "5 min"),
        (3900, "1 h 5 min"),
        (18_000, "5 h"),
        (90_061, "1 d 1 h"),
        (0.5, "0.5 s"),
    ],
)
def test_spans_are_told_in_two_units(seconds, text):
    assert span(seconds) == text
