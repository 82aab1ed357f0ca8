"""How long property tests search: seconds at a desk and in CI, minutes where AXONHUB_NIGHTLY is set."""

import os

from hypothesis import HealthCheck, settings

_TIMES = 100 if os.environ.get("AXONHUB_NIGHTLY") else 1


def searching(examples: int) -> settings:
    """No deadline: a busy machine is no fault of ours."""
    return settings(max_examples=examples * _TIMES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
