"""Addon: which channels may serve a request, in which order, and which one comes next.

A channel is a candidate when it is enabled, serves the wanted model, and the profile allows it. Priority groups are
hard; within one the strategies' scores decide, the highest first. A trace stays where its last request succeeded.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Iterator

from mitmproxy import http

from axonhub.addons.answers import refuse
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.channels.serving import upstream_model
from axonhub.addons.config import Channel
from axonhub.addons.errors import GatewayError, NoChannel, UnknownModel
from axonhub.addons.exchange import Candidate, Exchange, exchange_of
from axonhub.addons.remapping import allows, wanted_model
from axonhub.addons.strategies.affinity import affinity
from axonhub.addons.strategies.weighted import weighted

logger = logging.getLogger(__name__)

_MOST_TRACES = 20_000


class Selection:
    def __init__(self) -> None:
        self._last: OrderedDict[tuple[str, str], tuple[str, float]] = OrderedDict()
        """(trace, model) → the channel of its last success, and when that was (monotonic seconds)."""

    def request(self, flow: http.HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if exchange is None or flow.response or exchange.address.operation == "models":
            return
        try:
            exchange.wanted_model = wanted_model(exchange.profile, exchange.asked_model)
            exchange.candidates = ranked(exchange, self._home(exchange))
        except GatewayError as error:
            refuse(flow, exchange, error)

    def next(self, exchange: Exchange) -> Candidate | None:
        """The best candidate that this exchange has not tried; None when its tries are used up."""
        retry = exchange.config.retry
        most = 1 + retry.max_channel_retries if retry.enabled else 1
        tried = [attempt.candidate for attempt in exchange.attempts]
        untried = [each for each in exchange.candidates if each not in tried]
        return untried[0] if untried and len(tried) < most else None

    def response(self, flow: http.HTTPFlow) -> None:
        """A success keeps its trace on this channel."""
        exchange = exchange_of(flow)
        attempt = exchange.attempt if exchange else None
        if exchange and attempt and not attempt.failure and exchange.trace.trace_id:
            key = (exchange.trace.trace_id, exchange.wanted_model)
            self._last[key] = (attempt.candidate.channel.name, time.monotonic())
            self._last.move_to_end(key)
            while len(self._last) > _MOST_TRACES:
                self._last.popitem(last=False)

    def _home(self, exchange: Exchange) -> str:
        """The channel where this trace lives; "" when it has none, or too long ago."""
        name, since = self._last.get((exchange.trace.trace_id, exchange.wanted_model), ("", 0.0))
        return name if time.monotonic() - since <= exchange.config.load_balance.affinity_ttl_s else ""


def ranked(exchange: Exchange, home: str) -> list[Candidate]:
    """All candidates, the best first; `home` is the channel where the trace lives. UnknownModel, NoChannel."""
    found = list(_fitting(exchange))
    if not found:
        raise _nothing_fits(exchange)
    seed = exchange.trace.trace_id or exchange.id
    scored = [Candidate(channel, model, (affinity(channel, home), weighted(channel, seed))) for channel, model in found]
    return sorted(scored, key=lambda each: (each.channel.priority, -each.total))


def _fitting(exchange: Exchange) -> Iterator[tuple[Channel, str]]:
    """The channels that may serve this exchange, with the name that each knows the model by."""
    for channel in exchange.config.channels:
        if channel.status == "enabled" and allows(exchange.profile, channel) and _takes(channel, exchange.stream):
            model = upstream_model(channel, channel_types()[channel.type], exchange.wanted_model)
            if model is not None:
                yield channel, model


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
