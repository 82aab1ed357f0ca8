from copy import deepcopy

from hypothesis import given, strategies as st

from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocol import Loss
from axonhub.transformers.schemas import for_anthropic_output, is_strict_subset

CLOSED: JsonObject = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": ["integer", "null"]}},
    "required": ["city", "days"],
    "additionalProperties": False,
}


def test_a_closed_object_with_all_properties_required_is_strict():
    assert is_strict_subset(CLOSED)


def test_case_145_an_optional_property_is_not_strict():
    assert not is_strict_subset({**CLOSED, "required": ["city"]})


def test_an_open_object_is_not_strict():
    assert not is_strict_subset({**CLOSED, "additionalProperties": True})
    assert not is_strict_subset({"type": "object", "properties": {}})


def test_an_open_object_inside_is_not_strict():
    inner = {"type": "array", "items": {"type": "object", "properties": {}}}

    assert not is_strict_subset({**CLOSED, "properties": {"a": inner}, "required": ["a"]})


def test_unknown_keywords_and_a_union_at_the_root_are_not_strict():
    assert not is_strict_subset({**CLOSED, "allOf": []})
    assert not is_strict_subset({**CLOSED, "anyOf": [CLOSED]})
    assert not is_strict_subset({**CLOSED, "properties": {"a": {"type": "string", "format": []}}, "required": ["a"]})


def test_properties_named_like_keywords_are_data():
    schema = {**CLOSED, "properties": {"allOf": {"type": "string"}, "default": {"type": "string"}}}

    assert is_strict_subset({**schema, "required": ["allOf", "default"]})


def test_case_146_objects_are_closed_and_limits_move_into_the_description():
    losses: list[Loss] = []
    schema: JsonObject = {
        "type": "object",
        "properties": {
            "age": {"type": "integer", "minimum": 1, "description": "Years."},
            "tags": {"type": "array", "items": {"type": "object", "properties": {}}, "minItems": 3},
        },
    }

    assert for_anthropic_output(schema, losses, "response_format") == {
        "type": "object",
        "properties": {
            "age": {"type": "integer", "description": "Years. (minimum: 1)"},
            "tags": {
                "type": "array",
                "items": {"type": "object", "properties": {}, "additionalProperties": False},
                "description": "minItems: 3",
            },
        },
        "additionalProperties": False,
    }
    assert [Loss("response_format", "Anthropic's output schema cannot say minimum, minItems")] == losses


def test_a_schema_that_anthropic_takes_as_it_is_stays_equal():
    losses: list[Loss] = []

    assert for_anthropic_output(CLOSED, losses, "f") == CLOSED
    assert losses == []


def test_open_maps_are_closed_and_recorded():
    losses: list[Loss] = []
    written = for_anthropic_output({"type": "object", "additionalProperties": {"type": "string"}}, losses, "f")

    assert written["additionalProperties"] is False
    assert written["description"] == 'additionalProperties: {"type": "string"}'
    assert len(losses) == 1


def test_one_of_becomes_any_of_and_definitions_are_closed():
    schema: JsonObject = {
        "oneOf": [{"$ref": "#/$defs/a"}, {"type": "null"}],
        "$defs": {"a": {"type": "object", "properties": {"title": {"type": "string"}}}},
    }
    written = for_anthropic_output(schema, [], "f")

    assert written["anyOf"] == [{"$ref": "#/$defs/a"}, {"type": "null"}]
    assert written["$defs"]["a"]["additionalProperties"] is False
    assert written["$defs"]["a"]["properties"] == {"title": {"type": "string"}}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "type properties items anyOf oneOf allOf $ref $defs enum const required format minimum x".split()
            ),
            inner | st.sampled_from(["object", "array", "string", "#", "#/$defs/x"]),
            max_size=5,
        )
    ),
    max_leaves=20,
)
ANY_SCHEMA = st.dictionaries(st.sampled_from(["type", "properties", "items", "anyOf", "allOf", "$ref", "$defs"]), JSON)


@given(ANY_SCHEMA)
def test_no_schema_at_all_breaks_the_walkers_or_is_changed_by_them(schema: JsonObject):
    before = deepcopy(schema)

    assert is_strict_subset(schema) in (True, False)
    assert isinstance(for_anthropic_output(schema, [], "f"), dict)
    assert before == schema
