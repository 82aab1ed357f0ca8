"""A provider's own allowance for an account, as its answers tell it: how much of each window of time is used up.

Pure. Kept by channel and credential, since each credential is an account of its own; what a window said is forgotten
when the window begins anew.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

WARNING = 0.8
"""From this share on the account is nearly used up."""
_MOST_ACCOUNTS = 4096


class QuotaState(StrEnum):
    AVAILABLE = "available"
    WARNING = "warning"
    EXHAUSTED = "exhausted"


@dataclass(frozen=True, slots=True)
class Window:
    name: str
    """As the provider calls it: `5h`, `7d`."""
    used: float
    """Share; 1 or more: nothing is left."""
    resets_in_s: float | None = None
    """None: the provider did not say."""


@dataclass(frozen=True, slots=True)
class ProviderQuota:
    windows: tuple[Window, ...] = ()
    """Without any, nothing is known."""

    @property
    def used(self) -> float:
        return max((each.used for each in self.windows), default=0.0)

    @property
    def state(self) -> QuotaState:
        if self.used >= 1:
            return QuotaState.EXHAUSTED
        return QuotaState.WARNING if self.used >= WARNING else QuotaState.AVAILABLE

    @property
    def reason(self) -> str:
        """The fullest window in words; "" when none is known."""
        if not self.windows:
            return ""
        fullest = max(self.windows, key=lambda each: each.used)
        wait = "" if fullest.resets_in_s is None else f", resets in {_in_words(fullest.resets_in_s)}"
        return f"{fullest.used:.0%} of the provider's {fullest.name} quota is used{wait}"

    def after(self, elapsed_s: float) -> "ProviderQuota":
        """What is left of it later: windows that began anew are gone."""
        return ProviderQuota(tuple(_aged(self.windows, elapsed_s)))


def _aged(windows: Iterable[Window], elapsed_s: float) -> Iterable[Window]:
    for each in windows:
        if each.resets_in_s is None:
            yield each
        elif each.resets_in_s > elapsed_s:
            yield replace(each, resets_in_s=each.resets_in_s - elapsed_s)


class ProviderQuotas:
    """What was told last, by channel and by digest of the credential; `now_s` is of one monotonic clock."""

    def __init__(self) -> None:
        self._told: OrderedDict[tuple[str, str], tuple[ProviderQuota, float]] = OrderedDict()

    @property
    def told(self) -> bool:
        """Is anything known of any account?"""
        return bool(self._told)

    def tell(self, channel: str, digest: str, quota: ProviderQuota, now_s: float) -> None:
        self._told[channel, digest] = (quota, now_s)
        self._told.move_to_end((channel, digest))
        while len(self._told) > _MOST_ACCOUNTS:
            self._told.popitem(last=False)

    def of(self, channel: str, digest: str, now_s: float) -> ProviderQuota:
        quota, told_s = self._told.get((channel, digest), (ProviderQuota(), now_s))
        return quota.after(now_s - told_s) if quota.windows else quota

    def least_used(self, channel: str, digests: Iterable[str], now_s: float) -> ProviderQuota:
        """Of all credentials of a channel: any of them may answer."""
        if not self._told:
            return ProviderQuota()
        return min((self.of(channel, each, now_s) for each in digests), key=lambda each: each.used)


def read_unified(headers: Mapping[str, str], now_s: float) -> ProviderQuota | None:
    """From the `anthropic-ratelimit-unified-*` headers of an answer; None when there are none. `now_s`: Unix time.

    `…-5h-utilization` and `…-7d-utilization` are shares, `…-reset` Unix times; a window whose status is `rejected`
    has nothing left, whatever its share says. Seen in answers to subscriptions, 2026-11; not documented.
    """
    prefix, suffix = "anthropic-ratelimit-unified-", "-utilization"
    names = [
        name
        for key in headers
        if key.startswith(prefix) and key.endswith(suffix) and (name := key[len(prefix) : -len(suffix)])
    ]
    windows = tuple(_unified_window(headers, prefix, name, now_s) for name in names)
    return ProviderQuota(windows) if windows else None


def _unified_window(headers: Mapping[str, str], prefix: str, name: str, now_s: float) -> Window:
    used = _number(headers.get(f"{prefix}{name}-utilization")) or 0.0
    if headers.get(f"{prefix}{name}-status") == "rejected":
        used = max(used, 1.0)
    reset_s = _number(headers.get(f"{prefix}{name}-reset"))
    return Window(name, max(0.0, used), None if reset_s is None else max(0.0, reset_s - now_s))


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if value == value and abs(value) != float("inf") else None


def _in_words(seconds: float) -> str:
    minutes = round(seconds / 60)
    days, rest = divmod(minutes, 24 * 60)
    if days:
        return f"{days} d {rest // 60} h"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
