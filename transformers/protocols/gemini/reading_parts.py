"""Parts of a client's history: wire → hub, strictly typed."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from axonhub.transformers.call_ids import minted_call_id
from axonhub.transformers.fields import flag, mapping, member, needed, text
from axonhub.transformers.hub.parts import (
    Audio,
    Document,
    Hosted,
    Image,
    Native,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
    Video,
)
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import Unreadable
from axonhub.transformers.protocols.gemini.arguments import arguments_text, json_text
from axonhub.transformers.protocols.gemini.media_parts import MediaPart, file_source, inline, media_part
from axonhub.transformers.protocols.gemini.names import NAME, camel, messages
from axonhub.transformers.protocols.gemini.signing import client_signature, redacted_back

CONTENT: Final = frozenset(
    "text thought thoughtSignature functionCall functionResponse inlineData fileData executableCode "
    "codeExecutionResult".split()
)
"""Members of a part that the hub holds; any other says how the part is to be taken, and only Gemini knows it."""
ANSWER: Final = frozenset("id name response parts".split())


@dataclass(slots=True)
class Calls:
    """The calls of a history while it is read: their ids, which Gemini leaves away where it can."""

    count: int = 0
    unsaid: dict[str, Json] = field(default_factory=dict)
    """Members of parts that only Gemini knows, by path, once each."""
    open: list[tuple[str, str]] = field(default_factory=list)
    """Id and name of each call without a result so far."""

    def called(self, call_id: str | None, name: str) -> str:
        known = _own_id(call_id, name) or minted_call_id(NAME, self.count, "call_")
        self.count += 1
        self.open.append((known, name))
        return known

    def answered(self, call_id: str | None, name: str) -> str:
        """The id of the call that a result answers: by id, else the first open one of this name."""
        told = _own_id(call_id, name)
        place = next((at for at, (known, _) in enumerate(self.open) if known == told), None)
        if place is None:
            place = next((at for at, (_, called) in enumerate(self.open) if called == name), None)
        if place is None:
            return told or minted_call_id(f"{NAME}:{name}", self.count, "call_")
        return self.open.pop(place)[0]


def _own_id(call_id: str | None, name: str) -> str | None:
    """The id as we gave it: Gemini CLI puts the tool's name and two underscores before each."""
    return (call_id.removeprefix(f"{name}__") or call_id) if call_id else None


def read_part(part: JsonObject, path: str, calls: Calls) -> Part:
    """One part of a turn, with members in camelCase. Unreadable."""
    for name, read in _READERS.items():
        if part.get(name) is not None:
            if not CONTENT.issuperset(part):
                _note(part, CONTENT, "contents[].parts[]", calls)
            return read(part, path, calls)
    kind = next(iter(part), "")
    if not kind:
        raise Unreadable("is empty", path)
    return Unknown(kind, Native(NAME, part))


def _note(source: JsonObject, known: frozenset[str], path: str, calls: Calls) -> None:
    for name, value in source.items():
        if name not in known and value is not None:
            calls.unsaid.setdefault(f"{path}.{name}", value)


def _own(part: JsonObject) -> Native | None:
    """The wire value, where it says more than the hub holds."""
    return None if CONTENT.issuperset(part) else Native(NAME, part)


def _text(part: JsonObject, path: str, calls: Calls) -> Part:
    words = needed(text(part, "text", path), "text", path)
    if flag(part, "thought", path):
        return redacted_back(part) or Thinking(words, client_signature(part), native=Native(NAME, part))
    return Text(words, signature=client_signature(part), native=_own(part))


def _signature_alone(part: JsonObject, path: str, calls: Calls) -> Part:
    if flag(part, "thought", path):
        return redacted_back(part) or Thinking("", client_signature(part), native=Native(NAME, part))
    return Text("", signature=client_signature(part))


def _call(part: JsonObject, path: str, calls: Calls) -> ToolCall:
    call = camel(needed(mapping(part, "functionCall", path), "functionCall", path))
    path = member(path, "functionCall")
    name = needed(text(call, "name", path), "name", path)
    arguments = arguments_text(mapping(call, "args", path))
    call_id = calls.called(text(call, "id", path), name)
    return ToolCall(call_id, name, arguments, signature=client_signature(part), native=_own(part))


def _result(part: JsonObject, path: str, calls: Calls) -> ToolResult:
    answer = camel(needed(mapping(part, "functionResponse", path), "functionResponse", path))
    path = member(path, "functionResponse")
    name = needed(text(answer, "name", path), "name", path)
    words, is_error = _said(mapping(answer, "response", path) or {})
    files = messages(answer, "parts", path)
    _note(answer, ANSWER, "contents[].parts[].functionResponse", calls)
    media = [_file_of_result(each, f"{path}.parts[{index}]", calls) for index, each in enumerate(files)]
    parts: list[Text | Image | Document | Audio | Video | Unknown] = [Text(words)] if words else []
    return ToolResult(
        calls.answered(text(answer, "id", path), name),
        (*parts, *media),
        is_error,
        name,
        native=None if ANSWER.issuperset(answer) and CONTENT.issuperset(part) else Native(NAME, part),
    )


WRAPPERS: Final = ("result", "output")
"""Members under which a response object holds the bare answer: Google's documentation says either."""


def _said(response: JsonObject) -> tuple[str, bool]:
    """The words of a function's response, and whether they tell an error."""
    if len(response) == 1:
        ((name, value),) = response.items()
        if name in WRAPPERS or name == "error":
            return _words(value), name == "error"
    return (json_text(response) if response else ""), False


def _words(value: Json) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json_text(value)


def _file_of_result(part: JsonObject, path: str, calls: Calls) -> MediaPart | Unknown:
    """A file inside a function's response."""
    _note(part, CONTENT, "contents[].parts[].functionResponse.parts[]", calls)
    if part.get("inlineData") is not None:
        return _inline(part, path, calls)
    if part.get("fileData") is not None:
        return _file(part, path, calls)
    return Unknown(next(iter(part), ""), Native(NAME, part))


def _inline(part: JsonObject, path: str, calls: Calls) -> MediaPart:
    blob = camel(needed(mapping(part, "inlineData", path), "inlineData", path))
    path = member(path, "inlineData")
    media_type = needed(text(blob, "mimeType", path), "mimeType", path)
    data = needed(text(blob, "data", path), "data", path)
    return _titled(media_part(media_type, inline(media_type, data), part), text(blob, "displayName", path), path, calls)


def _file(part: JsonObject, path: str, calls: Calls) -> MediaPart:
    file = camel(needed(mapping(part, "fileData", path), "fileData", path))
    path = member(path, "fileData")
    uri = needed(text(file, "fileUri", path), "fileUri", path)
    media_type = text(file, "mimeType", path)
    read = media_part(media_type or "", file_source(uri, media_type), part)
    return _titled(read, text(file, "displayName", path), path, calls)


def _titled(part: MediaPart, title: str | None, path: str, calls: Calls) -> MediaPart:
    """Only documents have titles in the hub."""
    if title and isinstance(part, Document):
        return replace(part, title=title)
    if title:
        calls.unsaid.setdefault(f"contents[].parts[].{path.rpartition('.')[2]}.displayName", title)
    return part


def _code(part: JsonObject, path: str, calls: Calls) -> Hosted:
    return hosted_code(part)


def hosted_code(part: JsonObject) -> Hosted:
    """Code that the provider wrote and ran, or what came out, as text that other protocols can be told."""
    kind = "executableCode" if part.get("executableCode") is not None else "codeExecutionResult"
    value = part[kind]
    said = camel(value) if isinstance(value, dict) else {}
    if kind == "executableCode":
        language = said.get("language")
        name = language.lower() if isinstance(language, str) and language != "LANGUAGE_UNSPECIFIED" else ""
        return Hosted(kind, Native(NAME, part), _fenced(name, said.get("code")))
    return Hosted(kind, Native(NAME, part), _fenced("", said.get("output")))


def _fenced(language: str, words: Json) -> str:
    return f"```{language}\n{words}\n```" if isinstance(words, str) and words else ""


_READERS: Final[dict[str, Callable[[JsonObject, str, Calls], Part]]] = {
    "functionCall": _call,
    "functionResponse": _result,
    "inlineData": _inline,
    "fileData": _file,
    "executableCode": _code,
    "codeExecutionResult": _code,
    "text": _text,
    "thoughtSignature": _signature_alone,
}


def joined(parts: list[Part]) -> tuple[Part, ...]:
    """A model's parts with the increments of a stream put together: clients keep them as they came.

    What was one block for the provider becomes one again, or its signature would not fit and white space between two
    increments would be taken for an empty block.
    """
    whole: list[Part] = []
    for part in parts:
        last = whole[-1] if whole else None
        if isinstance(part, Text) and isinstance(last, Text) and _goes_on(last, part):
            whole[-1] = replace(last, text=last.text + part.text, signature=part.signature)
        elif isinstance(part, Thinking) and isinstance(last, Thinking) and _continues(last, part):
            whole[-1] = replace(last, text=last.text + part.text, signature=part.signature)
        else:
            whole.append(part)
    return tuple(whole)


def _goes_on(last: Text, part: Text) -> bool:
    return last.signature is None and last.native is None and part.native is None


def _continues(last: Thinking, part: Thinking) -> bool:
    return last.signature is None and last.redacted is None and part.redacted is None
