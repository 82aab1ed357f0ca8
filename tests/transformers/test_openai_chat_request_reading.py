"""Chat request bodies → hub requests. Cases: the hard cases' numbers."""

import json

import pytest

from axonhub.transformers.carriers import carried, carried_redacted
from axonhub.transformers.hub.parts import (
    Audio,
    CacheMark,
    Document,
    FileReference,
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
    Sampling,
    ToolChoice,
    ToolReference,
    Turn,
)
from axonhub.transformers.protocol import Unreadable
from axonhub.transformers.protocols.openai_chat import PROTOCOL


def read(*messages, **members):
    return PROTOCOL.read_request({"model": "m", "messages": list(messages) or [user("hi")]} | members)


def user(content):
    return {"role": "user", "content": content}


def assistant(content=None, **members):
    return {"role": "assistant", "content": content} | members


def call(id="a", name="ls", arguments="{}"):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(id="a", content="out", **members):
    return {"role": "tool", "tool_call_id": id, "content": content} | members


def part(content):
    """The only part of a user message with this one content part."""
    return read(user([content])).turns[0].parts[0]


def test_leading_system_messages_are_the_system_prompt_and_later_ones_are_turns():
    request = read(
        {"role": "developer", "content": "a"},
        {"role": "system", "content": [{"type": "text", "text": "b"}]},
        user("hi"),
        {"role": "system", "content": "c"},
    )

    assert request.system == (Text("a"), Text("b"))
    assert request.turns == (Turn("user", (Text("hi"),)), Turn("system", (Text("c"),)))


def test_case_112_parts_of_a_developer_message_stay_apart_with_their_marks():
    marked = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    request = read({"role": "developer", "content": [marked, {"type": "text", "text": "b"}]}, user("hi"))

    assert request.system == (Text("a", CacheMark("1h")), Text("b"))


def test_case_103_neighbouring_tool_messages_are_one_turn():
    second = result("b", [{"type": "text", "text": "2"}])
    request = read(user("x"), assistant(tool_calls=[call("a"), call("b")]), result("a", "1"), second)

    assert request.turns[1:] == (
        Turn("assistant", (ToolCall("a", "ls", "{}"), ToolCall("b", "ls", "{}"))),
        Turn("user", (ToolResult("a", (Text("1"),)), ToolResult("b", (Text("2"),)))),
    )


def test_case_113_empty_content_beside_calls_is_no_text():
    assert read(user("x"), assistant("", tool_calls=[call()])).turns[1].parts == (ToolCall("a", "ls", "{}"),)


def test_names_are_kept():
    request = read({"role": "user", "name": "ann", "content": "hi"}, assistant(tool_calls=[call()]), result(name="ls"))

    assert request.turns[0].name == "ann"
    assert request.turns[2].parts[0].name == "ls"


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_of_earlier_turns(field):
    assert read(user("x"), assistant("said", **{field: "hm"})).turns[1].parts == (Thinking("hm"), Text("said"))


def test_reasoning_details_of_another_way_are_somebodys_signature():
    details = [{"type": "reasoning.text", "text": "hm", "format": "anthropic-claude-v1", "index": 0}]
    (thinking, _) = read(user("x"), assistant("said", reasoning_details=details)).turns[1].parts

    assert thinking.text == "hm"
    assert thinking.signature.origin == "orouter"
    assert json.loads(thinking.signature.value) == details


def ours(data, length, index=0):
    return {"type": "reasoning.encrypted", "data": data, "format": "axonhub-v1", "index": index, "text_length": length}


def test_our_carriers_bring_signatures_back():
    one, two = Signature("s1", "ant"), Signature("s2", "ant")
    details = [ours(carried(one), 1), ours(carried_redacted("xx", "ant"), 0, 1), ours(carried(two), 2, 2)]
    message = assistant("said", reasoning_content="a\n\nbb", reasoning_details=details)

    first, redacted, last, text = read(user("x"), message).turns[1].parts
    assert (first, last, text) == (Thinking("a", one), Thinking("bb", two), Text("said"))
    assert redacted.redacted == "xx"


@pytest.mark.parametrize("length", [1, None, 99])
def test_shares_that_do_not_add_up_lose_the_signatures_but_not_the_text(length):
    details = [ours(carried(Signature("s", "ant")), length, index) for index in range(2)]
    message = assistant("said", reasoning_content="quite another text", reasoning_details=details)

    assert read(user("x"), message).turns[1].parts[0] == Thinking("quite another text")


def test_signatures_on_calls():
    signature = Signature("sig", "gem-aistudio")
    google = {"extra_content": {"google": {"thought_signature": carried(signature)}}}
    foreign = {"extra_content": {"google": {"thought_signature": "raw"}}}
    request = read(user("x"), assistant(tool_calls=[call() | google, call("b") | foreign]))

    assert [each.signature for each in request.turns[1].parts] == [signature, Signature("raw", "")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"type": "text", "text": "a"}, Text("a")),
        ({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, Text("a", CacheMark())),
        ({"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}, Text("a", CacheMark())),
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
            Image(Inline("image/png", "AAAA"), "low"),
        ),
        ({"type": "image_url", "image_url": "https://x.test/a"}, Image(Link("https://x.test/a"))),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
            Audio(Inline("audio/mp3", "AAAA"), "mp3"),
        ),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
            Document(Inline("application/pdf", "AAAA"), "a.pdf"),
        ),
        ({"type": "file", "file": {"file_data": "AAAA"}}, Document(Inline("application/pdf", "AAAA"))),
        ({"type": "file", "file": {"file_id": "f1"}}, Document(FileReference("f1"))),
        ({"type": "video_url", "video_url": {"url": "https://x.test/a"}}, Video(Link("https://x.test/a"))),
        ({"type": "hologram", "x": 1}, Unknown("hologram", Native("openai/chat", {"type": "hologram", "x": 1}))),
        ("words", Text("words")),
    ],
)
def test_parts(content, expected):
    assert part(content) == expected


def test_refusals():
    parts = read(user("x"), assistant([{"type": "refusal", "refusal": "No."}]), assistant(refusal="Never.")).turns

    assert [turn.parts for turn in parts[1:]] == [(Refusal("No."),), (Refusal("Never."),)]


def test_case_150_functions_are_tools_and_their_results_find_their_calls():
    request = read(
        user("x"),
        assistant(function_call={"name": "ls", "arguments": "{}"}),
        {"role": "function", "name": "ls", "content": "out"},
        assistant(function_call={"name": "ls", "arguments": "{}"}),
        {"role": "function", "name": "ls", "content": "more"},
        functions=[{"name": "ls", "parameters": {"type": "object"}}],
        function_call={"name": "ls"},
    )

    calls = [turn.parts[0].id for turn in request.turns if turn.role == "assistant"]
    results = [turn.parts[0].call_id for turn in request.turns if isinstance(turn.parts[0], ToolResult)]
    assert calls == results
    assert len(set(calls)) == 2
    assert request.tools == (FunctionTool("ls", schema={"type": "object"}),)
    assert request.tool_choice == ToolChoice("required", (ToolReference("ls"),))
    assert request.parallel_tool_calls is False


def test_tools():
    custom = {"type": "custom", "custom": {"name": "patch", "description": "d", "format": {"type": "text"}}}
    builtin = {"type": "builtin_function", "function": {"name": "$web_search"}}
    function = {"type": "function", "function": {"name": "ls", "description": "d", "parameters": {}, "strict": True}}
    request = read(tools=[function, custom, builtin], web_search_options={"search_context_size": "low"})

    assert request.tools == (
        FunctionTool("ls", "d", {}, True),
        FreeformTool("patch", "d", {"type": "text"}),
        HostedTool("builtin_function", Native("openai/chat", builtin)),
        HostedTool(
            "web_search",
            Native("openai/chat", {"type": "web_search", "web_search_options": {"search_context_size": "low"}}),
        ),
    )


LS, PATCH = ToolReference("ls"), ToolReference("patch", kind="freeform")
ALLOWED = {
    "mode": "required",
    "tools": [{"type": "function", "function": {"name": "ls"}}, {"type": "custom", "custom": {"name": "patch"}}],
}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ("any", ToolChoice("required")),
        ({"type": "function", "function": {"name": "ls"}}, ToolChoice("required", (LS,))),
        ({"type": "custom", "custom": {"name": "patch"}}, ToolChoice("required", (PATCH,))),
        ({"type": "allowed_tools", "allowed_tools": ALLOWED}, ToolChoice("required", (LS, PATCH))),
        ({"type": "web_search"}, ToolChoice("required", (ToolReference("web_search", kind="hosted"),))),
    ],
)
def test_tool_choice(choice, expected):
    assert read(tool_choice=choice).tool_choice == expected


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, None),
        ({"reasoning_effort": "high"}, Reasoning("effort", "high")),
        ({"reasoning_effort": "none"}, Reasoning("off")),
        ({"reasoning_effort": "ultra"}, None),
        ({"reasoning": {"effort": "low"}, "reasoning_effort": "high"}, Reasoning("effort", "low")),
        ({"reasoning": {"max_tokens": 900, "exclude": True}}, Reasoning("budget", budget_tokens=900, visible=False)),
        ({"reasoning": {"enabled": False}}, Reasoning("off")),
        ({"reasoning": {"enabled": True}}, Reasoning("effort")),
        ({"thinking": {"type": "disabled"}, "reasoning_effort": "high"}, Reasoning("off")),
        ({"thinking": {"type": "enabled"}, "reasoning_effort": "high"}, Reasoning("effort", "high")),
        ({"thinking": {"type": "enabled", "budget_tokens": 900}}, Reasoning("budget", budget_tokens=900)),
        ({"enable_thinking": True, "thinking_budget": 900}, Reasoning("budget", budget_tokens=900)),
        ({"enable_thinking": False}, Reasoning("off")),
    ],
)
def test_reasoning_of_all_vendors(members, expected):
    assert read(**members).reasoning == expected


def test_sampling_and_limits():
    request = read(
        temperature=0.5,
        top_p=1,
        top_k=5,
        seed=7,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        logit_bias={"1": -1.5},
        logprobs=True,
        top_logprobs=2,
        n=2,
        max_tokens=5,
        max_completion_tokens=9,
    )

    assert request.sampling == Sampling(0.5, 1, 5, 7, 0.1, 0.2, {"1": -1.5}, True, 2, 2)
    assert request.max_output_tokens == 9


@pytest.mark.parametrize(("stop", "expected"), [("a", ("a",)), (["a", "b"], ("a", "b")), (None, ())])
def test_stop_is_a_string_or_a_list(stop, expected):
    assert read(stop=stop).stop == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, OutputFormat()),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True}},
            OutputFormat({"type": "object"}, "n", None, True),
        ),
    ],
)
def test_output_format(wanted, expected):
    request = read(response_format=wanted)

    assert request.output_format == expected
    assert request.extensions == {}


def test_labels():
    request = read(
        user="u", metadata={"a": "b"}, service_tier="auto", prompt_cache_key="k", verbosity="low", stream=True
    )

    assert (request.user, request.metadata, request.service_tier) == ("u", {"a": "b"}, "auto")
    assert (request.cache_key, request.verbosity, request.stream) == ("k", "low", True)


def test_the_safety_identifier_is_the_user_where_there_is_no_other():
    assert read(safety_identifier="s").user == "s"
    assert read(safety_identifier="s").extensions == {}
    assert read(safety_identifier="s", user="u").extensions == {"openai/chat": {"safety_identifier": "s"}}


def test_case_174_the_wish_for_usage_is_the_clients_own():
    assert read(stream=True, stream_options={"include_usage": True}).stream_usage is True
    assert read(stream=True, stream_options={"include_usage": False}).stream_usage is False
    assert read(stream=True).stream_usage is None


def test_unknown_members_are_extensions():
    grammar = {"type": "grammar", "grammar": "x"}
    request = read(min_p=0.1, response_format=grammar, nothing=None, stream_options={"include_obfuscation": False})

    assert request.extensions == {
        "openai/chat": {"min_p": 0.1, "response_format": grammar, "stream_options.include_obfuscation": False}
    }


def test_answers_in_sound_are_for_chat_alone():
    assert read(modalities=["text"]).native_only == {}
    assert read(modalities=["text", "audio"]).native_only == {"openai/chat": ("modalities",)}


def test_model_and_stream_can_be_told_from_outside():
    request = PROTOCOL.read_request({"messages": [user("x")]}, "n", True)

    assert (request.model, request.stream) == ("n", True)


IMAGE = {"type": "image_url", "image_url": "x"}
SCHEMA = {"type": "json_schema"}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "x"}, "messages"),
        ({"messages": [1]}, "messages[0]"),
        ({"messages": [{}]}, "messages[0].role"),
        ({"messages": [{"role": "ghost", "content": "x"}]}, "messages[0].role"),
        ({"messages": [user(7)]}, "messages[0].content"),
        ({"messages": [user([7])]}, "messages[0].content[0]"),
        ({"messages": [user([{}])]}, "messages[0].content[0].type"),
        ({"messages": [user([{"type": "image_url"}])]}, "messages[0].content[0].image_url"),
        ({"messages": [user([{"type": "image_url", "image_url": {}}])]}, "messages[0].content[0].image_url.url"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [assistant(tool_calls=[{"id": "a"}])]}, "messages[0].tool_calls[0].function"),
        ({"messages": [assistant(tool_calls="x")]}, "messages[0].tool_calls"),
        (
            {"messages": [{"role": "system", "content": [{"type": "image_url", "image_url": "x"}]}]},
            "messages[0].content",
        ),
        ({"messages": [user("x")], "model": 7}, "model"),
        ({"messages": [user("x")]}, "model"),
        ({"messages": [user("x")], "model": "m", "temperature": "hot"}, "temperature"),
        ({"messages": [user("x")], "model": "m", "stream": "yes"}, "stream"),
        ({"messages": [user("x")], "model": "m", "tools": [{}]}, "tools[0].type"),
        ({"messages": [user("x")], "model": "m", "tools": [{"type": "function"}]}, "tools[0].function"),
        ({"messages": [user("x")], "model": "m", "tool_choice": "maybe"}, "tool_choice"),
        ({"messages": [user("x")], "model": "m", "tool_choice": 7}, "tool_choice"),
        ({"messages": [user("x")], "model": "m", "logit_bias": {"1": "x"}}, "logit_bias.1"),
        ({"messages": [user("x")], "model": "m", "response_format": {}}, "response_format.type"),
        (
            {"messages": [user("x")], "model": "m", "response_format": {"type": "json_schema"}},
            "response_format.json_schema",
        ),
    ],
)
def test_members_of_the_wrong_type_are_named(body, path):
    with pytest.raises(Unreadable) as caught:
        PROTOCOL.read_request(body)

    assert caught.value.path == path


def test_nested_members_that_no_part_holds_are_told():
    mark = {"mode": "explicit", "ttl": "12h"}
    sound = {"type": "input_audio", "input_audio": {"data": "AAAA"}, "prompt_cache_breakpoint": mark}
    file = {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "file_id": "f1"}}
    request = read(
        {"role": "system", "name": "n", "content": "x"},
        user([{"type": "text", "text": "a", "prompt_cache_breakpoint": mark}, sound, file]),
        assistant("said", audio={"id": "a1"}),
    )

    assert request.extensions["openai/chat"] == {
        "messages[].name": "n",
        "messages[].audio": {"id": "a1"},
        "messages[].content[].prompt_cache_breakpoint": mark,
        "messages[].content[].prompt_cache_breakpoint.ttl": "12h",
        "messages[].content[].file.file_id": "f1",
    }
