"""A transcript: one stored exchange as the HTTP request and answer that it was for the client, fit to leave the house.

No key is in it: none is stored. Headers are those that say what was asked for (`headers` in the record), not the
connection's. Bodies go through a scrubber, or stay at home.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from axonhub.addons.analysis.conversations import BodyName, Stored, text_of
from axonhub.addons.exports.scrubbing import Scrub
from axonhub.addons.store.backend import Json
from axonhub.addons.store.summary import number

KEY_VARIABLE = "AXONHUB_API_KEY"
"""Where an exported command finds the caller's key."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On which an exchange leaves the house."""

    base_url: str
    """Where the gateway answers."""
    scrub: Scrub
    bodies: bool = True


@dataclass(frozen=True)
class Transcript:
    stored: Stored
    terms: Terms

    @property
    def id(self) -> str:
        return self.stored.id

    @property
    def target(self) -> str:
        """Path and query."""
        query = text_of(self.stored.record, "query")
        return (text_of(self.stored.record, "path") or "/") + (f"?{query}" if query else "")

    @property
    def url(self) -> str:
        return self.terms.base_url.rstrip("/") + self.target

    @property
    def request_headers(self) -> tuple[tuple[str, str], ...]:
        kept = self.stored.record.get("headers")
        told = {name: str(value) for name, value in kept.items()} if isinstance(kept, Mapping) else {}
        scrubbed = ((name, self.terms.scrub(value.encode()).decode("utf-8", "replace")) for name, value in told.items())
        return (*scrubbed, *(() if "content-type" in told else (("content-type", "application/json"),)))

    @property
    def response_headers(self) -> tuple[tuple[str, str], ...]:
        kind = "text/event-stream; charset=utf-8" if self._streams else "application/json"
        own = {"x-axonhub-request-id": self.id, "x-axonhub-channel": text_of(self.stored.record, "channel"),
               "x-axonhub-model": text_of(self.stored.record, "used_model")}  # fmt: skip
        return (("content-type", kind), *((name, value) for name, value in own.items() if value))

    @property
    def _streams(self) -> bool:
        return (self.response or b"").lstrip()[:1] not in (b"{", b"[") and self.stored.record.get("stream") is True

    @property
    def status(self) -> int:
        """0: nothing was answered."""
        return int(number(self.stored.record.get("status")))

    @property
    def started_s(self) -> float:
        return number(self.stored.record.get("ts"))

    @property
    def first_ms(self) -> float:
        """Until the answer began."""
        return min(number(self.stored.record.get("first_event_ms")) or self.whole_ms, self.whole_ms)

    @property
    def whole_ms(self) -> float:
        return number(self.stored.record.get("duration_ms"))

    @cached_property
    def request(self) -> bytes | None:
        """None: not kept, or left out."""
        return self.body("request")

    @cached_property
    def response(self) -> bytes | None:
        return self.body("response")

    def body(self, name: BodyName) -> bytes | None:
        found = self.stored.body(name) if self.terms.bodies else None
        return None if found is None else self.terms.scrub(found)

    def bodies(self) -> Iterator[tuple[str, bytes | None]]:
        names: tuple[BodyName, ...] = ("request", "upstream_request", "response", "upstream_response")
        kept = self.stored.record.get("bodies")
        return ((name, self.body(name)) for name in names if isinstance(kept, Mapping) and name in kept)

    def record(self) -> dict[str, Json]:
        """Without the references of its bodies; the words of a provider's error may hold what a body may."""
        shown = {name: value for name, value in self.stored.record.items() if name != "bodies"}
        return {name: _scrubbed(value, self.terms.scrub) for name, value in shown.items()}


def _scrubbed(value: Json, scrub: Scrub) -> Json:
    if isinstance(value, str):
        return scrub(value.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return {name: _scrubbed(each, scrub) for name, each in value.items()}
    return [_scrubbed(each, scrub) for each in value] if isinstance(value, Sequence) else value


def as_text(body: bytes | None) -> dict[str, Json]:
    """As HAR writes bodies: text, or base64 for what is no UTF-8; {} when there is none."""
    if body is None:
        return {}
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"text": base64.b64encode(body).decode(), "encoding": "base64"}
