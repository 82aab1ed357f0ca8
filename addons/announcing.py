"""Addon: tells those who look on, live, of each request that begins and ends."""

from collections.abc import Mapping

from mitmproxy import http

from axonhub.addons.exchange import Exchange, exchange_of
from axonhub.addons.live_events import LiveEvents
from axonhub.addons.store.backend import Json

_QUIET = ("models", "count_tokens")


class Announcing:
    """Runs after Tracing, when all is known of an exchange."""

    def __init__(self, events: LiveEvents) -> None:
        self._events = events

    def request(self, flow: http.HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if exchange and self._events.is_heard and not flow.response and exchange.address.operation not in _QUIET:
            self._events.publish("request.started", beginning(exchange))

    def response(self, flow: http.HTTPFlow) -> None:
        self._ended(exchange_of(flow))

    def error(self, flow: http.HTTPFlow) -> None:
        self._ended(exchange_of(flow))

    def _ended(self, exchange: Exchange | None) -> None:
        if exchange and self._events.is_heard and exchange.address.operation not in _QUIET:
            self._events.publish("request.finished", {**beginning(exchange), **end(exchange)})


def beginning(exchange: Exchange) -> Mapping[str, Json]:
    return {
        "id": exchange.id,
        "ts": exchange.started_s,
        "trace_id": exchange.trace.trace_id or None,
        "key": exchange.owner or None,
        "source": exchange.source,
        "asked_model": exchange.asked_model,
        "stream": exchange.stream,
    }


def end(exchange: Exchange) -> Mapping[str, Json]:
    attempt, usage = exchange.attempt, exchange.usage
    ended_s = exchange.ended_s or exchange.started_s
    return {
        "channel": attempt.candidate.channel.name if attempt else None,
        "model": attempt.candidate.model if attempt else None,
        "attempts": len(exchange.attempts),
        "status": exchange.status,
        "outcome": "canceled" if exchange.canceled else "error" if exchange.failure else "ok",
        "duration_ms": round((ended_s - exchange.started_s) * 1000),
        "input_tokens": usage.input_tokens if usage.known else None,
        "output_tokens": usage.output_tokens,
        "cost": None if exchange.cost is None else str(exchange.cost),
    }
