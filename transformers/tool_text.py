"""A tool's definition as the text that a model reads: what token counts are made of.

OpenAI's models are shown functions as TypeScript types (the format of their own examples); a count over that text is
exact to a few tokens. Other vendors render the JSON itself, which is longer by a share that counting knows.
"""

from typing import Final, assert_never

import orjson

from axonhub.transformers.hub.requests import FreeformTool, FunctionTool, HostedTool, Tool
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.schemas import MAX_DEPTH

_ALTERNATIVES: Final = ("anyOf", "oneOf", "allOf")


def tool_text(tool: Tool) -> str:
    match tool:
        case FunctionTool(name, description, schema):
            shape = schema_text(schema or {})
            return f"{_definitions(schema or {})}{_comment(description)}type {name} = (_: {shape}) => any;\n"
        case FreeformTool(name, description, format):
            return f"{_comment(description)}type {name} = {json_text(format or {})}\n"
        case HostedTool(native=native):
            return json_text(native.value)
        case _:
            assert_never(tool)


def schema_text(schema: Json, depth: int = 0) -> str:
    """Any JSON at all; what is no schema is `any`."""
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return "any"
    if isinstance(options := schema.get("enum"), list):
        return " | ".join(json_text(option) for option in options)
    if isinstance(properties := schema.get("properties"), dict) and properties:
        return _object_text(schema, properties, depth)
    if schema.get("type") == "array" or "items" in schema:
        return schema_text(schema.get("items"), depth + 1) + "[]"
    for keyword in _ALTERNATIVES:
        if isinstance(alternatives := schema.get(keyword), list):
            return " | ".join(schema_text(each, depth + 1) for each in alternatives)
    return _type_text(schema.get("type", schema.get("$ref", schema.get("const", "any"))))


def _object_text(schema: JsonObject, properties: JsonObject, depth: int) -> str:
    required = schema.get("required")
    lines = ["{"]
    for name, value in properties.items():
        description = value.get("description") if isinstance(value, dict) else None
        mark = "" if isinstance(required, list) and name in required else "?"
        lines.append(f"{_comment(description)}{name}{mark}: {schema_text(value, depth + 1)},")
    return "\n".join([*lines, "}"])


def _type_text(value: Json) -> str:
    return " | ".join(map(_type_text, value)) if isinstance(value, list) else str(value)


def _comment(description: Json) -> str:
    return f"// {description}\n" if isinstance(description, str) and description else ""


def json_text(value: Json) -> str:
    """As models are shown the schema of an answer; "" when it is nested too deep for any provider to take."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return ""


def _definitions(schema: JsonObject) -> str:
    """What the schema's references name, each written once as in the schema itself."""
    named = schema.get("$defs", schema.get("definitions"))
    if not isinstance(named, dict):
        return ""
    return "".join(f"type {name} = {schema_text(value)}\n" for name, value in named.items())
