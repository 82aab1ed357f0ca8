"""OpenAI Responses: `POST /v1/responses`.

OpenAI API reference, "Responses" and "Streaming events", read 2026-11, and the types of openai-python 3.54. Knows no
other protocol, no stored responses, no clock.

Ignored: `id` and `status` of input items, which describe OpenAI's stored copies (calls and reasoning keep their ids on
the way back to OpenAI); `store: false`, `background: false` and `truncation: disabled`, which are how conversions work
anyway. `obfuscation` of deltas is never sent. Of whole responses only `service_tier` is kept beyond what the hub has
words for. Log probabilities are asked for but not carried back by conversions.
"""

from collections.abc import Iterable

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
    WireProtocol,
    Written,
)
from axonhub.transformers.protocols.openai_responses.failures import read_failure, write_failure
from axonhub.transformers.protocols.openai_responses.names import NAME
from axonhub.transformers.protocols.openai_responses.reading_requests import read_request
from axonhub.transformers.protocols.openai_responses.reading_responses import read_response
from axonhub.transformers.protocols.openai_responses.reading_streams import ResponsesStreamReader, skim
from axonhub.transformers.protocols.openai_responses.writing_requests import count_request, write_request
from axonhub.transformers.protocols.openai_responses.writing_responses import write_response
from axonhub.transformers.protocols.openai_responses.writing_streams import ResponsesStreamWriter
from axonhub.transformers.readings import Readings
from axonhub.transformers.sse import SseEvent

_PATHS: dict[Operation, str] = {
    "generate": "responses",
    "count_tokens": "responses/input_tokens",
    "models": "models",
}


class _OpenAiResponses:
    name = NAME
    tells_input_first = False
    hears = frozenset[Told](("logprobs", "cache_writes"))
    embeddings_client = None
    embeddings_provider = None
    usage_on_request = None
    skimmed_over = (
        b"event: response.output_text.delta\ndata: ",
        b"event: response.function_call_arguments.delta\ndata: ",
    )
    call_gate = None

    def endpoint(self, operation: Operation, model: str, stream: bool) -> Endpoint | None:
        path = _PATHS.get(operation)
        return None if path is None else Endpoint("v1", path)

    def read_request(
        self, body: JsonObject, model: str | None = None, stream: bool | None = None, readings: Readings | None = None
    ) -> Request:
        return read_request(body, model, stream)

    def write_request(self, request: Request, dialect: Dialect) -> Written:
        return write_request(request, dialect)

    def read_response(self, body: JsonObject, dialect: Dialect, undo: Undo) -> Response | Failure:
        return read_response(body, dialect, undo)

    def skim_response(self, body: JsonObject) -> Usage | None:
        return None

    def write_response(self, response: Response, reply: Reply) -> JsonObject:
        return write_response(response, reply)

    def read_failure(self, status: int, body: bytes) -> Failure:
        return read_failure(status, body)

    def write_failure(self, failure: Failure, request_id: str = "") -> tuple[int, JsonObject]:
        return write_failure(failure)

    def stream_reader(self, dialect: Dialect, undo: Undo) -> StreamReader:
        return ResponsesStreamReader(dialect, undo)

    def stream_writer(self, reply: Reply) -> StreamWriter:
        return ResponsesStreamWriter(reply)

    def count_request(self, request: Request, dialect: Dialect) -> Written | None:
        return count_request(request, dialect)

    def read_count(self, body: JsonObject) -> int:
        tokens = as_count(body.get("input_tokens"))
        if tokens is None:
            raise Unreadable("must be a number", "input_tokens")
        return tokens

    def write_count(self, input_tokens: int) -> JsonObject:
        return {"object": "response.input_tokens", "input_tokens": input_tokens}

    def skim(self, event: SseEvent) -> Iterable[Event]:
        return skim(event)


PROTOCOL: WireProtocol = _OpenAiResponses()
