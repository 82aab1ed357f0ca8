"""What Anthropic's protocol can say comes back as it was said: read(write(hub)) == hub."""

import orjson
from hypothesis import given, settings, strategies as st

from axonhub.transformers import dialects
from axonhub.transformers.hub.fold import fold, unfold
from axonhub.transformers.hub.parts import (
    CacheMark,
    Document,
    Image,
    Inline,
    Link,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from axonhub.transformers.hub.requests import (
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
from axonhub.transformers.protocol import Reply, Undo
from axonhub.transformers.protocols.anthropic_messages import PROTOCOL
from axonhub.transformers.protocols.anthropic_messages.names import NAME
from axonhub.transformers.sse import SseDecoder
from tests.judges.anthropic_requests import anthropic_refusals

DIALECT = dialects.ANTHROPIC
SIGNED = "EqQBCkYIAhgCIkA" + "A" * 49
PNG = "iVBORw0KGgoAAAAA"

WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6).filter(lambda words: words.strip() == words)
MARKS = st.sampled_from([None, None, None, CacheMark(), CacheMark("5m"), CacheMark("1h")])
LOCATIONS = st.just(({"type": "char_location", "cited_text": "x", "document_index": 0},))
TEXTS = st.builds(Text, WORDS)
SAID = st.one_of(TEXTS, st.builds(Text, WORDS, annotations=LOCATIONS))
IMAGES = st.builds(Image, st.sampled_from([Inline("image/png", PNG), Link("https://a.example/i.png")]))
DOCUMENTS = st.builds(
    Document,
    st.one_of(
        st.just(Inline("application/pdf", "JVBERi0xLjcgLi4u")),
        st.just(Link("https://a.example/d.pdf")),
        st.lists(TEXTS, min_size=1, max_size=2).map(tuple),
    ),
    st.none() | WORDS,
    st.none() | WORDS,
    st.booleans(),
)
THOUGHTS = st.one_of(
    st.builds(Thinking, st.just("") | WORDS, st.just(Signature(SIGNED, "ant"))),
    st.builds(Thinking, redacted=WORDS),
)
VALUES = st.dictionaries(
    WORDS, st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | WORDS
)
ARGUMENTS = VALUES.map(lambda value: orjson.dumps(value).decode())
NAMES = st.sampled_from(["Bash", "mcp__x__y", "n" * 128])


@st.composite
def result_of(draw, call_id):
    """An error is told in text alone; one with files becomes words, see `test_anthropic_request_writing`."""
    failed = draw(st.booleans())
    return ToolResult(call_id, tuple(draw(st.lists(TEXTS if failed else TEXTS | IMAGES, max_size=2))), failed)


@st.composite
def rounds(draw):
    """A user's message, or the results of the calls before, and an answer."""
    turns, asked = [], []
    for number in range(draw(st.integers(0, 3))):
        results = [draw(result_of(call_id)) for call_id in asked]
        said = draw(st.lists(TEXTS | IMAGES | DOCUMENTS, min_size=0 if asked else 1, max_size=2))
        turns.append(Turn("user", (*results, *said)))
        if draw(st.booleans()):
            turns.append(Turn("system", (draw(TEXTS),)))
        asked = [f"toolu_{number}_{place}" for place in range(draw(st.integers(0, 2)))]
        calls = [ToolCall(call_id, draw(NAMES), draw(ARGUMENTS)) for call_id in asked]
        answer = [*draw(st.lists(THOUGHTS, max_size=1)), *draw(st.lists(SAID, min_size=0 if calls else 1, max_size=2))]
        turns.append(Turn("assistant", (*answer, *calls)))
    results = [ToolResult(call_id, (draw(TEXTS),)) for call_id in asked]
    return (*turns, Turn("user", (*results, draw(st.builds(Text, WORDS, MARKS)))))


TOOLS = st.lists(
    st.builds(
        FunctionTool,
        NAMES,
        st.none() | WORDS,
        st.just({"type": "object", "properties": {"command": {"type": "string", "minLength": 1}}}),
        cache=MARKS,
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda tool: tool.name,
).map(tuple)
CLOSED = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}


@st.composite
def requests(draw):
    tools = draw(st.just(()) | TOOLS)
    choice, parallel, reasoning, sampling = None, None, None, Sampling()
    if tools and draw(st.booleans()):
        named = ToolChoice("required", (ToolReference(tools[0].name),))
        choice = draw(st.sampled_from([ToolChoice("auto"), ToolChoice("required"), ToolChoice("none"), named]))
        parallel = draw(st.sampled_from([None, None if choice.mode == "none" else False]))
    if choice is None or choice.mode != "required":
        efforts = st.sampled_from([None, "low", "medium", "high", "xhigh", "max"])
        visible = st.sampled_from([None, True, False])
        reasoning = draw(
            st.sampled_from([None, Reasoning("off")])
            | st.builds(Reasoning, st.just("adaptive"), efforts, visible=visible)
        )
    if reasoning is None or reasoning.mode == "off":
        both = st.sampled_from([None, 0, 0.5, 1])
        sampling = draw(st.builds(Sampling, both) | st.builds(Sampling, top_p=both, top_k=st.sampled_from([None, 40])))
    return Request(
        "claude-x",
        draw(rounds()),
        tuple(draw(st.lists(st.builds(Text, WORDS), max_size=2))),
        tools,
        choice,
        parallel,
        draw(st.integers(1, 64000)),
        sampling,
        tuple(draw(st.lists(WORDS, max_size=2))),
        draw(st.booleans()),
        reasoning=reasoning,
        output_format=draw(st.sampled_from([None, OutputFormat(CLOSED)])),
        user=draw(st.none() | WORDS),
        service_tier=draw(st.sampled_from([None, "auto", "default"])),
        extensions=draw(st.sampled_from([{}, {NAME: {"context_management": {"edits": []}, "speed": "fast"}}])),
    )


@settings(max_examples=150, deadline=None)
@given(requests())
def test_a_request_comes_back_as_it_was_said(request):
    written = PROTOCOL.write_request(request, DIALECT)

    assert written.losses == ()
    assert anthropic_refusals(written.body) == []
    assert PROTOCOL.read_request(orjson.loads(orjson.dumps(written.body))) == request


def test_a_budget_comes_back_as_it_was_said():
    budget = Reasoning("budget", budget_tokens=2000, visible=True)
    request = Request("m", (Turn("user", (Text("q"),)),), max_output_tokens=9000, reasoning=budget)

    assert PROTOCOL.read_request(PROTOCOL.write_request(request, DIALECT).body) == request


COUNTS = st.integers(0, 10**9)
USAGES = st.builds(Usage, COUNTS, COUNTS, st.just(0), st.none(), COUNTS, st.none() | COUNTS) | st.builds(
    Usage, COUNTS, COUNTS, COUNTS, COUNTS.filter(bool), COUNTS, COUNTS
)


@st.composite
def responses(draw):
    calls = [ToolCall(f"toolu_{place}", draw(NAMES), draw(ARGUMENTS)) for place in range(draw(st.integers(0, 2)))]
    said = draw(st.lists(THOUGHTS | SAID, max_size=3))
    ends = [StopReason.LENGTH, StopReason.FILTER, StopReason.PAUSE]
    stop = draw(st.sampled_from([*ends, StopReason.TOOL] if calls else [*ends, StopReason.END, StopReason.SEQUENCE]))
    sequence = draw(WORDS) if stop is StopReason.SEQUENCE else None
    detail = {"type": "refusal", "category": "bio"} if stop is StopReason.FILTER else None
    return Response((*said, *calls), stop, draw(USAGES), "msg_1", "claude-x", sequence, detail)


REPLY = Reply("0123456789abcdef01234567", 1, Request("claude-x", ()))


@settings(max_examples=150, deadline=None)
@given(responses())
def test_an_answer_comes_back_as_it_was_said(response):
    body = orjson.loads(orjson.dumps(PROTOCOL.write_response(response, REPLY)))

    assert PROTOCOL.read_response(body, DIALECT, Undo()) == response


@settings(max_examples=150, deadline=None)
@given(responses())
def test_a_streamed_answer_comes_back_as_it_was_said(response):
    writer, reader = PROTOCOL.stream_writer(REPLY), PROTOCOL.stream_reader(DIALECT, Undo())
    stream = b"".join(writer.write(event) for event in unfold(response))
    read = [each for event in SseDecoder().feed(stream) for each in reader.read(event)]

    assert fold([*read, *reader.finish()]) == response
