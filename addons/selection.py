"""Addon: which channels may serve a request, in which order, and which one comes next.

A channel is a candidate when it is enabled, serves the wanted model, and the profile allows it. Priority groups are
hard; within one the strategy's scores decide, the highest first. What cools down, has an open breaker or has reached a
limit comes last, but it comes: no request is left without a try.

After a failure: another credential of the same channel when that one was refused; else the next channel, at once; and
only when none is left, one of those already tried, after a pause.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256

from mitmproxy import http
from pydantic import SecretStr

from axonhub.addons.answers import refuse
from axonhub.addons.channels.credentials import rotated
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.channels.serving import upstream_model
from axonhub.addons.config import Channel
from axonhub.addons.errors import BadRequest, GatewayError, NoChannel, UnknownModel
from axonhub.addons.exchange import Attempt, Candidate, Exchange, Pin, Score, exchange_of
from axonhub.addons.explaining import as_header, in_words, wants_explanation
from axonhub.addons.health import Breaker, Health, Outcome, Vitals
from axonhub.addons.provider_quota import QuotaState
from axonhub.addons.remapping import allows, wanted_model
from axonhub.addons.retrying import (
    SHORT_WAIT_S,
    blames_credential,
    callers_fault,
    cooling_s,
    passing,
    refuses_credential,
)
from axonhub.addons.strategies import Facts
from axonhub.addons.strategies.limits import usage
from axonhub.addons.strategies.registry import DEFAULT, STRATEGIES
from axonhub.transformers.hub.failures import Failure

logger = logging.getLogger(__name__)

_MOST_TRACES = 20_000
_COUNTING = "count_tokens"
"""A count says little of how a channel answers, and an estimate is at hand when it fails."""


class Selection:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.health = Health()
        self._clock = clock
        self._last: OrderedDict[tuple[str, str], tuple[str, float]] = OrderedDict()
        """(trace, model) → the channel of its last success, and when that was (seconds of the clock)."""

    def request(self, flow: http.HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if exchange is None or flow.response or exchange.address.operation == "models":
            return
        try:
            pinned = exchange.pin.model if exchange.pin else ""
            exchange.wanted_model = pinned or wanted_model(exchange.profile, exchange.asked_model)
            exchange.candidates = ranked(exchange, self._home(exchange), self.health, self._clock())
            if logger.isEnabledFor(logging.DEBUG):
                logger.debug("%s: %s: %s", exchange.id, strategy_of(exchange), in_words(exchange.candidates))
        except GatewayError as error:
            refuse(flow, exchange, error)

    def next(self, exchange: Exchange) -> Candidate | None:
        """What to try now, with its credential and the pause before it; None when the tries are used up."""
        now_s = self._clock()
        self._settle(exchange, now_s)
        choice = self._choice(exchange, now_s)
        if choice and exchange.address.operation != _COUNTING:
            exchange.underway = choice
            self.health.began(choice.channel.name, choice.model, now_s)
        if wants_explanation(exchange):
            exchange.explanation = as_header(exchange, strategy_of(exchange), choice)
        return choice

    def retry_after_s(self, exchange: Exchange) -> float | None:
        """When the first of the candidates will be fit again; None: no cooling keeps them all back."""
        waits = [self._vitals(exchange, each, self._clock()).cooling_s for each in exchange.candidates]
        return min(waits) if waits and all(waits) else None

    def response(self, flow: http.HTTPFlow) -> None:
        """Runs after Answering's. A success keeps its trace on this channel."""
        exchange = exchange_of(flow)
        if exchange is None:
            return
        now_s = self._clock()
        self._settle(exchange, now_s)
        attempt = exchange.attempt
        counted = exchange.address.operation == _COUNTING
        outside = exchange.pin is None
        if attempt and not attempt.failure and exchange.trace.trace_id and not counted and outside:
            key = (exchange.trace.trace_id, exchange.wanted_model)
            self._last[key] = (attempt.candidate.channel.name, now_s)
            self._last.move_to_end(key)
            while len(self._last) > _MOST_TRACES:
                self._last.popitem(last=False)

    def error(self, flow: http.HTTPFlow) -> None:
        """The client went away: nobody is to blame."""
        if exchange := exchange_of(flow):
            self._settle(exchange, self._clock())

    # -- which one

    def _choice(self, exchange: Exchange, now_s: float) -> Candidate | None:
        if exchange.attempts and not exchange.config.retry.enabled:
            return None
        return (
            self._other_credential(exchange, now_s)
            or self._other_channel(exchange, now_s)
            or self._once_more(exchange, now_s)
        )

    def _other_credential(self, exchange: Exchange, now_s: float) -> Candidate | None:
        attempt = exchange.attempt
        if attempt is None or attempt.failure is None or not blames_credential(attempt.failure):
            return None
        used = _used(exchange, attempt.candidate)
        fresh = [each for each in _credentials(exchange, attempt.candidate.channel) if _digest(each) not in used]
        return self._armed(exchange, attempt.candidate, fresh, now_s) if fresh else None

    def _other_channel(self, exchange: Exchange, now_s: float) -> Candidate | None:
        tried = {each.candidate.channel.name for each in exchange.attempts}
        if len(tried) > exchange.config.retry.max_channel_retries:
            return None
        untried = [each for each in exchange.candidates if each.channel.name not in tried]
        if not untried:
            return None
        best = min(untried, key=lambda each: self._is_deferred(exchange, each, now_s))
        return self._armed(exchange, best, _credentials(exchange, best.channel), now_s)

    def _once_more(self, exchange: Exchange, now_s: float) -> Candidate | None:
        """The best that was tried, when it may do better the next time and need not be waited for long."""
        retry = exchange.config.retry
        pairs = {(each.candidate.channel.name, _digest(each.candidate.credential)) for each in exchange.attempts}
        repeated = len(exchange.attempts) - len(pairs)
        if repeated >= retry.max_same_channel_retries or exchange.address.operation == _COUNTING:
            return None
        options = [
            replace(each, wait_s=max(retry.delay_s, wait_s))
            for each in self._repeatable(exchange, now_s)
            if (wait_s := self._wait_s(exchange, each, now_s)) <= SHORT_WAIT_S
        ]
        return min(options, key=lambda each: each.wait_s, default=None)

    def _repeatable(self, exchange: Exchange, now_s: float) -> Iterator[Candidate]:
        for candidate in exchange.candidates:
            tries = _tries(exchange, candidate)
            if tries and (failure := tries[-1].failure) and passing(candidate.channel, failure):
                refused = {
                    _digest(each.candidate.credential)
                    for each in tries
                    if each.failure and refuses_credential(each.failure)
                }
                usable = [each for each in _credentials(exchange, candidate.channel) if _digest(each) not in refused]
                if usable:
                    yield self._armed(exchange, candidate, usable, now_s)

    def _wait_s(self, exchange: Exchange, candidate: Candidate, now_s: float) -> float:
        """What is left of the wait that the provider asked for; our own guess at one makes nobody wait."""
        cooling = self._vitals(exchange, candidate, now_s).cooling_s
        failure = _tries(exchange, candidate)[-1].failure
        told = failure is not None and failure.retry_after_s is not None
        return cooling if told or cooling > SHORT_WAIT_S else 0.0

    def _armed(
        self, exchange: Exchange, candidate: Candidate, credentials: list[SecretStr | None], now_s: float
    ) -> Candidate:
        """With the first of the credentials, of which there is at least one, that need not be left alone."""
        name = candidate.channel.name
        best = min(credentials, key=lambda each: self._restlessness(name, _digest(each), now_s))
        return replace(candidate, credential=best, wait_s=0.0)

    def _restlessness(self, channel: str, digest: str, now_s: float) -> tuple[float, bool]:
        """Of a credential: the least is taken."""
        exhausted = self.health.quotas.of(channel, digest, now_s).state is QuotaState.EXHAUSTED
        return self.health.credential_cooling_s(channel, digest, now_s), exhausted

    def _is_deferred(self, exchange: Exchange, candidate: Candidate, now_s: float) -> bool:
        return bool(deferral(candidate.channel, self._vitals(exchange, candidate, now_s)))

    def _vitals(self, exchange: Exchange, candidate: Candidate, now_s: float) -> Vitals:
        return vitals_of(exchange, candidate.channel, candidate.model, self.health, now_s)

    # -- what became of it

    def _settle(self, exchange: Exchange, now_s: float) -> None:
        """Tells health, once, what became of the try that was under way."""
        candidate, exchange.underway = exchange.underway, None
        if candidate is None:
            return
        attempt = exchange.attempt
        found = attempt if attempt and attempt.candidate is candidate else None
        self.health.ended(candidate.channel.name, candidate.model, _outcome(exchange, found), now_s)
        if found and found.quota:
            self.health.quotas.tell(candidate.channel.name, _digest(candidate.credential), found.quota, now_s)
        if found and found.failure and not exchange.canceled:
            self._cool(candidate, found.failure, now_s)

    def _cool(self, candidate: Candidate, failure: Failure, now_s: float) -> None:
        wait_s, name = cooling_s(failure), candidate.channel.name
        if wait_s and blames_credential(failure):
            self.health.cool_credential(name, _digest(candidate.credential), wait_s, now_s)
        elif wait_s:
            self.health.cool(name, wait_s, now_s)

    def _home(self, exchange: Exchange) -> str:
        """The channel where this trace lives; "" when it has none, or too long ago."""
        name, since_s = self._last.get((exchange.trace.trace_id, exchange.wanted_model), ("", 0.0))
        return name if self._clock() - since_s <= exchange.config.load_balance.affinity_ttl_s else ""


def strategy_of(exchange: Exchange) -> str:
    own = exchange.profile.load_balance if exchange.profile else None
    return own or exchange.config.load_balance.strategy


def ranked(exchange: Exchange, home: str, health: Health, now_s: float) -> list[Candidate]:
    """All candidates, the best first; `home` is the channel where the trace lives. UnknownModel, NoChannel."""
    found = [_scored(exchange, channel, model, home, health, now_s) for channel, model in _fitting(exchange)]
    if not found:
        raise _nothing_fits(exchange)
    return sorted(found, key=lambda each: (each.deferred, each.channel.priority, -each.total))


def _scored(exchange: Exchange, channel: Channel, model: str, home: str, health: Health, now_s: float) -> Candidate:
    vitals = vitals_of(exchange, channel, model, health, now_s)
    facts = Facts(channel, vitals, home, _seed(exchange), exchange.stream)
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
    digests = [_digest(each) for each in _credentials(exchange, channel)]
    cooling = min(health.credential_cooling_s(channel.name, each, now_s) for each in digests)
    quota = health.quotas.least_used(channel.name, digests, now_s)
    return replace(vitals, cooling_s=max(vitals.cooling_s, cooling), quota=quota)


def _outcome(exchange: Exchange, attempt: Attempt | None) -> Outcome:
    if attempt is None or exchange.canceled or (attempt.failure and _blameless(attempt.candidate, attempt.failure)):
        return Outcome("neutral")
    if attempt.failure:
        return Outcome("failure")
    spent = exchange.usage
    return Outcome(
        "success",
        exchange.stream,
        _between(attempt.started_s, attempt.first_event_s),
        _between(attempt.started_s, attempt.ended_s),
        spent.output_tokens,
        spent.input_tokens + (spent.output_tokens or 0),
    )


def _blameless(candidate: Candidate, failure: Failure) -> bool:
    """The request itself is at fault."""
    return callers_fault(candidate.channel, failure)


def _between(start_s: float, end_s: float | None) -> float | None:
    return None if end_s is None else max(0.0, end_s - start_s)


def _credentials(exchange: Exchange, channel: Channel) -> list[SecretStr | None]:
    """At least one; the trace's own first. None: the channel has no key of its own here."""
    kind = channel_types()[channel.type]
    if kind.internal or kind.fetch_token or not channel.api_keys:
        return [None]
    pinned = exchange.pin.credential if exchange.pin else None
    return [*rotated(channel.api_keys, _seed(exchange))] if pinned is None else [channel.api_keys[pinned]]


def _tries(exchange: Exchange, candidate: Candidate) -> list[Attempt]:
    return [each for each in exchange.attempts if each.candidate.channel.name == candidate.channel.name]


def _used(exchange: Exchange, candidate: Candidate) -> set[str]:
    return {_digest(each.candidate.credential) for each in _tries(exchange, candidate)}


def _digest(credential: SecretStr | None) -> str:
    return sha256(credential.get_secret_value().encode()).hexdigest()[:16] if credential else ""


def _seed(exchange: Exchange) -> str:
    return exchange.trace.trace_id or exchange.id


def _fitting(exchange: Exchange) -> Iterator[tuple[Channel, str]]:
    """The channels that may serve this exchange, with the name that each knows the model by."""
    if exchange.pin and exchange.pin.channel:
        yield _pinned(exchange, exchange.pin)
        return
    for channel in exchange.config.channels:
        if channel.status == "enabled" and allows(exchange.profile, channel) and _takes(channel, exchange.stream):
            model = upstream_model(channel, channel_types()[channel.type], exchange.wanted_model)
            if model is not None:
                yield channel, model


def _pinned(exchange: Exchange, pin: Pin) -> tuple[Channel, str]:
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
    known = [
        channel
        for channel in exchange.config.channels
        if channel.status != "archived" and upstream_model(channel, channel_types()[channel.type], model) is not None
    ]
    waiting = [each for each in known if allows(exchange.profile, each)]
    if not waiting:
        return UnknownModel(f"No channel serves the model {model[:200]!r}.")
    reasons = "; ".join(f"{each.name}: {each.disabled_reason or each.status}" for each in waiting[:5])
    return NoChannel(f"No channel for the model {model[:200]!r} is in use now ({reasons}).")
