"""Probing: a channel whose breaker has been open for long enough gets one request, which shows whether it is well."""

from axonhub.addons.exchange import Score
from axonhub.addons.health import Breaker
from axonhub.addons.strategies import Facts

PROBE_POINTS = 500.0
"""More than all but affinity: a trace does not leave a warm cache for a probe."""
_NO_PROBE = Score("probe", 0.0)


def probing(facts: Facts) -> Score:
    if facts.vitals.breaker is Breaker.DUE:
        return Score("probe", PROBE_POINTS, "the breaker lets one request through")
    return _NO_PROBE
