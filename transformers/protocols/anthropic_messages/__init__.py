"""Anthropic Messages, as a client and as a provider speaks it.

https://platform.claude.com/docs/en/api/messages, and the types of the official Python SDK, read 2026-11.

Ignored without a word: `cache_control.scope` and other members of a mark, which live and die with it; the counters of
hosted tools in `usage`; an answer's media that this protocol has none for become a line of text.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.fields import as_count
from axonhub.transformers.hub.events import Event
from axonhub.transformers.hub.failures import Failure
from axonhub.transformers.hub.requests import Request
from axonhub.transformers.hub.responses import Response
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocol import (
    Endpoint,
    Operation,
    Reply,
    StreamReader,
    StreamWriter,
    Told,
    Undo,
    Unreadable,
    Written,
)
from axonhub.transformers.protocols.anthropic_messages import (
    failures,
    request_reading,
    request_writing,
    responses,
    stream_reading,
    stream_writing,
)
from axonhub.transformers.protocols.anthropic_messages.call_gate import CallGate
from axonhub.transformers.protocols.anthropic_messages.names import NAME
from axonhub.transformers.readings import Readings
from axonhub.transformers.sse import SseEvent

_ENDPOINTS: Final[Mapping[Operation, Endpoint]] = MappingProxyType(
    {
        "generate": Endpoint("v1", "messages"),
        "count_tokens": Endpoint("v1", "messages/count_tokens"),
        "models": Endpoint("v1", "models"),
    }
)


class AnthropicMessages:
    """Fulfils `WireProtocol`; holds no state."""

    tells_input_first: Final = True
    hears: Final = frozenset[Told](("pause", "stop_sequence", "document_citations", "cache_writes"))
    embeddings_client: Final = None
    embeddings_provider: Final = None
    usage_on_request: Final = None
    skimmed_over: Final = (b"event: content_block_delta\ndata: ",)
    call_gate: Final = CallGate

    @property
    def name(self) -> str:
        return NAME

    def endpoint(self, operation: Operation, model: str, stream: bool) -> Endpoint | None:
        return _ENDPOINTS.get(operation)

    def read_request(
        self, body: JsonObject, model: str | None = None, stream: bool | None = None, readings: Readings | None = None
    ) -> Request:
        return request_reading.read_request(body, model, stream, readings or Readings())

    def write_request(self, request: Request, dialect: Dialect) -> Written:
        return request_writing.write_request(request, dialect)

    def read_response(self, body: JsonObject, dialect: Dialect, undo: Undo) -> Response | Failure:
        return responses.read_response(body, dialect.signature_origin, undo)

    def skim_response(self, body: JsonObject) -> Usage | None:
        return responses.skim_response(body)

    def write_response(self, response: Response, reply: Reply) -> JsonObject:
        return responses.write_response(response, reply)

    def read_failure(self, status: int, body: bytes) -> Failure:
        return failures.read_failure(status, body)

    def write_failure(self, failure: Failure, request_id: str = "") -> tuple[int, JsonObject]:
        return failures.write_failure(failure, request_id)

    def stream_reader(self, dialect: Dialect, undo: Undo) -> StreamReader:
        return stream_reading.Reader(dialect.signature_origin, undo, dialect.omits_terminator)

    def stream_writer(self, reply: Reply) -> StreamWriter:
        return stream_writing.Writer(reply)

    def count_request(self, request: Request, dialect: Dialect) -> Written | None:
        return request_writing.write_count_request(request, dialect)

    def read_count(self, body: JsonObject) -> int:
        tokens = as_count(body.get("input_tokens"))
        if tokens is None:
            raise Unreadable("must be a number", "input_tokens")
        return tokens

    def write_count(self, input_tokens: int) -> JsonObject:
        return {"input_tokens": input_tokens}

    def skim(self, event: SseEvent) -> Iterable[Event]:
        return stream_reading.skim(event)


PROTOCOL: Final = AnthropicMessages()
