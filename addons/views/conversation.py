"""A conversation as a person reads it: who said what, thinking, tool calls with their arguments, results, and the end.

Pure: hub values in, text out. Long parts are folded, older turns more than the last ones.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import assert_never

import orjson

from axonhub.addons.views.folding import NARROW, WIDE, Fold, folded, indented, one_line, rule, size
from axonhub.transformers.hub.failures import Failure
from axonhub.transformers.hub.parts import (
    Audio,
    CacheMark,
    Document,
    FileReference,
    Hosted,
    Image,
    Inline,
    Link,
    Media,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
    Video,
)
from axonhub.transformers.hub.requests import FreeformTool, FunctionTool, HostedTool, Request, Sampling, Tool, Turn
from axonhub.transformers.hub.responses import Response
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.image_size import image_size
from axonhub.transformers.json_types import Json, JsonObject

_LAST_TURNS = 4
"""So many turns from the end are shown at length."""
_SHORT = 70
"""Characters of JSON that fit on one line."""
_BIG_JSON = 64 * 1024
"""Characters of arguments from which on they are shown as they came."""


# -- requests


def request_text(request: Request) -> str:
    return "\n\n".join(chain([_asked(request)], _system(request.system), _tools(request.tools), _turns(request.turns)))


def _asked(request: Request) -> str:
    """The first lines: what is wanted of whom."""
    wishes = [
        "streamed" if request.stream else "whole answer",
        f"at most {request.max_output_tokens:,} tokens" if request.max_output_tokens is not None else "",
        _reasoning(request),
        *_sampling(request.sampling),
        f"stop at {', '.join(map(repr, request.stop))}" if request.stop else "",
        "JSON wanted" if request.output_format else "",
        f"tool choice {request.tool_choice.mode}" if request.tool_choice else "",
    ]
    head = f"asks {request.model}: {' · '.join(filter(None, wishes))}"
    labels = [
        f"user {request.user}" if request.user else "",
        *(f"{key}={value}" for key, value in request.metadata.items()),
    ]
    about = " · ".join(filter(None, labels))
    return f"{head}\n{one_line(about, 200)}" if about else head


def _reasoning(request: Request) -> str:
    if request.reasoning is None:
        return ""
    how = request.reasoning
    budget = f" {how.budget_tokens:,} tokens" if how.budget_tokens is not None else ""
    return f"thinking {how.mode}{f' {how.effort}' if how.effort else ''}{budget}"


def _sampling(sampling: Sampling) -> Iterator[str]:
    for name in ("temperature", "top_p", "top_k", "seed"):
        if (value := getattr(sampling, name)) is not None:
            yield f"{name} {value}"


def _system(system: Sequence[Text]) -> Iterator[str]:
    if system:
        yield rule("system") + "\n" + "\n".join(folded(each.text, NARROW) + _marks(each.cache) for each in system)


def _tools(tools: Sequence[Tool]) -> Iterator[str]:
    if tools:
        yield rule(f"{len(tools)} tools" if len(tools) > 1 else "1 tool") + "\n" + "\n".join(map(_tool, tools))


def _tool(tool: Tool) -> str:
    match tool:
        case FunctionTool():
            return one_line(f"{tool.name}({_parameters(tool.schema)}){_said(tool.description)}", 160) + _marks(
                tool.cache
            )
        case FreeformTool():
            return one_line(f"{tool.name}(text){_said(tool.description)}", 160)
        case HostedTool():
            return f"{tool.name or tool.kind} – run by the provider"
        case _:
            assert_never(tool)


def _parameters(schema: JsonObject | None) -> str:
    """Names; `?` behind those that may be left out."""
    properties = (schema or {}).get("properties")
    required = (schema or {}).get("required")
    needed = required if isinstance(required, list) else []
    names = list(properties) if isinstance(properties, dict) else []
    return ", ".join(name if name in needed else f"{name}?" for name in names)


def _said(description: str | None) -> str:
    return f" – {one_line(description)}" if description else ""


def _turns(turns: Sequence[Turn]) -> Iterator[str]:
    names = {part.id: part.name for turn in turns for part in turn.parts if isinstance(part, ToolCall)}
    for at, turn in enumerate(turns):
        fold = WIDE if at >= len(turns) - _LAST_TURNS else NARROW
        title = turn.role + (f" ({turn.name})" if turn.name else "")
        yield rule(title) + "\n" + "\n".join(part_text(each, fold, names) for each in turn.parts)


# -- answers


def answer_text(response: Response, failure: Failure | None, about: Iterable[str]) -> str:
    """`about`: what else is known of it, such as its cost."""
    head = f"{response.model} answers" if response.model else "answer"
    said = [part_text(each, WIDE, {}) for each in response.parts] or ["(nothing)"]
    stop = f"stopped: {response.stop.value}" + (f" at {response.stop_sequence!r}" if response.stop_sequence else "")
    end = [] if failure else [stop]
    told = usage_text(response.usage)
    end += [told] if told else []
    broken = [f"✗ broke off: {failure.kind.value}: {failure.message}"] if failure else []
    return "\n".join([rule(head), *said, "", rule("end"), *broken, *end, *about])


def failure_text(status: int, failure: Failure, about: Iterable[str]) -> str:
    code = f" ({failure.code})" if failure.code else ""
    wait = [f"retry after {failure.retry_after_s:g} s"] if failure.retry_after_s is not None else []
    words = folded(failure.message, WIDE)
    return "\n".join([rule(f"error {status}"), f"✗ {failure.kind.value}{code}: {words}", *wait, *about])


def usage_text(usage: Usage) -> str:
    """ "" when the provider told nothing."""
    if not usage.known:
        return ""
    kinds = (
        (usage.cache_read_tokens, "from cache"),
        (usage.cache_write_tokens, "written to cache"),
    )
    shares = [f"{count:,} {what}" for count, what in kinds if count]
    told = [f"{usage.input_tokens:,} tokens in" + (f" ({', '.join(shares)})" if shares else "")]
    if usage.output_tokens is not None:
        thought = f" ({usage.reasoning_tokens:,} thinking)" if usage.reasoning_tokens else ""
        told.append(f"{usage.output_tokens:,} out{thought}")
    return ", ".join(told)


# -- parts


def part_text(part: Part, fold: Fold, names: dict[str, str]) -> str:
    """`names`: of the tools, by the id of a call."""
    match part:
        case Text():
            cited = f"\n  [{len(part.annotations)} citations]" if part.annotations else ""
            return folded(part.text, fold) + cited + _marks(part.cache)
        case Refusal():
            return f"▸ refuses\n{indented(folded(part.text, fold))}"
        case Thinking():
            return _thinking(part, fold)
        case ToolCall():
            return f"▸ calls {part.name}  {part.id}\n{indented(folded(_arguments(part), fold))}" + _marks(part.cache)
        case ToolResult():
            return _result(part, fold, names)
        case Hosted():
            return _hosted(part, fold)
        case Unknown():
            return f"▸ {part.kind}\n{indented(folded(_pretty(part.native.value), fold))}"
        case Document():
            return _document(part, fold, names)
        case Image():
            return f"▸ image · {_media(part.source)}" + _marks(part.cache)
        case Audio():
            return f"▸ audio · {_media(part.source)}"
        case Video():
            return f"▸ video · {_media(part.source)}"
        case _:
            assert_never(part)


def _thinking(part: Thinking, fold: Fold) -> str:
    if part.redacted is not None:
        return f"▸ thinking · {size(len(part.redacted))} that only its provider can read"
    signed = f" · signed, {size(len(part.signature.value))}" if part.signature else ""
    return f"▸ thinking{signed}" + (f"\n{indented(folded(part.text, fold))}" if part.text else "")


def _hosted(part: Hosted, fold: Fold) -> str:
    asked = part.native.value.get("input")
    told = part.text or (_fields(asked) if isinstance(asked, dict) and asked else "")
    return f"▸ {part.kind}, run by the provider" + (f"\n{indented(folded(told, fold))}" if told else "")


def _result(part: ToolResult, fold: Fold, names: dict[str, str]) -> str:
    name = part.name or names.get(part.call_id, "")
    head = f"▸ {'error' if part.is_error else 'result'} of {name or 'a call'}  {part.call_id}"
    said = [indented(part_text(each, fold, names)) for each in part.parts]
    return "\n".join([head, *said]) + _marks(part.cache)


def _document(part: Document, fold: Fold, names: dict[str, str]) -> str:
    title = f" “{one_line(part.title)}”" if part.title else ""
    if isinstance(part.source, tuple):
        inside = "\n".join(part_text(each, fold, names) for each in part.source)
        return f"▸ document{title}\n{indented(inside)}" + _marks(part.cache)
    return f"▸ document{title} · {_media(part.source)}" + _marks(part.cache)


def _media(source: Media) -> str:
    match source:
        case Inline():
            pixels = image_size(source.data)
            shown = f" · {pixels[0]}×{pixels[1]}" if pixels else ""
            return f"{source.media_type} · {size(len(source.data) * 3 // 4 - source.data[-2:].count('='))}{shown}"
        case Link():
            return one_line(source.url, 200)
        case FileReference():
            return f"file {one_line(source.file_id)}"
        case _:
            assert_never(source)


def _arguments(call: ToolCall) -> str:
    """Pretty where they are JSON; as the model wrote them where they are not, or very long."""
    if call.kind == "freeform" or len(call.arguments) > _BIG_JSON:
        return call.arguments
    try:
        value = orjson.loads(call.arguments or "{}")
    except orjson.JSONDecodeError:
        return call.arguments
    return _fields(value) if isinstance(value, dict) else _pretty(value)


def _fields(value: JsonObject) -> str:
    """As an object of JSON, but texts of several lines stand as they are read."""
    if not value:
        return "{}"
    return "\n".join(_field(name, each) for name, each in value.items())


def _field(name: str, value: Json) -> str:
    if isinstance(value, str) and "\n" in value:
        return f"{name}: |\n{indented(value.rstrip())}"
    inside = _pretty(value)
    return f"{name}:\n{indented(inside)}" if "\n" in inside else f"{name}: {inside}"


def _pretty(value: Json) -> str:
    try:
        line = orjson.dumps(value).decode()
        return line if len(line) <= _SHORT else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONEncodeError:  # nested deeper than it writes, though it reads it
        return "(nested too deep to be shown)"


def _marks(cache: CacheMark | None) -> str:
    if cache is None:
        return ""
    return f"\n  ⌁ cached up to here{f' for {cache.ttl}' if cache.ttl else ''}"
