"""Chat messages → system prompt and turns.

Strict about types, lenient about members it does not know. Not kept: `name` of a system message, a reference to an
earlier audio answer (both told as losses to whoever converts), members of a part beyond those that chat documents.
"""

from collections.abc import Callable
from typing import Final

from axonhub.transformers.call_ids import minted_call_id
from axonhub.transformers.carriers import carried_back
from axonhub.transformers.fields import as_mapping, as_text, mapping, member, needed, objects, text, wrong_type
from axonhub.transformers.hub.parts import (
    Audio,
    CacheMark,
    Document,
    FileReference,
    Image,
    Inline,
    Native,
    Part,
    Refusal,
    Signature,
    Text,
    ToolCall,
    ToolResult,
    Unknown,
    Video,
)
from axonhub.transformers.hub.requests import Turn
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.media import media_of_url, parse_data_url, sniffed_media_type
from axonhub.transformers.protocol import Unreadable
from axonhub.transformers.protocols.openai_chat.names import NAME
from axonhub.transformers.protocols.openai_chat.reasoning import read_thoughts

_SYSTEM: Final = frozenset(("system", "developer"))
_RESULTS: Final = frozenset(("tool", "function"))
_BREAKPOINT: Final = "messages[].content[].prompt_cache_breakpoint"


class Conversation:
    """What the messages of one request say, as it is read."""

    def __init__(self) -> None:
        self.system: list[Text] = []
        self.turns: list[Turn] = []
        self.unsaid: JsonObject = {}
        """Nested members that no part holds, by path: they become extensions."""
        self._results: list[Part] = []
        self._legacy_calls: list[ToolCall] = []

    def read(self, messages: list[JsonObject]) -> None:
        for index, message in enumerate(messages):
            path = f"messages[{index}]"
            role = needed(text(message, "role", path), "role", path)
            if role in _RESULTS:
                self._results.append(self._result(message, role, path))
                continue
            self._end_results()
            if role in _SYSTEM:
                self._system(message, path)
            elif role == "user":
                self._turn("user", read_content(message, path, self.unsaid), message, path)
            elif role == "assistant":
                self._assistant(message, path)
            else:
                raise Unreadable(f"unknown role {role!r}", f"{path}.role")
        self._end_results()

    def _end_results(self) -> None:
        """Neighbouring tool messages answer one round of calls: one turn of the user."""
        if self._results:
            self.turns.append(Turn("user", tuple(self._results)))
            self._results = []

    def _turn(self, role: str, parts: list[Part], message: JsonObject, path: str) -> None:
        name = text(message, "name", path)
        if name is not None and not parts:
            self.unsaid["messages[].name"] = name  # Writers leave out a turn that says nothing.
        self.turns.append(Turn("assistant" if role == "assistant" else "user", tuple(parts), name))

    def _system(self, message: JsonObject, path: str) -> None:
        parts = read_content(message, path, self.unsaid)
        if message.get("name") is not None:
            self.unsaid["messages[].name"] = message["name"]
        texts = [part for part in parts if isinstance(part, Text)]
        if len(texts) < len(parts):
            raise Unreadable("a system message holds text only", f"{path}.content")
        if self.turns:
            self.turns.append(Turn("system", tuple(texts)))
        else:
            self.system += texts

    def _assistant(self, message: JsonObject, path: str) -> None:
        parts: list[Part] = [*read_thoughts(message), *read_content(message, path, self.unsaid)]
        if refusal := text(message, "refusal", path):
            parts.append(Refusal(refusal))
        for index, call in enumerate(objects(message, "tool_calls", path) or ()):
            parts.append(_call(call, f"{path}.tool_calls[{index}]"))
        if (function := mapping(message, "function_call", path)) is not None:
            parts.append(self._legacy_call(function, f"{path}.function_call"))
        if message.get("audio") is not None:
            self.unsaid["messages[].audio"] = message["audio"]
        self._turn("assistant", parts, message, path)

    # -- tools

    def _legacy_call(self, function: JsonObject, path: str) -> ToolCall:
        """Calls of the age before ids: one is made of their place in the conversation."""
        name = needed(text(function, "name", path), "name", path)
        call_id = minted_call_id(name, len(self._legacy_calls), "call_")
        call = ToolCall(call_id, name, text(function, "arguments", path) or "")
        self._legacy_calls.append(call)
        return call

    def _result(self, message: JsonObject, role: str, path: str) -> ToolResult:
        name = text(message, "name", path)
        if role == "function":
            call_id = self._legacy_call_id(needed(name, "name", path))
        else:
            call_id = needed(text(message, "tool_call_id", path), "tool_call_id", path)
        parts = tuple(part for part in read_content(message, path, self.unsaid) if isinstance(part, _IN_RESULTS))
        return ToolResult(call_id, parts, name=name)

    def _legacy_call_id(self, name: str) -> str:
        calls = [call.id for call in self._legacy_calls if call.name == name]
        return calls[-1] if calls else minted_call_id(name, -1, "call_")


_IN_RESULTS: Final = (Text, Image, Document, Audio, Video, Unknown)


def _call(call: JsonObject, path: str) -> ToolCall:
    call_id = needed(text(call, "id", path), "id", path)
    signature = _signature(call)
    if (custom := mapping(call, "custom", path)) is not None:
        inner = f"{path}.custom"
        name = needed(text(custom, "name", inner), "name", inner)
        return ToolCall(call_id, name, text(custom, "input", inner) or "", "freeform", signature=signature)
    function = needed(mapping(call, "function", path), "function", path)
    inner = f"{path}.function"
    name = needed(text(function, "name", inner), "name", inner)
    return ToolCall(call_id, name, text(function, "arguments", inner) or "", signature=signature)


def _signature(call: JsonObject) -> Signature | None:
    if "extra_content" not in call:
        return None
    value = as_text(as_mapping(as_mapping(call["extra_content"]).get("google")).get("thought_signature"))
    return (carried_back(value) or Signature(value, "")) if value else None


# -- content


def read_content(message: JsonObject, path: str, unsaid: JsonObject) -> list[Part]:
    """A message's content, which is a string, a list of parts or nothing. Adds to `unsaid` what no part holds."""
    content = message.get("content")
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [Text(content)]
    if not isinstance(content, list):
        raise wrong_type(content, list, f"{path}.content")
    return [_part(part, f"{path}.content[{index}]", unsaid) for index, part in enumerate(content)]


def _part(part: Json, path: str, unsaid: JsonObject) -> Part:
    if isinstance(part, str):
        return Text(part)  # Some old clients write the list so.
    if not isinstance(part, dict):
        raise wrong_type(part, dict, path)
    kind = needed(text(part, "type", path), "type", path)
    read = _PARTS.get(kind)
    return Unknown(kind, Native(NAME, part)) if read is None else read(part, path, unsaid)


def read_cache_mark(holder: JsonObject, path: str, unsaid: JsonObject) -> CacheMark | None:
    """Anthropic's mark, which many vendors of this family take too, or OpenAI's explicit breakpoint."""
    mark = mapping(holder, "cache_control", path)
    if mark is not None:
        ttl = text(mark, "ttl", f"{path}.cache_control")
        return CacheMark("1h" if ttl == "1h" else "5m" if ttl == "5m" else None)
    breakpoint_ = mapping(holder, "prompt_cache_breakpoint", path)
    if breakpoint_ is None:
        return None
    if "ttl" in breakpoint_:
        unsaid[f"{_BREAKPOINT}.ttl"] = breakpoint_["ttl"]  # OpenAI's lifetimes are none of Anthropic's.
    return CacheMark()


def _text(part: JsonObject, path: str, unsaid: JsonObject) -> Part:
    return Text(text(part, "text", path) or "", read_cache_mark(part, path, unsaid))


def _refusal(part: JsonObject, path: str, unsaid: JsonObject) -> Part:
    return Refusal(text(part, "refusal", path) or "")


def _image(part: JsonObject, path: str, unsaid: JsonObject) -> Part:
    given = part.get("image_url")
    if isinstance(given, str):
        return Image(media_of_url(given), cache=read_cache_mark(part, path, unsaid))
    address = needed(mapping(part, "image_url", path), "image_url", path)
    inner = member(path, "image_url")
    url = needed(text(address, "url", inner), "url", inner)
    return Image(media_of_url(url), text(address, "detail", inner), read_cache_mark(part, path, unsaid))


def _audio(part: JsonObject, path: str, unsaid: JsonObject) -> Part:
    given = needed(mapping(part, "input_audio", path), "input_audio", path)
    inner = member(path, "input_audio")
    format_ = text(given, "format", inner) or "wav"
    data = needed(text(given, "data", inner), "data", inner)
    if part.get("prompt_cache_breakpoint") is not None:
        unsaid[_BREAKPOINT] = part["prompt_cache_breakpoint"]
    return Audio(Inline(f"audio/{format_}", data), format_)


def _file(part: JsonObject, path: str, unsaid: JsonObject) -> Part:
    given = needed(mapping(part, "file", path), "file", path)
    inner = member(path, "file")
    title, cache = text(given, "filename", inner), read_cache_mark(part, path, unsaid)
    data = text(given, "file_data", inner)
    if data is None:
        return Document(FileReference(needed(text(given, "file_id", inner), "file_id", inner)), title, cache=cache)
    if given.get("file_id") is not None:
        unsaid["messages[].content[].file.file_id"] = given["file_id"]
    inline = parse_data_url(data) or Inline(sniffed_media_type(data) or "application/pdf", data)
    return Document(inline, title, cache=cache)


def _video(part: JsonObject, path: str, unsaid: JsonObject) -> Part:
    given = needed(mapping(part, "video_url", path), "video_url", path)
    inner = member(path, "video_url")
    return Video(media_of_url(needed(text(given, "url", inner), "url", inner)))


_PARTS: Final[dict[str, Callable[[JsonObject, str, JsonObject], Part]]] = {
    "text": _text,
    "refusal": _refusal,
    "image_url": _image,
    "input_audio": _audio,
    "file": _file,
    "video_url": _video,
}
