"""Tool names on the wire: namespaces flattened, long names shortened, freeform tools as functions, undone by a table.

Everything is a pure function of the request, so the same conversation prefix gives the same bytes and a name in the
history equals the name in the tool list. Names are looked up, never split: a namespace may itself contain `__`.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import orjson

from axonhub.transformers.hub.parts import ToolCall
from axonhub.transformers.hub.requests import FreeformTool, FunctionTool, HostedTool, Tool, ToolReference, Turn
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocol import Undo

type _Key = tuple[str | None, str]

_FORBIDDEN: Final = re.compile(r"[^a-zA-Z0-9_-]")
_HASH_LENGTH: Final = 8
_FREEFORM_SCHEMA: Final[JsonObject] = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class NameTable:
    """Wire names of one request's tools. Built once a request; `wire` is a dictionary look-up."""

    limit: int
    undo: Undo
    _names: dict[_Key, str]

    @classmethod
    def of(cls, tools: tuple[Tool, ...], history: tuple[Turn, ...], limit: int) -> "NameTable":
        """Declared tools claim their names first, then those that only the history calls, each in order."""
        names: dict[_Key, str] = {}
        undo: dict[str, ToolReference] = {}
        taken: set[str] = set()
        for reference in _references(tools, history):
            key = (reference.namespace, reference.name)
            if key in names:
                continue
            name = wire_name(reference, limit)
            if name in taken:
                name = _hashed(name, f"{reference.namespace}\n{reference.name}", limit)
            taken.add(name)
            names[key] = name
            if name != reference.name or reference.namespace is not None or reference.kind != "function":
                undo[name] = reference
        return cls(limit, Undo(undo), names)

    def wire(self, reference: ToolReference) -> str:
        return self._names.get((reference.namespace, reference.name)) or wire_name(reference, self.limit)


def wire_name(reference: ToolReference, limit: int) -> str:
    """`namespace__name` when it is short and plain, else a cleaned start of it with eight hex digits of its hash."""
    full = f"{reference.namespace}__{reference.name}" if reference.namespace else reference.name
    cleaned = _FORBIDDEN.sub("_", full)
    if cleaned == full and 0 < len(full) <= limit:
        return full
    return _hashed(cleaned, full, limit)


def _hashed(cleaned: str, seed: str, limit: int) -> str:
    digest = hashlib.sha256(seed.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]
    return f"{cleaned[: limit - _HASH_LENGTH - 1]}_{digest}"


def _references(tools: tuple[Tool, ...], history: tuple[Turn, ...]) -> Iterable[ToolReference]:
    for tool in tools:
        match tool:
            case FunctionTool():
                yield ToolReference(tool.name, tool.namespace)
            case FreeformTool():
                yield ToolReference(tool.name, tool.namespace, "freeform")
            case HostedTool():
                pass
    for turn in history:
        if turn.role == "assistant":
            for part in turn.parts:
                if type(part) is ToolCall:
                    yield ToolReference(part.name, part.namespace, part.kind)


def freeform_as_function(tool: FreeformTool) -> FunctionTool:
    """A function with one string `input`, for protocols without freeform tools; its description tells the format."""
    told = [tool.description or "", _format_told(tool.format)]
    description = "\n\n".join(text for text in told if text) or None
    return FunctionTool(tool.name, description, _FREEFORM_SCHEMA, namespace=tool.namespace)


def _format_told(format_: JsonObject | None) -> str:
    if not format_ or format_.get("type") != "grammar":
        return ""
    grammar = format_.get("grammar")
    detail = grammar if isinstance(grammar, dict) else format_  # Chat nests what Responses writes flat.
    return f"The input must match this {detail.get('syntax') or ''} grammar:\n{detail.get('definition') or ''}"


def freeform_arguments(text: str) -> str:
    """The argument text of a freeform call that is sent as a function."""
    return orjson.dumps({"input": text}).decode()


def freeform_input(arguments: str) -> str:
    """The bare input of a freeform call that came back as a function; models also answer {"patch": …} or raw text."""
    try:
        value = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        for name in ("input", "patch"):
            if isinstance(value.get(name), str):
                return str(value[name])
        if not value:
            return ""
    return arguments
