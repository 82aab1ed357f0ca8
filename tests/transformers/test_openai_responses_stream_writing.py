"""Hub events → the stream of a Responses client: cases 73 to 88, judged by a grammar and openai-python."""

import json

import pytest

from axonhub.transformers.carriers import carried_back, carried_call_back, carried_redacted_back
from axonhub.transformers.dialects import ANTHROPIC, COMPATIBLE, DEEPSEEK
from axonhub.transformers.hub.events import (
    AnnotationTold,
    ArgumentsDelta,
    End,
    Failed,
    PartEnded,
    PartStarted,
    SignatureTold,
    Start,
    Stop,
    TextDelta,
    UsageTold,
)
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.parts import (
    Hosted,
    Image,
    Inline,
    Native,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
)
from axonhub.transformers.hub.requests import FunctionTool, Request
from axonhub.transformers.hub.responses import Response, StopReason
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.protocol import Undo
from axonhub.transformers.protocols.anthropic_messages import PROTOCOL as ANTHROPIC_MESSAGES
from axonhub.transformers.protocols.openai_chat import PROTOCOL as CHAT
from axonhub.transformers.protocols.openai_responses import PROTOCOL
from axonhub.transformers.sse import SseEvent
from tests.transformers.responses_wire import (
    KNOWN_USAGE,
    USAGE,
    events_of,
    faults,
    final,
    items,
    judged,
    reply,
    streamed,
    types,
    written,
)

THOUGHT = Thinking("Let me see.", Signature("sealed", "ant"))
LS = ToolCall("call_1", "ls", '{"path": "."}')


def chat_stream(*chunks: dict, dialect=COMPATIBLE, undo=None, terminator="[DONE]") -> bytes:
    """What a Responses client gets of a chat provider's chunks."""
    reader = CHAT.stream_reader(dialect, undo or Undo())
    whole = [
        {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"} | each for each in chunks
    ]
    read = [each for chunk in whole for each in reader.read(SseEvent(json.dumps(chunk)))]
    if terminator:
        read += reader.read(SseEvent(terminator))
    return written([*read, *reader.finish()])


def chunk(delta: dict, finish: str | None = None) -> dict:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def test_case_073_a_text_answer_has_every_event_in_order():
    stream = streamed(Text("Hello"))

    assert types(stream) == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert faults(stream) == []
    assert judged(stream).output_text == "Hello"


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (Text("a"), Text("b")),
        (THOUGHT, Text("a"), LS, ToolCall("call_2", "cat", "")),
        (LS, ToolCall("call_2", "ls", '{"path": "/"}')),
        (Thinking("", Signature("s", "ant")), Text("x")),
        (Thinking("", redacted="data"), Text("x")),
        (Text("a"), LS, Text("b")),
        (Text("a"), Refusal("no")),
        (ToolCall("call_1", "apply_patch", "*** Begin Patch", "freeform"), Text("done")),
        (Text(""), Thinking(""), Text("kept")),
        (Text("signed", signature=Signature("s", "gem-aistudio")), Text("more")),
        (ToolCall("call_1", "ls", "{}", signature=Signature("s", "gem-aistudio")), Text("more")),
        (Image(Inline("image/png", "iVBORw0KGgo=")), Text("see")),
        (Hosted("web_search_call", Native("openai/responses", {"id": "ws_1", "type": "web_search_call"})), Text("x")),
        (Hosted("server_tool_use", Native("anthropic/messages", {"type": "server_tool_use"})), Text("x")),
    ],
    ids=lambda parts: "-".join(type(part).__name__ for part in parts) or "nothing",
)
def test_case_073_every_kind_of_answer_keeps_the_grammar_and_equals_the_whole_response(parts):
    stream = streamed(*parts)

    assert faults(stream) == []
    assert judged(stream).status == "completed"
    assert final(stream) == PROTOCOL.write_response(Response(parts, StopReason.END, KNOWN_USAGE), reply())


def test_case_073_parts_that_overlap_follow_each_other():
    stream = written(
        [
            Start("resp_9", "m"),
            PartStarted(0, ToolCall("a", "ls", "")),
            PartStarted(1, ToolCall("b", "cat", "")),
            ArgumentsDelta(1, '{"b":'),
            ArgumentsDelta(0, '{"a":1}'),
            ArgumentsDelta(1, "1}"),
            PartEnded(1),
            PartEnded(0),
            Stop(StopReason.TOOL),
            End(),
        ]
    )

    assert faults(stream) == []
    assert [(item["name"], item["arguments"]) for item in items(stream)] == [("ls", '{"a":1}'), ("cat", '{"b":1}')]


def test_case_074_the_terminal_event_comes_once_and_last():
    events = [Start(), Stop(StopReason.END), End(), End(), Failed(Failure(FailureKind.SERVER, "late"))]

    assert types(written(events))[2:] == ["response.completed"]


def test_case_074_an_upstream_that_dies_ends_in_response_failed():
    stream = chat_stream(chunk({"content": "Hal"}), terminator=None)

    assert types(stream)[-1] == "response.failed"
    assert final(stream)["status"] == "failed"
    assert faults(stream) == []


def test_case_075_the_completed_response_is_whole():
    response = final(streamed(Text("x")))

    assert response["usage"] == USAGE
    assert {type(response["usage"][name]) for name in ("input_tokens", "output_tokens", "total_tokens")} == {int}
    assert (response["status"], response["object"], response["id"][:5]) == ("completed", "response", "resp_")
    assert len(response["output"]) == 1


def test_case_075_an_unknown_usage_is_absent_and_never_half():
    whole = final(written([Start(), UsageTold(Usage(output_tokens=3)), Stop(StopReason.END), End()]))
    unknown = final(written([Start(), Stop(StopReason.END), End()]))

    assert whole["usage"] == {
        "input_tokens": 0,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 3,
    }
    assert unknown["usage"] is None


def test_case_076_an_error_in_mid_stream_is_response_failed_with_code_and_message():
    stream = written(
        [Start(), PartStarted(0, Text("")), TextDelta(0, "Hal"), Failed(Failure(FailureKind.SERVER, "broke"))]
    )

    assert types(stream)[-1] == "response.failed"
    assert final(stream)["error"] == {"code": "server_error", "message": "broke"}
    assert "error" not in types(stream)
    assert faults(stream) == []


def test_case_076_an_error_before_anything_still_begins_with_created():
    stream = written([Failed(Failure(FailureKind.OVERLOADED, "busy"))])

    assert types(stream) == ["response.created", "response.in_progress", "response.failed"]


def test_case_077_a_length_limit_is_incomplete():
    stream = streamed(Text("Hal"), stop=StopReason.LENGTH)

    assert types(stream)[-1] == "response.incomplete"
    assert final(stream)["incomplete_details"] == {"reason": "max_output_tokens"}
    assert (final(stream)["status"], items(stream)[0]["status"]) == ("incomplete", "incomplete")
    assert faults(stream) == []


def test_case_077_a_filter_is_incomplete():
    stream = streamed(Text("Hal"), stop=StopReason.FILTER)

    assert final(stream)["incomplete_details"] == {"reason": "content_filter"}


def test_case_078_a_full_context_has_the_code_that_codex_compacts_on():
    failure = Failure(
        FailureKind.CONTEXT_LENGTH, "prompt is too long: 3 tokens > 2 maximum", 400, "invalid_request_error"
    )

    assert final(written([Start(), Failed(failure)]))["error"]["code"] == "context_length_exceeded"


def test_case_078_a_rate_limit_says_how_long_to_wait():
    failure = Failure(FailureKind.RATE_LIMIT, "Slow down.", 429, retry_after_s=7.5)

    assert final(written([Start(), Failed(failure)]))["error"] == {
        "code": "rate_limit_exceeded",
        "message": "Slow down. Please try again in 7.5s.",
    }


def test_case_079_ids_begin_as_their_types_demand():
    stream = streamed(
        THOUGHT, Text("a"), LS, ToolCall("call_2", "patch", "x", "freeform", item_id="chatcmpl-7"), stop=StopReason.TOOL
    )

    assert [item["id"].split("_")[0] for item in items(stream)] == ["rs", "msg", "fc", "ctc"]
    assert [item.get("call_id") for item in items(stream)] == [None, None, "call_1", "call_2"]
    assert final(stream)["id"].startswith("resp_")
    assert len({item["id"] for item in items(stream)}) == 4


def test_case_079_a_providers_own_id_of_the_right_kind_stays():
    stream = written([Start("chatcmpl-1"), Stop(StopReason.END), End()])

    assert final(stream)["id"] == "resp_0123456789abcdef01234567"
    assert final(written([Start("resp_abc"), Stop(StopReason.END), End()]))["id"] == "resp_abc"


def freeform_request() -> Request:
    return PROTOCOL.read_request(
        {
            "model": "gpt-5",
            "input": "fix it",
            "tools": [{"type": "custom", "name": "apply_patch", "format": {"type": "text"}}],
        }
    )


@pytest.mark.parametrize(
    "arguments",
    [
        '{"input": "*** Begin Patch\\n*** End Patch"}',
        '{"patch": "*** Begin Patch\\n*** End Patch"}',
        "*** Begin Patch\n*** End Patch",
    ],
)
def test_case_080_and_081_a_custom_tool_over_chat_comes_back_as_bare_text(arguments):
    asked = CHAT.write_request(freeform_request(), DEEPSEEK)
    function = asked.body["tools"][0]["function"]
    stream = chat_stream(
        chunk(
            {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "apply_patch", "arguments": arguments[:9]}}]}
        ),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": arguments[9:]}}]}),
        chunk({}, "tool_calls"),
        dialect=DEEPSEEK,
        undo=asked.undo,
    )

    assert function["parameters"]["required"] == ["input"]
    assert faults(stream) == []
    [item] = items(stream)
    assert (item["type"], item["name"], item["input"]) == (
        "custom_tool_call",
        "apply_patch",
        "*** Begin Patch\n*** End Patch",
    )
    assert "response.custom_tool_call_input.done" in types(stream)


def test_case_080_a_custom_tool_over_anthropic_comes_back_as_bare_text():
    asked = ANTHROPIC_MESSAGES.write_request(freeform_request(), ANTHROPIC)
    answer = ANTHROPIC_MESSAGES.read_response(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [{"type": "tool_use", "id": "toolu_1", "name": "apply_patch", "input": {"input": "*** Begin"}}],
            "stop_reason": "tool_use",
            "usage": {"input_tokens": 1, "output_tokens": 1},
        },
        ANTHROPIC,
        asked.undo,
    )
    stream = streamed(*answer.parts, stop=answer.stop)

    assert asked.body["tools"][0]["input_schema"]["required"] == ["input"]
    assert [(item["type"], item["input"]) for item in items(stream)] == [("custom_tool_call", "*** Begin")]


def namespace_request() -> Request:
    leaf = {"type": "function", "name": "y", "parameters": {"type": "object", "properties": {}}, "strict": False}
    groups = [
        {"type": "namespace", "name": name, "description": "d", "tools": [leaf]} for name in ("mcp__x", "other", "mcp")
    ]
    groups[2]["tools"] = [leaf | {"name": "x__y2"}]
    return PROTOCOL.read_request({"model": "gpt-5", "input": "go", "tools": groups})


def test_case_082_a_namespaced_tool_keeps_name_and_namespace_in_every_event():
    asked = CHAT.write_request(namespace_request(), DEEPSEEK)
    names = [tool["function"]["name"] for tool in asked.body["tools"]]
    stream = chat_stream(
        chunk({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "mcp__x__y", "arguments": "{}"}}]}),
        chunk({}, "tool_calls"),
        undo=asked.undo,
    )

    assert names[0] == "mcp__x__y"
    told = [
        each["item"]
        for each in events_of(stream)
        if each["type"] in ("response.output_item.added", "response.output_item.done")
    ]
    assert [(item["name"], item["namespace"]) for item in [*told, *final(stream)["output"]]] == [("y", "mcp__x")] * 3


def test_case_083_equal_leaves_and_namespaces_with_underscores_are_told_apart_by_table():
    asked = CHAT.write_request(namespace_request(), DEEPSEEK)
    names = [tool["function"]["name"] for tool in asked.body["tools"]]

    told = [asked.undo.reference(name) for name in names]
    assert [(each.namespace, each.name) for each in told] == [("mcp__x", "y"), ("other", "y"), ("mcp", "x__y2")]
    assert len(set(names)) == 3


def test_case_086_reasoning_of_deepseek_is_a_reasoning_item_before_the_message():
    stream = chat_stream(
        chunk({"role": "assistant", "content": None, "reasoning_content": "Let me "}),
        chunk({"reasoning_content": "see."}),
        chunk({"content": "Hi"}),
        chunk({}, "stop"),
        dialect=DEEPSEEK,
    )

    assert faults(stream) == []
    assert [item["type"] for item in items(stream)] == ["reasoning", "message"]
    assert items(stream)[0]["summary"] == [{"type": "summary_text", "text": "Let me see."}]
    assert judged(stream).output_text == "Hi"


def test_case_086_a_summary_is_a_list_even_when_there_is_none():
    [reasoning, _] = items(streamed(Thinking("", Signature("s", "ant")), Text("x")))

    assert reasoning["summary"] == []


def test_case_087_parallel_calls_of_a_chat_provider_have_items_of_their_own():
    stream = chat_stream(
        chunk({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "ls", "arguments": ""}}]}),
        chunk({"tool_calls": [{"index": 1, "id": "c2", "function": {"name": "cat", "arguments": ""}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a":1}'}}]}),
        chunk({"tool_calls": [{"index": 1, "function": {"arguments": '{"b":2}'}}]}),
        chunk({}, "tool_calls"),
    )

    assert faults(stream) == []
    assert [(item["call_id"], item["arguments"]) for item in items(stream)] == [("c1", '{"a":1}'), ("c2", '{"b":2}')]
    deltas = [each for each in events_of(stream) if each["type"] == "response.function_call_arguments.delta"]
    assert [(each["output_index"], each["item_id"]) for each in deltas] == [
        (index, item["id"]) for index, item in enumerate(items(stream))
    ]


def test_case_088_anthropic_thinking_comes_back_signed_on_the_next_turn():
    stream = streamed(THOUGHT, LS, stop=StopReason.TOOL)
    body = {
        "model": "claude",
        "include": ["reasoning.encrypted_content"],
        "input": [
            {"role": "user", "content": "look"},
            *items(stream),
            {"type": "function_call_output", "call_id": "call_1", "output": "a.txt"},
        ],
    }
    again = ANTHROPIC_MESSAGES.write_request(PROTOCOL.read_request(body), ANTHROPIC)

    assert carried_back(items(stream)[0]["encrypted_content"]) == Signature("sealed", "ant")
    assert again.body["messages"][1]["content"][0] == {
        "type": "thinking",
        "thinking": "Let me see.",
        "signature": "sealed",
    }


def test_case_088_redacted_thinking_comes_back_on_the_next_turn():
    stream = streamed(Thinking("", redacted="EmwK"), Text("x"))
    again = PROTOCOL.read_request({"model": "m", "input": [{"role": "user", "content": "a"}, *items(stream)]})

    assert carried_redacted_back(items(stream)[0]["encrypted_content"]) == Signature("EmwK", "")
    assert again.turns[1].parts == (Thinking("", redacted="EmwK", item_id=items(stream)[0]["id"]), Text("x"))


def test_the_signature_of_a_call_travels_behind_it_and_comes_back_to_it():
    signed = ToolCall("call_1", "ls", '{"path": "."}', signature=Signature("proof", "gem-aistudio"))
    stream = streamed(signed, ToolCall("call_2", "ls", "{}"), stop=StopReason.TOOL)
    again = PROTOCOL.read_request({"model": "m", "input": [{"role": "user", "content": "a"}, *items(stream)]})

    assert carried_call_back(items(stream)[1]["encrypted_content"]) == ("call_1", signed.signature)
    calls = [part for part in again.turns[1].parts if isinstance(part, ToolCall)]
    assert [call.signature for call in calls] == [signed.signature, None]
    assert not any(isinstance(part, Thinking) for part in again.turns[1].parts)


def test_a_signature_that_comes_after_the_arguments_travels_too():
    stream = written(
        [
            Start(),
            PartStarted(0, ToolCall("call_1", "ls", "")),
            ArgumentsDelta(0, "{}"),
            SignatureTold(0, Signature("proof", "gem-vertex")),
            PartEnded(0),
            Stop(StopReason.TOOL),
            End(),
        ]
    )

    assert carried_call_back(items(stream)[1]["encrypted_content"]) == ("call_1", Signature("proof", "gem-vertex"))
    assert faults(stream) == []


def test_openais_own_encrypted_reasoning_stays_bare():
    [reasoning, _] = items(streamed(Thinking("a", Signature("gAAAA", "oai")), Text("x")))

    assert reasoning["encrypted_content"] == "gAAAA"


def test_a_call_without_arguments_says_an_empty_object():
    stream = streamed(ToolCall("call_1", "ls", ""), stop=StopReason.TOOL)

    assert items(stream)[0]["arguments"] == "{}"
    assert faults(stream) == []
    assert judged(stream).output[0].arguments == "{}"


def test_a_web_citation_of_another_protocol_is_told_flat():
    cited = {"type": "web_search_result_location", "url": "https://a.example", "title": "A", "cited_text": "q"}
    stream = written(
        [
            Start(),
            PartStarted(0, Text("")),
            TextDelta(0, "Fact"),
            AnnotationTold(0, cited),
            AnnotationTold(0, {"type": "char_location", "document_index": 0}),
            PartEnded(0),
            Stop(StopReason.END),
            End(),
        ]
    )
    expected = {"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 0, "end_index": 4}

    assert items(stream)[0]["content"][0]["annotations"] == [expected]
    assert types(stream).count("response.output_text.annotation.added") == 1
    assert faults(stream) == []


def test_case_037_line_separators_are_escaped():
    stream = streamed(Text("a\u2028b\u2029c"))

    assert "\u2028" not in stream.decode()
    assert items(stream)[0]["content"][0]["text"] == "a\u2028b\u2029c"


def test_keepalive_is_a_comment_and_nothing_comes_after_the_end():
    writer = PROTOCOL.stream_writer(reply())
    before = writer.keepalive()
    writer.write(End())

    assert before == b": keepalive\n\n"
    assert writer.keepalive() == b""


def test_the_response_repeats_the_settings_of_its_request():
    request = PROTOCOL.read_request(
        {
            "model": "gpt-5",
            "instructions": "Be kind.",
            "input": "hi",
            "temperature": 0.5,
            "max_output_tokens": 100,
            "tools": [
                {"type": "namespace", "name": "n", "description": "d", "tools": [{"type": "function", "name": "a"}]},
                {"type": "web_search"},
            ],
            "tool_choice": {"type": "function", "name": "a", "namespace": "n"},
            "reasoning": {"effort": "low", "summary": "auto"},
            "text": {"format": {"type": "json_object"}, "verbosity": "low"},
            "metadata": {"k": "v"},
            "safety_identifier": "u1",
            "prompt_cache_key": "c1",
            "truncation": "auto",
        }
    )
    response = final(streamed(Text("x"), request=request))

    assert response["instructions"] == "Be kind."
    assert (response["temperature"], response["max_output_tokens"]) == (0.5, 100)
    assert [tool["type"] for tool in response["tools"]] == ["namespace", "web_search"]
    assert response["tool_choice"] == {"type": "function", "name": "a", "namespace": "n"}
    assert response["reasoning"] == {"effort": "low", "summary": "auto"}
    assert response["text"] == {"format": {"type": "json_object"}, "verbosity": "low"}
    assert (response["metadata"], response["prompt_cache_key"], response["truncation"]) == ({"k": "v"}, "c1", "auto")


def test_tools_of_another_protocols_client_are_not_repeated():
    request = Request("m", (), tools=(FunctionTool("ls"),))

    assert final(streamed(Text("x"), request=request))["tools"] == []
