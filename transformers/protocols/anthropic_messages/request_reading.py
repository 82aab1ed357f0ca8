"""A client's body → hub request. Strict about types, lenient about members of the future.

Top-level members without a field in the hub become extensions under their name, nested ones under their path.
"""

from collections.abc import Callable
from typing import Final

from axonhub.transformers.effort import known_effort
from axonhub.transformers.fields import flag, integer, mapping, needed, number, objects, text, texts
from axonhub.transformers.hub.parts import Native, Text
from axonhub.transformers.hub.requests import (
    Effort,
    FunctionTool,
    HostedTool,
    OutputFormat,
    Reasoning,
    Request,
    Role,
    Sampling,
    Tool,
    ToolChoice,
    ToolReference,
    Turn,
)
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocol import Unreadable
from axonhub.transformers.protocols.anthropic_messages.block_reading import (
    Reading,
    cache_mark,
    read_blocks,
    read_text_block,
)
from axonhub.transformers.protocols.anthropic_messages.names import NAME
from axonhub.transformers.readings import Readings

_KNOWN: Final = frozenset(
    "max_tokens messages metadata model output_config output_format service_tier stop_sequences stream system "
    "temperature thinking tool_choice tools top_k top_p".split()
)
_NATIVE_ONLY: Final = ("mcp_servers",)
"""Another server's tools: an answer without them is another answer."""
_ROLES: Final[dict[str, Role]] = {"user": "user", "assistant": "assistant", "system": "system"}
_TIERS: Final = {"standard_only": "default"}
_TOOL_KEYS: Final = frozenset({"type", "name", "description", "input_schema", "strict", "cache_control"})
_MESSAGE_KEYS: Final = frozenset({"role", "content"})
_THINKING_KEYS: Final = frozenset({"type", "budget_tokens", "display"})
_OUTPUT_KEYS: Final = frozenset({"effort", "format"})
_CHOICE_KEYS: Final = frozenset({"type", "name", "disable_parallel_tool_use"})


def read_request(body: JsonObject, model: str | None, stream: bool | None, readings: Readings) -> Request:
    reading = Reading()
    turns = _turns(body, reading, readings)
    lead = next((index for index, turn in enumerate(turns) if turn.role != "system"), len(turns))
    output = mapping(body, "output_config", "") or {}
    reading.leave(output, _OUTPUT_KEYS, "output_config")
    tools = _tools(body, reading, readings)
    choice = mapping(body, "tool_choice", "")
    metadata = dict(mapping(body, "metadata", "") or {})
    user = text(metadata, "user_id", "metadata")
    metadata.pop("user_id", None)
    tier = text(body, "service_tier", "")
    return Request(
        model=model or needed(text(body, "model", ""), "model", ""),
        turns=turns[lead:],
        system=_system(body, reading) + _words(turns[:lead], reading),
        tools=tools,
        tool_choice=_tool_choice(choice, tools, reading) if choice else None,
        parallel_tool_calls=_parallel(choice) if choice else None,
        max_output_tokens=integer(body, "max_tokens", ""),
        sampling=Sampling(
            temperature=number(body, "temperature", ""),
            top_p=number(body, "top_p", ""),
            top_k=integer(body, "top_k", ""),
        ),
        stop=tuple(texts(body, "stop_sequences", "") or ()),
        stream=bool(flag(body, "stream", "")) if stream is None else stream,
        reasoning=_reasoning(body, output, reading),
        output_format=_output_format(body, output),
        user=user,
        metadata=metadata,
        service_tier=_TIERS.get(tier, tier) if tier else None,
        extensions=_extensions(body, reading),
        native_only={NAME: asked} if (asked := tuple(each for each in _NATIVE_ONLY if body.get(each))) else {},
    )


def _extensions(body: JsonObject, reading: Reading) -> dict[str, JsonObject]:
    unknown = {key: body[key] for key in body if key not in _KNOWN and body[key] is not None}
    members = unknown | reading.leftovers
    return {NAME: members} if members else {}


def _turns(body: JsonObject, reading: Reading, readings: Readings) -> tuple[Turn, ...]:
    messages = needed(objects(body, "messages", ""), "messages", "")
    return tuple(
        _once(_turn, message, f"messages[{index}]", reading, readings) for index, message in enumerate(messages)
    )


def _once[T](
    read: Callable[[JsonObject, str, Reading], T], value: JsonObject, path: str, reading: Reading, readings: Readings
) -> T:
    """Nothing that is read before it has a say in what a message or a tool means."""

    def afresh() -> tuple[T, JsonObject]:
        own = Reading()
        return read(value, path, own), own.leftovers

    found, leftovers = readings.of(path, value, afresh)
    reading.leftovers.update(leftovers)
    return found


def _turn(message: JsonObject, path: str, reading: Reading) -> Turn:
    role = needed(text(message, "role", path), "role", path)
    if role not in _ROLES:
        raise Unreadable(f"unknown role {role!r}", f"{path}.role")
    reading.leave(message, _MESSAGE_KEYS, path)
    return Turn(_ROLES[role], read_blocks(message, "content", path, reading))


def _system(body: JsonObject, reading: Reading) -> tuple[Text, ...]:
    value = body.get("system")
    if isinstance(value, str):
        return (Text(value),) if value else ()
    blocks = objects(body, "system", "") or []
    return tuple(read_text_block(block, f"system[{index}]", reading) for index, block in enumerate(blocks))


def _words(turns: tuple[Turn, ...], reading: Reading) -> tuple[Text, ...]:
    """System messages before the first other one are system prompt; what is not text in them is left over."""
    for index, turn in enumerate(turns):
        for place, part in enumerate(turn.parts):
            if not isinstance(part, Text):
                reading.leftovers[f"messages[{index}].content[{place}]"] = None
    return tuple(part for turn in turns for part in turn.parts if isinstance(part, Text))


def _tools(body: JsonObject, reading: Reading, readings: Readings) -> tuple[Tool, ...]:
    tools = objects(body, "tools", "") or []
    return tuple(_once(_tool, tool, f"tools[{index}]", reading, readings) for index, tool in enumerate(tools))


def _tool(tool: JsonObject, path: str, reading: Reading) -> Tool:
    kind = text(tool, "type", path)
    if kind is not None and kind != "custom":
        return HostedTool(kind, Native(NAME, tool), text(tool, "name", path))
    reading.leave(tool, _TOOL_KEYS, path)
    return FunctionTool(
        needed(text(tool, "name", path), "name", path),
        text(tool, "description", path),
        mapping(tool, "input_schema", path),
        flag(tool, "strict", path),
        cache=cache_mark(tool, path),
        native=Native(NAME, tool),
    )


def _tool_choice(choice: JsonObject, tools: tuple[Tool, ...], reading: Reading) -> ToolChoice:
    reading.leave(choice, _CHOICE_KEYS, "tool_choice")
    match kind := needed(text(choice, "type", "tool_choice"), "type", "tool_choice"):
        case "auto":
            return ToolChoice("auto")
        case "any":
            return ToolChoice("required")
        case "none":
            return ToolChoice("none")
        case "tool":
            name = needed(text(choice, "name", "tool_choice"), "name", "tool_choice")
            return ToolChoice("required", (_reference(name, tools),))
        case _:
            raise Unreadable(f"unknown tool_choice {kind!r}", "tool_choice.type")


def _reference(name: str, tools: tuple[Tool, ...]) -> ToolReference:
    hosted = next((tool for tool in tools if isinstance(tool, HostedTool) and tool.name == name), None)
    return ToolReference(hosted.kind, kind="hosted") if hosted else ToolReference(name)


def _parallel(choice: JsonObject) -> bool | None:
    disabled = flag(choice, "disable_parallel_tool_use", "tool_choice")
    return None if disabled is None else not disabled


def _reasoning(body: JsonObject, output: JsonObject, reading: Reading) -> Reasoning | None:
    thinking = mapping(body, "thinking", "")
    effort = _effort(output, reading)
    if thinking is None:
        return Reasoning("effort", effort) if effort else None
    reading.leave(thinking, _THINKING_KEYS, "thinking")
    display = text(thinking, "display", "thinking")
    visible = None if display is None else display != "omitted"
    match kind := needed(text(thinking, "type", "thinking"), "type", "thinking"):
        case "disabled":
            if effort:
                reading.leftovers["output_config.effort"] = effort
            return Reasoning("off")
        case "enabled":
            budget = needed(integer(thinking, "budget_tokens", "thinking"), "budget_tokens", "thinking")
            return Reasoning("budget", effort, budget, visible)
        case "adaptive":
            return Reasoning("adaptive", effort, visible=visible)
        case _:  # `between_tools`, and whatever comes: the client wants thinking
            reading.leftovers["thinking.type"] = kind
            return Reasoning("adaptive", effort, visible=visible)


def _effort(output: JsonObject, reading: Reading) -> Effort | None:
    word = text(output, "effort", "output_config")
    effort = known_effort(word) if word else None
    if word and effort is None:
        reading.leftovers["output_config.effort"] = word
    return effort


def _output_format(body: JsonObject, output: JsonObject) -> OutputFormat | None:
    """`output_format` is the member's earlier place."""
    wanted, path = mapping(output, "format", "output_config"), "output_config.format"
    if wanted is None:
        wanted, path = mapping(body, "output_format", ""), "output_format"
    if wanted is None:
        return None
    if (kind := text(wanted, "type", path)) != "json_schema":
        raise Unreadable(f"unknown format {kind!r}", f"{path}.type")
    return OutputFormat(needed(mapping(wanted, "schema", path), "schema", path))
