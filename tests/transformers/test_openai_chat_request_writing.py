"""Hub requests → chat bodies in the vendors' dialects. Cases: the hard cases' numbers."""

import base64
import json
import re

import pytest

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.dialects import (
    AZURE,
    COMPATIBLE,
    DEEPSEEK,
    GROQ,
    MOONSHOT,
    OLLAMA,
    OPENAI,
    OPENROUTER,
    QWEN,
    VLLM,
    ZAI,
)
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
from axonhub.transformers.protocols.openai_chat import PROTOCOL
from tests.upstreams import chat_rules
from tests.upstreams.rules import Asked, all_refusals

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()
PDF = base64.b64encode(b"%PDF-1.7" + bytes(40)).decode()
BMP = base64.b64encode(b"BM" + bytes(40)).decode()
IMAGE = Image(Inline("image/png", PNG))
LS = FunctionTool("ls", "Lists.", {"type": "object", "properties": {}})
ALL = [OPENAI, AZURE, DEEPSEEK, MOONSHOT, ZAI, QWEN, OPENROUTER, GROQ, OLLAMA, VLLM, COMPATIBLE]
RULES = {
    id(OPENAI): chat_rules.OPENAI,
    id(AZURE): chat_rules.OPENAI,
    id(DEEPSEEK): chat_rules.DEEPSEEK,
    id(VLLM): chat_rules.TEMPLATED,
    id(QWEN): chat_rules.TEMPLATED,
}


def user(*parts):
    return Turn("user", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def assistant(*parts):
    return Turn("assistant", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def system(text):
    return Turn("system", (Text(text),))


def call(id="a", name="ls", arguments="{}", **members):
    return ToolCall(id, name, arguments, **members)


def result(id="a", *parts, **members):
    return ToolResult(id, tuple(Text(part) if isinstance(part, str) else part for part in parts), **members)


def request(*turns, model="m", **members):
    return Request(model, turns or (user("hi"),), **members)


def write(request, dialect=OPENAI):
    """The body; refused by no rule of a real provider's double."""
    written = PROTOCOL.write_request(request, dialect)
    rules = RULES.get(id(dialect))
    if rules is not None:
        asked = Asked(None, json.loads(json.dumps(written.body)))
        judges = [rule for rule in chat_rules.chat_rules(rules) if rule.name not in OF_THE_DOOR]
        assert [f"{each.rule}: {each.message}" for each in all_refusals(judges, asked)] == []
    return written.body


OF_THE_DOOR = ("bearer_key", "body_is_declared_json")


def messages(*turns, dialect=OPENAI, **members):
    return write(request(*turns, **members), dialect)["messages"]


def losses(request, dialect=OPENAI):
    return {loss.path for loss in PROTOCOL.write_request(request, dialect).losses}


# -- history and roles


@pytest.mark.parametrize("dialect", [OPENAI, QWEN])
def test_case_097_images_of_results_follow_the_last_result_in_one_user_message(dialect):
    told = messages(
        user("look"),
        assistant(call("a"), call("b")),
        user(result("a", IMAGE), result("b", "text")),
        user("well?"),
        dialect=dialect,
    )

    assert [message["role"] for message in told] == ["user", "assistant", "tool", "tool", "user"]
    assert told[2] == {"role": "tool", "tool_call_id": "a", "content": "(see attached image)"}
    kinds = [part["type"] for part in told[4]["content"]]
    assert kinds == ["text", "image_url", "text"]
    assert "a" in told[4]["content"][0]["text"]


def test_case_097_media_of_the_last_results_is_not_forgotten():
    told = messages(user("look"), assistant(call("a")), user(result("a", IMAGE)))

    assert [message["role"] for message in told] == ["user", "assistant", "tool", "user"]


def test_case_098_texts_of_a_result_keep_their_order():
    told = messages(user("look"), assistant(call("a")), user(result("a", "one", IMAGE, "two")))

    assert told[2]["content"] == "one\ntwo"


def test_case_099_a_result_without_content_is_an_empty_string():
    assert messages(user("x"), assistant(call("a")), user(result("a")))[2]["content"] == ""


@pytest.mark.parametrize(("text", "told"), [("no such file", "Error: no such file"), ("Error: no", "Error: no")])
def test_case_100_an_error_is_said_in_words_once(text, told):
    assert messages(user("x"), assistant(call("a")), user(result("a", text, is_error=True)))[2]["content"] == told


def test_case_101_results_come_before_the_words_of_their_turn():
    told = messages(user("x"), assistant(call("a")), user("also this", result("a", "out")))

    assert [message["role"] for message in told] == ["user", "assistant", "tool", "user"]


def test_case_102_results_in_two_turns_are_regrouped():
    told = messages(
        user("x"), assistant(call("a"), call("b")), user(result("a", "1")), user("wait"), user(result("b", "2"))
    )

    assert [message.get("tool_call_id", message["role"]) for message in told] == ["user", "assistant", "a", "b", "user"]


@pytest.mark.parametrize(
    "turns",
    [
        [user("x"), user(result("gone", "out"))],
        [user("x"), assistant(call("a")), user("never mind")],
        [user("x"), assistant(call("a")), user(result("a", "1")), assistant(call("a")), user(result("a", "2"))],
    ],
    ids=["orphan_result", "orphan_call", "reused_id"],
)
def test_case_105_odd_histories_are_made_whole(turns):
    told = messages(*turns)  # the rules of the provider's double are the judge

    called = [each["id"] for message in told for each in message.get("tool_calls", ())]
    assert called == [message["tool_call_id"] for message in told if message["role"] == "tool"]
    assert len(called) == len(set(called))


def test_case_106_results_of_different_calls_are_never_merged():
    told = messages(user("x"), assistant(call("a"), call("b")), user(result("a", "1"), result("b", "2")))

    assert [message["content"] for message in told[2:]] == ["1", "2"]


def test_case_109_long_call_ids_are_shortened_alike_in_call_and_result():
    long = "x" * 83
    told = messages(user("x"), assistant(call(long)), user(result(long, "out")))

    assert len(told[1]["tool_calls"][0]["id"]) <= 64
    assert told[1]["tool_calls"][0]["id"] == told[2]["tool_call_id"]


def test_ids_of_vendors_stay_as_the_vendor_minted_them():
    told = messages(user("x"), assistant(call("functions.Bash:0")), user(result("functions.Bash:0", "out")))

    assert told[2]["tool_call_id"] == "functions.Bash:0"


@pytest.mark.parametrize("dialect", ALL)
def test_case_110_system_in_mid_conversation_is_never_an_assistants(dialect):
    told = messages(user("a"), assistant("b"), system("mind"), user("c"), system("last"), dialect=dialect)

    spoken = [(message["role"], json.dumps(message["content"])) for message in told]
    assert all("mind" not in text and "last" not in text for role, text in spoken if role == "assistant")
    assert "last" in spoken[-1][1]


def test_case_110_strict_templates_get_a_reminder_behind_the_users_words():
    told = messages(user("a"), system("mind"), dialect=VLLM)

    assert [message["role"] for message in told] == ["user"]
    assert [part["text"] for part in told[0]["content"]] == ["a", "<system-reminder>\nmind\n</system-reminder>"]


def test_case_110_openai_keeps_it_in_place():
    told = messages(user("a"), system("mind"), user("b"))

    assert [message["role"] for message in told] == ["user", "system", "user"]


@pytest.mark.parametrize("dialect", ALL)
def test_case_111_billing_block_goes_and_the_rest_of_the_prompt_stays(dialect):
    billing = Text("x-anthropic-billing-header: cc_version=1;")
    told = messages(dialect=dialect, system=(billing, Text("be brief")))

    assert told[0] == {"role": "system", "content": "be brief"}


@pytest.mark.parametrize("dialect", [QWEN, OPENROUTER])
def test_cache_marks_are_kept_where_they_are_understood(dialect):
    marked = Text("long", cache=CacheMark("1h"))
    body = PROTOCOL.write_request(request(user(marked), system=(Text("a", cache=CacheMark()), Text("b"))), dialect).body

    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "b"},
    ]
    assert body["messages"][1]["content"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}


def test_cache_marks_are_one_recorded_loss_elsewhere():
    marked = Text("long", cache=CacheMark())
    written = PROTOCOL.write_request(request(user(marked), user(marked)), OPENAI)

    assert [(loss.path, loss.severity) for loss in written.losses] == [("cache_control", "info")]


def test_case_115_one_text_is_a_string_and_several_are_a_list():
    assert messages(user("a"))[0]["content"] == "a"
    assert messages(user("a", "b"))[0]["content"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]


@pytest.mark.parametrize("dialect", [DEEPSEEK, GROQ, OLLAMA])
def test_case_115_vendors_without_lists_get_joined_text(dialect):
    told = messages(user("a", "b"), dialect=dialect, system=(Text("c"), Text("d")))

    assert [message["content"] for message in told] == ["c\nd", "a\nb"]


def test_case_116_two_user_messages_stay_two():
    assert [message["content"] for message in messages(user("a"), user("b"))] == ["a", "b"]


def test_assistant_texts_are_one_string_and_calls_without_text_have_null():
    told = messages(user("x"), assistant("a", "b"), user("y"), assistant(call()), user(result()))

    assert told[1]["content"] == "ab"
    assert told[3]["content"] is None


def test_elsewhere_a_refusal_is_text_like_any_other():
    told = messages(user("x"), assistant("So: ", Refusal("No.")), user("y"), dialect=DEEPSEEK)

    assert told[1]["content"] == "So: No."


def test_reasoning_without_words_has_empty_content():
    told = messages(user("x"), assistant(Thinking("hm")), user("y"), dialect=MOONSHOT)

    assert told[1] == {"role": "assistant", "content": "", "reasoning_content": "hm"}


def test_a_turn_of_nothing_that_can_be_said_goes():
    assert [message["role"] for message in messages(user("x"), assistant(Thinking("hm")), user("y"))] == [
        "user",
        "user",
    ]


def test_empty_parts_go():
    assert messages(user("x"), assistant(""), user("", "y")) == [
        {"role": "user", "content": "x"},
        {"role": "user", "content": "y"},
    ]


def test_refusals_and_names_are_kept():
    told = messages(user("x"), assistant(Refusal("No.")), Turn("user", (Text("y"),), "ann"))

    assert told[1]["content"] == [{"type": "refusal", "refusal": "No."}]
    assert told[2]["name"] == "ann"


# -- reasoning of earlier turns


LOOP = [
    user("x"),
    assistant(Thinking("old"), "said"),
    user("y"),
    assistant(Thinking("one", Signature("s", "ant")), call()),
    user(result("a", "out"), "reminder"),
]


def test_case_127_deepseek_gets_the_reasoning_of_the_tool_loop_back():
    told = messages(*LOOP, dialect=DEEPSEEK)

    assert [message.get("reasoning_content") for message in told] == [None, None, None, "one", None, None]


def test_a_users_turn_that_cannot_be_said_begins_no_new_tool_loop():
    """The vendor sees no message of the user behind the calls, and would refuse them without their reasoning."""
    approval = Hosted("mcp_approval_response", Native("openai/responses", {}), "")
    turns = (user("x"), assistant(Thinking("why"), call()), user(result("a", "out")), assistant("b"), user(approval))

    told = messages(*turns, dialect=DEEPSEEK)

    assert [message["role"] for message in told] == ["user", "assistant", "tool", "assistant"]
    assert told[1]["reasoning_content"] == "why"


def test_case_127_a_call_whose_reasoning_is_unknown_has_an_empty_one():
    told = messages(user("x"), assistant(call()), user(result("a", "out")), dialect=DEEPSEEK)

    assert told[1]["reasoning_content"] == ""


def test_no_empty_reasoning_when_thinking_is_off():
    turns = (user("x"), assistant(call()), user(result("a", "out")))
    body = PROTOCOL.write_request(request(*turns, reasoning=Reasoning("off")), DEEPSEEK).body

    assert "reasoning_content" not in body["messages"][1]


@pytest.mark.parametrize("dialect", [MOONSHOT, ZAI])
def test_vendors_that_preserve_thinking_get_all_of_it(dialect):
    told = messages(*LOOP, dialect=dialect)

    assert [message.get("reasoning_content") for message in told] == [None, "old", None, "one", None, None]


@pytest.mark.parametrize("dialect", [OPENAI, COMPATIBLE, VLLM, GROQ, OLLAMA, QWEN])
def test_others_get_none_and_the_loss_is_recorded(dialect):
    assert "one" not in json.dumps(messages(*LOOP, dialect=dialect))
    assert "messages[].content[].thinking" in losses(request(*LOOP), dialect)


def test_case_128_redacted_thinking_is_dropped_with_a_loss():
    history = (user("x"), assistant(Thinking(redacted="xx"), "said"), user("y"))

    assert "xx" not in json.dumps(messages(*history))
    assert "messages[].content[].redacted_thinking" in losses(request(*history))


def test_case_129_two_thinking_parts_are_joined_in_order():
    told = messages(user("x"), assistant(Thinking("a"), Thinking("b"), "c"), user("y"), dialect=MOONSHOT)

    assert told[1]["reasoning_content"] == "a\n\nb"


def test_case_130_reasoning_details_go_back_unmodified():
    details = [{"type": "reasoning.encrypted", "data": "xx", "index": 0, "id": None}]
    signature = Signature(json.dumps(details), "orouter")
    told = messages(user("x"), assistant(Thinking("a", signature), call()), user(result()), dialect=OPENROUTER)

    assert told[1]["reasoning_details"] == details
    assert "reasoning" not in told[1]


def test_foreign_signatures_never_reach_openrouter():
    history = (user("x"), assistant(Thinking("a", Signature("s", "ant")), "b"), user("y"))
    told = messages(*history, dialect=OPENROUTER)

    assert told[1]["reasoning"] == "a"
    assert "reasoning_details" not in told[1]
    assert "messages[].content[].signature" in losses(request(*history), OPENROUTER)


def test_googles_own_signature_goes_back_on_its_call():
    google = Dialect(signature_origin="gem-aistudio")
    signed = call(signature=Signature("sig", "gem-aistudio"))
    told = messages(user("x"), assistant(signed), user(result()), dialect=google)

    assert told[1]["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "sig"}}
    assert "extra_content" not in messages(user("x"), assistant(signed), user(result()))[1]["tool_calls"][0]


# -- reasoning asked for


@pytest.mark.parametrize(
    ("dialect", "asked", "told"),
    [
        (OPENAI, Reasoning("effort", "high"), {"reasoning_effort": "high"}),
        (OPENAI, Reasoning("effort", "xhigh"), {"reasoning_effort": "high"}),
        (OPENAI, Reasoning("adaptive"), {"reasoning_effort": "high"}),
        (OPENAI, Reasoning("budget", budget_tokens=2000), {"reasoning_effort": "low"}),
        (OPENAI, Reasoning("off"), {"reasoning_effort": "low"}),
        (OPENAI, Reasoning("effort"), {}),
        (COMPATIBLE, Reasoning("off"), {}),
        (COMPATIBLE, Reasoning("effort", "minimal"), {"reasoning_effort": "low"}),
        (OLLAMA, Reasoning("off"), {"reasoning_effort": "none"}),
        (OLLAMA, Reasoning("effort", "minimal"), {"reasoning_effort": "low"}),
        (DEEPSEEK, Reasoning("off"), {"thinking": {"type": "disabled"}}),
        (ZAI, Reasoning("adaptive", "low"), {"thinking": {"type": "enabled"}}),
        (QWEN, Reasoning("budget", budget_tokens=900), {"enable_thinking": True, "thinking_budget": 900}),
        (QWEN, Reasoning("off"), {"enable_thinking": False}),
        (VLLM, Reasoning("off"), {"chat_template_kwargs": {"enable_thinking": False}}),
        (OPENROUTER, Reasoning("effort", "xhigh"), {"reasoning": {"effort": "xhigh"}}),
        (OPENROUTER, Reasoning("budget", budget_tokens=900), {"reasoning": {"max_tokens": 900}}),
        (OPENROUTER, Reasoning("off"), {"reasoning": {"enabled": False}}),
        (OPENROUTER, Reasoning("effort", visible=False), {"reasoning": {"enabled": True, "exclude": True}}),
    ],
)
def test_case_136_reasoning_is_asked_for_in_the_vendors_words(dialect, asked, told):
    body = write(request(model="gpt-5", reasoning=asked), dialect)

    fields = {"reasoning_effort", "thinking", "enable_thinking", "thinking_budget", "chat_template_kwargs", "reasoning"}
    assert {name: body[name] for name in body if name in fields} == told


def test_a_model_that_does_not_think_is_sent_no_effort():
    asked = request(model="gpt-4o", reasoning=Reasoning("effort", "high"), sampling=Sampling(temperature=0.2))

    assert "reasoning_effort" not in write(asked)
    assert write(asked)["temperature"] == 0.2
    assert losses(asked) == {"reasoning"}


@pytest.mark.parametrize("model", ["gpt-5", "o3-mini", "openai/gpt-5.1"])
def test_case_137_models_that_always_think_are_sent_no_sampling(model):
    asked = request(model=model, sampling=Sampling(temperature=0.2, top_p=0.9, seed=7), max_output_tokens=99)
    body = write(asked)

    assert body == {
        "model": model,
        "messages": [{"role": "user", "content": "hi"}],
        "max_completion_tokens": 99,
        "seed": 7,
    }
    assert losses(asked) == {"temperature", "top_p"}


@pytest.mark.parametrize("dialect", [DEEPSEEK, MOONSHOT, ZAI, QWEN, OPENROUTER, OLLAMA, VLLM, COMPATIBLE])
def test_case_137_other_vendors_know_max_tokens(dialect):
    body = write(request(max_output_tokens=99, sampling=Sampling(temperature=0.2)), dialect)

    assert (body["max_tokens"], body["temperature"]) == (99, 0.2)


# -- tools


def test_case_139_long_tool_names_are_short_everywhere_and_restored():
    long = "mcp__" + "server" * 12 + "__tool"
    asked = request(
        user("x"),
        assistant(call(name=long)),
        user(result()),
        tools=(FunctionTool(long),),
        tool_choice=ToolChoice("required", (ToolReference(long),)),
    )
    written = PROTOCOL.write_request(asked, OPENAI)
    short = written.body["tools"][0]["function"]["name"]

    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", short)
    assert written.body["messages"][1]["tool_calls"][0]["function"]["name"] == short
    assert written.body["tool_choice"] == {"type": "function", "function": {"name": short}}
    assert written.undo.reference(short) == ToolReference(long)
    write(asked)


def test_case_141_tool_type_does_not_leak_into_the_parameters():
    native = Native("anthropic/messages", {"type": "custom", "name": "ls"})
    tool = FunctionTool("ls", None, {"type": "object", "properties": {}}, native=native)

    assert write(request(tools=(tool,)))["tools"] == [
        {"type": "function", "function": {"name": "ls", "parameters": {"type": "object", "properties": {}}}}
    ]


@pytest.mark.parametrize("schema", [None, {}])
def test_case_143_missing_parameters_are_an_empty_object(schema):
    (tool,) = write(request(tools=(FunctionTool("ls", schema=schema),)))["tools"]

    assert tool["function"]["parameters"] == {"type": "object", "properties": {}}


@pytest.mark.parametrize("dialect", ALL)
def test_case_147_parallel_calls_are_spoken_of_only_with_tools(dialect):
    assert write(request(tools=(LS,), parallel_tool_calls=False), dialect)["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in write(request(parallel_tool_calls=False), dialect)


def test_case_148_several_allowed_tools():
    two = FunctionTool("cat", None, {"type": "object", "properties": {}})
    asked = request(tools=(LS, two), tool_choice=ToolChoice("auto", (ToolReference("cat"),)))

    told = PROTOCOL.write_request(asked, OPENAI).body
    assert told["tool_choice"]["allowed_tools"]["tools"] == [{"type": "function", "function": {"name": "cat"}}]
    cut = write(asked, VLLM)
    assert [tool["function"]["name"] for tool in cut["tools"]] == ["cat"]
    assert cut["tool_choice"] == "auto"


@pytest.mark.parametrize("mode", ["auto", "required", "none"])
def test_case_149_a_choice_without_tools_is_dropped(mode):
    asked = request(tool_choice=ToolChoice(mode))

    assert "tool_choice" not in write(asked)
    assert losses(asked) == {"tool_choice"}


@pytest.mark.parametrize("mode", ["auto", "required", "none"])
def test_modes_of_choice(mode):
    assert write(request(tools=(LS,), tool_choice=ToolChoice(mode)))["tool_choice"] == mode


def test_hosted_tools_are_dropped_with_a_loss_and_refused_when_forced():
    search = HostedTool("web_search_20250305", Native("anthropic/messages", {"type": "web_search_20250305"}))

    assert write(request(tools=(search,)), OPENAI)["web_search_options"] == {}
    assert losses(request(tools=(search, LS)), DEEPSEEK) == {"tools[0]"}
    forced = ToolChoice("required", (ToolReference("web_search_20250305", kind="hosted"),))
    for dialect in (OPENAI, DEEPSEEK):
        with pytest.raises(Unsupported):
            PROTOCOL.write_request(request(tools=(search, LS), tool_choice=forced), dialect)
    with pytest.raises(Unsupported):
        PROTOCOL.write_request(request(tools=(search,), tool_choice=ToolChoice("required")), DEEPSEEK)


def test_tools_that_only_the_vendors_models_know_are_refused():
    bash = HostedTool("bash_20250124", Native("anthropic/messages", {"type": "bash_20250124", "name": "bash"}))

    with pytest.raises(Unsupported, match="bash_20250124"):
        PROTOCOL.write_request(request(tools=(bash,)), OPENAI)


def test_a_second_tool_of_the_same_name_is_dropped():
    assert len(write(request(tools=(LS, LS)))["tools"]) == 1
    assert losses(request(tools=(LS, LS))) == {"tools[1]"}


def test_case_080_freeform_tools_are_functions_where_custom_ones_are_unknown():
    patch = FreeformTool("patch", "Edits.", {"type": "grammar", "syntax": "lark", "definition": "start: X"})
    asked = request(
        user("x"),
        assistant(call(name="patch", arguments="*** Begin", kind="freeform")),
        user(result()),
        tools=(patch,),
        tool_choice=ToolChoice("required", (ToolReference("patch", kind="freeform"),)),
    )
    native = PROTOCOL.write_request(asked, OPENAI).body
    wrapped = write(asked, AZURE)

    assert native["tools"][0]["custom"]["format"]["grammar"] == {"syntax": "lark", "definition": "start: X"}
    assert native["tool_choice"] == {"type": "custom", "custom": {"name": "patch"}}
    assert native["messages"][1]["tool_calls"][0]["custom"]["input"] == "*** Begin"
    assert wrapped["tool_choice"] == {"type": "function", "function": {"name": "patch"}}
    assert json.loads(wrapped["messages"][1]["tool_calls"][0]["function"]["arguments"]) == {"input": "*** Begin"}


@pytest.mark.parametrize(("arguments", "told"), [("", "{}"), (" ", "{}"), ('{"n":9223372036854775808}', None)])
def test_case_157_arguments_stay_the_text_they_were(arguments, told):
    said = messages(user("x"), assistant(call(arguments=arguments)), user(result()))[1]["tool_calls"][0]

    assert said["function"]["arguments"] == (told or arguments)


# -- formats


LOOSE = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
STRICT = LOOSE | {"required": ["a"]}


@pytest.mark.parametrize(("schema", "strict"), [(LOOSE, False), (STRICT, True)])
def test_case_145_a_nameless_format_is_strict_only_where_openai_takes_it(schema, strict):
    body = write(request(output_format=OutputFormat(schema)))

    told = body["response_format"]["json_schema"]
    assert told == {"name": "response", "schema": schema, "strict": strict}


def test_a_vendor_without_schemas_is_told_in_words():
    asked = request(output_format=OutputFormat(STRICT), system=(Text("be brief"),))
    body = write(asked, DEEPSEEK)

    assert body["response_format"] == {"type": "json_object"}
    assert '"required":["a"]' in body["messages"][0]["content"]
    assert losses(asked, DEEPSEEK) == {"output_format.schema"}


def test_any_json_object():
    assert write(request(output_format=OutputFormat()))["response_format"] == {"type": "json_object"}


# -- media


def test_case_151_pdf_is_a_file_with_a_name():
    told = messages(user(Document(Inline("application/pdf", PDF)), "read"))[0]["content"][0]

    assert told == {
        "type": "file",
        "file": {"filename": "document.pdf", "file_data": f"data:application/pdf;base64,{PDF}"},
    }


def test_case_151_pdf_in_a_result_follows_it():
    told = messages(user("x"), assistant(call()), user(result("a", Document(Inline("application/pdf", PDF), "a.pdf"))))

    assert told[3]["content"][1]["file"]["filename"] == "a.pdf"


@pytest.mark.parametrize(
    "part",
    [
        Document(Inline("application/pdf", PDF)),
        Document(Link("https://x.test/a.pdf")),
        Document(FileReference("f1")),
        Image(FileReference("f1")),
        Image(Inline("image/bmp", BMP)),
        Audio(Link("https://x.test/a.wav")),
        Video(FileReference("f1")),
        Unknown("hologram", Native("anthropic/messages", {"type": "hologram"})),
    ],
)
def test_case_151_152_what_the_model_could_not_see_is_refused(part):
    with pytest.raises(Unsupported):
        PROTOCOL.write_request(request(user(part)), COMPATIBLE)


def test_images_to_a_vendor_without_eyes_are_refused():
    with pytest.raises(Unsupported):
        PROTOCOL.write_request(request(user("what is this?", IMAGE)), DEEPSEEK)


def test_case_152_a_wrong_image_type_is_corrected():
    told = messages(user(Image(Inline("image/jpeg", PNG), "low")))[0]["content"][0]["image_url"]

    assert told == {"url": f"data:image/png;base64,{PNG}", "detail": "low"}


def test_documents_of_text_are_text():
    document = Document((Text("one"), Text("two")), "Title", "Context")

    assert messages(user(document))[0]["content"] == "Title\nContext\none\ntwo"


def test_audio_and_video():
    told = messages(user(Audio(Inline("audio/mpeg", "AAAA"))), dialect=COMPATIBLE)
    film = messages(user(Video(Link("https://x.test/a.mp4"))), dialect=COMPATIBLE)

    assert told[0]["content"] == [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}}]
    assert film[0]["content"] == [{"type": "video_url", "video_url": {"url": "https://x.test/a.mp4"}}]


def test_hosted_parts_become_their_text_or_a_loss():
    native = Native("anthropic/messages", {"type": "web_search_tool_result"})
    history = (user("x"), assistant(Hosted("web_search_tool_result", native, "found: y"), "so"), user("z"))

    assert messages(*history)[1]["content"] == "found: yso"
    assert "messages[].content[].web_search_tool_result" in losses(request(*history))


# -- the rest of the body


@pytest.mark.parametrize(("dialect", "kept"), [(OPENAI, 4), (DEEPSEEK, 6), (COMPATIBLE, 6)])
def test_case_156_stop_sequences_beyond_the_limit_are_a_loss(dialect, kept):
    stop = ("a", " ", "c", "d", "e", "f")
    written = PROTOCOL.write_request(request(stop=stop), dialect)

    assert written.body["stop"] == list(stop[:kept])
    assert len(written.losses) == (1 if kept < 6 else 0)


def test_case_154_float_logit_bias():
    assert write(request(sampling=Sampling(logit_bias={"50256": -1.5})))["logit_bias"] == {"50256": -1.5}


def test_one_candidate_is_not_asked_for():
    assert "n" not in write(request(sampling=Sampling(candidates=1)))


def test_top_k_goes_only_where_it_exists():
    assert write(request(sampling=Sampling(top_k=5)), VLLM)["top_k"] == 5
    assert losses(request(sampling=Sampling(top_k=5)), OPENAI) == {"top_k"}


@pytest.mark.parametrize("dialect", ALL)
def test_usage_is_asked_for_in_streams_only(dialect):
    body = write(request(stream=True), dialect)

    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})
    assert not {"stream", "stream_options"} & set(write(request(), dialect))


def test_long_user_ids_are_hashed_the_same_each_time():
    user_id = json.dumps({"device_id": "d" * 64, "session_id": "s"})
    first, again = (write(request(user=user_id))["user"] for _ in range(2))

    assert first == again
    assert len(first) == 64
    assert write(request(user="ann"))["user"] == "ann"


def test_openais_own_fields_go_to_openai_only():
    asked = request(metadata={"a": "b"}, service_tier="standard_only", verbosity="low", cache_key="k")

    assert {"metadata", "service_tier", "verbosity", "prompt_cache_key"} <= set(write(asked))
    assert write(asked)["service_tier"] == "default"
    assert losses(asked, DEEPSEEK) == {"metadata", "service_tier", "verbosity", "prompt_cache_key"}


def test_extensions_of_chat_are_given_back_and_foreign_ones_lost():
    own = {"min_p": 0.1, "model": "x", "a.b": 1}
    asked = request(extensions={"openai/chat": own, "gemini/generate_content": {"z": 1}})
    body = write(asked, VLLM)

    assert (body["min_p"], body["model"]) == (0.1, "m")
    assert "a.b" not in body
    assert losses(asked, VLLM) == {"a.b", "z"}


def test_what_only_another_protocol_can_do_is_refused():
    asked = request(native_only={"openai/responses": ("previous_response_id",)})

    with pytest.raises(Unsupported, match="previous_response_id"):
        PROTOCOL.write_request(asked, OPENAI)


@pytest.mark.parametrize("dialect", ALL)
def test_the_same_prefix_gives_the_same_bytes(dialect):
    """Prompt caches: a longer conversation starts with the bytes of the shorter one."""
    shorter = request(*LOOP[:3], tools=(LS,), system=(Text("be"),))
    longer = request(*LOOP[:3], assistant("yes"), user("and?"), tools=(LS,), system=(Text("be"),))
    first, second = (PROTOCOL.write_request(each, dialect).body["messages"] for each in (shorter, longer))

    assert first == second[: len(first)]


def test_a_web_search_says_what_openai_can_say_and_records_the_rest():
    place = {"type": "approximate", "city": "Bern"}
    native = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3, "user_location": place}
    asked = request(tools=(HostedTool("web_search_20250305", Native("anthropic/messages", native)),))

    assert write(asked)["web_search_options"] == {
        "user_location": {"type": "approximate", "approximate": {"city": "Bern"}}
    }
    assert losses(asked) == {"tools[0].max_uses"}


def test_own_search_options_are_given_back():
    options = {"search_context_size": "low", "future": 1}
    native = {"type": "web_search", "web_search_options": options}
    asked = request(tools=(HostedTool("web_search", Native("openai/chat", native)),))

    assert write(asked)["web_search_options"] == options


def test_marks_and_citations_inside_documents_are_recorded():
    marked = Text("one", CacheMark(), ({"type": "char_location"},))

    assert losses(request(user(Document((marked,))))) == {"cache_control", "messages[].content[].citations"}
    titled = Document(Inline("application/pdf", PDF), context="why")
    assert losses(request(user(titled))) == {"messages[].content[].document.context"}
