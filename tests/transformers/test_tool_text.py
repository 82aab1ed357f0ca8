from hypothesis import given, strategies as st

from axonhub.transformers.hub.parts import Native
from axonhub.transformers.hub.requests import FreeformTool, FunctionTool, HostedTool
from axonhub.transformers.tool_text import schema_text, tool_text

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("type", "properties", "items", "anyOf", "enum", "$ref", "required", "description", "a")),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def test_function_reads_like_a_type():
    schema = {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "Where it lies"},
            "mode": {"enum": ["r", "w"]},
            "lines": {"type": "array", "items": {"type": ["integer", "null"]}},
            "deep": {
                "type": "object",
                "properties": {"either": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/x"}]}},
            },
        },
        "required": ["path"],
    }

    assert tool_text(FunctionTool("read", "Reads a file", schema)) == (
        "// Reads a file\n"
        "type read = (_: {\n"
        "// Where it lies\n"
        "path: string,\n"
        'mode?: "r" | "w",\n'
        "lines?: integer | null[],\n"
        "deep?: {\n"
        "either?: string | #/$defs/x,\n"
        "},\n"
        "}) => any;\n"
    )


def test_definitions_are_told_too():
    schema = {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "string", "enum": ["long", "list"]}}}

    assert 'type A = "long" | "list"' in tool_text(FunctionTool("f", schema=schema))


def test_other_tools_are_told_as_they_were_written():
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: WORD"}
    hosted = HostedTool("web_search", Native("openai/responses", {"type": "web_search", "user_location": "here"}))

    assert "start: WORD" in tool_text(FreeformTool("patch", "Edits", grammar))
    assert "user_location" in tool_text(hosted)


def test_schema_without_end_is_cut():
    schema: dict = {"type": "object"}
    schema["properties"] = {"self": schema}

    assert schema_text(schema).endswith("}")


@given(JSON)
def test_any_json_is_taken_for_a_schema(schema):
    assert isinstance(schema_text(schema), str)
    assert tool_text(FunctionTool("f", None, schema if isinstance(schema, dict) else {"properties": schema}))
