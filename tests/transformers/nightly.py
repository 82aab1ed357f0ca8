"""How long property tests search: seconds at a desk and in CI, minutes where AXONHUB_NIGHTLY is set.

Its value is how many times as long; what is no number is 100 times. 20 times take the fuzz tests some ten minutes.
"""

import os

from hypothesis import HealthCheck, settings

_ASKED = os.environ.get("AXONHUB_NIGHTLY", "")
_TIMES = int(_ASKED) if _ASKED.isdecimal() and int(_ASKED) > 1 else 100 if _ASKED else 1


def searching(examples: int) -> settings:
    """No deadline: a busy machine is no fault of ours."""
    return settings(max_examples=examples * _TIMES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
