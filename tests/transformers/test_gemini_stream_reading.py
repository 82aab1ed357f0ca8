"""Gemini as a provider: chunks and whole answers → hub, and what that means to a chat client."""

import json

import pytest

from axonhub.transformers.dialects import GEMINI
from axonhub.transformers.hub.events import End, Event, Failed, PartStarted, SignatureTold, Start, Stop, UsageTold
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.fold import fold
from axonhub.transformers.hub.parts import Image, Inline, Refusal, Signature, Text, Thinking, ToolCall
from axonhub.transformers.hub.requests import Request, ToolReference
from axonhub.transformers.hub.responses import Response, StopReason
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.protocol import Reply, Undo, Unreadable
from axonhub.transformers.protocols.gemini import PROTOCOL
from axonhub.transformers.protocols.openai_chat import PROTOCOL as CHAT
from axonhub.transformers.sse import SseDecoder, SseEvent
from tests.transformers.gemini_wire import call, chunk, read, reply, sent, text, thought


def answer(*chunks, **members) -> Response:
    told = fold(read(*chunks, **members))
    assert isinstance(told, Response)
    return told


def whole(body, undo=None) -> Response | Failure:
    return PROTOCOL.read_response(body, GEMINI, undo or Undo())


def failure(*chunks) -> Failure:
    *_, last = read(*chunks)
    assert isinstance(last, Failed)
    return last.failure


def chat_chunks(events: list[Event]) -> list[dict]:
    """What a chat client is sent, as parsed chunks."""
    writer = CHAT.stream_writer(Reply("0" * 24, 7, Request("m", (), stream_usage=True)))
    decoder = SseDecoder()
    told = decoder.feed(b"".join(writer.write(event) for event in events))
    return [json.loads(event.data) for event in told if event.data != "[DONE]"]


def deltas(events: list[Event]) -> list[dict]:
    return [choice["delta"] for each in chat_chunks(events) for choice in each["choices"]]


def test_increments_become_parts():
    told = answer(
        chunk(thought("let ")),
        chunk(thought("me see")),
        chunk(text("Hel"), usage={"promptTokenCount": 5}),
        chunk(text("lo")),
        chunk(finish="STOP", usage={"promptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 3}),
    )

    assert told == Response(
        (Thinking("let me see"), Text("Hello")),
        StopReason.END,
        Usage(5, None, None, None, 5, 3),
        "r1",
        "gemini-x",
    )


def test_whole_answers_mean_what_streams_mean():
    parts = [thought("hm"), text("Hello "), text("you"), call("f", {"a": 1}, signature="c2ln")]
    usage = {"promptTokenCount": 5, "candidatesTokenCount": 2}

    streamed = answer(*(chunk(part) for part in parts), chunk(finish="STOP", usage=usage))
    assert whole(chunk(*parts, finish="STOP", usage=usage)) == streamed


def test_a_call_comes_with_its_signature_at_the_start():
    events = read(chunk(call("f", {"a": 1}, "c1", "c2ln"), finish="STOP"))

    (started,) = [event for event in events if isinstance(event, PartStarted)]
    assert started.part == ToolCall("c1", "f", "", signature=Signature("c2ln", "gem-aistudio"))
    assert not any(isinstance(event, SignatureTold) for event in events)
    assert fold(events).parts[0].arguments == '{"a":1}'


def test_case_026_stop_with_a_call_is_a_call():
    assert answer(chunk(call("f"), finish="STOP")).stop is StopReason.TOOL
    assert answer(chunk(call("f"), finish="MAX_TOKENS")).stop is StopReason.LENGTH


def test_calls_without_ids_get_ids_of_the_response():
    calls = answer(chunk(call("f"), call("f"), finish="STOP")).parts

    assert len({each.id for each in calls}) == 2
    assert answer(chunk(call("f"), call("f"), finish="STOP")).parts == calls


@pytest.mark.parametrize("arguments", [{}, None])
def test_a_call_without_arguments_has_an_empty_object(arguments):
    body = chunk({"functionCall": {"name": "f", **({} if arguments is None else {"args": arguments})}}, finish="STOP")

    assert answer(body).parts[0].arguments == "{}"


def test_names_are_given_back_and_freeform_input_is_bare():
    undo = Undo({"ns__leaf": ToolReference("leaf", "ns"), "patch": ToolReference("patch", kind="freeform")})
    parts = answer(chunk(call("ns__leaf"), call("patch", {"input": "*** Begin"}), finish="STOP"), undo=undo).parts

    assert (parts[0].name, parts[0].namespace) == ("leaf", "ns")
    assert (parts[1].arguments, parts[1].kind) == ("*** Begin", "freeform")


def test_case_066_thoughts_and_texts_reach_a_chat_client_and_a_lone_signature_opens_nothing():
    events = read(
        chunk(thought("hm")),
        chunk(text("yes")),
        chunk(text("", thoughtSignature="c2ln")),
        chunk(finish="STOP"),
    )

    said = deltas(events)
    assert "".join(each.get("reasoning_content") or "" for each in said) == "hm"
    assert "".join(each.get("content") or "" for each in said) == "yes"
    assert answer(chunk(text("yes")), chunk(text("", thoughtSignature="c2ln"), finish="STOP")).parts == (
        Text("yes", signature=Signature("c2ln", "gem-aistudio")),
    )


def test_case_066_a_lone_signature_before_anything_else_is_kept_and_shows_nothing():
    events = read(chunk(text("", thoughtSignature="c2ln"), finish="STOP"))

    assert fold(events).parts == (Text("", signature=Signature("c2ln", "gem-aistudio")),)
    assert not any(each.get("content") for each in deltas(events))


def test_case_067_thoughts_without_an_end_are_a_plain_stop():
    events = read(chunk(thought("hm")))

    assert [event for event in events if isinstance(event, Stop)] == [Stop(StopReason.END)]
    assert [choice["finish_reason"] for each in chat_chunks(events) for choice in each["choices"]][-1] == "stop"


def test_case_030_text_without_an_end_is_a_failure():
    assert failure(chunk(text("half of"))).kind is FailureKind.SERVER
    assert failure(chunk(thought("hm")), chunk(text("half of"))).kind is FailureKind.SERVER
    assert failure(chunk(call("f"))).kind is FailureKind.SERVER
    assert failure().kind is FailureKind.SERVER


@pytest.mark.parametrize(
    "reason", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MISSING_THOUGHT_SIGNATURE", "TOO_MANY_TOOL_CALLS"]
)
def test_case_068_the_models_own_mistakes_are_failures(reason):
    told = failure(chunk(finish=reason, finishMessage="bad call"))

    assert (told.kind, told.http_status) == (FailureKind.SERVER, 500)
    assert reason in told.message and "bad call" in told.message
    assert whole(chunk(finish=reason, finishMessage="bad call")) == told


def test_case_069_a_blocked_prompt_is_a_refusal():
    body = {"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "no"}, "responseId": "r1"}

    told = whole(body)
    assert told.stop is StopReason.FILTER
    assert isinstance(told.parts[0], Refusal) and "SAFETY" in told.parts[0].text and "no" in told.parts[0].text
    assert answer(body) == told
    assert [choice["finish_reason"] for each in chat_chunks(read(body)) for choice in each["choices"]][-1] == (
        "content_filter"
    )


def test_case_070_a_finish_without_content_or_usage_is_seen():
    assert answer(chunk(text("a")), {"candidates": [{"finishReason": "STOP"}]}).stop is StopReason.END


@pytest.mark.parametrize(
    "reason", ["SAFETY", "RECITATION", "SPII", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "MODEL_ARMOR"]
)
def test_filters_are_filters_and_keep_the_text(reason):
    told = answer(chunk(text("so far"), finish=reason))

    assert (told.parts, told.stop) == ((Text("so far"),), StopReason.FILTER)


def test_unknown_reasons_are_a_plain_end():
    assert answer(chunk(text("a"), finish="NOVEL_REASON")).stop is StopReason.END


def test_a_stop_in_every_chunk_does_not_end_the_answer():
    told = answer(chunk(text("a"), finish="STOP"), chunk(text("b"), finish="STOP"))

    assert told.parts == (Text("ab"),)


def test_case_162_thoughts_count_as_output():
    usage = {"promptTokenCount": 7, "candidatesTokenCount": 10, "thoughtsTokenCount": 90, "totalTokenCount": 107}
    events = read(chunk(text("a"), finish="STOP", usage=usage))

    assert fold(events).usage == Usage(7, None, None, None, 100, 90)
    *_, last = chat_chunks(events)
    assert last["usage"]["completion_tokens"] == 100
    assert last["usage"]["completion_tokens_details"]["reasoning_tokens"] == 90


def test_cached_tokens_are_inside_the_prompt_and_tools_of_the_provider_beside_it():
    usage = {"promptTokenCount": 100, "cachedContentTokenCount": 80, "toolUsePromptTokenCount": 5}

    assert answer(chunk(text("a"), finish="STOP", usage=usage)).usage == Usage(25, 80)


def test_case_161_more_cached_tokens_than_prompt_are_never_negative():
    usage = {"promptTokenCount": 10, "cachedContentTokenCount": 80}

    assert answer(chunk(text("a"), finish="STOP", usage=usage)).usage == Usage(10, 80)


def test_usage_is_told_at_the_start_and_at_the_end_and_when_it_changes():
    usage = {"promptTokenCount": 3}
    events = read(chunk(text("a"), usage=usage), chunk(text("b"), usage=usage), chunk(finish="STOP", usage=usage))

    assert events[0] == Start("r1", "gemini-x", Usage(3))
    assert [event for event in events if isinstance(event, UsageTold)] == [UsageTold(Usage(3))]


def test_files_and_executed_code_are_parts_of_their_own():
    told = answer(
        chunk(text("see")),
        chunk({"inlineData": {"mimeType": "image/png", "data": "AA=="}}),
        chunk({"executableCode": {"language": "PYTHON", "code": "1+1"}}),
        chunk(finish="STOP"),
    )

    assert told.parts[1] == Image(Inline("image/png", "AA=="))
    assert told.parts[2] == Text("\n```python\n1+1\n```\n")


def test_executed_code_is_text_to_others_and_itself_to_geminis_clients():
    code = {"executableCode": {"language": "PYTHON", "code": "1+1"}}
    outcome = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}}
    chunks = (chunk(text("see")), chunk(code), chunk(outcome), chunk(text("so"), finish="STOP"))

    assert "".join(each.get("content") or "" for each in deltas(read(*chunks))) == (
        "see\n```python\n1+1\n```\n\n```\n2\n```\nso"
    )
    writer = PROTOCOL.stream_writer(reply())
    told = SseDecoder().feed(b"".join(writer.write(event) for event in read(*chunks)))
    parts = [part for each in told for part in json.loads(each.data)["candidates"][0]["content"]["parts"]]
    assert parts == [text("see"), code, outcome, text("so")]
    once = PROTOCOL.write_response(whole(chunk(text("see"), code, outcome, text("so"), finish="STOP")), reply())
    assert once["candidates"][0]["content"]["parts"] == parts


GROUNDED = {
    "groundingChunks": [{"web": {"uri": "https://example.com/a", "title": "A"}}, {"web": {}}],
    "groundingSupports": [
        {"segment": {"startIndex": 8, "endIndex": 14, "text": "北京"}, "groundingChunkIndices": [0, 1, 9]}
    ],
}


def test_grounding_becomes_citations_counted_in_characters():
    told = answer(chunk(text("This is ")), chunk(text("北京.")), chunk(finish="STOP", groundingMetadata=GROUNDED))

    assert told.parts[0].annotations == (
        {"type": "url_citation", "url": "https://example.com/a", "title": "A", "start_index": 8, "end_index": 10},
    )


def test_grounding_without_places_stands_behind_the_whole_text():
    metadata = {"groundingChunks": GROUNDED["groundingChunks"]}

    (told,) = answer(chunk(text("abc"), finish="STOP", groundingMetadata=metadata)).parts[0].annotations
    assert (told["start_index"], told["end_index"]) == (0, 3)


def test_an_error_in_a_stream_or_a_good_body_is_a_failure():
    error = {"error": {"code": 503, "message": "Overloaded.", "status": "UNAVAILABLE"}}

    assert failure(chunk(text("a")), error) == Failure(
        FailureKind.OVERLOADED, "Overloaded.", status=503, code="UNAVAILABLE"
    )
    assert whole(error).kind is FailureKind.OVERLOADED


def test_nothing_follows_a_failure():
    events = read(chunk(text("a")), {"error": {"code": 500, "message": "x"}}, chunk(text("b"), finish="STOP"))

    assert sum(isinstance(event, Failed | End) for event in events) == 1
    assert isinstance(events[-1], Failed)


def test_an_error_on_a_bare_line_is_heard():
    reader, decoder = PROTOCOL.stream_reader(GEMINI, Undo()), SseDecoder()
    stream = (
        f"data: {json.dumps(chunk(text('a')))}\n\n" + '{"error":{"code":503,"message":"x","status":"UNAVAILABLE"}}\n'
    )
    told = [*decoder.feed(stream.encode()), *decoder.flush()]

    *_, last = [event for each in told for event in reader.read(each)]
    assert isinstance(last, Failed)


def test_case_167_errors_in_a_list_are_unwrapped():
    reader = PROTOCOL.stream_reader(GEMINI, Undo())

    (event,) = reader.read(sent([{"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}]))
    assert event.failure.kind is FailureKind.RATE_LIMIT


@pytest.mark.parametrize("data", ["", "nonsense", "3", '"text"', "{"])
def test_what_is_no_chunk_is_unreadable(data):
    with pytest.raises(Unreadable):
        list(PROTOCOL.stream_reader(GEMINI, Undo()).read(SseEvent(data)))


def test_an_answer_without_anything_of_an_answer_is_a_failure():
    assert isinstance(whole({}), Failure)
    assert whole({"usageMetadata": {"promptTokenCount": 3}}).parts == ()


def test_odd_members_of_answers_are_passed_over():
    body = {"candidates": [3, {"content": {"parts": [None, {"text": 3}, {"functionCall": 4}, {"text": "a"}]}}]}

    assert Text("a") in whole(body).parts


def test_a_passing_stream_is_skimmed():
    usage = {"promptTokenCount": 3}

    assert PROTOCOL.skim(sent(chunk(text("a"), usage=usage))) == [Start("r1", "gemini-x", Usage(3))]
    assert PROTOCOL.skim(sent(chunk(call("f"), finish="STOP")))[1:] == [Stop(StopReason.TOOL)]
    assert isinstance(PROTOCOL.skim(sent({"error": {"code": 500, "message": "x"}}))[0], Failed)
