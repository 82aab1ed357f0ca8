"""Requests of Responses clients → hub → providers, and other protocols' requests → Responses providers."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from axonhub.transformers.carriers import carried, carried_call
from axonhub.transformers.dialect import Dialect
from axonhub.transformers.dialects import ANTHROPIC, DEEPSEEK, OPENAI, RESPONSES
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
from axonhub.transformers.protocol import Unreadable, Unsupported
from axonhub.transformers.protocols.anthropic_messages import PROTOCOL as ANTHROPIC_MESSAGES
from axonhub.transformers.protocols.openai_chat import PROTOCOL as CHAT
from axonhub.transformers.protocols.openai_responses import PROTOCOL

CODEX = json.loads((Path(__file__).parent.parent / "conversations/openai_responses/codex-tool-loop.json").read_text())
USER = Turn("user", (Text("hi"),))
LS = ToolCall("call_1", "ls", "{}")


def read(*items: dict, **members: object) -> Request:
    return PROTOCOL.read_request({"model": "gpt-5", "input": list(items)} | members)


def body(request: Request, dialect: Dialect = RESPONSES) -> dict:
    return PROTOCOL.write_request(request, dialect).body


def lost(request: Request, dialect: Dialect = RESPONSES, protocol=PROTOCOL) -> list[str]:
    return [loss.path for loss in protocol.write_request(request, dialect).losses]


def ask(*turns: Turn, **members: object) -> Request:
    return Request("gpt-5", turns or (USER,), **members)


def written_items(*turns: Turn, dialect: Dialect = RESPONSES) -> list[dict]:
    return body(ask(*turns), dialect)["input"]


# -- reading


def test_codex_is_read_whole():
    request = PROTOCOL.read_request(CODEX)

    assert [text.text for text in request.system] == ["(system text 1)", "(system text 2)", "(system text 2)"]
    assert [turn.role for turn in request.turns] == ["user", "user", "assistant", "user", "assistant", "user"]
    assert [type(part).__name__ for part in request.turns[2].parts] == ["Thinking", "Text", "ToolCall"]
    assert request.turns[2].parts[0].signature == Signature("sealed", "ant")
    assert request.turns[2].parts[2].kind == "freeform"
    assert request.turns[4].parts == (
        ToolCall(
            "call_2",
            "exec_command",
            '{"cmd": "cat made.txt"}',
            signature=Signature("sig", "gem-aistudio"),
            item_id="fc_6e26e9e87b9279751f0c201c",
        ),
    )
    assert {tool.namespace for tool in request.tools if isinstance(tool, FunctionTool)} == {None, "multi_agent_v1"}
    assert (request.stream, request.parallel_tool_calls, request.cache_key) == (True, True, CODEX["prompt_cache_key"])
    assert request.reasoning == Reasoning("adaptive", visible=True, summary="auto")


@pytest.mark.parametrize(
    ("protocol", "dialect"), [(CHAT, OPENAI), (CHAT, DEEPSEEK), (ANTHROPIC_MESSAGES, ANTHROPIC), (PROTOCOL, RESPONSES)]
)
def test_codex_is_taken_by_every_protocol_and_nothing_is_lost_in_silence(protocol, dialect):
    request = PROTOCOL.read_request(CODEX)
    written = protocol.write_request(request, dialect)

    assert json.dumps(written.body)
    told = {loss.path for loss in written.losses}
    assert "client_metadata" in told or protocol is PROTOCOL
    assert "web_search" in json.dumps(written.body) or any(path.startswith("tools[") for path in told)


def test_a_string_input_is_a_users_message():
    assert PROTOCOL.read_request({"model": "m", "input": "hi"}).turns == (USER,)


def test_model_and_stream_may_come_from_outside():
    request = PROTOCOL.read_request({"input": "hi", "model": "m", "stream": False}, "other", True)

    assert (request.model, request.stream) == ("other", True)


def test_two_messages_of_a_user_stay_two_and_outputs_join_the_message_behind_them():
    request = read(
        {"role": "user", "content": "a"},
        {"role": "user", "content": "b"},
        {"type": "function_call", "call_id": "call_1", "name": "ls", "arguments": "{}"},
        {"type": "function_call", "call_id": "call_2", "name": "ls", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "x"},
        {"type": "function_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "y"}]},
        {"role": "user", "content": "c"},
    )

    assert [len(turn.parts) for turn in request.turns] == [1, 1, 2, 3]
    assert request.turns[3].parts[1] == ToolResult("call_2", (Text("y"),))


def test_system_messages_lead_or_stay_in_place():
    request = read(
        {"role": "developer", "content": "one"},
        {"role": "system", "content": [{"type": "input_text", "text": "two"}]},
        {"role": "user", "content": "hi"},
        {"role": "developer", "content": "three"},
        instructions="zero",
    )

    assert [text.text for text in request.system] == ["zero", "one", "two"]
    assert request.turns == (USER, Turn("system", (Text("three"),)))


def test_media_parts():
    request = read(
        {
            "role": "user",
            "content": [
                {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "low"},
                {"type": "input_image", "image_url": "https://a.example/x.png", "detail": "auto"},
                {"type": "input_image", "file_id": "file_1", "detail": "auto"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="},
                {"type": "input_file", "file_url": "https://a.example/a.pdf"},
                {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}},
                {"type": "input_future", "x": 1},
            ],
        }
    )

    assert request.turns[0].parts == (
        Image(Inline("image/png", "aGk="), "low"),
        Image(Link("https://a.example/x.png"), "auto"),
        Image(FileReference("file_1"), "auto"),
        Document(Inline("application/pdf", "aGk="), "a.pdf"),
        Document(Link("https://a.example/a.pdf")),
        Audio(Inline("audio/mp3", "aGk="), "mp3"),
        Unknown("input_future", Native("openai/responses", {"type": "input_future", "x": 1})),
    )


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"model": 5, "input": "x"}, "model"),
        ({"input": "x"}, "model"),
        ({"input": {}}, "input"),
        ({"input": [5]}, "input[0]"),
        ({"input": [{}]}, "input[0].type"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": 5}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": ["x"]}]}, "input[0].content[0]"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0]"),
        ({"input": [{"type": "function_call", "name": "x"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call", "call_id": "x"}]}, "input[0].name"),
        ({"input": "x", "tools": [{"type": "function"}]}, "tools[0].name"),
        ({"input": "x", "tools": [{}]}, "tools[0].type"),
        ({"input": "x", "tools": [{"type": "function", "name": "a", "parameters": []}]}, "tools[0].parameters"),
        ({"input": "x", "tools": [{"type": "namespace", "name": "n", "tools": [5]}]}, "tools[0].tools[0]"),
        ({"input": "x", "tool_choice": 5}, "tool_choice"),
        ({"input": "x", "temperature": "hot"}, "temperature"),
        ({"input": "x", "text": {"format": {}}}, "text.format.type"),
        ({"input": "x", "reasoning": "high"}, "reasoning"),
    ],
)
def test_a_member_of_the_wrong_type_is_named(given, path):
    with pytest.raises(Unreadable) as error:
        PROTOCOL.read_request({"model": "m"} | given if "model" in given or path != "model" else given)

    assert error.value.path == path


@pytest.mark.parametrize("member", ["previous_response_id", "conversation", "prompt", "background"])
def test_what_only_openai_has_stored_is_refused_elsewhere(member):
    request = read({"role": "user", "content": "x"}, **{member: True if member == "background" else "id"})

    assert body(request)[member] in (True, "id")
    with pytest.raises(Unsupported) as error:
        CHAT.write_request(request, OPENAI)
    assert error.value.path == member


@pytest.mark.parametrize("kind", ["item_reference", "compaction"])
def test_a_history_that_only_openai_can_read_is_refused_elsewhere(kind):
    item = {"type": kind, "id": "x", "encrypted_content": "y"}
    request = read(item, {"role": "user", "content": "x"})

    assert body(request)["input"][0] == item
    with pytest.raises(Unsupported, match=r"input\[0\]"):
        ANTHROPIC_MESSAGES.write_request(request, ANTHROPIC)


def test_members_without_a_hub_word_are_recorded_as_lost_elsewhere():
    request = read(
        {"role": "assistant", "content": [{"type": "output_text", "text": "a"}], "phase": "commentary", "id": "msg_1"},
        {"role": "user", "content": "x"},
        tools=[{"type": "function", "name": "a", "defer_loading": True}],
        truncation="auto",
        max_tool_calls=3,
        include=["web_search_call.results", "reasoning.encrypted_content"],
        reasoning={"effort": "low", "context": "auto"},
        stream_options={"include_obfuscation": False},
    )
    expected = {
        "input[].phase",
        "tools[].defer_loading",
        "truncation",
        "max_tool_calls",
        "include",
        "reasoning.context",
        "stream_options",
    }

    assert expected <= set(lost(request, OPENAI, CHAT))
    assert lost(request) == []
    again = body(request)
    assert again["include"] == ["web_search_call.results", "reasoning.encrypted_content"]
    assert (again["reasoning"], again["truncation"]) == ({"effort": "low", "context": "auto"}, "auto")
    assert (again["tools"][0]["defer_loading"], again["input"][0]["phase"]) == (True, "commentary")


def test_settings_that_say_nothing_are_not_lost():
    request = read({"role": "user", "content": "x"}, store=False, background=False, truncation="disabled", user=None)

    assert lost(request, OPENAI, CHAT) == []


def test_a_configuration_update_overrides_and_late_tools_are_tools():
    request = read(
        {"role": "user", "content": "x"},
        {"type": "configuration_update", "reasoning": {"effort": "high"}},
        {"type": "additional_tools", "role": "developer", "tools": [{"type": "function", "name": "late"}]},
        reasoning={"effort": "low", "summary": "auto"},
    )

    assert request.reasoning == Reasoning("effort", "high", visible=True, summary="auto")
    assert [tool.name for tool in request.tools] == ["late"]


# -- tools


@pytest.mark.parametrize("kind", ["mcp", "local_shell", "apply_patch", "computer"])
def test_tools_that_only_openais_models_know_or_openai_calls_are_refused_elsewhere(kind):
    request = read({"role": "user", "content": "x"}, tools=[{"type": kind, "server_label": "a"}])

    assert body(request)["tools"] == [{"type": kind, "server_label": "a"}]
    with pytest.raises(Unsupported, match=r"tools\[0\]"):
        CHAT.write_request(request, OPENAI)


def test_case_084_an_unknown_tool_type_is_lost_and_forcing_it_is_refused():
    tools = [{"type": "hologram"}, {"type": "function", "name": "ls", "parameters": {}}]
    free = read({"role": "user", "content": "x"}, tools=tools)
    forced = read({"role": "user", "content": "x"}, tools=tools, tool_choice={"type": "hologram"})

    assert "tools[0]" in lost(free, DEEPSEEK, CHAT)
    assert [tool["function"]["name"] for tool in CHAT.write_request(free, DEEPSEEK).body["tools"]] == ["ls"]
    for protocol, dialect in ((CHAT, DEEPSEEK), (ANTHROPIC_MESSAGES, ANTHROPIC)):
        with pytest.raises(Unsupported):
            protocol.write_request(forced, dialect)


def test_case_085_a_web_search_without_a_name_is_mapped_or_dropped():
    request = read({"role": "user", "content": "x"}, tools=[{"type": "web_search", "external_web_access": False}])

    assert "tools" not in CHAT.write_request(request, DEEPSEEK).body
    assert "tools[0]" in lost(request, DEEPSEEK, CHAT)
    assert body(request)["tools"] == [{"type": "web_search", "external_web_access": False}]


def test_case_082_a_group_is_made_again_for_openai():
    group = {
        "type": "namespace",
        "name": "n",
        "description": "d",
        "tools": [{"type": "function", "name": "a"}, {"type": "custom", "name": "b"}],
    }
    request = read(
        {"role": "user", "content": "x"}, tools=[group], tool_choice={"type": "function", "name": "a", "namespace": "n"}
    )

    assert body(request)["tools"] == [group]
    assert body(request)["tool_choice"] == {"type": "function", "namespace": "n", "name": "a"}


def test_case_082_a_group_is_flattened_for_servers_without_groups():
    tools = [{"type": "namespace", "name": "n", "description": "d", "tools": [{"type": "function", "name": "a"}]}]
    history = {"type": "function_call", "call_id": "c", "name": "a", "namespace": "n", "arguments": "{}"}
    request = read(
        {"role": "user", "content": "x"},
        history,
        {"type": "function_call_output", "call_id": "c", "output": ""},
        tools=tools,
        tool_choice={"type": "function", "name": "a", "namespace": "n"},
    )
    written = PROTOCOL.write_request(request, Dialect())

    assert [tool["name"] for tool in written.body["tools"]] == ["n__a"]
    assert written.body["tool_choice"] == {"type": "function", "name": "n__a"}
    assert written.body["input"][1]["name"] == "n__a"
    assert written.undo.reference("n__a") == ToolReference("a", "n")


def test_case_139_long_names_are_shortened_and_undone():
    name = "mcp__" + "x" * 90
    written = PROTOCOL.write_request(
        ask(tools=(FunctionTool(name),), tool_choice=ToolChoice("required", (ToolReference(name),))), RESPONSES
    )
    wire = written.body["tools"][0]["name"]

    assert len(wire) <= 64
    assert written.body["tool_choice"] == {"type": "function", "name": wire}
    assert written.undo.reference(wire).name == name


def test_case_144_strict_is_said_to_be_off_when_nobody_asked_for_it():
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    anthropic = {
        "model": "m",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "x"}],
        "tools": [{"name": "ls", "input_schema": schema}],
    }

    assert body(ANTHROPIC_MESSAGES.read_request(anthropic))["tools"] == [
        {"type": "function", "name": "ls", "parameters": schema, "strict": False}
    ]


def test_strict_that_openai_cannot_keep_is_lost():
    request = ask(tools=(FunctionTool("ls", schema={"type": "object", "properties": {"a": {}}}, strict=True),))

    assert body(request)["tools"][0]["strict"] is False
    assert lost(request) == ["tools[0].strict"]


def test_case_143_a_missing_schema_is_an_empty_object():
    assert body(ask(tools=(FunctionTool("ls"),)))["tools"][0]["parameters"] == {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("schema", "strict", "expected"),
    [
        ({"type": "object", "properties": {"a": {"type": "string"}}}, None, False),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, True, False),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "required": ["a"],
                "additionalProperties": False,
            },
            None,
            True,
        ),
    ],
)
def test_case_145_output_formats_are_strict_only_where_openai_can_keep_it(schema, strict, expected):
    told = body(ask(output_format=OutputFormat(schema, strict=strict)))["text"]["format"]

    assert told == {"type": "json_schema", "name": "response", "schema": schema, "strict": expected}


def test_custom_tools_go_as_functions_where_they_are_unknown():
    tool = FreeformTool("apply_patch", "Edits.", {"type": "grammar", "syntax": "lark", "definition": "start: x"})
    turns = (
        USER,
        Turn("assistant", (ToolCall("c", "apply_patch", "*** Begin", "freeform"),)),
        Turn("user", (ToolResult("c", (Text("ok"),), kind="freeform"),)),
    )
    plain = PROTOCOL.write_request(ask(*turns, tools=(tool,)), Dialect())
    own = body(ask(*turns, tools=(tool,)))

    assert (plain.body["tools"][0]["type"], plain.body["tools"][0]["parameters"]["required"]) == ("function", ["input"])
    assert [item["type"] for item in plain.body["input"]] == ["message", "function_call", "function_call_output"]
    assert json.loads(plain.body["input"][1]["arguments"]) == {"input": "*** Begin"}
    assert plain.undo.reference("apply_patch").kind == "freeform"
    assert [item["type"] for item in own["input"]] == ["message", "custom_tool_call", "custom_tool_call_output"]


def test_tools_of_other_vendors():
    search = HostedTool("web_search_20250305", Native("anthropic/messages", {"allowed_domains": ["a.example"]}))
    bash = HostedTool("bash_20250124", Native("anthropic/messages", {}))

    assert body(ask(tools=(search,)))["tools"] == [
        {"type": "web_search", "filters": {"allowed_domains": ["a.example"]}}
    ]
    assert lost(ask(tools=(search,)), Dialect()) == ["tools[0]"]
    with pytest.raises(Unsupported, match="bash_20250124"):
        body(ask(tools=(bash,)))


def test_case_148_allowed_tools_are_said_or_cut():
    request = ask(
        tools=(FunctionTool("a"), FunctionTool("b"), FunctionTool("c")),
        tool_choice=ToolChoice("required", (ToolReference("a"), ToolReference("b"))),
    )

    assert body(request)["tool_choice"] == {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "a"}, {"type": "function", "name": "b"}],
    }
    cut = body(request, Dialect())
    assert ([tool["name"] for tool in cut["tools"]], cut["tool_choice"]) == (["a", "b"], "required")


def test_case_149_a_choice_without_tools_is_dropped():
    request = ask(tool_choice=ToolChoice("auto"), parallel_tool_calls=False)

    assert not {"tools", "tool_choice", "parallel_tool_calls"} & body(request).keys()
    assert lost(request) == ["tool_choice"]


# -- history


def test_case_109_long_call_ids_are_shortened_alike():
    call_id = "x" * 83
    turns = (
        USER,
        Turn("assistant", (ToolCall(call_id, "ls", ""),)),
        Turn("user", (ToolResult(call_id, ()),)),
    )
    [_, call, output] = written_items(*turns)

    assert call["call_id"] == output["call_id"]
    assert len(call["call_id"]) <= 64
    assert (call["arguments"], output["output"]) == ("{}", "")


SEALED = Thinking("why", Signature("gAAA", "oai"), item_id="rs_1")


def test_case_131_reasoning_without_what_it_led_to_is_dropped():
    turns = (USER, Turn("assistant", (SEALED, Text("a"), SEALED)), USER)

    assert [item["type"] for item in written_items(*turns)] == ["message", "reasoning", "message", "message"]
    assert "messages[].content[].thinking" in lost(ask(*turns))


def test_case_131_reasoning_stays_directly_before_its_own_output():
    turns = (USER, Turn("assistant", (SEALED, LS, Text("a"))), Turn("user", (ToolResult("call_1", ()),)))

    assert [item["type"] for item in written_items(*turns)] == [
        "message",
        "reasoning",
        "function_call",
        "message",
        "function_call_output",
    ]


@pytest.mark.parametrize(
    ("minted", "channel", "sent"),
    [
        ("oai-1", "oai-1", True),
        ("oai-1", "oai-2", False),
        ("oai", "oai-2", True),
        ("ant", "oai", False),
        ("", "", False),
    ],
)
def test_case_132_encrypted_reasoning_goes_only_where_it_was_minted(minted, channel, sent):
    turn = Turn("assistant", (Thinking("why", Signature("gAAA", minted)), Text("a")))
    items = written_items(USER, turn, USER, dialect=Dialect(signature_origin=channel))

    assert ("reasoning" in [item["type"] for item in items]) is sent


def test_case_133_reasoning_without_an_id_gets_none():
    turn = Turn("assistant", (Thinking("why", Signature("gAAA", "oai")), Text("a")))

    assert written_items(USER, turn, USER)[1] == {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "why"}],
        "encrypted_content": "gAAA",
    }


def test_reasoning_ids_of_another_kind_are_left_out():
    turn = Turn("assistant", (Thinking("", Signature("gAAA", "oai"), item_id="reasoning_7"), Text("a")))

    assert written_items(USER, turn, USER)[1] == {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}


@pytest.mark.parametrize(("replay", "sent"), [("never", 0), ("always", 2), ("tool_loop", 1)])
def test_open_models_get_plain_reasoning_back_by_their_rule(replay, sent):
    turns = (
        USER,
        Turn("assistant", (Thinking("old"), Text("a"))),
        USER,
        Turn("assistant", (Thinking("new"), LS)),
        Turn("user", (ToolResult("call_1", ()),)),
    )
    items = written_items(*turns, dialect=Dialect(reasoning_replay=replay))

    assert [item["type"] for item in items].count("reasoning") == sent


def test_case_100_an_error_says_so_and_case_099_nothing_is_an_empty_string():
    turns = (
        USER,
        Turn("assistant", (LS, ToolCall("call_2", "ls", "{}"), ToolCall("call_3", "ls", "{}"))),
        Turn(
            "user",
            (
                ToolResult("call_1", (Text("no such file"),), is_error=True),
                ToolResult("call_2", (Text("Error: gone"),), is_error=True),
                ToolResult("call_3", ()),
            ),
        ),
    )

    assert [item["output"] for item in written_items(*turns)[4:]] == ["Error: no such file", "Error: gone", ""]


def test_case_151_and_152_images_and_files_stay_inside_an_output():
    png = "iVBORw0KGgoAAAANSUhEUg=="
    parts = (Text("see"), Image(Inline("image/jpeg", png)), Document(Inline("application/pdf", "aGk=")))
    turns = (USER, Turn("assistant", (LS,)), Turn("user", (ToolResult("call_1", parts),)))

    assert written_items(*turns)[2]["output"] == [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{png}"},
        {"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,aGk="},
    ]


def test_case_110_system_messages_in_the_middle():
    turns = (USER, Turn("system", (Text("now"),)), Turn("user", (Text("go"),)))

    assert written_items(*turns)[1]["role"] == "developer"
    assert "<system-reminder>" in json.dumps(written_items(*turns, dialect=Dialect()))
    assert {item["role"] for item in written_items(*turns, dialect=Dialect())} == {"user"}


def test_case_111_the_billing_line_of_claude_code_is_left_out():
    request = ask(system=(Text("x-anthropic-billing-header: cc_version=1"), Text("Be kind.")))

    assert body(request)["instructions"] == "Be kind."
    assert lost(request) == ["system[]"]


def test_several_system_blocks_stay_apart_and_keep_their_marks():
    request = ask(system=(Text("a", cache=CacheMark()), Text("b")))
    marked = body(request, Dialect(cache_marks=True))

    assert "instructions" not in marked
    assert marked["input"][0] == {
        "type": "message",
        "role": "system",
        "content": [
            {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
            {"type": "input_text", "text": "b"},
        ],
    }
    assert lost(request) == ["cache_control"]


@pytest.mark.parametrize(
    ("part", "dialect"),
    [
        (Image(Inline("image/bmp", "Qk0=")), RESPONSES),
        (Image(Link("https://a.example")), Dialect(images=False)),
        (Image(FileReference("file_1"), native=Native("anthropic/messages", {})), RESPONSES),
        (Document(Inline("application/pdf", "aGk=")), Dialect()),
        (Document(FileReference("file_1")), RESPONSES),
        (Audio(Inline("audio/wav", "aGk=")), RESPONSES),
        (Video(Link("https://a.example")), RESPONSES),
        (Unknown("browser_state", Native("anthropic/messages", {})), RESPONSES),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_openai_cannot_see_is_refused(part, dialect):
    with pytest.raises(Unsupported):
        written_items(Turn("user", (part,)), dialect=dialect)


def test_words_of_another_vendors_own_tools_are_kept_as_text():
    search = Hosted("web_search_tool_result", Native("anthropic/messages", {}), "A: https://a.example")
    request = ask(USER, Turn("assistant", (search, Text("so"))), USER)

    assert body(request)["input"][1]["content"][0]["text"] == "A: https://a.example"
    assert lost(request) == ["messages[].content[].web_search_tool_result"]


def test_hosted_items_of_openai_come_back_as_they_were_and_are_words_elsewhere():
    shell = {"type": "local_shell_call", "call_id": "c", "id": "lsh_1", "action": {"type": "exec", "command": ["ls"]}}
    output = {"type": "local_shell_call_output", "id": "c", "output": "a.txt"}
    request = read({"role": "user", "content": "x"}, shell, output)

    assert body(request)["input"][1:] == [shell, output]
    chat = CHAT.write_request(request, OPENAI)
    assert "$ ls" in json.dumps(chat.body) and "a.txt" in json.dumps(chat.body)


# -- settings


def test_case_137_reasoning_models_are_sent_no_sampling():
    request = ask(sampling=Sampling(temperature=0.2, top_p=0.9), max_output_tokens=4)

    assert not {"temperature", "top_p"} & body(request).keys()
    assert lost(request) == ["max_tokens", "temperature", "top_p"]
    assert body(request)["max_output_tokens"] == 16
    assert body(ask(sampling=Sampling(temperature=0.2)), Dialect())["temperature"] == 0.2


def test_settings_without_a_word_here_are_lost_and_several_answers_are_refused():
    sampling = Sampling(top_k=5, seed=1, presence_penalty=0.1, frequency_penalty=0.1, logit_bias={"5": 1.5})

    assert lost(ask(sampling=sampling, stop=("END",))) == [
        "top_k",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "stop",
    ]
    with pytest.raises(Unsupported):
        body(ask(sampling=Sampling(candidates=2)))


@pytest.mark.parametrize(
    ("asked", "efforts", "told"),
    [
        (Reasoning("effort", "high"), ("low", "medium", "high"), {"effort": "high"}),
        (Reasoning("effort", "max"), ("low", "medium", "high"), {"effort": "high"}),
        (Reasoning("effort", "xhigh"), ("low", "high", "xhigh"), {"effort": "xhigh"}),
        (Reasoning("effort", "minimal"), ("low", "medium"), {"effort": "low"}),
        (
            Reasoning("budget", budget_tokens=9000, visible=True),
            ("low", "medium"),
            {"effort": "medium", "summary": "auto"},
        ),
        (Reasoning("off"), ("none", "low"), {"effort": "none"}),
        (Reasoning("off"), ("low",), None),
        (Reasoning("adaptive", summary="detailed"), ("low",), {"summary": "detailed"}),
    ],
)
def test_efforts_go_to_the_nearest_level(asked, efforts, told):
    assert body(ask(reasoning=asked), Dialect(efforts=efforts)).get("reasoning") == told


@pytest.mark.parametrize(
    ("asked", "summary"),
    [
        (Reasoning("adaptive"), "auto"),
        (Reasoning("effort", "low"), "auto"),
        (Reasoning("adaptive", visible=False), None),
        (Reasoning("off"), None),
    ],
)
def test_summaries_are_asked_for_unsaid_only_where_the_channel_says_so(asked, summary):
    wanting = replace(RESPONSES, reasoning_summaries=True)

    assert body(ask(reasoning=asked), wanting).get("reasoning", {}).get("summary") == summary
    assert "summary" not in body(ask(reasoning=asked)).get("reasoning", {})


def test_a_model_that_does_not_think_is_told_nothing_of_it():
    asked = replace(ask(reasoning=Reasoning("adaptive", summary="auto", visible=True)), model="gpt-4.1")

    assert not {"reasoning", "include"} & body(asked).keys()
    assert [loss.path for loss in PROTOCOL.write_request(asked, RESPONSES).losses] == ["reasoning"]


def test_encrypted_reasoning_is_asked_for_where_somebody_signs():
    asked = ask(reasoning=Reasoning("effort", "low"))

    assert body(asked)["include"] == ["reasoning.encrypted_content"]
    assert "include" not in body(asked, Dialect())
    assert body(asked)["store"] is False


def test_encrypted_reasoning_is_asked_for_where_a_model_thinks_unasked():
    """Else it would forget after each tool call what it thought before it."""
    unasked = ask()

    assert unasked.model == "gpt-5"
    assert body(unasked)["include"] == ["reasoning.encrypted_content"]
    assert "include" not in body(replace(unasked, model="gpt-4.1"))
    assert "include" not in body(unasked, Dialect())


def test_labels_are_short():
    request = ask(user="u" * 100, cache_key="k" * 100, metadata={"a": "b"}, service_tier="standard_only")
    told = body(request)

    assert (len(told["user"]), len(told["prompt_cache_key"])) == (64, 64)
    assert (told["metadata"], told["service_tier"]) == ({"a": "b"}, "default")
    assert set(lost(request, Dialect())) == {"prompt_cache_key", "metadata", "service_tier"}


def test_counting_sends_only_what_the_counter_takes():
    request = PROTOCOL.read_request(CODEX | {"temperature": 1, "max_output_tokens": 50})
    counted = PROTOCOL.count_request(request, RESPONSES)

    assert counted is not None
    assert set(counted.body) <= {
        "model",
        "input",
        "instructions",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "reasoning",
        "text",
    }
    assert PROTOCOL.read_count({"object": "response.input_tokens", "input_tokens": 7}) == 7
    assert PROTOCOL.write_count(7) == {"object": "response.input_tokens", "input_tokens": 7}
    with pytest.raises(Unreadable):
        PROTOCOL.read_count({})


def test_endpoints():
    assert PROTOCOL.endpoint("generate", "m", True).path == "responses"
    assert PROTOCOL.endpoint("count_tokens", "m", False).path == "responses/input_tokens"
    assert PROTOCOL.endpoint("embeddings", "m", False) is None


# -- properties


words = st.text(min_size=1, max_size=20)
names = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True)
call_ids = st.from_regex(r"call_[a-z0-9]{1,10}", fullmatch=True)
schemas = st.fixed_dictionaries(
    {"type": st.just("object"), "properties": st.dictionaries(names, st.just({"type": "string"}))}
)
texts = st.builds(Text, words, st.none() | st.just(CacheMark()))
media = (
    st.builds(Image, st.just(Inline("image/png", "iVBORw0KGgoAAAANSUhEUg==")), st.sampled_from(["low", "auto"]))
    | st.builds(Image, st.just(Link("https://a.example/x.png")), st.just("high"))
    | st.builds(Document, st.just(Inline("application/pdf", "aGk=")), st.just("a.pdf"))
    | st.builds(Document, st.just(Link("https://a.example/a.pdf")))
)
functions = st.builds(FunctionTool, names, st.none() | words, schemas, st.just(False), st.none() | names)
customs = st.builds(FreeformTool, names, st.none() | words, st.just({"type": "text"}))
tools = st.lists(functions | customs, max_size=4, unique_by=lambda tool: tool.name).map(
    lambda each: tuple(sorted(each, key=lambda tool: tool.namespace or ""))
)


@st.composite
def rounds(draw):
    """A user's message, the model's answer, and the results of its calls."""
    said = draw(st.lists(texts | media, min_size=1, max_size=3))
    thought = draw(
        st.lists(
            st.builds(Thinking, words, st.builds(Signature, words, st.just("oai")), st.none(), st.just("rs_1")),
            max_size=1,
        )
    )
    spoken = draw(st.lists(st.builds(Text, words) | st.builds(Refusal, words), max_size=2))
    calls = [
        ToolCall(call_id, name, arguments, kind)
        for call_id, name, arguments, kind in draw(
            st.lists(
                st.tuples(call_ids, names, st.just('{"a":1}'), st.sampled_from(["function", "freeform"])),
                max_size=2,
                unique_by=lambda each: each[0],
            )
        )
    ]
    turns = [Turn("user", tuple(said))]
    if spoken or calls:
        turns.append(Turn("assistant", (*thought, *spoken, *calls)))
    if calls:
        outputs = [
            ToolResult(call.id, tuple(draw(st.lists(texts | media, max_size=2))), kind=call.kind) for call in calls
        ]
        turns.append(Turn("user", tuple(outputs)))
    return turns


@st.composite
def requests(draw):
    turns = [turn for one in draw(st.lists(rounds(), min_size=1, max_size=3)) for turn in one]
    seen: set[str] = set()
    for turn in turns:
        for part in turn.parts:
            if isinstance(part, ToolCall):
                if part.id in seen:
                    return ask()
                seen.add(part.id)
    return Request(
        model="m",
        turns=tuple(_joined(turns)),
        system=tuple(draw(st.lists(texts, max_size=2))),
        tools=draw(tools),
        max_output_tokens=draw(st.none() | st.integers(16, 9999)),
        sampling=Sampling(
            temperature=draw(st.none() | st.floats(0, 2)),
            top_p=draw(st.none() | st.floats(0, 1)),
            top_logprobs=draw(st.none() | st.integers(0, 20)),
            logprobs=draw(st.none() | st.just(True)),
        ),
        stream=draw(st.booleans()),
        reasoning=draw(
            st.none()
            | st.just(Reasoning("off"))
            | st.builds(Reasoning, st.just("effort"), st.sampled_from(["low", "max"]))
            | st.just(Reasoning("adaptive", visible=True, summary="auto"))
        ),
        output_format=draw(
            st.none() | st.just(OutputFormat()) | st.builds(OutputFormat, schemas, names, words, st.just(False))
        ),
        verbosity=draw(st.none() | st.just("low")),
        user=draw(st.none() | names),
        metadata=draw(st.dictionaries(names, names, max_size=2)),
        service_tier=draw(st.none() | st.just("flex")),
        cache_key=draw(st.none() | names),
    )


def _joined(turns):
    """Results and the message behind them are one turn on this wire."""
    joined: list[Turn] = []
    for turn in turns:
        if joined and turn.role == "user" and isinstance(joined[-1].parts[-1], ToolResult):
            joined[-1] = Turn("user", joined[-1].parts + turn.parts)
        else:
            joined.append(turn)
    return joined


EXACT = Dialect(
    signature_origin="oai",
    efforts=("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    files=True,
    middle_system="system",
    cache_marks=True,
    freeform_tools=True,
    allowed_tools=True,
    namespaces=True,
    openai_fields=True,
    strict_tools=True,
)


@given(requests())
def test_a_request_that_was_written_reads_as_it_was(request):
    written = PROTOCOL.write_request(request, EXACT)

    assert PROTOCOL.read_request(written.body) == request


@given(requests())
def test_a_longer_conversation_begins_with_the_same_bytes(request):
    longer = Request(request.model, (*request.turns, Turn("assistant", (Text("more"),)), USER), request.system)
    shorter = Request(request.model, request.turns, request.system)
    [first, second] = [body(each, EXACT)["input"] for each in (shorter, longer)]

    assert json.dumps(second[: len(first)]) == json.dumps(first)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
def test_a_mutated_request_is_read_or_refused_in_our_own_words(data):
    mutated = json.loads(json.dumps(CODEX))
    for _ in range(data.draw(st.integers(1, 3))):
        _mutate(mutated, data)
    try:
        request = PROTOCOL.read_request(mutated)
    except Unreadable:
        return
    for protocol, dialect in ((PROTOCOL, RESPONSES), (CHAT, DEEPSEEK), (ANTHROPIC_MESSAGES, ANTHROPIC)):
        try:
            written = protocol.write_request(request, dialect)
        except Unsupported:
            continue
        assert json.loads(json.dumps(written.body)).keys() == written.body.keys()


def _mutate(value, data):
    """Puts any JSON somewhere inside."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        if isinstance(value[key], dict | list) and value[key] and data.draw(st.booleans()):
            value = value[key]
        else:
            value[key] = data.draw(json_values)
            return


def test_a_carrier_that_names_an_unknown_call_is_ignored():
    item = {"type": "reasoning", "summary": [], "encrypted_content": carried_call("gone", Signature("s", "gem"))}

    assert read({"role": "user", "content": "hi"}, item).turns == (USER,)


def test_a_carrier_of_a_signature_is_thinking():
    item = {"type": "reasoning", "summary": [], "encrypted_content": carried(Signature("s", "ant"))}

    assert read(item).turns == (Turn("assistant", (Thinking("", Signature("s", "ant")),)),)
