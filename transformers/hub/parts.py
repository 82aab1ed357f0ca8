"""Parts: the ordered contents of a turn, in words that no single vendor owns.

A part keeps `native`, the wire value it was read from, so that an exit of the same protocol can give it back unchanged.
`native` never takes part in equality: two parts are equal when they mean the same.
"""

from dataclasses import dataclass, field
from typing import Literal

from axonhub.transformers.hub.logprobs import TokenLogprob
from axonhub.transformers.json_types import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Native:
    """The wire value of a part and the protocol that it is written in."""

    protocol: str
    value: JsonObject


@dataclass(frozen=True, slots=True)
class Signature:
    """A provider's opaque proof over its own output; worth something only at the provider that minted it."""

    value: str
    origin: str
    """Who minted it: `ant`, `gem-aistudio`, `gem-vertex`, `oai`, `orouter`; "" when nobody said."""


@dataclass(frozen=True, slots=True)
class CacheMark:
    """The caller's wish that the provider caches the prompt up to here."""

    ttl: Literal["5m", "1h"] | None = None
    """None: the caller named no time, the provider's default holds."""


@dataclass(frozen=True, slots=True)
class Inline:
    """Bytes inside the request, base64 as the client sent it."""

    media_type: str
    data: str


@dataclass(frozen=True, slots=True)
class Link:
    """An address that the provider fetches; we never do."""

    url: str
    media_type: str | None = None


@dataclass(frozen=True, slots=True)
class FileReference:
    """A file in one vendor's own store: means nothing to another vendor."""

    file_id: str


type Media = Inline | Link | FileReference


@dataclass(frozen=True, slots=True)
class Text:
    """Words. `annotations` are citations in the shape of the protocol that they came from."""

    text: str
    cache: CacheMark | None = None
    annotations: tuple[JsonObject, ...] = ()
    signature: Signature | None = None
    """Gemini signs text parts too."""
    logprobs: tuple[TokenLogprob, ...] = ()
    """Of an answer's text, where the client asked and the provider told."""
    native: Native | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The model's words for declining, where a protocol tells them apart from text."""

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()
    native: Native | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Image:
    source: Media
    detail: str | None = None
    cache: CacheMark | None = None
    native: Native | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Document:
    """A file to read: PDF and the like as Media, plain text as Text parts, search results as Text parts with a
    source."""

    source: Media | tuple[Text, ...]
    title: str | None = None
    context: str | None = None
    citations: bool = False
    """The caller wants answers to cite this document."""
    cache: CacheMark | None = None
    native: Native | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Audio:
    source: Media
    format: str | None = None
    native: Native | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Video:
    source: Media
    native: Native | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Thinking:
    """The model's reasoning: readable text, a signature, or both; `redacted` holds text that only its provider can
    read."""

    text: str = ""
    signature: Signature | None = None
    redacted: str | None = None
    item_id: str | None = None
    """The id of an OpenAI Responses reasoning item; never invented."""
    native: Native | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a tool. `arguments` stays JSON text: big integers, key order and broken JSON survive."""

    id: str
    name: str
    arguments: str
    """JSON text for a function; the bare input for a freeform tool. "" while a stream has not told yet."""
    kind: Literal["function", "freeform"] = "function"
    namespace: str | None = None
    cache: CacheMark | None = None
    signature: Signature | None = None
    item_id: str | None = None
    """The id of an OpenAI Responses item, which differs from the call's id."""
    native: Native | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What the client's tool answered to the call with this id."""

    call_id: str
    parts: tuple["Text | Image | Document | Audio | Video | Unknown", ...] = ()
    is_error: bool = False
    name: str | None = None
    """The tool's name where the protocol repeats it (Gemini, legacy functions)."""
    kind: Literal["function", "freeform"] = "function"
    cache: CacheMark | None = None
    native: Native | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Hosted:
    """A call or result of a tool that the provider itself runs; only its own protocol can say it."""

    kind: str
    """The wire type, such as `server_tool_use` or `web_search_call`."""
    native: Native
    text: str = ""
    """What a reader of another protocol may be told of it (search hits, code), as plain lines."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A part of a type that this build does not know: kept for its own protocol, a recorded loss elsewhere."""

    kind: str
    native: Native


type Part = Text | Refusal | Image | Document | Audio | Video | Thinking | ToolCall | ToolResult | Hosted | Unknown


def annotation(value: Json) -> tuple[JsonObject, ...]:
    """The annotations in a wire list; anything that is not an object is left out."""
    return tuple(item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()
