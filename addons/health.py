"""What is known of each channel and of each model on it: failures, speed, load, cooling, circuit breaker.

Nothing here reads a clock: every `now_s` is in seconds of one monotonic clock. Channels go by name, since the
configuration's objects are replaced while requests run. Memory is bounded: what was not used for longest is forgotten.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple

from axonhub.addons.provider_quota import ProviderQuota, ProviderQuotas

RECENT_S = 300.0
FORGOTTEN_S = 1800.0
"""A failure that old says nothing any more of the breaker's state."""
HALF_OPEN_FAILURES = 3
OPEN_FAILURES = 5
PROBE_AFTER_S = 300.0
LONGEST_PROBE_FACTOR = 8
_MINUTE_S = 60
_MOST_RECENT = 200
_MOST_ENTRIES = 4096
_NEWEST_SHARE = 0.3
"""Of the latest measurement in a moving average."""


class Breaker(StrEnum):
    CLOSED = "closed"
    HALF_OPEN = "half-open"
    OPEN = "open"
    DUE = "due"
    """Open for so long that one request may find out whether it still must be."""


class Outcome(NamedTuple):
    """What became of one try."""

    verdict: Literal["success", "failure", "neutral"]
    """Neutral: the client left, or the request itself was at fault."""
    stream: bool = False
    first_event_s: float | None = None
    """From the try's start; None where there was none. Likewise:"""
    duration_s: float | None = None
    output_tokens: int | None = None
    tokens: int = 0
    """All that count against a limit of tokens a minute."""


class Vitals(NamedTuple):
    """How one model on one channel does at one moment. A tuple: one is made of each candidate of each request."""

    failures: int = 0
    """In a row."""
    since_failure_s: float | None = None
    recent: int = 0
    """Outcomes of the last five minutes."""
    recent_successes: int = 0
    first_event_s: float | None = None
    duration_s: float | None = None
    """Of whole answers."""
    tokens_per_s: float | None = None
    """In streams, after the first event."""
    in_flight: int = 0
    """On the whole channel, like all that follows but the breaker."""
    requests_last_minute: int = 0
    tokens_last_minute: int = 0
    cooling_s: float = 0.0
    """How much longer the channel wants to be left alone."""
    breaker: Breaker = Breaker.CLOSED
    probe_in_s: float = 0.0
    """Of an open breaker."""
    quota: ProviderQuota = ProviderQuota()
    """What is left of the provider's own allowance, of the credential that has used least."""


_UNKNOWN = Vitals()


@dataclass(slots=True)
class Minute:
    """A sum over the last sixty seconds, in steps of one."""

    steps: deque[list[int]] = field(default_factory=deque)
    sum: int = 0
    """Of the steps."""

    def add(self, amount: int, now_s: float) -> None:
        second = int(now_s)
        self.sum += amount
        if self.steps and self.steps[-1][0] == second:
            self.steps[-1][1] += amount
        else:
            self.total(now_s)
            self.steps.append([second, amount])

    def total(self, now_s: float) -> int:
        while self.steps and self.steps[0][0] <= now_s - _MINUTE_S:
            self.sum -= self.steps.popleft()[1]
        return self.sum


@dataclass(slots=True)
class Recent:
    """The outcomes of the last five minutes, the latest 200 of them at most."""

    outcomes: deque[tuple[float, bool]] = field(default_factory=deque)
    successes: int = 0

    def add(self, succeeded: bool, now_s: float) -> None:
        self.outcomes.append((now_s, succeeded))
        self.successes += succeeded
        if len(self.outcomes) > _MOST_RECENT:
            self._leave()

    def counts(self, now_s: float) -> tuple[int, int]:
        """All, and those that went well."""
        while self.outcomes and self.outcomes[0][0] <= now_s - RECENT_S:
            self._leave()
        return len(self.outcomes), self.successes

    def _leave(self) -> None:
        self.successes -= self.outcomes.popleft()[1]


@dataclass(slots=True)
class Service:
    """One model on one channel."""

    failures: int = 0
    last_failure_s: float | None = None
    outcomes: Recent = field(default_factory=Recent)
    first_event_s: float | None = None
    duration_s: float | None = None
    tokens_per_s: float | None = None
    probe_from_s: float | None = None
    """When an open breaker lets a probe through; None: it is not open."""
    failed_probes: int = 0
    probe_since_s: float | None = None
    """When the probe that is under way began."""


@dataclass(slots=True)
class Account:
    """One channel as a whole."""

    in_flight: int = 0
    cooling_until_s: float = 0.0
    requests: Minute = field(default_factory=Minute)
    tokens: Minute = field(default_factory=Minute)


_UNKNOWN_SERVICE, _UNKNOWN_ACCOUNT = Service(), Account()
"""Never changed."""


class Health:
    def __init__(self) -> None:
        self._services: OrderedDict[tuple[str, str], Service] = OrderedDict()
        self._accounts: OrderedDict[str, Account] = OrderedDict()
        self._credentials: OrderedDict[tuple[str, str], float] = OrderedDict()
        """(channel, digest of a credential) → until when it is left alone."""
        self.quotas = ProviderQuotas()

    def vitals(self, channel: str, model: str, now_s: float) -> Vitals:
        service = self._services.get((channel, model))
        account = self._accounts.get(channel)
        if service is None and account is None:
            return _UNKNOWN
        service, account = service or _UNKNOWN_SERVICE, account or _UNKNOWN_ACCOUNT
        recent, successes = service.outcomes.counts(now_s)
        return Vitals(
            failures=service.failures,
            since_failure_s=None if service.last_failure_s is None else now_s - service.last_failure_s,
            recent=recent,
            recent_successes=successes,
            first_event_s=service.first_event_s,
            duration_s=service.duration_s,
            tokens_per_s=service.tokens_per_s,
            in_flight=account.in_flight,
            requests_last_minute=account.requests.total(now_s),
            tokens_last_minute=account.tokens.total(now_s),
            cooling_s=max(0.0, account.cooling_until_s - now_s),
            breaker=_breaker(service, now_s),
            probe_in_s=max(0.0, (service.probe_from_s or 0.0) - now_s),
        )

    @property
    def knows_credentials(self) -> bool:
        """Was any credential ever to be left alone, or did it tell of its quota?"""
        return bool(self._credentials) or self.quotas.told

    def known(self) -> list[tuple[str, str]]:
        """Channels and models of which anything is known."""
        return sorted(self._services)

    def breakers(self, channel: str, now_s: float) -> dict[str, Breaker]:
        """By model that was ever asked of this channel, as far as that is remembered."""
        return {model: _breaker(each, now_s) for (name, model), each in self._services.items() if name == channel}

    def began(self, channel: str, model: str, now_s: float) -> None:
        """A try goes out. Must be followed by `ended`, whatever becomes of it."""
        account = _entry(self._accounts, channel, Account)
        account.in_flight += 1
        account.requests.add(1, now_s)
        service = _entry(self._services, (channel, model), Service)
        if _breaker(service, now_s) is Breaker.DUE:
            service.probe_since_s = now_s

    def ended(self, channel: str, model: str, outcome: Outcome, now_s: float) -> None:
        account = _entry(self._accounts, channel, Account)
        account.in_flight = max(0, account.in_flight - 1)
        account.tokens.add(outcome.tokens, now_s)
        service = _entry(self._services, (channel, model), Service)
        probed = service.probe_since_s is not None
        service.probe_since_s = None
        if outcome.verdict == "success":
            _succeed(service, outcome, now_s)
        elif outcome.verdict == "failure":
            _fail(service, probed, now_s)

    def cool(self, channel: str, wait_s: float, now_s: float) -> None:
        """Leaves the channel alone; a longer wait that was told before stays."""
        account = _entry(self._accounts, channel, Account)
        account.cooling_until_s = max(account.cooling_until_s, now_s + wait_s)

    def cool_credential(self, channel: str, digest: str, wait_s: float, now_s: float) -> None:
        until_s = max(self._credentials.get((channel, digest), 0.0), now_s + wait_s)
        self._credentials[channel, digest] = until_s
        _trim(self._credentials, (channel, digest))

    def credential_cooling_s(self, channel: str, digest: str, now_s: float) -> float:
        """How much longer; 0 when it may be used."""
        return max(0.0, self._credentials.get((channel, digest), 0.0) - now_s)


def _breaker(service: Service, now_s: float) -> Breaker:
    if service.last_failure_s is None:
        return Breaker.CLOSED
    if service.probe_from_s is not None:
        # A probe that nobody ever ended must not hold the breaker open for good.
        probing = service.probe_since_s is not None and now_s - service.probe_since_s < FORGOTTEN_S
        return Breaker.OPEN if probing or now_s < service.probe_from_s else Breaker.DUE
    fresh = now_s - service.last_failure_s < FORGOTTEN_S
    return Breaker.HALF_OPEN if fresh and service.failures >= HALF_OPEN_FAILURES else Breaker.CLOSED


def _succeed(service: Service, outcome: Outcome, now_s: float) -> None:
    service.failures = service.failed_probes = 0
    service.probe_from_s = None
    service.outcomes.add(True, now_s)
    if outcome.stream:
        service.first_event_s = _averaged(service.first_event_s, outcome.first_event_s)
        service.tokens_per_s = _averaged(service.tokens_per_s, _speed(outcome))
    else:
        service.duration_s = _averaged(service.duration_s, outcome.duration_s)


def _fail(service: Service, probed: bool, now_s: float) -> None:
    if service.last_failure_s is not None and now_s - service.last_failure_s >= FORGOTTEN_S and not probed:
        service.failures = 0
    service.failures += 1
    service.last_failure_s = now_s
    service.outcomes.add(False, now_s)
    if probed:
        service.failed_probes += 1
    opens = service.probe_from_s is None and service.failures >= OPEN_FAILURES
    if probed or opens:
        service.probe_from_s = now_s + PROBE_AFTER_S * min(2**service.failed_probes, LONGEST_PROBE_FACTOR)


def _speed(outcome: Outcome) -> float | None:
    if not outcome.output_tokens or outcome.duration_s is None or outcome.first_event_s is None:
        return None
    return outcome.output_tokens / max(outcome.duration_s - outcome.first_event_s, 0.05)


def _averaged(before: float | None, measured: float | None) -> float | None:
    if before is None or measured is None:
        return before if measured is None else measured
    return before + _NEWEST_SHARE * (measured - before)


def _entry[K: Hashable, V](entries: OrderedDict[K, V], key: K, make: Callable[[], V]) -> V:
    found = entries.get(key)
    if found is None:
        found = entries[key] = make()
    _trim(entries, key)
    return found


def _trim[K: Hashable, V](entries: OrderedDict[K, V], used: K) -> None:
    entries.move_to_end(used)
    while len(entries) > _MOST_ENTRIES:
        entries.popitem(last=False)
