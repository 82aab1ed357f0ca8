"""The tools of a request and the choice among them, as Anthropic takes them."""

from dataclasses import dataclass
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
from axonhub.transformers.protocols.anthropic_messages.history_writing import cache_control
from axonhub.transformers.protocols.anthropic_messages.names import NAME
from axonhub.transformers.tool_names import NameTable, freeform_as_function
from axonhub.transformers.web_searches import WebSearch, web_search

_WEB_SEARCH: Final = "web_search"
"""The name that Anthropic demands of its own tool."""


@dataclass(frozen=True, slots=True)
class ToolWriter:
    """Writes the tools of one request."""

    request: Request
    dialect: Dialect
    names: NameTable
    losses: list[Loss]

    def members(self) -> JsonObject:
        """`tools` and `tool_choice`, as far as there are any."""
        tools = self._tools()
        if not tools:
            self._leave_choice()
            return {}
        return {"tools": list(tools.values()), **self._tool_choice(tools)}

    def _tools(self) -> dict[str, JsonObject]:
        """By their wire names."""
        written: dict[str, JsonObject] = {}
        for index, tool in enumerate(self._allowed()):
            wire = self._tool(tool, f"tools[{index}]")
            if wire is None:
                continue
            name = str(wire.get("name"))
            if name in written:
                self.losses.append(Loss(f"tools[{index}]", f"a second tool of the name {name!r}"))
            else:
                written[name] = wire
        return written

    def _allowed(self) -> tuple[Tool, ...]:
        """The tools that the choice leaves; Anthropic has no list of allowed ones beside the list of all."""
        tools, choice = self.request.tools, self.request.tool_choice
        if choice is None or not choice.allowed or _is_named(choice):
            return tools
        return tuple(tool for tool in tools if _reference(tool) in choice.allowed)

    def _tool(self, tool: Tool, path: str) -> JsonObject | None:
        match tool:
            case FunctionTool():
                return self._function(tool, self.names.wire(_reference(tool)), path)
            case FreeformTool():
                return self._function(freeform_as_function(tool), self.names.wire(_reference(tool)), path)
            case HostedTool():
                return self._hosted(tool, path)

    def _function(self, tool: FunctionTool, name: str, path: str) -> JsonObject:
        if tool.native is not None and tool.native.protocol == NAME and name == tool.name and tool.schema:
            return tool.native.value
        wire: dict[str, Json] = {"name": name}
        if tool.description is not None:
            wire["description"] = tool.description
        wire["input_schema"] = _input_schema(tool.schema)
        if tool.strict and self.dialect.strict_tools:
            wire["strict"] = True
        elif tool.strict:
            self.losses.append(Loss(f"{path}.strict", "arguments may stray from the schema here", "info"))
        if tool.cache is not None:
            wire["cache_control"] = cache_control(tool.cache)
        return wire

    def _hosted(self, tool: HostedTool, path: str) -> JsonObject | None:
        if tool.native.protocol == NAME:
            return tool.native.value
        search = web_search(tool)
        if search is not None and self.dialect.own_web_search:
            return self._web_search(search, path)
        choice, reference = self.request.tool_choice, _reference(tool)
        if choice is not None and choice.mode == "required" and reference in choice.allowed:
            raise Unsupported(f"Anthropic has no tool {tool.kind!r} that could be forced", "tool_choice")
        self.losses.append(Loss(path, f"only {tool.native.protocol} runs the tool {tool.kind!r}"))
        return None

    def _web_search(self, search: WebSearch, path: str) -> JsonObject:
        wire: dict[str, Json] = {"type": self.dialect.own_web_search, "name": _WEB_SEARCH}
        said = ["allowed_domains", "place", "max_uses"]
        if search.allowed_domains:
            wire["allowed_domains"] = list(search.allowed_domains)
        elif search.blocked_domains:  # one of the two, the other is a 400
            wire["blocked_domains"] = list(search.blocked_domains)
            said.append("blocked_domains")
        if search.max_uses:
            wire["max_uses"] = search.max_uses
        if search.place:
            wire["user_location"] = {"type": "approximate", **search.place}
        self.losses.extend(search.unsaid(path, *said))
        return wire

    def _tool_choice(self, known: dict[str, JsonObject]) -> JsonObject:
        choice = self.request.tool_choice
        wire = None if choice is None else self._choice(choice, known)
        if self.request.parallel_tool_calls is False and (choice is None or choice.mode != "none"):
            wire = (wire or {"type": "auto"}) | {"disable_parallel_tool_use": True}
        return {} if wire is None else {"tool_choice": wire}

    def _choice(self, choice: ToolChoice, known: dict[str, JsonObject]) -> JsonObject:
        if choice.mode == "none":
            return {"type": "none"}
        if not _is_named(choice):
            return {"type": "any" if choice.mode == "required" else "auto"}
        name = self._chosen_name(choice.allowed[0])
        if name not in known:
            raise Unsupported(f"names {name!r}, which is none of the tools", "tool_choice")
        return {"type": "tool", "name": name}

    def _chosen_name(self, chosen: ToolReference) -> str:
        if chosen.kind != "hosted":
            return self.names.wire(chosen)
        hosted = (tool for tool in self.request.tools if isinstance(tool, HostedTool) and tool.kind == chosen.name)
        tool = next(hosted, None)
        return tool.name or tool.kind if tool is not None and tool.native.protocol == NAME else _WEB_SEARCH

    def _leave_choice(self) -> None:
        """A choice without tools is a 400 there; it is needless unless it forces a tool that could not be said."""
        choice = self.request.tool_choice
        if choice is not None and choice.mode == "required" and self.request.tools:
            raise Unsupported("none of the tools, one of which must be used, can be said to Anthropic", "tool_choice")
        if choice is not None:
            self.losses.append(Loss("tool_choice", "there are no tools to choose from", "info"))


def _is_named(choice: ToolChoice) -> bool:
    return choice.mode == "required" and len(choice.allowed) == 1


def _reference(tool: Tool) -> ToolReference:
    match tool:
        case FunctionTool(name=name, namespace=namespace):
            return ToolReference(name, namespace)
        case FreeformTool(name=name, namespace=namespace):
            return ToolReference(name, namespace, "freeform")
        case HostedTool(kind=kind):
            return ToolReference(kind, kind="hosted")


def _input_schema(schema: JsonObject | None) -> JsonObject:
    if not schema:
        return {"type": "object", "properties": {}}
    return schema if "type" in schema else {"type": "object", **schema}
