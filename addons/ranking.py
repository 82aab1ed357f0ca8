"""The channels that may serve an exchange, in order, and why each of the others may not. Pure but for `health`.

A channel is a candidate when it is enabled, serves the wanted model, and the profile allows it. Priority groups are
hard; within one the strategy's scores decide, the highest first. What cools down, has an open breaker or has reached a
limit comes last, but it comes: no request is left without a try.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Final

from pydantic import SecretStr

from axonhub.addons.channels.credentials import rotated
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.channels.serving import names_of, upstream_model
from axonhub.addons.config import Channel, Config, Profile
from axonhub.addons.derived import Derived
from axonhub.addons.errors import BadRequest, GatewayError, NoChannel, UnknownModel
from axonhub.addons.exchange import Candidate, Exchange, Pin, Score
from axonhub.addons.health import Breaker, Health, Vitals
from axonhub.addons.provider_quota import QuotaState
from axonhub.addons.remapping import allows
from axonhub.addons.strategies import Facts
from axonhub.addons.strategies.limits import usage
from axonhub.addons.strategies.registry import DEFAULT, STRATEGIES

_MOST_MODELS = 4096
"""Names of models whose channels are remembered; callers choose the names."""

type Served = tuple[Channel, str]
"""A channel, and the name that it knows the model by."""


class Directory:
    """Which channels serve a model, by the names of one configuration. An archived one serves nothing."""

    def __init__(self, config: Config) -> None:
        channels = [each for each in config.channels if each.status != "archived"]
        self._names = [(each, names_of(each, channel_types()[each.type])) for each in channels]
        self._found: dict[str, Sequence[Served]] = {}

    def by(self, model: str) -> Sequence[Served]:
        """Also those that are disabled."""
        found = self._found.get(model)
        if found is None:
            served = ((channel, names.find(model)) for channel, names in self._names)
            found = tuple((channel, name.upstream) for channel, name in served if name is not None)
            if len(self._found) >= _MOST_MODELS:
                self._found.clear()
            self._found[model] = found
        return found


directory_of: Final = Derived(Directory)


def _read_accounts(channel: Channel) -> tuple[tuple[SecretStr, str], ...]:
    return tuple((each, digest_of(each)) for each in channel.api_keys)


_accounts: Final = Derived(_read_accounts)
"""A channel's credentials with their digests."""


def ranked(exchange: Exchange, home: str, health: Health, now_s: float) -> list[Candidate]:
    """All candidates, the best first; `home` is the channel where the trace lives.

    BadRequest, UnknownModel or NoChannel when there is none.
    """
    found = [_scored(exchange, channel, model, home, health, now_s) for channel, model in _fitting(exchange)]
    if not found:
        raise _nothing_fits(exchange)
    return sorted(found, key=lambda each: (each.deferred, each.channel.priority, -each.total))


def strategy_of(exchange: Exchange) -> str:
    own = exchange.profile.load_balance if exchange.profile else None
    return own or exchange.config.load_balance.strategy


def obstacle(channel: Channel, profile: Profile | None, stream: bool) -> str:
    """Why a channel that serves the model is no candidate; "" when it is one."""
    if channel.status != "enabled":
        return channel.disabled_reason or channel.status
    if not allows(profile, channel):
        return f"the profile {profile.name!r} does not allow it" if profile else ""
    if not _takes(channel, stream):
        return "it takes no requests that stream"
    return ""


def _scored(exchange: Exchange, channel: Channel, model: str, home: str, health: Health, now_s: float) -> Candidate:
    vitals = vitals_of(exchange, channel, model, health, now_s)
    facts = Facts(channel, vitals, home, seed_of(exchange), exchange.stream)
    strategy = STRATEGIES.get(strategy_of(exchange), STRATEGIES[DEFAULT])
    scores = tuple(score(facts) for score in strategy)
    reason = deferral(channel, vitals)
    if reason:
        scores += (Score("last", 0.0, reason),)
    return Candidate(channel, model, scores, bool(reason))


def deferral(channel: Channel, vitals: Vitals) -> str:
    """Why this one comes after all others; "" when it does not."""
    if vitals.cooling_s:
        return f"cooling for {vitals.cooling_s:.1f} s"
    if vitals.breaker is Breaker.OPEN:
        return f"breaker open, probe in {vitals.probe_in_s:.0f} s"
    if vitals.quota.state is QuotaState.EXHAUSTED:
        return vitals.quota.reason
    used, reason = usage(Facts(channel, vitals))
    return reason if used >= 1 else ""


def vitals_of(exchange: Exchange, channel: Channel, model: str, health: Health, now_s: float) -> Vitals:
    """A channel cools as long as each of its credentials does."""
    vitals = health.vitals(channel.name, model, now_s)
    digests = _digests(exchange, channel)
    cooling = min(health.credential_cooling_s(channel.name, each, now_s) for each in digests)
    quota = health.quotas.least_used(channel.name, digests, now_s)
    if not (cooling or quota.windows):
        return vitals
    return replace(vitals, cooling_s=max(vitals.cooling_s, cooling), quota=quota)


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


def _fitting(exchange: Exchange) -> Iterator[Served]:
    """The channels that may serve this exchange, with the name that each knows the model by."""
    if exchange.pin and exchange.pin.channel:
        yield _pinned(exchange, exchange.pin)
        return
    for channel, model in directory_of(exchange.config).by(exchange.wanted_model):
        if not obstacle(channel, exchange.profile, exchange.stream):
            yield channel, model


def _pinned(exchange: Exchange, pin: Pin) -> Served:
    """The one channel of a request from inside, whatever its status. BadRequest, UnknownModel, NoChannel."""
    channel = next((each for each in exchange.config.channels if each.name == pin.channel), None)
    if channel is None:
        raise BadRequest(f"There is no channel {pin.channel[:200]!r}.")
    if pin.credential is not None and pin.credential >= len(channel.api_keys):
        raise BadRequest(f"The channel {channel.name!r} has {len(channel.api_keys)} credentials, counted from 0.")
    model = upstream_model(channel, channel_types()[channel.type], exchange.wanted_model)
    if model is None:
        raise UnknownModel(f"The channel {channel.name!r} does not serve the model {exchange.wanted_model[:200]!r}.")
    if not _takes(channel, exchange.stream):
        raise NoChannel(f"The channel {channel.name!r} takes no requests that stream.")
    return channel, model


def _takes(channel: Channel, stream: bool) -> bool:
    return not (channel.policies.stream == "forbid" and stream)


def _nothing_fits(exchange: Exchange) -> GatewayError:
    """404 when no channel knows the model at all, 503 when one does and is disabled."""
    model = exchange.wanted_model
    known = [channel for channel, _ in directory_of(exchange.config).by(model)]
    waiting = [each for each in known if allows(exchange.profile, each)]
    if not waiting:
        return UnknownModel(f"No channel serves the model {model[:200]!r}.")
    reasons = "; ".join(f"{each.name}: {obstacle(each, exchange.profile, exchange.stream)}" for each in waiting[:5])
    return NoChannel(f"No channel for the model {model[:200]!r} is in use now ({reasons}).")
