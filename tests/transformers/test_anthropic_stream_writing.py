"""Streams to a client that speaks Anthropic Messages, from providers that speak OpenAI's protocols."""

import json
import re

import pytest
from hypothesis import given, settings, strategies as st

from axonhub.transformers import dialects
from axonhub.transformers.dialect import Dialect
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
from axonhub.transformers.hub.parts import Image, Inline, Native, Refusal, Signature, Text, Thinking, ToolCall, Unknown
from axonhub.transformers.hub.requests import Reasoning, Request
from axonhub.transformers.hub.responses import StopReason
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.protocol import Reply, Undo
from axonhub.transformers.protocols.anthropic_messages import PROTOCOL
from axonhub.transformers.protocols.openai_chat import PROTOCOL as CHAT
from axonhub.transformers.protocols.openai_responses import PROTOCOL as RESPONSES
from axonhub.transformers.sse import SseDecoder
from tests.judges.grammar import anthropic_faults, server_sent_events
from tests.judges.sdk import judge_anthropic

SEED = "0123456789abcdef01234567"
REQUEST = Request("claude-x", (), stream=True)


def reply(request=REQUEST, estimated_input_tokens=None):
    return Reply(SEED, 1, request, estimated_input_tokens)


def written(events, answer=None):
    writer = PROTOCOL.stream_writer(answer or reply())
    return b"".join(writer.write(event) for event in events)


def converted(reader, stream, answer=None):
    decoder = SseDecoder()
    events = [each for event in [*decoder.feed(stream), *decoder.flush()] for each in reader.read(event)]
    return written([*events, *reader.finish()], answer)


def sse(*events):
    return b"".join(
        b"data: " + (each if isinstance(each, str) else json.dumps(each)).encode() + b"\n\n" for each in events
    )


def chunk(finish=None, usage=..., **delta):
    told = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "up"}
    told["choices"] = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return told if usage is ... else told | {"usage": usage}


def call(index, call_id=None, name=None, arguments=None):
    told = {"function": {}} | ({} if index is None else {"index": index}) | ({"id": call_id} if call_id else {})
    if name is not None:
        told["function"]["name"] = name
    if arguments is not None:
        told["function"]["arguments"] = arguments
    return told


def from_chat(*chunks, done=True, dialect=dialects.COMPATIBLE, answer=None):
    stream = sse(*chunks, *(["[DONE]"] if done else []))
    return converted(CHAT.stream_reader(dialect, Undo()), stream, answer)


def from_responses(*events, answer=None):
    return converted(RESPONSES.stream_reader(dialects.RESPONSES, Undo()), sse(*events), answer)


def told(stream):
    return [json.loads(data) for _, data in server_sent_events(stream)]


def types(stream):
    return [event["type"] for event in told(stream)]


def blocks(stream):
    """What a strict reader makes of the blocks: type and text, or type, name and input."""
    assert anthropic_faults(stream) == []
    return [shortened(block) for block in judge_anthropic(stream).content]


def shortened(block):
    match block.type:
        case "text":
            return ("text", block.text)
        case "thinking":
            return ("thinking", block.thinking)
        case "tool_use":
            return ("tool_use", block.name, block.input)
        case _:
            return (block.type,)


def ending(stream):
    delta = next(event for event in told(stream) if event["type"] == "message_delta")
    return delta["delta"]["stop_reason"]


def usage(stream):
    return next(event for event in told(stream) if event["type"] == "message_delta")["usage"]


BASH = call(0, "call_1", "Bash", '{"command":"ls"}')
LS = ("tool_use", "Bash", {"command": "ls"})
COUNTED = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}


def test_case_001_white_space_beside_a_call_opens_no_text():
    stream = from_chat(chunk(content="", role="assistant"), chunk(content="\n", tool_calls=[BASH]), chunk("tool_calls"))

    assert blocks(stream) == [LS]
    assert ending(stream) == "tool_use"


def test_case_002_each_block_closes_before_the_next_opens():
    stream = from_chat(chunk(reasoning_content="Hm."), chunk(content="Sure. ", tool_calls=[BASH]), chunk("tool_calls"))

    assert blocks(stream) == [("thinking", "Hm."), ("text", "Sure. "), LS]


def test_case_003_arguments_of_the_chunk_that_starts_the_call_are_kept():
    stream = from_chat(chunk(content="I look."), chunk(tool_calls=[BASH]), chunk("tool_calls"))

    assert blocks(stream) == [("text", "I look."), LS]
    pieces = [e["delta"]["partial_json"] for e in told(stream) if e.get("delta", {}).get("type") == "input_json_delta"]
    assert pieces == ["", '{"command":"ls"}']


def test_case_004_the_last_fragment_in_the_finish_chunk_comes_before_the_stop():
    stream = from_chat(
        chunk(tool_calls=[call(0, "c", "Bash", '{"command":')]),
        chunk("tool_calls", tool_calls=[call(0, arguments='"ls"}')]),
        {"choices": [], "usage": COUNTED},
    )

    assert blocks(stream) == [LS]


@pytest.mark.parametrize("choices", [{"choices": []}, {"choices": None}, {}])
def test_case_005_and_006_a_usage_chunk_without_choices_lands_in_message_delta(choices):
    stream = from_chat(chunk(content="a"), chunk("stop"), choices | {"usage": COUNTED})

    assert blocks(stream) == [("text", "a")]
    assert (usage(stream)["input_tokens"], usage(stream)["output_tokens"]) == (12, 5)


def test_case_007_usage_before_the_finish_is_told_once_at_the_end():
    stream = from_chat(chunk(content="a"), {"choices": [], "usage": COUNTED}, chunk("stop"))

    assert types(stream).count("message_delta") == 1
    assert usage(stream)["output_tokens"] == 5
    assert anthropic_faults(stream) == []


def test_case_008_usage_with_the_finish_is_told_once():
    stream = from_chat(chunk(content="a"), chunk("stop", COUNTED))

    assert types(stream).count("message_delta") == 1
    assert usage(stream)["input_tokens"] == 12


def test_case_009_usage_that_never_comes_is_estimated():
    stream = from_chat(chunk(content="a" * 40), chunk("stop"))

    assert usage(stream)["output_tokens"] == 10
    assert judge_anthropic(stream).usage.output_tokens == 10


def test_case_010_there_is_one_message_start_with_everything_in_it():
    stream = from_chat(chunk(role="assistant", content=""), chunk(role="assistant", content="a"), chunk("stop"))

    assert types(stream).count("message_start") == 1
    start = told(stream)[0]["message"]
    assert start == {
        "id": f"msg_{SEED}",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 0,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 0,
        },
    }


COMPLETED = {"id": "resp_1", "status": "completed", "output": [], "usage": {"input_tokens": 900, "output_tokens": 3}}


def item_events(index, item, *deltas):
    return [
        {"type": "response.output_item.added", "output_index": index, "item": item | {"status": "in_progress"}},
        *({"output_index": index, "item_id": item["id"]} | delta for delta in deltas),
        {"type": "response.output_item.done", "output_index": index, "item": item},
    ]


def message_events(index, words):
    item = {"type": "message", "id": f"msg_{index}", "role": "assistant", "status": "completed"}
    part = {"type": "output_text", "text": words, "annotations": []}
    return [
        {"type": "response.output_item.added", "output_index": index, "item": item | {"content": []}},
        {"type": "response.content_part.added", "output_index": index, "content_index": 0, "part": part | {"text": ""}},
        {"type": "response.output_text.delta", "output_index": index, "content_index": 0, "delta": words},
        {"type": "response.output_text.done", "output_index": index, "content_index": 0, "text": words},
        {"type": "response.output_item.done", "output_index": index, "item": item | {"content": [part]}},
    ]


CREATED = {"type": "response.created", "response": {"id": "resp_1", "model": "up", "output": []}}


def test_case_011_input_tokens_are_estimated_at_the_start_and_true_at_the_end():
    stream = from_responses(
        CREATED,
        *message_events(0, "a"),
        {"type": "response.completed", "response": COMPLETED},
        answer=reply(estimated_input_tokens=850),
    )

    assert told(stream)[0]["message"]["usage"]["input_tokens"] == 850
    assert usage(stream)["input_tokens"] == 900
    assert blocks(stream) == [("text", "a")]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_case_012_and_013_reasoning_is_a_block_of_its_own_before_the_text(name):
    stream = from_chat(chunk(**{name: "H"}), chunk(**{name: "m"}), chunk(content="a"), chunk("stop"))

    assert blocks(stream) == [("thinking", "Hm"), ("text", "a")]
    start = next(event for event in told(stream) if event["type"] == "content_block_start")
    assert start["content_block"] == {"type": "thinking", "thinking": "", "signature": ""}


def test_case_013_reasoning_under_both_names_is_told_once():
    stream = from_chat(chunk(reasoning="Hm", reasoning_content="Hm"), chunk(content="a"), chunk("stop"))

    assert blocks(stream)[0] == ("thinking", "Hm")


def test_case_014_reasoning_closes_before_a_call_without_text():
    stream = from_chat(chunk(reasoning_content="Hm"), chunk(tool_calls=[BASH]), chunk("tool_calls"))

    assert blocks(stream) == [("thinking", "Hm"), LS]


def test_case_015_text_thinking_text_are_three_blocks():
    stream = from_chat(chunk(content="a"), chunk(reasoning_content="Hm"), chunk(content="b"), chunk("stop"))

    assert blocks(stream) == [("text", "a"), ("thinking", "Hm"), ("text", "b")]


def test_case_016_interleaved_calls_become_one_after_the_other():
    stream = from_chat(
        chunk(tool_calls=[call(0, "c0", "Read", '{"a"'), call(1, "c1", "Grep", '{"b"')]),
        chunk(tool_calls=[call(1, arguments=":2")]),
        chunk(tool_calls=[call(0, arguments=":1}"), call(1, arguments="}")]),
        chunk("tool_calls"),
    )

    assert blocks(stream) == [("tool_use", "Read", {"a": 1}), ("tool_use", "Grep", {"b": 2})]


@pytest.mark.parametrize("index", [0, None])
def test_case_017_and_018_calls_are_told_apart_by_id(index):
    stream = from_chat(
        chunk(tool_calls=[call(index, "c0", "Read", '{"a":1}')]),
        chunk(tool_calls=[call(index, "c1", "Grep", '{"b":')]),
        chunk(tool_calls=[call(index, arguments="2}")]),
        chunk("tool_calls"),
    )

    assert blocks(stream) == [("tool_use", "Read", {"a": 1}), ("tool_use", "Grep", {"b": 2})]


def test_case_019_indexed_then_unindexed_deltas_do_not_merge():
    stream = from_chat(
        chunk(tool_calls=[call(0, "c0", "Read", '{"a":1}')]),
        chunk(tool_calls=[call(None, "c1", "Grep", "{")]),
        chunk(tool_calls=[call(None, arguments="}")]),
        chunk("tool_calls"),
    )

    assert blocks(stream) == [("tool_use", "Read", {"a": 1}), ("tool_use", "Grep", {})]


def test_case_020_a_call_starts_when_its_name_is_known():
    stream = from_chat(
        chunk(tool_calls=[call(0, "c0")]),
        chunk(tool_calls=[call(0, arguments='{"a":')]),
        chunk(tool_calls=[call(0, name="Read", arguments="1}")]),
        chunk("tool_calls"),
    )

    assert blocks(stream) == [("tool_use", "Read", {"a": 1})]


@pytest.mark.parametrize("again", ["", "Read"])
def test_case_021_a_name_that_is_repeated_is_told_once(again):
    stream = from_chat(
        chunk(tool_calls=[call(0, "c0", "Read", '{"a":')]),
        chunk(tool_calls=[call(0, name=again, arguments="1}")]),
        chunk("tool_calls"),
    )

    assert blocks(stream) == [("tool_use", "Read", {"a": 1})]


def test_case_022_a_call_without_a_name_is_not_lost():
    stream = from_chat(chunk(tool_calls=[call(0, "c0", arguments='{"a":1}')]), chunk("tool_calls"))

    assert blocks(stream) == [("tool_use", "tool_0", {"a": 1})]


def test_case_022_a_nameless_part_is_named_by_its_place():
    stream = written([Start(), PartStarted(0, ToolCall("c", "", "")), PartEnded(0), Stop(StopReason.TOOL), End()])

    assert blocks(stream) == [("tool_use", "tool_0", {})]


def test_case_023_a_call_without_arguments_has_an_empty_input():
    stream = from_chat(
        chunk(tool_calls=[call(0, "c0", "Now", "")]), chunk(tool_calls=[call(0, arguments="")]), chunk("tool_calls")
    )

    assert blocks(stream) == [("tool_use", "Now", {})]
    assert stream.count(b'"partial_json":""') == 1


def test_case_025_broken_arguments_are_forwarded_as_they_came():
    stream = from_chat(chunk(tool_calls=[call(0, "c0", "Read", '{"a":1}{"b":2}')]), chunk("tool_calls"))

    assert b'"partial_json":"{\\"a\\":1}{\\"b\\":2}"' in stream
    assert types(stream)[-1] == "message_stop"


def test_case_026_a_call_beats_a_stop():
    assert ending(from_chat(chunk(tool_calls=[BASH]), chunk("stop"))) == "tool_use"


def test_case_027_a_limit_beats_a_half_told_call():
    stream = from_chat(chunk(tool_calls=[call(0, "c0", "Read", '{"a":')]), chunk("length"))

    assert ending(stream) == "max_tokens"
    assert types(stream)[-3:] == ["content_block_stop", "message_delta", "message_stop"]


def test_case_028_no_tool_block_no_tool_use():
    assert ending(from_chat(chunk(content="a"), chunk("tool_calls"))) == "end_turn"


def test_case_029_a_content_filter_is_a_refusal_and_the_text_stays():
    stream = from_chat(chunk(content="a"), chunk("content_filter"))

    assert blocks(stream) == [("text", "a")]
    delta = next(event for event in told(stream) if event["type"] == "message_delta")["delta"]
    assert (delta["stop_reason"], delta["stop_details"]["type"]) == ("refusal", "refusal")


def test_case_030_an_end_without_finish_is_an_error():
    stream = from_chat(chunk(content="a"), done=False)

    assert types(stream)[-1] == "error"
    assert told(stream)[-1]["error"]["type"] == "api_error"
    assert "message_delta" not in types(stream)
    assert anthropic_faults(stream) == []


def test_case_031_a_vendor_that_omits_the_finish_may_end_with_whole_calls():
    stream = from_chat(chunk(tool_calls=[BASH]), done=False, dialect=Dialect(omits_terminator=True))

    assert ending(stream) == "tool_use"
    assert blocks(stream) == [LS]


def test_case_032_an_error_in_mid_stream_is_an_error_event_and_the_end():
    stream = from_chat(
        chunk(content="a"), {"error": {"message": "Overloaded", "type": "overloaded_error"}}, chunk(content="b")
    )

    assert told(stream)[-1] == {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    assert b'"b"' not in stream
    assert stream.endswith(b'"Overloaded"}}\n\n')
    assert anthropic_faults(stream) == []


def test_case_033_an_error_as_first_frame_starts_no_message():
    """The gateway makes a real status of it: nothing else was written before."""
    assert types(from_chat({"error": {"message": "no", "type": "x"}})) == ["error"]


def test_case_034_every_event_is_named_by_its_type():
    stream = from_chat(chunk(reasoning_content="Hm"), chunk(content="a", tool_calls=[BASH]), chunk("tool_calls"))

    assert [name for name, _ in server_sent_events(stream)] == types(stream)


def test_case_035_there_is_no_done():
    stream = from_chat(chunk(content="a"), chunk("stop"))

    assert b"[DONE]" not in stream
    assert stream.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')


def test_case_036_pings_come_after_message_start_only_and_anywhere():
    writer = PROTOCOL.stream_writer(reply())

    assert writer.keepalive() == b""
    assert writer.write(Ping()) == b""
    stream = b""
    for event in [Start(), PartStarted(0, Text("")), TextDelta(0, "a"), PartEnded(0), Stop(StopReason.END)]:
        stream += writer.write(event) + writer.keepalive()
    stream += writer.write(End())
    assert writer.keepalive() == b""
    assert types(stream).count("ping") == 5
    assert blocks(stream) == [("text", "a")]


def test_case_037_line_separators_are_escaped():
    stream = from_chat(chunk(content="a\u2028b\u2029c…"), chunk("stop"))

    assert "\u2028" not in stream.decode()
    assert "\u2029" not in stream.decode()
    assert blocks(stream) == [("text", "a\u2028b\u2029c…")]


CHINESE = sse(chunk(content="北京 🚀"), chunk(tool_calls=[BASH]), chunk("tool_calls"), "[DONE]")
WHOLE = converted(CHAT.stream_reader(dialects.COMPATIBLE, Undo()), CHINESE)


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_case_038_and_039_any_cut_of_the_bytes_gives_the_same_stream(newline):
    data = CHINESE.replace(b"\n", newline).replace(b"data: ", b"data:", 1)
    for cut in range(0, len(data), 3):
        decoder = SseDecoder()
        reader, writer = CHAT.stream_reader(dialects.COMPATIBLE, Undo()), PROTOCOL.stream_writer(reply())
        events = [
            each for piece in (data[:cut], data[cut:]) for event in decoder.feed(piece) for each in reader.read(event)
        ]

        assert b"".join(writer.write(event) for event in [*events, *reader.finish()]) == WHOLE


def test_case_039_comments_pings_and_split_data_lines_are_read():
    head, tail = json.dumps(chunk(content="a")).split(": ", 1)
    stream = (
        b": OPENROUTER PROCESSING\n\nevent: ping\n\n"
        + f"data: {head}:\ndata: {tail}\n\n".encode()
        + sse(chunk("stop"), "[DONE]")
    )

    assert blocks(converted(CHAT.stream_reader(dialects.COMPATIBLE, Undo()), stream)) == [("text", "a")]


def test_case_040_unknown_delta_fields_are_ignored():
    stream = from_chat(chunk(content="a", obfuscation="zzz", audio={"id": "x"}, annotations=[]), chunk("stop"))

    assert blocks(stream) == [("text", "a")]
    assert b"zzz" not in stream


def test_case_041_empty_deltas_say_nothing():
    stream = from_chat(chunk(role="assistant", content=""), *[chunk(content="")] * 1000, chunk("stop"))

    assert types(stream) == ["message_start", "message_delta", "message_stop"]
    assert ending(stream) == "end_turn"


FUNCTION_CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "Bash", "arguments": ""}
LS_TEXT = '{"command":"ls"}'


@pytest.mark.parametrize(
    "events",
    [
        item_events(
            0,
            FUNCTION_CALL | {"arguments": LS_TEXT},
            {"type": "response.function_call_arguments.done", "arguments": LS_TEXT},
        ),
        item_events(0, FUNCTION_CALL | {"arguments": LS_TEXT}),
    ],
)
def test_case_044_arguments_that_come_only_at_the_end_are_told(events):
    events[0]["item"] = events[0]["item"] | {"arguments": ""}
    stream = from_responses(CREATED, *events, {"type": "response.completed", "response": COMPLETED})

    assert blocks(stream) == [LS]
    assert ending(stream) == "tool_use"


@pytest.mark.parametrize(("reason", "expected"), [("max_output_tokens", "max_tokens"), ("content_filter", "refusal")])
def test_case_045_an_incomplete_response_says_why(reason, expected):
    incomplete = COMPLETED | {"status": "incomplete", "incomplete_details": {"reason": reason}}
    stream = from_responses(CREATED, *message_events(0, "a"), {"type": "response.incomplete", "response": incomplete})

    assert ending(stream) == expected
    assert blocks(stream) == [("text", "a")]


def test_case_046_a_failed_response_is_an_error_event():
    failed = {"id": "resp_1", "status": "failed", "error": {"code": "server_error", "message": "broke"}, "output": []}
    stream = from_responses(CREATED, *message_events(0, "a"), {"type": "response.failed", "response": failed})

    assert types(stream)[-1] == "error"
    assert told(stream)[-1]["error"] == {"type": "api_error", "message": "broke"}
    assert "message_delta" not in types(stream)


def reasoning_events(summary, encrypted=None):
    item = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": each} for each in summary]}
    item |= {"encrypted_content": encrypted} if encrypted else {}
    deltas = []
    for place, words in enumerate(summary):
        base = {"summary_index": place}
        deltas += [
            base | {"type": "response.reasoning_summary_part.added", "part": {"type": "summary_text", "text": ""}},
            base | {"type": "response.reasoning_summary_text.delta", "delta": words},
            base | {"type": "response.reasoning_summary_text.done", "text": words},
        ]
    return item_events(0, item, *deltas)


def test_case_047_parts_of_a_summary_are_one_block_with_one_signature_at_its_end():
    stream = from_responses(
        CREATED,
        *reasoning_events(["One.", "Two."], "enc"),
        *message_events(1, "a"),
        {"type": "response.completed", "response": COMPLETED},
    )

    assert blocks(stream) == [("thinking", "One.\n\nTwo."), ("text", "a")]
    deltas = [event["delta"]["type"] for event in told(stream) if event["type"] == "content_block_delta"]
    assert deltas.count("signature_delta") == 1
    assert deltas[deltas.index("signature_delta") + 1] == "text_delta"


def test_case_048_encrypted_reasoning_without_text_is_its_signature():
    stream = from_responses(
        CREATED,
        *reasoning_events([], "enc"),
        *message_events(1, "a"),
        {"type": "response.completed", "response": COMPLETED},
    )

    thought = judge_anthropic(stream).content[0]
    assert (thought.type, thought.thinking) == ("thinking", "")
    assert thought.signature.startswith("gw1.oai")
    assert anthropic_faults(stream) == []


def test_case_049_a_response_stream_needs_no_done():
    stream = from_responses(CREATED, *message_events(0, "a"), {"type": "response.completed", "response": COMPLETED})

    assert types(stream)[-1] == "message_stop"


def test_case_050_response_done_is_completed():
    stream = from_responses(CREATED, *message_events(0, "a"), {"type": "response.done", "response": COMPLETED})

    assert types(stream)[-1] == "message_stop"
    assert blocks(stream) == [("text", "a")]


def test_case_107_a_vendor_id_is_clean_towards_the_client():
    stream = from_chat(chunk(tool_calls=[call(0, "functions.Bash:0", "Bash", "{}")]), chunk("tool_calls"))

    assert re.fullmatch(r"[a-zA-Z0-9_-]+", judge_anthropic(stream).content[0].id)


def test_case_159_and_162_input_is_told_without_cached_tokens_and_thinking_apart():
    counted = COUNTED | {
        "prompt_tokens": 150000,
        "completion_tokens": 100,
        "prompt_tokens_details": {"cached_tokens": 149900},
        "completion_tokens_details": {"reasoning_tokens": 90},
    }
    stream = from_chat(chunk(content="a"), chunk("stop", counted))

    final = judge_anthropic(stream).usage
    assert (final.input_tokens, final.cache_read_input_tokens, final.output_tokens) == (100, 149900, 100)
    assert final.output_tokens_details.thinking_tokens == 90


def whole_part(part, *deltas):
    return [Start(), PartStarted(0, part), *deltas, PartEnded(0), Stop(StopReason.END), End()]


def test_an_own_signature_is_bare_and_a_foreign_one_a_carrier():
    deltas = [TextDelta(0, "Hm"), SignatureTold(0, Signature("EqQB", "ant"))]
    foreign = [TextDelta(0, "Hm"), SignatureTold(0, Signature("abc", "gem-vertex"))]

    assert judge_anthropic(written(whole_part(Thinking(), *deltas))).content[0].signature == "EqQB"
    assert judge_anthropic(written(whole_part(Thinking(), *foreign))).content[0].signature == "gw1.gem-vertex.YWJj"


def test_unsigned_thinking_bears_a_signature_that_clients_keep():
    stream = written(whole_part(Thinking(), TextDelta(0, "Hm")))

    assert judge_anthropic(stream).content[0].signature == "gw1.."


def test_thinking_that_says_nothing_opens_no_block():
    assert blocks(written(whole_part(Thinking()))) == []


def test_hidden_thinking_keeps_its_signature_alone():
    hidden = reply(Request("m", (), reasoning=Reasoning("adaptive", visible=False)))
    deltas = [TextDelta(0, "Hm"), SignatureTold(0, Signature("EqQB", "ant"))]

    signed = judge_anthropic(written(whole_part(Thinking(), *deltas), hidden)).content[0]
    assert (signed.thinking, signed.signature) == ("", "EqQB")
    assert blocks(written(whole_part(Thinking(), TextDelta(0, "Hm")), hidden)) == []


def test_redacted_thinking_is_whole_in_its_start():
    stream = written(whole_part(Thinking(redacted="opaque")))

    assert judge_anthropic(stream).content[0].data == "opaque"
    assert anthropic_faults(stream) == []


def test_case_123_a_signed_call_has_its_signature_in_a_block_before_it():
    signed = ToolCall("c", "Bash", "", signature=Signature("sig", "gem-aistudio"))
    stream = written(whole_part(signed, ArgumentsDelta(0, '{"a":1}')))

    assert blocks(stream) == [("thinking", ""), ("tool_use", "Bash", {"a": 1})]
    content = [block.model_dump(exclude_none=True) for block in judge_anthropic(stream).content]
    body = {"model": "m", "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": content}]}
    assert PROTOCOL.read_request(body).turns[1].parts == (
        ToolCall("c", "Bash", '{"a":1}', signature=Signature("sig", "gem-aistudio")),
    )


def test_a_refusal_is_text():
    stream = written(whole_part(Refusal(""), TextDelta(0, "I will not.")))

    assert blocks(stream) == [("text", "I will not.")]


def test_a_picture_in_an_answer_becomes_a_line_of_text():
    stream = written(whole_part(Image(Inline("image/png", "AAAA"))))

    assert blocks(stream) == [("text", "[image omitted: this protocol has none in answers]")]


def test_a_foreign_unknown_part_says_nothing():
    stream = written(whole_part(Unknown("odd", Native("openai/responses", {"type": "odd"}))))

    assert blocks(stream) == []


def test_a_web_citation_is_told_in_its_block():
    annotation = {"type": "url_citation", "url": "http://a.example", "title": "A", "start_index": 0, "end_index": 1}
    stream = written(whole_part(Text(""), TextDelta(0, "a"), AnnotationTold(0, annotation)))

    assert anthropic_faults(stream) == []
    assert [each.url for each in judge_anthropic(stream).content[0].citations] == ["http://a.example"]


def test_nothing_follows_a_failure_or_the_end():
    failed = [Start(), Failed(Failure(FailureKind.OVERLOADED, "busy")), TextDelta(0, "late"), End()]
    ended = [*whole_part(Text(""), TextDelta(0, "a")), Failed(Failure(FailureKind.SERVER, "late"))]

    assert types(written(failed)) == ["message_start", "error"]
    assert types(written(ended))[-1] == "message_stop"


def test_usage_told_at_the_start_and_later_adds_up():
    events = [
        Start("msg_9", usage=Usage(fresh_tokens=7, cache_read_tokens=9000, cache_write_5m_tokens=1000)),
        UsageTold(Usage(output_tokens=3)),
        Stop(StopReason.SEQUENCE, "###"),
        End(),
    ]
    stream = written(events, reply(estimated_input_tokens=5))

    start = told(stream)[0]["message"]
    assert (start["id"], start["usage"]["input_tokens"]) == ("msg_9", 7)
    assert usage(stream) == {
        "input_tokens": 7,
        "cache_creation_input_tokens": 1000,
        "cache_read_input_tokens": 9000,
        "output_tokens": 3,
        "cache_creation": {"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 0},
    }
    delta = next(event for event in told(stream) if event["type"] == "message_delta")["delta"]
    assert delta == {"stop_reason": "stop_sequence", "stop_sequence": "###"}


WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)


@st.composite
def overlapping_parts(draw):
    """Events of parts that overlap in any way, and what each part says in the end."""
    count = draw(st.integers(0, 4))
    kinds = draw(st.lists(st.sampled_from(["text", "thinking", "tool"]), min_size=count, max_size=count))
    scripts = []
    for index, kind in enumerate(kinds):
        empty = {"text": Text(""), "thinking": Thinking(), "tool": ToolCall(f"c{index}", f"T{index}", "")}[kind]
        pieces = draw(st.lists(WORDS, max_size=3)) if kind != "tool" else ['{"k":', f"{index}", "}"]
        delta = ArgumentsDelta if kind == "tool" else TextDelta
        scripts.append([PartStarted(index, empty), *(delta(index, each) for each in pieces), PartEnded(index)])
    events, opened = [Start()], 0
    while any(scripts):
        ready = [place for place, script in enumerate(scripts) if script and place <= opened]
        place = draw(st.sampled_from(ready))
        event = scripts[place].pop(0)
        opened = max(opened, place + isinstance(event, PartStarted))
        events.append(event)
    return [*events, Stop(StopReason.END), End()], kinds


@settings(max_examples=60, deadline=None)
@given(overlapping_parts())
def test_requirement_a4_any_interleaving_gives_dense_sequential_blocks(script):
    events, kinds = script
    stream = written(events)

    assert anthropic_faults(stream) == []
    assert [
        block["content_block"]["name"]
        for block in told(stream)
        if "content_block" in block and block["content_block"]["type"] == "tool_use"
    ] == [f"T{index}" for index, kind in enumerate(kinds) if kind == "tool"]
    assert ending(stream) == ("tool_use" if "tool" in kinds else "end_turn")
