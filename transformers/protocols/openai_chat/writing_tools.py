"""Tools and the choice among them → `tools`, `tool_choice` and `parallel_tool_calls`, in one vendor's dialect."""

from typing import Final

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.hub.requests import (
    FreeformTool,
    FunctionTool,
    HostedTool,
    Request,
    Tool,
    ToolChoice,
    ToolReference,
)
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import Loss, Unsupported
from axonhub.transformers.protocols.openai_chat.names import NAME
from axonhub.transformers.tool_names import NameTable, freeform_as_function
from axonhub.transformers.web_searches import WebSearch, web_search

_NO_ARGUMENTS: Final[JsonObject] = {"type": "object", "properties": {}}
_CLIENT_RUN: Final = ("bash_", "text_editor_", "memory_", "computer_")
"""Tools whose schema only the vendor's own models know, run by the client: leaving them out would leave it helpless."""


def write_tools(request: Request, dialect: Dialect, names: NameTable, body: JsonObject, losses: list[Loss]) -> None:
    """Adds tools, tool_choice and parallel_tool_calls to the body. Unsupported when a forced tool cannot be said."""
    if not request.tools:
        if request.tool_choice is not None:
            losses.append(Loss("tool_choice", "there are no tools to choose from", "info"))
        return
    choice = request.tool_choice
    tools = request.tools
    if choice is not None and choice.allowed and not _is_said_by_choice(choice, dialect):
        tools = _cut(tools, choice)
    written: list[Json] = []
    seen: set[tuple[str | None, str]] = set()
    for index, tool in enumerate(tools):
        said = _tool(tool, f"tools[{index}]", dialect, names, body, seen, losses)
        if said is not None:
            written.append(said)
    if not written:
        return _without_tools(request, losses)
    body["tools"] = written
    if choice is not None:
        body["tool_choice"] = _choice(choice, dialect, names)
    if request.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = request.parallel_tool_calls


def _without_tools(request: Request, losses: list[Loss]) -> None:
    choice = request.tool_choice
    if choice is None:
        return
    if choice.mode == "required":
        raise Unsupported("none of the tools of which one must be called exists on this channel", "tool_choice")
    losses.append(Loss("tool_choice", "no tool is left to choose from", "info"))


def _is_said_by_choice(choice: ToolChoice, dialect: Dialect) -> bool:
    """Can the choice itself name the allowed tools?"""
    return dialect.allowed_tools or (choice.mode == "required" and len(choice.allowed) == 1)


def _cut(tools: tuple[Tool, ...], choice: ToolChoice) -> tuple[Tool, ...]:
    allowed = {(each.namespace, each.name) for each in choice.allowed}
    return tuple(tool for tool in tools if _key(tool) in allowed)


def _key(tool: Tool) -> tuple[str | None, str]:
    return (None, tool.kind) if isinstance(tool, HostedTool) else (tool.namespace, tool.name)


def _tool(
    tool: Tool,
    path: str,
    dialect: Dialect,
    names: NameTable,
    body: JsonObject,
    seen: set[tuple[str | None, str]],
    losses: list[Loss],
) -> JsonObject | None:
    if isinstance(tool, HostedTool):
        return _hosted(tool, path, dialect, body, losses)
    if _key(tool) in seen:
        losses.append(Loss(path, "a second tool of the same name"))
        return None
    seen.add(_key(tool))
    if isinstance(tool, FunctionTool):
        return _function(tool, path, dialect, names, losses)
    if dialect.freeform_tools:
        return _freeform(tool, names)
    return _function(freeform_as_function(tool), path, dialect, names, losses)


def _function(tool: FunctionTool, path: str, dialect: Dialect, names: NameTable, losses: list[Loss]) -> JsonObject:
    function: JsonObject = {"name": names.wire(ToolReference(tool.name, tool.namespace))}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = tool.schema or _NO_ARGUMENTS
    if tool.strict is not None:
        if dialect.strict_tools:
            function["strict"] = tool.strict
        elif tool.strict:
            losses.append(Loss(f"{path}.strict", "this channel has no strict tools", "info"))
    if tool.cache is not None:
        losses.append(Loss(f"{path}.cache_control", "chat tools take no cache marks", "info"))
    return {"type": "function", "function": function}


def _freeform(tool: FreeformTool, names: NameTable) -> JsonObject:
    custom: JsonObject = {"name": names.wire(ToolReference(tool.name, tool.namespace, "freeform"))}
    if tool.description is not None:
        custom["description"] = tool.description
    if tool.format is not None:
        custom["format"] = _nested_format(tool.format)
    return {"type": "custom", "custom": custom}


def _nested_format(format_: JsonObject) -> JsonObject:
    """Chat nests the grammar that Responses writes flat."""
    if format_.get("type") != "grammar" or "grammar" in format_:
        return format_
    return {"type": "grammar", "grammar": {key: value for key, value in format_.items() if key != "type"}}


def _hosted(tool: HostedTool, path: str, dialect: Dialect, body: JsonObject, losses: list[Loss]) -> JsonObject | None:
    if tool.native.protocol == NAME and "web_search_options" not in tool.native.value:
        return tool.native.value
    if tool.kind.startswith(_CLIENT_RUN):
        raise Unsupported(f"the tool type {tool.kind!r} exists only at its own vendor", path)
    search = web_search(tool) if dialect.web_search else None
    if search is None:
        losses.append(Loss(path, f"this channel does not run {tool.kind!r}"))
    else:
        own = tool.native.value.get("web_search_options") if tool.native.protocol == NAME else None
        body["web_search_options"] = _search_options(search, path, losses) if own is None else own
    return None


def _search_options(search: WebSearch, path: str, losses: list[Loss]) -> JsonObject:
    losses += search.unsaid(path, "place", "context_size")
    told: JsonObject = {}
    if search.context_size is not None:
        told["search_context_size"] = search.context_size
    if search.place is not None:
        told["user_location"] = {"type": "approximate", "approximate": search.place}
    return told


def _choice(choice: ToolChoice, dialect: Dialect, names: NameTable) -> Json:
    if choice.mode == "none" or not choice.allowed:
        return choice.mode
    if choice.mode == "required" and len(choice.allowed) == 1:
        return _named(choice.allowed[0], dialect, names)
    if not dialect.allowed_tools:
        return choice.mode
    told: list[Json] = [_named(each, dialect, names) for each in choice.allowed if each.kind != "hosted"]
    return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": told}}


def _named(reference: ToolReference, dialect: Dialect, names: NameTable) -> JsonObject:
    if reference.kind == "hosted":
        raise Unsupported(f"{reference.name!r} cannot be forced on this channel", "tool_choice")
    name = names.wire(reference)
    if reference.kind == "freeform" and dialect.freeform_tools:
        return {"type": "custom", "custom": {"name": name}}
    return {"type": "function", "function": {"name": name}}
