"""Weighted: each channel gets its share of the traffic, and one trace always the same channel.

Rendezvous hashing (Thaler and Ravishankar 1998; weights after Mosharaf and others): no state, and when a channel goes,
only its own traces move.
"""

import hashlib
import math
from functools import lru_cache

from axonhub.addons.exchange import Score
from axonhub.addons.health import Breaker
from axonhub.addons.strategies import Facts

_LEAST_WEIGHT = 0.01
_FULL_WEIGHT = 100.0
_POINTS = 100.0
_FACTORS = {Breaker.CLOSED: 1.0, Breaker.HALF_OPEN: 0.3, Breaker.OPEN: 0.0, Breaker.DUE: 1.0}


def weighted(facts: Facts) -> Score:
    """The share that is configured."""
    return Score("weight", _points(facts, facts.channel.weight), f"weight {facts.channel.weight}")


def weighted_by_breaker(facts: Facts) -> Score:
    """The share shrinks while the channel fails."""
    factor = _FACTORS[facts.vitals.breaker]
    reason = f"weight {facts.channel.weight} x {factor:g}, breaker {facts.vitals.breaker}"
    return Score("weight", _points(facts, facts.channel.weight * factor), reason)


def in_order(facts: Facts) -> Score:
    """No shares: the heaviest first."""
    return Score("weight", float(facts.channel.weight), f"weight {facts.channel.weight}")


def _points(facts: Facts, weight: float) -> float:
    uniform = _uniform(facts.channel.name, facts.seed)
    # -log(uniform)/weight is exponential with this rate: the smallest one is won with probability weight/sum. The
    # points lie far enough apart that small differences in speed do not outweigh the shares.
    return _POINTS / (1.0 - math.log(uniform) * _FULL_WEIGHT / max(weight, _LEAST_WEIGHT))


@lru_cache(maxsize=4096)
def _uniform(channel: str, seed: str) -> float:
    """Remembered, since a trace asks for the same with each of its requests."""
    digest = hashlib.sha256(f"{seed}\0{channel}".encode()).digest()
    return (int.from_bytes(digest[:8]) + 0.5) / 2**64
