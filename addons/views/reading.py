"""What the bytes of a message mean: which protocol they are in, and the hub's reading of them.

The exchange or a saved flow's story says the protocol; for any other flow its path or its own words do.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import orjson

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.hub.failures import Failure
from axonhub.transformers.hub.fold import Fold
from axonhub.transformers.hub.requests import Request
from axonhub.transformers.hub.responses import Response
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.pipe import unreadable
from axonhub.transformers.protocol import ProtocolError, Undo, Unreadable, WireProtocol
from axonhub.transformers.registry import discovered
from axonhub.transformers.sse import SseDecoder

_PATHS = (
    (re.compile(r"/messages(?:/count_tokens)?$|/invoke(?:-with-response-stream)?$"), "anthropic/messages"),
    (re.compile(r"/chat/completions$"), "openai/chat"),
    (re.compile(r"/responses(?:/input_tokens)?$"), "openai/responses"),
    (re.compile(r":(?:streamG|g)enerateContent$|:countTokens$"), "gemini/generate_content"),
)
_WORDS = (
    (re.compile(rb'"type"\s*:\s*"(?:message_start|content_block_)'), "anthropic/messages"),
    (re.compile(rb'"type"\s*:\s*"response\.'), "openai/responses"),
    (re.compile(rb'"candidates"\s*:'), "gemini/generate_content"),
    (re.compile(rb'"choices"\s*:'), "openai/chat"),
)
"""In the events of a stream."""
_MEMBERS = (
    (frozenset(("candidates",)), "gemini/generate_content"),
    (frozenset(("contents",)), "gemini/generate_content"),
    (frozenset(("choices",)), "openai/chat"),
    (frozenset(("input",)), "openai/responses"),
    (frozenset(("output",)), "openai/responses"),
    (frozenset(("messages", "system")), "anthropic/messages"),
    (frozenset(("messages", "anthropic_version")), "anthropic/messages"),
    (frozenset(("messages", "stop_sequences")), "anthropic/messages"),
    (frozenset(("messages", "thinking")), "anthropic/messages"),
    (frozenset(("content", "stop_reason")), "anthropic/messages"),
    (frozenset(("messages",)), "openai/chat"),
)
"""At the top of a document; the first row that is there whole."""
_LOOKED_AT_BYTES = 4096
_SSE = re.compile(rb"\s*(?:event|data|id|retry)?:")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, whole or as far as it came."""

    response: Response
    failure: Failure | None = None
    """What ended it."""
    events: int = 0
    """Of the stream that it was re-assembled from; 0: it came whole."""
    ended: bool = True


@dataclass(frozen=True, slots=True)
class Refused:
    """An error in the place of an answer."""

    status: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class Counted:
    tokens: int


type Message = Request | Answer | Refused | Counted


def protocol_by_path(path: str) -> WireProtocol | None:
    bare = path.partition("?")[0].rstrip("/")
    return next((discovered()[name] for pattern, name in _PATHS if pattern.search(bare)), None)


def protocol_by_words(body: bytes) -> WireProtocol | None:
    """A guess, for bodies that nothing else is known of."""
    if _SSE.match(body):
        name = next((name for pattern, name in _WORDS if pattern.search(body, 0, _LOOKED_AT_BYTES)), "")
    else:
        name = _by_members(body)
    return discovered().get(name)


def _by_members(body: bytes) -> str:
    try:
        document = _document(body)
    except Unreadable:
        return ""
    members = (document[0] if isinstance(document, list) else document).keys()
    return next((name for wanted, name in _MEMBERS if wanted <= members), "")


def read_request(body: bytes, protocol: WireProtocol, model: str = "") -> Request:
    """ProtocolError. `model`: where the protocol keeps it outside the body."""
    document = _object(body)
    return protocol.read_request(document, model or None if "model" not in document else None)


def read_answer(body: bytes, protocol: WireProtocol, status: int) -> Answer | Refused | Counted:
    """ProtocolError."""
    if status >= 400:
        return Refused(status, protocol.read_failure(status, body))
    if _SSE.match(body):
        return _reassembled(body, protocol)
    document = _document(body)
    if isinstance(document, list):  # a stream as one JSON array
        return _reassembled(b"".join(b"data: " + orjson.dumps(each) + b"\n\n" for each in document), protocol)
    return _whole(document, protocol, status)


def _whole(document: JsonObject, protocol: WireProtocol, status: int) -> Answer | Refused | Counted:
    try:
        read = protocol.read_response(document, Dialect(), Undo())
    except ProtocolError:
        return Counted(protocol.read_count(document))
    return Refused(status, read) if isinstance(read, Failure) else Answer(read)


def _reassembled(body: bytes, protocol: WireProtocol) -> Answer:
    """What came of a broken stream is shown, too."""
    reading = _Reading(protocol)
    try:
        reading.run(body)
    except ProtocolError as error:
        if not reading.events:
            raise
        return Answer(reading.fold.response(), unreadable(error), reading.events, ended=False)
    fold = reading.fold
    return Answer(fold.response(), fold.failure, reading.events, fold.ended or fold.stop is not None)


@dataclass(slots=True)
class _Reading:
    protocol: WireProtocol
    fold: Fold = field(default_factory=Fold)
    events: int = 0

    def run(self, body: bytes) -> None:
        decoder, reader = SseDecoder(), self.protocol.stream_reader(Dialect(omits_terminator=True), Undo())
        for sse_event in (*decoder.feed(body), *decoder.flush()):
            for event in reader.read(sse_event):
                self.fold.add(event)
            self.events += 1
        for event in reader.finish():
            self.fold.add(event)


def _object(body: bytes) -> JsonObject:
    document = _document(body)
    if isinstance(document, list):
        raise Unreadable("not a JSON object")
    return document


def _document(body: bytes) -> JsonObject | list[JsonObject]:
    """An object, or a list of them."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"not JSON: {error}") from error
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        return list(_objects(value))
    raise Unreadable("not a JSON object")


def _objects(values: list[object]) -> Iterator[JsonObject]:
    yield from (each for each in values if isinstance(each, dict))
