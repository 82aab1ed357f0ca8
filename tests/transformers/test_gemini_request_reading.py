import pytest

from axonhub.transformers.carriers import carried_base64
from axonhub.transformers.hub.parts import (
    Audio,
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
    Video,
)
from axonhub.transformers.hub.requests import (
    FunctionTool,
    HostedTool,
    OutputFormat,
    Reasoning,
    Sampling,
    ToolChoice,
    ToolReference,
    Turn,
)
from axonhub.transformers.protocol import Unreadable, Unsupported
from axonhub.transformers.protocols.gemini import PROTOCOL
from axonhub.transformers.protocols.gemini.names import NO_SIGNATURE
from tests.transformers.gemini_wire import call, model, requested, response, text, thought, user

NAME = PROTOCOL.name


def test_model_and_stream_come_from_the_path():
    request = PROTOCOL.read_request({"contents": [user("hi")]}, "models/gemini-2.5-pro", True)

    assert (request.model, request.stream) == ("gemini-2.5-pro", True)


def test_a_request_without_a_model_is_unreadable():
    with pytest.raises(Unreadable, match="model"):
        PROTOCOL.read_request({"contents": [user("hi")]})


def test_snake_case_and_lone_messages_are_read():
    request = requested(
        contents={"role": "user", "parts": {"text": "hi"}},
        system_instruction={"parts": {"text": "be brief"}},
        generation_config={"max_output_tokens": 9, "stop_sequences": ["x"], "thinking_config": {"thinking_budget": 0}},
        tools=[{"function_declarations": [{"name": "f", "parameters_json_schema": {"type": "object"}}]}],
    )

    assert request.turns == (Turn("user", (Text("hi"),)),)
    assert request.system == (Text("be brief"),)
    assert (request.max_output_tokens, request.stop) == (9, ("x",))
    assert request.reasoning == Reasoning("off")
    assert request.tools == (FunctionTool("f", schema={"type": "object"}),)


@pytest.mark.parametrize("system", ["words", {"text": "words"}, {"role": "user", "parts": [{"text": "words"}]}])
def test_every_form_of_a_system_instruction_is_read(system):
    assert requested(user("hi"), systemInstruction=system).system == (Text("words"),)


def test_system_instructions_of_anything_but_text_are_refused():
    with pytest.raises(Unsupported, match=r"systemInstruction.parts\[0\]"):
        requested(user("hi"), systemInstruction={"parts": [{"inlineData": {"mimeType": "image/png", "data": "aa"}}]})


def test_parts_of_every_kind_are_read():
    def blob(kind):
        return {"inlineData": {"mimeType": kind, "data": "AA=="}}

    request = requested(
        user(
            "words",
            blob("image/png"),
            blob("audio/wav"),
            blob("video/mp4"),
            blob("application/pdf"),
            {"fileData": {"fileUri": "gs://b/f.pdf", "mimeType": "application/pdf"}},
            {"fileData": {"fileUri": "https://example.com/i.png", "mimeType": "image/png"}},
            {"futurePart": {"a": 1}},
        )
    )

    parts = request.turns[0].parts
    assert parts[:7] == (
        Text("words"),
        Image(Inline("image/png", "AA==")),
        Audio(Inline("audio/wav", "AA==")),
        Video(Inline("video/mp4", "AA==")),
        Document(Inline("application/pdf", "AA==")),
        Document(FileReference("gs://b/f.pdf")),
        Image(Link("https://example.com/i.png", "image/png")),
    )
    assert isinstance(parts[7], Unknown) and parts[7].kind == "futurePart"


def test_base64_of_either_alphabet_becomes_standard():
    part = requested(user({"inlineData": {"mimeType": "image/png", "data": "-_8="}})).turns[0].parts[0]

    assert part == Image(Inline("image/png", "+/8="))


def test_executed_code_can_be_told_as_text():
    parts = (
        requested(
            user("hi"),
            model(
                {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
                {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
            ),
        )
        .turns[1]
        .parts
    )

    assert [(part.kind, part.text) for part in parts if isinstance(part, Hosted)] == [
        ("executableCode", "```python\nprint(1)\n```"),
        ("codeExecutionResult", "```\n1\n```"),
    ]


def test_calls_without_ids_are_paired_by_name_in_order():
    request = requested(
        user("hi"),
        model(call("f", {"a": 1}), call("g"), call("f", {"a": 2})),
        user(response("f", {"result": "one"}), response("g", {"output": "two"}), response("f", {"result": "three"})),
    )

    calls, results = request.turns[1].parts, request.turns[2].parts
    assert [each.call_id for each in results] == [each.id for each in calls]
    assert len({each.id for each in calls}) == 3
    assert [each.parts for each in results] == [(Text("one"),), (Text("two"),), (Text("three"),)]


def test_minted_ids_repeat_in_later_turns():
    first = requested(user("hi"), model(call("f")), user(response("f", {})))
    later = requested(user("hi"), model(call("f")), user(response("f", {})), model("ok"), user("more"))

    assert first.turns[1] == later.turns[1]


def test_gemini_cli_puts_the_name_before_each_id():
    request = requested(
        user("hi"),
        model(call("read", {}, "read__toolu_1")),
        user(response("read", {"output": "x"}, "read__toolu_1")),
    )

    assert request.turns[1].parts[0].id == "toolu_1"
    assert request.turns[2].parts[0].call_id == "toolu_1"


def test_results_of_every_form_are_read():
    def result(value, **members):
        return requested(user("hi"), model(call("f")), user(response("f", value, **members))).turns[2].parts[0]

    assert result({"result": ""}).parts == ()
    assert result({"error": "broken"}).is_error
    assert result({"error": "broken"}).parts == (Text("broken"),)
    assert result({"output": {"a": [1]}}).parts == (Text('{"a":[1]}'),)
    assert result({"a": 1, "error": 2}).parts == (Text('{"a":1,"error":2}'),)
    image = result({"result": "see"}, parts=[{"inlineData": {"mimeType": "image/png", "data": "AA=="}}])
    assert image.parts == (Text("see"), Image(Inline("image/png", "AA==")))


def test_a_result_that_answers_no_call_keeps_its_id():
    result = requested(user(response("f", {"result": "x"}, "call_9"))).turns[0].parts[0]

    assert result == ToolResult("call_9", (Text("x"),), name="f")


def test_increments_of_a_models_turn_become_one_part_again():
    signature = Signature("sig", "ant")
    turn = requested(
        user("hi"),
        model(
            thought("I "),
            thought("think"),
            thought("", thoughtSignature=carried_base64(signature)),
            text("Hel"),
            text(" "),
            text("lo"),
        ),
    ).turns[1]

    assert turn.parts == (Thinking("I think", signature), Text("Hel lo"))


def test_text_blocks_of_the_user_stay_apart():
    assert requested(user("a", "b")).turns[0].parts == (Text("a"), Text("b"))


def test_signatures_of_clients_are_carriers_or_of_unknown_origin():
    ours = Signature("raw", "gem-aistudio")
    parts = (
        requested(
            user("hi"),
            model(
                call("f", signature=carried_base64(ours)),
                call("g", signature="Zm9yZWlnbg=="),
                call("h", signature=NO_SIGNATURE),
            ),
        )
        .turns[1]
        .parts
    )

    assert [part.signature for part in parts if isinstance(part, ToolCall)] == [
        ours,
        Signature("Zm9yZWlnbg==", ""),
        None,
    ]


def test_tools_of_every_kind_are_read():
    declaration = {
        "name": "f",
        "description": "d",
        "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True}}},
        "behavior": "NON_BLOCKING",
    }
    request = requested(user("hi"), tools=[{"functionDeclarations": [declaration]}, {"googleSearch": {}}])

    function, hosted = request.tools
    assert function == FunctionTool("f", "d", {"type": "object", "properties": {"a": {"type": ["string", "null"]}}})
    assert isinstance(hosted, HostedTool) and hosted.native.value == {"googleSearch": {}}
    assert request.extensions[NAME] == {"tools[].functionDeclarations[].behavior": "NON_BLOCKING"}


@pytest.mark.parametrize(
    ("config", "choice"),
    [
        ({"mode": "AUTO"}, ToolChoice("auto")),
        ({"mode": "ANY"}, ToolChoice("required")),
        ({"mode": "NONE"}, ToolChoice("none")),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice("required", (ToolReference("f"),))),
    ],
)
def test_the_choice_of_tools_is_read(config, choice):
    assert requested(user("hi"), toolConfig={"functionCallingConfig": config}).tool_choice == choice


def test_generation_config_is_read():
    request = requested(
        user("hi"),
        generationConfig={
            "maxOutputTokens": 100,
            "temperature": 0.5,
            "topP": 0.9,
            "topK": 40.0,
            "seed": 3,
            "presencePenalty": 0.1,
            "frequencyPenalty": 0.2,
            "candidateCount": 1,
            "responseLogprobs": True,
            "logprobs": 2,
            "stopSequences": ["END"],
            "responseMimeType": "application/json",
            "responseSchema": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}},
            "responseModalities": ["TEXT"],
        },
    )

    assert request.sampling == Sampling(0.5, 0.9, 40, 3, 0.1, 0.2, None, True, 2, 1)
    assert request.max_output_tokens == 100
    assert request.output_format == OutputFormat({"type": "object", "properties": {"a": {"type": "string"}}})
    assert request.extensions == {}


@pytest.mark.parametrize(
    ("told", "reasoning"),
    [
        ({"includeThoughts": True, "thinkingBudget": 2048}, Reasoning("budget", budget_tokens=2048, visible=True)),
        ({"thinkingBudget": -1}, Reasoning("adaptive", visible=False)),
        ({"thinkingLevel": "HIGH", "includeThoughts": True}, Reasoning("effort", "high", visible=True)),
        ({"thinkingBudget": 0}, Reasoning("off")),
        ({"includeThoughts": True}, Reasoning("adaptive", visible=True)),
    ],
)
def test_thinking_is_read(told, reasoning):
    assert requested(user("hi"), generationConfig={"thinkingConfig": told}).reasoning == reasoning


def test_what_only_gemini_has_stays_beside_the_request():
    request = requested(
        user("hi"),
        safetySettings=[{"category": "X"}],
        cachedContent="cachedContents/1",
        labels={"team": "a"},
        generationConfig={"responseModalities": ["TEXT", "IMAGE"], "speechConfig": {}},
        toolConfig={"retrievalConfig": {"languageCode": "de"}},
    )

    assert request.extensions[NAME] == {
        "safetySettings": [{"category": "X"}],
        "cachedContent": "cachedContents/1",
        "generationConfig.responseModalities": ["TEXT", "IMAGE"],
        "generationConfig.speechConfig": {},
        "toolConfig.retrievalConfig": {"languageCode": "de"},
    }
    assert request.native_only == {NAME: ("cachedContent", "generationConfig.responseModalities")}
    assert request.metadata == {"team": "a"}


def test_a_wrapped_count_request_is_read_as_that_request():
    wrapped = {"generateContentRequest": {"model": "models/m", "contents": [user("hi")]}}

    assert PROTOCOL.read_request(wrapped).turns == (Turn("user", (Text("hi"),)),)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"contents": "hi"}, r"contents\[0\]"),
        ({"contents": [{"role": "system", "parts": []}]}, r"contents\[0\].role"),
        ({"contents": [{"parts": [{"text": 3}]}]}, r"contents\[0\].parts\[0\].text"),
        ({"contents": [{"parts": [{}]}]}, r"contents\[0\].parts\[0\]"),
        ({"contents": [{"parts": [{"functionCall": {}}]}]}, r"contents\[0\].parts\[0\].functionCall.name"),
        ({"contents": [{"parts": [{"inlineData": {"data": "x"}}]}]}, r"parts\[0\].inlineData.mimeType"),
        ({"contents": [], "generationConfig": {"topK": 0.5}}, "generationConfig.topK"),
        ({"contents": [], "tools": [{"functionDeclarations": [{}]}]}, r"tools\[0\].functionDeclarations\[0\].name"),
        ({"contents": [], "toolConfig": {"functionCallingConfig": {"mode": "X"}}}, "functionCallingConfig.mode"),
    ],
)
def test_members_of_a_wrong_type_are_named(body, path):
    with pytest.raises(Unreadable, match=path):
        PROTOCOL.read_request(body, "m", False)
