"""Content parts of messages and tool outputs → hub parts."""

from collections.abc import Callable
from typing import Final

from axonhub.transformers.fields import as_mapping, as_text, mapping, needed, text
from axonhub.transformers.hub.parts import (
    Audio,
    CacheMark,
    Document,
    FileReference,
    Image,
    Inline,
    Link,
    Media,
    Native,
    Refusal,
    Text,
    Unknown,
    annotation,
)
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.media import parse_data_url
from axonhub.transformers.protocol import Unreadable
from axonhub.transformers.protocols.openai_responses.names import NAME
from axonhub.transformers.protocols.openai_responses.rest import note_rest

type ContentPart = Text | Refusal | Image | Document | Audio | Unknown

_MARK: Final = "prompt_cache_breakpoint"
_TEXT: Final = frozenset(("type", "text", "annotations", _MARK))
_REFUSAL: Final = frozenset(("type", "refusal"))
_IMAGE: Final = frozenset(("type", "detail", _MARK))
_FILE: Final = frozenset(("type", "filename", _MARK))
_PLACE: Final = "input[].content[]"
_PLAIN: Final = frozenset(("type", "text"))
_MODE: Final = frozenset(("mode",))


def read_content(value: Json, path: str, rest: JsonObject) -> tuple[ContentPart, ...]:
    """A string or a list of parts. Unreadable for anything else, an unknown part type excepted."""
    if isinstance(value, str):
        return (Text(value),) if value else ()
    if value is None:
        return ()
    if not isinstance(value, list):
        raise Unreadable("must be a string or a list of parts", path)
    return tuple(_part(part, f"{path}[{index}]", rest) for index, part in enumerate(value))


def _part(part: Json, path: str, rest: JsonObject) -> ContentPart:
    if not isinstance(part, dict):
        raise Unreadable("must be an object", path)
    kind = needed(text(part, "type", path), "type", path)
    reader = _READERS.get(kind)
    return reader(part, path, rest) if reader else Unknown(kind, Native(NAME, part))


def _text(part: JsonObject, path: str, rest: JsonObject) -> Text:
    words = needed(text(part, "text", path), "text", path)
    if part.keys() == _PLAIN:
        return Text(words)
    note_rest(rest, part, _TEXT, _PLACE)
    return Text(words, _mark(part, path, rest), annotation(part.get("annotations")))


def _refusal(part: JsonObject, path: str, rest: JsonObject) -> Refusal:
    note_rest(rest, part, _REFUSAL, _PLACE)
    return Refusal(needed(text(part, "refusal", path), "refusal", path))


def _image(part: JsonObject, path: str, rest: JsonObject) -> Image:
    url, file_id = text(part, "image_url", path), text(part, "file_id", path)
    source: Media
    if url is not None:
        source = parse_data_url(url) or Link(url)
    elif file_id is not None:
        source = FileReference(file_id)
    else:
        raise Unreadable("image_url or file_id is required", path)
    note_rest(rest, part, _IMAGE | {"file_id" if url is None else "image_url"}, _PLACE)
    return Image(source, text(part, "detail", path), _mark(part, path, rest), Native(NAME, part))


def _file(part: JsonObject, path: str, rest: JsonObject) -> Document:
    member, source = _file_source(part, path)
    note_rest(rest, part, _FILE | {member}, _PLACE)
    return Document(source, text(part, "filename", path), cache=_mark(part, path, rest), native=Native(NAME, part))


def _file_source(part: JsonObject, path: str) -> tuple[str, Media]:
    """Where the file is, and the member that says it: one counts where several stand."""
    data, url, file_id = text(part, "file_data", path), text(part, "file_url", path), text(part, "file_id", path)
    if data is not None:
        # Bare base64 is what some clients send; its type is then told by the filename alone.
        return "file_data", parse_data_url(data) or Inline("application/pdf", data)
    if url is not None:
        return "file_url", Link(url)
    if file_id is not None:
        return "file_id", FileReference(file_id)
    raise Unreadable("file_data, file_url or file_id is required", path)


def _audio(part: JsonObject, path: str, rest: JsonObject) -> Audio:
    source = mapping(part, "input_audio", path)
    data, format_ = as_text(as_mapping(source).get("data")), as_text(as_mapping(source).get("format"))
    if data is None:
        raise Unreadable("data is required", f"{path}.input_audio")
    return Audio(Inline(f"audio/{format_ or 'wav'}", data), format_, Native(NAME, part))


def _mark(part: JsonObject, path: str, rest: JsonObject) -> CacheMark | None:
    mark = mapping(part, _MARK, path)
    if mark is None:
        return None
    note_rest(rest, mark, _MODE, f"{_PLACE}.{_MARK}")
    return CacheMark()


_READERS: Final[dict[str, Callable[[JsonObject, str, JsonObject], ContentPart]]] = {
    "input_text": _text,
    "output_text": _text,
    "text": _text,
    "refusal": _refusal,
    "input_image": _image,
    "input_file": _file,
    "input_audio": _audio,
}
