"""Google's Gemini API, generateContent: AI Studio and Vertex, as a client's and as a provider's protocol.

https://ai.google.dev/api/generate-content and google-genai 3.4, read 2026-11. Model and streaming stand in the path.
What is left out in silence: safety ratings, log probabilities and token counts by modality of answers, answers after
the first. Server-side tool calls (`toolCall`, `toolResponse`) pass to Gemini's own clients only.
"""

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.hub.events import Event
from axonhub.transformers.hub.failures import Failure
from axonhub.transformers.hub.requests import Request
from axonhub.transformers.hub.responses import Response
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocol import Endpoint, Operation, Reply, StreamReader, StreamWriter, Told, Undo, Written
from axonhub.transformers.protocols.gemini import (
    failures,
    names,
    reading_requests,
    reading_streams,
    responses,
    writing_requests,
)
from axonhub.transformers.protocols.gemini.embeddings import GeminiEmbeddings
from axonhub.transformers.protocols.gemini.writing_streams import GeminiStreamWriter
from axonhub.transformers.readings import Readings
from axonhub.transformers.sse import SseEvent

_VERSION: Final = "v1beta"


class _Gemini:
    name = names.NAME
    tells_input_first = False
    hears = frozenset[Told](("logprobs",))
    embeddings_client = None
    embeddings_provider = GeminiEmbeddings()
    usage_on_request = None
    skimmed_over = ()
    call_gate = None

    def endpoint(self, operation: Operation, model: str, stream: bool) -> Endpoint | None:
        place = "models/" + quote(model.removeprefix("models/"), safe="/@:.-_~")
        match operation:
            case "generate" if stream:
                return Endpoint(_VERSION, f"{place}:streamGenerateContent", "alt=sse")
            case "generate":
                return Endpoint(_VERSION, f"{place}:generateContent")
            case "count_tokens":
                return Endpoint(_VERSION, f"{place}:countTokens")
            case "models":
                return Endpoint(_VERSION, "models")
            case "embeddings":
                return Endpoint(_VERSION, f"{place}:batchEmbedContents")

    def read_request(
        self, body: JsonObject, model: str | None = None, stream: bool | None = None, readings: Readings | None = None
    ) -> Request:
        return reading_requests.read_request(body, model, stream)

    def write_request(self, request: Request, dialect: Dialect) -> Written:
        return writing_requests.write_request(request, dialect)

    def read_response(self, body: JsonObject, dialect: Dialect, undo: Undo) -> Response | Failure:
        return responses.read_response(body, dialect, undo)

    def skim_response(self, body: JsonObject) -> Usage | None:
        return None

    def write_response(self, response: Response, reply: Reply) -> JsonObject:
        return responses.write_response(response, reply)

    def read_failure(self, status: int, body: bytes) -> Failure:
        return failures.read_failure(status, body)

    def write_failure(self, failure: Failure, request_id: str = "") -> tuple[int, JsonObject]:
        return failures.write_error(failure)

    def stream_reader(self, dialect: Dialect, undo: Undo) -> StreamReader:
        return reading_streams.GeminiStreamReader(dialect, undo)

    def stream_writer(self, reply: Reply) -> StreamWriter:
        return GeminiStreamWriter(reply)

    def count_request(self, request: Request, dialect: Dialect) -> Written | None:
        return writing_requests.count_request(request, dialect)

    def read_count(self, body: JsonObject) -> int:
        return responses.read_count(body)

    def write_count(self, input_tokens: int) -> JsonObject:
        return {"totalTokens": input_tokens}

    def skim(self, event: SseEvent) -> Iterable[Event]:
        return reading_streams.skimmed(event.data)


PROTOCOL: Final = _Gemini()
