"""Addon: every finished exchange becomes one record, handed to the store's thread. Also the trace id's last resort.

A record tells what was asked and what was done, attempt by attempt; credentials are in it only as hash and tail.
"""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from weakref import WeakSet

from mitmproxy import http

from axonhub.addons.channels.credentials import tail
from axonhub.addons.config import ApiKey
from axonhub.addons.costs import CostItem
from axonhub.addons.exchange import Attempt, Candidate, Exchange, TraceIds, exchange_of
from axonhub.addons.prices import dollars, micro_dollars
from axonhub.addons.reading import key_digest
from axonhub.addons.settings import Settings
from axonhub.addons.store.backend import Finished, Json
from axonhub.addons.store.writer import Question, Stats, StoreSettings, TraceWriter
from axonhub.addons.telling_headers import telling
from axonhub.transformers.hub.failures import Failure
from axonhub.transformers.hub.usage import Usage

logger = logging.getLogger(__name__)

_MOST_PASSED_OVER = 8
_CLOSE_TIMEOUT_S = 30.0
_NOT_RECORDED = ("models", "count_tokens")
_FOR_EVER_S = 100 * 365 * 86400.0


class Tracing:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._writer: TraceWriter | None = None
        self._live: WeakSet[http.HTTPFlow] = WeakSet()

    def running(self) -> None:
        store = self._settings.config.store
        self._writer = TraceWriter.open(
            StoreSettings(
                path=Path(store.path),
                ack=store.ack,
                retention_requests_s=store.retention.requests_s or _FOR_EVER_S,
                retention_bodies_s=store.retention.bodies_s or _FOR_EVER_S,
            )
        )

    def done(self) -> None:
        """What is cut by the end of the process is recorded, too."""
        for exchange in filter(None, map(exchange_of, list(self._live))):
            exchange.canceled = True
            self._keep(exchange)
        if self._writer and not self._writer.close(_CLOSE_TIMEOUT_S):
            logger.error("The store did not take everything in time: %s", self._writer.stats())

    def ask(self, question: Question) -> None:
        """See TraceWriter.ask; without an answer before the store is open."""
        if self._writer:
            self._writer.ask(question)

    def store_stats(self) -> Stats | None:
        """None before the store is open."""
        return self._writer.stats() if self._writer else None

    @property
    def running_requests(self) -> int:
        return len(self._live)

    def request(self, flow: http.HTTPFlow) -> None:
        """A request about to be tried is known to the store, so that a killed gateway leaves its name behind."""
        exchange = exchange_of(flow)
        if exchange and self._writer and not flow.response and exchange.address.operation not in _NOT_RECORDED:
            self._writer.open_request(opening(exchange))

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """The connection as a trace, when the client names none and the operator wants one."""
        exchange = exchange_of(flow)
        if exchange:
            self._live.add(flow)
        if exchange and not exchange.trace.trace_id and exchange.config.server.trace.fallback == "connection":
            exchange.trace = TraceIds(f"conn-{flow.client_conn.id}", source="connection")

    def response(self, flow: http.HTTPFlow) -> None:
        self._live.discard(flow)
        self._keep(exchange_of(flow))

    def error(self, flow: http.HTTPFlow) -> None:
        self._live.discard(flow)
        self._keep(exchange_of(flow))

    def _keep(self, exchange: Exchange | None) -> None:
        if exchange is None or exchange.recorded or exchange.address.operation in _NOT_RECORDED:
            return
        if exchange.api_key is None and exchange.pin is None and not exchange.observed:
            return  # whoever has no key must not be able to fill the disk; the log has said why
        exchange.recorded = True
        if self._writer and not self._writer.submit(finished(exchange)):
            logger.error("%s could not be recorded: the store's queue is full.", exchange.id)


def finished(exchange: Exchange) -> Finished:
    likeness = exchange.likeness if exchange.config.store.request_bodies else None
    return Finished(record(exchange), bodies(exchange), likeness)


def opening(exchange: Exchange) -> dict[str, Json]:
    """What is known of an exchange before its first try."""
    return {
        "id": exchange.id,
        "ts": exchange.started_s,
        "trace_id": exchange.trace.trace_id or None,
        "thread_id": exchange.trace.thread_id or None,
        "key_name": exchange.owner or None,
        "profile": exchange.profile.name if exchange.profile else None,
        "asked_model": exchange.asked_model,
        "path": exchange.path,
        "source": exchange.source,
    }


def record(exchange: Exchange) -> dict[str, Json]:
    """The document of one finished exchange; its fields are listed in docs/store.md."""
    attempt, ended_s, failure = exchange.attempt, exchange.ended_s or time.time(), exchange.failure
    key = exchange.api_key
    return {
        "id": exchange.id,
        "ts": exchange.started_s,
        "ended_ts": ended_s,
        "trace_id": exchange.trace.trace_id or None,
        "thread_id": exchange.trace.thread_id or None,
        "agent_id": exchange.trace.agent_id or None,
        "trace_source": exchange.trace.source or None,
        "key_name": key.name if key else None,
        "key_hash": key_digest(key)[:16] if key else None,
        "key_last4": _tail(key) if key else None,
        "profile": exchange.profile.name if exchange.profile else None,
        "protocol": exchange.address.protocol.name,
        "path": exchange.path,
        "query": exchange.query or None,
        "headers": telling(exchange.client_headers) or None,
        "asked_model": exchange.asked_model,
        "wanted_model": exchange.wanted_model,
        "used_model": attempt.candidate.model if attempt else None,
        "channel": attempt.candidate.channel.name if attempt else None,
        "channel_type": attempt.candidate.channel.type if attempt else None,
        "source": exchange.source,
        "replay_of": exchange.pin.replay_of or None if exchange.pin else None,
        "stream": exchange.stream,
        "status": exchange.status,
        "outcome": "canceled" if exchange.canceled else "error" if failure else "ok",
        "error_kind": failure.kind.value if failure else None,
        "error_message": failure.message[:2000] if failure else None,
        "first_event_ms": _ms(exchange.started_s, exchange.first_byte_s),
        "duration_ms": _ms(exchange.started_s, ended_s),
        "attempts": [_attempt(exchange, each) for each in exchange.attempts],
        "passed_over": _passed_over(exchange),
        "usage": _usage(exchange.usage),
        "cache_lost_tokens": exchange.cache_lost_tokens or None,
        "cost": None if exchange.cost is None else dollars(exchange.cost),
        "cost_micro_usd": None if exchange.cost is None else micro_dollars(exchange.cost),
        "cost_items": [_cost_item(each) for each in exchange.cost_items] or None,
        "price_version": exchange.price_version,
        "price_schedule": exchange.price_schedule or None,
        "losses": [{"path": each.path, "reason": each.reason, "severity": each.severity} for each in exchange.losses],
    }


def bodies(exchange: Exchange) -> Mapping[str, bytes]:
    """What went over the wires, as far as the operator wants it kept; a provider's bytes only where they differ.

    A request that differs in its model's name only is not kept twice: `splice.replace_string` makes it again from the
    client's request and the attempt's model.
    """
    kept: dict[str, bytes] = {}
    store, attempt = exchange.config.store, exchange.attempt
    if store.request_bodies:
        kept["request"] = exchange.body
        if attempt and attempt.request_body is not attempt.renamed_body and attempt.request_body != exchange.body:
            kept["upstream_request"] = attempt.request_body
    if store.response_bodies:
        kept["response"] = exchange.response_body
        if attempt and attempt.response_body != exchange.response_body:
            kept["upstream_response"] = attempt.response_body
    return {name: body for name, body in kept.items() if body}


def _attempt(exchange: Exchange, attempt: Attempt) -> dict[str, Json]:
    failure: Failure | None = attempt.failure
    return {
        "channel": attempt.candidate.channel.name,
        "credential_tail": tail(attempt.credential),
        "protocol": attempt.protocol.name,
        "model": attempt.candidate.model,
        "status": attempt.status,
        "kind": failure.kind.value if failure else None,
        "reason": failure.message[:500] if failure else None,
        "consequence": attempt.consequence or None,
        "queued_ms": round(attempt.queued_s * 1000) or None,
        "started_ms": _ms(exchange.started_s, attempt.started_s),
        "first_event_ms": _ms(attempt.started_s, attempt.first_event_s),
        "duration_ms": _ms(attempt.started_s, attempt.ended_s),
        "score": _scores(attempt.candidate),
    }


def _passed_over(exchange: Exchange) -> Json:
    """The best of the candidates that were not tried, and why they stood behind; None: there were no others."""
    tried = {each.candidate.channel.name for each in exchange.attempts}
    others = [each for each in exchange.candidates if each.channel.name not in tried]
    return [{"channel": each.channel.name, "score": _scores(each)} for each in others[:_MOST_PASSED_OVER]] or None


def _scores(candidate: Candidate) -> list[Json]:
    return [{"name": each.name, "points": round(each.points, 2), "reason": each.reason} for each in candidate.scores]


def _usage(usage: Usage) -> dict[str, Json] | None:
    if not usage.known:
        return None
    return {
        "input": usage.fresh_tokens,
        "cache_read": usage.cache_read_tokens,
        "cache_write_5m": usage.cache_write_5m_tokens,
        "cache_write_1h": usage.cache_write_1h_tokens,
        "output": usage.output_tokens,
        "reasoning": usage.reasoning_tokens,
    }


def _cost_item(item: CostItem) -> dict[str, Json]:
    told: dict[str, Json] = {"item": item.item, "quantity": item.quantity, "subtotal": dollars(item.subtotal)}
    if item.tiers:
        told["tiers"] = [
            {
                "up_to": each.up_to,
                "quantity": each.quantity,
                "rate": dollars(each.rate),
                "subtotal": dollars(each.subtotal),
            }
            for each in item.tiers
        ]
    return told


def _tail(key: ApiKey) -> str | None:
    """None for a key that only its hash is known of."""
    return tail(key.key) or None


def _ms(start_s: float, end_s: float | None) -> int | None:
    return None if end_s is None else round((end_s - start_s) * 1000)
