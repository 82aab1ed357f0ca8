"""Parts of an answer → content blocks for a client. The stream writer says the same in pieces."""

from dataclasses import replace
from typing import Final

import orjson

from axonhub.transformers.call_ids import clean_call_id, minted_call_id
from axonhub.transformers.citations import anthropic_citation, web_citation
from axonhub.transformers.fields import as_text
from axonhub.transformers.hub.parts import (
    Audio,
    Document,
    Hosted,
    Image,
    Part,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
    Video,
)
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocols.anthropic_messages.names import NAME
from axonhub.transformers.protocols.anthropic_messages.signing import wire_signature, wire_signature_of_next

_OWN_CITATION: Final = "_location"


def answer_blocks(part: Part, seed: str, index: int, hidden: bool) -> list[JsonObject]:
    """The blocks of one part; none when the part says nothing here.

    seed, index: for the id of a call that came without one. hidden: the caller wants no reasoning text.
    """
    match part:
        case Text() | Refusal():
            return text_blocks(part)
        case Thinking():
            return thinking_blocks(part, hidden)
        case ToolCall():
            call: JsonObject = {
                "type": "tool_use",
                "id": wire_call_id(part.id, seed, index),
                "name": part.name or f"tool_{index}",
                "input": call_input(part.arguments, part.kind == "freeform"),
            }
            return [*signature_blocks(part.signature), call]
        case Hosted(native=native) | Unknown(native=native):
            return [native.value] if native.protocol == NAME else []
        case Image() | Document() | Audio() | Video() | ToolResult():
            return [{"type": "text", "text": unsayable(part)}]


def text_blocks(part: Text | Refusal) -> list[JsonObject]:
    if not part.text.strip():
        return []
    block: dict[str, Json] = {"type": "text", "text": part.text}
    if isinstance(part, Text) and (told := [each for raw in part.annotations if (each := citation(raw, part.text))]):
        block["citations"] = list(told)
    return [block]


def thinking_blocks(part: Thinking, hidden: bool) -> list[JsonObject]:
    if part.redacted is not None:
        return [{"type": "redacted_thinking", "data": part.redacted}]
    words = "" if hidden else part.text
    if not words and part.signature is None:
        return []
    return [{"type": "thinking", "thinking": words, "signature": wire_signature(part.signature)}]


def signature_blocks(signature: Signature | None) -> list[JsonObject]:
    """The envelope of a signed tool call's signature, which stands before the call."""
    if signature is None:
        return []
    return [{"type": "thinking", "thinking": "", "signature": wire_signature_of_next(signature)}]


def wire_call_id(call_id: str, seed: str, index: int) -> str:
    return clean_call_id(call_id) if call_id else minted_call_id(seed, index, "toolu_")


def call_input(arguments: str, freeform: bool = False) -> JsonObject:
    """Argument text as the object that Anthropic demands; what is none is wrapped, never lost."""
    if freeform:
        return {"input": arguments}
    if not arguments.strip():
        return {}
    try:
        value: Json = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        value = None
    if isinstance(value, dict):
        return value
    return {} if arguments.strip() == "null" else {"__invalid_json": arguments}


def citation(raw: JsonObject, words: str = "") -> JsonObject | None:
    """A citation of ours as it is, one of a web page from another protocol translated; None for others."""
    kind = as_text(raw.get("type")) or ""
    if kind.endswith(_OWN_CITATION):
        return raw
    told = web_citation(raw)
    if told is None:
        return None
    quoted = told.cited_text or (words[told.start : told.end] if told.end else "")
    return anthropic_citation(replace(told, cited_text=quoted))


def unsayable(part: Part) -> str:
    """What a reader is told in place of a part that an answer cannot hold here."""
    return f"[{type(part).__name__.lower()} omitted: this protocol has none in answers]"
