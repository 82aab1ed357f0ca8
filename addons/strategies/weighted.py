"""Weighted: each channel gets its share of the traffic, and one trace always the same channel.

Rendezvous hashing (Thaler and Ravishankar 1998; weights after Mosharaf and others): no state, and when a channel goes,
only its own traces move.
"""

import hashlib
import math

from axonhub.addons.config import Channel
from axonhub.addons.exchange import Score

_LEAST_WEIGHT = 0.01
_POINTS = 100.0


def weighted(channel: Channel, seed: str) -> Score:
    """`seed` is the trace's id, or the request's for one that has no trace."""
    digest = hashlib.sha256(f"{seed}\0{channel.name}".encode()).digest()
    uniform = (int.from_bytes(digest[:8]) + 0.5) / 2**64
    weight = max(channel.weight, _LEAST_WEIGHT)
    # -log(uniform)/weight is exponential with this rate: the smallest one is won with probability weight/sum.
    return Score("weight", _POINTS / (1.0 - math.log(uniform) / weight), f"weight {channel.weight}")
