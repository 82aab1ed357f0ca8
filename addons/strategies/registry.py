"""The strategies by name: which scores each one adds up."""

from collections.abc import Mapping
from types import MappingProxyType

from axonhub.addons.strategies import Scoring
from axonhub.addons.strategies.affinity import affinity
from axonhub.addons.strategies.errors import errors
from axonhub.addons.strategies.latency import latency
from axonhub.addons.strategies.limits import limits
from axonhub.addons.strategies.probing import probing
from axonhub.addons.strategies.provider_quotas import provider_quotas
from axonhub.addons.strategies.weighted import in_order, weighted, weighted_by_breaker

DEFAULT = "adaptive"
STRATEGIES: Mapping[str, tuple[Scoring, ...]] = MappingProxyType(
    {
        DEFAULT: (affinity, probing, errors, latency, limits, provider_quotas, weighted),
        "failover": (in_order,),
        "circuit-breaker": (probing, weighted_by_breaker),
    }
)


def draws_lots(strategy: str) -> bool:
    """Does chance decide among channels that are equal otherwise? Not where the heaviest is always the first."""
    return in_order not in STRATEGIES.get(strategy, ())
