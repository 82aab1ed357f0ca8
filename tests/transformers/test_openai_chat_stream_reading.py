"""Chat streams of all vendors → hub events. Cases: the hard cases' numbers."""

import json

import pytest

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.dialects import COMPATIBLE, MOONSHOT, OPENROUTER
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
from axonhub.transformers.hub.parts import Refusal, Signature, Text, Thinking, ToolCall
from axonhub.transformers.hub.requests import ToolReference
from axonhub.transformers.hub.responses import StopReason
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.protocol import Undo, Unreadable
from axonhub.transformers.sse import SseEvent
from tests.transformers.chat_wire import DONE, USAGE, call, chunk, finish, read, text

LS = {"index": 0, "id": "a", "function": {"name": "ls", "arguments": "{}"}}
CALLED = finish("tool_calls")


def answer(*events, **options):
    return fold(read(*events, **options))


def calls(response):
    return [part for part in response.parts if isinstance(part, ToolCall)]


def test_a_plain_answer():
    events = read(chunk({"role": "assistant", "content": ""}), text("Hel"), text("lo"), finish(), DONE)

    assert events == [
        Start("chatcmpl-7", "m"),
        PartStarted(0, Text("")),
        TextDelta(0, "Hel"),
        TextDelta(0, "lo"),
        PartEnded(0),
        Stop(StopReason.END),
        End(),
    ]


def test_case_001_white_space_beside_a_call_opens_no_text():
    response = answer(
        chunk({"content": "\n", "tool_calls": [LS]}),
        CALLED,
        DONE,
    )

    assert response.parts == (ToolCall("a", "ls", "{}"),)
    assert response.stop is StopReason.TOOL


def test_case_002_reasoning_text_and_call_close_before_the_next_opens():
    events = read(
        chunk({"reasoning_content": "hm"}),
        chunk(
            {
                "content": "Sure. ",
                "tool_calls": [LS],
            }
        ),
        CALLED,
        DONE,
    )

    order = [(type(event).__name__, event.index) for event in events if isinstance(event, PartStarted | PartEnded)]
    assert order == [(name, index) for index in range(3) for name in ("PartStarted", "PartEnded")]
    assert fold(events).parts == (Thinking("hm"), Text("Sure. "), ToolCall("a", "ls", "{}"))


def test_case_003_arguments_in_the_chunk_that_starts_the_call_are_kept():
    response = answer(text("Look:"), call(0, "a", "sh", '{"command":"ls"}'), CALLED, DONE)

    assert calls(response) == [ToolCall("a", "sh", '{"command":"ls"}')]


def test_case_004_last_fragment_in_the_finishing_chunk_comes_before_the_end_of_the_part():
    last = chunk({"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]}, "tool_calls")
    events = read(call(0, "a", "sh", '{"x"'), last, chunk(usage=USAGE), DONE)

    assert events.index(ArgumentsDelta(0, ":1}")) < events.index(PartEnded(0))
    assert fold(events).usage == Usage(fresh_tokens=11, output_tokens=5)


@pytest.mark.parametrize(
    "tail",
    [
        [finish(), chunk(usage=USAGE)],
        [finish(), SseEvent(json.dumps({"id": "x", "choices": None, "usage": USAGE}))],
        [finish(), SseEvent(json.dumps({"id": "x", "usage": USAGE}))],
        [chunk({}, usage=USAGE), finish()],
        [finish(usage=USAGE)],
        [SseEvent(json.dumps({"choices": [{"delta": {}, "finish_reason": "stop", "usage": USAGE}]}))],
        [finish(), SseEvent(json.dumps({"choices": [], "x_groq": {"usage": USAGE}}))],
    ],
    ids=["case_005", "case_006_null", "case_006_missing", "case_007", "case_008", "case_163_in_choice", "groq"],
)
def test_usage_is_found_wherever_it_stands(tail):
    events = read(text("Hi"), *tail, DONE)

    assert [event for event in events if isinstance(event, UsageTold)] == [
        UsageTold(Usage(fresh_tokens=11, output_tokens=5))
    ]
    assert fold(events).stop is StopReason.END


def test_case_009_usage_that_never_comes_is_unknown():
    assert not answer(text("Hi"), finish(), DONE).usage.known


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_case_012_and_013_reasoning_under_both_names(field):
    response = answer(chunk({field: "th"}), chunk({field: "ink"}), text("Hi"), finish(), DONE)

    assert response.parts == (Thinking("think"), Text("Hi"))


def test_case_013_both_names_at_once_are_one_text():
    response = answer(chunk({"reasoning": "think", "reasoning_content": "think"}), text("Hi"), finish(), DONE)

    assert response.parts == (Thinking("think"), Text("Hi"))


def test_case_014_reasoning_directly_before_a_call():
    events = read(chunk({"reasoning_content": "th"}), call(0, "a", "ls", "{}"), CALLED, DONE)

    assert events.index(PartEnded(0)) < events.index(PartStarted(1, ToolCall("a", "ls", "")))


def test_case_015_reasoning_between_texts():
    response = answer(text("a"), chunk({"reasoning": "b"}), text("c"), finish(), DONE)

    assert response.parts == (Text("a"), Thinking("b"), Text("c"))


def test_case_016_interleaved_parallel_calls():
    response = answer(
        call(0, "a", "one", '{"x'),
        call(1, "b", "two", '{"y'),
        call(0, arguments='":1}'),
        call(1, arguments='":2}'),
        CALLED,
        DONE,
    )

    assert calls(response) == [ToolCall("a", "one", '{"x":1}'), ToolCall("b", "two", '{"y":2}')]


def test_case_017_two_calls_with_the_same_index():
    response = answer(
        call(0, "a", "one", '{"x":1}'),
        call(0, "b", "two", '{"y":2}'),
        call(0, arguments=""),
        CALLED,
        DONE,
    )

    assert calls(response) == [ToolCall("a", "one", '{"x":1}'), ToolCall("b", "two", '{"y":2}')]


def test_case_017_a_known_id_under_a_reused_index_finds_its_call():
    response = answer(
        call(0, "a", "one", '{"x'),
        call(0, "b", "two", "{}"),
        call(0, "a", arguments='":1}'),
        CALLED,
        DONE,
    )

    assert calls(response) == [ToolCall("a", "one", '{"x":1}'), ToolCall("b", "two", "{}")]


def test_case_018_calls_without_index():
    response = answer(
        call(None, "a", "one", '{"x'),
        call(None, arguments='":1}'),
        call(None, "b", "two", '{"y":2}'),
        CALLED,
        DONE,
    )

    assert calls(response) == [ToolCall("a", "one", '{"x":1}'), ToolCall("b", "two", '{"y":2}')]


def test_case_019_indexed_then_unindexed_deltas():
    response = answer(
        call(0, "a", "one", '{"x'),
        call(None, arguments='":1}'),
        call(None, "b", "two", "{}"),
        CALLED,
        DONE,
    )

    assert calls(response) == [ToolCall("a", "one", '{"x":1}'), ToolCall("b", "two", "{}")]


def test_case_020_a_late_name_delays_the_start_and_loses_no_argument():
    events = read(call(0, "a"), call(0, arguments='{"x"'), call(0, name="ls", arguments=":1}"), finish(), DONE)

    assert events[1:4] == [
        PartStarted(0, ToolCall("a", "ls", "")),
        ArgumentsDelta(0, '{"x"'),
        ArgumentsDelta(0, ":1}"),
    ]


@pytest.mark.parametrize("name", ["", "ls"])
def test_case_021_a_repeated_name_is_the_same_call(name):
    response = answer(call(0, "a", "ls", '{"x'), call(0, "a", name, '":1}'), call(0, None, name), finish(), DONE)

    assert calls(response) == [ToolCall("a", "ls", '{"x":1}')]


def test_case_022_a_name_that_never_comes_is_made_up():
    response = answer(call(0, "a"), call(0, arguments='{"x":1}'), CALLED, DONE)

    assert calls(response) == [ToolCall("a", "tool_0", '{"x":1}')]


def test_case_023_a_call_without_arguments_has_none():
    response = answer(call(0, "a", "ls", ""), CALLED, DONE)

    assert calls(response) == [ToolCall("a", "ls", "")]


def test_case_025_broken_arguments_pass_as_they_are():
    response = answer(call(0, "a", "ls", '{"a":1}{"b":2}'), CALLED, DONE)

    assert calls(response) == [ToolCall("a", "ls", '{"a":1}{"b":2}')]


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([call(0, "a", "ls", "{}"), finish("stop")], StopReason.TOOL),
        ([call(0, "a", "ls", '{"x'), finish("length")], StopReason.LENGTH),
        ([text("Hi"), finish("tool_calls")], StopReason.END),
        ([text("Hi"), finish("content_filter")], StopReason.FILTER),
        ([text("Hi"), finish("a word of the future")], StopReason.END),
        ([text("Hi"), finish("sensitive")], StopReason.FILTER),
        ([text("Hi"), finish("MAX_TOKENS")], StopReason.LENGTH),
    ],
    ids=["case_026", "case_027", "case_028", "case_029", "unknown", "zai", "upper_case"],
)
def test_stop_reasons(events, reason):
    assert answer(*events, DONE).stop is reason


def test_case_030_bytes_that_end_without_finish_are_a_failure():
    events = read(text("Hal"))

    assert isinstance(events[-1], Failed)
    assert events[-1].failure.kind is FailureKind.SERVER
    assert not any(isinstance(event, Stop) for event in events)


def test_a_finish_reason_without_done_is_a_proper_end():
    assert read(text("Hi"), finish())[-1] == End()


def test_done_without_a_finish_reason_is_a_proper_end():
    assert read(text("Hi"), DONE)[-2:] == [Stop(StopReason.END), End()]


@pytest.mark.parametrize("arguments", ['{"x":1}', ""])
def test_case_031_a_vendor_that_omits_the_finish_ends_with_whole_calls(arguments):
    events = read(call(0, "a", "ls", arguments), dialect=Dialect(omits_terminator=True))

    assert events[-2:] == [Stop(StopReason.TOOL), End()]


def test_case_031_half_arguments_are_a_failure_even_there():
    assert isinstance(read(call(0, "a", "ls", '{"x'), dialect=Dialect(omits_terminator=True))[-1], Failed)


def test_done_after_half_arguments_is_a_failure():
    assert isinstance(read(call(0, "a", "ls", '{"x'), DONE)[-1], Failed)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"error": {"message": "Overloaded"}}, FailureKind.OVERLOADED),
        ({"error": {"message": "slow down", "code": 429}}, FailureKind.RATE_LIMIT),
        ({"error": {"message": "no", "type": "insufficient_quota"}}, FailureKind.QUOTA),
        ({"error": "broken pipe"}, FailureKind.SERVER),
        ({"object": "error", "message": "prompt is too long: 9 tokens > 8 maximum"}, FailureKind.CONTEXT_LENGTH),
        ({"base_resp": {"status_code": 1002, "status_msg": "busy"}}, FailureKind.SERVER),
        ({"id": "x", "choices": [], "error": {"code": 502, "message": "Provider returned error"}}, FailureKind.SERVER),
    ],
)
def test_case_032_an_error_frame_ends_the_stream(data, kind):
    events = read(text("Hal"), SseEvent(json.dumps(data)), text("lo"), finish(), DONE)

    assert isinstance(events[-1], Failed)
    assert events[-1].failure.kind is kind
    assert events[-1].failure.message
    assert TextDelta(0, "lo") not in events


def test_case_032_a_named_error_event_is_an_error():
    events = read(text("Hal"), SseEvent('{"message": "Overloaded"}', "error"))

    assert events[-1].failure.kind is FailureKind.OVERLOADED
    assert events[-1].failure.message == "Overloaded"


def test_case_033_an_error_as_first_frame_comes_before_any_start():
    assert [type(event) for event in read(SseEvent('{"error":{"message":"no"}}'), DONE)] == [Failed]


@pytest.mark.parametrize("reason", ["error", "network_error", "insufficient_system_resource"])
def test_a_finish_reason_that_is_a_failure(reason):
    events = read(text("Hal"), finish(reason), DONE)

    assert isinstance(events[-1], Failed)
    assert events[-1].failure.message


def test_a_stream_of_nothing_is_a_failure():
    assert [type(event) for event in read(DONE)] == [Failed]
    assert [type(event) for event in read()] == [Failed]


def test_case_040_unknown_members_of_a_delta_are_ignored():
    response = answer(chunk({"content": "Hi", "obfuscation": "xx", "audio": {"id": "a"}}), finish(), DONE)

    assert response.parts == (Text("Hi"),)


def test_case_041_empty_deltas_tell_nothing_but_the_start():
    events = read(*[text("")] * 50, finish(), DONE)

    assert events == [Start("chatcmpl-7", "m"), Stop(StopReason.END), End()]


def test_case_057_azure_filter_chunks_tell_nothing():
    azure = SseEvent('{"id":"","object":"","model":"","choices":[],"prompt_filter_results":[{}]}')
    events = read(azure, text("Hi"), finish(), DONE)

    assert events[0] == Start("chatcmpl-7", "m")


def test_late_content_after_the_finish_is_ignored():
    events = read(text("Hi"), finish(), text("late"), finish("length"), DONE)

    assert fold(events).parts == (Text("Hi"),)
    assert [event for event in events if isinstance(event, Stop)] == [Stop(StopReason.END)]


def test_white_space_before_words_belongs_to_them():
    assert answer(chunk({"reasoning": "x"}), text("\n\n"), text("Hi"), finish(), DONE).parts[1] == Text("\n\nHi")


def test_white_space_alone_is_an_answer_only_if_there_is_nothing_else():
    assert answer(text("\n"), finish(), DONE).parts == (Text("\n"),)
    assert answer(chunk({"reasoning": "x"}), text("\n"), finish(), DONE).parts == (Thinking("x"),)


def test_a_call_without_id_gets_one_that_depends_on_the_answer_only():
    first, again = (answer(call(0, None, "ls", "{}"), finish(), DONE) for _ in range(2))
    other = answer(call(0, None, "ls", "{}"), SseEvent(call(0, None).data.replace("-7", "-8")), finish(), DONE)

    assert calls(first)[0].id.startswith("call_")
    assert calls(first) == calls(again) == calls(other)


def test_two_calls_with_one_id_get_two():
    response = answer(call(0, "a", "ls", "{}"), call(1, "a", "ls", "{}"), finish(), DONE)

    assert len({each.id for each in calls(response)}) == 2


def test_calls_without_ids_and_indexes_are_told_apart_by_name():
    response = answer(call(None, None, "one", "{}"), call(None, None, "two", "{}"), finish(), DONE)

    assert [each.name for each in calls(response)] == ["one", "two"]


def test_a_zero_argument_call_without_id_is_not_lost():
    assert [each.name for each in calls(answer(call(0, None, "ls"), finish(), DONE))] == ["ls"]


def test_arguments_as_an_object_become_text():
    assert calls(answer(call(0, "a", "ls", {"x": 1}), finish(), DONE)) == [ToolCall("a", "ls", '{"x":1}')]


def test_legacy_function_call():
    response = answer(
        chunk({"function_call": {"name": "ls", "arguments": ""}}),
        chunk({"function_call": {"arguments": "{}"}}),
        finish("function_call"),
        DONE,
    )

    assert [(each.name, each.arguments) for each in calls(response)] == [("ls", "{}")]
    assert response.stop is StopReason.TOOL


def test_custom_tool_call():
    start = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "patch", "input": ""}}
    more = {"index": 0, "custom": {"input": "*** Begin"}}
    response = answer(chunk({"tool_calls": [start]}), chunk({"tool_calls": [more]}), CALLED, DONE)

    assert calls(response) == [ToolCall("a", "patch", "*** Begin", "freeform")]


def test_case_080_freeform_tool_that_went_out_as_a_function_comes_back_bare():
    undo = Undo({"patch": ToolReference("patch", kind="freeform")})
    events = read(call(0, "a", "patch", '{"inp'), call(0, arguments='ut":"*** Begin"}'), finish(), DONE, undo=undo)

    assert fold(events).parts == (ToolCall("a", "patch", "*** Begin", "freeform"),)


def test_case_082_namespaces_and_long_names_are_restored():
    undo = Undo({"mcp__x__y": ToolReference("y", "mcp__x")})
    response = answer(call(0, "a", "mcp__x__y", "{}"), finish(), DONE, undo=undo)

    assert calls(response) == [ToolCall("a", "y", "{}", namespace="mcp__x")]


def test_refusal_is_told_apart_from_text():
    assert answer(chunk({"refusal": "No"}), chunk({"refusal": "."}), finish(), DONE).parts == (Refusal("No."),)


def test_annotations_of_text():
    citation = {"type": "url_citation", "url_citation": {"url": "https://x.test", "title": "X"}}
    events = read(text("Hi"), chunk({"annotations": [citation]}), finish(), DONE)

    assert AnnotationTold(0, citation) in events
    assert fold(events).parts == (Text("Hi", annotations=(citation,)),)


def test_content_lists_with_thinking():
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    response = answer(
        chunk({"content": [thinking]}), chunk({"content": [{"type": "text", "text": "Hi"}]}), finish(), DONE
    )

    assert response.parts == (Thinking("hm"), Text("Hi"))


def test_case_130_reasoning_details_become_one_signature():
    details = [
        {"type": "reasoning.text", "text": "th", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.text", "text": "ink", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.text", "signature": "sig", "format": "anthropic-claude-v1", "index": 0},
    ]
    pieces = [chunk({"reasoning": each.get("text"), "reasoning_details": [each]}) for each in details]
    events = read(*pieces, text("Hi"), finish(), DONE, dialect=OPENROUTER)

    (signature,) = [event.signature for event in events if isinstance(event, SignatureTold)]
    assert signature.origin == "orouter"
    assert json.loads(signature.value) == [details[0] | {"text": "think", "signature": "sig"}]
    assert fold(events).parts == (Thinking("think", signature), Text("Hi"))


def test_reasoning_details_after_the_reasoning_are_a_part_of_their_own():
    encrypted = {"type": "reasoning.encrypted", "data": "xx", "index": 0}
    response = answer(
        text("Hi"), chunk({"content": "", "reasoning_details": [encrypted]}), finish(), DONE, dialect=OPENROUTER
    )

    assert response.parts == (
        Text("Hi"),
        Thinking("", Signature(json.dumps([encrypted], separators=(",", ":")), "orouter")),
    )


def test_googles_signature_on_a_call():
    signed = call(0, "a", "ls", "{}", extra_content={"google": {"thought_signature": "sig"}})
    response = answer(signed, finish(), DONE, dialect=Dialect(signature_origin="gem-aistudio"))

    assert calls(response) == [ToolCall("a", "ls", "{}", signature=Signature("sig", "gem-aistudio"))]


@pytest.mark.parametrize("tags", [True, False])
def test_case_138_think_tags_are_split_only_where_asked(tags):
    pieces = [text(each) for each in ("<th", "ink>", "h", "m</thi", "nk>\n\n", "Hi")]
    response = answer(*pieces, finish(), DONE, dialect=Dialect(think_tags=tags))

    split = (Thinking("hm"), Text("Hi"))
    assert response.parts == (split if tags else (Text("<think>hm</think>\n\nHi"),))


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("a <think>b</think>", (Text("a <think>b</think>"),)),
        ("<think>cut", (Thinking("cut"),)),
        ("<thin", (Text("<thin"),)),
        ("<think>a < b</think>c", (Thinking("a < b"), Text("c"))),
    ],
)
def test_think_tags_count_only_at_the_start(content, parts):
    for pieces in (list(content), [content]):
        events = [text(piece) for piece in pieces]
        assert answer(*events, finish(), DONE, dialect=Dialect(think_tags=True)).parts == parts


@pytest.mark.parametrize("data", ["{", "[1]", "7", "nonsense"])
def test_events_that_are_no_json_object_are_unreadable(data):
    with pytest.raises(Unreadable):
        read(SseEvent(data))


def test_moonshot_tells_usage_in_the_choice_and_the_cached_share_flat():
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "cached_tokens": 4}
    last = SseEvent(json.dumps({"id": "x", "choices": [{"delta": {}, "finish_reason": "stop", "usage": usage}]}))

    assert answer(text("Hi"), last, DONE, dialect=MOONSHOT).usage == Usage(6, 4, output_tokens=2)


def test_any_dialect_reads_the_other_vendors_streams():
    events = [chunk({"reasoning": "x"}), text("Hi"), finish(), DONE]

    assert answer(*events, dialect=COMPATIBLE) == answer(*events, dialect=MOONSHOT)
