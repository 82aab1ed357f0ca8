import re

import pytest
from hypothesis import given, strategies as st

from axonhub.transformers.hub.parts import ToolCall
from axonhub.transformers.hub.requests import FreeformTool, FunctionTool, ToolReference, Turn
from axonhub.transformers.tool_names import NameTable, freeform_arguments, freeform_as_function, freeform_input

LONG = "mcp__" + "a_very_long_server_name" * 3 + "__tool"


def table(*tools, history=(), limit=64):
    return NameTable.of(tools, history, limit)


def test_plain_names_pass_unchanged_and_need_no_undo():
    names = table(FunctionTool("Bash"))

    assert names.wire(ToolReference("Bash")) == "Bash"
    assert dict(names.undo.tools) == {}


def test_case_139_long_name_is_shortened_and_restored():
    assert len(LONG) > 64
    names = table(FunctionTool(LONG))
    short = names.wire(ToolReference(LONG))

    assert len(short) <= 64
    assert re.fullmatch(r"[a-zA-Z0-9_-]+", short)
    assert names.undo.reference(short) == ToolReference(LONG)


def test_case_140_names_equal_in_their_first_64_characters_stay_distinct():
    names = table(FunctionTool(LONG + "1"), FunctionTool(LONG + "2"))

    assert names.wire(ToolReference(LONG + "1")) != names.wire(ToolReference(LONG + "2"))


def test_a_name_only_in_history_has_the_same_wire_name_as_if_it_were_declared():
    history = (Turn("assistant", (ToolCall("c1", LONG, "{}"),)),)

    assert table(history=history).wire(ToolReference(LONG)) == table(FunctionTool(LONG)).wire(ToolReference(LONG))


def test_case_082_namespace_is_flattened_and_restored():
    names = table(FunctionTool("y", namespace="mcp__x"))

    assert names.wire(ToolReference("y", "mcp__x")) == "mcp__x__y"
    assert names.undo.reference("mcp__x__y") == ToolReference("y", "mcp__x")


def test_case_083_flat_names_that_collide_are_told_apart_by_the_table():
    references = [ToolReference("b__c", "a"), ToolReference("c", "a__b"), ToolReference("a__b__c")]
    names = table(*(FunctionTool(each.name, namespace=each.namespace) for each in references))
    wire = [names.wire(each) for each in references]

    assert len(set(wire)) == 3
    assert [names.undo.reference(each) for each in wire] == references


def test_freeform_tools_are_undone_to_their_kind():
    names = table(FreeformTool("apply_patch"))

    assert names.undo.reference("apply_patch") == ToolReference("apply_patch", kind="freeform")


@given(st.lists(st.tuples(st.none() | st.text(max_size=80), st.text(max_size=80)), unique=True, max_size=8))
def test_every_reference_has_its_own_valid_name_that_leads_back(pairs):
    references = [ToolReference(name, namespace or None) for namespace, name in pairs]
    references = list(dict.fromkeys(references))
    names = table(*(FunctionTool(each.name, namespace=each.namespace) for each in references))
    wire = [names.wire(each) for each in references]

    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", each) for each in wire)
    assert [names.undo.reference(each) for each in wire] == references


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"input": "*** Begin Patch"}', "*** Begin Patch"),
        ('{"patch": "*** Begin Patch"}', "*** Begin Patch"),
        ('"*** Begin Patch"', "*** Begin Patch"),
        ("*** Begin Patch", "*** Begin Patch"),
        ("{}", ""),
        ('{"input": 1}', '{"input": 1}'),
        ("[1]", "[1]"),
    ],
)
def test_case_081_freeform_input_is_found_in_whatever_the_model_wrote(arguments, expected):
    assert freeform_input(arguments) == expected


@given(st.text())
def test_freeform_input_undoes_freeform_arguments(text):
    assert freeform_input(freeform_arguments(text)) == text


def test_freeform_tool_as_function_tells_its_grammar():
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: WORD"}
    function = freeform_as_function(FreeformTool("patch", "Edits files.", grammar))

    assert function.schema["required"] == ["input"]
    assert function.description.startswith("Edits files.")
    assert "start: WORD" in function.description
