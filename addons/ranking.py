"""The channels that may serve an exchange, in order, and why each of the others may not. Pure but for `health`.

A channel is a candidate when it is enabled, serves the wanted model, and the profile allows it. Priority groups are
hard; within one the strategy's scores decide, the highest first. What cools down, has an open breaker or has reached a
limit comes last, but it comes: no request is left without a try.

Of many that serve the model not all are weighed: lots are drawn, which each channel wins as often as its weight says,
and which fall the same way for all requests of a trace. To score one takes longer than to draw a hundred lots.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from math import log
from typing import Final

from pydantic import SecretStr

from axonhub.addons.channels.credentials import rotated
from axonhub.addons.channels.facing import facing
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.channels.serving import names_of, upstream_model
from axonhub.addons.config import Channel, Config, Profile
from axonhub.addons.derived import Derived
from axonhub.addons.errors import BadRequest, GatewayError, NoChannel, UnknownModel
from axonhub.addons.exchange import Candidate, Exchange, Pin, Score
from axonhub.addons.health import Breaker, Health, Vitals
from axonhub.addons.provider_quota import QuotaState
from axonhub.addons.remapping import allows
from axonhub.addons.strategies import Facts, Scoring
from axonhub.addons.strategies.limits import usage
from axonhub.addons.strategies.registry import DEFAULT, STRATEGIES, draws_lots

_MOST_WEIGHED = 16
_BITS = 2**64 - 1
_MIX = 0x9E3779B97F4A7C15
"""Odd, its bits as good as random: the golden ratio."""
_LEAST_WEIGHT = 0.01
_MOST_MODELS = 4096
"""Names of models whose channels are remembered; callers choose the names."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A channel that serves a model."""

    channel: Channel
    model: str
    """The name that the channel knows it by."""
    priority: int
    number: int
    """What stands for the channel's name in its lots."""
    streams: bool


class Directory:
    """Which channels serve a model, by the names of one configuration. An archived one serves nothing."""

    def __init__(self, config: Config) -> None:
        channels = sorted(
            (each for each in config.channels if each.status != "archived"), key=lambda each: each.priority
        )
        self._names = [(each, names_of(each, channel_types()[each.type]), _number(each)) for each in channels]
        self._found: dict[str, tuple[Sequence[Serving], Sequence[Serving]]] = {}

    def enabled(self, model: str) -> Sequence[Serving]:
        """The lowest priority first, like `all`."""
        return self._look_up(model)[1]

    def all(self, model: str) -> Sequence[Serving]:
        """Also those that are disabled."""
        return self._look_up(model)[0]

    def _look_up(self, model: str) -> tuple[Sequence[Serving], Sequence[Serving]]:
        found = self._found.get(model)
        if found is None:
            every = tuple(self._serving(model))
            if len(self._found) >= _MOST_MODELS:
                self._found.clear()
            found = self._found[model] = every, tuple(each for each in every if each.channel.status == "enabled")
        return found

    def _serving(self, model: str) -> Iterator[Serving]:
        for channel, names, number in self._names:
            if (name := names.find(model)) is not None:
                yield Serving(channel, name.upstream, channel.priority, number, _streams(channel))


def _number(channel: Channel) -> int:
    return int.from_bytes(sha256(channel.name.encode()).digest()[:8])


directory_of: Final = Derived(Directory)


def _read_accounts(channel: Channel) -> tuple[tuple[SecretStr, str], ...]:
    return tuple((each, digest_of(each)) for each in channel.api_keys)


_accounts: Final = Derived(_read_accounts)
"""A channel's credentials with their digests."""


def ranked(exchange: Exchange, home: str, health: Health, now_s: float) -> list[Candidate]:
    """All candidates, the best first; `home` is the channel where the trace lives.

    BadRequest, UnknownModel or NoChannel when there is none.
    """
    fitting = _fitting(exchange)
    if not fitting:
        raise _nothing_fits(exchange)
    found: list[Candidate] = []
    strategy = STRATEGIES.get(strategy_of(exchange), STRATEGIES[DEFAULT])
    for some in _batches(fitting, exchange, home):
        found += [_scored(exchange, each, strategy, home, health, now_s) for each in some]
        if not all(each.deferred for each in found):
            break
    if len(found) > 1:
        found.sort(key=lambda each: (each.deferred, each.channel.priority, -each.total))
    return found


def _facing(exchange: Exchange, channel: Channel) -> Channel:
    """As it answers this client, perhaps in the client's own protocol."""
    return facing(channel, exchange.address.protocol.name)


def _batches(fitting: Sequence[Serving], exchange: Exchange, home: str) -> Iterator[Sequence[Serving]]:
    """Of each priority group those that are weighed together, until enough of them are."""
    most = max(_MOST_WEIGHED, exchange.config.retry.max_channel_retries + 1)
    if len(fitting) <= most:
        yield fitting
        return
    batch: list[Serving] = []
    for _, group in groupby(fitting, key=lambda each: each.priority):
        for each in _drawn(list(group), exchange, home):
            batch.append(each)
            if len(batch) == most:
                yield batch
                batch = []
    yield batch


def _drawn(group: list[Serving], exchange: Exchange, home: str) -> list[Serving]:
    """The home of the trace first, then by lot; where weight alone decides, the heaviest."""
    if not draws_lots(strategy_of(exchange)):
        return sorted(group, key=lambda each: -each.channel.weight)
    seed = int.from_bytes(sha256(seed_of(exchange).encode()).digest()[:8])
    lots = [
        # Exponential with this rate (cf. `weighted`), of a uniform number: the product mixes the bits of both names.
        (-1.0 if each.channel.name == home else -log(((seed ^ each.number) * _MIX & _BITS | 1) / _BITS) / _rate(each))
        for each in group
    ]
    return [group[index] for index in sorted(range(len(group)), key=lots.__getitem__)]


def _rate(serving: Serving) -> float:
    return serving.channel.weight or _LEAST_WEIGHT


def strategy_of(exchange: Exchange) -> str:
    own = exchange.profile.load_balance if exchange.profile else None
    return own or exchange.config.load_balance.strategy


def obstacle(channel: Channel, profile: Profile | None, stream: bool) -> str:
    """Why a channel that serves the model is no candidate; "" when it is one."""
    if channel.status != "enabled":
        return channel.disabled_reason or channel.status
    if not allows(profile, channel):
        return f"the profile {profile.name!r} does not allow it" if profile else ""
    if stream and not _streams(channel):
        return "it takes no requests that stream"
    return ""


def _scored(
    exchange: Exchange, serving: Serving, strategy: Sequence[Scoring], home: str, health: Health, now_s: float
) -> Candidate:
    channel = _facing(exchange, serving.channel)
    vitals = vitals_of(exchange, channel, serving.model, health, now_s)
    facts = Facts(channel, vitals, home, seed_of(exchange), exchange.stream)
    scores = [score(facts) for score in strategy]
    reason = deferral(channel, vitals)
    if reason:
        scores.append(Score("last", 0.0, reason))
    return Candidate(channel, serving.model, tuple(scores), bool(reason))


def deferral(channel: Channel, vitals: Vitals) -> str:
    """Why this one comes after all others; "" when it does not."""
    if vitals.cooling_s:
        return f"cooling for {vitals.cooling_s:.1f} s"
    if vitals.breaker is Breaker.OPEN:
        return f"breaker open, probe in {vitals.probe_in_s:.0f} s"
    if vitals.quota.windows and vitals.quota.state is QuotaState.EXHAUSTED:
        return vitals.quota.reason
    used, reason = usage(Facts(channel, vitals))
    return reason if used >= 1 else ""


def vitals_of(exchange: Exchange, channel: Channel, model: str, health: Health, now_s: float) -> Vitals:
    """A channel cools as long as each of its credentials does."""
    vitals = health.vitals(channel.name, model, now_s)
    if not health.knows_credentials:
        return vitals
    digests = _digests(exchange, channel)
    cooling = min(health.credential_cooling_s(channel.name, each, now_s) for each in digests)
    quota = health.quotas.least_used(channel.name, digests, now_s)
    if not (cooling or quota.windows):
        return vitals
    return vitals._replace(cooling_s=max(vitals.cooling_s, cooling), quota=quota)


def credentials_of(exchange: Exchange, channel: Channel) -> list[SecretStr | None]:
    """At least one; the trace's own first. None: the channel has no key of its own here."""
    if not _has_own_keys(channel):
        return [None]
    pinned = exchange.pin.credential if exchange.pin else None
    return [*rotated(channel.api_keys, seed_of(exchange))] if pinned is None else [channel.api_keys[pinned]]


def _digests(exchange: Exchange, channel: Channel) -> list[str]:
    """Of `credentials`, in any order."""
    if not _has_own_keys(channel):
        return [""]
    pinned = exchange.pin.credential if exchange.pin else None
    accounts = _accounts(channel)
    return [each for _, each in (accounts if pinned is None else (accounts[pinned],))]


def _has_own_keys(channel: Channel) -> bool:
    kind = channel_types()[channel.type]
    return bool(channel.api_keys) and not (kind.internal or kind.fetch_token)


def digest_of(credential: SecretStr | None) -> str:
    """What stands for a credential where it must not be; "" for none."""
    return sha256(credential.get_secret_value().encode()).hexdigest()[:16] if credential else ""


def seed_of(exchange: Exchange) -> str:
    return exchange.trace.trace_id or exchange.id


def _fitting(exchange: Exchange) -> Sequence[Serving]:
    """The channels that may serve this exchange: those without an `obstacle`."""
    if exchange.pin and exchange.pin.channel:
        return (_pinned(exchange, exchange.pin),)
    serving, profile = directory_of(exchange.config).enabled(exchange.wanted_model), exchange.profile
    if profile is not None and (profile.channels or profile.channel_tags):
        serving = [each for each in serving if allows(profile, each.channel)]
    return [each for each in serving if each.streams] if exchange.stream else serving


def _pinned(exchange: Exchange, pin: Pin) -> Serving:
    """The one channel of a request from inside, whatever its status. BadRequest, UnknownModel, NoChannel."""
    channel = next((each for each in exchange.config.channels if each.name == pin.channel), None)
    if channel is None:
        raise BadRequest(f"There is no channel {pin.channel[:200]!r}.")
    if pin.credential is not None and pin.credential >= len(channel.api_keys):
        raise BadRequest(f"The channel {channel.name!r} has {len(channel.api_keys)} credentials, counted from 0.")
    model = upstream_model(channel, channel_types()[channel.type], exchange.wanted_model)
    if model is None:
        raise UnknownModel(f"The channel {channel.name!r} does not serve the model {exchange.wanted_model[:200]!r}.")
    if exchange.stream and not _streams(channel):
        raise NoChannel(f"The channel {channel.name!r} takes no requests that stream.")
    return Serving(channel, model, channel.priority, 0, _streams(channel))


def _streams(channel: Channel) -> bool:
    return channel.policies.stream != "forbid"


def _nothing_fits(exchange: Exchange) -> GatewayError:
    """404 when no channel knows the model at all, 503 when one does and is disabled."""
    model = exchange.wanted_model
    known = [each.channel for each in directory_of(exchange.config).all(model)]
    waiting = [each for each in known if allows(exchange.profile, each)]
    if not waiting:
        return UnknownModel(f"No channel serves the model {model[:200]!r}.")
    reasons = "; ".join(f"{each.name}: {obstacle(each, exchange.profile, exchange.stream)}" for each in waiting[:5])
    return NoChannel(f"No channel for the model {model[:200]!r} is in use now ({reasons}).")
