"""Which failures are worth another try, whom they blame, and how long to leave that one alone."""

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from axonhub.addons.config import Channel
from axonhub.transformers.hub.failures import Failure, FailureKind

SHORT_WAIT_S = 5.0
"""A client may be kept waiting so long for the only channel that is left."""
LONGEST_COOLING_S = 86400.0
CALLERS_FAULT = frozenset((FailureKind.INVALID_REQUEST, FailureKind.CONTEXT_LENGTH, FailureKind.TOO_LARGE))
_PASSING = frozenset(
    (
        FailureKind.RATE_LIMIT,
        FailureKind.OVERLOADED,
        FailureKind.SERVER,
        FailureKind.NETWORK,
        FailureKind.TIMEOUT,
        FailureKind.CONFLICT,
    )
)
_REFUSED_CREDENTIAL = frozenset((FailureKind.AUTHENTICATION, FailureKind.PERMISSION, FailureKind.QUOTA))
_COOLING_S = {
    FailureKind.RATE_LIMIT: 5.0,
    FailureKind.OVERLOADED: 5.0,
    FailureKind.AUTHENTICATION: 60.0,
    FailureKind.PERMISSION: 60.0,
    FailureKind.QUOTA: 60.0,
}
"""Where the provider does not say how long."""


def passing(channel: Channel, failure: Failure) -> bool:
    """May the same request go well on the same channel in a moment?"""
    return failure.kind in _PASSING or _listed(channel, failure)


def callers_fault(channel: Channel, failure: Failure) -> bool:
    """Is the request itself at fault, so that no other channel would take it?"""
    return failure.kind in CALLERS_FAULT and not _listed(channel, failure)


def refuses_credential(failure: Failure) -> bool:
    """For more than a moment."""
    return failure.kind in _REFUSED_CREDENTIAL


def blames_credential(failure: Failure) -> bool:
    """May another credential of the same channel do better?"""
    return failure.kind in _REFUSED_CREDENTIAL or failure.kind is FailureKind.RATE_LIMIT


def cooling_s(failure: Failure) -> float:
    """How long to leave alone what failed so; 0: not at all."""
    usual_s = _COOLING_S.get(failure.kind)
    if usual_s is None:
        return 0.0
    return usual_s if failure.retry_after_s is None else min(failure.retry_after_s, LONGEST_COOLING_S)


def told_wait_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """What `retry-after-ms` or `retry-after` ask for, in seconds or as a date. `now_s`: Unix time. RFC 9110."""
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after", "")
    seconds = _number(text)
    return _until(text, now_s) if seconds is None else seconds


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value >= 0 and math.isfinite(value) else None


def _until(text: str, now_s: float) -> float | None:
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now_s)
    except (ValueError, OverflowError):
        return None


def _listed(channel: Channel, failure: Failure) -> bool:
    """By the channel's own list of answers that are worth a retry."""
    settings = channel.settings
    if failure.status in settings.retryable_status:
        return True
    return any(
        re.search(each.pattern, failure.message) if each.regex else each.pattern.lower() in failure.message.lower()
        for each in settings.retryable_error_patterns
    )
