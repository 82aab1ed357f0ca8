"""Latency: the quicker channel first. A stream's first event and its pace count, or the time of a whole answer.

What was never measured counts as quick: else the first channel that answers well would keep all the others out.
"""

from axonhub.addons.exchange import Score
from axonhub.addons.strategies import Facts

FULL_POINTS = 80.0
_NOT_MEASURED = Score("latency", FULL_POINTS, "not measured yet")
_SLOW_S = 3.0
"""No points for such a wait."""
_SLOWEST, _FASTEST = 5.0, 100.0
"""Tokens a second."""
_FIRST_EVENT_SHARE = 0.7


def latency(facts: Facts) -> Score:
    vitals = facts.vitals
    wait_s = vitals.first_event_s if facts.stream else vitals.duration_s
    if wait_s is None:
        return _NOT_MEASURED
    share = _clamped(1.0 - wait_s / _SLOW_S)
    reason = f"{wait_s:.2f} s to the {'first event' if facts.stream else 'answer'}"
    if facts.stream:
        pace = 1.0 if vitals.tokens_per_s is None else (vitals.tokens_per_s - _SLOWEST) / (_FASTEST - _SLOWEST)
        share = _FIRST_EVENT_SHARE * share + (1.0 - _FIRST_EVENT_SHARE) * _clamped(pace)
    return Score("latency", FULL_POINTS * share, reason)


def _clamped(share: float) -> float:
    return min(1.0, max(0.0, share))
