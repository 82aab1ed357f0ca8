"""The story of an exchange: what was asked, why it went where it went, and what became of it, as plain JSON values.

It is kept in the flow as text, so that a saved flow tells it, too. No bodies and no credentials are in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import orjson

from axonhub.addons.exchange import Attempt, Candidate, Exchange
from axonhub.addons.prices import dollars
from axonhub.addons.views.changes import DEEP, SHALLOW, changes
from axonhub.transformers.hub.failures import Failure
from axonhub.transformers.json_types import Json, JsonObject

METADATA = "axonhub_story"
"""Where a flow keeps it."""
_COMPARED_BYTES = 256 * 1024
"""Longer bodies are compared only when somebody looks."""


@dataclass(frozen=True, slots=True)
class Story:
    """What is read back of it; every member may be missing in a flow of another version."""

    values: JsonObject

    @classmethod
    def read(cls, text: object) -> "Story":
        try:
            values = orjson.loads(text) if isinstance(text, str) else {}
        except orjson.JSONDecodeError:
            values = {}
        return cls(values if isinstance(values, dict) else {})

    def text(self, *path: str) -> str:
        """ "" for what is not there."""
        found = self._at(path)
        return "" if found is None or isinstance(found, dict | list) else str(found)

    def number(self, *path: str) -> float | None:
        found = self._at(path)
        return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None

    def flag(self, *path: str) -> bool:
        return self._at(path) is True

    def lines(self, *path: str) -> list[str]:
        found = self._at(path)
        return [str(each) for each in found] if isinstance(found, list) else []

    def parts(self, *path: str) -> "list[Story]":
        found = self._at(path)
        return [Story(each) for each in found if isinstance(each, dict)] if isinstance(found, list) else []

    def _at(self, path: tuple[str, ...]) -> Json:
        found: Json = self.values
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found


def story(exchange: Exchange, *, compared: bool = True) -> Story:
    """`compared`: also what the last try changed in the body, unless that is long."""
    attempt = exchange.attempt
    small = len(exchange.body) + (len(attempt.request_body) if attempt else 0) <= _COMPARED_BYTES
    values: JsonObject = {
        "id": exchange.id,
        "key": exchange.owner,
        "profile": exchange.profile.name if exchange.profile else "",
        "trace": exchange.trace.trace_id,
        "thread": exchange.trace.thread_id,
        "agent": exchange.trace.agent_id,
        "source": exchange.source,
        "client": {
            "protocol": exchange.address.protocol.name,
            "path": exchange.path,
            "model": exchange.asked_model,
            "stream": exchange.stream,
            "bytes": len(exchange.body),
        },
        "wanted_model": exchange.wanted_model,
        "strategy": _strategy(exchange),
        "candidates": [_candidate(each) for each in exchange.candidates],
        "attempts": [_attempt(exchange, each) for each in exchange.attempts],
        "edits": cast(Json, edits(exchange)),
        "changes": cast(Json, differences(exchange)) if compared and small else None,
        "status": exchange.status,
        "canceled": exchange.canceled,
        "failure": _failure(exchange.failure),
        "cost": None if exchange.cost is None else dollars(exchange.cost),
        "first_ms": _ms(exchange.started_s, exchange.first_byte_s),
        "total_ms": _ms(exchange.started_s, exchange.ended_s),
    }
    return Story(values)


def as_text(told: Story) -> str:
    return orjson.dumps(told.values).decode()


def differences(exchange: Exchange) -> list[str]:
    """What the last try changed in the client's body; empty when its bytes went as they came."""
    attempt = exchange.attempt
    if attempt is None or attempt.request_body in (b"", exchange.body):
        return []
    # Of two protocols only the members tell anything: what is in them is said in other words throughout.
    depth = DEEP if attempt.protocol is exchange.address.protocol else SHALLOW
    return changes(_document(exchange.body), _document(attempt.request_body), depth)


def edits(exchange: Exchange) -> list[str]:
    """What a person changed in the client's body before it went on."""
    if not exchange.sent_body:
        return []
    return changes(_document(exchange.sent_body), _document(exchange.body)) or ["its path or headers only"]


def _document(body: bytes) -> JsonObject:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _strategy(exchange: Exchange) -> str:
    own = exchange.profile.load_balance if exchange.profile else None
    return own or exchange.config.load_balance.strategy


def _candidate(candidate: Candidate) -> JsonObject:
    return {
        "channel": candidate.channel.name,
        "type": candidate.channel.type,
        "model": candidate.model,
        "priority": candidate.channel.priority,
        "total": round(candidate.total, 1),
        "deferred": candidate.deferred,
        "scores": [
            {"name": each.name, "points": round(each.points, 1), "reason": each.reason} for each in candidate.scores
        ],
    }


def _attempt(exchange: Exchange, attempt: Attempt) -> JsonObject:
    return {
        "channel": attempt.candidate.channel.name,
        "type": attempt.candidate.channel.type,
        "model": attempt.candidate.model,
        "protocol": attempt.protocol.name,
        "converted": attempt.converted,
        "untouched": attempt.request_body == exchange.body,
        "renamed_only": not attempt.converted and attempt.request_body is attempt.renamed_body,
        "bytes": len(attempt.request_body),
        "status": attempt.status,
        "failure": _failure(attempt.failure),
        "losses": list(_losses(attempt)),
        "started_ms": _ms(exchange.started_s, attempt.started_s),
        "first_ms": _ms(attempt.started_s, attempt.first_event_s),
        "total_ms": _ms(attempt.started_s, attempt.ended_s),
    }


def _losses(attempt: Attempt) -> Iterator[Json]:
    for loss in attempt.losses[:50]:
        yield {"path": loss.path, "reason": loss.reason, "severity": loss.severity}


def _failure(failure: Failure | None) -> Json:
    return None if failure is None else {"kind": failure.kind.value, "message": failure.message[:500]}


def _ms(start_s: float, end_s: float | None) -> int | None:
    return None if end_s is None else round((end_s - start_s) * 1000)
