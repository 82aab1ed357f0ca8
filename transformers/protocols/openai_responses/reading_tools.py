"""`tools` and `tool_choice` → hub tools and choice."""

from typing import Final, Literal

from axonhub.transformers.fields import flag, mapping, needed, objects, text
from axonhub.transformers.hub.parts import Native
from axonhub.transformers.hub.requests import (
    FreeformTool,
    FunctionTool,
    HostedTool,
    Tool,
    ToolChoice,
    ToolReference,
)
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import Unreadable
from axonhub.transformers.protocols.openai_responses.names import NAME
from axonhub.transformers.protocols.openai_responses.rest import note_rest

_FUNCTION: Final = frozenset(("type", "name", "description", "parameters", "strict"))
_CUSTOM: Final = frozenset(("type", "name", "description", "format"))
_NAMESPACE: Final = frozenset(("type", "name", "tools"))
_CHOICE: Final = frozenset(("type", "name", "namespace"))
_ALLOWED: Final = frozenset(("type", "mode", "tools"))
_MODES: Final[dict[str, Literal["auto", "required", "none"]]] = {
    "auto": "auto",
    "required": "required",
    "none": "none",
    "any": "required",
}


_CLIENT_RUN: Final = frozenset(("local_shell", "shell", "apply_patch", "computer", "computer_use_preview"))
"""Tools that the client runs and only OpenAI's models know: without them the client would be helpless."""


def bound_tools(values: list[JsonObject], path: str) -> list[str]:
    """Paths of the tools without which a request is another request: those of above, and servers that OpenAI calls."""
    return [f"{path}[{index}]" for index, value in enumerate(values) if _is_bound(value)]


def _is_bound(value: JsonObject) -> bool:
    kind, environment = value.get("type"), value.get("environment")
    # A shell in a container is OpenAI's own to run.
    local = not isinstance(environment, dict) or environment.get("type") == "local"
    return kind == "mcp" or (isinstance(kind, str) and kind in _CLIENT_RUN and local)


def read_tools(values: list[JsonObject], path: str, rest: JsonObject) -> tuple[Tool, ...]:
    tools: list[Tool] = []
    for index, value in enumerate(values):
        tools += _tool(value, f"{path}[{index}]", rest)
    return tuple(tools)


def _tool(value: JsonObject, path: str, rest: JsonObject) -> list[Tool]:
    kind = needed(text(value, "type", path), "type", path)
    match kind:
        case "function" | "custom":
            return [_named(value, kind, path, None, Native(NAME, value), rest)]
        case "namespace":
            return _namespace(value, path, rest)
        case _:
            return [HostedTool(kind, Native(NAME, value), text(value, "name", path))]


def _named(
    value: JsonObject, kind: str, path: str, namespace: str | None, native: Native, rest: JsonObject
) -> FunctionTool | FreeformTool:
    name = needed(text(value, "name", path) or None, "name", path)
    description = text(value, "description", path)
    if kind == "custom":
        note_rest(rest, value, _CUSTOM, "tools[]")
        return FreeformTool(name, description, mapping(value, "format", path), namespace, native)
    note_rest(rest, value, _FUNCTION, "tools[]")
    schema, strict = mapping(value, "parameters", path), flag(value, "strict", path)
    return FunctionTool(name, description, schema, strict, namespace, native=native)


def _namespace(value: JsonObject, path: str, rest: JsonObject) -> list[Tool]:
    """The members of a group, each with the group around it as its native value: so the group can be made again."""
    name = needed(text(value, "name", path) or None, "name", path)
    # A group's description that repeats its name says nothing that could be lost.
    note_rest(rest, value, _NAMESPACE | {"description"} if value.get("description") == name else _NAMESPACE, "tools[]")
    head = {member: each for member, each in value.items() if member != "tools"}
    tools: list[Tool] = []
    for index, member in enumerate(objects(value, "tools", path) or ()):
        place = f"{path}.tools[{index}]"
        kind = text(member, "type", place) or "function"
        native = Native(NAME, {**head, "tools": [member]})
        if kind in ("function", "custom"):
            tools.append(_named(member, kind, place, name, native, rest))
        else:
            tools.append(HostedTool(kind, native, text(member, "name", place)))
    return tools


def read_choice(value: Json, rest: JsonObject) -> ToolChoice | None:
    if value is None:
        return None
    if isinstance(value, str) and value not in _MODES:
        rest["tool_choice"] = value
        return None
    if isinstance(value, str):
        return ToolChoice(_MODES[value])
    if not isinstance(value, dict):
        raise Unreadable("must be a string or an object", "tool_choice")
    if value.get("type") != "allowed_tools":
        return ToolChoice("required", (_reference(value, "tool_choice", rest),))
    note_rest(rest, value, _ALLOWED, "tool_choice")
    allowed = objects(value, "tools", "tool_choice") or []
    references = tuple(_reference(each, f"tool_choice.tools[{index}]", rest) for index, each in enumerate(allowed))
    mode = _MODES.get(text(value, "mode", "tool_choice") or "auto")
    if mode is None:
        raise Unreadable(f"unknown mode {value['mode']!r}", "tool_choice.mode")
    return ToolChoice(mode, references)


def _reference(value: JsonObject, path: str, rest: JsonObject) -> ToolReference:
    kind = needed(text(value, "type", path), "type", path)
    note_rest(rest, value, _CHOICE, "tool_choice")
    if kind not in ("function", "custom"):
        return ToolReference(kind, kind="hosted")
    name = needed(text(value, "name", path), "name", path)
    return ToolReference(name, text(value, "namespace", path), "freeform" if kind == "custom" else "function")
