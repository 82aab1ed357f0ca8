"""Gemini's schemas: JSON Schema ⇄ the Schema message of its API, and JSON Schema as its newer members take it.

`parametersJsonSchema` and `responseJsonSchema` take JSON Schema and only dislike bookkeeping keywords. `parameters` and
`responseSchema` are a protobuf message: its parser refuses the whole request at the first member that it does not know,
so everything is rebuilt from a list of known members; what it cannot say goes into the description, for the model.

Only schema positions are walked: a property named `title` or `default` is data. The input is never changed.
https://ai.google.dev/api/caching#Schema, read 2026-11.
"""

import json
from dataclasses import dataclass, field

from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import Loss
from axonhub.transformers.schemas import MAX_DEPTH, note, with_notes, words

_BOOKKEEPING = ("$schema", "$id", "$comment")
_CHILD_GROUPS = ("properties", "$defs", "definitions", "patternProperties")
_CHILD_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_CHILD = ("items", "additionalProperties", "not", "contains", "propertyNames")

MAX_SCHEMAS = 20_000
"""Inlining `$ref` can grow without bound: beyond this many schemas inside one, references open as any object."""


def for_gemini_json(schema: JsonObject) -> JsonObject:
    """For the members that take JSON Schema. The very same object when there is nothing to strip."""
    return _stripped(schema, 0)


def _stripped(schema: JsonObject, depth: int) -> JsonObject:
    if depth > MAX_DEPTH:
        return schema
    changed = {keyword: value for keyword, value in schema.items() if _is_rewritten(keyword, value, depth)}
    rewritten = {keyword: _stripped_member(keyword, value, depth) for keyword, value in changed.items()}
    if all(rewritten[keyword] is value for keyword, value in changed.items()) and not _has_bookkeeping(schema):
        return schema
    return {keyword: rewritten.get(keyword, value) for keyword, value in schema.items() if keyword not in _BOOKKEEPING}


def _has_bookkeeping(schema: JsonObject) -> bool:
    return any(keyword in schema for keyword in _BOOKKEEPING)


def _is_rewritten(keyword: str, value: Json, depth: int) -> bool:
    return (
        (keyword in _CHILD_GROUPS and isinstance(value, dict))
        or (keyword in _CHILD_LISTS and isinstance(value, list))
        or (keyword in _CHILD and isinstance(value, dict))
    )


def _stripped_member(keyword: str, value: Json, depth: int) -> Json:
    if isinstance(value, list):
        items = [_stripped(item, depth + 1) if isinstance(item, dict) else item for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    if isinstance(value, dict) and keyword in _CHILD_GROUPS:
        group = {name: _stripped(item, depth + 1) if isinstance(item, dict) else item for name, item in value.items()}
        return value if all(group[name] is value[name] for name in value) else group
    return _stripped(value, depth + 1) if isinstance(value, dict) else value


# -- JSON Schema → Schema message


@dataclass(slots=True)
class _Inlining:
    """One conversion: the schema that references point into, and what could not be said."""

    root: JsonObject
    cut: dict[str, None] = field(default_factory=dict)
    open_references: list[str] = field(default_factory=list)
    schemas: int = 0


def for_gemini(schema: JsonObject | None, losses: list[Loss], path: str) -> JsonObject | None:
    """For `parameters` and `responseSchema`; one Loss names what was cut. None for an object without properties."""
    if not schema:
        return None
    inlining = _Inlining(schema)
    message = _message(schema, inlining, 0)
    if inlining.cut:
        losses.append(
            Loss(path, f"Gemini's schema cannot say {', '.join(inlining.cut)}; the description tells it", "info")
        )
    return None if message.get("type") == "OBJECT" and not message.get("properties") else message


_TYPES = {
    "string": "STRING",
    "number": "NUMBER",
    "integer": "INTEGER",
    "boolean": "BOOLEAN",
    "array": "ARRAY",
    "object": "OBJECT",
    "null": "NULL",
}
_FORMATS = {
    "STRING": frozenset(("date-time", "enum")),
    "INTEGER": frozenset(("int32", "int64")),
    "NUMBER": frozenset(("float", "double")),
}
_SAME = words(
    "title description nullable minimum maximum minItems maxItems minLength maxLength minProperties maxProperties "
    "pattern propertyOrdering"
)
_HANDLED = words(
    "type $ref $defs definitions enum const anyOf oneOf allOf properties required items prefixItems format "
    "exclusiveMinimum exclusiveMaximum"
)
_MEANINGLESS = words("$schema $id $comment $anchor default examples example deprecated readOnly writeOnly")
"""Dropped without a word: they bind no value, or only a validator reads them."""
_ANY_OBJECT: JsonObject = {"type": "OBJECT"}


def _message(schema: Json, inlining: _Inlining, depth: int) -> JsonObject:
    inlining.schemas += 1
    if not isinstance(schema, dict) or depth > MAX_DEPTH or inlining.schemas > MAX_SCHEMAS:
        return _unsayable(schema, inlining)
    if "$ref" in schema:
        return _referenced(schema, inlining, depth)
    if isinstance(schema.get("allOf"), list):
        return _message(_merged(schema, inlining), inlining, depth + 1)
    return _built(schema, inlining, depth)


def _unsayable(schema: Json, inlining: _Inlining) -> JsonObject:
    if schema is True or schema is None:
        return {"type": "STRING"}
    inlining.cut["schemas that are too deep, too many or no objects"] = None
    return dict(_ANY_OBJECT)


def _referenced(schema: JsonObject, inlining: _Inlining, depth: int) -> JsonObject:
    """The target in place of the reference; a cycle opens as any object."""
    reference = schema["$ref"]
    target = _resolved(reference, inlining.root)
    if not isinstance(reference, str) or target is None or reference in inlining.open_references:
        inlining.cut["recursive or unknown $ref"] = None
        return dict(_ANY_OBJECT)
    beside = {keyword: value for keyword, value in schema.items() if keyword != "$ref"}
    inlining.open_references.append(reference)
    try:
        return _message({**target, **beside}, inlining, depth + 1)
    finally:
        inlining.open_references.pop()


def _resolved(reference: Json, root: JsonObject) -> JsonObject | None:
    """The schema that a JSON pointer within the root names (RFC 6901)."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    found: Json = root
    for step in reference[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, dict) or name not in found:
            return None
        found = found[name]
    return found if isinstance(found, dict) else None


def _merged(schema: JsonObject, inlining: _Inlining) -> JsonObject:
    """`allOf` laid over its own schema: properties and required add up, any other keyword keeps its first value."""
    merged = {keyword: value for keyword, value in schema.items() if keyword != "allOf"}
    branches = schema["allOf"]
    for branch in branches if isinstance(branches, list) else []:
        resolved = _resolved(branch["$ref"], inlining.root) if isinstance(branch, dict) and "$ref" in branch else branch
        if not isinstance(resolved, dict) or resolved is schema:
            inlining.cut["parts of allOf"] = None
            continue
        for keyword, value in resolved.items():
            merged[keyword] = _both(merged[keyword], value) if keyword in merged else value
    return merged


def _both(first: Json, second: Json) -> Json:
    if isinstance(first, dict) and isinstance(second, dict):
        return {**second, **first}
    if isinstance(first, list) and isinstance(second, list):
        return [*first, *(item for item in second if item not in first)]
    return first


def _built(schema: JsonObject, inlining: _Inlining, depth: int) -> JsonObject:
    notes: list[str] = []
    message = _typed(schema, inlining, depth)
    for keyword, value in schema.items():
        if keyword in _SAME:
            message[keyword] = value
        elif keyword not in _HANDLED and keyword not in _MEANINGLESS and not keyword.startswith("x-"):
            _cut(keyword, value, inlining, notes)
    _add_bounds(schema, message, inlining, notes)
    _add_format(schema, message, inlining, notes)
    if message.get("type") == "ARRAY":
        message["items"] = _items(schema, inlining, depth)
    if isinstance(schema.get("properties"), dict):
        _add_properties(schema, message, inlining, depth)
    return with_notes(message, notes)


def _cut(keyword: str, value: Json, inlining: _Inlining, notes: list[str]) -> None:
    if keyword == "additionalProperties" and value in (True, False):
        return  # what a model does anyway; not worth a line in each description
    inlining.cut[keyword] = None
    notes.append(note(keyword, value))


def _typed(schema: JsonObject, inlining: _Inlining, depth: int) -> JsonObject:
    """The members that choose between values: type, nullable, enum, anyOf."""
    literals = _literals(schema)
    branches = [] if "properties" in schema else _branches(schema)
    if literals is not None and not branches:
        return _enumerated(literals, schema.get("type"))
    names = _type_names(schema)
    if branches:
        return _any_of(branches, inlining, depth)
    if len(names) > 1:
        # Each alternative keeps the keywords that it can hold; the others would be refused beside anyOf.
        return _any_of([{**_of_type(schema, name), "type": name} for name in names], inlining, depth)
    return {"type": _TYPES.get(names[0], "STRING")} if names else {"type": _guessed_type(schema)}


def _literals(schema: JsonObject) -> list[Json] | None:
    if "const" in schema:
        return [schema["const"]]
    listed = schema.get("enum")
    return listed if isinstance(listed, list) else None


def _branches(schema: JsonObject) -> list[Json]:
    """anyOf and oneOf mean the same to Gemini."""
    found: list[Json] = []
    for keyword in ("anyOf", "oneOf"):
        value = schema.get(keyword)
        found += value if isinstance(value, list) else []
    return found


def _type_names(schema: JsonObject) -> list[str]:
    kind = schema.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    return [name.lower() for name in kinds if isinstance(name, str)]


def _enumerated(literals: list[Json], kind: Json) -> JsonObject:
    """Gemini's enum holds non-empty strings only."""
    texts = [item if isinstance(item, str) else json.dumps(item) for item in literals if item not in (None, "")]
    nullable = None in literals or (isinstance(kind, list) and "null" in kind)
    message: JsonObject = {"type": "STRING", "enum": list(dict.fromkeys(texts))} if texts else {"type": "STRING"}
    return {**message, "nullable": True} if nullable else message


def _any_of(branches: list[Json], inlining: _Inlining, depth: int) -> JsonObject:
    messages = [_message(branch, inlining, depth + 1) for branch in branches]
    said = [message for message in messages if message.get("type") != "NULL"]
    only: JsonObject = dict(said[0]) if len(said) == 1 else {"anyOf": list(said)}
    if not said:
        return {"type": "NULL"}
    return only if len(said) == len(messages) else {**only, "nullable": True}


_BY_TYPE = {
    "array": frozenset(("items", "prefixItems")),
    "object": frozenset(("properties", "required")),
}


def _of_type(schema: JsonObject, name: str) -> JsonObject:
    return {keyword: schema[keyword] for keyword in _BY_TYPE.get(name, frozenset()) if keyword in schema}


def _guessed_type(schema: JsonObject) -> str:
    """A Schema message must name a type; a string can hold whatever the caller left open."""
    if "properties" in schema or "additionalProperties" in schema:
        return "OBJECT"
    return "ARRAY" if "items" in schema else "STRING"


def _add_bounds(schema: JsonObject, message: JsonObject, inlining: _Inlining, notes: list[str]) -> None:
    """An exclusive bound becomes the next integer, or, for other numbers, the bound itself and a note."""
    for keyword, bound, step in (("exclusiveMinimum", "minimum", 1), ("exclusiveMaximum", "maximum", -1)):
        value = schema.get(keyword)
        if value is True:  # JSON Schema draft 4: a flag beside the bound
            value = schema.get(bound)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if message.get("type") == "INTEGER" and value == int(value):
            message[bound] = int(value) + step
        else:
            message[bound] = value
            _cut(keyword, value, inlining, notes)


def _add_format(schema: JsonObject, message: JsonObject, inlining: _Inlining, notes: list[str]) -> None:
    told = schema.get("format")
    if not isinstance(told, str):
        return
    kind = message.get("type")
    if isinstance(kind, str) and told in _FORMATS.get(kind, frozenset()):
        message["format"] = told
    else:
        _cut("format", told, inlining, notes)


def _items(schema: JsonObject, inlining: _Inlining, depth: int) -> JsonObject:
    """Gemini demands `items`; a tuple becomes any of its places."""
    items = schema.get("items")
    places = [place for place in (schema.get("prefixItems"), items) if isinstance(place, list)]
    if places:
        inlining.cut["tuples"] = None
        return _any_of(list(places[0]), inlining, depth)
    return _message(items, inlining, depth + 1)


def _add_properties(schema: JsonObject, message: JsonObject, inlining: _Inlining, depth: int) -> None:
    properties, required = schema["properties"], schema.get("required")
    if not isinstance(properties, dict) or message.get("type") != "OBJECT":
        return
    alternatives = _branch_properties(schema, inlining)
    said: JsonObject = {
        name: _message(child, inlining, depth + 1) for name, child in {**alternatives, **properties}.items()
    }
    message["properties"] = said
    names: list[Json] = [name for name in required if name in said] if isinstance(required, list) else []
    if names:
        message["required"] = names


def _branch_properties(schema: JsonObject, inlining: _Inlining) -> JsonObject:
    """Gemini refuses anyOf beside properties: what the alternatives of an object add becomes optional."""
    added: JsonObject = {}
    for branch in _branches(schema):
        inlining.cut["anyOf beside properties"] = None
        resolved = _resolved(branch["$ref"], inlining.root) if isinstance(branch, dict) and "$ref" in branch else branch
        properties = resolved.get("properties") if isinstance(resolved, dict) else None
        added |= properties if isinstance(properties, dict) else {}
    return added


# -- Schema message → JSON Schema

_NAMES = {wire: name for name, wire in _TYPES.items()}
_COUNTS = words("minItems maxItems minLength maxLength minProperties maxProperties")
"""int64 members: Google's JSON writes them as strings."""


def from_gemini(schema: JsonObject) -> JsonObject:
    """A Schema message as JSON Schema: type names in lower case, `nullable` as a type, counts as numbers."""
    return _json_schema(schema, 0)


def _json_schema(schema: JsonObject, depth: int) -> JsonObject:
    if depth > MAX_DEPTH:
        return {}
    said: JsonObject = {}
    for keyword, value in schema.items():
        if keyword == "type" and isinstance(value, str):
            said["type"] = _NAMES.get(value.upper(), value)
        elif keyword in _COUNTS and isinstance(value, str) and value.isdecimal():
            said[keyword] = int(value)
        elif keyword == "example":
            said["examples"] = [value]
        elif keyword == "properties" and isinstance(value, dict):
            said["properties"] = _in_order(value, schema.get("propertyOrdering"), depth)
        elif keyword not in ("nullable", "propertyOrdering") and (keyword, value) != ("format", "enum"):
            said[keyword] = _json_member(keyword, value, depth)
    return _nullable(said) if schema.get("nullable") is True else said


def _in_order(properties: JsonObject, ordering: Json, depth: int) -> JsonObject:
    """`propertyOrdering` is Gemini's own word; everyone else reads the order of the members."""
    first = [name for name in ordering if isinstance(name, str)] if isinstance(ordering, list) else []
    names = [name for name in dict.fromkeys([*first, *properties]) if name in properties]
    return {name: _json_value(properties[name], depth) for name in names}


def _json_member(keyword: str, value: Json, depth: int) -> Json:
    if keyword == "anyOf" and isinstance(value, list):
        return [_json_value(child, depth) for child in value]
    return _json_value(value, depth) if keyword == "items" else value


def _json_value(child: Json, depth: int) -> Json:
    return _json_schema(child, depth + 1) if isinstance(child, dict) else child


def _nullable(schema: JsonObject) -> JsonObject:
    branches, listed = schema.get("anyOf"), schema.get("enum")
    if isinstance(branches, list):
        return {**schema, "anyOf": [*branches, {"type": "null"}]}
    if isinstance(listed, list):
        schema = {**schema, "enum": [*listed, None]}
    return {**schema, "type": [schema["type"], "null"]} if isinstance(schema.get("type"), str) else schema
