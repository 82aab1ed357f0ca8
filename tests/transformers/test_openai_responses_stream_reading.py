"""A provider's Responses stream → hub events: cases 44 to 50, and what servers leave out."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from axonhub.transformers.carriers import carried
from axonhub.transformers.dialect import Dialect
from axonhub.transformers.dialects import RESPONSES
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
from axonhub.transformers.hub.failures import FailureKind
from axonhub.transformers.hub.fold import fold
from axonhub.transformers.hub.parts import Hosted, Image, Inline, Refusal, Signature, Text, Thinking, ToolCall
from axonhub.transformers.hub.requests import Request, ToolReference
from axonhub.transformers.hub.responses import Response, StopReason
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.protocol import Undo, Unreadable
from axonhub.transformers.protocols.anthropic_messages import PROTOCOL as ANTHROPIC_MESSAGES
from axonhub.transformers.protocols.openai_responses import PROTOCOL
from axonhub.transformers.sse import SseDecoder, SseEvent
from tests.judges.grammar import anthropic_faults
from tests.judges.sdk import judge_anthropic
from tests.transformers.responses_wire import (
    added,
    call,
    created,
    delta,
    done,
    ended,
    event,
    read,
    reply,
    streamed,
    text,
)

ITEM = {"type": "function_call", "id": "fc_0", "call_id": "call_0", "name": "ls"}


def answer(*events, **options) -> Response:
    response = fold(read(*events, **options))
    assert isinstance(response, Response)
    return response


def to_anthropic(*events) -> bytes:
    writer = ANTHROPIC_MESSAGES.stream_writer(reply(Request("m", ()), estimated_input_tokens=12))
    return b"".join(writer.write(each) for each in read(*events))


def test_a_plain_answer():
    events = read(created(), text("Hel"), text("lo"), done(0, type="message", content=[{"text": "Hello"}]), ended())

    assert events == [
        Start("resp_1", "gpt-5"),
        PartStarted(0, Text("")),
        TextDelta(0, "Hel"),
        TextDelta(0, "lo"),
        PartEnded(0),
        UsageTold(Usage(10, 4, 2, None, 9, 3)),
        Stop(StopReason.END),
        End(),
    ]


@pytest.mark.parametrize(
    "events",
    [
        [call(0), event("response.function_call_arguments.done", output_index=0, arguments='{"a":1}')],
        [call(0), done(0, **ITEM, arguments='{"a":1}')],
        [done(0, **ITEM, arguments='{"a":1}')],
        [call(0), delta("function_call_arguments", 0, '{"a"'), delta("function_call_arguments", 0, ":1}")],
        [
            call(0),
            delta("function_call_arguments", 0, '{"a":1}'),
            event("response.function_call_arguments.done", output_index=0, arguments='{"a":1}'),
            done(0, **ITEM, arguments='{"a":1}'),
        ],
    ],
    ids=["arguments done", "item done", "nothing but item done", "deltas alone", "all"],
)
def test_case_044_arguments_are_whole_wherever_they_stand(events):
    response = answer(created(), *events, ended())

    assert [(part.name, part.arguments, part.id) for part in response.parts] == [("ls", '{"a":1}', "call_0")]
    assert response.stop is StopReason.TOOL


def test_case_044_an_answer_that_only_the_terminal_event_holds():
    output = [
        {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]},
        ITEM | {"arguments": "{}"},
    ]
    response = answer(created(), ended(output=output))

    assert response.parts == (Text("Hi"), ToolCall("call_0", "ls", "{}", item_id="fc_0"))


def test_case_045_incomplete_for_length_and_for_a_filter():
    length = ended("response.incomplete", "incomplete", incomplete_details={"reason": "max_output_tokens"})
    filtered = ended("response.incomplete", "incomplete", incomplete_details={"reason": "content_filter"})

    assert answer(created(), call(0), length).stop is StopReason.LENGTH
    assert answer(created(), text("no"), filtered).stop is StopReason.FILTER
    assert judge_anthropic(to_anthropic(created(), text("Hal"), length)).stop_reason == "max_tokens"


def test_case_046_a_failed_response_after_text_is_an_error():
    failed = event(
        "response.failed", response={"status": "failed", "error": {"code": "server_error", "message": "broke"}}
    )
    events = read(created(), text("Hal"), failed)

    assert isinstance(events[-1], Failed)
    assert (events[-1].failure.kind, events[-1].failure.message) == (FailureKind.SERVER, "broke")
    assert b"event: error" in to_anthropic(created(), text("Hal"), failed)
    assert b"message_stop" not in to_anthropic(created(), text("Hal"), failed)


def summary(index: int, words: str):
    return delta("reasoning_summary_text", 0, words, summary_index=index)


def test_case_047_several_summary_parts_are_one_thinking_part_with_one_signature_at_its_end():
    events = [
        created(),
        added(0, type="reasoning", id="rs_1", summary=[]),
        summary(0, "First"),
        summary(0, "."),
        summary(1, "Second."),
        done(
            0, type="reasoning", id="rs_1", summary=[{"text": "First."}, {"text": "Second."}], encrypted_content="gAAA"
        ),
        text("Hi", 1),
        ended(),
    ]
    stream = to_anthropic(*events)

    assert [type(each) for each in read(*events)][1:7] == [
        PartStarted,
        TextDelta,
        TextDelta,
        TextDelta,
        SignatureTold,
        PartEnded,
    ]
    assert answer(*events).parts[0].text == "First.\n\nSecond."
    assert anthropic_faults(stream) == []
    thinking, words = judge_anthropic(stream).content
    assert (thinking.thinking, thinking.signature) == ("First.\n\nSecond.", carried(Signature("gAAA", "oai")))
    assert (words.text, stream.count(b"signature_delta")) == ("Hi", 1)


def test_case_048_encrypted_reasoning_without_a_summary_is_thinking_with_a_signature():
    response = answer(created(), done(0, type="reasoning", id="rs_1", summary=[], encrypted_content="gAAA"), ended())

    assert response.parts == (Thinking("", Signature("gAAA", "oai"), item_id="rs_1"),)


def test_case_048_reasoning_that_says_nothing_at_all_is_nothing():
    response = answer(created(), added(0, type="reasoning"), done(0, type="reasoning", id="rs_1", summary=[]), ended())

    assert response.parts == ()


def test_case_049_the_terminal_event_is_enough():
    events = read(created(), text("Hi"), ended())

    assert events[-1] == End()


def test_case_050_response_done_is_completed():
    assert answer(created(), text("Hi"), ended("response.done")).stop is StopReason.END


def test_a_stream_without_a_terminal_event_is_broken():
    assert isinstance(read(created(), text("Hi"))[-1], Failed)
    assert isinstance(read()[-1], Failed)


def test_a_server_known_to_omit_the_terminal_event_is_believed_when_all_calls_are_whole():
    dialect = Dialect(omits_terminator=True)

    assert answer(created(), done(0, **ITEM, arguments="{}"), dialect=dialect).stop is StopReason.TOOL
    assert isinstance(read(created(), call(0), dialect=dialect)[-1], Failed)


def test_what_comes_after_the_end_is_ignored():
    assert read(created(), ended(), text("late"), ended())[-1] == End()
    assert sum(isinstance(each, End) for each in read(created(), ended(), ended(), SseEvent("[DONE]"))) == 1


@pytest.mark.parametrize(
    "error",
    [
        event("error", code="rate_limit_exceeded", message="Try again in 3s.", param=None),
        event("error", error={"code": "rate_limit_exceeded", "message": "Try again in 3s."}),
        SseEvent(json.dumps({"error": {"code": "rate_limit_exceeded", "message": "Try again in 3s."}})),
        event("response.failed", response={"error": {"code": "rate_limit_exceeded", "message": "Try again in 3s."}}),
        ended(status="failed", error={"code": "rate_limit_exceeded", "message": "Try again in 3s."}),
    ],
    ids=["flat", "under error", "without type", "failed", "completed with an error"],
)
def test_every_form_of_an_error_is_a_failure(error):
    [*_, last] = read(created(), error)

    assert isinstance(last, Failed)
    assert (last.failure.kind, last.failure.retry_after_s) == (FailureKind.RATE_LIMIT, 3.0)


def test_a_custom_call_is_freeform():
    item = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "apply_patch", "input": "*** Begin"}
    response = answer(
        created(),
        added(0, **item | {"input": ""}),
        delta("custom_tool_call_input", 0, "*** "),
        delta("custom_tool_call_input", 0, "Begin"),
        done(0, **item),
        ended(),
    )

    assert response.parts == (ToolCall("c", "apply_patch", "*** Begin", "freeform", item_id="ctc_1"),)


def test_a_freeform_tool_that_went_as_a_function_is_told_whole_and_bare():
    undo = Undo({"apply_patch": ToolReference("apply_patch", kind="freeform")})
    events = read(
        created(),
        call(0, "apply_patch"),
        delta("function_call_arguments", 0, '{"input": "***'),
        delta("function_call_arguments", 0, ' Begin"}'),
        done(0, **ITEM | {"name": "apply_patch"}, arguments='{"input": "*** Begin"}'),
        ended(),
        undo=undo,
    )

    assert [each for each in events if isinstance(each, ArgumentsDelta)] == [ArgumentsDelta(0, "*** Begin")]
    assert events[1].part.kind == "freeform"


def test_names_are_undone_and_a_namespace_on_the_wire_wins():
    undo = Undo({"mcp__x__y": ToolReference("y", "mcp__x")})
    flat = answer(created(), done(0, **ITEM | {"name": "mcp__x__y"}, arguments="{}"), ended(), undo=undo)
    grouped = answer(created(), done(0, **ITEM | {"name": "y"}, namespace="mcp__x", arguments="{}"), ended())

    assert [(each.parts[0].name, each.parts[0].namespace) for each in (flat, grouped)] == [("y", "mcp__x")] * 2


def test_calls_that_overlap_keep_their_arguments():
    response = answer(
        created(),
        call(0, "ls"),
        call(1, "cat"),
        delta("function_call_arguments", 1, '{"b":'),
        delta("function_call_arguments", 0, '{"a":1}'),
        delta("function_call_arguments", 1, "2}"),
        ended(),
    )

    assert [(part.name, part.arguments) for part in response.parts] == [("ls", '{"a":1}'), ("cat", '{"b":2}')]


def test_a_call_without_any_id_gets_one_that_is_the_same_each_time():
    bare = {"type": "function_call", "name": "ls", "arguments": "{}"}
    [first, second] = [answer(created(), done(0, **bare), done(1, **bare), ended()).parts for _ in range(2)]

    assert first == second
    assert first[0].id.startswith("call_")
    assert first[0].id != first[1].id


def test_case_022_a_call_that_never_gets_a_name_is_named_by_its_place():
    bare = {"type": "function_call", "call_id": "c", "arguments": "{}"}

    assert [part.name for part in answer(created(), done(0, **bare), done(1, **bare), ended()).parts] == [
        "tool_0",
        "tool_1",
    ]


def test_text_without_deltas_and_its_citations():
    citation = {"type": "url_citation", "url": "https://a.example", "title": "", "start_index": 0, "end_index": 2}
    whole = done(0, type="message", content=[{"type": "output_text", "text": "Hi", "annotations": [citation]}])
    told = event("response.output_text.annotation.added", output_index=0, content_index=0, annotation=citation)

    assert answer(created(), whole, ended()).parts == (Text("Hi", annotations=(citation,)),)
    assert AnnotationTold(0, citation) in read(created(), text("Hi"), told, whole, ended())
    assert answer(created(), text("Hi"), told, whole, ended()).parts == (Text("Hi", annotations=(citation,)),)


def test_a_refusal_is_a_refusal():
    assert answer(created(), delta("refusal", 0, "No.", content_index=0), ended()).parts == (Refusal("No."),)


def test_reasoning_text_of_open_models():
    response = answer(
        created(),
        delta("reasoning_text", 0, "Let me see.", content_index=0),
        done(0, type="reasoning", id="rs_1", content=[{"type": "reasoning_text", "text": "Let me see."}]),
        ended(),
    )

    assert [part.text for part in response.parts] == ["Let me see."]


def test_hosted_items_and_images():
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "cats"}}
    image = {"type": "image_generation_call", "id": "ig_1", "result": "aGk=", "output_format": "webp"}
    response = answer(created(), added(0, **search), done(0, **search), done(1, **image), ended())

    assert isinstance(response.parts[0], Hosted)
    assert response.parts[0].text == "[web search: cats]"
    assert response.parts[1] == Image(Inline("image/webp", "aGk="))


def test_items_named_by_id_where_indexes_are_missing():
    response = answer(
        created(),
        event("response.output_item.added", item=ITEM),
        event("response.function_call_arguments.delta", item_id="fc_0", delta='{"a":1}'),
        event("response.output_item.done", item=ITEM | {"arguments": '{"a":1}'}),
        ended(output=[ITEM | {"arguments": '{"a":1}'}]),
    )

    assert [part.arguments for part in response.parts] == ['{"a":1}']


@pytest.mark.parametrize("data", ["", "nope", "[]", '"x"', "{"])
def test_an_event_that_is_no_json_object_is_unreadable(data):
    reader = PROTOCOL.stream_reader(RESPONSES, Undo())

    with pytest.raises(Unreadable):
        list(reader.read(SseEvent(data)))


def test_half_a_surrogate_pair_does_not_end_the_stream():
    half = SseEvent('{"type":"response.output_text.delta","output_index":0,"delta":"a\\ud83d"}')

    assert answer(created(), half, ended()).parts == (Text("a?"),)


def test_unknown_events_are_ignored():
    assert read(created(), event("response.future.delta", delta="x"), event("keepalive"), ended())[-1] == End()


# -- any input, and both forms of one answer


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
TYPES = (
    "response.created response.output_item.added response.output_item.done response.output_text.delta "
    "response.output_text.done response.output_text.annotation.added response.refusal.delta response.refusal.done "
    "response.function_call_arguments.delta response.function_call_arguments.done response.reasoning_text.delta "
    "response.reasoning_summary_text.delta response.reasoning_summary_text.done response.completed response.failed "
    "response.custom_tool_call_input.delta error"
).split()
ITEMS = "message function_call custom_tool_call reasoning web_search_call image_generation_call".split()
odd_items = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(ITEMS) | json_values,
        "id": json_values,
        "call_id": json_values,
        "name": json_values,
        "arguments": json_values,
        "input": json_values,
        "content": json_values | st.lists(st.fixed_dictionaries({"text": json_values}), max_size=2),
        "summary": json_values | st.lists(st.fixed_dictionaries({"text": json_values}), max_size=2),
        "encrypted_content": json_values,
        "result": json_values,
        "action": json_values,
    },
)
odd_events = st.fixed_dictionaries(
    {"type": st.sampled_from(TYPES)},
    optional={
        "output_index": st.integers(0, 2) | json_values,
        "content_index": json_values,
        "summary_index": json_values,
        "delta": st.text(max_size=5) | json_values,
        "text": json_values,
        "arguments": json_values,
        "annotation": json_values,
        "item": odd_items | json_values,
        "response": st.fixed_dictionaries(
            {}, optional={"output": st.lists(odd_items, max_size=2), "usage": json_values}
        )
        | json_values,
        "error": json_values,
        "item_id": json_values,
    },
)


@given(st.lists(odd_events, max_size=8))
def test_no_events_make_the_reader_raise_and_the_grammar_holds(bodies):
    events = read(*(SseEvent(json.dumps(each)) for each in bodies))

    open_parts: set[int] = set()
    count = 0
    for each in events:
        match each:
            case PartStarted(index=index):
                assert index == count
                count += 1
                open_parts.add(index)
            case PartEnded(index=index):
                open_parts.remove(index)
            case TextDelta(index=index) | ArgumentsDelta(index=index) | SignatureTold(index=index):
                assert index in open_parts
    assert isinstance(events[-1], End | Failed)
    fold(events)
    writer = PROTOCOL.stream_writer(reply())
    assert b"".join(writer.write(each) for each in events)


texts = st.text(min_size=1, max_size=20)
parts = st.lists(
    st.builds(Text, texts)
    | st.builds(Thinking, texts, st.none() | st.builds(Signature, texts, st.just("oai")))
    | st.builds(ToolCall, st.from_regex("call_[a-z0-9]{1,8}", fullmatch=True), st.just("ls"), st.just('{"a": 1}'))
    | st.builds(Refusal, texts),
    max_size=5,
    unique_by=lambda part: part.id if isinstance(part, ToolCall) else object(),
)


@given(parts, st.sampled_from([StopReason.END, StopReason.LENGTH]))
def test_what_is_streamed_reads_as_what_is_told_whole(told, stop):
    response = Response(tuple(told), stop, Usage(10, 4, 2, None, 9, 3))
    whole = PROTOCOL.read_response(PROTOCOL.write_response(response, reply()), RESPONSES, Undo())
    stream = streamed(*told, stop=stop)
    folded = fold(read(*sse(stream)))

    assert isinstance(whole, Response)
    assert isinstance(folded, Response)
    assert (folded.parts, folded.stop, folded.usage) == (whole.parts, whole.stop, whole.usage)
    assert [without_ids(part) for part in whole.parts] == [without_ids(part) for part in told]


def sse(stream: bytes) -> list[SseEvent]:
    decoder = SseDecoder()
    return [*decoder.feed(stream), *decoder.flush()]


def without_ids(part):
    return replace(part, item_id=None) if isinstance(part, Thinking | ToolCall) else part


# -- a stream that passes untouched


def skimmed(*events):
    return [each for one in events for each in PROTOCOL.skim(one)]


def test_skimming_tells_start_usage_and_stop():
    events = [created(), text("Hi"), done(0, **ITEM, arguments="{}"), ended(output=[ITEM]), SseEvent("[DONE]")]

    assert skimmed(*events) == [
        Start("resp_1", "gpt-5"),
        UsageTold(Usage(10, 4, 2, None, 9, 3)),
        Stop(StopReason.TOOL),
    ]


def test_skimming_needs_no_event_names():
    events = [SseEvent(each.data) for each in (created(), text("Hi"), ended())]

    assert [type(each) for each in skimmed(*events)] == [Start, UsageTold, Stop]


def test_skimming_tells_a_failure():
    assert isinstance(skimmed(event("error", message="broke", code=None))[0], Failed)


def test_skimming_does_not_parse_deltas():
    assert skimmed(SseEvent("not json", "response.output_text.delta")) == []
    assert skimmed(SseEvent('{"type":"response.output_text.delta",')) == []
