"""Gemini's clients: hub → whole answers and streams, read by google-genai itself where that can judge."""

import base64
import json
from dataclasses import replace

import pytest
from google.genai.errors import APIError

from axonhub.transformers.carriers import carried_base64_back
from axonhub.transformers.dialects import COMPATIBLE as CHAT_DIALECT
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
from axonhub.transformers.hub.fold import unfold
from axonhub.transformers.hub.parts import Refusal, Signature, Text, Thinking, ToolCall
from axonhub.transformers.hub.requests import Reasoning, Request
from axonhub.transformers.hub.responses import Response, StopReason
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.protocol import Undo
from axonhub.transformers.protocols.anthropic_messages import PROTOCOL as ANTHROPIC
from axonhub.transformers.protocols.gemini import PROTOCOL
from axonhub.transformers.protocols.openai_chat import PROTOCOL as CHAT
from tests.judges.gemini import gemini_sdk, judge_gemini, judge_gemini_whole
from tests.transformers.gemini_wire import call, model, reply, requested, response, streamed, user

SIGNED = Signature("proof", "ant")
EVERYTHING = Response(
    (
        Thinking("hm", SIGNED),
        Text("Hello"),
        ToolCall("c1", "f", '{"a": [1, 2]}', signature=Signature("s", "gem-vertex")),
        ToolCall("c2", "g", ""),
    ),
    StopReason.TOOL,
    Usage(5, 2, None, None, 9, 4),
    "r1",
)
CITATION = {"type": "url_citation", "url": "https://example.com", "title": "T", "start_index": 1, "end_index": 3}


def whole(answer: Response, **members) -> dict:
    return PROTOCOL.write_response(answer, reply(**members))


def judged(answer: Response, **members):
    """The stream and the whole answer as google-genai reads them; both must say the same."""
    stream = judge_gemini(streamed(unfold(answer), **members))
    once = judge_gemini_whole(json.dumps(whole(answer, **members)).encode())

    assert (stream.text, stream.thoughts, stream.calls) == (once.text, once.thoughts, once.calls)
    assert (stream.finish_reasons, stream.usage) == (once.finish_reasons, once.usage)
    return stream


def chunks(stream: bytes) -> list[dict]:
    return [json.loads(frame.removeprefix("data: ")) for frame in stream.decode().split("\n\n") if frame]


def test_everything_is_read_by_googles_own_reader():
    answer = judged(EVERYTHING)

    assert (answer.thoughts, answer.text, answer.finish_reasons) == ("hm", "Hello", ["STOP"])
    assert [(each.id, each.name, each.args) for each in answer.calls] == [("c1", "f", {"a": [1, 2]}), ("c2", "g", {})]
    assert answer.usage.prompt_token_count == 7


def test_a_whole_answer_names_the_model_that_was_asked_for():
    body = whole(EVERYTHING)

    assert body.keys() == {"candidates", "usageMetadata", "modelVersion", "responseId"}
    assert (body["modelVersion"], body["responseId"]) == ("gemini-asked", "r1")
    assert whole(replace(EVERYTHING, id=None))["responseId"] == reply().id


def test_case_089_frames_are_data_and_nothing_else():
    lines = streamed(unfold(EVERYTHING)).split(b"\n")

    assert all(line.startswith(b"data: {") or not line for line in lines)
    assert b"[DONE]" not in streamed(unfold(EVERYTHING))


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        (StopReason.END, "STOP"),
        (StopReason.TOOL, "STOP"),
        (StopReason.SEQUENCE, "STOP"),
        (StopReason.PAUSE, "STOP"),
        (StopReason.LENGTH, "MAX_TOKENS"),
        (StopReason.FILTER, "SAFETY"),
    ],
)
def test_case_090_the_last_chunk_tells_why_it_ended(reason, word):
    *others, last = chunks(streamed(unfold(Response((Text("a"),), reason))))

    assert last["candidates"][0]["finishReason"] == word
    assert not any("finishReason" in each["candidates"][0] for each in others)
    assert judged(Response((Text("a"),), reason)).finish_reasons == [word]


def test_case_090_an_end_without_a_stop_is_a_stop():
    *_, last = chunks(streamed([Start(), End()]))

    assert last["candidates"][0]["finishReason"] == "STOP"


@pytest.mark.parametrize(
    ("arguments", "wire"), [("", {}), ("{}", {}), ('{"a":1}', {"a": 1}), ("{oops", {"__invalid_json": "{oops"})]
)
def test_case_091_arguments_are_an_object(arguments, wire):
    (told,) = judged(Response((ToolCall("c", "f", arguments),), StopReason.TOOL)).calls

    assert told.args == wire


def test_case_091_arguments_in_pieces_come_as_one_call():
    events = [
        Start(),
        PartStarted(0, ToolCall("c", "f", "")),
        ArgumentsDelta(0, '{"a"'),
        ArgumentsDelta(0, ": 1}"),
        PartEnded(0),
        Stop(StopReason.TOOL),
        End(),
    ]

    (told,) = judge_gemini(streamed(events)).calls
    assert told.args == {"a": 1}


def test_parallel_calls_follow_one_another():
    events = [
        Start(),
        PartStarted(0, ToolCall("a", "f", "")),
        PartStarted(1, ToolCall("b", "g", "")),
        ArgumentsDelta(1, '{"b":2}'),
        PartEnded(1),
        ArgumentsDelta(0, '{"a":1}'),
        PartEnded(0),
        Stop(StopReason.TOOL),
        End(),
    ]

    assert [(each.name, each.args) for each in judge_gemini(streamed(events)).calls] == [
        ("f", {"a": 1}),
        ("g", {"b": 2}),
    ]


def test_case_092_signatures_are_carriers_in_standard_base64():
    signed = [
        part["thoughtSignature"]
        for part in whole(EVERYTHING)["candidates"][0]["content"]["parts"]
        if len(part) > 1 and "thoughtSignature" in part
    ]

    assert [carried_base64_back(each) for each in signed] == [SIGNED, Signature("s", "gem-vertex")]
    assert all(base64.b64encode(base64.b64decode(each, validate=True)).decode() == each for each in signed)
    stream = [
        part["thoughtSignature"]
        for each in chunks(streamed(unfold(EVERYTHING)))
        for part in each["candidates"][0]["content"]["parts"]
        if "thoughtSignature" in part
    ]
    assert stream == signed


def test_a_signature_behind_a_text_comes_in_a_chunk_of_its_own():
    events = [
        Start(),
        PartStarted(0, Text("")),
        TextDelta(0, "a"),
        SignatureTold(0, SIGNED),
        PartEnded(0),
        Stop(StopReason.END),
        End(),
    ]

    _, second, _ = chunks(streamed(events))
    (part,) = second["candidates"][0]["content"]["parts"]
    assert part["text"] == "" and carried_base64_back(part["thoughtSignature"]) == SIGNED


def test_signed_thinking_survives_a_gemini_client():
    """The client keeps the increments as they came and sends them back; an Anthropic channel gets its block again."""
    parts = [
        part for each in chunks(streamed(unfold(EVERYTHING))) for part in each["candidates"][0]["content"]["parts"]
    ]
    request = requested(user("hi"), model(*parts), user(response("f", {}, "c1"), response("g", {}, "c2")))

    assert request.turns[1].parts[:2] == (Thinking("hm", SIGNED), Text("Hello"))


def test_redacted_thinking_survives_a_gemini_client():
    answer = Response((Thinking(redacted="secret"), Text("a")), StopReason.END)

    for parts in (
        whole(answer)["candidates"][0]["content"]["parts"],
        [part for each in chunks(streamed(unfold(answer))) for part in each["candidates"][0]["content"]["parts"]],
    ):
        assert requested(user("hi"), model(*parts)).turns[1].parts == answer.parts
    assert judged(answer).thoughts == ""


@pytest.mark.parametrize("reasoning", [None, Reasoning("adaptive", visible=False)])
def test_thoughts_are_shown_only_to_those_who_asked_but_their_signature_always_travels(reasoning):
    asked = Request("m", (), reasoning=reasoning)
    answer = judged(EVERYTHING, request=asked)

    assert answer.thoughts == ""
    assert answer.parts[0].thought and answer.parts[0].thought_signature


def test_case_093_an_error_in_mid_stream_is_a_bare_line():
    failure = Failure(FailureKind.OVERLOADED, "Overloaded", 529)
    writer = PROTOCOL.stream_writer(reply())
    first = b"".join(writer.write(each) for each in (Start(), PartStarted(0, Text("")), TextDelta(0, "half")))
    last = writer.write(Failed(failure))

    assert json.loads(last) == {"error": {"code": 503, "message": "Overloaded", "status": "UNAVAILABLE"}}
    with pytest.raises(APIError) as raised:
        judge_gemini(first + last)
    assert (raised.value.code, raised.value.status) == (503, "UNAVAILABLE")


def test_case_094_without_sse_the_stream_is_one_json_array():
    stream = streamed(unfold(EVERYTHING), json_array=True)

    assert json.loads(stream) == chunks(streamed(unfold(EVERYTHING)))


@pytest.mark.parametrize("started", [True, False])
def test_case_094_an_error_closes_the_array(started):
    begun = [Start(), PartStarted(0, Text("")), TextDelta(0, "a")] if started else []
    stream = streamed([*begun, Failed(Failure(FailureKind.SERVER, "x"))], json_array=True)

    assert json.loads(stream)[-1]["error"]["code"] == 500


def test_case_095_usage_adds_up():
    told = whole(Response((Text("a"),), StopReason.END, Usage(7, 9000, 1000, None, 100, 90)))["usageMetadata"]

    assert told == {
        "promptTokenCount": 10007,
        "cachedContentTokenCount": 9000,
        "candidatesTokenCount": 10,
        "thoughtsTokenCount": 90,
        "totalTokenCount": 10107,
    }


def test_usage_that_nobody_told_is_not_told():
    assert "usageMetadata" not in whole(Response((Text("a"),), StopReason.END))


def test_usage_in_pieces_is_told_once_at_the_end():
    events = [
        Start(usage=Usage(5)),
        UsageTold(Usage(output_tokens=3)),
        Stop(StopReason.END),
        UsageTold(Usage(output_tokens=4)),
        End(),
    ]

    assert judge_gemini(streamed(events)).usage.candidates_token_count == 4
    assert streamed(events).count(b"usageMetadata") == 1


@pytest.mark.parametrize("json_array", [True, False])
def test_case_096_silence_is_filled_with_empty_lines(json_array):
    writer = PROTOCOL.stream_writer(reply(json_array=json_array))
    stream = writer.keepalive()
    for event in unfold(EVERYTHING):
        stream += writer.write(event) + writer.keepalive()

    if json_array:
        assert json.loads(stream) == json.loads(streamed(unfold(EVERYTHING), json_array=True))
    else:
        assert judge_gemini(stream).text == "Hello"


def test_line_separators_are_escaped():
    stream = streamed(unfold(Response((Text("a\u2028b\u2029"),), StopReason.END)))

    assert "\u2028" not in stream.decode() and judge_gemini(stream).text == "a\u2028b\u2029"


def test_web_citations_become_grounding():
    cited = Response((Text("x北y", annotations=(CITATION, {"type": "file_citation"})),), StopReason.END)

    told = judged(cited).grounding
    assert (told.grounding_chunks[0].web.uri, told.grounding_chunks[0].web.title) == ("https://example.com", "T")
    segment = told.grounding_supports[0].segment
    assert (segment.start_index, segment.end_index, segment.text) == (1, 5, "北y")


def test_citations_told_in_a_stream_are_in_the_last_chunk():
    events = [
        Start(),
        PartStarted(0, Text("")),
        TextDelta(0, "abc"),
        AnnotationTold(0, CITATION),
        PartEnded(0),
        Stop(StopReason.END),
        End(),
    ]

    assert judge_gemini(streamed(events)).grounding.grounding_supports[0].segment.text == "bc"


def test_a_refusal_is_text():
    assert judged(Response((Refusal("I cannot."),), StopReason.FILTER)).text == "I cannot."


def test_an_empty_answer_is_still_an_answer():
    answer = judged(Response((), StopReason.END))

    assert (answer.parts, answer.finish_reasons) == ([], ["STOP"])


@pytest.mark.parametrize(
    ("kind", "status", "word"),
    [
        (FailureKind.INVALID_REQUEST, 400, "INVALID_ARGUMENT"),
        (FailureKind.CONTEXT_LENGTH, 400, "INVALID_ARGUMENT"),
        (FailureKind.TOO_LARGE, 400, "INVALID_ARGUMENT"),
        (FailureKind.NOT_FOUND, 404, "NOT_FOUND"),
        (FailureKind.CONFLICT, 409, "ABORTED"),
        (FailureKind.RATE_LIMIT, 429, "RESOURCE_EXHAUSTED"),
        (FailureKind.QUOTA, 429, "RESOURCE_EXHAUSTED"),
        (FailureKind.TIMEOUT, 504, "DEADLINE_EXCEEDED"),
        (FailureKind.OVERLOADED, 503, "UNAVAILABLE"),
        (FailureKind.SERVER, 500, "INTERNAL"),
        (FailureKind.NETWORK, 502, "UNAVAILABLE"),
        (FailureKind.AUTHENTICATION, 502, "INTERNAL"),
        (FailureKind.PERMISSION, 502, "INTERNAL"),
    ],
)
def test_errors_before_the_answer_are_raised_by_googles_reader(kind, status, word):
    http_status, body = PROTOCOL.write_failure(Failure(kind, "why"))

    with pytest.raises(APIError) as raised:
        gemini_sdk(json.dumps(body).encode(), "application/json", http_status).models.generate_content(
            model="m", contents="hi"
        )
    assert (http_status, raised.value.code, raised.value.status, raised.value.message) == (status, status, word, "why")


@pytest.mark.parametrize(
    ("status", "word"), [(401, "UNAUTHENTICATED"), (403, "PERMISSION_DENIED"), (405, "INVALID_ARGUMENT")]
)
def test_our_own_refusals_keep_their_status(status, word):
    kind = FailureKind.AUTHENTICATION if status == 401 else FailureKind.PERMISSION
    http_status, body = PROTOCOL.write_failure(Failure(kind, "why", status, ours=True))

    assert (http_status, body["error"]["code"], body["error"]["status"]) == (status, status, word)


def test_an_anthropic_answer_reaches_a_gemini_client():
    body = {
        "id": "msg_1",
        "model": "claude",
        "content": [{"type": "text", "text": "hi"}, {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 7, "cache_read_input_tokens": 3, "output_tokens": 5},
    }

    answer = judged(ANTHROPIC.read_response(body, CHAT_DIALECT, Undo()))
    assert (answer.text, answer.calls[0].args, answer.usage.total_token_count) == ("hi", {}, 15)


def test_case_100_a_gemini_clients_error_is_an_error_for_chat():
    request = requested(user("hi"), model(call("f", {}, "c1")), user(response("f", {"error": "gone"}, "c1")))

    (tool,) = [each for each in CHAT.write_request(request, CHAT_DIALECT).body["messages"] if each["role"] == "tool"]
    assert tool["content"] == "Error: gone"


def test_a_refusal_that_another_protocol_tells_as_a_part_is_a_filter():
    answer = Response((Refusal("No."),), StopReason.END)

    assert PROTOCOL.write_response(answer, reply())["candidates"][0]["finishReason"] == "SAFETY"
    assert b'"finishReason":"SAFETY"' in b"".join(map(PROTOCOL.stream_writer(reply()).write, unfold(answer)))
