"""The history of a request as Anthropic takes it: turns paired, its own thinking kept, blocks in its words."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from axonhub.transformers.call_ids import clean_call_id
from axonhub.transformers.dialect import Dialect
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
    Native,
    Part,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
    Video,
)
from axonhub.transformers.hub.requests import ToolReference, Turn
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.media import COMMON_IMAGES, with_true_media_type
from axonhub.transformers.pairing import paired
from axonhub.transformers.protocol import Loss, Unsupported
from axonhub.transformers.protocols.anthropic_messages.block_writing import call_input
from axonhub.transformers.protocols.anthropic_messages.names import NAME, THINKING_BLOCKS
from axonhub.transformers.reminders import reminded
from axonhub.transformers.tool_names import NameTable

_FIRST_WORDS: Final = "[The conversation so far begins with the assistant.]"
_RESULT_BLOCKS: Final = frozenset({"text", "image", "document", "search_result", "tool_reference", "browser_state"})


def history(turns: tuple[Turn, ...], dialect: Dialect, losses: list[Loss]) -> tuple[Turn, ...]:
    """The turns in the order and shape that Anthropic demands. Unsupported when no one but the system speaks."""
    if not dialect.system_in_messages:
        turns = reminded(turns)
    turns = paired(_own_thinking(turns, dialect, losses), losses, drop_blank_text=True)
    first = next((turn.role for turn in turns if turn.role != "system"), None)
    if first is None:
        raise Unsupported("Anthropic's models answer a user, and there is no user's message", "messages")
    if first == "assistant" and not dialect.assistant_first:
        losses.append(
            Loss("messages[0]", "the conversation begins with the assistant; a user's line was put before it")
        )
        turns = (Turn("user", (Text(_FIRST_WORDS),)), *turns)
    return turns


def _own_thinking(turns: tuple[Turn, ...], dialect: Dialect, losses: list[Loss]) -> tuple[Turn, ...]:
    """Without the reasoning that another provider minted or nobody signed."""
    kept: list[Turn] = []
    dropped = 0
    for turn in turns:
        if turn.role != "assistant" or not any(isinstance(part, Thinking) for part in turn.parts):
            kept.append(turn)
            continue
        parts = [part for part in turn.parts if not isinstance(part, Thinking) or _replayable(part, dialect)]
        dropped += len(turn.parts) - len(parts)
        kept.append(turn if len(parts) == len(turn.parts) else replace(turn, parts=tuple(parts)))
    if dropped:
        losses.append(Loss("messages", f"{dropped} blocks of reasoning that this provider did not sign are left out"))
    return tuple(kept)


def _replayable(part: Thinking, dialect: Dialect) -> bool:
    if not dialect.signature_origin:
        return False
    if part.redacted is not None:
        return part.signature is None or part.signature.origin == dialect.signature_origin
    return part.signature is not None and part.signature.origin == dialect.signature_origin


@dataclass(frozen=True, slots=True)
class BlockWriter:
    """Writes the blocks of one request."""

    names: NameTable
    losses: list[Loss]

    def messages(self, turns: tuple[Turn, ...]) -> list[JsonObject]:
        written = (self._message(turn, f"messages[{index}]") for index, turn in enumerate(turns))
        messages = [message for message in written if message is not None]
        if messages[-1]["role"] == "assistant":
            _trim(messages[-1]["content"])
        return messages

    def _message(self, turn: Turn, path: str) -> JsonObject | None:
        """None: all that an assistant or the system said here was another provider's own. Unsupported for a user."""
        if turn.name is not None:
            self.losses.append(Loss(f"{path}.name", "Anthropic's messages bear no name", "info"))
        blocks = self.blocks(turn.parts, path)
        while turn.role == "assistant" and blocks and _is_thinking(blocks[-1]):
            blocks.pop()
            self.lose(path, "thinking that no words follow is left out")
        if not blocks and turn.role == "user":
            raise Unsupported("nothing in this message can be said to Anthropic", path)
        return {"role": turn.role, "content": blocks} if blocks else None

    def blocks(self, parts: tuple[Part, ...], path: str) -> list[Json]:
        written = (_WRITE[type(part)](self, part, f"{path}.content[{index}]") for index, part in enumerate(parts))
        return [block for block in written if block is not None]

    def lose(self, path: str, reason: str) -> None:
        self.losses.append(Loss(path, reason))

    def _unsign(self, signature: Signature | None, path: str) -> None:
        """Anthropic signs reasoning alone: what stands at words or calls is another provider's."""
        if signature is not None:
            self.losses.append(Loss(f"{path}.signature", "another provider signed it", "info"))

    def _text(self, part: Text, path: str) -> JsonObject:
        if part.native is not None and part.native.protocol == NAME:
            return part.native.value
        self._unsign(part.signature, path)
        block: dict[str, Json] = {"type": "text", "text": part.text}
        own = [raw for raw in part.annotations if str(raw.get("type")).endswith("_location")]
        if own:
            block["citations"] = list(own)
        if len(own) < len(part.annotations):
            self.lose(path, "citations of another provider are left out")
        return _marked(block, part.cache)

    def _refusal(self, part: Refusal, path: str) -> JsonObject:
        return {"type": "text", "text": part.text}

    def _thinking(self, part: Thinking, path: str) -> JsonObject:
        if part.native is not None and part.native.protocol == NAME and _is_own(part.native.value):
            return part.native.value
        if part.redacted is not None:
            return {"type": "redacted_thinking", "data": part.redacted}
        signature = part.signature.value if part.signature else ""
        return {"type": "thinking", "thinking": part.text, "signature": signature}

    def _tool_call(self, part: ToolCall, path: str) -> JsonObject:
        call_id = clean_call_id(part.id)
        name = self.names.wire(ToolReference(part.name, part.namespace, part.kind))
        self._unsign(part.signature, path)
        native = _native(part.native)
        if native is not None and native.get("id") == call_id and native.get("name") == name:
            return native
        value = call_input(part.arguments, part.kind == "freeform")
        return _marked({"type": "tool_use", "id": call_id, "name": name, "input": value}, part.cache)

    def _tool_result(self, part: ToolResult, path: str) -> JsonObject:
        call_id = clean_call_id(part.call_id)
        native = _native(part.native)
        if native is not None and native.get("tool_use_id") == call_id and _is_sound(native.get("content")):
            return native
        block: dict[str, Json] = {"type": "tool_result", "tool_use_id": call_id}
        spoken = tuple(each for each in part.parts if not (isinstance(each, Text) and not each.text.strip()))
        match spoken:
            case ():
                if part.parts:
                    block["content"] = "".join(each.text for each in part.parts if isinstance(each, Text))
            case (Text(text, cache=None),):
                block["content"] = text
            case _:
                block["content"] = [*self._told_error(part, path), *self.blocks(spoken, path)]
        if part.is_error and all(isinstance(each, Text) for each in part.parts):
            block["is_error"] = True
        return _marked(block, part.cache)

    def _told_error(self, part: ToolResult, path: str) -> list[Json]:
        """`is_error` is refused beside anything but text: what is wrong with files is said in words."""
        if not part.is_error or all(isinstance(each, Text) for each in part.parts):
            return []
        self.losses.append(Loss(f"{path}.is_error", "a result with files is told to be an error in words", "info"))
        return [{"type": "text", "text": "Error:"}]

    def _image(self, part: Image, path: str) -> JsonObject:
        if part.detail is not None and part.detail != "auto":
            self.losses.append(Loss(f"{path}.detail", "Anthropic chooses the resolution of images itself", "info"))
        source = with_true_media_type(part.source) if isinstance(part.source, Inline) else part.source
        if isinstance(source, Inline) and source.media_type not in COMMON_IMAGES:
            raise Unsupported(f"Anthropic takes no images of type {source.media_type!r}", path)
        native = _native(part.native)
        if native is not None:
            return native if source == part.source else native | {"source": _source(source, native, path)}
        return _marked({"type": "image", "source": _source(source, native, path)}, part.cache)

    def _document(self, part: Document, path: str) -> JsonObject:
        native = _native(part.native)
        if native is not None:
            return native
        block: dict[str, Json] = {"type": "document", "source": _document_source(part.source, path)}
        if part.title is not None:
            block["title"] = part.title
        if part.context is not None:
            block["context"] = part.context
        if part.citations:
            block["citations"] = {"enabled": True}
        return _marked(block, part.cache)

    def _unheard(self, part: Audio | Video, path: str) -> JsonObject:
        raise Unsupported(f"Anthropic's models take no {type(part).__name__.lower()}", path)

    def _hosted(self, part: Hosted | Unknown, path: str) -> JsonObject | None:
        native = _native(part.native)
        if native is not None:
            return native
        self.lose(path, f"only {part.native.protocol} has {part.kind!r}")
        words = part.text if isinstance(part, Hosted) else ""
        return {"type": "text", "text": words} if words.strip() else None


_WRITE: Final[dict[type, Callable[[BlockWriter, Any, str], JsonObject | None]]] = {
    Text: BlockWriter._text,
    Refusal: BlockWriter._refusal,
    Thinking: BlockWriter._thinking,
    ToolCall: BlockWriter._tool_call,
    ToolResult: BlockWriter._tool_result,
    Image: BlockWriter._image,
    Document: BlockWriter._document,
    Audio: BlockWriter._unheard,
    Video: BlockWriter._unheard,
    Hosted: BlockWriter._hosted,
    Unknown: BlockWriter._hosted,
}


def text_block(part: Text) -> JsonObject:
    """A block of the system prompt."""
    return _native(part.native) or _marked({"type": "text", "text": part.text}, part.cache)


def cache_control(mark: CacheMark) -> JsonObject:
    return {"type": "ephemeral", "ttl": mark.ttl} if mark.ttl else {"type": "ephemeral"}


def _marked(block: JsonObject, mark: CacheMark | None) -> JsonObject:
    return block if mark is None else block | {"cache_control": cache_control(mark)}


def _native(native: Native | None) -> JsonObject | None:
    return native.value if native is not None and native.protocol == NAME else None


def _trim(blocks: Json) -> None:
    """A prefill must not end in white space."""
    if isinstance(blocks, list) and isinstance(last := blocks[-1], dict) and isinstance(words := last.get("text"), str):
        blocks[-1] = last | {"text": words.rstrip()}


def _is_thinking(block: Json) -> bool:
    return isinstance(block, dict) and block["type"] in THINKING_BLOCKS


def _is_own(block: JsonObject) -> bool:
    """A block as Anthropic minted it, not a carrier of ours."""
    return not str(block.get("signature")).startswith("gw1.")


def _is_sound(content: Json) -> bool:
    """No empty text among the blocks of a result."""
    return not isinstance(content, list) or all(
        isinstance(block, dict)
        and block.get("type") in _RESULT_BLOCKS
        and (block.get("type") != "text" or _says(block))
        for block in content
    )


def _says(block: JsonObject) -> bool:
    words = block.get("text")
    return isinstance(words, str) and bool(words.strip())


def _source(source: Media, native: JsonObject | None, path: str) -> JsonObject:
    match source:
        case Inline(media_type, data):
            return {"type": "base64", "media_type": media_type, "data": data}
        case Link(url):
            if not url.startswith(("https://", "http://")):
                raise Unsupported("Anthropic fetches http(s) addresses only", path)
            return {"type": "url", "url": url}
        case FileReference(file_id):
            if native is None:
                raise Unsupported("a file in another provider's store", path)
            return {"type": "file", "file_id": file_id}


def _document_source(source: Media | tuple[Text, ...], path: str) -> JsonObject:
    if isinstance(source, tuple):
        if len(source) == 1:
            return {"type": "text", "media_type": "text/plain", "data": source[0].text}
        return {"type": "content", "content": [text_block(part) for part in source]}
    if isinstance(source, Inline):
        source = with_true_media_type(source)
        if source.media_type.startswith("text/") or source.media_type == "application/json":
            return {"type": "text", "media_type": "text/plain", "data": _decoded(source.data, path)}
        if source.media_type != "application/pdf":
            raise Unsupported(f"Anthropic takes no documents of type {source.media_type!r}", path)
    return _source(source, None, path)


def _decoded(data: str, path: str) -> str:
    try:
        return b64decode(data, validate=True).decode()
    except (Base64Error, ValueError) as error:
        raise Unsupported("the document is no base64 of UTF-8 text", path) from error
