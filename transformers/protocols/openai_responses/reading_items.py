"""Input items → the system prompt and the turns of a hub request.

Items are flat; a turn is everything that one side says until the other one speaks. The model's reasoning, messages and
calls become one assistant turn; the outputs of its calls and a message that follows them one user turn; two messages of
a user stay two turns.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, Literal

from axonhub.transformers.carriers import carried_back, carried_call_back, carried_redacted_back
from axonhub.transformers.fields import needed, objects, text
from axonhub.transformers.hub.parts import (
    Image,
    Inline,
    Native,
    Part,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
)
from axonhub.transformers.hub.requests import Role, Turn
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import Unreadable
from axonhub.transformers.protocols.openai_responses.hosted_items import KINDS, USER_ITEMS, hosted
from axonhub.transformers.protocols.openai_responses.names import NAME, OWN_ORIGIN, SEPARATOR
from axonhub.transformers.protocols.openai_responses.reading_parts import read_content
from axonhub.transformers.protocols.openai_responses.rest import note_rest

_ROLES: Final[dict[str, Role]] = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}
_REFERENCES: Final = frozenset(("item_reference", "compaction", "compaction_trigger"))
"""Items that stand for a history which only OpenAI can read."""

_ITEM: Final = frozenset(("type", "id", "status"))
"""Id and status name and describe an item in OpenAI's store; they say nothing to a model."""
_MESSAGE: Final = _ITEM | {"role", "content"}
_CALL: Final = _ITEM | {"call_id", "name", "arguments", "input", "namespace"}
_OUTPUT: Final = _ITEM | {"call_id", "output", "name"}
_PLAIN_OUTPUT: Final = _OUTPUT - {"name"}
_REASONING: Final = _ITEM | {"summary", "content", "encrypted_content"}
_IMAGE: Final = _ITEM | {"result", "output_format"}
_LATE_TOOLS: Final = _ITEM | {"role", "tools"}
_UPDATE: Final = _ITEM | {"reasoning", "text"}


class Conversation:
    """Collects items. `rest` gets members without a hub word, `native_only` the paths that nobody else can honour."""

    def __init__(self, rest: JsonObject) -> None:
        self.system: list[Text] = []
        self.turns: list[Turn] = []
        self.native_only: list[str] = []
        self.late_tools: list[JsonObject] = []
        """Tool definitions that stand among the items."""
        self.updates: list[JsonObject] = []
        """Configuration updates among the items, oldest first."""
        self.rest = rest
        self._role: Role | None = None
        self._parts: list[Part] = []

    def read(self, item: Json, path: str) -> None:
        if not isinstance(item, dict):
            raise Unreadable("must be an object", path)
        kind = text(item, "type", path) or _untyped(item)
        if kind is None:
            raise Unreadable("is required", f"{path}.type")
        reader = _READERS.get(kind)
        if reader is not None:
            reader(self, item, path)
        elif kind in KINDS:
            self.add("user" if kind in USER_ITEMS else "assistant", hosted(kind, item))
        else:
            self._unknown(kind, item, path)

    def close(self) -> None:
        if self._role is not None and self._parts:
            self.turns.append(Turn(self._role, tuple(self._parts)))
        self._role, self._parts = None, []

    def add(self, role: Role, *parts: Part) -> None:
        if role != self._role:
            self.close()
            self._role = role
        self._parts += parts

    # -- items

    def message(self, item: JsonObject, path: str) -> None:
        role = _ROLES.get(needed(text(item, "role", path), "role", path))
        if role is None:
            raise Unreadable(f"unknown role {item['role']!r}", f"{path}.role")
        note_rest(self.rest, item, _MESSAGE, "input[]")
        parts = read_content(item.get("content"), f"{path}.content", self.rest)
        match role:
            case "system":
                self._system(parts)
            case "assistant":
                self.add("assistant", *_with_phase(parts, item))
            case "user":
                if self._parts and not isinstance(self._parts[-1], ToolResult):
                    self.close()
                self.add("user", *parts)

    def _system(self, parts: tuple[Part, ...]) -> None:
        words = [part for part in parts if isinstance(part, Text)]
        if not self.turns and self._role is None and len(words) == len(parts):
            self.system += words
        else:
            self.close()
            self.add("system", *parts)
            self.close()

    def function_call(self, item: JsonObject, path: str) -> None:
        self._call(item, path, "function", "arguments")

    def custom_call(self, item: JsonObject, path: str) -> None:
        self._call(item, path, "freeform", "input")

    def _call(self, item: JsonObject, path: str, kind: Literal["function", "freeform"], member: str) -> None:
        call = ToolCall(
            id=needed(text(item, "call_id", path), "call_id", path),
            name=needed(text(item, "name", path), "name", path),
            arguments=text(item, member, path) or "",
            kind=kind,
            namespace=text(item, "namespace", path) or None,
            item_id=text(item, "id", path) or None,
            native=None if item.keys() <= _CALL else Native(NAME, item),
        )
        note_rest(self.rest, item, _CALL, "input[]")
        self.add("assistant", call)

    def function_output(self, item: JsonObject, path: str) -> None:
        self._output(item, path, "function")

    def custom_output(self, item: JsonObject, path: str) -> None:
        self._output(item, path, "freeform")

    def _output(self, item: JsonObject, path: str, kind: Literal["function", "freeform"]) -> None:
        call_id = text(item, "call_id", path)
        if call_id is None:
            return self.add("user", Unknown(f"{item['type']} without call_id", Native(NAME, item)))
        note_rest(self.rest, item, _OUTPUT, "input[]")
        parts = read_content(item.get("output"), f"{path}.output", self.rest)
        result = ToolResult(
            call_id,
            tuple(Text(part.text) if isinstance(part, Refusal) else part for part in parts),
            name=text(item, "name", path) or None,
            kind=kind,
            native=None if item.keys() <= _PLAIN_OUTPUT else Native(NAME, item),
        )
        if self._parts and not isinstance(self._parts[-1], ToolResult):
            self.close()
        self.add("user", result)

    def reasoning(self, item: JsonObject, path: str) -> None:
        sealed = text(item, "encrypted_content", path)
        if sealed and (told := carried_call_back(sealed)):
            return self._sign(*told)
        note_rest(self.rest, item, _REASONING, "input[]")
        summary = [text(part, "text", f"{path}.summary") or "" for part in objects(item, "summary", path) or ()]
        content = [text(part, "text", f"{path}.content") or "" for part in objects(item, "content", path) or ()]
        self.add("assistant", thinking(item, SEPARATOR.join(summary or content), sealed, OWN_ORIGIN))

    def _sign(self, call_id: str, signature: Signature) -> None:
        """Puts a signature that travelled in an item of its own back on its call, or on the text before it."""
        for index in reversed(range(len(self._parts))):
            part = self._parts[index]
            if isinstance(part, ToolCall) and part.id == call_id:
                self._parts[index] = replace(part, signature=signature, native=None)
                return
            if isinstance(part, Text) and not call_id:
                self._parts[index] = replace(part, signature=signature)
                return

    def image(self, item: JsonObject, path: str) -> None:
        data = text(item, "result", path)
        note_rest(self.rest, item, _IMAGE, "input[]")
        if data:
            self.add("assistant", generated_image(item, data))

    def tools(self, item: JsonObject, path: str) -> None:
        note_rest(self.rest, item, _LATE_TOOLS, "input[]")
        self.late_tools += objects(item, "tools", path) or ()

    def update(self, item: JsonObject, path: str) -> None:
        note_rest(self.rest, item, _UPDATE, "input[]")
        self.updates.append(item)

    def reference(self, item: JsonObject, path: str) -> None:
        self.native_only.append(path)
        self.add("assistant", Unknown(str(item.get("type") or "item_reference"), Native(NAME, item)))

    def _unknown(self, kind: str, item: JsonObject, path: str) -> None:
        from_user = kind.endswith("_output") or item.get("role") == "user"
        self.add("user" if from_user else "assistant", Unknown(kind, Native(NAME, item)))


def thinking(item: JsonObject, words: str, sealed: str | None, origin: str) -> Thinking:
    """A reasoning item; what it holds encrypted may be another provider's signature on its way back."""
    item_id = text(item, "id", "") or None
    if not sealed:
        return Thinking(words, item_id=item_id, native=Native(NAME, item))
    if redacted := carried_redacted_back(sealed):
        return Thinking(words, redacted=redacted.value, item_id=item_id)
    if signature := carried_back(sealed):
        return Thinking(words, signature, item_id=item_id)
    return Thinking(words, Signature(sealed, origin), item_id=item_id, native=Native(NAME, item))


def generated_image(item: JsonObject, data: str) -> Image:
    format_ = item.get("output_format")
    media_type = f"image/{format_}" if isinstance(format_, str) and format_ else "image/png"
    return Image(Inline(media_type, data), native=Native(NAME, item))


def _untyped(item: JsonObject) -> str | None:
    """Messages and references may leave their type away."""
    if "role" in item:
        return "message"
    return "item_reference" if "id" in item else None


def _with_phase(parts: tuple[Part, ...], item: JsonObject) -> tuple[Part, ...]:
    """Marks the texts of a message that is a commentary or a final answer, for the way back to OpenAI."""
    phase = item.get("phase")
    if not isinstance(phase, str):
        return parts
    header = Native(NAME, {"phase": phase})
    return tuple(replace(part, native=header) if isinstance(part, Text) else part for part in parts)


_READERS: Final[dict[str, Callable[[Conversation, JsonObject, str], None]]] = {
    "message": Conversation.message,
    "function_call": Conversation.function_call,
    "custom_tool_call": Conversation.custom_call,
    "function_call_output": Conversation.function_output,
    "custom_tool_call_output": Conversation.custom_output,
    "reasoning": Conversation.reasoning,
    "image_generation_call": Conversation.image,
    "additional_tools": Conversation.tools,
    "configuration_update": Conversation.update,
    **dict.fromkeys(_REFERENCES, Conversation.reference),
}
