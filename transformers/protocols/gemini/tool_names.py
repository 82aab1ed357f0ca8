"""Function names that Gemini takes: short and plain, and beginning with a letter or an underscore."""

from dataclasses import dataclass
from typing import Final

from axonhub.transformers.hub.requests import FreeformTool, FunctionTool, Request, ToolReference
from axonhub.transformers.protocol import Undo
from axonhub.transformers.tool_names import NameTable

_PREFIX: Final = "_"


@dataclass(frozen=True, slots=True)
class Names:
    """One request's names on the wire."""

    undo: Undo
    _table: NameTable

    @classmethod
    def of(cls, request: Request, limit: int) -> "Names":
        # One character less, so that there is always room for the prefix.
        table = NameTable.of(request.tools, request.turns, limit - len(_PREFIX))
        undone = {_startable(name): reference for name, reference in table.undo.tools.items()}
        for tool in request.tools:
            if isinstance(tool, FunctionTool | FreeformTool):
                wire = table.wire(ToolReference(tool.name, tool.namespace))
                if _startable(wire) != wire:
                    undone.setdefault(_startable(wire), table.undo.reference(wire))
        return cls(Undo(undone), table)

    def wire(self, reference: ToolReference) -> str:
        return _startable(self._table.wire(reference))


def _startable(name: str) -> str:
    return name if name[:1].isalpha() or name[:1] == "_" else f"{_PREFIX}{name}"
