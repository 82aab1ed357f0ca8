"""Load-balancing strategies: pure functions that score the channels fit for an exchange."""

from collections.abc import Callable
from typing import NamedTuple

from axonhub.addons.config import Channel
from axonhub.addons.exchange import Score
from axonhub.addons.health import Vitals


class Facts(NamedTuple):
    """What a score may rest on."""

    channel: Channel
    vitals: Vitals = Vitals()
    home: str = ""
    """The channel's name where the trace lives, "" for none."""
    seed: str = ""
    """The trace's id, or the request's for one that has no trace."""
    stream: bool = False


type Scoring = Callable[[Facts], Score]
