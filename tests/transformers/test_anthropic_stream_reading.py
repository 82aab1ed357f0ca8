"""Streams of providers that speak Anthropic Messages."""

import json
import random
from contextlib import suppress
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings, strategies as st

from axonhub.transformers import dialects
from axonhub.transformers.dialect import Dialect
from axonhub.transformers.hub.events import End, Failed, Ping, Start, Stop, TextDelta, UsageTold
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.fold import Fold
from axonhub.transformers.hub.parts import Hosted, Signature, Text, Thinking, ToolCall
from axonhub.transformers.hub.requests import Request, ToolReference
from axonhub.transformers.hub.responses import StopReason
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.protocol import ProtocolError, Reply, Undo, Unreadable
from axonhub.transformers.protocols.anthropic_messages import PROTOCOL
from axonhub.transformers.sse import SseDecoder, SseEvent
from tests.judges.grammar import anthropic_faults
from tests.judges.sdk import judge_anthropic

CONVERSATIONS = Path(__file__).parent.parent / "conversations" / "anthropic"
RECORDINGS = {path.stem: path.read_bytes() for path in CONVERSATIONS.glob("*.sse")}
DIALECT = dialects.ANTHROPIC


def events(stream, undo=Undo(), dialect=DIALECT, cuts=()):  # noqa: B008 - frozen
    decoder, reader = SseDecoder(), PROTOCOL.stream_reader(dialect, undo)
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    read = [each for piece in pieces for event in decoder.feed(piece) for each in reader.read(event)]
    read += [each for event in decoder.flush() for each in reader.read(event)]
    return [*read, *reader.finish()]


def sse(*bodies):
    return "".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in bodies).encode()


def folded(read):
    fold = Fold()
    for event in read:
        fold.add(event)
    return fold


START = {"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 3}}}
TEXT = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
STOPPED = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}
END = {"type": "message_stop"}


def delta(index, **members):
    return {"type": "content_block_delta", "index": index, "delta": members}


def block(index, **members):
    return {"type": "content_block_start", "index": index, "content_block": members}


def stop(index):
    return {"type": "content_block_stop", "index": index}


def test_thinking_text_and_parallel_tools_are_read():
    response = folded(events(RECORDINGS["thinking_and_parallel_tools"])).response()

    assert response.parts == (
        Thinking("Zwei Dateien 北🚀", Signature("EqQBCkYIAhgC", "ant")),
        Thinking(redacted="opaque=="),
        Text("I read both."),
        ToolCall("toolu_01", "Read", '{"file_path": "a.py"}'),
        ToolCall("toolu_02", "Now", "{}"),
    )
    assert (response.id, response.model, response.stop) == ("msg_01", "claude-opus-4-8", StopReason.TOOL)
    # Of cache writes the stream's end repeats only the sum; the start's lifetimes stay.
    assert response.usage == Usage(7, 9000, 30, 70, 89, 40)


def test_hosted_blocks_are_whole_and_citations_told():
    read = folded(events(RECORDINGS["web_search"]))
    call, found, text = read.response().parts

    assert isinstance(call, Hosted)
    assert call.native.value["input"] == {"query": "weather"}
    assert (found.kind, found.text) == ("web_search_tool_result", "A: https://a.example")
    assert (text.text, text.annotations[0]["cited_text"]) == ("Rain.", "rain")


def test_an_error_event_is_a_failure_and_nothing_follows():
    read = events(RECORDINGS["overloaded_in_mid_stream"] + sse(STOPPED, END))

    assert isinstance(read[-1], Failed)
    assert read[-1].failure.kind is FailureKind.OVERLOADED
    assert folded(read).response().parts == (Text("Hel"),)


def test_case_024_arguments_that_stand_in_the_start_are_told():
    response = folded(events(RECORDINGS["whole_input_in_start"])).response()

    assert response.parts == (ToolCall("functions.Bash:0", "Bash", '{"command":"ls"}'),)


@pytest.mark.parametrize("name", sorted(RECORDINGS))
def test_a_recording_goes_to_an_anthropic_client_again(name):
    writer = PROTOCOL.stream_writer(Reply("0" * 24, 1, Request("claude-x", ())))
    read = events(RECORDINGS[name])
    stream = b"".join(writer.write(each) for each in read)

    if name != "web_search":  # blocks of hosted tools are beyond the checker's grammar
        assert anthropic_faults(stream) == []
    if not isinstance(read[-1], Failed):
        content = [each.model_dump(exclude_none=True) for each in judge_anthropic(RECORDINGS[name]).content]
        again = [each.model_dump(exclude_none=True) for each in judge_anthropic(stream).content]
        assert [each.get("input", each.get("text")) for each in again] == [
            each.get("input", each.get("text")) for each in content
        ]


@pytest.mark.parametrize("name", sorted(RECORDINGS))
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_requirement_b5_any_cut_of_the_bytes_gives_the_same_events(name, newline):
    stream = RECORDINGS[name].replace(b"\n", newline)
    whole = events(RECORDINGS[name])
    rolls = random.Random(name)

    for cut in range(1, len(stream), 7):
        assert events(stream, cuts=sorted({cut, *rolls.sample(range(1, len(stream)), 3)})) == whole


def test_the_start_comes_once_even_when_the_provider_repeats_or_omits_it():
    twice = events(sse(START, START, TEXT, stop(0), STOPPED, END))
    never = events(sse(TEXT, stop(0), STOPPED, END))

    assert [type(each) for each in twice].count(Start) == 1
    assert never[0] == Start()


def test_pings_before_the_start_are_not_told():
    ping = {"type": "ping"}

    assert events(sse(ping, START, ping, STOPPED, END))[:2] == [Start("msg_1", "m", Usage(fresh_tokens=3)), Ping()]


def test_requirement_d4_zeros_at_the_end_do_not_undo_the_input_of_the_start():
    zeros = STOPPED | {"usage": {"input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 5}}
    true = STOPPED | {"usage": {"input_tokens": 8, "output_tokens": 5}}

    assert folded(events(sse(START, zeros, END))).usage == Usage(fresh_tokens=3, output_tokens=5)
    assert folded(events(sse(START, true, END))).usage == Usage(fresh_tokens=8, output_tokens=5)


def test_events_without_name_or_with_unknown_types_are_read_or_passed_over():
    stream = (
        b'data: {"type":"message_start","message":{}}\n\n'
        + sse(
            {"type": "of_the_future", "x": 1}, TEXT, delta(0, type="text_delta", text="a"), delta(0, type="odd_delta")
        )
        + sse(stop(0), STOPPED, END)
    )

    assert folded(events(stream)).response().parts == (Text("a"),)


def test_requirement_a6_an_end_without_terminator_is_a_failure():
    cut = sse(START, TEXT, delta(0, type="text_delta", text="a"))

    assert isinstance(events(cut)[-1], Failed)
    assert isinstance(events(b"")[-1], Failed)
    assert events(sse(START, STOPPED))[-1] == End()
    assert events(sse(START, TEXT, stop(0), END))[-2:] == [Stop(StopReason.END), End()]


def test_a_vendor_that_omits_the_terminator_may_end_between_blocks_only():
    omits = Dialect(omits_terminator=True)
    whole = sse(START, block(0, type="tool_use", id="t", name="n", input={}), stop(0))
    half = sse(START, TEXT, delta(0, type="text_delta", text="a"))

    assert events(whole, dialect=omits)[-2:] == [Stop(StopReason.TOOL), End()]
    assert isinstance(events(half, dialect=omits)[-1], Failed)


def test_blocks_that_the_provider_leaves_open_end_with_the_message():
    read = events(
        sse(
            START,
            block(0, type="server_tool_use", id="s", name="web_search", input={}),
            delta(0, type="input_json_delta", partial_json='{"q":1}'),
            block(1, type="tool_use", id="t", name="n", input={}),
            STOPPED,
            delta(1, type="input_json_delta", partial_json="late"),
            block(2, type="text", text="late"),
            END,
        )
    )

    parts = folded(read).response().parts
    assert (parts[0], parts[1].kind) == (ToolCall("t", "n", "{}"), "server_tool_use")
    assert isinstance(read[-1], End)


def test_words_in_a_start_are_told():
    read = events(
        sse(
            START,
            block(0, type="thinking", thinking="H", signature="s"),
            stop(0),
            block(1, type="text", text="a"),
            STOPPED,
        )
    )

    assert folded(read).response().parts == (Thinking("H", Signature("s", "ant")), Text("a"))


def test_names_are_the_clients_own_again_and_freeform_input_is_bare():
    undo = Undo({"ns__leaf": ToolReference("leaf", "ns"), "patch": ToolReference("patch", kind="freeform")})
    read = events(
        sse(
            START,
            block(0, type="tool_use", id="a", name="ns__leaf", input={}),
            delta(0, type="input_json_delta", partial_json='{"x":1}'),
            stop(0),
            block(1, type="tool_use", id="b", name="patch", input={}),
            delta(1, type="input_json_delta", partial_json='{"input":"*** Be'),
            delta(1, type="input_json_delta", partial_json='gin"}'),
            stop(1),
            STOPPED,
            END,
        ),
        undo,
    )

    assert folded(read).response().parts == (
        ToolCall("a", "leaf", '{"x":1}', namespace="ns"),
        ToolCall("b", "patch", "*** Begin", "freeform"),
    )


@pytest.mark.parametrize(
    "stream",
    [
        b"data: {\n\n",
        b"data: [1]\n\n",
        sse(START, delta(0, type="text_delta", text="a")),
        sse(START, TEXT, TEXT),
        sse(START, {"type": "content_block_start", "content_block": {}}),
    ],
)
def test_what_is_no_stream_of_this_protocol_is_unreadable(stream):
    with pytest.raises(Unreadable):
        events(stream)


def test_an_error_in_another_vendors_form_is_a_failure():
    read = events(b'data: {"error":{"message":"no such model","code":404}}\n\n')

    assert [type(each) for each in read] == [Failed]
    assert read[0].failure.message == "no such model"


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("name", sorted(RECORDINGS))
def test_a_skim_tells_the_same_usage_stop_and_failure(name, named):
    sse_events = SseDecoder().feed(RECORDINGS[name])
    skimmed = Fold()
    for event in sse_events:
        for each in PROTOCOL.skim(event if named else SseEvent(event.data)):
            assert isinstance(each, Start | UsageTold | Stop | Failed | End)
            skimmed.add(each)
    whole = folded(events(RECORDINGS[name]))

    assert (skimmed.start, skimmed.usage, skimmed.stop, skimmed.failure, skimmed.ended) == (
        whole.start,
        whole.usage,
        whole.stop,
        whole.failure,
        whole.ended,
    )


def test_a_skim_does_not_look_into_content():
    assert list(PROTOCOL.skim(SseEvent("not json", "content_block_delta"))) == []
    assert list(PROTOCOL.skim(SseEvent('{"type":"content_block_delta" broken'))) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def mutated(draw, value):
    """The same JSON with one thing in it replaced by another."""
    if isinstance(value, dict) and value and draw(st.booleans()):
        key = draw(st.sampled_from(sorted(value)))
        return value | {key: mutated(draw, value[key])}
    if isinstance(value, list) and value and draw(st.booleans()):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], mutated(draw, value[place]), *value[place + 1 :]]
    return draw(JSON)


@st.composite
def broken_streams(draw):
    bodies = [
        json.loads(event.data) for event in SseDecoder().feed(RECORDINGS[draw(st.sampled_from(sorted(RECORDINGS)))])
    ]
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(bodies) - 1))
        match draw(st.sampled_from(["mutate", "drop", "repeat"])):
            case "mutate":
                bodies[place] = mutated(draw, bodies[place])
            case "drop" if len(bodies) > 1:
                bodies.pop(place)
            case _:
                bodies.insert(place, bodies[place])
    return [SseEvent(json.dumps(body)) for body in bodies]


@settings(max_examples=300, deadline=None)
@given(broken_streams())
def test_no_stream_raises_anything_but_unreadable_and_all_can_be_written(sse_events):
    reader, writer = (
        PROTOCOL.stream_reader(DIALECT, Undo()),
        PROTOCOL.stream_writer(Reply("0" * 24, 1, Request("m", ()))),
    )
    fold = Fold()
    try:
        for event in sse_events:
            for each in reader.read(event):
                fold.add(each)
                writer.write(each)
        for each in reader.finish():
            fold.add(each)
            writer.write(each)
    except Unreadable:
        return

    assert fold.failure is not None or fold.ended


REQUEST = json.loads((CONVERSATIONS / "claude_code.json").read_text())


ANSWER = {"id": "msg_1", "stop_reason": "end_turn", "usage": {"input_tokens": 1, "cache_creation": {}}}
ANSWER |= {"content": REQUEST["messages"][1]["content"], "stop_details": {"type": "refusal"}}


@st.composite
def broken(draw, body):
    for _ in range(draw(st.integers(1, 3))):
        body = mutated(draw, body) if isinstance(body, dict) else body
    return body if isinstance(body, dict) else {"x": body}


@settings(max_examples=300, deadline=None)
@given(broken(REQUEST), broken(ANSWER))
def test_no_body_raises_anything_but_a_protocol_error(request, answer):
    with suppress(ProtocolError):
        read = PROTOCOL.read_request(request)
        orjson.dumps(PROTOCOL.write_request(read, DIALECT).body)
        PROTOCOL.count_request(read, DIALECT)
    with suppress(ProtocolError):
        response = PROTOCOL.read_response(answer, DIALECT, Undo())
        if not isinstance(response, Failure):
            PROTOCOL.write_response(response, Reply("0" * 24, 1, Request("m", ())))


def test_text_deltas_are_never_empty():
    read = events(sse(START, TEXT, delta(0, type="text_delta", text=""), stop(0), STOPPED, END))

    assert not any(isinstance(each, TextDelta) for each in read)
