"""A call's arguments: an object on Gemini's wire, JSON text in the hub."""

import json

import orjson

from axonhub.transformers.hub.parts import ToolCall
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.tool_names import freeform_input

INVALID = "__invalid_json"
"""Holds argument text which is no JSON object: a call is never dropped, its result would be orphaned."""


def arguments_text(arguments: Json) -> str:
    return json_text(arguments) if isinstance(arguments, dict) else "{}"


def arguments_object(call: ToolCall) -> JsonObject:
    if call.kind == "freeform":
        return {"input": freeform_input(call.arguments)}
    if not call.arguments.strip():
        return {}
    value = json_value(call.arguments)
    if isinstance(value, dict):
        return value
    return {} if call.arguments.strip() == "null" else {INVALID: call.arguments}


def json_value(text: str) -> Json:
    """None when the text is not JSON."""
    try:
        value: Json = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value


def json_text(value: Json) -> str:
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return json.dumps(value)  # integers beyond 64 bits
