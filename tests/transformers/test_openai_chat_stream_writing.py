"""Hub events → chat streams that the strictest readers take. Cases 51-72: the hard cases' numbers."""

import json

import pytest

from axonhub.transformers.carriers import carried
from axonhub.transformers.dialect import Dialect
from axonhub.transformers.dialects import OPENAI
from axonhub.transformers.hub.events import (
    AnnotationTold,
    ArgumentsDelta,
    End,
    Failed,
    PartEnded,
    PartStarted,
    Ping,
    SignatureTold,
    Start,
    Stop,
    TextDelta,
    UsageTold,
)
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.fold import fold, unfold
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
from axonhub.transformers.hub.requests import FunctionTool, Reasoning, Request
from axonhub.transformers.hub.responses import Response, StopReason
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.protocol import Undo
from axonhub.transformers.protocols.anthropic_messages import PROTOCOL as ANTHROPIC
from axonhub.transformers.protocols.gemini import PROTOCOL as GEMINI
from axonhub.transformers.protocols.openai_chat import PROTOCOL
from axonhub.transformers.protocols.openai_responses import PROTOCOL as RESPONSES
from axonhub.transformers.sse import SseEvent
from tests.judges.grammar import chat_faults
from tests.judges.sdk import judge_chat, judge_chat_whole, openai_sdk
from tests.transformers.chat_wire import chunks, reply, sse, written

ASKED = Request("asked-model", (), stream_usage=True)
SILENT = Request("asked-model", ())


def told(events, request=ASKED):
    """The stream, which departs nowhere from the grammar of chunks."""
    stream = written(events, reply(request))
    assert chat_faults(stream, usage_asked=bool(request.stream_usage)) == []
    return stream


def answered(*parts, stop=StopReason.END, usage=None):
    return Response(parts, stop, usage or Usage(1, output_tokens=2))


def provider(protocol, *events):
    """Hub events of another protocol's stream."""
    reader = protocol.stream_reader(Dialect(), Undo())
    sse_events = [
        event if isinstance(event, SseEvent) else SseEvent(json.dumps(event), str(event.get("type", "")))
        for event in events
    ]
    return [*(hub for event in sse_events for hub in reader.read(event)), *reader.finish()]


def a_stream(*blocks, stop="end_turn", usage=None):
    """An Anthropic stream of blocks, each a start and its deltas."""
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": []}
    message |= {"stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 7, "output_tokens": 1}}
    yield {"type": "message_start", "message": message | {"usage": message["usage"] | (usage or {})}}
    yield {"type": "ping"}
    for index, (block, *deltas) in enumerate(blocks):
        yield {"type": "content_block_start", "index": index, "content_block": block}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    delta = {"stop_reason": stop, "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 9}}
    yield {"type": "message_stop"}


A_TEXT = ({"type": "text", "text": ""}, {"type": "text_delta", "text": "Hi"})
A_THINKING = (
    {"type": "thinking", "thinking": "", "signature": ""},
    {"type": "thinking_delta", "thinking": "hm"},
    {"type": "signature_delta", "signature": "sig"},
)


def a_tool(call_id="toolu_1", *pieces):
    block = {"type": "tool_use", "id": call_id, "name": "ls", "input": {}}
    return (block, *({"type": "input_json_delta", "partial_json": piece} for piece in pieces))


def g_chunk(parts=None, finish=None):
    candidate = {"index": 0}
    if parts is not None:
        candidate["content"] = {"role": "model", "parts": parts}
    if finish is not None:
        candidate["finishReason"] = finish
    return SseEvent(json.dumps({"candidates": [candidate], "responseId": "r"}))


def deltas(stream):
    return [choice["delta"] for each in chunks(stream) for choice in each.get("choices", ())]


def finish_reason(stream):
    (reason,) = [c["finish_reason"] for each in chunks(stream) for c in each["choices"] if c["finish_reason"]]
    return reason


def final(stream):
    return judge_chat(stream).choices[0]


def test_case_024_arguments_that_stand_in_the_start_of_a_call_reach_the_client():
    block = {"type": "tool_use", "id": "toolu_1", "name": "ls", "input": {"x": 1}}
    stream = told(provider(ANTHROPIC, *a_stream((block,), stop="tool_use")))

    assert json.loads(final(stream).message.tool_calls[0].function.arguments) == {"x": 1}


def test_case_051_the_role_is_said_once():
    stream = told(provider(ANTHROPIC, *a_stream(A_TEXT)))

    assert [delta for delta in deltas(stream) if "role" in delta] == [{"role": "assistant", "content": ""}]
    assert final(stream).message.role == "assistant"


def test_case_052_id_name_and_type_only_on_a_calls_first_delta():
    stream = told(provider(ANTHROPIC, *a_stream(a_tool("toolu_1", '{"x"', ":1}"), stop="tool_use")))

    first, *later = [delta["tool_calls"][0] for delta in deltas(stream) if "tool_calls" in delta]
    assert first == {
        "index": 0,
        "id": "toolu_1",
        "type": "function",
        "function": {"name": "ls", "arguments": ""},
    }
    assert later == [{"index": 0, "function": {"arguments": piece}} for piece in ('{"x"', ":1}")]
    (call,) = final(stream).message.tool_calls
    assert (call.id, call.function.name, call.function.arguments) == ("toolu_1", "ls", '{"x":1}')


def test_case_053_call_indexes_are_dense_from_zero():
    blocks = [A_THINKING, A_TEXT, a_tool("toolu_1", "{}"), a_tool("toolu_2", "{}")]
    stream = told(provider(ANTHROPIC, *a_stream(*blocks, stop="tool_use")))

    assert [delta["tool_calls"][0]["index"] for delta in deltas(stream) if "tool_calls" in delta] == [0, 0, 1, 1]
    assert [call.id for call in final(stream).message.tool_calls] == ["toolu_1", "toolu_2"]


def test_case_054_parallel_calls_of_gemini_and_responses():
    call = {"functionCall": {"name": "ls", "args": {}}}
    gemini = told(provider(GEMINI, g_chunk([call]), g_chunk([call]), g_chunk([call], "STOP")))
    items = [
        {"type": "function_call", "id": f"fc_{n}", "call_id": f"call_{n}", "name": "ls", "arguments": "{}"}
        for n in range(3)
    ]
    events = [{"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}}]
    for index, item in enumerate(items):
        events.append({"type": "response.output_item.added", "output_index": index, "item": item | {"arguments": ""}})
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    response = {"id": "resp_1", "status": "completed", "output": items}
    events.append({"type": "response.completed", "response": response})
    responses = told(provider(RESPONSES, *events))

    for stream in (gemini, responses):
        assert [call.function.arguments for call in final(stream).message.tool_calls] == ["{}"] * 3


def test_case_055_usage_is_the_last_chunk_and_has_no_choices():
    stream = told(unfold(answered(Text("Hi"), usage=Usage(100, 50, 10, output_tokens=7, reasoning_tokens=3))))

    assert sse(stream)[-1].data == "[DONE]"
    last = chunks(stream)[-1]
    assert last["choices"] == []
    assert last["usage"] == {
        "prompt_tokens": 160,
        "completion_tokens": 7,
        "total_tokens": 167,
        "prompt_tokens_details": {"cached_tokens": 50, "cache_write_tokens": 10},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    assert all(each["usage"] is None for each in chunks(stream)[:-1])
    assert judge_chat(stream).usage.total_tokens == 167


def test_case_056_no_usage_chunk_when_none_was_asked_for():
    stream = told(unfold(answered(Text("Hi"))), SILENT)

    assert all("usage" not in each for each in chunks(stream))


def test_case_057_every_chunk_has_the_same_head():
    stream = told(unfold(answered(Text("Hi"))))

    heads = {(each["id"], each["object"], each["created"], each["model"]) for each in chunks(stream)}
    assert heads == {("chatcmpl-0123456789abcdef01234567", "chat.completion.chunk", 7, "asked-model")}


def test_case_058_keepalive_is_a_comment():
    writer = PROTOCOL.stream_writer(reply(SILENT))
    events = list(unfold(answered(Text("Hi"))))
    stream = b"".join(writer.write(event) + writer.keepalive() for event in events)

    assert writer.keepalive() == b""
    assert b": keepalive\n\n" in stream
    assert final(stream).message.content == "Hi"


def test_case_059_pings_and_starts_are_no_chunks():
    stream = told([Start("x"), Ping(), PartStarted(0, Text("")), Ping(), PartEnded(0), Stop(StopReason.END), End()])

    assert deltas(stream) == [{"role": "assistant", "content": ""}, {}]


def test_case_060_thinking_is_reasoning_content_and_its_signature_has_an_index():
    stream = told(provider(ANTHROPIC, *a_stream(A_THINKING, A_THINKING, A_TEXT)))

    message = final(stream).message
    assert message.reasoning_content == "hm\n\nhm"
    assert [detail["index"] for detail in message.reasoning_details] == [0, 1]
    assert message.content == "Hi"


def test_case_060_signatures_come_back_with_the_history():
    stream = told(provider(ANTHROPIC, *a_stream(A_THINKING, A_THINKING, A_TEXT)))
    message = final(stream).message.to_dict()
    again = PROTOCOL.read_request({"model": "m", "messages": [message]})

    thinking = Thinking("hm", Signature("sig", "ant"))
    assert [part.text for part in again.turns[0].parts] == ["hm", "hm", "Hi"]
    assert {part.signature.value for part in again.turns[0].parts[:2]} == {thinking.signature.value}


def test_case_061_redacted_thinking_shows_nothing_and_comes_back():
    stream = told(provider(ANTHROPIC, *a_stream(({"type": "redacted_thinking", "data": "xx"},), A_TEXT)))
    message = final(stream).message
    again = PROTOCOL.read_request({"model": "m", "messages": [message.to_dict()]})

    assert message.content == "Hi"
    assert not getattr(message, "reasoning_content", None)
    assert again.turns[0].parts[0].redacted == "xx"


def test_case_062_an_error_is_an_error_frame_and_nothing_follows():
    failure = Failure(FailureKind.OVERLOADED, "busy")
    stream = told([Start(), PartStarted(0, Text("")), TextDelta(0, "Hal"), Failed(failure), TextDelta(0, "lo"), End()])

    assert [event.data for event in sse(stream)][-1] == "[DONE]"
    assert chunks(stream)[-1] == {
        "error": {"message": "busy", "type": "server_error", "param": None, "code": "overloaded"}
    }
    sdk = openai_sdk(stream, "text/event-stream")
    with pytest.raises(Exception, match="busy"):
        list(sdk.chat.completions.create(model="m", messages=[], stream=True))


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        ("pause_turn", "stop"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("end_turn", "stop"),
    ],
)
def test_case_063_stop_reasons_of_anthropic(stop, reason):
    assert finish_reason(told(provider(ANTHROPIC, *a_stream(A_TEXT, stop=stop)))) == reason


@pytest.mark.parametrize("pieces", [[""], []])
def test_case_064_a_call_without_arguments_has_an_empty_object(pieces):
    stream = told(provider(ANTHROPIC, *a_stream(a_tool("toolu_1", *pieces), stop="tool_use")))

    assert final(stream).message.tool_calls[0].function.arguments == "{}"


def test_case_065_tools_that_the_provider_ran_are_no_calls_and_citations_are_annotations():
    found = {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []}
    search = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}}
    citation = {"type": "web_search_result_location", "url": "https://x.test", "title": "X", "cited_text": "y"}
    cited = (*A_TEXT, {"type": "citations_delta", "citation": citation | {"encrypted_index": "e"}})
    stream = told(provider(ANTHROPIC, *a_stream((search,), (found,), A_TEXT, cited)))

    message = final(stream).message
    assert message.tool_calls is None
    assert message.content == "HiHi"
    assert finish_reason(stream) == "stop"
    (annotation,) = message.annotations
    assert annotation.url_citation.url == "https://x.test"
    assert (annotation.url_citation.start_index, annotation.url_citation.end_index) == (2, 4)


def test_case_066_thoughts_of_gemini():
    signature_only = {"thoughtSignature": "c2ln", "text": ""}
    stream = told(
        provider(
            GEMINI,
            g_chunk([{"text": "hm", "thought": True}]),
            g_chunk([{"text": "Hi"}]),
            g_chunk([signature_only], "STOP"),
        )
    )

    assert (final(stream).message.reasoning_content, final(stream).message.content) == ("hm", "Hi")


def test_case_067_gemini_that_ends_in_thoughts_without_a_finish():
    stream = told(provider(GEMINI, g_chunk([{"text": "hm", "thought": True}])))

    assert finish_reason(stream) == "stop"


def test_case_068_a_malformed_call_is_an_error():
    events = provider(GEMINI, g_chunk(None, "MALFORMED_FUNCTION_CALL"))

    assert isinstance(events[-1], Failed)
    assert "error" in chunks(written(events, reply(ASKED)))[-1]


def test_case_069_a_blocked_prompt_is_a_filtered_answer():
    blocked = SseEvent(json.dumps({"promptFeedback": {"blockReason": "SAFETY"}, "responseId": "r"}))
    stream = told(provider(GEMINI, blocked))

    assert finish_reason(stream) == "content_filter"


def test_case_070_a_finish_in_a_chunk_of_its_own_is_seen():
    stream = told(provider(GEMINI, g_chunk([{"text": "Hi"}]), g_chunk(None, "STOP")))

    assert finish_reason(stream) == "stop"


def test_case_071_an_answer_without_choices_is_a_valid_empty_message():
    body = {"id": "x", "model": "m", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 0}}
    response = PROTOCOL.read_response(body, OPENAI, Undo())
    whole = PROTOCOL.write_response(response, reply(SILENT))

    assert whole["choices"][0]["message"]["content"] == ""
    assert whole["usage"]["prompt_tokens"] == 3
    judge_chat_whole(json.dumps(whole).encode())


def test_case_072_a_whole_answer_becomes_one_well_formed_stream_and_back():
    whole = answered(Thinking("hm"), Text("Hi"), ToolCall("a", "ls", "{}"), stop=StopReason.TOOL)
    stream = told(unfold(whole))

    reader = PROTOCOL.stream_reader(OPENAI, Undo())
    events = [event for each in sse(stream) for event in reader.read(each)]
    again = fold([*events, *reader.finish()])
    assert (again.parts, again.stop) == (whole.parts, whole.stop)


def test_parallel_calls_may_interleave():
    events = [
        Start(),
        PartStarted(0, ToolCall("a", "one", "")),
        PartStarted(1, ToolCall("b", "two", "")),
        ArgumentsDelta(1, '{"y'),
        ArgumentsDelta(0, '{"x":1}'),
        ArgumentsDelta(1, '":2}'),
        PartEnded(0),
        PartEnded(1),
        Stop(StopReason.TOOL),
        End(),
    ]

    assert [each.function.arguments for each in final(told(events)).message.tool_calls] == ['{"x":1}', '{"y":2}']


def test_signatures_of_calls_stand_where_google_puts_them():
    signature = Signature("sig", "gem-aistudio")
    early = told(unfold(answered(ToolCall("a", "ls", "{}", signature=signature), stop=StopReason.TOOL)))
    events = [Start(), PartStarted(0, ToolCall("a", "ls", "")), ArgumentsDelta(0, "{}"), SignatureTold(0, signature)]
    late = written([*events, PartEnded(0), Stop(StopReason.TOOL), End()], reply(SILENT))

    for stream in (early, late):
        (call,) = final(stream).message.tool_calls
        assert call.extra_content == {"google": {"thought_signature": carried(signature)}}
        again = PROTOCOL.read_request({"model": "m", "messages": [final(stream).message.to_dict()]})
        assert again.turns[0].parts[0].signature == signature


def test_a_call_without_id_gets_the_same_one_whole_and_streamed():
    answer = answered(ToolCall("", "ls", "{}"), ToolCall("", "ls", "{}"), stop=StopReason.END)
    streamed = final(told(unfold(answer)))
    whole = PROTOCOL.write_response(answer, reply(ASKED))["choices"][0]

    ids = [call.id for call in streamed.message.tool_calls]
    assert len(set(ids)) == 2
    assert ids == [call["id"] for call in whole["message"]["tool_calls"]]
    assert streamed.finish_reason == whole["finish_reason"] == "tool_calls"


def test_custom_calls():
    call = ToolCall("a", "patch", "*** Begin", "freeform")
    stream = written(unfold(answered(call, stop=StopReason.TOOL)), reply(SILENT))

    assert [delta["tool_calls"] for delta in deltas(stream) if "tool_calls" in delta] == [
        [{"index": 0, "id": "a", "type": "custom", "custom": {"name": "patch", "input": ""}}],
        [{"index": 0, "custom": {"input": "*** Begin"}}],
    ]


def test_hidden_reasoning_is_not_shown_and_its_signature_still_is():
    request = Request("m", (), reasoning=Reasoning("effort", visible=False))
    stream = told(unfold(answered(Thinking("secret", Signature("sig", "ant")), Text("Hi"))), request)

    assert b"secret" not in stream
    assert final(stream).message.reasoning_details[0]["data"] == carried(Signature("sig", "ant"))


def test_refusals_and_images():
    image = Image(Inline("image/png", "AAAA"))
    stream = told(unfold(answered(Refusal("No."), image, image, stop=StopReason.END)))

    message = final(stream).message
    assert message.refusal == "No."
    assert [each["image_url"]["url"] for each in message.images] == ["data:image/png;base64,AAAA"] * 2


def test_hosted_parts_say_nothing():
    hosted = Hosted("web_search_call", Native("openai/responses", {"type": "web_search_call"}), "found")

    assert deltas(told(unfold(answered(hosted)))) == [{"role": "assistant", "content": ""}, {}]


def test_annotations_come_in_one_delta():
    citation = {"type": "url_citation", "url": "https://x.test", "title": "X", "start_index": 0, "end_index": 2}
    events = [Start(), PartStarted(0, Text("")), TextDelta(0, "Hi")]
    events += [AnnotationTold(0, citation), AnnotationTold(0, citation), AnnotationTold(0, {"type": "file"})]
    stream = told([*events, PartEnded(0), Stop(StopReason.END), End()])

    assert len([delta for delta in deltas(stream) if "annotations" in delta]) == 1
    assert len(final(stream).message.annotations) == 2


def test_case_037_line_separators_are_escaped():
    stream = told(unfold(answered(Text("a\u2028b\u2029c"))))

    assert "\u2028" not in stream.decode()
    assert "\u2029" not in stream.decode()
    assert final(stream).message.content == "a\u2028b\u2029c"


def test_a_stream_that_ends_without_a_reason_says_stop():
    assert finish_reason(told([Start(), End()])) == "stop"


def test_case_150_a_client_of_functions_gets_function_call():
    tool = FunctionTool("ls", native=Native("openai/chat", {"name": "ls"}))
    request = Request("m", (), tools=(tool,))
    answer = answered(ToolCall("a", "ls", '{"x":1}'), stop=StopReason.TOOL)
    stream = written(unfold(answer), reply(request))
    whole = PROTOCOL.write_response(answer, reply(request))

    assert final(stream).message.function_call.arguments == '{"x":1}'
    assert finish_reason(stream) == "function_call"
    assert whole["choices"][0]["message"]["function_call"] == {"name": "ls", "arguments": '{"x":1}'}
    assert whole["choices"][0]["finish_reason"] == "function_call"


def test_usage_is_joined_from_its_pieces():
    events = [Start("x", usage=Usage(5, 3)), UsageTold(Usage(output_tokens=1)), UsageTold(Usage(output_tokens=4))]
    stream = told([*events, Stop(StopReason.END), End()])

    assert chunks(stream)[-1]["usage"]["total_tokens"] == 12
