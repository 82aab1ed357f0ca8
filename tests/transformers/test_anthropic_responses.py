"""Whole answers of and to those who speak Anthropic Messages."""

import json

import orjson
import pytest
from hypothesis import given, settings, strategies as st

from axonhub.transformers import dialects
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.fold import Fold, unfold
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
    Unknown,
)
from axonhub.transformers.hub.requests import Reasoning, Request
from axonhub.transformers.hub.responses import Response, StopReason
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.protocol import Reply, Undo, Unreadable
from axonhub.transformers.protocols.anthropic_messages import PROTOCOL
from axonhub.transformers.protocols.anthropic_messages.names import NAME
from axonhub.transformers.protocols.openai_chat import PROTOCOL as CHAT
from axonhub.transformers.sse import SseDecoder
from tests.judges.sdk import judge_anthropic_whole

DIALECT = dialects.ANTHROPIC
SEED = "0123456789abcdef01234567"
REQUEST = Request("claude-x", ())


def read(**members):
    answer = {"id": "msg_1", "type": "message", "role": "assistant", "model": "up", "content": []} | members
    return PROTOCOL.read_response(answer, DIALECT, Undo())


def write(*parts, stop=StopReason.END, request=REQUEST, estimated=None, **members):
    body = PROTOCOL.write_response(Response(parts, stop, **members), Reply(SEED, 1, request, estimated))
    judge_anthropic_whole(orjson.dumps(body))
    return body


def from_chat(message, finish="stop", usage=None):
    answer = {"id": "chatcmpl-1", "model": "up", "choices": [{"index": 0, "message": message, "finish_reason": finish}]}
    read = CHAT.read_response(answer | ({"usage": usage} if usage else {}), dialects.COMPATIBLE, Undo())
    body = PROTOCOL.write_response(read, Reply(SEED, 1, REQUEST))
    judge_anthropic_whole(orjson.dumps(body))
    return body


TEXT = {"type": "text", "text": "Hello."}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "x"}}


@pytest.mark.parametrize(
    ("members", "plain"),
    [
        ({"content": [TEXT, {"type": "thinking", "thinking": "Hm.", "signature": "s"}, CALL]}, True),
        ({"content": []}, True),
        ({"content": [TEXT | {"citations": None, "odd": 1}, CALL | {"caller": {"type": "x"}}]}, True),
        ({"content": [TEXT | {"cache_control": 1}]}, False),
        ({"content": [TEXT | {"text": None}]}, False),
        ({"content": [CALL | {"name": 1}]}, False),
        ({"content": [TEXT, "text"]}, False),
        ({"content": [TEXT, {"type": "image"}]}, False),
        ({"content": "text"}, False),
        ({"content": [TEXT], "type": "error"}, False),
        ({"content": [TEXT], "error": {"message": "x"}}, False),
    ],
)
def test_usage_of_a_plain_answer_is_told_without_reading_it(members, plain):
    answer = {"type": "message", "usage": {"input_tokens": 3, "output_tokens": 4}} | members

    assert PROTOCOL.skim_response(answer) == (Usage(fresh_tokens=3, output_tokens=4) if plain else None)


def called(arguments):
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "Now", "arguments": arguments}}],
    }


def test_an_answer_is_read_whole():
    hosted = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}}
    response = read(
        content=[
            {"type": "thinking", "thinking": "Hm", "signature": "EqQB"},
            {"type": "redacted_thinking", "data": "opaque"},
            {"type": "text", "text": "a", "citations": [{"type": "char_location"}]},
            hosted,
            {"type": "tool_use", "id": "t", "name": "Bash", "input": {"b": 1, "a": 2.0}, "caller": None},
            {"type": "hologram"},
        ],
        stop_reason="tool_use",
        usage={"input_tokens": 7, "output_tokens": 9, "service_tier": "standard"},
        container={"id": "c"},
        context_management=None,
    )

    assert response == Response(
        (
            Thinking("Hm", Signature("EqQB", "ant")),
            Thinking(redacted="opaque"),
            Text("a", annotations=({"type": "char_location"},)),
            Hosted("server_tool_use", Native(NAME, hosted)),
            ToolCall("t", "Bash", '{"b":1,"a":2.0}'),
            Unknown("hologram", Native(NAME, {"type": "hologram"})),
        ),
        StopReason.TOOL,
        Usage(fresh_tokens=7, output_tokens=9),
        "msg_1",
        "up",
        extensions={NAME: {"container": {"id": "c"}}},
    )


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", StopReason.END),
        ("stop_sequence", StopReason.SEQUENCE),
        ("max_tokens", StopReason.LENGTH),
        ("model_context_window_exceeded", StopReason.LENGTH),
        ("tool_use", StopReason.TOOL),
        ("refusal", StopReason.FILTER),
        ("pause_turn", StopReason.PAUSE),
        ("of_the_future", StopReason.END),
        (None, StopReason.END),
    ],
)
def test_stop_reasons_are_read(reason, expected):
    assert read(stop_reason=reason).stop is expected


def test_the_stop_sequence_and_the_details_of_a_refusal_are_read():
    response = read(stop_reason="refusal", stop_sequence="###", stop_details={"type": "refusal", "category": "bio"})

    assert (response.stop_sequence, response.stop_detail) == ("###", {"type": "refusal", "category": "bio"})


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, Usage()),
        ({"input_tokens": None, "output_tokens": None}, Usage()),
        ({"input_tokens": 3.0, "output_tokens": -1}, Usage(fresh_tokens=3, output_tokens=0)),
        (
            {"input_tokens": 7, "cache_read_input_tokens": 9000, "cache_creation_input_tokens": 1000},
            Usage(fresh_tokens=7, cache_read_tokens=9000, cache_write_5m_tokens=1000),
        ),
        (
            {
                "cache_creation_input_tokens": 100,
                "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 70},
                "output_tokens": 5,
                "output_tokens_details": {"thinking_tokens": 4},
            },
            Usage(cache_write_5m_tokens=30, cache_write_1h_tokens=70, output_tokens=5, reasoning_tokens=4),
        ),
        (
            {"cache_creation_input_tokens": 100, "cache_creation": {"ephemeral_1h_input_tokens": 100}},
            Usage(cache_write_5m_tokens=0, cache_write_1h_tokens=100),
        ),
    ],
)
def test_requirement_d1_usage_is_read_disjoint(usage, expected):
    assert read(usage=usage).usage == expected


def test_an_error_in_a_200_is_a_failure():
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    foreign = {"error": {"message": "bad key", "type": "x"}}

    assert PROTOCOL.read_response(overloaded, DIALECT, Undo()).kind is FailureKind.OVERLOADED
    assert isinstance(PROTOCOL.read_response(foreign, DIALECT, Undo()), Failure)


@pytest.mark.parametrize("content", [None, "text", {}, [3], [{"type": "text", "text": 1}]])
def test_an_answer_without_content_is_unreadable(content):
    with pytest.raises(Unreadable):
        read(content=content)


def test_an_answer_is_written_whole():
    assert write(
        Thinking("Hm", Signature("EqQB", "ant")),
        Text("a"),
        ToolCall("functions.Bash:0", "Bash", '{"b":1}'),
        ToolCall("", "Now", ""),
        stop=StopReason.TOOL,
        usage=Usage(fresh_tokens=7, output_tokens=9),
        id="chatcmpl-1",
        model="up",
    ) == {
        "id": f"msg_{SEED}",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [
            {"type": "thinking", "thinking": "Hm", "signature": "EqQB"},
            {"type": "text", "text": "a"},
            {"type": "tool_use", "id": "functions_Bash_0_a97d15071f", "name": "Bash", "input": {"b": 1}},
            {"type": "tool_use", "id": "toolu_c65e6448f7c83596b8129ed1", "name": "Now", "input": {}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 7,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 9,
        },
    }


def test_an_empty_answer_has_no_block():
    assert write(Text(""), Text(" \n"), Thinking())["content"] == []


def test_case_023_no_arguments_are_an_empty_input():
    assert from_chat(called(""), "tool_calls")["content"][0]["input"] == {}


def test_case_025_broken_arguments_are_wrapped():
    assert from_chat(called('{"a":1}{"b":2}'), "tool_calls")["content"][0]["input"] == {
        "__invalid_json": '{"a":1}{"b":2}'
    }


@pytest.mark.parametrize(
    ("stop", "parts", "expected"),
    [
        (StopReason.END, (ToolCall("c", "n", "{}"),), "tool_use"),
        (StopReason.TOOL, (Text("a"),), "end_turn"),
        (StopReason.LENGTH, (ToolCall("c", "n", '{"a'),), "max_tokens"),
        (StopReason.FILTER, (ToolCall("c", "n", "{}"),), "refusal"),
        (StopReason.SEQUENCE, (Text("a"),), "stop_sequence"),
        (StopReason.PAUSE, (Text("a"),), "pause_turn"),
    ],
)
def test_case_026_to_029_which_stop_reason_wins(stop, parts, expected):
    body = write(*parts, stop=stop)

    assert body["stop_reason"] == expected
    assert ("stop_details" in body) == (expected == "refusal")


def test_case_071_an_answer_of_usage_alone_is_an_empty_message():
    answer = {"id": "x", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 0}}
    response = CHAT.read_response(answer, dialects.COMPATIBLE, Undo())
    body = PROTOCOL.write_response(response, Reply(SEED, 1, REQUEST))

    assert (body["content"], body["stop_reason"], body["usage"]["input_tokens"]) == ([], "end_turn", 3)


def test_case_159_and_160_cached_input_stands_beside_the_fresh():
    usage = {
        "prompt_tokens": 150000,
        "completion_tokens": 1,
        "prompt_tokens_details": {"cached_tokens": 149900},
    }
    told = from_chat({"role": "assistant", "content": "a"}, usage=usage)["usage"]

    assert (told["input_tokens"], told["cache_read_input_tokens"]) == (100, 149900)
    kept = Usage(fresh_tokens=7, cache_read_tokens=9000, cache_write_5m_tokens=1000, output_tokens=2)
    back = write(Text("a"), usage=kept)["usage"]
    assert (back["input_tokens"], back["cache_read_input_tokens"], back["cache_creation_input_tokens"]) == (
        7,
        9000,
        1000,
    )


def test_usage_that_nobody_told_is_estimated():
    told = write(Text("a" * 9), estimated=55)["usage"]

    assert (told["input_tokens"], told["output_tokens"]) == (55, 3)


def test_hidden_thinking_keeps_its_signature_alone():
    hidden = Request("m", (), reasoning=Reasoning("adaptive", visible=False))

    assert write(Thinking("Hm", Signature("EqQB", "ant")), Thinking("Hm"), request=hidden)["content"] == [
        {"type": "thinking", "thinking": "", "signature": "EqQB"}
    ]


def test_what_an_answer_cannot_hold_becomes_words_or_nothing():
    hosted = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
    parts = (
        Refusal("I will not."),
        Image(Inline("image/png", "AAAA")),
        Hosted("web_search_tool_result", Native(NAME, hosted)),
        Hosted("web_search_call", Native("openai/responses", {"type": "web_search_call"})),
    )

    assert write(*parts)["content"] == [
        {"type": "text", "text": "I will not."},
        {"type": "text", "text": "[image omitted: this protocol has none in answers]"},
        hosted,
    ]


def test_case_170_a_count_is_input_tokens_alone():
    assert PROTOCOL.write_count(7) == {"input_tokens": 7}
    assert PROTOCOL.read_count({"input_tokens": 7, "extra": 1}) == 7
    with pytest.raises(Unreadable):
        PROTOCOL.read_count({"totalTokens": 7})


WORDS = st.sampled_from(["", "hi", " a ", "é\u2028…"])
SIGNATURES = st.sampled_from([None, Signature("EqQB", "ant"), Signature("s", "gem-vertex")])
PARTS = st.one_of(
    st.builds(Text, WORDS),
    st.builds(Thinking, WORDS, SIGNATURES),
    st.builds(Thinking, redacted=st.just("opaque")),
    st.builds(
        ToolCall,
        st.sampled_from(["toolu_1", "a:b", ""]),
        st.just("Bash"),
        st.sampled_from(["", '{"a":1}', '{"a":[2.0]}']),
        signature=SIGNATURES,
    ),
    st.builds(Refusal, WORDS),
)
USAGES = st.builds(Usage, *[st.none() | st.integers(0, 99)] * 6)
RESPONSES = st.builds(
    Response, st.lists(PARTS, max_size=5).map(tuple), st.sampled_from(list(StopReason)), USAGES, st.just("msg_7")
)


@settings(max_examples=200, deadline=None)
@given(RESPONSES, st.sampled_from([None, True, False]))
def test_a_folded_stream_equals_the_whole_answer(response, visible):
    reasoning = None if visible is None else Reasoning("adaptive", visible=visible)
    reply = Reply(SEED, 1, Request("m", (), reasoning=reasoning), 5)
    whole = PROTOCOL.read_response(PROTOCOL.write_response(response, reply), DIALECT, Undo())
    writer, reader, folded = PROTOCOL.stream_writer(reply), PROTOCOL.stream_reader(DIALECT, Undo()), Fold()
    for event in SseDecoder().feed(b"".join(writer.write(each) for each in unfold(response))):
        for each in reader.read(event):
            folded.add(each)
    for each in reader.finish():
        folded.add(each)

    assert folded.failure is None
    assert json.loads(json.dumps(PROTOCOL.write_response(folded.response(), reply))) == PROTOCOL.write_response(
        whole, reply
    )
    assert folded.response().parts == whole.parts


def test_a_refusal_that_another_protocol_tells_as_a_part_is_a_refusal():
    """OpenAI's answer ends with a plain stop; here the reason is what tells."""
    answer = Response((Refusal("No."),), StopReason.END)

    assert PROTOCOL.write_response(answer, Reply(SEED, 1, REQUEST))["stop_reason"] == "refusal"
    stream = b"".join(map(PROTOCOL.stream_writer(Reply(SEED, 1, REQUEST)).write, unfold(answer)))
    assert b'"stop_reason":"refusal"' in stream
