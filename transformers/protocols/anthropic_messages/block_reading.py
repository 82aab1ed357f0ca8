"""Content blocks → parts. The same blocks stand in requests and in answers.

Members that a part has no field for are gathered as `leftovers`, by path: they become extensions of the request, so
that other protocols' writers record them as losses.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson

from axonhub.transformers.fields import as_items, as_mapping, as_objects, as_text, flag, mapping, member, needed, text
from axonhub.transformers.hub.parts import (
    CacheMark,
    Document,
    FileReference,
    Hosted,
    Image,
    Inline,
    Link,
    Media,
    Native,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
    annotation,
)
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import Undo, Unreadable
from axonhub.transformers.protocols.anthropic_messages.names import HOSTED_BLOCKS, NAME
from axonhub.transformers.protocols.anthropic_messages.signing import told_signature
from axonhub.transformers.tool_names import freeform_input


@dataclass(slots=True)
class Reading:
    """What one body's blocks are read with, and what reading leaves over. Not thread-safe."""

    undo: Undo = Undo()
    origin: str | None = None
    """Who signs: the channel's origin in an answer; None in a request, where each signature shows its own."""
    leftovers: JsonObject = field(default_factory=dict)
    waiting: Signature | None = None
    """Told in a block of its own, for the tool call after it."""

    def leave(self, source: Mapping[str, Json], known: frozenset[str], path: str) -> None:
        """Notes the members that nothing reads; a null says nothing."""
        if not source.keys() <= known:
            for key in source.keys() - known:
                if source[key] is not None:
                    self.leftovers[f"{path}.{key}"] = source[key]


type _ResultPart = Text | Image | Document | Unknown
type _Part = Text | Image | Document | Thinking | ToolCall | ToolResult | Hosted | Unknown


def read_blocks(source: JsonObject, key: str, path: str, reading: Reading) -> tuple[_Part, ...]:
    """The parts of `content`: a string, a list of blocks, or nothing."""
    value = source.get(key)
    if isinstance(value, str):
        return (Text(value),) if value else ()
    if value is None:
        return ()
    place = member(path, key)
    if not isinstance(value, list):
        raise Unreadable("must be a string or a list of blocks", place)
    reading.waiting = None
    parts = [read_block(block, f"{place}[{index}]", reading) for index, block in enumerate(value)]
    return tuple([part for part in parts if part is not None])


def read_block(block: Json, path: str, reading: Reading) -> _Part | None:
    """None: the block was only the envelope of a signature, which waits for the next one."""
    if not isinstance(block, dict):
        raise Unreadable("must be an object", path)
    kind = needed(text(block, "type", path), "type", path)
    read = _READERS.get(kind)
    if read is not None:
        return read(block, path, reading)
    if kind in HOSTED_BLOCKS:
        return Hosted(kind, Native(NAME, block), hosted_text(block))
    return Unknown(kind, Native(NAME, block))


def cache_mark(source: JsonObject, path: str) -> CacheMark | None:
    value = mapping(source, "cache_control", path)
    if value is None:
        return None
    ttl = value.get("ttl")
    return CacheMark("1h" if ttl == "1h" else "5m" if ttl == "5m" else None)


def argument_text(value: Json) -> str:
    """A tool's `input` as JSON text; a vendor's string is taken for the text itself."""
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps({} if value is None else value).decode()
    except orjson.JSONEncodeError:
        return json.dumps(value)  # integers beyond 64 bits, or nested deeper than orjson writes


def call_arguments(name: str, value: Json, undo: Undo) -> str:
    """The argument text of a call by its wire name: a freeform tool's bare input, else JSON."""
    words = argument_text(value)
    return freeform_input(words) if undo.reference(name).kind == "freeform" else words


def hosted_text(block: JsonObject) -> str:
    """What a provider's own tool found, as plain lines for readers of other protocols."""
    content = block.get("content")
    if isinstance(content, str):
        return content
    found = as_objects(content) or [as_mapping(content)]
    return "\n".join(line for each in found if (line := _hosted_line(each)))


def _hosted_line(found: JsonObject) -> str:
    if url := as_text(found.get("url")):
        return f"{as_text(found.get('title')) or url}: {url}"
    for key in ("text", "stdout", "stderr", "error_code"):
        if words := as_text(found.get(key)):
            return words
    return ""


_TEXT_KEYS: Final = frozenset({"type", "text", "cache_control", "citations"})
_THINKING_KEYS: Final = frozenset({"type", "thinking", "signature"})
_TOOL_USE_KEYS: Final = frozenset({"type", "id", "name", "input", "cache_control", "caller"})
_TOOL_RESULT_KEYS: Final = frozenset({"type", "tool_use_id", "content", "is_error", "cache_control"})
_IMAGE_KEYS: Final = frozenset({"type", "source", "cache_control"})
_DOCUMENT_KEYS: Final = frozenset({"type", "source", "title", "context", "citations", "cache_control"})
_SEARCH_RESULT_KEYS: Final = frozenset({"type", "source", "title", "content", "citations", "cache_control"})


def _text(block: JsonObject, path: str, reading: Reading) -> Text:
    words = text(block, "text", path) or ""
    if len(block) == 2:
        return Text(words)
    reading.leave(block, _TEXT_KEYS, path)
    return Text(words, cache_mark(block, path), annotation(block.get("citations")), native=Native(NAME, block))


def read_text_block(block: JsonObject, path: str, reading: Reading) -> Text:
    """A block of the system prompt, where nothing but text may stand."""
    kind = text(block, "type", path)
    if kind != "text":
        raise Unreadable(f"must be a text block, not {kind!r}", path)
    return _text(block, path, reading)


def _thinking(block: JsonObject, path: str, reading: Reading) -> Thinking | None:
    words, sign = text(block, "thinking", path) or "", text(block, "signature", path) or ""
    reading.leave(block, _THINKING_KEYS, path)
    if reading.origin is not None:
        return Thinking(words, Signature(sign, reading.origin) if sign else None, native=Native(NAME, block))
    signature, of_next = told_signature(sign)
    if of_next:
        reading.waiting = signature
        return None
    return Thinking(words, signature, native=Native(NAME, block))


def _redacted(block: JsonObject, path: str, reading: Reading) -> Thinking:
    return Thinking(redacted=needed(text(block, "data", path), "data", path), native=Native(NAME, block))


def _tool_use(block: JsonObject, path: str, reading: Reading) -> ToolCall:
    name = needed(text(block, "name", path), "name", path)
    value = block.get("input")
    if reading.origin is None and not isinstance(value, dict | None):
        raise Unreadable("must be an object", f"{path}.input")
    if as_mapping(block.get("caller")).get("type", "direct") != "direct":
        reading.leftovers[f"{path}.caller"] = block["caller"]
    reading.leave(block, _TOOL_USE_KEYS, path)
    reference = reading.undo.reference(name)
    signature, reading.waiting = reading.waiting, None
    return ToolCall(
        text(block, "id", path) or "",
        reference.name,
        call_arguments(name, value, reading.undo),
        "freeform" if reference.kind == "freeform" else "function",
        reference.namespace,
        cache_mark(block, path),
        signature,
        native=Native(NAME, block),
    )


def _tool_result(block: JsonObject, path: str, reading: Reading) -> ToolResult:
    reading.leave(block, _TOOL_RESULT_KEYS, path)
    content = block.get("content")
    parts = (Text(content),) if isinstance(content, str) and content else _result_parts(block, path, reading)
    return ToolResult(
        needed(text(block, "tool_use_id", path), "tool_use_id", path),
        parts,
        flag(block, "is_error", path) or False,
        cache=cache_mark(block, path),
        native=Native(NAME, block),
    )


def _result_parts(block: JsonObject, path: str, reading: Reading) -> tuple[_ResultPart, ...]:
    parts: list[_ResultPart] = []
    for index, part in enumerate(read_blocks(block, "content", path, reading)):
        match part:
            case Text() | Image() | Document() | Unknown():
                parts.append(part)
            case _:
                raise Unreadable("a tool's result holds text, images and documents", f"{path}.content[{index}]")
    return tuple(parts)


def _image(block: JsonObject, path: str, reading: Reading) -> Image:
    reading.leave(block, _IMAGE_KEYS, path)
    source = needed(mapping(block, "source", path), "source", path)
    return Image(_media(source, f"{path}.source"), cache=cache_mark(block, path), native=Native(NAME, block))


def _document(block: JsonObject, path: str, reading: Reading) -> Document:
    reading.leave(block, _DOCUMENT_KEYS, path)
    source = needed(mapping(block, "source", path), "source", path)
    return Document(
        _document_source(source, f"{path}.source", reading),
        text(block, "title", path),
        text(block, "context", path),
        _wants_citations(block, path),
        cache_mark(block, path),
        Native(NAME, block),
    )


def _search_result(block: JsonObject, path: str, reading: Reading) -> Document:
    """A document of texts; its source stands as the context, which models read too."""
    reading.leave(block, _SEARCH_RESULT_KEYS, path)
    return Document(
        _texts(block, "content", path, reading),
        text(block, "title", path),
        text(block, "source", path),
        _wants_citations(block, path),
        cache_mark(block, path),
        Native(NAME, block),
    )


def _wants_citations(block: JsonObject, path: str) -> bool:
    wanted = mapping(block, "citations", path)
    return bool(wanted and flag(wanted, "enabled", f"{path}.citations"))


def _document_source(source: JsonObject, path: str, reading: Reading) -> Media | tuple[Text, ...]:
    match source.get("type"):
        case "text":
            return (Text(needed(text(source, "data", path), "data", path)),)
        case "content":
            return _texts(source, "content", path, reading)
        case _:
            return _media(source, path)


def _texts(source: JsonObject, key: str, path: str, reading: Reading) -> tuple[Text, ...]:
    """The texts of a list of blocks; images between them are left over."""
    parts = read_blocks(source, key, path, reading)
    for index, part in enumerate(parts):
        if not isinstance(part, Text):
            reading.leftovers[f"{path}.{key}[{index}]"] = as_items(source[key])[index]
    return tuple(part for part in parts if isinstance(part, Text))


def _media(source: JsonObject, path: str) -> Media:
    match kind := text(source, "type", path):
        case "base64":
            data = needed(text(source, "data", path), "data", path)
            return Inline(text(source, "media_type", path) or "", data)
        case "url":
            return Link(needed(text(source, "url", path), "url", path))
        case "file":
            return FileReference(needed(text(source, "file_id", path), "file_id", path))
        case _:
            raise Unreadable(f"unknown source {kind!r}", path)


_READERS: Final[dict[str, Callable[[JsonObject, str, Reading], _Part | None]]] = {
    "text": _text,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
}
