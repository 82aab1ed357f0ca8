"""What must hold of chat for every input: round trips, recordings cut anywhere, and no error but its own."""

import json
import typing
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from hypothesis import given, strategies as st
from openai.types import chat
from openai.types.chat import completion_create_params

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.dialects import COMPATIBLE, DEEPSEEK, OPENAI, OPENROUTER, VLLM
from axonhub.transformers.hub.failures import Failure
from axonhub.transformers.hub.fold import fold, unfold
from axonhub.transformers.hub.parts import (
    Audio,
    CacheMark,
    Document,
    Image,
    Inline,
    Link,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from axonhub.transformers.hub.requests import (
    FreeformTool,
    FunctionTool,
    OutputFormat,
    Reasoning,
    Request,
    Sampling,
    ToolChoice,
    ToolReference,
    Turn,
)
from axonhub.transformers.hub.responses import Response, StopReason
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.protocol import ProtocolError, Undo, Unsupported
from axonhub.transformers.protocols.anthropic_messages import PROTOCOL as ANTHROPIC
from axonhub.transformers.protocols.openai_chat import PROTOCOL
from axonhub.transformers.sse import SseDecoder, SseEvent
from tests.judges.grammar import anthropic_faults, chat_faults
from tests.judges.sdk import judge_chat, judge_chat_whole
from tests.transformers.chat_wire import reply, written
from tests.transformers.nightly import searching

RECORDINGS = Path(__file__).parent.parent / "conversations" / "openai_chat"
STREAMS = sorted(RECORDINGS.glob("*.sse"))
REQUESTS = sorted(RECORDINGS.glob("request_*.json"))
DIALECTS = [OPENAI, DEEPSEEK, OPENROUTER, VLLM, COMPATIBLE]

WIDE = Dialect(
    signature_origin="orouter",
    reasoning_replay="always",
    reasoning_control="reasoning_object",
    reasoning_details=True,
    efforts=("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    files=True,
    middle_system="system",
    strict_tools=True,
    cache_marks=True,
    freeform_tools=True,
    allowed_tools=True,
    openai_fields=True,
)
"""Understands all that chat can say."""

# -- values that chat can say

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
names = st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True)
marks = st.none() | st.builds(CacheMark, st.sampled_from([None, "5m", "1h"]))
texts = st.builds(Text, words, marks)
media = st.builds(Inline, st.just("image/png"), st.just("iVBORw0KGgo=")) | st.builds(
    Link, st.just("https://example.test/a.png")
)
images = st.builds(Image, media, st.none() | st.sampled_from(["low", "auto"]), marks)
files = st.builds(Document, st.builds(Inline, st.just("application/pdf"), st.just("JVBERi0=")), names, cache=marks)
sounds = st.builds(Audio, st.builds(Inline, st.just("audio/mp3"), st.just("AAAA")), st.just("mp3"))
said = st.lists(texts | images | files | sounds, min_size=1, max_size=3).map(tuple)
users = st.builds(Turn, st.just("user"), said, st.none() | names)
results = st.builds(ToolResult, st.just(""), st.lists(st.builds(Text, words), max_size=1).map(tuple))
json_texts = st.dictionaries(names, st.integers() | words, max_size=2).map(lambda value: json.dumps(value))
details = st.lists(
    st.fixed_dictionaries({"type": st.just("reasoning.text"), "text": words, "index": st.integers(0, 3)}), min_size=1
)


@st.composite
def assistants(draw):
    """What one assistant said, and the results of its calls."""
    parts = []
    if draw(st.booleans()):
        parts.append(Thinking(draw(words)))
    elif draw(st.booleans()):
        said = draw(details)
        shown = "".join(each["text"] for each in said)
        parts.append(Thinking(shown, Signature(orjson.dumps(said).decode(), "orouter")))
    parts += draw(st.lists(st.builds(Text, words), max_size=1))
    if not parts and draw(st.booleans()):
        parts.append(Refusal(draw(words)))
    ids = draw(st.lists(st.uuids().map(lambda each: f"call_{each.hex}"), max_size=3))
    for call_id in ids:
        freeform = draw(st.booleans())
        kind = "freeform" if freeform else "function"
        parts.append(ToolCall(call_id, draw(names), draw(words if freeform else json_texts), kind))
    if not parts:
        parts.append(Text(draw(words)))
    answers = tuple(replace(draw(results), call_id=call_id) for call_id in ids)
    return [Turn("assistant", tuple(parts)), *([Turn("user", answers)] if answers else [])]


@st.composite
def conversations(draw):
    turns = [draw(users)]
    for _ in range(draw(st.integers(0, 3))):
        turns += draw(assistants())
        if draw(st.booleans()):
            turns.append(Turn("system", (Text(draw(words)),)))
        turns.append(draw(users))
    return tuple(turns)


objects = st.just({"type": "object", "properties": {"a": {"type": "string"}}})
functions = st.builds(FunctionTool, names, st.none() | words, objects, st.none() | st.booleans())
customs = st.builds(FreeformTool, names, st.none() | words, st.none() | st.just({"type": "text"}))
tool_lists = st.lists(functions | customs, max_size=3, unique_by=lambda tool: tool.name).map(tuple)
numbers = st.none() | st.floats(0, 1)
samplings = st.builds(
    Sampling,
    numbers,
    numbers,
    st.none() | st.integers(1, 50),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    numbers,
    numbers,
    st.none() | st.dictionaries(names, st.integers(-100, 100), min_size=1),
    st.none() | st.booleans(),
    st.none() | st.integers(0, 5),
).map(lambda drawn: drawn if drawn.logprobs else replace(drawn, top_logprobs=None))
reasonings = st.one_of(
    st.none(),
    st.just(Reasoning("off")),
    st.builds(Reasoning, st.just("effort"), st.sampled_from(["minimal", "low", "medium", "high", "xhigh", "max"])),
    st.builds(Reasoning, st.just("budget"), st.none(), st.integers(1, 60000), st.none() | st.just(False)),
    st.builds(Reasoning, st.just("effort")),
)
formats = (
    st.none() | st.builds(OutputFormat) | st.builds(OutputFormat, objects, names, st.none() | words, st.booleans())
)


@st.composite
def requests(draw):
    tools = draw(tool_lists)
    known = [
        ToolReference(tool.name, kind="freeform" if isinstance(tool, FreeformTool) else "function") for tool in tools
    ]
    modes = st.sampled_from(["auto", "required"])
    choice = st.builds(ToolChoice, st.sampled_from(["auto", "required", "none"])) | (
        st.builds(ToolChoice, modes, st.lists(st.sampled_from(known), min_size=1, unique=True).map(tuple))
        if known
        else st.nothing()
    )
    stream = draw(st.booleans())
    return Request(
        model=draw(names),
        turns=draw(conversations()),
        system=tuple(draw(st.lists(texts, max_size=2))),
        tools=tools,
        tool_choice=draw(st.none() | choice) if tools else None,
        parallel_tool_calls=draw(st.none() | st.booleans()) if tools else None,
        max_output_tokens=draw(st.none() | st.integers(1, 99999)),
        sampling=draw(samplings),
        stop=tuple(draw(st.lists(words, max_size=3))),
        stream=stream,
        stream_usage=True if stream else None,
        reasoning=draw(reasonings),
        output_format=draw(formats),
        verbosity=draw(st.none() | names),
        user=draw(st.none() | names),
        metadata=draw(st.dictionaries(names, words, max_size=2)),
        service_tier=draw(st.none() | st.sampled_from(["auto", "default", "flex"])),
        cache_key=draw(st.none() | names),
        extensions=draw(st.just({}) | st.just({"openai/chat": {"min_p": 0.1}})),
    )


@given(requests())
@searching(80)
def test_reading_what_was_written_gives_the_same_request(request):
    written = PROTOCOL.write_request(request, WIDE)

    assert PROTOCOL.read_request(orjson.loads(orjson.dumps(written.body))) == request
    assert written.losses == ()


@given(requests(), st.sampled_from(DIALECTS))
@searching(50)
def test_writing_is_deterministic_in_every_dialect(request, dialect):
    try:
        first = PROTOCOL.write_request(request, dialect)
    except Unsupported:
        return
    assert orjson.dumps(first.body) == orjson.dumps(PROTOCOL.write_request(request, dialect).body)


answers = st.builds(
    Response,
    assistants().map(lambda turns: turns[0].parts),
    st.just(StopReason.END),
    st.builds(Usage, *[st.integers(0, 999)] * 3, output_tokens=st.integers(0, 99), reasoning_tokens=st.integers(0, 9)),
    st.just("chatcmpl-x"),
    st.just("m"),
).map(lambda answer: replace(answer, parts=unsigned(answer.parts), stop=reason(answer.parts)))


def unsigned(parts):
    return tuple(Thinking(part.text) if isinstance(part, Thinking) else part for part in parts)


def reason(parts):
    return StopReason.TOOL if any(isinstance(part, ToolCall) for part in parts) else StopReason.END


def says_something(response):
    """White space beside other parts goes on purpose."""
    return not any(isinstance(part, Text) and part.text.isspace() for part in response.parts)


@given(answers.filter(says_something))
@searching(60)
def test_reading_what_was_written_gives_the_same_answer_whole_and_streamed(response):
    asked = reply(Request("m", (), stream_usage=True))
    whole = PROTOCOL.write_response(response, asked)
    stream = written(unfold(response), asked)

    judge_chat_whole(orjson.dumps(whole))
    assert PROTOCOL.read_response(whole, WIDE, Undo()) == response
    assert answer_of(stream, WIDE) == response


# -- recordings


def answer_of(stream, dialect=OPENROUTER, sizes=None):
    reader, decoder = PROTOCOL.stream_reader(dialect, Undo()), SseDecoder()
    pieces = [stream] if sizes is None else cut(stream, sizes)
    sse_events = [*(event for piece in pieces for event in decoder.feed(piece)), *decoder.flush()]
    events = [event for each in sse_events for event in reader.read(each)]
    return fold([*events, *reader.finish()])


def cut(stream, sizes):
    start = 0
    for size in sizes:
        yield stream[start : start + size]
        start += size
    yield stream[start:]


def test_there_are_recordings():
    assert len(STREAMS) >= 8
    assert len(REQUESTS) >= 3


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_a_folded_stream_equals_the_whole_answer(path):
    whole = PROTOCOL.read_response(json.loads(path.with_suffix(".json").read_bytes()), OPENROUTER, Undo())

    assert answer_of(path.read_bytes()) == replace(whole, extensions={})


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_case_038_039_any_cut_of_the_bytes_gives_the_same_answer(path):
    stream = path.read_bytes()
    expected = answer_of(stream)

    assert [at for at in range(len(stream)) if answer_of(stream, sizes=[at]) != expected] == []
    assert answer_of(stream, sizes=[1] * len(stream)) == expected


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_recorded_streams_are_good_streams_for_chat_and_anthropic_clients(path):
    reader, decoder = PROTOCOL.stream_reader(OPENROUTER, Undo()), SseDecoder()
    sse_events = [*decoder.feed(path.read_bytes()), *decoder.flush()]
    events = [*(event for each in sse_events for event in reader.read(each)), *reader.finish()]
    asked = reply(Request("m", (), stream_usage=True))
    writer = ANTHROPIC.stream_writer(asked)
    chat = written(events, asked)

    assert chat_faults(chat, usage_asked=True) == []
    assert anthropic_faults(b"".join(writer.write(event) for event in events)) == []
    if fold(events).stop is not StopReason.FILTER:  # which openai-python raises
        assert judge_chat(chat).choices


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_a_stream_cut_off_before_its_finish_is_never_a_good_answer(path):
    text = path.read_bytes().replace(b"\r\n", b"\n")
    blocks = [block + b"\n\n" for block in text.split(b"\n\n") if block]
    finish = next(at for at, block in enumerate(blocks) if b'"finish_reason":"' in block.replace(b": ", b":"))

    for end in range(finish):
        assert isinstance(answer_of(b"".join(blocks[:end])), Failure)


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.stem)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_recorded_requests_are_converted_between_dialects(path, dialect):
    body = json.loads(path.read_bytes())
    again = PROTOCOL.write_request(PROTOCOL.read_request(body), dialect).body

    assert [message["role"] for message in again["messages"]] == [message["role"] for message in body["messages"]]
    assert again.get("tools") == body.get("tools")
    assert again["model"] == body["model"]


# -- no error but its own


junk = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=8),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=8,
)
TREES = [json.loads(path.read_bytes()) for path in REQUESTS]
BODIES = [json.loads(path.with_suffix(".json").read_bytes()) for path in STREAMS]
CHUNKS = [
    json.loads(line.split(b":", 1)[1])
    for path in STREAMS
    for line in path.read_bytes().splitlines()
    if line.startswith(b"data:") and b"[DONE]" not in line
]


@st.composite
def mutated(draw, trees):
    """A tree with up to three of its values replaced by anything."""
    tree = json.loads(json.dumps(draw(st.sampled_from(trees))))
    for _ in range(draw(st.integers(1, 3))):
        node = tree
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(node[key], dict | list) and node[key] and draw(st.integers(0, 4)):
                node = node[key]
                continue
            node[key] = draw(junk)
            break
    return tree


odd_chunks = mutated(CHUNKS) | st.sampled_from(CHUNKS)


@given(mutated(TREES) | st.dictionaries(st.text(max_size=8), junk))
@searching(150)
def test_any_request_is_read_or_refused(body):
    try:
        request = PROTOCOL.read_request(body)
    except ProtocolError:
        return
    for dialect in DIALECTS:
        with suppress(ProtocolError):
            assert orjson.dumps(PROTOCOL.write_request(request, dialect).body)


@given(mutated(BODIES) | st.dictionaries(st.text(max_size=8), junk), st.sampled_from([*DIALECTS, WIDE]))
@searching(150)
def test_any_answer_is_read(body, dialect):
    response = PROTOCOL.read_response(body, dialect, Undo())

    assert isinstance(response, Response | Failure)
    if isinstance(response, Response):
        assert PROTOCOL.write_response(response, reply(Request("m", ())))["object"] == "chat.completion"


@given(
    st.lists(mutated(CHUNKS) | st.sampled_from(CHUNKS), max_size=6), st.booleans(), st.sampled_from([*DIALECTS, WIDE])
)
@searching(150)
def test_any_stream_is_read_and_keeps_the_grammar_of_events(chunks, done, dialect):
    reader = PROTOCOL.stream_reader(dialect, Undo())
    sse_events = [SseEvent(json.dumps(chunk)) for chunk in chunks] + ([SseEvent("[DONE]")] if done else [])
    events = []
    for sse_event in sse_events:
        list(PROTOCOL.skim(sse_event))
        try:
            events += reader.read(sse_event)
        except ProtocolError:  # NaN and the like: no JSON
            return
    events += reader.finish()

    asked = reply(Request("m", (), stream_usage=True))
    faults = chat_faults(written(events, asked), usage_asked=True)
    assert [fault for fault in faults if "are not JSON" not in fault] == []  # a model's broken arguments pass


@given(st.integers(400, 599), st.binary(max_size=200) | junk.map(lambda value: json.dumps(value).encode()))
def test_any_error_body_is_a_failure(status, body):
    failure = PROTOCOL.read_failure(status, body)

    assert failure.message
    assert PROTOCOL.write_failure(failure)[0] >= 400


# -- every member of OpenAI's own request type has a fate

SAMPLES = {
    "audio": {"voice": "alloy", "format": "wav"},
    "frequency_penalty": 0.5,
    "function_call": "auto",
    "functions": [{"name": "ls", "parameters": {"type": "object", "properties": {}}}],
    "logit_bias": {"1": 1},
    "logprobs": True,
    "max_completion_tokens": 9,
    "max_tokens": 9,
    "metadata": {"a": "b"},
    "modalities": ["text", "audio"],
    "moderation": {"type": "x"},
    "n": 2,
    "parallel_tool_calls": False,
    "prediction": {"type": "content", "content": "x"},
    "presence_penalty": 0.5,
    "prompt_cache_key": "k",
    "prompt_cache_options": {"x": 1},
    "prompt_cache_retention": "24h",
    "reasoning_effort": "high",
    "response_format": {"type": "json_object"},
    "safety_identifier": "s",
    "seed": 7,
    "service_tier": "flex",
    "stop": ["x"],
    "store": True,
    "stream": True,
    "stream_options": {"include_usage": True},
    "temperature": 0.5,
    "tool_choice": "required",
    "tools": [{"type": "function", "function": {"name": "cat", "parameters": {"type": "object", "properties": {}}}}],
    "top_logprobs": 2,
    "top_p": 0.5,
    "user": "u",
    "verbosity": "low",
    "web_search_options": {},
}
TOOLS = [{"type": "function", "function": {"name": "ls", "parameters": {"type": "object", "properties": {}}}}]
FIELDS = sorted(
    set(typing.get_type_hints(completion_create_params.CompletionCreateParamsStreaming)) - {"model", "messages"}
)
WITH_TOOLS = {"parallel_tool_calls", "tool_choice"}
BESIDE_STREAM = {"stream_options"}
"""Concerns the client's own stream, which we write."""


def fate(field, protocol, dialect):
    """kept (the body says it otherwise), lost (told so), refused – or None, which must not be."""
    base = {"model": "gpt-5", "messages": [{"role": "user", "content": "x"}]}
    base |= {"tools": TOOLS} if field in WITH_TOOLS else {}
    request = PROTOCOL.read_request(base)
    try:
        asked = PROTOCOL.read_request(base | {field: SAMPLES[field]})
        told = protocol.write_request(asked, dialect)
    except Unsupported:
        return "refused"
    if told.body != protocol.write_request(request, dialect).body:
        return "kept"
    return "lost" if told.losses else None


@pytest.mark.parametrize("field", FIELDS)
def test_every_member_of_a_request_has_a_fate(field):
    """A member that a new version of the SDK brings fails here until it is thought of."""
    assert field in SAMPLES
    if field not in BESIDE_STREAM:
        assert fate(field, PROTOCOL, WIDE) in ("kept", "refused", "lost")
        assert fate(field, PROTOCOL, OPENAI) in ("kept", "refused", "lost")
        assert fate(field, ANTHROPIC, Dialect()) in ("kept", "refused", "lost")


CALLS = [{"id": "a", "type": "function", "function": {"name": "ls", "arguments": "{}"}}]
MARK = {"mode": "explicit"}
TEXT = {"type": "text", "text": "t"}
PNG = {"url": "data:image/png;base64,iVBORw0KGgo="}
PART_SAMPLES = {
    chat.ChatCompletionContentPartTextParam: TEXT | {"prompt_cache_breakpoint": MARK},
    chat.ChatCompletionContentPartImageParam: {
        "type": "image_url",
        "image_url": PNG | {"detail": "low"},
        "prompt_cache_breakpoint": MARK,
    },
    chat.ChatCompletionContentPartInputAudioParam: {
        "type": "input_audio",
        "input_audio": {"data": "AAAA", "format": "mp3"},
        "prompt_cache_breakpoint": MARK,
    },
    chat.chat_completion_content_part_param.File: {
        "type": "file",
        "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
        "prompt_cache_breakpoint": MARK,
    },
}
MESSAGE_SAMPLES = {
    chat.ChatCompletionDeveloperMessageParam: {"role": "developer", "content": "c", "name": "n"},
    chat.ChatCompletionSystemMessageParam: {"role": "system", "content": "c", "name": "n"},
    chat.ChatCompletionUserMessageParam: {"role": "user", "content": "c", "name": "n"},
    chat.ChatCompletionAssistantMessageParam: {
        "role": "assistant",
        "content": "c",
        "name": "n",
        "audio": {"id": "audio_1"},
        "refusal": "r",
        "function_call": {"name": "ls", "arguments": "{}"},
        "tool_calls": CALLS,
    },
    chat.ChatCompletionToolMessageParam: {"role": "tool", "tool_call_id": "a", "content": "out"},
    chat.ChatCompletionFunctionMessageParam: {"role": "function", "name": "ls", "content": "out"},
}
TOOL_SAMPLES = {
    chat.ChatCompletionFunctionToolParam: {
        "type": "function",
        "function": {"name": "ls", "description": "d", "parameters": {"type": "object"}, "strict": True},
    },
    chat.ChatCompletionCustomToolParam: {
        "type": "custom",
        "custom": {"name": "ls", "description": "d", "format": {"type": "text"}},
    },
}
ALL_SAMPLES = PART_SAMPLES | MESSAGE_SAMPLES | TOOL_SAMPLES
NEEDED = {"role", "type", "text", "image_url", "input_audio", "file", "tool_call_id", "function", "custom"}


def around(kind, sample):
    """A request that holds the sample."""
    user = {"role": "user", "content": "x"}
    if kind in TOOL_SAMPLES:
        return {"model": "m", "messages": [user], "tools": [sample]}
    if kind in PART_SAMPLES:
        return {"model": "m", "messages": [{"role": "user", "content": [sample, TEXT]}]}
    before = [{"role": "assistant", "tool_calls": CALLS}] if sample["role"] == "tool" else []
    after = [{"role": "tool", "tool_call_id": "a", "content": "out"}] if "tool_calls" in sample else []
    called = "function_call" in sample and sample.get("function_call")
    after += [{"role": "function", "name": "ls", "content": "out"}] if called else []
    if sample["role"] == "function":
        before = [{"role": "assistant", "function_call": {"name": "ls", "arguments": "{}"}}]
    return {"model": "m", "messages": [*before, sample, *after, user]}


@pytest.mark.parametrize(
    ("kind", "field"),
    [(kind, field) for kind in ALL_SAMPLES for field in sorted(typing.get_type_hints(kind))],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_every_nested_member_of_a_request_has_a_fate(kind, field):
    sample = ALL_SAMPLES[kind]
    assert field in sample
    told = PROTOCOL.write_request(PROTOCOL.read_request(around(kind, sample)), WIDE)
    if field in NEEDED or (field, sample.get("role")) == ("name", "function"):
        assert json.dumps(sample[field])[1:-1] in json.dumps(told.body) or field == "role"
        return
    without = {name: value for name, value in sample.items() if name != field}
    less = PROTOCOL.write_request(PROTOCOL.read_request(around(kind, without)), WIDE)
    assert told.body != less.body or len(told.losses) > len(less.losses)
