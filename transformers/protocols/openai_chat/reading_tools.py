"""Chat's tools, the choice among them, and their ancestors `functions` and `function_call` → hub tools."""

from typing import Literal

from axonhub.transformers.fields import flag, mapping, needed, objects, text, wrong_type
from axonhub.transformers.hub.parts import Native
from axonhub.transformers.hub.requests import (
    FreeformTool,
    FunctionTool,
    HostedTool,
    Tool,
    ToolChoice,
    ToolReference,
)
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocol import Unreadable
from axonhub.transformers.protocols.openai_chat.names import NAME
from axonhub.transformers.protocols.openai_chat.reading_messages import read_cache_mark

type Mode = Literal["auto", "required", "none"]


def read_tools(body: JsonObject) -> tuple[Tool, ...]:
    tools = [_tool(tool, f"tools[{index}]") for index, tool in enumerate(objects(body, "tools", "") or ())]
    for index, function in enumerate(objects(body, "functions", "") or ()):
        tools.append(_function(function, function, f"functions[{index}]"))
    search = mapping(body, "web_search_options", "")
    if search is not None:
        native: JsonObject = {"type": "web_search", "web_search_options": search}
        tools.append(HostedTool("web_search", Native(NAME, native)))
    return tuple(tools)


def _tool(tool: JsonObject, path: str) -> Tool:
    kind = needed(text(tool, "type", path), "type", path)
    if kind == "function":
        function = needed(mapping(tool, "function", path), "function", path)
        return _function(function, tool, f"{path}.function")
    if kind == "custom":
        custom = needed(mapping(tool, "custom", path), "custom", path)
        inner = f"{path}.custom"
        name = needed(text(custom, "name", inner), "name", inner)
        format_ = mapping(custom, "format", inner)
        return FreeformTool(name, text(custom, "description", inner), format_, native=Native(NAME, tool))
    return HostedTool(kind, Native(NAME, tool), text(tool, "name", path))


def _function(function: JsonObject, tool: JsonObject, path: str) -> FunctionTool:
    return FunctionTool(
        needed(text(function, "name", path), "name", path),
        text(function, "description", path),
        mapping(function, "parameters", path),
        flag(function, "strict", path),
        cache=read_cache_mark(tool, path, {}),
        native=Native(NAME, tool),
    )


def read_tool_choice(body: JsonObject) -> ToolChoice | None:
    name = "tool_choice" if body.get("tool_choice") is not None else "function_call"
    choice = body.get(name)
    if choice is None:
        return None
    if isinstance(choice, str):
        return ToolChoice(_mode(choice, name))
    if not isinstance(choice, dict):
        raise wrong_type(choice, dict, name)
    if name == "function_call":
        return ToolChoice("required", (ToolReference(needed(text(choice, "name", name), "name", name)),))
    if choice.get("type") == "allowed_tools":
        return _allowed(choice)
    return ToolChoice("required", (_reference(choice, name),))


def _mode(word: str, path: str) -> Mode:
    match word:
        case "auto" | "none" | "required":
            return word
        case "any":  # Mistral's word
            return "required"
    raise Unreadable(f"unknown choice {word!r}", path)


def _allowed(choice: JsonObject) -> ToolChoice:
    path = "tool_choice.allowed_tools"
    allowed = needed(mapping(choice, "allowed_tools", "tool_choice"), "allowed_tools", "tool_choice")
    mode = _mode(text(allowed, "mode", path) or "auto", f"{path}.mode")
    tools = objects(allowed, "tools", path) or ()
    return ToolChoice(mode, tuple(_reference(tool, f"{path}.tools[{index}]") for index, tool in enumerate(tools)))


def _reference(choice: JsonObject, path: str) -> ToolReference:
    kind = needed(text(choice, "type", path), "type", path)
    if kind not in ("function", "custom"):
        return ToolReference(kind, kind="hosted")
    named = needed(mapping(choice, kind, path), kind, path)
    name = needed(text(named, "name", f"{path}.{kind}"), "name", f"{path}.{kind}")
    return ToolReference(name, kind="function" if kind == "function" else "freeform")
