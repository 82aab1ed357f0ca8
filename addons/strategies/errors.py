"""Error awareness: points are lost with each failure, and come back within five minutes of quiet."""

from axonhub.addons.exchange import Score
from axonhub.addons.health import RECENT_S
from axonhub.addons.strategies import Facts

FULL_POINTS = 200.0
_NOTHING_LOST = Score("errors", FULL_POINTS)
_EACH_FAILURE = 50.0
_RECENT_FAILURE = 100.0
_MOSTLY_FAILING = 50.0
_ENOUGH = 5
"""Outcomes that allow to speak of a rate."""


def errors(facts: Facts) -> Score:
    vitals = facts.vitals
    fresh = 0.0 if vitals.since_failure_s is None else max(0.0, 1.0 - vitals.since_failure_s / RECENT_S)
    lost = fresh * (_RECENT_FAILURE + _EACH_FAILURE * vitals.failures)
    if vitals.recent >= _ENOUGH and vitals.recent_successes * 2 < vitals.recent:
        lost += _MOSTLY_FAILING
    if not lost:
        return _NOTHING_LOST
    reason = f"{vitals.failures} failures in a row, {vitals.recent_successes} of {vitals.recent} went well lately"
    return Score("errors", max(0.0, FULL_POINTS - lost), reason)
