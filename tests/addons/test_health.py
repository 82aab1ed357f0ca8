"""What is known of channels: failures, speed, load, cooling, and the circuit breaker, by a clock of the test's own."""

import pytest

from axonhub.addons.health import Breaker, Health, Outcome

FAILED = Outcome("failure")
WENT_WELL = Outcome("success")
NOW = 5000.0


def run(health: Health, *outcomes: Outcome, at_s: float = NOW, model: str = "m") -> None:
    for outcome in outcomes:
        health.began("c", model, at_s)
        health.ended("c", model, outcome, at_s)


def breaker(health: Health, at_s: float = NOW) -> Breaker:
    return health.vitals("c", "m", at_s).breaker


def test_breaker_half_opens_after_three_failures_and_opens_after_five():
    health = Health()
    seen = []
    for _ in range(5):
        run(health, FAILED)
        seen.append(breaker(health))

    assert [Breaker.CLOSED, Breaker.CLOSED, Breaker.HALF_OPEN, Breaker.HALF_OPEN, Breaker.OPEN] == seen


def test_one_success_closes_the_breaker():
    health = Health()
    run(health, *[FAILED] * 5, WENT_WELL)

    assert breaker(health) is Breaker.CLOSED
    assert 0 == health.vitals("c", "m", NOW).failures


def test_breaker_is_of_one_model_only():
    health = Health()
    run(health, *[FAILED] * 5)

    assert health.vitals("c", "other", NOW).breaker is Breaker.CLOSED


def test_open_breaker_lets_one_probe_through_after_five_minutes():
    health = Health()
    run(health, *[FAILED] * 5)

    assert breaker(health, NOW + 299) is Breaker.OPEN
    assert breaker(health, NOW + 300) is Breaker.DUE
    health.began("c", "m", NOW + 300)
    assert breaker(health, NOW + 301) is Breaker.OPEN
    health.ended("c", "m", WENT_WELL, NOW + 302)
    assert breaker(health, NOW + 302) is Breaker.CLOSED


def test_each_failed_probe_doubles_the_wait_up_to_eightfold():
    health, now_s, waits = Health(), NOW, []
    run(health, *[FAILED] * 5)
    for _ in range(6):
        wait_s = health.vitals("c", "m", now_s).probe_in_s
        waits.append(wait_s)
        now_s += wait_s
        run(health, FAILED, at_s=now_s)

    assert [300, 600, 1200, 2400, 2400, 2400] == waits


def test_probe_that_told_nothing_may_be_made_again():
    health = Health()
    run(health, *[FAILED] * 5)
    run(health, Outcome("neutral"), at_s=NOW + 300)

    assert breaker(health, NOW + 301) is Breaker.DUE


def test_probe_that_never_ended_does_not_hold_the_breaker_open_for_good():
    health = Health()
    run(health, *[FAILED] * 5)
    health.began("c", "m", NOW + 300)

    assert breaker(health, NOW + 2000) is Breaker.OPEN
    assert breaker(health, NOW + 2100) is Breaker.DUE


def test_failures_of_half_an_hour_ago_are_forgotten():
    health = Health()
    run(health, *[FAILED] * 4)
    run(health, FAILED, at_s=NOW + 1800)

    assert 1 == health.vitals("c", "m", NOW + 1800).failures
    assert breaker(health, NOW + 1800) is Breaker.CLOSED


def test_neutral_outcome_is_neither_success_nor_failure():
    health = Health()
    run(health, FAILED, Outcome("neutral"))

    vitals = health.vitals("c", "m", NOW)
    assert (1, 1, 0) == (vitals.failures, vitals.recent, vitals.in_flight)


def test_outcomes_count_for_five_minutes():
    health = Health()
    run(health, WENT_WELL, FAILED)

    assert (2, 1) == recent(health, NOW + 299)
    assert (0, 0) == recent(health, NOW + 301)


def recent(health: Health, at_s: float) -> tuple[int, int]:
    vitals = health.vitals("c", "m", at_s)
    return vitals.recent, vitals.recent_successes


def test_requests_and_tokens_of_the_last_minute_are_of_the_whole_channel():
    health = Health()
    run(health, Outcome("success", tokens=70), at_s=NOW)
    run(health, Outcome("success", tokens=30), at_s=NOW + 30, model="other")

    def load(at_s: float) -> tuple[int, int]:
        vitals = health.vitals("c", "m", at_s)
        return vitals.requests_last_minute, vitals.tokens_last_minute

    assert (2, 100) == load(NOW + 59)
    assert (1, 30) == load(NOW + 61)
    assert (0, 0) == load(NOW + 91)


def test_in_flight_rises_and_falls():
    health = Health()
    health.began("c", "m", NOW)
    health.began("c", "other", NOW)
    assert 2 == health.vitals("c", "m", NOW).in_flight

    health.ended("c", "m", FAILED, NOW)
    assert 1 == health.vitals("c", "m", NOW).in_flight


def test_cooling_ends_by_itself_and_a_shorter_one_does_not_shorten_it():
    health = Health()
    health.cool("c", 30, NOW)
    health.cool("c", 5, NOW)

    assert 30 == health.vitals("c", "m", NOW).cooling_s
    assert 0 == health.vitals("c", "m", NOW + 30).cooling_s


def test_credential_cools_apart_from_its_channel():
    health = Health()
    health.cool_credential("c", "digest", 10, NOW)

    assert 10 == health.credential_cooling_s("c", "digest", NOW)
    assert 0 == health.credential_cooling_s("c", "another", NOW)
    assert 0 == health.vitals("c", "m", NOW).cooling_s


def test_speed_is_a_moving_average_apart_for_streams_and_whole_answers():
    health = Health()
    stream = Outcome("success", stream=True, first_event_s=1.0, duration_s=3.0, output_tokens=100)
    run(health, stream, Outcome("success", stream=True, first_event_s=2.0), Outcome("success", duration_s=9.0))

    vitals = health.vitals("c", "m", NOW)
    assert 1.3 == pytest.approx(vitals.first_event_s)
    assert 50 == pytest.approx(vitals.tokens_per_s)
    assert 9 == vitals.duration_s


def test_memory_is_bounded_whatever_models_are_asked_for():
    health = Health()
    for number in range(5000):
        run(health, FAILED, model=f"m{number}")

    assert 0 == health.vitals("c", "m0", NOW).failures
    assert 1 == health.vitals("c", "m4999", NOW).failures
    assert 4096 == len(health._services)
