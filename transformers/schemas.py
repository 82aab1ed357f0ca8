"""Schemas: JSON Schema cut to what the strict modes of OpenAI and Anthropic take.

Only schema positions are walked: a property that happens to be named `default` or `title` is data. The input is never
changed, and parts that need no change are shared with it. What is cut away is told to the model in the description.

OpenAI, "Structured model outputs", supported schemas; Anthropic, "Structured outputs", JSON Schema limitations, and the
schema transformation of anthropic-python 2.12; read 2026-11.
"""

import json
from collections.abc import Mapping

from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import Loss

MAX_DEPTH = 64
"""Deeper schemas are cut or refused: nobody writes them by hand, and the walkers recurse."""


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_STRICT_KEYWORDS = words(
    "$defs $ref additionalProperties anyOf const definitions description enum exclusiveMaximum exclusiveMinimum format "
    "items maximum maxItems minimum minItems multipleOf pattern properties required title type"
)
_STRICT_FORMATS = words("date date-time duration email hostname ipv4 ipv6 time uuid")
_CHOOSING = ("type", "anyOf", "$ref", "enum", "const")

_OUTPUT_KEYWORDS = words("$ref const default description enum required title type")
_OUTPUT_FORMATS = _STRICT_FORMATS | {"uri"}
_MEANINGLESS = frozenset(("$schema", "$id", "$comment", "$anchor", "deprecated", "readOnly", "writeOnly"))
"""Say nothing of the values that a schema allows."""


def is_strict_subset(schema: JsonObject) -> bool:
    """May this schema go out with OpenAI's `strict: true` as it stands? In doubt it may not."""
    return schema.get("type") == "object" and "anyOf" not in schema and _is_strict(schema, 0)


def _is_strict(schema: Json, depth: int) -> bool:
    if not isinstance(schema, dict) or depth > MAX_DEPTH or not _STRICT_KEYWORDS.issuperset(schema):
        return False
    if not any(keyword in schema for keyword in _CHOOSING) or not _has_strict_format(schema):
        return False
    if is_object_schema(schema) and not _is_closed(schema):
        return False
    return all(_is_strict(child, depth + 1) for child in _children(schema))


def _has_strict_format(schema: JsonObject) -> bool:
    return "format" not in schema or _is_one_of(schema["format"], _STRICT_FORMATS)


def _is_one_of(value: Json, names: frozenset[str]) -> bool:
    return isinstance(value, str) and value in names


def _is_closed(schema: JsonObject) -> bool:
    """Every property required, no others allowed."""
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if schema.get("additionalProperties") is not False or not isinstance(properties, dict):
        return False
    return isinstance(required, list) and all(name in required for name in properties)


def is_object_schema(schema: Mapping[str, Json]) -> bool:
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in schema


def _children(schema: JsonObject) -> list[Json]:
    """The schemas inside, of the keywords that the strict modes know; a malformed one shows up as a non-object."""
    found: list[Json] = []
    for keyword in ("properties", "$defs", "definitions"):
        group = schema.get(keyword, {})
        found += group.values() if isinstance(group, dict) else [None]
    branches = schema.get("anyOf", [])
    found += branches if isinstance(branches, list) else [None]
    return [*found, schema["items"]] if "items" in schema else found


def for_anthropic_output(schema: JsonObject, losses: list[Loss], path: str) -> JsonObject:
    """For `output_config.format`: objects closed, limits moved into descriptions; one Loss lists what was cut."""
    cut: dict[str, None] = {}
    closed = _output(schema, cut, 0)
    if cut:
        losses.append(Loss(path, f"Anthropic's output schema cannot say {', '.join(cut)}"))
    return closed


def _output(schema: Json, cut: dict[str, None], depth: int) -> JsonObject:
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        cut["a schema that is no object" if depth <= MAX_DEPTH else "deep nesting"] = None
        return {}
    kept: JsonObject = {}
    notes: list[str] = []
    for keyword, value in schema.items():
        _output_keyword(keyword, value, kept, notes, cut, depth)
    if is_object_schema(schema):
        kept["additionalProperties"] = False
    return with_notes(kept, notes)


def _output_keyword(
    keyword: str, value: Json, kept: JsonObject, notes: list[str], cut: dict[str, None], depth: int
) -> None:
    if keyword in ("properties", "$defs", "definitions") and isinstance(value, dict):
        kept[keyword] = {name: _output(child, cut, depth + 1) for name, child in value.items()}
    elif keyword in ("anyOf", "oneOf", "allOf") and isinstance(value, list):
        kept["allOf" if keyword == "allOf" else "anyOf"] = [_output(child, cut, depth + 1) for child in value]
    elif keyword == "items" and isinstance(value, dict):
        kept["items"] = _output(value, cut, depth + 1)
    elif keyword in _OUTPUT_KEYWORDS or _is_kept_limit(keyword, value):
        kept[keyword] = value
    elif keyword not in _MEANINGLESS and (keyword, value) != ("additionalProperties", False):
        cut[keyword] = None
        notes.append(note(keyword, value))


def _is_kept_limit(keyword: str, value: Json) -> bool:
    return (keyword == "format" and _is_one_of(value, _OUTPUT_FORMATS)) or (keyword == "minItems" and value in (0, 1))


def note(keyword: str, value: Json) -> str:
    """A constraint in words: `minLength: 3`."""
    return f"{keyword}: {json.dumps(value, ensure_ascii=False)}"


def with_notes(schema: JsonObject, notes: list[str]) -> JsonObject:
    """The schema with the constraints that it had to give up, told in its description."""
    if not notes:
        return schema
    told, described = "; ".join(notes), schema.get("description")
    return {**schema, "description": f"{described} ({told})" if isinstance(described, str) and described else told}
