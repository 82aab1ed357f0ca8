"""Requests that go to a provider who speaks Anthropic Messages, from clients of every protocol."""

import base64
import json
from dataclasses import replace

import orjson
import pytest
from hypothesis import given, settings, strategies as st

from axonhub.transformers import dialects
from axonhub.transformers.hub.parts import (
    Audio,
    CacheMark,
    Document,
    FileReference,
    Hosted,
    Image,
    Inline,
    Link,
    Native,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
    Video,
)
from axonhub.transformers.hub.requests import (
    FreeformTool,
    FunctionTool,
    HostedTool,
    OutputFormat,
    Reasoning,
    Request,
    Sampling,
    ToolChoice,
    ToolReference,
    Turn,
)
from axonhub.transformers.protocol import Unsupported
from axonhub.transformers.protocols.anthropic_messages import PROTOCOL
from axonhub.transformers.protocols.anthropic_messages.names import NAME
from axonhub.transformers.protocols.openai_chat import PROTOCOL as CHAT
from tests.judges.anthropic_requests import anthropic_refusals

DIALECT = dialects.ANTHROPIC
BUDGETS = replace(DIALECT, adaptive_thinking=False)
SIGNED = Signature("EqQBCkYI", "ant")
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"0" * 8).decode()
TOOL = FunctionTool("Bash", "runs", {"type": "object", "properties": {"command": {"type": "string"}}})


def user(*parts):
    return Turn("user", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def assistant(*parts):
    return Turn("assistant", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def call(call_id, arguments="{}"):
    return ToolCall(call_id, "Bash", arguments)


def result(call_id, words="ok", **members):
    return ToolResult(call_id, (Text(words),), **members)


def write(*turns, dialect=DIALECT, **members):
    return PROTOCOL.write_request(Request("claude-x", turns or (user("hi"),), **members), dialect)


def body(*turns, dialect=DIALECT, **members):
    written = write(*turns, dialect=dialect, **members).body
    assert anthropic_refusals(written) == []
    assert orjson.loads(orjson.dumps(written)) == written
    return written


def losses(*turns, dialect=DIALECT, **members):
    return [loss.path for loss in write(*turns, dialect=dialect, **members).losses]


def from_chat(*messages, dialect=DIALECT, **members):
    request = CHAT.read_request({"model": "claude-x", "messages": list(messages)} | members)
    written = PROTOCOL.write_request(request, dialect)
    assert anthropic_refusals(written.body) == []
    return written


def content(written, index=-1):
    return written["messages"][index]["content"]


def test_a_plain_request_says_no_more_than_it_must():
    assert body() == {
        "model": "claude-x",
        "max_tokens": 8192,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }
    assert losses() == []


def test_the_same_prefix_gives_the_same_bytes():
    turns = (user("q"), assistant("a", call("functions.Bash:0")), user(result("functions.Bash:0")), assistant("done"))
    first = body(*turns, user("more"), tools=(TOOL,))
    later = body(*turns, user("more"), assistant("b"), user("and"), tools=(TOOL,))

    assert orjson.dumps(later["messages"][:5]) == orjson.dumps(first["messages"])
    assert first["tools"] == later["tools"]


def test_own_blocks_go_back_as_they_came():
    direct = {"type": "direct"}
    blocks = [
        {"type": "thinking", "thinking": "<é \u2028 ", "signature": "EqQBCkYIAhgCIkA" + "A" * 49},
        {"type": "text", "text": "a", "citations": [{"type": "char_location", "cited_text": "x"}]},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
        {
            "type": "tool_use",
            "id": "toolu_1",
            "name": "Bash",
            "input": {"b": 1, "a": [2.0]},
            "caller": direct,
        },
    ]
    results = [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "x", "is_error": False}]
    messages = [
        {
            "role": "user",
            "content": [{"type": "text", "text": "q", "cache_control": {"type": "ephemeral", "scope": "s"}}],
        },
        {"role": "assistant", "content": blocks},
        {"role": "user", "content": results},
    ]
    request = PROTOCOL.read_request({"model": "m", "max_tokens": 9, "messages": messages})

    assert PROTOCOL.write_request(request, DIALECT).body["messages"] == messages


def test_clients_objects_are_never_changed():
    mark = {"type": "ephemeral"}
    blocks = [{"type": "text", "text": str(index), "cache_control": mark} for index in range(6)]
    source = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": blocks}]}
    before = json.dumps(source)
    PROTOCOL.write_request(PROTOCOL.read_request(source), DIALECT)

    assert json.dumps(source) == before


def test_case_099_and_100_results_without_content_and_with_errors():
    turns = (user("q"), assistant(call("1"), call("2")), user(ToolResult("1"), result("2", "no", is_error=True)))

    assert content(body(*turns)) == [
        {"type": "tool_result", "tool_use_id": "1"},
        {"type": "tool_result", "tool_use_id": "2", "content": "no", "is_error": True},
    ]


def test_case_103_tool_messages_become_one_user_message():
    written = from_chat(
        {"role": "user", "content": "q"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "a", "arguments": "{}"}},
                {"id": "2", "type": "function", "function": {"name": "b", "arguments": '{"x":1}'}},
            ],
        },
        {"role": "tool", "tool_call_id": "1", "content": "one"},
        {"role": "tool", "tool_call_id": "2", "content": "two"},
        {"role": "user", "content": "go on"},
    )

    assert [block["type"] for block in content(written.body)] == ["tool_result", "tool_result", "text"]
    assert [block["input"] for block in content(written.body, 1)] == [{}, {"x": 1}]


def test_case_105_and_106_histories_that_do_not_pair_are_made_to():
    turns = (
        user("q", result("gone")),
        assistant(call("0"), call("1")),
        user(result("1", "one"), result("1", "again")),
        assistant(call("0")),
        user(result("0", "two")),
    )

    assert body(*turns)["messages"][-1]["content"][0]["tool_use_id"] == "0_2"
    assert len(losses(*turns)) == 3


def test_case_107_and_108_vendor_ids_are_clean_and_distinct():
    turns = (user("q"), assistant(call("a.b"), call("a:b")), user(result("a.b"), result("a:b")))
    written = body(*turns)

    ids = [block["id"] for block in content(written, 1)]
    assert ids == [block["tool_use_id"] for block in content(written)]
    assert len(set(ids)) == 2


def test_case_110_system_messages_stay_or_become_reminders():
    turns = (user("a"), Turn("system", (Text("note"),)), assistant("b"), user("c"), Turn("system", (Text("last"),)))
    kept = body(*turns)
    reminded = body(*turns, dialect=replace(DIALECT, system_in_messages=False))

    assert [message["role"] for message in kept["messages"]] == ["user", "system", "assistant", "user", "system"]
    assert [message["role"] for message in reminded["messages"]] == ["user", "assistant", "user"]
    assert content(reminded)[-1]["text"] == "<system-reminder>\nlast\n</system-reminder>"


def test_case_111_the_billing_block_goes_to_anthropic_only():
    system = (Text("x-anthropic-billing-header: cc_version=1;"), Text("S"))

    assert [block["text"] for block in body(system=system)["system"]] == [system[0].text, "S"]
    other = body(system=system, dialect=replace(DIALECT, billing_block=False))
    assert [block["text"] for block in other["system"]] == ["S"]


def test_case_112_each_part_of_a_developer_message_is_a_block_with_its_mark():
    parts = [{"type": "text", "text": "A", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "B"}]
    written = from_chat({"role": "developer", "content": parts}, {"role": "user", "content": "q"})

    assert written.body["system"] == [
        {"type": "text", "text": "A", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "B"},
    ]


@pytest.mark.parametrize("words", ["", " \n"])
def test_case_113_blank_text_beside_a_call_is_no_block(words):
    written = body(user("q"), assistant(words, call("1")), user(result("1")))

    assert [block["type"] for block in content(written, 1)] == ["tool_use"]


def test_case_114_a_prefill_does_not_end_in_white_space():
    assert content(body(user("q"), assistant("It is \n")))[0]["text"] == "It is"


def test_case_116_neighbours_of_one_role_are_one():
    assert len(body(user("a"), user("b"), assistant("c"), assistant("d"), user("e"))["messages"]) == 3


def test_case_117_a_conversation_that_begins_with_the_assistant_gets_a_first_line():
    written = body(assistant("a"), user("b"))

    assert [message["role"] for message in written["messages"]] == ["user", "assistant", "user"]
    assert losses(assistant("a"), user("b")) == ["messages[0]"]


def test_case_118_the_first_marks_of_the_messages_give_way():
    marked = [Text(str(index), CacheMark()) for index in range(3)]
    written = body(
        user(marked[0]),
        assistant(marked[1]),
        user(marked[2]),
        system=(Text("S", CacheMark("1h")),),
        tools=(replace(TOOL, cache=CacheMark()),),
    )

    assert ["cache_control" in message["content"][0] for message in written["messages"]] == [False, True, True]
    assert written["system"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}


def test_case_119_the_automatic_mark_stays_at_the_top_and_counts():
    source = {"cache_control": {"type": "ephemeral"}, "model": "m", "max_tokens": 9}
    marked = [{"type": "text", "text": str(index), "cache_control": {"type": "ephemeral"}} for index in range(4)]
    request = PROTOCOL.read_request(source | {"messages": [{"role": "user", "content": marked}]})
    written = PROTOCOL.write_request(request, DIALECT).body

    assert written["cache_control"] == {"type": "ephemeral"}
    assert ["cache_control" in block for block in content(written)] == [False, True, True, True]


def test_automatic_caching_is_asked_for_only_where_nothing_is_marked():
    automatic = replace(DIALECT, automatic_cache=True)

    assert body(dialect=automatic)["cache_control"] == {"type": "ephemeral"}
    assert "cache_control" not in body(user(Text("a", CacheMark())), dialect=automatic)


def test_case_121_foreign_and_unsigned_thinking_is_left_out():
    turns = (
        user("q"),
        assistant(Thinking("x"), Thinking("y", Signature("s", "gem-vertex")), Thinking("z", Signature("s", "")), "a"),
        assistant(Thinking("own", SIGNED), Thinking(redacted="opaque"), "b"),
        user("c"),
    )

    assert content(body(*turns), 1) == [
        {"type": "text", "text": "a"},
        {"type": "thinking", "thinking": "own", "signature": "EqQBCkYI"},
        {"type": "redacted_thinking", "data": "opaque"},
        {"type": "text", "text": "b"},
    ]
    assert losses(*turns) == ["messages"]


def test_redacted_thinking_of_another_provider_is_left_out():
    foreign = Thinking(redacted="opaque", signature=Signature("", "oai"))

    assert content(body(user("q"), assistant(foreign, "a"), user("b")), 1) == [{"type": "text", "text": "a"}]


def test_a_provider_that_signs_nothing_gets_no_thinking():
    turns = (user("q"), assistant(Thinking("own", SIGNED), "b"), user("c"))

    assert len(content(body(*turns, dialect=replace(DIALECT, signature_origin="")), 1)) == 1


def test_thinking_that_no_words_follow_is_left_out():
    written = body(user("q"), assistant(Thinking("cut off", SIGNED)), user("go on"))

    assert [message["role"] for message in written["messages"]] == ["user", "user"]


def test_case_122_an_unsigned_tool_loop_switches_budget_thinking_off():
    turns = (user("q"), assistant("a", call("1")), user(result("1")))
    reasoning = Reasoning("budget", budget_tokens=4000)
    signed = (turns[0], assistant(Thinking("t", SIGNED), call("1")), turns[2])

    assert body(*turns, reasoning=reasoning)["thinking"] == {"type": "disabled"}
    assert losses(*turns, reasoning=reasoning) == ["reasoning"]
    assert body(*signed, reasoning=reasoning)["thinking"]["type"] == "enabled"
    assert body(*turns, user("new"), reasoning=reasoning)["thinking"] == {"type": "disabled"}
    assert body(*turns, assistant("b"), user("new"), reasoning=reasoning)["thinking"]["type"] == "enabled"
    assert body(*turns, reasoning=Reasoning("effort", "high"))["thinking"] == {"type": "adaptive"}


def test_a_last_turn_that_cannot_be_said_leaves_an_unsigned_tool_loop_open():
    """The answer broke off in its thinking, or was another provider's own: Anthropic sees the results as the last."""
    loop = (user("q"), assistant(call("1")), user(result("1")))
    unsaid = (
        Thinking("cut off", SIGNED),
        Thinking(redacted="opaque"),
        Hosted("x_call", Native("openai/responses", {}), ""),
    )

    for part in unsaid:
        written = body(*loop, assistant(part), reasoning=Reasoning("budget", budget_tokens=4000))

        assert [message["role"] for message in written["messages"]] == ["user", "assistant", "user"]
        assert written["thinking"] == {"type": "disabled"}


def test_what_stands_behind_a_turn_that_cannot_be_said_belongs_to_the_tool_loop():
    turns = (user("q"), assistant(call("1")), user(result("1")), assistant(Thinking("cut off", SIGNED)), user("go on"))
    written = body(*turns, reasoning=Reasoning("budget", budget_tokens=4000))

    assert [message["role"] for message in written["messages"]] == ["user", "assistant", "user", "user"]
    assert written["thinking"] == {"type": "disabled"}


def test_a_named_users_words_behind_results_belong_to_the_tool_loop():
    named = Turn("user", (Text("go on"),), "bob")
    unsigned = (user("q"), assistant(call("1")), user(result("1")), named)
    signed = (user("q"), assistant(Thinking("t", SIGNED), call("1")), user(result("1")), named)
    reasoning = Reasoning("budget", budget_tokens=4000)

    assert body(*unsigned, reasoning=reasoning)["thinking"] == {"type": "disabled"}
    assert body(*signed, reasoning=reasoning)["thinking"]["type"] == "enabled"


def test_a_system_message_does_not_end_a_tool_loop():
    """Anthropic does not say whether one parts the turns around it, so thinking stays off where either would refuse."""
    told = Turn("system", (Text("be brief"),))
    asked, answered = assistant(call("1")), user(result("1"))
    reasoning = Reasoning("budget", budget_tokens=4000)

    parted = body(user("q"), asked, answered, told, user("go on"), reasoning=reasoning)
    joined = body(user("q"), assistant(Thinking("t", SIGNED), "a"), told, asked, answered, reasoning=reasoning)

    assert [message["role"] for message in parted["messages"]] == ["user", "assistant", "user", "system", "user"]
    assert parted["thinking"] == joined["thinking"] == {"type": "disabled"}


def test_case_134_a_budget_fits_between_its_bounds():
    small = body(max_output_tokens=1000, reasoning=Reasoning("effort", "high"), dialect=BUDGETS)
    fair = body(max_output_tokens=5000, reasoning=Reasoning("effort", "high"), dialect=BUDGETS)
    free = body(reasoning=Reasoning("effort", "medium"), dialect=BUDGETS)

    assert (small["thinking"]["budget_tokens"], small["max_tokens"]) == (1024, 2024)
    assert (fair["thinking"]["budget_tokens"], fair["max_tokens"]) == (4999, 5000)
    assert (free["thinking"]["budget_tokens"], free["max_tokens"]) == (8192, 16384)


def test_case_134_thinking_removes_sampling():
    told = Sampling(temperature=0.2, top_p=0.5, top_k=3)
    written = body(sampling=told, reasoning=Reasoning("effort", "high"))

    assert not {"temperature", "top_p", "top_k"} & set(written)
    assert losses(sampling=told, reasoning=Reasoning("effort", "high")) == ["temperature", "top_p", "top_k"]


@pytest.mark.parametrize("allowed", [(), (ToolReference("Bash"),)])
@pytest.mark.parametrize("dialect", [DIALECT, BUDGETS])
def test_case_135_a_forced_tool_switches_thinking_off(allowed, dialect):
    members = {
        "tools": (TOOL,),
        "tool_choice": ToolChoice("required", allowed),
        "reasoning": Reasoning("effort", "high"),
    }

    assert "thinking" not in body(**members, dialect=dialect)
    assert losses(**members, dialect=dialect) == ["reasoning"]


@pytest.mark.parametrize(
    ("reasoning", "dialect", "thinking", "effort"),
    [
        (Reasoning("off", "high"), DIALECT, {"type": "disabled"}, None),
        (Reasoning("effort", "none"), DIALECT, {"type": "disabled"}, None),
        (Reasoning("effort", "minimal"), DIALECT, {"type": "adaptive"}, "low"),
        (Reasoning("effort", "xhigh"), DIALECT, {"type": "adaptive"}, "xhigh"),
        (Reasoning("effort", "xhigh"), replace(DIALECT, efforts=("low", "high")), {"type": "adaptive"}, "high"),
        (Reasoning("adaptive"), DIALECT, {"type": "adaptive"}, None),
        (Reasoning("adaptive", "low", visible=False), DIALECT, {"type": "adaptive", "display": "omitted"}, "low"),
        (Reasoning("adaptive"), BUDGETS, {"type": "enabled", "budget_tokens": 24576}, None),
        (Reasoning("budget", budget_tokens=2000), DIALECT, {"type": "enabled", "budget_tokens": 2000}, None),
        (Reasoning("budget", "low", 2000), DIALECT, {"type": "enabled", "budget_tokens": 2000}, "low"),
        (Reasoning("effort", "low", summary="auto"), DIALECT, {"type": "adaptive", "display": "summarized"}, "low"),
        (
            Reasoning("budget", budget_tokens=10, visible=True),
            DIALECT,
            {"type": "enabled", "budget_tokens": 1024, "display": "summarized"},
            None,
        ),
    ],
)
def test_case_136_reasoning_in_anthropics_words(reasoning, dialect, thinking, effort):
    written = body(reasoning=reasoning, dialect=dialect)

    assert written["thinking"] == thinking
    assert written.get("output_config", {}).get("effort") == effort


def test_case_139_long_names_are_short_on_the_wire_and_come_back():
    name = "mcp__" + "x" * 150
    tool = FunctionTool(name, schema={"type": "object"})
    choice = ToolChoice("required", (ToolReference(name),))
    turns = (user("q"), assistant(ToolCall("1", name, "{}")), user(result("1")))
    written = write(*turns, tools=(tool,), tool_choice=choice)

    wire = written.body["tools"][0]["name"]
    assert anthropic_refusals(written.body) == []
    assert wire == written.body["tool_choice"]["name"] == written.body["messages"][1]["content"][0]["name"]
    answer = {"content": [{"type": "tool_use", "id": "1", "name": wire, "input": {}}], "stop_reason": "tool_use"}
    assert PROTOCOL.read_response(answer, DIALECT, written.undo).parts[0].name == name


def test_case_082_namespaces_are_flat_on_the_wire_and_come_back():
    tool = FunctionTool("y", schema={"type": "object"}, namespace="mcp__x")
    written = write(tools=(tool,))

    assert written.body["tools"][0]["name"] == "mcp__x__y"
    answer = {"content": [{"type": "tool_use", "id": "1", "name": "mcp__x__y", "input": {}}], "stop_reason": "tool_use"}
    read = PROTOCOL.read_response(answer, DIALECT, written.undo).parts[0]
    assert (read.name, read.namespace) == ("y", "mcp__x")


def test_case_080_freeform_tools_are_functions_with_one_string():
    turns = (user("q"), assistant(ToolCall("1", "apply_patch", "*** Begin", "freeform")), user(result("1")))
    written = write(*turns, tools=(FreeformTool("apply_patch", "patches"),))

    assert anthropic_refusals(written.body) == []
    assert written.body["tools"][0]["input_schema"]["required"] == ["input"]
    assert content(written.body, 1)[0]["input"] == {"input": "*** Begin"}
    answer = {
        "content": [{"type": "tool_use", "id": "2", "name": "apply_patch", "input": {"input": "*** End"}}],
        "stop_reason": "tool_use",
    }
    read = PROTOCOL.read_response(answer, DIALECT, written.undo).parts[0]
    assert (read.kind, read.arguments) == ("freeform", "*** End")


@pytest.mark.parametrize("schema", [None, {}])
def test_case_143_a_missing_schema_is_an_empty_object(schema):
    written = body(tools=(FunctionTool("a", schema=schema),))

    assert written["tools"] == [{"name": "a", "input_schema": {"type": "object", "properties": {}}}]


def test_case_141_a_tools_type_does_not_leak_into_its_schema():
    tool = {"type": "custom", "name": "a", "input_schema": {"properties": {}}}
    request = PROTOCOL.read_request({"model": "m", "messages": [{"role": "user", "content": "q"}], "tools": [tool]})
    foreign = replace(request, tools=(FunctionTool("a", schema={"properties": {}}),))

    assert PROTOCOL.write_request(foreign, DIALECT).body["tools"][0]["input_schema"]["type"] == "object"


def test_tools_of_one_name_are_told_once():
    assert [tool["name"] for tool in body(tools=(TOOL, TOOL))["tools"]] == ["Bash"]
    assert losses(tools=(TOOL, TOOL)) == ["tools[1]"]


def test_strict_tools_need_a_provider_that_knows_them():
    strict = replace(TOOL, strict=True)

    assert "strict" not in body(tools=(strict,))["tools"][0]
    assert losses(tools=(strict,)) == ["tools[0].strict"]
    assert body(tools=(strict,), dialect=replace(DIALECT, strict_tools=True))["tools"][0]["strict"] is True


def test_case_146_output_schemas_are_closed_and_without_limits():
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer", "minimum": 3}, "o": {"type": "object", "properties": {}}},
        "required": ["n"],
    }
    told = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}
    written = from_chat({"role": "user", "content": "q"}, response_format=told)

    wanted = written.body["output_config"]["format"]
    assert set(wanted) == {"type", "schema"}
    assert wanted["schema"]["required"] == ["n"]
    assert "3" in wanted["schema"]["properties"]["n"]["description"]
    assert [loss.path for loss in written.losses] == ["response_format"]


def test_json_without_a_schema_is_asked_for_in_words():
    written = body(system=(Text("S"),), output_format=OutputFormat())

    assert len(written["system"]) == 2
    assert "JSON" in written["system"][1]["text"]
    assert losses(output_format=OutputFormat()) == ["response_format"]


def test_a_schema_is_told_in_words_where_no_member_can():
    written = body(output_format=OutputFormat({"type": "object"}), dialect=replace(DIALECT, json_schema=False))

    assert '{"type":"object"}' in written["system"][0]["text"]
    assert "output_config" not in written


@pytest.mark.parametrize(
    ("choice", "tools", "expected"),
    [
        (None, (TOOL,), {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("auto"), (TOOL,), {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("required"), (TOOL,), {"type": "any", "disable_parallel_tool_use": True}),
        (ToolChoice("none"), (TOOL,), {"type": "none"}),
        (ToolChoice("auto"), (), None),
        (None, (), None),
    ],
)
def test_case_147_no_parallel_calls(choice, tools, expected):
    assert body(tools=tools, tool_choice=choice, parallel_tool_calls=False).get("tool_choice") == expected


@pytest.mark.parametrize(("mode", "kind"), [("auto", "auto"), ("required", "any")])
def test_case_148_allowed_tools_are_the_only_ones_told(mode, kind):
    others = tuple(FunctionTool(name, schema={"type": "object"}) for name in "ab")
    choice = ToolChoice(mode, (ToolReference("Bash"), ToolReference("b")))
    written = body(tools=(TOOL, *others), tool_choice=choice)

    assert [tool["name"] for tool in written["tools"]] == ["Bash", "b"]
    assert written["tool_choice"] == {"type": kind}


def test_case_149_a_choice_without_tools_is_left_out():
    assert "tool_choice" not in body(tool_choice=ToolChoice("auto"))
    assert losses(tool_choice=ToolChoice("required")) == ["tool_choice"]


SEARCH = HostedTool("web_search", Native("openai/responses", {"type": "web_search"}))
FILES = HostedTool("file_search", Native("openai/responses", {"type": "file_search"}))


def test_hosted_tools_of_others_are_translated_dropped_or_refused():
    forced = ToolChoice("required", (ToolReference("file_search", kind="hosted"),))

    assert body(tools=(SEARCH,))["tools"] == [{"type": "web_search_20250305", "name": "web_search"}]
    assert "tools" not in body(tools=(FILES,))
    assert losses(tools=(FILES,)) == ["tools[0]"]
    with pytest.raises(Unsupported, match="file_search"):
        write(tools=(TOOL, FILES), tool_choice=forced)
    with pytest.raises(Unsupported):
        write(tools=(FILES,), tool_choice=ToolChoice("required"))


def test_a_web_search_that_is_forced_is_named():
    forced = ToolChoice("required", (ToolReference("web_search", kind="hosted"),))

    assert body(tools=(SEARCH,), tool_choice=forced)["tool_choice"] == {"type": "tool", "name": "web_search"}
    with pytest.raises(Unsupported):
        write(tools=(SEARCH,), tool_choice=forced, dialect=replace(DIALECT, own_web_search=""))


def test_a_web_search_keeps_what_anthropic_can_say_of_it():
    asked = {
        "type": "web_search",
        "filters": {"allowed_domains": ["a.example"]},
        "user_location": {"type": "approximate", "city": "Bonn"},
        "search_context_size": "high",
    }
    tool = HostedTool("web_search", Native("openai/responses", asked))

    assert body(tools=(tool,))["tools"] == [
        {
            "type": "web_search_20250305",
            "name": "web_search",
            "allowed_domains": ["a.example"],
            "user_location": {"type": "approximate", "city": "Bonn"},
        }
    ]
    assert losses(tools=(tool,)) == ["tools[0].context_size"]


def test_own_hosted_tools_and_their_choice_go_back():
    tool = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}
    source = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "q"}], "tools": [tool]}
    source["tool_choice"] = {"type": "tool", "name": "web_search"}
    written = PROTOCOL.write_request(PROTOCOL.read_request(source), DIALECT).body

    assert (written["tools"], written["tool_choice"]) == ([tool], source["tool_choice"])


def test_case_152_images_are_of_the_type_that_their_bytes_show():
    assert content(body(user(Image(Inline("", PNG)))))[0]["source"]["media_type"] == "image/png"
    bitmap = base64.b64encode(b"BM" + b"0" * 20).decode()
    with pytest.raises(Unsupported, match="image/bmp"):
        write(user(Image(Inline("image/png", bitmap))))


def test_images_by_address_and_their_detail():
    link = Image(Link("https://a.example/i.png"), detail="high")

    assert content(body(user(link)))[0] == {
        "type": "image",
        "source": {"type": "url", "url": "https://a.example/i.png"},
    }
    assert losses(user(link)) == ["messages[0].content[0].detail"]
    with pytest.raises(Unsupported):
        write(user(Image(Link("gs://bucket/i.png"))))


def test_documents_of_every_source():
    pdf = base64.b64encode(b"%PDF-1.7 ...............").decode()
    words = base64.b64encode("häh".encode()).decode()
    documents = (
        Document(Inline("application/pdf", pdf), "T", "C", True, CacheMark()),
        Document(Link("https://a.example/d.pdf")),
        Document(Inline("text/plain", words)),
        Document((Text("a"),), "T"),
        Document((Text("a"), Text("b"))),
    )

    assert content(body(user(*documents))) == [
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": pdf},
            "title": "T",
            "context": "C",
            "citations": {"enabled": True},
            "cache_control": {"type": "ephemeral"},
        },
        {"type": "document", "source": {"type": "url", "url": "https://a.example/d.pdf"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "häh"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}, "title": "T"},
        {
            "type": "document",
            "source": {"type": "content", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        },
    ]


@pytest.mark.parametrize(
    "part",
    [
        Audio(Inline("audio/wav", "AAAA"), "wav"),
        Video(Link("https://a.example/v.mp4")),
        Image(FileReference("file_1")),
        Document(FileReference("file_1")),
        Document(Inline("application/msword", "AAAA")),
        Unknown("odd", Native("openai/chat", {"type": "odd"})),
    ],
)
def test_what_anthropic_cannot_take_is_refused(part):
    with pytest.raises(Unsupported):
        write(user(part))


def test_files_in_anthropics_own_store_pass():
    image = {"type": "image", "source": {"type": "file", "file_id": "file_1"}}
    source = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [image]}]}

    assert content(PROTOCOL.write_request(PROTOCOL.read_request(source), DIALECT).body) == [image]


def test_foreign_hosted_and_unknown_parts_leave_their_words():
    hosted = Hosted("web_search_call", Native("openai/responses", {}), "A: https://a.example")
    silent = Hosted("computer_call", Native("openai/responses", {}))

    assert content(body(user("q"), assistant(hosted, silent, "a"), user("b")), 1) == [
        {"type": "text", "text": "A: https://a.example"},
        {"type": "text", "text": "a"},
    ]
    assert len(losses(user("q"), assistant(hosted, silent, "a"), user("b"))) == 2
    assert len(body(user("q"), assistant(silent), user("b"))["messages"]) == 2


def test_a_refusal_and_foreign_citations_are_text():
    cited = Text("a", annotations=({"type": "url_citation", "url": "https://a.example"},))

    assert content(body(user("q"), assistant(cited, Refusal("no")), user("b")), 1) == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "no"},
    ]


@pytest.mark.parametrize("arguments", ["", "  ", "null", "{}"])
def test_arguments_that_say_nothing_are_an_empty_object(arguments):
    assert content(body(user("q"), assistant(call("1", arguments)), user(result("1"))), 1)[0]["input"] == {}


@pytest.mark.parametrize("arguments", ["[1]", '"x"', '{"a":1}{"b":2}', "{"])
def test_arguments_that_are_no_object_are_wrapped(arguments):
    written = body(user("q"), assistant(call("1", arguments)), user(result("1")))

    assert content(written, 1)[0]["input"] == {"__invalid_json": arguments}


def test_case_155_more_than_one_answer_is_refused():
    with pytest.raises(Unsupported, match=r"^n: "):
        write(sampling=Sampling(candidates=2))
    assert "n" not in body(sampling=Sampling(candidates=1))


def test_case_156_stop_sequences_of_white_space_are_left_out():
    written = body(stop=("a", "\n", "b", "c", "d", "e"))

    assert written["stop_sequences"] == ["a", "b", "c", "d", "e"]
    assert losses(stop=("\n",)) == ["stop"]


def test_sampling_within_anthropics_bounds():
    assert body(sampling=Sampling(temperature=1.7))["temperature"] == 1
    assert losses(sampling=Sampling(temperature=1.7)) == ["temperature"]
    assert body(sampling=Sampling(temperature=0.3, top_k=5)) | {"temperature": 0.3, "top_k": 5} == body(
        sampling=Sampling(temperature=0.3, top_k=5)
    )
    assert "top_p" not in body(sampling=Sampling(temperature=1, top_p=1))
    assert losses(sampling=Sampling(temperature=1, top_p=1)) == []
    assert losses(sampling=Sampling(temperature=0.3, top_p=0.5)) == ["top_p"]
    assert body(sampling=Sampling(top_p=0.5))["top_p"] == 0.5
    assert "temperature" not in body(sampling=Sampling(temperature=0.3), dialect=replace(DIALECT, sampling=False))


def test_sampling_that_anthropic_lacks_is_a_loss_unless_it_says_nothing():
    told = Sampling(
        seed=0, presence_penalty=1.0, frequency_penalty=-1.0, logit_bias={"1": 0.5}, logprobs=True, top_logprobs=2
    )

    assert losses(sampling=told) == [
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
    ]
    assert losses(sampling=Sampling(presence_penalty=0.0, frequency_penalty=0, logit_bias={}, logprobs=False)) == []


def test_the_rest_is_translated_or_a_loss():
    written = write(
        user="u" * 300,
        metadata={"team": 1},
        service_tier="default",
        verbosity="low",
        cache_key="k",
        stream=True,
        stream_usage=True,
    )

    assert len(written.body["metadata"]["user_id"]) == 64
    assert (written.body["service_tier"], written.body["stream"]) == ("standard_only", True)
    assert [loss.path for loss in written.losses] == ["user", "metadata.team", "verbosity", "prompt_cache_key"]
    assert losses(service_tier="flex") == ["service_tier"]


def test_own_extensions_go_back_and_foreign_ones_are_losses():
    own = {"context_management": {"edits": []}, "tools[0].input_examples": [{}]}
    written = write(extensions={NAME: own, "openai/chat": {"prediction": {}}})

    assert written.body["context_management"] == {"edits": []}
    assert not any("[" in name for name in written.body)
    assert [loss.path for loss in written.losses] == ["prediction"]


def test_what_only_another_protocol_can_honour_is_refused():
    with pytest.raises(Unsupported, match="previous_response_id"):
        write(native_only={"openai/responses": ("previous_response_id",)})


@pytest.mark.parametrize("turns", [(), (Turn("system", (Text("only"),)),), (user(" "),)])
def test_nobody_to_answer_is_refused(turns):
    with pytest.raises(Unsupported, match="user"):
        PROTOCOL.write_request(Request("m", turns, system=(Text("S"),)), DIALECT)


def test_an_unanswered_call_at_the_end_is_refused():
    with pytest.raises(Unsupported, match="no result"):
        write(user("q"), assistant(call("1")))


def test_a_count_is_the_request_without_what_is_no_prompt():
    request = Request("m", (user("q"),), tools=(TOOL,), stream=True, stop=("x",), sampling=Sampling(temperature=0.5))
    counted = PROTOCOL.count_request(replace(request, reasoning=Reasoning("adaptive")), DIALECT)

    assert set(counted.body) == {"model", "messages", "tools", "thinking"}


# -- any request at all: refused by us with a reason, or taken by Anthropic

NAMES = st.sampled_from(["Bash", "mcp.x/y", "n" * 140, "a_b"])
IDS = st.sampled_from(["1", "2", "call.3:x", "", "c" * 90])
WORDS = st.sampled_from(["", " ", "hi", "bye \n", "é\u2028"])
MARKS = st.sampled_from([None, None, CacheMark(), CacheMark("1h")])
TEXTS = st.builds(Text, WORDS, MARKS)
SIGNATURES = st.sampled_from([None, SIGNED, Signature("s", "gem-vertex"), Signature("s", "")])
THOUGHTS = st.builds(Thinking, WORDS, SIGNATURES, st.sampled_from([None, None, "opaque"]))
ARGUMENTS = st.sampled_from(["", "{}", '{"a":1}', "[", "3", "null"])
CALLS = st.builds(ToolCall, IDS, NAMES, ARGUMENTS, st.sampled_from(["function", "freeform"]), cache=MARKS)
IMAGES = st.builds(Image, st.sampled_from([Inline("", PNG), Link("https://a.example")]), cache=MARKS)
HOSTED = st.builds(Hosted, st.just("x_call"), st.just(Native("openai/responses", {})), WORDS)
RESULTS = st.builds(
    ToolResult, IDS, st.lists(st.one_of(TEXTS, IMAGES), max_size=2).map(tuple), st.booleans(), cache=MARKS
)
SPEAKERS = st.sampled_from([None, None, "bob"])
TURNS = st.one_of(
    st.builds(Turn, st.just("user"), st.lists(st.one_of(TEXTS, IMAGES, RESULTS), max_size=4).map(tuple), SPEAKERS),
    st.builds(
        Turn, st.just("assistant"), st.lists(st.one_of(TEXTS, THOUGHTS, CALLS, HOSTED), max_size=4).map(tuple), SPEAKERS
    ),
    st.builds(Turn, st.just("system"), st.lists(TEXTS, max_size=2).map(tuple)),
)
TOOLS = st.one_of(
    st.builds(FunctionTool, NAMES, schema=st.sampled_from([None, {}, {"type": "object"}]), cache=MARKS),
    st.builds(FreeformTool, NAMES),
    st.just(SEARCH),
    st.just(FILES),
)
REFERENCES = st.one_of(st.builds(ToolReference, NAMES), st.just(ToolReference("web_search", kind="hosted")))
EFFORTS = st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"])
REQUESTS = st.builds(
    Request,
    st.just("m"),
    st.lists(TURNS, max_size=7).map(tuple),
    system=st.lists(TEXTS, max_size=3).map(tuple),
    tools=st.lists(TOOLS, max_size=4).map(tuple),
    tool_choice=st.none()
    | st.builds(ToolChoice, st.sampled_from(["auto", "required", "none"]), st.lists(REFERENCES, max_size=2).map(tuple)),
    parallel_tool_calls=st.sampled_from([None, True, False]),
    max_output_tokens=st.sampled_from([None, 1, 900, 1024, 5000, 64000]),
    sampling=st.builds(
        Sampling, st.sampled_from([None, 0, 0.4, 1, 1.9]), st.sampled_from([None, 0.5, 1]), st.sampled_from([None, 9])
    ),
    stop=st.lists(st.sampled_from([" ", "END"]), max_size=2).map(tuple),
    reasoning=st.none()
    | st.builds(Reasoning, st.sampled_from(["off", "adaptive", "effort"]), st.none() | EFFORTS)
    | st.builds(Reasoning, st.just("budget"), budget_tokens=st.sampled_from([1, 2000, 90000])),
    output_format=st.sampled_from([None, OutputFormat(), OutputFormat({"type": "object", "properties": {}})]),
)


@settings(max_examples=300, deadline=None)
@given(REQUESTS, st.sampled_from([DIALECT, BUDGETS, replace(DIALECT, system_in_messages=False, signature_origin="")]))
def test_any_request_is_refused_with_a_reason_or_taken(request, dialect):
    try:
        written = PROTOCOL.write_request(request, dialect)
    except Unsupported:
        return

    assert anthropic_refusals(written.body) == []
    PROTOCOL.read_request(written.body)
    assert PROTOCOL.write_request(request, dialect) == written


def converted_again(body: dict):
    """An Anthropic client's body, through the hub to Anthropic."""
    return PROTOCOL.write_request(PROTOCOL.read_request({"model": "m", "max_tokens": 9000, **HI, **body}), DIALECT)


HI = {"messages": [{"role": "user", "content": "hi"}]}


def test_members_of_thinking_and_output_that_the_hub_has_no_word_for_reach_anthropic():
    output = {"effort": "high", "task_budget": {"type": "tokens", "total": 90}}
    thinking = {"type": "adaptive", "block_binding": "strict"}

    written = converted_again({"output_config": output, "thinking": thinking})

    assert (written.body["output_config"], written.body["thinking"]) == (output, thinking)
    assert written.losses == ()


def test_a_kind_of_thinking_of_the_future_stays_what_it_is():
    assert converted_again({"thinking": {"type": "between_tools"}}).body["thinking"] == {"type": "between_tools"}


def test_wishes_for_thinking_go_where_the_thinking_goes():
    forced = {"tools": [{"name": "t", "input_schema": {"type": "object"}}], "tool_choice": {"type": "any"}}

    written = converted_again({"thinking": {"type": "adaptive", "block_binding": "strict"}, **forced})

    assert "thinking" not in written.body
    assert "thinking.block_binding" in [loss.path for loss in written.losses]


def test_an_image_with_a_wrong_media_type_keeps_its_other_members():
    png = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"0" * 33).decode()
    source = {"type": "base64", "media_type": "image/jpeg", "data": png}
    image = {"type": "image", "source": source, "transformations": [{"type": "resize"}]}

    written = converted_again({"messages": [{"role": "user", "content": [image]}]})

    [block] = written.body["messages"][0]["content"]
    assert block == {**image, "source": {**source, "media_type": "image/png"}}


def test_the_description_of_a_format_goes_into_its_schema():
    wanted = OutputFormat({"type": "object", "properties": {}}, "n", "A place.")

    written = PROTOCOL.write_request(Request("m", (Turn("user", (Text("hi"),)),), output_format=wanted), DIALECT)

    assert written.body["output_config"]["format"]["schema"]["description"] == "A place."


def test_a_signature_of_another_provider_at_words_or_a_call_is_a_recorded_loss():
    foreign = Signature("AAAA", "gem-aistudio")
    call = ToolCall("c", "t", "{}", signature=foreign)
    turns = (
        Turn("user", (Text("hi"),)),
        Turn("assistant", (Text("so", signature=foreign), call)),
        Turn("user", (ToolResult("c", (Text("ok"),)),)),
    )

    written = PROTOCOL.write_request(Request("m", turns), DIALECT)

    assert [loss.path for loss in written.losses if loss.path.endswith("signature")] == [
        "messages[1].content[0].signature",
        "messages[1].content[1].signature",
    ]


def test_an_error_with_a_file_is_told_in_words():
    """Beside `is_error` Anthropic takes nothing but text."""
    failed = ToolResult("1", (Text("it broke"), Image(Inline("image/png", PNG))), is_error=True)
    (told,) = content(body(user("q"), assistant(call("1")), user(failed)))

    assert "is_error" not in told
    assert [block["type"] for block in told["content"]] == ["text", "text", "image"]
    assert told["content"][0]["text"] == "Error:"
