"""Lists of models in the shapes of the vendors' SDKs.

One object serves Anthropic's and OpenAI's clients at once, since their members do not collide; Gemini's differs.
Sources: Anthropic "List models", OpenAI "List models", Gemini "models.list", read 2026-11.
"""

from collections.abc import Sequence

from axonhub.transformers.json_types import Json, JsonObject

_EPOCH = "1970-01-01T00:00:00Z"
_OWNER = "axonhub"


def model_list(protocol: str, names: Sequence[str]) -> JsonObject:
    """`protocol` names who asks."""
    return _gemini_list(names) if protocol.startswith("gemini/") else _merged_list(names)


def _merged_list(names: Sequence[str]) -> JsonObject:
    data: list[Json] = [_merged_model(name) for name in names]
    first, last = (names[0], names[-1]) if names else (None, None)
    return {"object": "list", "data": data, "has_more": False, "first_id": first, "last_id": last}


def _merged_model(name: str) -> JsonObject:
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": _OWNER,
        "type": "model",
        "display_name": name,
        "created_at": _EPOCH,
    }


def _gemini_list(names: Sequence[str]) -> JsonObject:
    methods: list[Json] = ["generateContent", "countTokens"]
    models: list[Json] = [
        {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": methods} for name in names
    ]
    return {"models": models}
