"""Hub tools and choice → `tools`, `tool_choice` and `parallel_tool_calls`, in one vendor's dialect."""

from typing import Final

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.hub.parts import Native
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
from axonhub.transformers.protocols.openai_responses.names import NAME
from axonhub.transformers.schemas import is_strict_subset
from axonhub.transformers.tool_names import NameTable, freeform_as_function
from axonhub.transformers.web_searches import WebSearch, web_search

_NO_ARGUMENTS: Final[JsonObject] = {"type": "object", "properties": {}}
_CLIENT_RUN: Final = ("bash_", "text_editor_", "memory_", "computer_")
"""Tools whose schema only their vendor's own models know, run by the client: without them it would be helpless."""


def write_tools(request: Request, dialect: Dialect, names: NameTable, body: JsonObject, losses: list[Loss]) -> None:
    """Adds tools, tool_choice and parallel_tool_calls to the body. Unsupported when a forced tool cannot be said."""
    if not request.tools:
        if request.tool_choice is not None:
            losses.append(Loss("tool_choice", "there are no tools to choose from", "info"))
        return
    choice = request.tool_choice
    narrowed = choice is not None and bool(choice.allowed) and not _is_said_by_choice(choice, dialect)
    writer = _Writer(dialect, names, losses)
    for index, tool in enumerate(request.tools):
        if not narrowed or _key(tool) in _allowed(choice):
            writer.add(tool, f"tools[{index}]")
    if not writer.written:
        return _without_tools(choice, losses)
    body["tools"] = writer.written
    if choice is not None:
        body["tool_choice"] = _choice(choice, dialect, names, writer.hosted)
    if request.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = request.parallel_tool_calls


def echoed_tools(tools: tuple[Tool, ...]) -> list[Json]:
    """The client's own tools as a Response repeats them; what the client did not say in this protocol is left out."""
    written: list[Json] = []
    for tool in tools:
        if tool.native is not None and tool.native.protocol == NAME:
            _append_native(written, tool.native)
    return written


def _without_tools(choice: ToolChoice | None, losses: list[Loss]) -> None:
    if choice is None:
        return
    if choice.mode == "required":
        raise Unsupported("none of the tools of which one must be called exists on this channel", "tool_choice")
    losses.append(Loss("tool_choice", "no tool is left to choose from", "info"))


def _is_said_by_choice(choice: ToolChoice, dialect: Dialect) -> bool:
    """Can the choice itself name the allowed tools?"""
    return dialect.allowed_tools or (choice.mode == "required" and len(choice.allowed) == 1)


def _allowed(choice: ToolChoice | None) -> set[tuple[str | None, str]]:
    return {(each.namespace, each.name) for each in choice.allowed} if choice else set()


def _key(tool: Tool) -> tuple[str | None, str]:
    return (None, tool.kind) if isinstance(tool, HostedTool) else (tool.namespace, tool.name)


class _Writer:
    """Writes one request's tools; `hosted` has the wire type of each hosted tool by the kind that the client named."""

    def __init__(self, dialect: Dialect, names: NameTable, losses: list[Loss]) -> None:
        self.written: list[Json] = []
        self.hosted: dict[str, str] = {}
        self._dialect, self._names, self._losses = dialect, names, losses
        self._seen: set[tuple[str | None, str]] = set()

    def add(self, tool: Tool, path: str) -> None:
        if isinstance(tool, HostedTool):
            return self._hosted_tool(tool, path)
        if _key(tool) in self._seen:
            return self._losses.append(Loss(path, "a second tool of the same name"))
        self._seen.add(_key(tool))
        if tool.native is not None and self._says(tool, tool.native):
            return _append_native(self.written, tool.native)
        if isinstance(tool, FreeformTool) and not self._dialect.freeform_tools:
            tool = freeform_as_function(tool)
        written = self._function(tool, path) if isinstance(tool, FunctionTool) else self._custom(tool)
        if tool.namespace is None or not self._dialect.namespaces:
            return self.written.append(written)
        written["name"] = tool.name
        group: JsonObject = {"type": "namespace", "name": tool.namespace, "description": tool.namespace}
        _append_native(self.written, Native(NAME, {**group, "tools": [written]}))

    def _says(self, tool: FunctionTool | FreeformTool, native: Native) -> bool:
        """Is the tool's own wire value understood on this channel?"""
        if native.protocol != NAME or (tool.namespace is not None and not self._dialect.namespaces):
            return False
        return isinstance(tool, FunctionTool) or self._dialect.freeform_tools

    def _function(self, tool: FunctionTool, path: str) -> JsonObject:
        function: JsonObject = {
            "type": "function",
            "name": self._names.wire(ToolReference(tool.name, tool.namespace)),
        }
        if tool.description is not None:
            function["description"] = tool.description
        function["parameters"] = tool.schema or _NO_ARGUMENTS
        # An absent `strict` makes OpenAI require every property; what the client did not ask for is said to be off.
        function["strict"] = self._strict(tool, path)
        if tool.cache is not None:
            self._losses.append(Loss(f"{path}.cache_control", "tools take no cache marks here", "info"))
        return function

    def _strict(self, tool: FunctionTool, path: str) -> bool:
        if not tool.strict:
            return False
        if self._dialect.strict_tools and is_strict_subset(tool.schema or _NO_ARGUMENTS):
            return True
        self._losses.append(Loss(f"{path}.strict", "this channel cannot hold the model to this schema", "info"))
        return False

    def _custom(self, tool: FreeformTool) -> JsonObject:
        custom: JsonObject = {
            "type": "custom",
            "name": self._names.wire(ToolReference(tool.name, tool.namespace, "freeform")),
        }
        if tool.description is not None:
            custom["description"] = tool.description
        if tool.format is not None:
            custom["format"] = _flat_format(tool.format)
        return custom

    def _hosted_tool(self, tool: HostedTool, path: str) -> None:
        if tool.native.protocol == NAME:
            self.hosted[tool.kind] = tool.kind
            return _append_native(self.written, tool.native)
        if tool.kind.startswith(_CLIENT_RUN):
            raise Unsupported(f"the tool type {tool.kind!r} exists only at its own vendor", path)
        search = web_search(tool)
        if search is not None and self._dialect.web_search:
            self.hosted[tool.kind] = "web_search"
            self._losses += search.unsaid(path, "allowed_domains", "place", "context_size")
            return self.written.append(_web_search(search))
        self._losses.append(Loss(path, f"this channel does not run {tool.kind!r}"))


def _append_native(written: list[Json], native: Native) -> None:
    """Adds a tool's own wire value; members of one namespace that follow each other become one group again."""
    value = native.value
    last = written[-1] if written else None
    if value.get("type") == "namespace" and isinstance(last, dict) and last.get("type") == "namespace":
        members, more = last.get("tools"), value.get("tools")
        if last.get("name") == value.get("name") and isinstance(members, list) and isinstance(more, list):
            written[-1] = {**last, "tools": [*members, *more]}
            return
    written.append(value)


def _flat_format(format_: JsonObject) -> JsonObject:
    """Responses writes flat what chat nests."""
    grammar = format_.get("grammar")
    return {"type": "grammar", **grammar} if isinstance(grammar, dict) else format_


def _web_search(search: WebSearch) -> JsonObject:
    tool: JsonObject = {"type": "web_search"}
    if search.allowed_domains:
        tool["filters"] = {"allowed_domains": list(search.allowed_domains)}
    if search.place is not None:
        tool["user_location"] = {"type": "approximate", **search.place}
    if search.context_size is not None:
        tool["search_context_size"] = search.context_size
    return tool


def _choice(choice: ToolChoice, dialect: Dialect, names: NameTable, hosted: dict[str, str]) -> Json:
    if choice.mode == "none" or not choice.allowed:
        return choice.mode
    if choice.mode == "required" and len(choice.allowed) == 1:
        return _named(choice.allowed[0], dialect, names, hosted)
    if not dialect.allowed_tools:
        return choice.mode
    told: list[Json] = [
        _named(each, dialect, names, hosted) for each in choice.allowed if each.kind != "hosted" or each.name in hosted
    ]
    if not told and choice.mode == "required":
        raise Unsupported("none of the allowed tools exists on this channel", "tool_choice")
    return {"type": "allowed_tools", "mode": choice.mode, "tools": told}


def _named(reference: ToolReference, dialect: Dialect, names: NameTable, hosted: dict[str, str]) -> JsonObject:
    if reference.kind == "hosted":
        kind = hosted.get(reference.name)
        if kind is None:
            raise Unsupported(f"{reference.name!r} cannot be forced on this channel", "tool_choice")
        return {"type": kind}
    custom = reference.kind == "freeform" and dialect.freeform_tools
    named: JsonObject = {"type": "custom" if custom else "function"}
    if reference.namespace is not None and dialect.namespaces:
        named |= {"namespace": reference.namespace, "name": reference.name}
    else:
        named["name"] = names.wire(reference)
    return named
