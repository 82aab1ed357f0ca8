"""Hub values for property tests: what each protocol can say without loss, and what the hub can hold at all."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import orjson
from hypothesis import strategies as st

from axonhub.transformers.hub.parts import (
    Audio,
    CacheMark,
    Document,
    FileReference,
    Hosted,
    Image,
    Inline,
    Link,
    Native,
    Part,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
    Video,
)
from axonhub.transformers.hub.requests import (
    FreeformTool,
    FunctionTool,
    HostedTool,
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

type Values[T] = st.SearchStrategy[T]

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"0" * 12).decode()
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}

words = (
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=10)
    .map(str.strip)
    .filter(lambda text: text and text[0] not in "{[")
)
"""Never blank and without white space at the ends, which some providers refuse; no JSON."""
names = st.from_regex(r"[a-z][a-zA-Z0-9_]{0,7}", fullmatch=True)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2),
    max_leaves=4,
)
arguments = st.dictionaries(names, json_values, max_size=3).map(lambda value: orjson.dumps(value).decode())


@dataclass(frozen=True)
class Can:
    """What of the hub one protocol can say and read back as it was."""

    thinking: Values[Thinking] = field(default_factory=st.nothing)
    detail: str | None = None
    images_in_results: bool = True
    errors: bool = True
    files_in_errors: bool = True
    result_names: bool = False
    cache: Values[CacheMark | None] = field(default_factory=st.none)
    reasoning: Values[Reasoning | None] = field(default_factory=st.none)
    output_format: Values[OutputFormat | None] = field(default_factory=st.none)
    sampling: Values[Sampling] = field(default_factory=lambda: st.just(Sampling()))
    stop: bool = True
    user: bool = True
    strict_tools: Values[bool | None] = field(default_factory=st.none)
    parallel: bool = True
    several_systems: bool = True


@st.composite
def requests(draw: st.DrawFn, can: Can) -> Request:
    declared = draw(st.lists(names, max_size=3, unique_by=str.lower))
    tools = tuple(
        FunctionTool(name, draw(st.none() | words), SCHEMA, draw(can.strict_tools), cache=draw(can.cache))
        for name in declared
    )
    reasoning = draw(can.reasoning)
    choice = draw(choices(declared, reasoning is not None)) if declared else None
    return Request(
        "some-model",
        draw(conversations(can, declared)),
        tuple(Text(text, draw(can.cache)) for text in draw(st.lists(words, max_size=2 if can.several_systems else 1))),
        tools,
        choice,
        draw(st.sampled_from([None, False])) if can.parallel and choice and choice.mode != "none" else None,
        draw(st.integers(4000, 9000)),
        draw(can.sampling) if reasoning is None else Sampling(),
        tuple(draw(st.lists(words, max_size=3, unique=True))) if can.stop else (),
        reasoning=reasoning,
        output_format=draw(can.output_format),
        user=draw(st.none() | names) if can.user else None,
    )


def choices(declared: list[str], thinks: bool) -> Values[ToolChoice | None]:
    free = [None, ToolChoice("auto"), ToolChoice("none")]
    forced = [ToolChoice("required"), ToolChoice("required", (ToolReference(declared[0]),))]
    return st.sampled_from(free if thinks else free + forced)


@st.composite
def conversations(draw: st.DrawFn, can: Can, declared: list[str]) -> tuple[Turn, ...]:
    turns = [Turn("user", draw(user_parts(can)))]
    for number in range(draw(st.integers(0, 2))):
        spoken, calls = draw(answers(can, declared, number))
        results = [draw(result_of(call, can)) for call in calls]
        said = draw(user_parts(can)) if not results or draw(st.booleans()) else ()
        turns += [Turn("assistant", (*spoken, *calls)), Turn("user", (*results, *said))]
    return tuple(turns)


def user_parts(can: Can) -> Values[tuple[Part, ...]]:
    text = st.builds(Text, words, can.cache)
    image = st.builds(Image, st.just(Inline("image/png", PNG)), st.just(can.detail))
    texts = st.lists(text, min_size=1, max_size=2)
    return st.builds(lambda said, shown: (*said, *shown), texts, st.lists(image, max_size=1))


@st.composite
def answers(
    draw: st.DrawFn, can: Can, declared: list[str], number: int
) -> tuple[tuple[Part, ...], tuple[ToolCall, ...]]:
    thought = draw(st.none() | can.thinking)
    calls = tuple(
        ToolCall(f"call_{number}_{index}", name, draw(arguments))
        for index, name in enumerate(draw(st.lists(st.sampled_from(declared), max_size=2)) if declared else [])
    )
    text = draw(words) if not calls or draw(st.booleans()) else None
    return tuple(filter(None, (thought, Text(text) if text else None))), calls


@st.composite
def result_of(draw: st.DrawFn, call: ToolCall, can: Can) -> ToolResult:
    parts: list[Text | Image] = [Text(draw(words))]
    if can.images_in_results and draw(st.booleans()):
        parts.append(Image(Inline("image/png", PNG), can.detail))
    failed = can.errors and (can.files_in_errors or len(parts) == 1) and draw(st.booleans())
    return ToolResult(call.id, tuple(parts), failed, call.name if can.result_names else None)


@st.composite
def responses(draw: st.DrawFn, thinking: Values[Thinking], usage: Values[Usage]) -> Response:
    """Whole answers that every protocol can say."""
    thought = draw(st.none() | thinking)
    text = draw(st.none() | words.map(Text))
    calls = tuple(
        ToolCall(f"call_{index}", name, draw(arguments)) for index, name in enumerate(draw(st.lists(names, max_size=3)))
    )
    stop = draw(st.sampled_from([StopReason.LENGTH, StopReason.TOOL if calls else StopReason.END]))
    return Response(tuple(filter(None, (thought, text))) + calls, stop, draw(usage), "id_1", "some-model")


def merged(request: Request) -> tuple[Turn, ...]:
    """Neighbours of one role as one: protocols differ in where they draw the line, not in what they mean."""
    turns: list[Turn] = []
    for turn in request.turns:
        if turns and turns[-1].role == turn.role:
            turns[-1] = Turn(turn.role, turns[-1].parts + turn.parts)
        else:
            turns.append(turn)
    return tuple(turns)


# -- whatever the hub can hold

_origins = st.sampled_from(["ant", "gem-aistudio", "gem-vertex", "oai", "orouter", ""])
_protocols = st.sampled_from(
    ["anthropic/messages", "openai/chat", "openai/responses", "gemini/generate_content", "x/y"]
)
_any_text = st.text(max_size=6)
_signatures = st.none() | st.builds(Signature, _any_text, _origins)
_natives = st.builds(
    lambda protocol, more: Native(protocol, {**more, "type": "novel", "id": "x_1"}),
    _protocols,
    st.dictionaries(names, json_values, max_size=2),
)
"""Wire values come from readers, which saw a type and an id."""
_media = (
    st.builds(Inline, st.sampled_from(["image/png", "application/pdf", "audio/wav", "", "x"]), _any_text)
    | st.builds(Link, _any_text, st.none() | st.just("image/png"))
    | st.builds(FileReference, _any_text)
)
_marks = st.none() | st.builds(CacheMark, st.sampled_from([None, "5m", "1h"]))
_annotations = st.lists(
    st.fixed_dictionaries({"type": st.sampled_from(["url_citation", "x"])}, optional={"url": json_values}), max_size=2
).map(tuple)
_texts = st.builds(Text, _any_text, _marks, _annotations, _signatures)
_documents = st.builds(Document, _media | st.lists(_texts, max_size=2).map(tuple), st.none() | _any_text)
_any_result_part = (
    _texts
    | st.builds(Image, _media, st.none() | _any_text)
    | _documents
    | st.builds(Audio, _media)
    | st.builds(Video, _media)
    | st.builds(Unknown, _any_text, _natives)
)
any_part: Values[Part] = (
    _any_result_part
    | st.builds(Refusal, _any_text)
    | st.builds(Thinking, _any_text, _signatures, st.none() | _any_text, st.none() | _any_text)
    | st.builds(
        ToolCall,
        st.sampled_from(["a", "b", "c.d", ""]),
        _any_text,
        _any_text | arguments,
        st.sampled_from(["function", "freeform"]),
        st.none() | _any_text,
        signature=_signatures,
    )
    | st.builds(
        ToolResult,
        st.sampled_from(["a", "b", "c.d", ""]),
        st.lists(_any_result_part, max_size=2).map(tuple),
        st.booleans(),
        st.none() | _any_text,
        st.sampled_from(["function", "freeform"]),
    )
    | st.builds(Hosted, _any_text, _natives, _any_text)
)
_tools = (
    st.builds(
        FunctionTool, _any_text, st.none() | _any_text, st.none() | st.dictionaries(names, json_values, max_size=2)
    )
    | st.builds(FreeformTool, _any_text, st.none() | _any_text)
    | st.builds(HostedTool, st.sampled_from(["web_search", "web_search_20250305", "bash_20250124", "x"]), _natives)
)
_extensions: Values[Mapping[str, dict]] = st.dictionaries(
    _protocols, st.dictionaries(names, json_values, max_size=2), max_size=2
)
any_request = st.builds(
    Request,
    st.just("m"),
    st.lists(
        st.builds(
            Turn,
            st.sampled_from(["user", "assistant", "system"]),
            st.lists(any_part, max_size=3).map(tuple),
            st.none() | _any_text,
        ),
        max_size=4,
    ).map(tuple),
    st.lists(_texts, max_size=2).map(tuple),
    st.lists(_tools, max_size=3).map(tuple),
    st.none()
    | st.builds(
        ToolChoice,
        st.sampled_from(["auto", "required", "none"]),
        st.lists(
            st.builds(
                ToolReference, _any_text, st.none() | _any_text, st.sampled_from(["function", "freeform", "hosted"])
            ),
            max_size=2,
        ).map(tuple),
    ),
    reasoning=st.none()
    | st.builds(
        Reasoning,
        st.sampled_from(["off", "adaptive", "budget", "effort"]),
        st.none() | st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"]),
        st.none() | st.integers(0, 100_000),
        st.none() | st.booleans(),
    ),
    max_output_tokens=st.none() | st.integers(1, 100_000),
    output_format=st.none() | st.builds(OutputFormat, st.none() | st.just(SCHEMA), st.none() | _any_text),
    stop=st.lists(_any_text, max_size=7).map(tuple),
    extensions=_extensions,
)


def _named(call: ToolCall) -> ToolCall:
    return replace(call, id=call.id or "c", name=call.name or "f", kind="function")


def _read_by_a_reader(response: Response) -> Response:
    """Readers name every call; an answer with calls stops for them unless it was cut off. All tools were functions."""
    parts = tuple(_named(part) if isinstance(part, ToolCall) else part for part in response.parts)
    called = any(isinstance(part, ToolCall) for part in parts)
    stop = StopReason.TOOL if called and response.stop not in (StopReason.LENGTH, StopReason.FILTER) else response.stop
    return replace(response, parts=parts, stop=stop)


any_response = st.builds(
    Response,
    st.lists(any_part, max_size=4).map(tuple),
    st.sampled_from(StopReason),
    st.builds(Usage, *[st.none() | st.integers(0, 9999)] * 6),
    st.none() | _any_text,
    st.none() | _any_text,
    st.none() | _any_text,
).map(_read_by_a_reader)
