"""Rate limit: the channel with the most room first, by requests and tokens a minute and by requests at a time."""

from axonhub.addons.exchange import Score
from axonhub.addons.strategies import Facts

FULL_POINTS = 100.0
_NO_LIMIT = (0.0, "")


def limits(facts: Facts) -> Score:
    used, reason = usage(facts)
    return Score("limits", FULL_POINTS * max(0.0, 1.0 - used), reason)


def usage(facts: Facts) -> tuple[float, str]:
    """The share that is used up of the limit that is nearest, 1 or more when it is reached; and its name."""
    limit, vitals = facts.channel.settings.rate_limit, facts.vitals
    if limit.rpm is limit.tpm is limit.max_concurrent is None:
        return _NO_LIMIT
    pairs = (
        (vitals.requests_last_minute, limit.rpm, "requests a minute"),
        (vitals.tokens_last_minute, limit.tpm, "tokens a minute"),
        (vitals.in_flight, limit.max_concurrent, "requests at a time"),
    )
    shares = [(used / most, f"{used} of {most} {name}") for used, most, name in pairs if most is not None]
    return max(shares)
