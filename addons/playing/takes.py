"""Takes: the recorded exchanges that a playback gives again, each with what of its request is to be found again.

What differs from run to run although the same is asked is left out of the comparison: session and user ids, marks for
the cache, and the billing block that Claude Code puts in front of its system prompt.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import orjson

from axonhub.addons.analysis.conversations import Stored, object_of, text_of
from axonhub.addons.analysis.prompts import Block, prompt_blocks
from axonhub.addons.store.backend import BodyUnavailable, Record
from axonhub.addons.store.summary import number
from axonhub.transformers.hub.parts import Text, ToolResult
from axonhub.transformers.hub.requests import Request, Turn
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import ProtocolError, WireProtocol
from axonhub.transformers.reminders import is_billing_block

_VOLATILE = frozenset("metadata user prompt_cache_key client_metadata safety_identifier stream store".split())


@dataclass(frozen=True)
class Asked:
    """A request to compare: recorded, or just come in."""

    protocol: WireProtocol
    document: JsonObject
    model: str
    """From the path where the protocol keeps it there; "" elsewhere."""
    streams: bool
    """A recorded answer has its form, which cannot be changed."""

    @cached_property
    def bare(self) -> bytes:
        """What must be equal; the order of members is none of it."""
        return orjson.dumps([self.model, self.streams, self._comparable], option=orjson.OPT_SORT_KEYS)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        return prompt_blocks(orjson.dumps(self._comparable))

    @cached_property
    def _comparable(self) -> JsonObject:
        kept = {name: value for name, value in self.document.items() if name not in _VOLATILE}
        return cast(JsonObject, _plain(kept))

    def members(self) -> Mapping[str, Json]:
        return {"model": self.model, "stream": self.streams, **self._comparable}

    @cached_property
    def _request(self) -> Request | None:
        try:
            return self.protocol.read_request(self.document, self.model or None, False)
        except ProtocolError:
            return None

    @property
    def turns(self) -> tuple[Turn, ...]:
        return self._request.turns if self._request else ()

    @property
    def offers_tools(self) -> bool:
        return bool(self._request and self._request.tools)

    @cached_property
    def place(self) -> tuple[int, bool, bool]:
        """How far the conversation has come, whether it is one that works with tools, and whether it streams."""
        return sum(turn.role == "assistant" for turn in self.turns), self.offers_tools, self.streams

    @cached_property
    def first_words(self) -> str:
        return _words(next((turn for turn in self.turns if turn.role == "user"), None))

    @cached_property
    def last_words(self) -> str:
        return _words(next((turn for turn in reversed(self.turns) if turn.role == "user"), None))

    @cached_property
    def answered_calls(self) -> frozenset[str]:
        """The tool calls whose results came."""
        return frozenset(part.call_id for turn in self.turns for part in turn.parts if isinstance(part, ToolResult))


@dataclass(frozen=True, slots=True)
class Take:
    """One recorded exchange."""

    id: str
    asked: Asked
    status: int
    answer: bytes
    streams: bool
    first_s: float
    """Until the answer began."""
    whole_s: float


def takes_of(trace: Iterable[Stored]) -> tuple[Take, ...]:
    """Those that were answered and have their bodies still, oldest first."""
    return tuple(take for each in trace if (take := _take(each)) is not None)


def _take(stored: Stored) -> Take | None:
    document, answer, record = object_of(stored.asked), stored.body("response"), stored.record
    if document is None or answer is None or stored.protocol is None or record.get("outcome") == "canceled":
        return None
    in_path = "" if "model" in document else text_of(record, "asked_model")
    whole_s = number(record.get("duration_ms")) / 1000
    return Take(
        stored.id,
        Asked(stored.protocol, document, in_path, record.get("stream") is True),
        int(number(record.get("status"))) or 200,
        answer,
        answer.lstrip()[:1] not in (b"{", b"["),
        min(number(record.get("first_event_ms")) / 1000, whole_s),
        whole_s,
    )


def trace_of_lines(text: bytes) -> tuple[Stored, ...]:
    """From a file that `axonhub export --as jsonl` wrote. ValueError."""
    return tuple(_stored(orjson.loads(line)) for line in text.splitlines() if line.strip())


def _stored(whole: dict[str, Any]) -> Stored:
    bodies = {name: _bytes(told) for name, told in (whole.get("bodies") or {}).items() if told}
    record: Record = {**whole, "bodies": {name: name for name in bodies}}

    def fetch(name: str) -> bytes:
        if name not in bodies:
            raise BodyUnavailable(name)
        return bodies[name]

    return Stored(record, fetch)


def _bytes(told: Mapping[str, str]) -> bytes:
    text = told.get("text", "")
    return base64.b64decode(text) if told.get("encoding") == "base64" else text.encode()


def _words(turn: Turn | None) -> str:
    """Without what clients put between a person's words by themselves."""
    texts = (part.text for part in (turn.parts if turn else ()) if isinstance(part, Text))
    return "\n".join(text for text in texts if not text.lstrip().startswith("<system-reminder>"))


def _plain(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if name != "cache_control"}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value if not _is_billing(each)]
    return value


def _is_billing(value: Json) -> bool:
    text = value.get("text") if isinstance(value, dict) else None
    return isinstance(text, str) and is_billing_block(text)
