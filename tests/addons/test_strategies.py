"""Scores: what each one rewards, and by how much."""

import pytest

from axonhub.addons.config import Channel
from axonhub.addons.health import Breaker, Vitals
from axonhub.addons.strategies import Facts
from axonhub.addons.strategies.affinity import affinity
from axonhub.addons.strategies.errors import errors
from axonhub.addons.strategies.latency import latency
from axonhub.addons.strategies.limits import limits, usage
from axonhub.addons.strategies.probing import probing
from axonhub.addons.strategies.registry import STRATEGIES
from axonhub.addons.strategies.weighted import in_order, weighted, weighted_by_breaker


def channel(name: str = "c", **given: object) -> Channel:
    return Channel(name=name, type="openai", **given)


def facts(vitals: Vitals | None = None, *, stream: bool = False, of: Channel | None = None) -> Facts:
    return Facts(of or channel(), vitals or Vitals(), stream=stream)


@pytest.mark.parametrize(
    ("vitals", "points"),
    [
        (Vitals(), 200),
        (Vitals(failures=1, since_failure_s=0), 50),
        (Vitals(failures=1, since_failure_s=150), 125),
        (Vitals(failures=9, since_failure_s=0), 0),
        (Vitals(failures=9, since_failure_s=300), 200),
        (Vitals(since_failure_s=300, recent=5, recent_successes=2), 150),
        (Vitals(since_failure_s=300, recent=4, recent_successes=0), 200),
    ],
)
def test_errors_cost_points_that_come_back_with_time(vitals: Vitals, points: float):
    assert points == errors(facts(vitals)).points


@pytest.mark.parametrize(
    ("vitals", "stream", "points"),
    [
        (Vitals(), False, 80),
        (Vitals(duration_s=1.5), False, 40),
        (Vitals(duration_s=0.0), False, 80),
        (Vitals(duration_s=60.0), False, 0),
        (Vitals(duration_s=60.0), True, 80),
        (Vitals(first_event_s=0.0, tokens_per_s=100.0), True, 80),
        (Vitals(first_event_s=0.0, tokens_per_s=5.0), True, 56),
        (Vitals(first_event_s=9.0, tokens_per_s=1.0), True, 0),
    ],
)
def test_latency_rewards_the_quick(vitals: Vitals, stream: bool, points: float):
    assert points == pytest.approx(latency(facts(vitals, stream=stream)).points)


def test_limit_that_is_nearest_counts():
    limited = channel(settings={"rate_limit": {"rpm": 10, "tpm": 1000, "max_concurrent": 4}})
    vitals = Vitals(requests_last_minute=5, tokens_last_minute=100, in_flight=3)

    assert 25 == limits(facts(vitals, of=limited)).points
    assert (0.75, "3 of 4 requests at a time") == usage(facts(vitals, of=limited))


def test_channel_without_limits_has_all_room():
    assert 100 == limits(facts(Vitals(requests_last_minute=10**6, in_flight=10**4))).points


def test_affinity_outweighs_all_other_scores_together():
    home = Facts(channel(), home="c", vitals=Vitals(failures=9, since_failure_s=0, duration_s=60))
    best = facts(Vitals(breaker=Breaker.DUE, duration_s=0))

    adaptive = STRATEGIES["adaptive"]
    assert sum(score(home).points for score in adaptive) > sum(score(best).points for score in adaptive)
    assert 0 == affinity(facts()).points


def test_probe_that_is_due_attracts_a_request():
    assert [0, 0, 0, 500] == [probing(facts(Vitals(breaker=each))).points for each in Breaker]


def test_half_open_breaker_takes_the_share_down_to_three_tenths():
    half = channel("half", weight=100)
    whole = channel("whole", weight=100)

    def wins(seed: str) -> bool:
        shrunk = weighted_by_breaker(Facts(half, Vitals(breaker=Breaker.HALF_OPEN), seed=seed))
        return shrunk.points > weighted_by_breaker(Facts(whole, seed=seed)).points

    assert 1200 * 0.3 / 1.3 == pytest.approx(sum(wins(f"t{number}") for number in range(1200)), rel=0.2)


def test_failover_goes_by_weight_alone():
    assert 30.0 == in_order(facts(Vitals(failures=3), of=channel(weight=30))).points


def test_channel_without_weight_keeps_a_place():
    assert 0 < weighted(facts(of=channel(weight=0))).points < 1


def test_each_score_of_a_strategy_has_a_name_of_its_own():
    for scores in STRATEGIES.values():
        names = [score(facts()).name for score in scores]
        assert len(names) == len(set(names)) > 0
