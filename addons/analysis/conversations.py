"""A stored exchange as a conversation: the hub's reading of what the client asked and of what it got.

Whatever cannot be read (a body that has expired or was cut off) reads as nothing; looking back never fails.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import orjson

from axonhub.addons.errors import GatewayError
from axonhub.addons.routes import claim
from axonhub.addons.store.backend import BodyUnavailable, Json, Record
from axonhub.transformers.dialect import Dialect
from axonhub.transformers.hub.fold import Fold
from axonhub.transformers.hub.parts import ToolCall, ToolResult
from axonhub.transformers.hub.requests import Request
from axonhub.transformers.hub.responses import Response
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocol import ProtocolError, Undo, WireProtocol
from axonhub.transformers.registry import discovered
from axonhub.transformers.splice import replace_string
from axonhub.transformers.sse import SseDecoder, SseEvent

type BodyName = Literal["request", "upstream_request", "response", "upstream_response"]
type FetchBody = Callable[[str], bytes]
"""Reference → bytes; raises BodyUnavailable. `TraceReader.body` is one."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One record and the way to its bodies. Nothing is kept of what was fetched or read: a trace may be very long."""

    record: Record
    fetch: FetchBody

    @property
    def id(self) -> str:
        return text_of(self.record, "id")

    def body(self, name: BodyName) -> bytes | None:
        """None: not kept, or no longer."""
        refs = self.record.get("bodies")
        ref = refs.get(name) if isinstance(refs, Mapping) else None
        try:
            return self.fetch(ref) if isinstance(ref, str) else None
        except BodyUnavailable:
            return None

    @property
    def asked(self) -> bytes | None:
        """The client's bytes."""
        return self.body("request")

    @property
    def sent(self) -> bytes | None:
        """What the last channel got."""
        return self.both()[1]

    def both(self) -> tuple[bytes | None, bytes | None]:
        """`asked` and `sent`, the same object where nothing was changed. One that was only renamed is made again."""
        asked, sent, model = self.asked, self.body("upstream_request"), self.record.get("used_model")
        if sent is not None or asked is None or not isinstance(model, str) or self._model_in_path:
            return asked, sent if sent is not None else asked
        try:
            return asked, replace_string(asked, "model", model)
        except ValueError:
            return asked, asked

    @property
    def _model_in_path(self) -> bool:
        try:
            return claim("POST", text_of(self.record, "path"), {}).model is not None
        except GatewayError:
            return False

    @property
    def protocol(self) -> WireProtocol | None:
        """The client's; None: this build does not know it."""
        return discovered().get(text_of(self.record, "protocol"))

    @property
    def request(self) -> Request | None:
        document = object_of(self.asked)
        if document is None or self.protocol is None:
            return None
        model, stream = text_of(self.record, "asked_model"), self.record.get("stream") is True
        try:
            return self.protocol.read_request(document, model, stream)
        except ProtocolError:
            return None

    @property
    def answer(self) -> Response | None:
        """As far as it came."""
        body = self.body("response")
        return read_answer(self.protocol, body) if body and self.protocol else None


def calls_in(answer: Response | None) -> tuple[ToolCall, ...]:
    """The tools that it asks for."""
    return tuple(part for part in (answer.parts if answer else ()) if isinstance(part, ToolCall))


def results_in(request: Request | None) -> tuple[ToolResult, ...]:
    """All tool results that it carries, old and new."""
    turns = request.turns if request else ()
    return tuple(part for turn in turns for part in turn.parts if isinstance(part, ToolResult))


def read_answer(protocol: WireProtocol, body: bytes) -> Response | None:
    """A stream or a whole answer, by looking; None for what is no answer, such as an error's envelope."""
    document = object_of(body)
    if document is not None:
        try:
            found = protocol.read_response(document, Dialect(), Undo())
        except ProtocolError:
            return None
        return found if isinstance(found, Response) else None
    reader, collected, parts = protocol.stream_reader(Dialect(), Undo()), Fold(), 0
    try:
        for event in events_of(body):
            for each in reader.read(event):
                collected.add(each)
                parts += 1
    except ProtocolError:
        pass  # what came before counts
    return collected.response() if parts else None


def events_of(body: bytes) -> Iterator[SseEvent]:
    """Of a stream of events, or of one JSON array, as Gemini streams to clients that do not ask for events."""
    if body.lstrip()[:1] == b"[":
        try:
            elements = orjson.loads(body)
        except orjson.JSONDecodeError:
            return
        yield from (SseEvent(orjson.dumps(each).decode()) for each in elements)
        return
    decoder = SseDecoder()
    yield from decoder.feed(body)
    yield from decoder.flush()


def object_of(body: bytes | None) -> JsonObject | None:
    try:
        value = orjson.loads(body or b"")
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def text_of(record: Mapping[str, Json], field: str) -> str:
    value = record.get(field)
    return value if isinstance(value, str) else ""
