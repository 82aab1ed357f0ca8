"""OpenAI Chat Completions and everything that imitates it, as client side and as provider side.

OpenAI API reference, "Chat", read 2026-11; what vendors do otherwise: docs/protocols.md. It knows no other protocol.
Left out of converted answers: log probabilities in streams, and every candidate but the first (never asked for).
"""

from collections.abc import Iterable
from typing import Final

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.hub.events import Event
from axonhub.transformers.hub.failures import Failure
from axonhub.transformers.hub.requests import Request
from axonhub.transformers.hub.responses import Response
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocol import Endpoint, Operation, Reply, Told, Undo, Unreadable, WireProtocol, Written
from axonhub.transformers.protocols.openai_chat import failures
from axonhub.transformers.protocols.openai_chat.embeddings import ChatEmbeddings
from axonhub.transformers.protocols.openai_chat.names import NAME
from axonhub.transformers.protocols.openai_chat.reading_requests import read_request
from axonhub.transformers.protocols.openai_chat.reading_responses import read_response
from axonhub.transformers.protocols.openai_chat.reading_streams import ChatStreamReader
from axonhub.transformers.protocols.openai_chat.skimming import skim
from axonhub.transformers.protocols.openai_chat.usage_on_request import ChatUsageOnRequest
from axonhub.transformers.protocols.openai_chat.writing_requests import write_request
from axonhub.transformers.protocols.openai_chat.writing_responses import write_response
from axonhub.transformers.protocols.openai_chat.writing_streams import ChatStreamWriter
from axonhub.transformers.readings import Readings
from axonhub.transformers.sse import SseEvent

_ENDPOINTS: Final[dict[Operation, Endpoint]] = {
    "generate": Endpoint("v1", "/chat/completions"),
    "models": Endpoint("v1", "/models"),
    "embeddings": Endpoint("v1", "/embeddings"),
}


class OpenAiChat:
    tells_input_first: Final = False
    hears = frozenset[Told](("logprobs", "cache_writes"))
    embeddings_client: Final = ChatEmbeddings()
    embeddings_provider: Final = None
    usage_on_request: Final = ChatUsageOnRequest()
    skimmed_over: Final = ()
    call_gate: Final = None

    @property
    def name(self) -> str:
        return NAME

    def endpoint(self, operation: Operation, model: str, stream: bool) -> Endpoint | None:
        return _ENDPOINTS.get(operation)

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
        return failures.read_failure(status, body)

    def write_failure(self, failure: Failure, request_id: str = "") -> tuple[int, JsonObject]:
        return failures.write_failure(failure)

    def stream_reader(self, dialect: Dialect, undo: Undo) -> ChatStreamReader:
        return ChatStreamReader(dialect, undo)

    def stream_writer(self, reply: Reply) -> ChatStreamWriter:
        return ChatStreamWriter(reply)

    def count_request(self, request: Request, dialect: Dialect) -> Written | None:
        return None

    def read_count(self, body: JsonObject) -> int:
        raise Unreadable("chat has no token counter")

    def write_count(self, input_tokens: int) -> JsonObject:
        return {"object": "token_count", "input_tokens": input_tokens}

    def skim(self, event: SseEvent) -> Iterable[Event]:
        return skim(event)


PROTOCOL: Final[WireProtocol] = OpenAiChat()
