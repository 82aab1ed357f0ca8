"""Requests of clients that speak Anthropic Messages, above all Claude Code's."""

import json
from pathlib import Path

import orjson
import pytest

from axonhub.transformers.hub.parts import (
    CacheMark,
    Document,
    FileReference,
    Hosted,
    Image,
    Inline,
    Link,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
)
from axonhub.transformers.hub.requests import (
    FunctionTool,
    HostedTool,
    OutputFormat,
    Reasoning,
    ToolChoice,
    ToolReference,
    Turn,
)
from axonhub.transformers.protocol import Unreadable
from axonhub.transformers.protocols.anthropic_messages import PROTOCOL
from axonhub.transformers.protocols.anthropic_messages.names import NAME

RECORDINGS = Path(__file__).parent.parent / "conversations" / "anthropic"
SIGNED = "EqQBCkYIAhgCIkA" + "A" * 49


def body(**members):
    return {"model": "claude-x", "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}]} | members


def read(**members):
    return PROTOCOL.read_request(body(**members))


def user_parts(*blocks):
    return read(messages=[{"role": "user", "content": list(blocks)}]).turns[0].parts


def assistant_parts(*blocks):
    return read(messages=[{"role": "assistant", "content": list(blocks)}]).turns[0].parts


def recording(name):
    return json.loads((RECORDINGS / name).read_text())


def test_all_that_claude_code_sends_has_a_place():
    request = PROTOCOL.read_request(recording("claude_code.json"))

    assert (request.model, request.max_output_tokens, request.stream) == ("claude-opus-4-8", 64000, True)
    assert [part.text[:20] for part in request.system] == ["x-anthropic-billing-", "IDENTITY", "INSTRUCTIONS"]
    assert [part.cache for part in request.system] == [None, CacheMark(), CacheMark()]
    assert [turn.role for turn in request.turns] == ["user", "assistant", "user", "system"]
    assert request.turns[0].parts[-1].cache == CacheMark()
    assert request.turns[1].parts == (
        Thinking("I look.", Signature(SIGNED, "ant")),
        Text("Looking."),
        ToolCall("toolu_01A", "Bash", '{"command":"ls","timeout":9223372036854775808}'),
        ToolCall("toolu_01B", "Read", "{}"),
    )
    assert request.turns[2].parts == (
        ToolResult("toolu_01A", (Text("no such file"),), is_error=True),
        ToolResult("toolu_01B", (Text("seen"), Image(Inline("image/png", "iVBORw0KGgo="))), cache=CacheMark()),
    )
    assert request.turns[3] == Turn("system", (Text("REMINDER"),))
    assert [tool.name for tool in request.tools] == ["Bash", "Read"]
    assert request.tools[0].schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert request.reasoning == Reasoning("adaptive", "high")
    assert json.loads(request.user)["session_id"] == "00000000-0000-0000-0000-000000000001"
    assert list(request.extensions[NAME]) == ["context_management"]


def test_count_tokens_needs_no_max_tokens():
    counted = body()
    del counted["max_tokens"]

    assert PROTOCOL.read_request(counted).max_output_tokens is None


def test_model_and_stream_of_the_path_win():
    request = PROTOCOL.read_request(body(stream=False), "other", True)

    assert (request.model, request.stream) == ("other", True)


def test_system_may_be_a_string():
    assert read(system="be kind").system == (Text("be kind"),)
    assert read(system="").system == ()


def test_case_110_a_system_message_stays_where_it_is():
    turns = [
        {"role": "user", "content": "a"},
        {"role": "system", "content": [{"type": "text", "text": "note"}]},
        {"role": "assistant", "content": "b"},
        {"role": "system", "content": "last"},
    ]

    assert [(turn.role, turn.parts[0].text) for turn in read(messages=turns).turns] == [
        ("user", "a"),
        ("system", "note"),
        ("assistant", "b"),
        ("system", "last"),
    ]


def test_system_messages_at_the_head_are_system_prompt():
    turns = [{"role": "system", "content": "first"}, {"role": "user", "content": "a"}]
    request = read(system="zero", messages=turns)

    assert [part.text for part in request.system] == ["zero", "first"]
    assert [turn.role for turn in request.turns] == ["user"]


def test_empty_content_is_a_turn_without_parts():
    turns = [{"role": "user", "content": ""}, {"role": "user", "content": []}, {"role": "user", "content": None}]

    assert [turn.parts for turn in read(messages=turns).turns] == [(), (), ()]


def test_images_and_documents_of_every_source():
    assert user_parts(
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        {"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"},
            "title": "T",
            "context": "C",
            "citations": {"enabled": True},
            "cache_control": {"type": "ephemeral", "ttl": "1h"},
        },
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}},
        {"type": "document", "source": {"type": "content", "content": "all"}},
        {
            "type": "search_result",
            "source": "https://s.example",
            "title": "S",
            "content": [{"type": "text", "text": "hit"}],
        },
    ) == (
        Image(Inline("image/png", "AAAA")),
        Image(Link("https://a.example/b.png")),
        Image(FileReference("file_1")),
        Document(Inline("application/pdf", "AAAA"), "T", "C", True, CacheMark("1h")),
        Document((Text("words"),)),
        Document((Text("a"),)),
        Document((Text("all"),)),
        Document((Text("hit"),), "S", "https://s.example"),
    )


def test_pictures_inside_a_document_are_left_over_not_lost():
    image = {"type": "image", "source": {"type": "url", "url": "https://a.example"}}
    document = {"type": "document", "source": {"type": "content", "content": [image, {"type": "text", "text": "a"}]}}
    request = read(messages=[{"role": "user", "content": [document]}])

    assert request.turns[0].parts == (Document((Text("a"),)),)
    assert request.extensions[NAME] == {"messages[0].content[0].source.content[0]": image}


def test_case_157_numbers_in_arguments_keep_their_form():
    wire = b'{"big":9223372036854775808,"whole":1,"float":1.0,"order":{"b":1,"a":2}}'
    call = {"type": "tool_use", "id": "t", "name": "a", "input": orjson.loads(wire)}

    assert assistant_parts(call)[0].arguments == wire.decode()


def test_case_099_a_result_without_content_has_no_parts():
    result = {"type": "tool_result", "tool_use_id": "t"}

    assert user_parts(result, result | {"content": None}, result | {"content": []}, result | {"content": ""}) == (
        ToolResult("t"),
        ToolResult("t"),
        ToolResult("t"),
        ToolResult("t"),
    )


def test_unknown_blocks_are_kept_whole_inside_results_too():
    odd = {"type": "hologram", "data": [1]}
    reference = {"type": "tool_reference", "tool_name": "x"}
    parts = user_parts(odd, {"type": "tool_result", "tool_use_id": "t", "content": [reference]})

    assert isinstance(parts[0], Unknown)
    assert parts[0].native.value is odd
    assert parts[1].parts[0].kind == "tool_reference"


def test_blocks_of_hosted_tools_tell_what_was_found():
    found = [{"type": "web_search_result", "url": "https://a.example", "title": "A", "encrypted_content": "x"}]
    parts = assistant_parts(
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": found},
        {"type": "code_execution_tool_result", "content": {"type": "code_execution_result", "stdout": "42"}},
        {"type": "compaction", "content": "summary"},
    )

    assert [type(part) for part in parts] == [Hosted] * 4
    assert [part.text for part in parts] == ["", "A: https://a.example", "42", "summary"]


def test_case_121_signatures_show_who_made_them():
    parts = assistant_parts(
        {"type": "thinking", "thinking": "a", "signature": SIGNED},
        {"type": "thinking", "thinking": "b", "signature": "3f2b8c1e-0000-4000-8000-000000000000"},
        {"type": "thinking", "thinking": "c", "signature": "gw1.gem-vertex.YWJj"},
        {"type": "thinking", "thinking": "d", "signature": "gw1.."},
        {"type": "thinking", "thinking": "e", "signature": ""},
        {"type": "thinking", "thinking": "f"},
        {"type": "redacted_thinking", "data": "opaque"},
    )

    assert parts == (
        Thinking("a", Signature(SIGNED, "ant")),
        Thinking("b", Signature("3f2b8c1e-0000-4000-8000-000000000000", "")),
        Thinking("c", Signature("abc", "gem-vertex")),
        Thinking("d"),
        Thinking("e"),
        Thinking("f"),
        Thinking(redacted="opaque"),
    )


def test_tools_without_type_are_functions_and_others_hosted():
    request = read(
        tools=[
            {"name": "a", "input_schema": {"type": "object"}},
            {"type": "custom", "name": "b", "description": "B", "strict": True, "cache_control": {"type": "ephemeral"}},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 8},
            {"type": "mcp_toolset", "mcp_server_name": "m"},
        ]
    )

    assert request.tools[:2] == (
        FunctionTool("a", schema={"type": "object"}),
        FunctionTool("b", "B", strict=True, cache=CacheMark()),
    )
    assert [(tool.kind, tool.name) for tool in request.tools[2:]] == [
        ("web_search_20250305", "web_search"),
        ("mcp_toolset", None),
    ]
    assert all(isinstance(tool, HostedTool) for tool in request.tools[2:])


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, ToolChoice("auto")),
        ({"type": "any"}, ToolChoice("required")),
        ({"type": "none"}, ToolChoice("none")),
        ({"type": "tool", "name": "a"}, ToolChoice("required", (ToolReference("a"),))),
        (
            {"type": "tool", "name": "web_search"},
            ToolChoice("required", (ToolReference("web_search_20250305", kind="hosted"),)),
        ),
    ],
)
def test_tool_choices(choice, expected):
    tools = [{"name": "a"}, {"type": "web_search_20250305", "name": "web_search"}]

    assert read(tools=tools, tool_choice=choice).tool_choice == expected


def test_case_147_disabled_parallel_use_is_the_opposite_of_parallel_calls():
    tools = [{"name": "a"}]

    assert read(tools=tools, tool_choice={"type": "auto"}).parallel_tool_calls is None
    assert (
        read(tools=tools, tool_choice={"type": "any", "disable_parallel_tool_use": True}).parallel_tool_calls is False
    )
    assert (
        read(tools=tools, tool_choice={"type": "any", "disable_parallel_tool_use": False}).parallel_tool_calls is True
    )


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, None),
        ({"thinking": {"type": "disabled"}}, Reasoning("off")),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}, Reasoning("off")),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}}, Reasoning("adaptive", "xhigh")),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, Reasoning("adaptive", visible=False)),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 31999, "display": "summarized"}},
            Reasoning("budget", budget_tokens=31999, visible=True),
        ),
        ({"thinking": {"type": "between_tools"}}, Reasoning("adaptive")),
        ({"thinking": {"type": "of_the_future"}, "output_config": {"effort": "extreme"}}, Reasoning("adaptive")),
        ({"output_config": {"effort": "low"}}, Reasoning("effort", "low")),
    ],
)
def test_case_136_thinking_and_effort(members, expected):
    assert read(**members).reasoning == expected


def test_words_for_thinking_that_have_no_equal_are_left_over():
    def leftovers(**members):
        return read(**members).extensions[NAME]

    assert leftovers(thinking={"type": "between_tools"}) == {"thinking.type": "between_tools"}
    assert leftovers(output_config={"effort": "extreme"}) == {"output_config.effort": "extreme"}
    disabled = {"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}
    assert leftovers(**disabled) == {"output_config.effort": "low"}


@pytest.mark.parametrize("place", ["output_config", "output_format"])
def test_output_formats(place):
    wanted = {"type": "json_schema", "schema": {"type": "object"}}
    members = {"output_config": {"format": wanted}} if place == "output_config" else {"output_format": wanted}

    assert read(**members).output_format == OutputFormat({"type": "object"})


def test_sampling_stop_user_and_tier():
    request = read(
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        stop_sequences=["a", " "],
        metadata={"user_id": "u", "team": 3},
        service_tier="standard_only",
    )

    assert (request.sampling.temperature, request.sampling.top_p, request.sampling.top_k) == (0.5, 0.9, 40)
    assert request.stop == ("a", " ")
    assert (request.user, request.metadata, request.service_tier) == ("u", {"team": 3}, "default")


def test_members_without_a_field_become_extensions_by_their_path():
    image = {"type": "image", "source": {"type": "url", "url": "u"}, "transformations": {}}
    call = {"type": "tool_use", "id": "t", "name": "a", "input": {}, "caller": {"type": "direct"}}
    request = read(
        container="c",
        speed=None,
        betas=["b"],
        thinking={"type": "adaptive", "block_binding": {"x": 1}},
        output_config={"task_budget": {"total": 9}},
        tools=[{"name": "a", "input_examples": [{}], "defer_loading": None}],
        messages=[
            {"role": "user", "content": [image]},
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": "x", "clear_at": "never"},
        ],
    )

    assert sorted(request.extensions[NAME]) == [
        "betas",
        "container",
        "messages[0].content[0].transformations",
        "messages[2].clear_at",
        "output_config.task_budget",
        "thinking.block_binding",
        "tools[0].input_examples",
    ]


def test_another_servers_tools_may_not_be_left_away():
    assert read(mcp_servers=[{"name": "m"}]).native_only == {NAME: ("mcp_servers",)}
    assert read(mcp_servers=[]).native_only == {}


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"model": None}, "model"),
        ({"model": 3}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": ["x"]}, "messages[0]"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages[0].content[0].source"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "ftp"}}]}]},
            "messages[0].content[0].source",
        ),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "name": "a", "input": []}]}]},
            "messages[0].content[0].input",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": "x"}]}]},
            "messages[0].content[0].tool_use_id",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "tool_result",
                                "tool_use_id": "t",
                                "content": [{"type": "tool_use", "name": "a", "id": "b", "input": {}}],
                            }
                        ],
                    }
                ]
            },
            "messages[0].content[0].content[0]",
        ),
        ({"system": [{"type": "image"}]}, "system[0]"),
        ({"tools": [{"description": "d"}]}, "tools[0].name"),
        ({"tools": [{"name": "a", "input_schema": "x"}]}, "tools[0].input_schema"),
        ({"tool_choice": {"type": "perhaps"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"thinking": {"type": 1}}, "thinking.type"),
        ({"output_config": {"effort": 1}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type"),
        ({"max_tokens": "64"}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"stream": 1}, "stream"),
        ({"stop_sequences": [1]}, "stop_sequences[0]"),
        ({"metadata": {"user_id": 7}}, "metadata.user_id"),
    ],
)
def test_what_is_of_the_wrong_type_is_named_by_its_path(members, path):
    with pytest.raises(Unreadable) as caught:
        read(**members)

    assert caught.value.path == path


@pytest.mark.parametrize("written", ['{"a":' * 600 + "1" + "}" * 600, '{"a":123456789012345678901234567890}'])
def test_arguments_that_orjson_does_not_write_are_kept(written):
    call = f'{{"type":"tool_use","id":"t","name":"f","input":{written}}}'
    (part,) = assistant_parts(json.loads(call))

    assert json.loads(part.arguments) == json.loads(written)
