"""Disabling: credentials and channels that rules take out of use, for a while or until somebody changes the channel.

Pure. Kept by channel and credential in memory: a gateway that starts again tries all of them again. `now_s` is in
seconds of one monotonic clock. What was disabled for good comes back when the channel's configuration changes.
"""

import math
import re
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from axonhub.addons.config import AutoDisableRule, Channel
from axonhub.transformers.hub.failures import Failure

_MOST_ENTRIES = 4096
_MOST_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Disabled:
    reason: str
    until_s: float
    """Infinite: until the channel's configuration changes."""
    channel: Channel
    """As it was configured then."""


@dataclass(slots=True)
class _Strikes:
    """What counts towards one rule."""

    at_s: deque[float] = field(default_factory=lambda: deque(maxlen=_MOST_COUNTED))


class Disabling:
    """`digest` names a credential; "" is the channel as a whole."""

    def __init__(self) -> None:
        self._strikes: OrderedDict[tuple[str, str, int], _Strikes] = OrderedDict()
        self._disabled: OrderedDict[tuple[str, str], Disabled] = OrderedDict()

    @property
    def idle(self) -> bool:
        """Nothing is out of use, and nothing counts towards a rule."""
        return not (self._disabled or self._strikes)

    def succeeded(self, channel: Channel, digest: str) -> None:
        """What counts in a row begins anew."""
        for subject, rules in _rules(channel, digest):
            for at, rule in enumerate(rules):
                if rule.window_s is None:
                    self._strikes.pop((channel.name, subject, at), None)

    def failed(self, channel: Channel, digest: str, failure: Failure, now_s: float) -> str:
        """What comes of it, in words; "" when no rule was fulfilled."""
        told = [
            self._disable(channel, subject, rule, now_s)
            for subject, rules in _rules(channel, digest)
            for at, rule in enumerate(rules)
            if applies(rule, failure) and self._struck((channel.name, subject, at), rule, now_s)
        ]
        return "; ".join(told)

    def disabled(self, channel: Channel, digest: str, now_s: float) -> Disabled | None:
        found = self._disabled.get((channel.name, digest))
        if found is None or found.until_s <= now_s or found.channel != channel:
            self._disabled.pop((channel.name, digest), None)
            return None
        return found

    def _struck(self, key: tuple[str, str, int], rule: AutoDisableRule, now_s: float) -> bool:
        strikes = self._strikes.setdefault(key, _Strikes()).at_s
        strikes.append(now_s)
        self._strikes.move_to_end(key)
        while len(self._strikes) > _MOST_ENTRIES:
            self._strikes.popitem(last=False)
        since_s = -math.inf if rule.window_s is None else now_s - rule.window_s
        if sum(at_s > since_s for at_s in strikes) < rule.times:
            return False
        strikes.clear()
        return True

    def _disable(self, channel: Channel, subject: str, rule: AutoDisableRule, now_s: float) -> str:
        for_good = rule.action != "temporary_disable" or rule.disable_duration_s is None
        until_s = math.inf if for_good else now_s + (rule.disable_duration_s or 0.0)
        reason = f"{_what(rule)}, {rule.times} time{'s' if rule.times > 1 else ''}"
        self._disabled[channel.name, subject] = Disabled(reason, until_s, channel)
        while len(self._disabled) > _MOST_ENTRIES:
            self._disabled.popitem(last=False)
        span = "until its configuration changes" if for_good else f"for {rule.disable_duration_s:g} s"
        return f"{'credential' if subject else 'channel'} disabled {span}: {reason}"


def applies(rule: AutoDisableRule, failure: Failure) -> bool:
    """A rule without status and without words applies to every failure."""
    told = not rule.status_codes or failure.status in rule.status_codes
    patterns = rule.keyword_patterns
    return told and (not patterns or any(re.search(each, failure.message, re.IGNORECASE) for each in patterns))


def _rules(channel: Channel, digest: str) -> Iterable[tuple[str, tuple[AutoDisableRule, ...]]]:
    """The channel's only credential stands for the channel, as in the original."""
    settings = channel.settings
    yield "", settings.auto_disable_rules
    if digest:
        yield digest, settings.api_key_auto_disable_rules


def _what(rule: AutoDisableRule) -> str:
    status = "status " + " or ".join(map(str, rule.status_codes)) if rule.status_codes else ""
    words = "certain words in the error" if rule.keyword_patterns else ""
    return " with ".join(filter(None, (status, words))) or "any failure"
