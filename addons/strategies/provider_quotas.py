"""Provider's quota: a channel whose account is nearly used up loses points, so that the others spend theirs first."""

from axonhub.addons.exchange import Score
from axonhub.addons.provider_quota import WARNING, QuotaState
from axonhub.addons.strategies import Facts

LOST_POINTS = 150.0
"""When nothing is left; half of it at the warning."""
_NOTHING_LOST = Score("quota", 0.0)


def provider_quotas(facts: Facts) -> Score:
    quota = facts.vitals.quota
    if not quota.windows or quota.state is QuotaState.AVAILABLE:
        return _NOTHING_LOST
    share = 0.5 + 0.5 * min(1.0, (quota.used - WARNING) / (1.0 - WARNING))
    return Score("quota", -LOST_POINTS * share, quota.reason)
