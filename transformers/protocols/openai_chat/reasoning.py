"""Reasoning in chat answers: the two names of its text, and OpenRouter's `reasoning_details`."""

from typing import Final

import orjson

from axonhub.transformers.carriers import carried, carried_back, carried_redacted, carried_redacted_back
from axonhub.transformers.dialect import Dialect
from axonhub.transformers.fields import as_count, as_objects, as_text
from axonhub.transformers.hub.parts import Signature, Thinking
from axonhub.transformers.hub.requests import Request
from axonhub.transformers.json_types import Json, JsonObject

_GROWING: Final = ("text", "summary", "data")


def reasoning_text(message: JsonObject) -> str:
    """Reasoning of a message or delta. Both names at once are aliases of one text, which counts once."""
    for name in ("reasoning_content", "reasoning"):
        value = message.get(name)
        if isinstance(value, str) and value:
            return value
    if "reasoning_details" in message and "reasoning" not in message and "reasoning_content" not in message:
        return "".join(map(_text, as_objects(message["reasoning_details"])))
    return ""


def _text(detail: JsonObject) -> str:
    return as_text(detail.get("text")) or as_text(detail.get("summary")) or ""


class Details:
    """The `reasoning_details` of one answer: pieces of the same entry joined, so that they can go back as they came."""

    def __init__(self) -> None:
        self._entries: list[JsonObject] = []

    def add(self, value: Json) -> None:
        for piece in as_objects(value):
            entry = self._of(piece)
            if entry is None:
                self._entries.append(dict(piece))
            else:
                _grow(entry, piece)

    def _of(self, piece: JsonObject) -> JsonObject | None:
        key = (piece.get("type"), piece.get("index"))
        return next((each for each in self._entries if (each.get("type"), each.get("index")) == key), None)

    def signature(self, dialect: Dialect) -> Signature | None:
        """Everything so far, taken out, as this provider's signature; None when there is none to send back."""
        entries, self._entries = self._entries, []
        if not entries or not dialect.reasoning_details:
            return None
        return Signature(orjson.dumps(entries).decode(), dialect.signature_origin)


def _grow(entry: JsonObject, piece: JsonObject) -> None:
    for name, value in piece.items():
        before = entry.get(name)
        if name in _GROWING and isinstance(before, str) and isinstance(value, str):
            entry[name] = before + value
        elif value is not None:
            entry[name] = value


# -- towards our own clients

SEPARATOR: Final = "\n\n"
"""Between the texts of two thinking parts in the one `reasoning_content` of a message."""
_OURS: Final = "axonhub-v1"


def hides_reasoning(request: Request) -> bool:
    return request.reasoning is not None and request.reasoning.visible is False


def carrier_detail(carrier: str, index: int, text_length: int) -> JsonObject:
    """A `reasoning_details` entry for what chat has no place for; the text itself stands in `reasoning_content` only.

    `text_length` says how many characters of that the carrier belongs to, so that several parts can be told apart.
    """
    return {
        "type": "reasoning.encrypted",
        "data": carrier,
        "format": _OURS,
        "index": index,
        "text_length": text_length,
    }


def carrier_of(thought: Thinking) -> str | None:
    """What must travel with a thinking part beside its text; None when that is nothing."""
    if thought.redacted is not None:
        return carried_redacted(thought.redacted, thought.signature.origin if thought.signature else "")
    return None if thought.signature is None else carried(thought.signature)


def read_thoughts(message: JsonObject) -> list[Thinking]:
    """The thinking parts of an assistant message that a client sends back."""
    text = reasoning_text(message)
    details = as_objects(message.get("reasoning_details"))
    ours = [detail for detail in details if detail.get("format") == _OURS]
    if ours:
        return _split(text, ours)
    if details:
        # Not through us: whoever minted them, only their own vendor's dialect sends them back.
        return [Thinking(text, Signature(orjson.dumps(details).decode(), "orouter"))]
    return [Thinking(text)] if text else []


def _split(text: str, details: list[JsonObject]) -> list[Thinking]:
    """One part for each carrier, with its share of the text; unsigned text when the shares do not add up."""
    if len(details) == 1:
        return [_thought(text, details[0])]
    thoughts: list[Thinking] = []
    rest = text
    for detail in details:
        length = as_count(detail.get("text_length")) or 0
        share, rest = rest[:length], rest[length:]
        if len(share) < length:
            return [Thinking(text)]
        thoughts.append(_thought(share, detail))
        if share:
            rest = rest.removeprefix(SEPARATOR)
    shares = [thought.text for thought in thoughts if thought.text]
    return thoughts if SEPARATOR.join(shares) == text else [Thinking(text)]


def _thought(text: str, detail: JsonObject) -> Thinking:
    carrier = as_text(detail.get("data")) or ""
    redacted = carried_redacted_back(carrier)
    if redacted is not None:
        return Thinking(text, Signature("", redacted.origin) if redacted.origin else None, redacted.value)
    return Thinking(text, carried_back(carrier))
