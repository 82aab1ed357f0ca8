from copy import deepcopy

from hypothesis import given

from axonhub.transformers.gemini_schemas import for_gemini, for_gemini_json, from_gemini
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocol import Loss
from tests.transformers.test_schemas import ANY_SCHEMA


def message(schema: JsonObject) -> JsonObject | None:
    return for_gemini(schema, [], "tools[0]")


def prop(schema: JsonObject) -> JsonObject:
    """A schema as a Schema message, seen inside an object."""
    whole = message({"type": "object", "properties": {"p": schema}})
    assert whole is not None
    return whole["properties"]["p"]


def test_case_142_a_schema_with_every_oddity_has_only_known_members():
    losses: list[Loss] = []
    schema: JsonObject = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "propertyNames": {"pattern": "^[a-z]+$"},
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
        "properties": {
            "default": {"type": "string", "default": "x", "title": "T"},
            "title": {"type": ["string", "null"]},
            "kind": {"const": "fixed"},
            "count": {"type": "integer", "exclusiveMinimum": 0},
            "tags": {"type": "array", "uniqueItems": True, "items": {"type": "string", "format": "uri"}},
            "tree": {"$ref": "#/$defs/node"},
        },
        "required": ["default", "gone"],
    }

    assert for_gemini(schema, losses, "tools[0]") == {
        "type": "OBJECT",
        "description": 'propertyNames: {"pattern": "^[a-z]+$"}',
        "properties": {
            "default": {"type": "STRING", "title": "T"},
            "title": {"type": "STRING", "nullable": True},
            "kind": {"type": "STRING", "enum": ["fixed"]},
            "count": {"type": "INTEGER", "minimum": 1},
            "tags": {
                "type": "ARRAY",
                "items": {"type": "STRING", "description": 'format: "uri"'},
                "description": "uniqueItems: true",
            },
            "tree": {"type": "OBJECT", "properties": {"next": {"type": "OBJECT"}}},
        },
        "required": ["default"],
    }
    assert [loss.path for loss in losses] == ["tools[0]"]
    assert "recursive or unknown $ref" in losses[0].reason
    assert "uniqueItems" in losses[0].reason


def test_case_142_json_schema_members_lose_only_their_bookkeeping():
    schema: JsonObject = {
        "$schema": "x",
        "type": "object",
        "properties": {"$id": {"type": "string", "$comment": "c"}, "n": {"type": "integer", "exclusiveMinimum": 0}},
    }

    assert for_gemini_json(schema) == {
        "type": "object",
        "properties": {"$id": {"type": "string"}, "n": {"type": "integer", "exclusiveMinimum": 0}},
    }


def test_json_schema_without_bookkeeping_is_shared_not_copied():
    schema: JsonObject = {"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}]}}}

    assert for_gemini_json(schema) is schema


def test_an_object_without_properties_has_no_parameters():
    assert message({"type": "object", "properties": {}}) is None
    assert message({}) is None
    assert for_gemini(None, [], "") is None


def test_a_reference_is_put_in_place_with_what_stands_beside_it():
    schema: JsonObject = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/a~1b", "description": "here"}},
        "$defs": {"a/b": {"type": "boolean", "description": "there"}},
    }

    assert message(schema)["properties"]["a"] == {"type": "BOOLEAN", "description": "here"}


def test_references_that_multiply_stop_growing():
    """Each definition names the next one ten times: inlined without a limit this is 10^12 schemas."""
    definitions = {
        f"d{n}": {"type": "object", "properties": {f"p{k}": {"$ref": f"#/$defs/d{n + 1}"} for k in range(10)}}
        for n in range(12)
    }
    losses: list[Loss] = []
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": definitions}

    assert for_gemini(schema, losses, "t") is not None
    assert "too many" in losses[0].reason


def test_type_lists_and_null_branches_become_nullable():
    assert prop({"anyOf": [{"type": "string"}, {"type": "null"}]}) == {"type": "STRING", "nullable": True}
    assert prop({"type": ["string", "integer", "null"]}) == {
        "anyOf": [{"type": "STRING"}, {"type": "INTEGER"}],
        "nullable": True,
    }
    assert prop({"type": ["array", "string"], "items": {"type": "number"}}) == {
        "anyOf": [{"type": "ARRAY", "items": {"type": "NUMBER"}}, {"type": "STRING"}]
    }


def test_all_of_is_merged():
    assert prop(
        {
            "allOf": [
                {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
                {"properties": {"b": {"type": "number"}}, "required": ["b"]},
            ]
        }
    ) == {
        "type": "OBJECT",
        "properties": {"a": {"type": "STRING"}, "b": {"type": "NUMBER"}},
        "required": ["a", "b"],
    }


def test_alternatives_beside_properties_become_optional_properties():
    assert prop(
        {
            "type": "object",
            "properties": {"a": {"type": "string"}},
            "required": ["a"],
            "anyOf": [{"required": ["a"]}, {"properties": {"x": {"type": "string"}}}],
        }
    ) == {
        "type": "OBJECT",
        "properties": {"x": {"type": "STRING"}, "a": {"type": "STRING"}},
        "required": ["a"],
    }


def test_enum_values_become_non_empty_strings():
    assert prop({"type": "integer", "enum": [1, 2, None]}) == {"type": "STRING", "enum": ["1", "2"], "nullable": True}
    assert prop({"enum": ["", "a"]}) == {"type": "STRING", "enum": ["a"]}


def test_exclusive_bounds_of_other_numbers_are_told():
    assert prop({"type": "number", "exclusiveMinimum": 0.5}) == {
        "type": "NUMBER",
        "minimum": 0.5,
        "description": "exclusiveMinimum: 0.5",
    }
    assert prop({"type": "integer", "maximum": 10, "exclusiveMaximum": True}) == {"type": "INTEGER", "maximum": 9}


def test_arrays_always_have_items():
    assert prop({"type": "array"}) == {"type": "ARRAY", "items": {"type": "STRING"}}
    assert prop({"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}]}) == {
        "type": "ARRAY",
        "items": {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]},
    }


def test_known_formats_stay():
    assert prop({"type": "string", "format": "date-time"}) == {"type": "STRING", "format": "date-time"}
    assert prop({"type": "integer", "format": "int64"}) == {"type": "INTEGER", "format": "int64"}


def test_a_schema_message_becomes_json_schema():
    assert from_gemini(
        {
            "type": "OBJECT",
            "properties": {
                "a": {
                    "type": "ARRAY",
                    "items": {"anyOf": [{"type": "NUMBER"}], "nullable": True},
                    "minItems": "2",
                },
                "b": {"type": "STRING", "format": "enum", "enum": ["x"], "nullable": True},
            },
            "propertyOrdering": ["b", "a"],
            "required": ["a"],
        }
    ) == {
        "type": "object",
        "properties": {
            "b": {"type": ["string", "null"], "enum": ["x", None]},
            "a": {"type": "array", "items": {"anyOf": [{"type": "number"}, {"type": "null"}]}, "minItems": 2},
        },
        "required": ["a"],
    }


def test_json_schema_of_the_common_kind_survives_both_ways():
    schema: JsonObject = {
        "type": "object",
        "properties": {
            "a": {"type": "string", "description": "d"},
            "b": {"type": "array", "items": {"type": "number"}},
        },
        "required": ["a"],
    }

    assert schema == from_gemini(message(schema))


@given(ANY_SCHEMA)
def test_no_schema_at_all_breaks_the_walkers_or_is_changed_by_them(schema: JsonObject):
    before = deepcopy(schema)

    assert isinstance(for_gemini(schema, [], "t"), dict | None)
    assert isinstance(for_gemini_json(schema), dict)
    assert isinstance(from_gemini(schema), dict)
    assert before == schema
