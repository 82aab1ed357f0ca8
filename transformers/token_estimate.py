"""The input tokens of a request, estimated: for providers that cannot count, and before one has told.

Text is counted in the vocabulary that the dialect names; what stands around it, and pictures, by rule. How far that is
from the providers' own counts, and where the numbers come from: docs/counting.md.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from typing import Final

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.hub.parts import (
    Audio,
    Document,
    Hosted,
    Image,
    Inline,
    Media,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Video,
)
from axonhub.transformers.hub.requests import Request
from axonhub.transformers.image_size import image_size
from axonhub.transformers.token_vocabulary import tokens_of
from axonhub.transformers.tool_text import json_text, tool_text

_REQUEST_TOKENS: Final = 3
_TURN_TOKENS: Final = 4
"""Role and delimiters (OpenAI cookbook, "How to count tokens with tiktoken"); Claude's are fewer by one or two."""
_PIXELS_PER_TOKEN: Final = 750
"""Anthropic, "Vision"; larger images are scaled down to about `_IMAGE_TOKENS`."""
_IMAGE_TOKENS: Final = 1600
_PAGE_TOKENS: Final = 1600
"""A page of a PDF goes to the model as its picture; its words come on top where there are any."""
_PAGE_BYTES: Final = 50_000
"""For PDF files whose pages are compressed away."""
_PAGE: Final = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_SOUND_BYTES: Final = 500
"""Sound takes 32 tokens a second (Gemini), and 16 kB a second at usual rates; film is given the same."""
_TEXT_TYPES: Final = ("text/", "application/json", "application/xml", "application/javascript")


def estimated_tokens(request: Request, dialect: Dialect) -> int:
    """Never raises. In a thread when the request is large, see `token_vocabulary`."""
    parts = [part for turn in request.turns for part in _flat(turn.parts)]
    words = sum(tokens_of(text, dialect.vocabulary) for text in _texts(request, parts, dialect))
    media = sum(_media_tokens(part) for part in parts)
    return round(words * dialect.token_percent / 100) + _frame_tokens(request, parts, dialect) + media


def _flat(parts: Iterable[Part]) -> Iterator[Part]:
    for part in parts:
        yield part
        match part:
            case ToolResult(parts=inner) | Document(source=tuple(inner)):
                yield from _flat(inner)


def _texts(request: Request, parts: Iterable[Part], dialect: Dialect) -> Iterator[str]:
    yield from (part.text for part in request.system)
    yield from map(tool_text, request.tools)
    if request.output_format and request.output_format.schema:
        yield json_text(request.output_format.schema)
    for part in parts:
        yield from _part_texts(part, dialect)


def _part_texts(part: Part, dialect: Dialect) -> Iterator[str]:
    match part:
        case Text(text) | Refusal(text) | Hosted(text=text):
            yield text
        case Thinking(text) if _replays(dialect):
            yield text
        case ToolCall(name=name, arguments=arguments):
            yield name
            yield arguments
        case Document(source, title, context):
            yield title or ""
            yield context or ""
            if isinstance(source, Inline) and source.media_type.startswith(_TEXT_TYPES):
                yield _decoded(source).decode("utf-8", "replace")


def _replays(dialect: Dialect) -> bool:
    """Does the provider get the model's earlier thinking to read?"""
    return dialect.reasoning_replay != "never" or dialect.signature_origin != ""


def _frame_tokens(request: Request, parts: Iterable[Part], dialect: Dialect) -> int:
    """What stands around the words."""
    turns = len(request.turns) + bool(request.system)
    calls = sum(isinstance(part, ToolCall | ToolResult) for part in parts)
    tokens = _REQUEST_TOKENS + _TURN_TOKENS * turns + dialect.call_tokens * calls
    tokens += _tools_tokens(request, dialect) if request.tools else 0
    return tokens + (dialect.format_tokens if request.output_format else 0)


def _tools_tokens(request: Request, dialect: Dialect) -> int:
    pattern = dialect.long_tools_models
    long = pattern and re.search(pattern, request.model)
    return (dialect.long_tools_tokens if long else dialect.tools_tokens) + dialect.tool_tokens * len(request.tools)


# -- pictures and files


def _media_tokens(part: Part) -> int:
    match part:
        case Image(source):
            return _image_tokens(source)
        case Document(source) if not isinstance(source, tuple):
            return _document_tokens(source)
        case Audio(source) | Video(source):
            return len(source.data) * 3 // 4 // _SOUND_BYTES if isinstance(source, Inline) else _IMAGE_TOKENS
    return 0


def _image_tokens(source: Media) -> int:
    size = image_size(source.data) if isinstance(source, Inline) else None
    return min(_IMAGE_TOKENS, size[0] * size[1] // _PIXELS_PER_TOKEN) if size else _IMAGE_TOKENS


def _document_tokens(source: Media) -> int:
    if not isinstance(source, Inline):
        return _PAGE_TOKENS
    if source.media_type.startswith(_TEXT_TYPES):
        return 0  # counted as text
    content = _decoded(source)
    pages = len(_PAGE.findall(content)) or 1 + len(content) // _PAGE_BYTES
    return _PAGE_TOKENS * pages


def _decoded(source: Inline) -> bytes:
    try:
        return base64.b64decode(source.data)
    except (binascii.Error, ValueError):
        return b""
