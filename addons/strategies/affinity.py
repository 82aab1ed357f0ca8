"""Affinity: a trace stays on the channel of its last success, where the provider's prompt cache is warm."""

from axonhub.addons.exchange import Score
from axonhub.addons.strategies import Facts

HOME_POINTS = 1000.0
_AWAY = Score("affinity", 0.0)


def affinity(facts: Facts) -> Score:
    if facts.home and facts.channel.name == facts.home:
        return Score("affinity", HOME_POINTS, "last success of this trace")
    return _AWAY
