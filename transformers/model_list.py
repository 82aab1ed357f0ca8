"""Lists of models, and single ones, in the shapes of the vendors' SDKs.

Sources: Anthropic "List models", OpenAI "List models", Gemini "models.list", read 2026-11; the SDKs' own types. With
`include` OpenAI's list also tells what other gateways' lists do (context_length, capabilities, pricing).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from axonhub.transformers.json_types import Json, JsonObject

_EPOCH = "1970-01-01"
_OWNER = "axonhub"
_MORE = ("name", "description", "context_length", "max_output_tokens", "capabilities", "pricing")
"""What `include` may name, or `all`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a model; None and "": not known."""

    name: str
    display_name: str
    description: str = ""
    developer: str = ""
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    vision: bool | None = None
    tool_call: bool | None = None
    reasoning: bool | None = None
    released: str = ""
    """A day, `2025-09-29`."""
    pricing: Mapping[str, float] | None = None
    """US dollars per million tokens: input, output, cache_read, cache_write."""


def model_list(protocol: str, models: Sequence[Entry], include: Collection[str] = ()) -> JsonObject:
    """`protocol` names who asks."""
    if protocol.startswith("gemini/"):
        return {"models": [_gemini(each) for each in models]}
    shown: list[Json] = [model_object(protocol, each, include) for each in models]
    if not protocol.startswith("anthropic/"):
        return {"object": "list", "data": shown}
    first, last = (models[0].name, models[-1].name) if models else (None, None)
    return {"data": shown, "has_more": False, "first_id": first, "last_id": last}


def model_object(protocol: str, model: Entry, include: Collection[str] = ()) -> JsonObject:
    if protocol.startswith("gemini/"):
        return _gemini(model)
    return _anthropic(model) if protocol.startswith("anthropic/") else _openai(model, include)


def _openai(model: Entry, include: Collection[str]) -> JsonObject:
    created = int(datetime.fromisoformat(model.released).replace(tzinfo=UTC).timestamp()) if model.released else 0
    shown: JsonObject = {
        "id": model.name,
        "object": "model",
        "created": created,
        "owned_by": model.developer or _OWNER,
    }
    wanted = _MORE if "all" in include else [name for name in _MORE if name in include]
    more = _more(model) if wanted else {}
    return {**shown, **{name: more[name] for name in wanted if more[name] is not None}}


def _more(model: Entry) -> dict[str, Json]:
    known = {"vision": model.vision, "tool_call": model.tool_call, "reasoning": model.reasoning}
    capabilities: JsonObject = {name: value for name, value in known.items() if value is not None}
    pricing: JsonObject = {**(model.pricing or {}), "unit": "per_1m_tokens", "currency": "USD"}
    return {
        "name": model.display_name,
        "description": model.description or None,
        "context_length": model.context_tokens,
        "max_output_tokens": model.max_output_tokens,
        "capabilities": capabilities or None,
        "pricing": pricing if model.pricing else None,
    }


def _anthropic(model: Entry) -> JsonObject:
    return {
        "type": "model",
        "id": model.name,
        "display_name": model.display_name,
        "created_at": f"{model.released or _EPOCH}T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": model.context_tokens,
        "max_tokens": model.max_output_tokens,
    }


def _gemini(model: Entry) -> JsonObject:
    methods: list[Json] = ["generateContent", "countTokens"]
    limits = {"inputTokenLimit": model.context_tokens, "outputTokenLimit": model.max_output_tokens}
    shown: JsonObject = {
        "name": f"models/{model.name}",
        "displayName": model.display_name,
        "supportedGenerationMethods": methods,
    }
    if model.description:
        shown["description"] = model.description
    if model.reasoning is not None:
        shown["thinking"] = model.reasoning
    return {**shown, **{name: value for name, value in limits.items() if value is not None}}
