import base64
import json
from dataclasses import replace

import pytest

from axonhub.transformers.carriers import carried_base64
from axonhub.transformers.dialect import Dialect
from axonhub.transformers.dialects import GEMINI, GEMINI_VERTEX
from axonhub.transformers.hub.fold import fold
from axonhub.transformers.hub.parts import (
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
from axonhub.transformers.protocols.anthropic_messages import PROTOCOL as ANTHROPIC
from axonhub.transformers.protocols.gemini import PROTOCOL
from axonhub.transformers.protocols.gemini.names import NO_SIGNATURE
from axonhub.transformers.protocols.openai_chat import PROTOCOL as CHAT
from tests.transformers.gemini_wire import call, chunk, model, read, reply, requested, response, user, written

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n0000").decode()
HI = Turn("user", (Text("hi"),))
SIGNED = Signature("raw", "gem-aistudio")


def asked(*turns: Turn, **members) -> Request:
    return Request("gemini-x", turns or (HI,), **members)


def contents(*turns: Turn, dialect: Dialect = GEMINI, **members) -> list:
    return written(asked(*turns, **members), dialect).body["contents"]


def reasons(request: Request, dialect: Dialect = GEMINI) -> str:
    return "; ".join(f"{loss.path}: {loss.reason}" for loss in written(request, dialect).losses)


def loop(*parts, result: ToolResult | None = None) -> tuple[Turn, ...]:
    """A conversation with one round of calls."""
    calls = [part for part in parts if isinstance(part, ToolCall)]
    results = tuple(result or ToolResult(each.id, (Text("ok"),)) for each in calls)
    return (HI, Turn("assistant", parts), Turn("user", results))


def anthropic(*messages, **members) -> Request:
    return ANTHROPIC.read_request({"model": "m", "max_tokens": 9, "messages": list(messages), **members})


def tool_use(id="t1", name="f", **input):
    return {"type": "tool_use", "id": id, "name": name, "input": input}


def tool_result(id="t1", content="ok", **members):
    return {"type": "tool_result", "tool_use_id": id, "content": content, **members}


# -- conversation


def test_system_comes_first_and_without_the_billing_block():
    body = written(asked(system=(Text("x-anthropic-billing-header: v=1"), Text("a"), Text("b")))).body

    assert list(body) == ["systemInstruction", "contents"]
    assert body["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "b"}]}


def test_case_110_system_messages_in_the_middle_become_reminders_of_the_user():
    request = anthropic(
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "yes"},
        {"role": "system", "content": "careful"},
        {"role": "user", "content": "go"},
        {"role": "system", "content": "last"},
    )

    said = written(request).body["contents"]
    assert [each["role"] for each in said] == ["user", "model", "user"]
    assert [part["text"] for part in said[2]["parts"]] == [
        "<system-reminder>\ncareful\n</system-reminder>",
        "go",
        "<system-reminder>\nlast\n</system-reminder>",
    ]


@pytest.mark.parametrize("content", [None, [], ""])
def test_case_099_an_empty_result_is_an_empty_text(content):
    request = anthropic(
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [tool_use()]},
        {"role": "user", "content": [tool_result(content=content)]},
    )

    (part,) = written(request).body["contents"][2]["parts"]
    assert part["functionResponse"]["response"] == {"result": ""}


def test_case_100_an_error_stands_under_error():
    request = anthropic(
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [tool_use()]},
        {"role": "user", "content": [tool_result(content="no such file", is_error=True)]},
    )

    assert written(request).body["contents"][2]["parts"] == [
        response("f", {"error": "no such file"}, "t1"),
    ]


def test_case_101_what_the_user_says_beside_results_follows_in_a_content_of_its_own():
    request = anthropic(
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [tool_use()]},
        {"role": "user", "content": [{"type": "text", "text": "and now?"}, tool_result()]},
    )

    assert written(request).body["contents"][2:] == [user(response("f", {"result": "ok"}, "t1")), user("and now?")]


def test_case_102_answers_over_two_turns_are_put_together():
    request = anthropic(
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [tool_use("t1"), tool_use("t2", "g")]},
        {"role": "user", "content": [tool_result("t2", "two")]},
        {"role": "user", "content": [{"type": "text", "text": "wait"}, tool_result("t1", "one")]},
    )

    assert written(request).body["contents"][2:] == [
        user(response("f", {"result": "one"}, "t1"), response("g", {"result": "two"}, "t2")),
        user("wait"),
    ]


def test_case_104_106_tool_messages_of_chat_become_one_content_with_as_many_parts_as_calls():
    def function(id, name):
        return {"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}}

    request = CHAT.read_request(
        {
            "model": "m",
            "messages": [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": None, "tool_calls": [function("c1", "f"), function("c2", "g")]},
                {"role": "tool", "tool_call_id": "c1", "content": "one"},
                {"role": "tool", "tool_call_id": "c2", "content": "two"},
                {"role": "user", "content": "go on"},
            ],
        }
    )

    assert written(request).body["contents"][1:] == [
        model(call("f", {}, "c1", NO_SIGNATURE), call("g", {}, "c2")),
        user(response("f", {"result": "one"}, "c1"), response("g", {"result": "two"}, "c2")),
        user("go on"),
    ]


def test_case_105_orphans_never_reach_the_provider():
    turns = (
        HI,
        Turn("user", (ToolResult("gone", (Text("lost"),)),)),
        Turn("assistant", (ToolCall("c1", "f", "{}"),)),
        Turn("user", (Text("never mind"),)),
    )

    said = contents(*turns)
    assert said[0] == user("hi", "[result of unknown tool call gone]", "lost")
    assert said[2]["parts"][0]["functionResponse"]["response"] == {"error": "[no result recorded]"}
    assert said[3] == user("never mind")


def test_case_105_one_id_in_two_rounds_is_paired_in_order():
    def round_of(words):
        return (Turn("assistant", (ToolCall("0", "f", "{}"),)), Turn("user", (ToolResult("0", (Text(words),)),)))

    said = contents(HI, *round_of("one"), *round_of("two"))

    assert [part["functionResponse"]["response"]["result"] for at in (2, 4) for part in said[at]["parts"]] == [
        "one",
        "two",
    ]


def test_case_114_a_begun_answer_and_unanswered_calls_at_the_end_are_left_out():
    assert contents(HI, Turn("assistant", (Text("Sure, "),))) == [user("hi")]
    assert contents(HI, Turn("assistant", (ToolCall("c", "f", "{}"),))) == [user("hi")]
    assert "begun in advance" in reasons(asked(HI, Turn("assistant", (Text("Sure, "),))))


def test_case_116_neighbours_of_one_role_are_merged():
    assert contents(HI, Turn("user", (Text("more"),))) == [user("hi", "more")]


def test_case_117_a_conversation_begins_with_the_user():
    said = contents(Turn("assistant", (Text("earlier"),)), HI)

    assert [each["role"] for each in said] == ["user", "model", "user"]
    assert "before the first turn" in reasons(asked(Turn("assistant", (Text("earlier"),)), HI))


def test_a_request_without_a_user_message_is_refused():
    with pytest.raises(Unsupported, match="user message"):
        written(asked(Turn("assistant", (Text("x"),))))


def test_a_result_in_json_is_given_as_it_is():
    def result(words):
        turns = loop(ToolCall("c", "f", "{}"), result=ToolResult("c", (Text(words),)))
        return contents(*turns)[2]["parts"][0]["functionResponse"]["response"]

    assert result('{"a": 1}') == {"a": 1}
    assert result("[1]") == {"result": "[1]"}
    assert result('{"error": "x"}') == {"result": '{"error": "x"}'}
    assert result("{}") == {"result": "{}"}
    assert result('{"a": broken') == {"result": '{"a": broken'}


@pytest.mark.parametrize(
    ("arguments", "wire"),
    [
        ('{"a": 1}', {"a": 1}),
        ("", {}),
        ("  ", {}),
        ("null", {}),
        ("[1]", {"__invalid_json": "[1]"}),
        ('{"a":1}{"b":2}', {"__invalid_json": '{"a":1}{"b":2}'}),
    ],
)
def test_arguments_are_always_an_object(arguments, wire):
    assert contents(*loop(ToolCall("c", "f", arguments)))[1]["parts"][0]["functionCall"]["args"] == wire


def test_freeform_calls_and_tools_become_functions_and_back():
    out = written(
        asked(*loop(ToolCall("c", "patch", "*** Begin", "freeform")), tools=(FreeformTool("patch", "Applies."),))
    )

    assert out.body["contents"][1]["parts"][0]["functionCall"]["args"] == {"input": "*** Begin"}
    (declaration,) = out.body["tools"][0]["functionDeclarations"]
    assert declaration["parametersJsonSchema"]["required"] == ["input"]
    assert out.undo.reference("patch") == ToolReference("patch", kind="freeform")


# -- media


def test_images_of_results_follow_behind_all_responses():
    result = ToolResult("c", (Text("a"), Image(Inline("image/png", PNG)), Text("b")))

    assert contents(*loop(ToolCall("c", "f", "{}"), result=result))[2] == user(
        response("f", {"result": "a\nb"}, "c"), {"inlineData": {"mimeType": "image/png", "data": PNG}}
    )


def test_images_of_results_stand_inside_for_gemini_3():
    result = ToolResult("c", (Image(Inline("image/png", PNG)),))
    dialect = replace(GEMINI, media_in_results=True)

    assert contents(*loop(ToolCall("c", "f", "{}"), result=result), dialect=dialect)[2] == user(
        response("f", {"result": ""}, "c", parts=[{"inlineData": {"mimeType": "image/png", "data": PNG}}])
    )


def test_a_result_of_nothing_but_an_image_says_so():
    result = ToolResult("c", (Image(Inline("image/png", PNG)),))

    part = contents(*loop(ToolCall("c", "f", "{}"), result=result))[2]["parts"][0]
    assert part["functionResponse"]["response"] == {"result": "(see attached file)"}


def test_case_152_an_image_bears_the_type_that_its_bytes_show():
    (part,) = contents(Turn("user", (Image(Inline("", PNG)),)))[0]["parts"]

    assert part == {"inlineData": {"mimeType": "image/png", "data": PNG}}


def test_case_152_an_image_that_gemini_cannot_read_is_refused():
    with pytest.raises(Unsupported, match=r"messages\[0\]: Gemini reads no image/bmp"):
        contents(Turn("user", (Image(Inline("image/png", base64.b64encode(b"BM000000").decode())),)))


def test_case_153_addresses_are_refused_unless_the_channel_fetches_them():
    turn = Turn("user", (Image(Link("https://example.com/i.png", "image/png")),))

    with pytest.raises(Unsupported, match="address"):
        contents(turn)
    assert contents(turn, dialect=replace(GEMINI, fetches_links=True))[0]["parts"] == [
        {"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/i.png"}}
    ]


def test_files_in_another_vendors_store_are_refused_and_google_files_go_back():
    with pytest.raises(Unsupported, match="another vendor's store"):
        contents(Turn("user", (Document(FileReference("file-1")),)))

    file = {"fileData": {"fileUri": "gs://b/f.pdf", "mimeType": "application/pdf"}}
    assert written(requested(user(file))).body["contents"] == [user(file)]


def test_documents_are_told_with_their_titles():
    pdf = Document(Inline("application/pdf", "AA=="), title="Report")
    plain = Document((Text("words"),), title="Notes")

    assert contents(Turn("user", (pdf, plain)))[0]["parts"] == [
        {"text": "Report"},
        {"inlineData": {"mimeType": "application/pdf", "data": "AA=="}},
        {"text": "Notes\nwords"},
    ]


def test_detail_of_an_image():
    turn = Turn("user", (Image(Inline("image/png", PNG), detail="low"),))

    assert "mediaResolution" not in contents(turn)[0]["parts"][0]
    assert "detail" in reasons(asked(turn))
    gemini_3 = replace(GEMINI, part_resolution=True)
    assert contents(turn, dialect=gemini_3)[0]["parts"][0]["mediaResolution"] == {"level": "MEDIA_RESOLUTION_LOW"}


def test_parts_of_other_protocols_become_text_or_losses():
    search = Hosted("web_search_call", Native("openai/responses", {}), "found: x")
    future = Unknown("hologram", Native("openai/chat", {}))
    request = asked(HI, Turn("assistant", (Text("a"), search, future, Refusal("no"))), HI)

    assert written(request).body["contents"][1] == model("a", "found: x", "no")
    assert "hologram" in reasons(request)


def test_gemini_parts_go_back_as_they_came():
    body = {"contents": [user("hi"), model({"executableCode": {"code": "1"}}, {"novel": {"a": 1}}), user("go")]}

    assert written(requested(*body["contents"])).body["contents"] == body["contents"]


# -- signatures


def test_case_123_an_anthropic_client_brings_the_signature_back_to_the_call():
    """The answer to turn 1 goes through the client's transcript; its carrier block becomes the signature of turn 2."""
    events = read(chunk(call("f", {"a": 1}, "c1", "c2ln"), finish="STOP"))
    answer = ANTHROPIC.write_response(fold(events), reply())
    request = anthropic(
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": answer["content"]},
        {"role": "user", "content": [tool_result("c1")]},
    )

    assert written(request).body["contents"][1] == model(call("f", {"a": 1}, "c1", "c2ln"))


def test_case_124_a_history_without_signatures_bears_the_stand_in_on_the_first_call_of_each_turn():
    said = contents(*loop(ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}")))

    assert [part.get("thoughtSignature") for part in said[1]["parts"]] == [NO_SIGNATURE, None]


def test_case_125_only_the_first_of_parallel_calls_is_signed():
    said = contents(*loop(ToolCall("a", "f", "{}", signature=SIGNED), ToolCall("b", "g", "{}")))

    assert [part.get("thoughtSignature") for part in said[1]["parts"]] == ["raw", None]


@pytest.mark.parametrize("origin", ["gem-vertex", "ant", "", "oai"])
def test_case_126_a_signature_of_another_service_is_not_replayed(origin):
    said = contents(*loop(ToolCall("a", "f", "{}", signature=Signature("raw", origin))))

    assert said[1]["parts"][0]["thoughtSignature"] == NO_SIGNATURE


def test_case_126_vertex_takes_its_own():
    turns = loop(ToolCall("a", "f", "{}", signature=Signature("raw", "gem-vertex")))

    assert contents(*turns, dialect=GEMINI_VERTEX)[1]["parts"][0]["thoughtSignature"] == "raw"


def test_a_service_that_signs_nothing_gets_no_stand_in():
    assert "thoughtSignature" not in contents(*loop(ToolCall("a", "f", "{}")), dialect=Dialect())[1]["parts"][0]


def test_a_signature_that_a_client_kept_apart_joins_the_part_behind_it():
    assert contents(HI, Turn("assistant", (Thinking("", SIGNED), Text("yes"))), HI)[1] == model(
        {"text": "yes", "thoughtSignature": "raw"}
    )
    assert contents(*loop(Thinking("", SIGNED), ToolCall("a", "f", "{}")))[1] == model(call("f", {}, "a", "raw"))


def test_thoughts_go_back_to_gemini_only():
    assert contents(HI, Turn("assistant", (Thinking("hm", Signature("x", "ant")), Text("yes"))), HI)[1] == model("yes")
    assert contents(HI, Turn("assistant", (Thinking("hm", SIGNED), Text("yes"))), HI)[1] == model(
        {"text": "hm", "thought": True}, {"text": "yes", "thoughtSignature": "raw"}
    )


def test_carriers_of_gemini_clients_go_back_bare():
    request = requested(user("hi"), model(call("f", {}, "a", carried_base64(SIGNED))), user(response("f", {}, "a")))

    assert written(request).body["contents"][1]["parts"][0]["thoughtSignature"] == "raw"


def test_a_turn_is_written_the_same_whatever_follows():
    """The provider's prompt cache lives on equal prefixes."""
    turns = loop(ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}"))
    longer = contents(*turns, Turn("assistant", (Text("done"),)), Turn("user", (Text("next"),)))

    assert json.dumps(longer[:3]) == json.dumps(contents(*turns))


# -- tools

WEATHER = FunctionTool("weather", "Tells it.", {"type": "object", "properties": {"city": {"type": "string"}}})


def test_functions_are_declared_with_json_schema_or_with_the_older_message():
    assert written(asked(tools=(WEATHER,))).body["tools"] == [
        {
            "functionDeclarations": [
                {"name": "weather", "description": "Tells it.", "parametersJsonSchema": WEATHER.schema}
            ]
        }
    ]
    (declaration,) = written(asked(tools=(WEATHER,)), GEMINI_VERTEX).body["tools"][0]["functionDeclarations"]
    assert declaration["parameters"] == {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}


@pytest.mark.parametrize("dialect", [GEMINI, GEMINI_VERTEX])
def test_case_142_bookkeeping_of_schemas_stays_behind(dialect):
    tool = FunctionTool("f", schema={"$schema": "x", **WEATHER.schema, "$comment": "y"})

    assert "$" not in json.dumps(written(asked(tools=(tool,)), dialect).body["tools"])


@pytest.mark.parametrize("schema", [None, {}])
def test_case_143_a_function_without_a_schema_has_no_parameters(schema):
    (declaration,) = written(asked(tools=(FunctionTool("f", schema=schema),))).body["tools"][0]["functionDeclarations"]

    assert declaration == {"name": "f"}


def test_case_139_long_and_odd_names_are_shortened_and_given_back():
    long, odd = "mcp__" + "x" * 80, "9lives"
    tools = (FunctionTool(long), FunctionTool(odd), FunctionTool("leaf", namespace="ns"))
    request = asked(
        *loop(ToolCall("a", long, "{}")), tools=tools, tool_choice=ToolChoice("required", (ToolReference(long),))
    )
    out = written(request)

    names = [each["name"] for each in out.body["tools"][0]["functionDeclarations"]]
    assert all(len(name) <= 64 and (name[0].isalpha() or name[0] == "_") for name in names)
    assert [out.undo.reference(name) for name in names] == [
        ToolReference(long),
        ToolReference(odd),
        ToolReference("leaf", "ns"),
    ]
    assert out.body["contents"][1]["parts"][0]["functionCall"]["name"] == names[0]
    assert out.body["contents"][2]["parts"][0]["functionResponse"]["name"] == names[0]
    assert out.body["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"] == [names[0]]


def test_a_second_tool_with_the_same_name_is_left_out():
    request = asked(tools=(WEATHER, replace(WEATHER, description="again")))

    assert len(written(request).body["tools"][0]["functionDeclarations"]) == 1
    assert "second tool" in reasons(request)


def test_web_search_becomes_google_search_only_when_there_are_no_functions():
    search = HostedTool("web_search_20250305", Native("anthropic/messages", {"type": "web_search_20250305"}))

    assert written(asked(tools=(search,))).body["tools"] == [{"googleSearch": {}}]
    assert written(asked(tools=(search, WEATHER))).body["tools"][0].keys() == {"functionDeclarations"}
    assert "googleSearch" in reasons(asked(tools=(search, WEATHER)))
    gemini_3 = replace(GEMINI, hosted_with_functions=True)
    assert {"googleSearch": {}} in written(asked(tools=(search, WEATHER)), gemini_3).body["tools"]


def test_case_084_a_tool_that_gemini_lacks_is_dropped_unless_it_is_forced():
    tool = HostedTool("hologram", Native("openai/responses", {"type": "hologram"}))
    forced = ToolChoice("required", (ToolReference("hologram", kind="hosted"),))

    assert "tools" not in written(asked(tools=(tool,))).body
    assert "hologram" in reasons(asked(tools=(tool,)))
    with pytest.raises(Unsupported, match="tool_choice"):
        written(asked(tools=(tool, WEATHER), tool_choice=forced))


def test_tools_that_only_anthropics_models_know_are_refused():
    tool = HostedTool("bash_20250124", Native("anthropic/messages", {}))

    with pytest.raises(Unsupported, match="bash_20250124"):
        written(asked(tools=(tool,)))


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (ToolChoice("auto"), {"mode": "AUTO"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (
            ToolChoice("required", (ToolReference("weather"),)),
            {"mode": "ANY", "allowedFunctionNames": ["weather"]},
        ),
        (
            ToolChoice("auto", (ToolReference("weather"),)),
            {"mode": "VALIDATED", "allowedFunctionNames": ["weather"]},
        ),
    ],
)
def test_the_choice_of_tools(choice, config):
    body = written(asked(tools=(WEATHER,), tool_choice=choice)).body

    assert body["toolConfig"] == {"functionCallingConfig": config}


def test_case_149_a_choice_without_tools_is_dropped():
    assert "toolConfig" not in written(asked(tool_choice=ToolChoice("auto"))).body


# -- generationConfig and the rest


def test_sampling_and_limits():
    request = asked(
        max_output_tokens=10, sampling=Sampling(1.5, 0.9, 4, 5, 0.1, 0.2, None, True, 3), stop=tuple("abcdef")
    )

    assert written(request).body["generationConfig"] == {
        "maxOutputTokens": 10,
        "temperature": 1.5,
        "topP": 0.9,
        "topK": 4,
        "seed": 5,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "responseLogprobs": True,
        "logprobs": 3,
        "stopSequences": ["a", "b", "c", "d", "e"],
    }
    assert "stop: " in reasons(request)


@pytest.mark.parametrize(
    ("reasoning", "budget", "level"),
    [
        (Reasoning("off"), {"thinkingBudget": 128}, {"thinkingLevel": "MINIMAL"}),
        (
            Reasoning("budget", budget_tokens=2000),
            {"includeThoughts": True, "thinkingBudget": 2000},
            {"includeThoughts": True, "thinkingLevel": "LOW"},
        ),
        (
            Reasoning("budget", budget_tokens=99999, visible=False),
            {"thinkingBudget": 24576},
            {"thinkingLevel": "HIGH"},
        ),
        (
            Reasoning("effort", "medium", visible=True),
            {"includeThoughts": True, "thinkingBudget": 8192},
            {"includeThoughts": True, "thinkingLevel": "MEDIUM"},
        ),
        (Reasoning("adaptive"), {"includeThoughts": True, "thinkingBudget": -1}, {"includeThoughts": True}),
        (
            Reasoning("adaptive", "high"),
            {"includeThoughts": True, "thinkingBudget": 24576},
            {"includeThoughts": True, "thinkingLevel": "HIGH"},
        ),
    ],
)
def test_thinking_as_a_budget_or_as_a_level(reasoning, budget, level):
    levels = replace(GEMINI, thinking_control="level")

    assert written(asked(reasoning=reasoning)).body["generationConfig"]["thinkingConfig"] == budget
    assert written(asked(reasoning=reasoning), levels).body["generationConfig"]["thinkingConfig"] == level


def test_answers_in_json():
    wanted = OutputFormat({"type": "object", "properties": {"a": {"type": "string"}}}, "n", strict=True)

    assert written(asked(output_format=OutputFormat())).body["generationConfig"] == {
        "responseMimeType": "application/json"
    }
    assert written(asked(output_format=wanted)).body["generationConfig"]["responseJsonSchema"] == wanted.schema
    config = written(asked(output_format=wanted), GEMINI_VERTEX).body["generationConfig"]
    assert config["responseSchema"] == {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}


def test_whatever_gemini_cannot_say_is_recorded():
    request = asked(
        Turn("user", (Text("hi", CacheMark()),), name="bob"),
        tools=(replace(WEATHER, strict=True),),
        parallel_tool_calls=False,
        sampling=Sampling(logit_bias={"1": 2.5}),
        verbosity="low",
        user="u",
        cache_key="k",
        metadata={"a": "b"},
        service_tier="scale",
        extensions={"openai/chat": {"prediction": {}}},
    )

    assert {loss.path for loss in written(request).losses} == {
        "messages[].name",
        "cache_control",
        "tools[].strict",
        "parallel_tool_calls",
        "logit_bias",
        "verbosity",
        "user",
        "prompt_cache_key",
        "metadata",
        "service_tier",
        "prediction",
    }


def test_vertex_keeps_labels():
    assert written(asked(metadata={"a": "b"}), GEMINI_VERTEX).body["labels"] == {"a": "b"}


def test_what_other_protocols_must_not_lose_is_refused():
    with pytest.raises(Unsupported, match="previous_response_id"):
        written(asked(native_only={"openai/responses": ("previous_response_id",)}))


def test_what_gemini_clients_said_beside_the_hub_comes_back():
    members = {
        "safetySettings": [{"category": "X"}],
        "generationConfig": {"speechConfig": {"a": 1}},
        "toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}, "retrievalConfig": {"b": 2}},
        "tools": [{"functionDeclarations": [{"name": "f", "behavior": "NON_BLOCKING"}]}, {"urlContext": {}}],
        "serviceTier": "standard",
    }

    body = written(requested(user("hi"), **members)).body
    assert {name: body[name] for name in members} == members


# -- counting and addresses


def test_the_providers_counter_gets_what_costs_tokens():
    request = asked(system=(Text("s"),), tools=(WEATHER,), max_output_tokens=5)
    wrapped = PROTOCOL.count_request(request, GEMINI).body
    bare = PROTOCOL.count_request(request, GEMINI_VERTEX).body

    assert wrapped["generateContentRequest"].keys() == {"model", "systemInstruction", "contents", "tools"}
    assert wrapped["generateContentRequest"]["model"] == "models/gemini-x"
    assert bare.keys() == {"systemInstruction", "contents", "tools"}


def test_counts_are_read_and_written():
    assert PROTOCOL.read_count({"totalTokens": 12}) == 12
    assert PROTOCOL.write_count(12) == {"totalTokens": 12}


@pytest.mark.parametrize(
    ("operation", "stream", "path", "query"),
    [
        ("generate", False, "models/gemini-x:generateContent", ""),
        ("generate", True, "models/gemini-x:streamGenerateContent", "alt=sse"),
        ("count_tokens", False, "models/gemini-x:countTokens", ""),
        ("models", False, "models", ""),
    ],
)
def test_addresses(operation, stream, path, query):
    endpoint = PROTOCOL.endpoint(operation, "models/gemini-x", stream)

    assert (endpoint.version, endpoint.path, endpoint.query) == ("v1beta", path, query)


def test_members_of_parts_that_only_gemini_knows_come_back():
    parts = [
        {"text": "a", "partMetadata": {"x": 1}},
        {"text": "b", "partMetadata": {"x": 2}},
        {"inlineData": {"mimeType": "image/png", "data": PNG, "displayName": "i.png"}, "mediaProcessing": {"y": 1}},
        {"inlineData": {"mimeType": "application/pdf", "data": "AA==", "displayName": "f.pdf"}},
    ]
    said = [user("hi"), model(*parts[:2]), user(*parts)]
    request = requested(*said)

    assert written(request).body["contents"] == said
    assert request.extensions[PROTOCOL.name].keys() == {
        "contents[].parts[].partMetadata",
        "contents[].parts[].inlineData.displayName",
        "contents[].parts[].mediaProcessing",
    }


def test_members_of_results_that_only_gemini_knows_come_back():
    result = response("f", {"result": "x"}, "c", scheduling="SILENT")
    request = requested(user("hi"), model(call("f", {}, "c", NO_SIGNATURE)), user(result))

    assert written(request).body["contents"][2] == user(result)
    assert "contents[].parts[].functionResponse.scheduling" in request.extensions[PROTOCOL.name]


def test_marks_and_citations_inside_of_results_are_recorded():
    inner = Text("x", CacheMark(), ({"type": "char_location"},))
    turns = loop(ToolCall("c", "f", "{}"), result=ToolResult("c", (inner,)))

    assert "cache_control: " in reasons(asked(*turns))
    assert "citations" in reasons(asked(*turns))


def test_settings_of_foreign_searches_are_recorded():
    native = Native("openai/responses", {"type": "web_search", "filters": {"allowed_domains": ["a.example"]}})

    assert "allowed_domains" in reasons(asked(tools=(HostedTool("web_search", native),)))


def test_json_is_asked_for_in_words_where_it_may_not_stand_beside_functions():
    """Models before Gemini 3 refuse the two together."""
    tools = (FunctionTool("f", None, {"type": "object", "properties": {}}),)
    both = asked(tools=tools, output_format=OutputFormat({"type": "object"}))
    before = PROTOCOL.write_request(both, GEMINI)
    since = PROTOCOL.write_request(both, replace(GEMINI, format_with_functions=True))
    alone = PROTOCOL.write_request(replace(both, tools=()), GEMINI)

    assert "generationConfig" not in before.body
    assert before.body["systemInstruction"]["parts"][-1]["text"].endswith('fits this schema: {"type":"object"}')
    assert [loss.path for loss in before.losses if loss.severity == "warning"] == ["response_format"]
    for demanded in (since, alone):
        assert demanded.body["generationConfig"]["responseMimeType"] == "application/json"
        assert "systemInstruction" not in demanded.body


@pytest.mark.parametrize(
    ("budget", "told"), [(1, 128), (128, 128), (2000, 2000), (99_999, GEMINI.thinking_most_tokens)]
)
def test_a_budget_is_one_that_the_model_takes(budget: int, told: int):
    request = asked(reasoning=Reasoning("budget", budget_tokens=budget))

    assert PROTOCOL.write_request(request, GEMINI).body["generationConfig"]["thinkingConfig"]["thinkingBudget"] == told
