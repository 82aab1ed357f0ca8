"""Affinity: a trace stays on the channel of its last success, where the provider's prompt cache is warm."""

from axonhub.addons.config import Channel
from axonhub.addons.exchange import Score

HOME_POINTS = 1000.0


def affinity(channel: Channel, home: str) -> Score:
    """`home` is the channel's name where the trace lives, "" for none."""
    if home and channel.name == home:
        return Score("affinity", HOME_POINTS, "last success of this trace")
    return Score("affinity", 0.0)
