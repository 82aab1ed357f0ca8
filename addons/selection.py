"""Addon: which channels may serve a request (ranking.py), and which of them comes next.

After a failure: another credential of the same channel when that one was refused; else the next channel, at once; and
only when none is left, one of those already tried, after a pause.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace

from mitmproxy import http
from pydantic import SecretStr

from axonhub.addons.answers import refuse
from axonhub.addons.channel_state import ChannelState
from axonhub.addons.config import Channel, Config
from axonhub.addons.disabling import Disabling
from axonhub.addons.errors import GatewayError, NoChannel
from axonhub.addons.exchange import Attempt, Candidate, Exchange, exchange_of
from axonhub.addons.explaining import as_header, in_words, wants_explanation
from axonhub.addons.health import Health, Outcome, Vitals
from axonhub.addons.provider_quota import QuotaState
from axonhub.addons.ranking import credentials_of, deferral, digest_of, ranked, strategy_of, vitals_of
from axonhub.addons.remapping import wanted_model
from axonhub.addons.retrying import (
    SHORT_WAIT_S,
    blames_credential,
    callers_fault,
    cooling_s,
    passing,
    refuses_credential,
)
from axonhub.addons.turns import Turns, is_full
from axonhub.transformers.hub.failures import Failure

logger = logging.getLogger(__name__)

_MOST_TRACES = 20_000
_COUNTING = "count_tokens"
"""A count says little of how a channel answers, and an estimate is at hand when it fails."""


class Selection:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.health = Health()
        self.disabling = Disabling()
        self.turns = Turns()
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
            now_s = self._clock()
            exchange.candidates = self._in_use(
                exchange, ranked(exchange, self._home(exchange), self.health, now_s), now_s
            )
            if logger.isEnabledFor(logging.DEBUG):
                logger.debug("%s: %s: %s", exchange.id, strategy_of(exchange), in_words(exchange.candidates))
        except GatewayError as error:
            refuse(flow, exchange, error)

    def has_queues(self, exchange: Exchange) -> bool:
        """May `room` take time?"""
        return any(map(_has_queue, exchange.candidates))

    async def room(self, exchange: Exchange, left: Callable[[], asyncio.Event]) -> float:
        """Waits where the channel that comes next is full and has a queue, unless the client leaves. Seconds."""
        began_s = self._clock()
        self._settle(exchange, began_s)
        choice = self._choice(exchange, began_s) if self.has_queues(exchange) else None
        if choice is None or not _has_queue(choice) or exchange.address.operation == _COUNTING:
            return 0.0
        name, limit = choice.channel.name, choice.channel.settings.rate_limit

        def vitals() -> Vitals:
            return self.health.vitals(name, choice.model, self._clock())

        before_us = self.turns.waiting.get(name)
        if (before_us or is_full(limit, vitals())) and self.turns.may_wait(name, limit):
            await self.turns.wait(name, limit, vitals, left(), limit.queue_timeout_s)
        return self._clock() - began_s

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
        used, usable = _used(exchange, attempt.candidate), self._usable(exchange, attempt.candidate.channel, now_s)
        fresh = [each for each in usable if digest_of(each) not in used]
        return self._armed(attempt.candidate, fresh, now_s) if fresh else None

    def _other_channel(self, exchange: Exchange, now_s: float) -> Candidate | None:
        tried = {each.candidate.channel.name for each in exchange.attempts}
        if len(tried) > exchange.config.retry.max_channel_retries:
            return None
        untried = [
            (each, usable)
            for each in exchange.candidates
            if each.channel.name not in tried and (usable := self._usable(exchange, each.channel, now_s))
        ]
        if not untried:
            return None
        best, credentials = untried[0]
        if len(untried) > 1:
            best, credentials = min(untried, key=lambda each: self._is_deferred(exchange, each[0], now_s))
        return self._armed(best, credentials, now_s)

    def _once_more(self, exchange: Exchange, now_s: float) -> Candidate | None:
        """The best that was tried, when it may do better the next time and need not be waited for long."""
        if exchange.pin and exchange.pin.source != "replay":
            return None  # a test tells what one try comes to
        retry = exchange.config.retry
        if _is_late(exchange):
            return None
        pairs = {(each.candidate.channel.name, digest_of(each.candidate.credential)) for each in exchange.attempts}
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
                    digest_of(each.candidate.credential)
                    for each in tries
                    if each.failure and refuses_credential(each.failure)
                }
                usable = self._usable(exchange, candidate.channel, now_s)
                usable = [each for each in usable if digest_of(each) not in refused]
                if usable:
                    yield self._armed(candidate, usable, now_s)

    def _wait_s(self, exchange: Exchange, candidate: Candidate, now_s: float) -> float:
        """What is left of the wait that the provider asked for; our own guess at one makes nobody wait."""
        cooling = self._vitals(exchange, candidate, now_s).cooling_s
        failure = _tries(exchange, candidate)[-1].failure
        told = failure is not None and failure.retry_after_s is not None
        return cooling if told or cooling > SHORT_WAIT_S else 0.0

    def _armed(self, candidate: Candidate, credentials: list[SecretStr | None], now_s: float) -> Candidate:
        """With the first of the credentials, of which there is at least one, that need not be left alone."""
        name, best = candidate.channel.name, credentials[0]
        if len(credentials) > 1:
            best = min(credentials, key=lambda each: self._restlessness(name, digest_of(each), now_s))
        return Candidate(candidate.channel, candidate.model, candidate.scores, candidate.deferred, best)

    def _restlessness(self, channel: str, digest: str, now_s: float) -> tuple[float, bool]:
        """Of a credential: the least is taken."""
        exhausted = self.health.quotas.of(channel, digest, now_s).state is QuotaState.EXHAUSTED
        return self.health.credential_cooling_s(channel, digest, now_s), exhausted

    def _is_deferred(self, exchange: Exchange, candidate: Candidate, now_s: float) -> bool:
        return bool(deferral(candidate.channel, self._vitals(exchange, candidate, now_s)))

    def _vitals(self, exchange: Exchange, candidate: Candidate, now_s: float) -> Vitals:
        return vitals_of(exchange, candidate.channel, candidate.model, self.health, now_s)

    # -- what is known of all channels

    def states(self, config: Config) -> list[ChannelState]:
        now_s = self._clock()
        return [self._state(channel, now_s) for channel in config.channels if channel.status == "enabled"]

    def _state(self, channel: Channel, now_s: float) -> ChannelState:
        vitals = self.health.vitals(channel.name, "", now_s)
        cooling = [self.health.credential_cooling_s(channel.name, digest_of(each), now_s) for each in channel.api_keys]
        return ChannelState(
            channel.name,
            vitals.in_flight,
            vitals.requests_last_minute,
            vitals.tokens_last_minute,
            self.turns.waiting.get(channel.name, 0),
            max(vitals.cooling_s, min(cooling, default=0.0)),
            bool(self.out_of_use(channel, now_s)),
            sum(self._is_disabled(channel, each, now_s) for each in channel.api_keys),
            self.health.breakers(channel.name, now_s),
        )

    # -- what rules have taken out of use

    def _in_use(self, exchange: Exchange, candidates: list[Candidate], now_s: float) -> list[Candidate]:
        """NoChannel when none is left."""
        if self.disabling.idle and not exchange.pin:
            return candidates
        left = [each for each in candidates if self._usable(exchange, each.channel, now_s)]
        if not left:
            reasons = "; ".join(
                f"{each.channel.name}: {self.out_of_use(each.channel, now_s)}" for each in candidates[:5]
            )
            raise NoChannel(f"No channel for the model {exchange.wanted_model[:200]!r} is in use now ({reasons}).")
        return left

    def _usable(self, exchange: Exchange, channel: Channel, now_s: float) -> list[SecretStr | None]:
        """Credentials; none when the channel is out of use. A request from inside uses what it is told to."""
        credentials = credentials_of(exchange, channel)
        if exchange.pin or self.disabling.idle:
            return credentials
        if self.disabling.disabled(channel, "", now_s):
            return []
        return [each for each in credentials if each is None or not self._is_disabled(channel, each, now_s)]

    def _is_disabled(self, channel: Channel, credential: SecretStr, now_s: float) -> bool:
        return self.disabling.disabled(channel, digest_of(credential), now_s) is not None

    def out_of_use(self, channel: Channel, now_s: float) -> str:
        """Why a rule keeps the channel out of use; "" when none does."""
        if found := self.disabling.disabled(channel, "", now_s):
            return f"disabled by a rule: {found.reason}"
        if channel.api_keys and all(self._is_disabled(channel, each, now_s) for each in channel.api_keys):
            return "all its credentials are disabled by rules"
        return ""

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
            self.health.quotas.tell(candidate.channel.name, digest_of(candidate.credential), found.quota, now_s)
        self.turns.poke(candidate.channel.name)
        if found and not exchange.canceled:
            self._punish(exchange, found, now_s)

    def _punish(self, exchange: Exchange, attempt: Attempt, now_s: float) -> None:
        candidate, failure = attempt.candidate, attempt.failure
        if failure is None and self.disabling.idle:
            return
        digest = digest_of(candidate.credential)
        if failure is None:
            self.disabling.succeeded(candidate.channel, digest)
            return
        self._cool(candidate, failure, now_s)
        if not (exchange.pin or _blameless(candidate, failure)):
            attempt.consequence = self.disabling.failed(candidate.channel, digest, failure, now_s)
        if attempt.consequence:
            logger.warning("%s: %s: %s", exchange.id, candidate.channel.name, attempt.consequence)

    def _cool(self, candidate: Candidate, failure: Failure, now_s: float) -> None:
        wait_s, name = cooling_s(failure), candidate.channel.name
        if wait_s and blames_credential(failure):
            self.health.cool_credential(name, digest_of(candidate.credential), wait_s, now_s)
        elif wait_s:
            self.health.cool(name, wait_s, now_s)

    def _home(self, exchange: Exchange) -> str:
        """The channel where this trace lives; "" when it has none, or too long ago."""
        name, since_s = self._last.get((exchange.trace.trace_id, exchange.wanted_model), ("", 0.0))
        return name if self._clock() - since_s <= exchange.config.load_balance.affinity_ttl_s else ""


def _is_late(exchange: Exchange) -> bool:
    """Have the tries so far taken as long as a request may? Then nothing is tried a second time."""
    last = exchange.attempt
    ended_s = (last.ended_s or last.started_s) if last else exchange.started_s
    return ended_s - exchange.started_s >= exchange.config.server.llm_request_timeout_s


def _has_queue(candidate: Candidate) -> bool:
    return candidate.channel.settings.rate_limit.queue_size > 0


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


def _tries(exchange: Exchange, candidate: Candidate) -> list[Attempt]:
    return [each for each in exchange.attempts if each.candidate.channel.name == candidate.channel.name]


def _used(exchange: Exchange, candidate: Candidate) -> set[str]:
    return {digest_of(each.candidate.credential) for each in _tries(exchange, candidate)}
