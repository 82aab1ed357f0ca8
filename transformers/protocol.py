"""The contract that each protocol fulfils, and the errors of reading and writing.

A protocol module is role-free: the same reader and writer serve a client who speaks it and a provider who speaks it. It
holds one module-level object named `PROTOCOL`, which the registry discovers. It knows no other protocol, no HTTP status
of ours, no clock and no randomness.

ProtocolError                      something in the wire format is not right
├── Unreadable                     not this protocol: broken JSON, a member of the wrong type
└── Unsupported                    readable, but what it asks for cannot be said to this channel; the client hears 400
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol as Contract

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.hub.embeddings import EmbeddingRequest, EmbeddingResponse
from axonhub.transformers.hub.events import Event
from axonhub.transformers.hub.failures import Failure
from axonhub.transformers.hub.requests import Request, ToolReference
from axonhub.transformers.hub.responses import Response
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.readings import Readings
from axonhub.transformers.sse import SseEvent

type Told = Literal["pause", "stop_sequence", "logprobs", "document_citations", "cache_writes"]
"""What not every protocol has a word for in its answers."""

type Operation = Literal["generate", "count_tokens", "models", "embeddings"]


class ProtocolError(Exception):
    """`path` is the member at fault, such as `messages[3].content[0].type`; "" for the whole body."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path


class Unreadable(ProtocolError):
    pass


class Unsupported(ProtocolError):
    pass


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that the client said and the provider will not hear."""

    path: str
    """In the client's request, such as `tools[2]` or `top_k`."""
    reason: str
    severity: Literal["info", "warning"] = "warning"
    """info: costs at most money or cache; warning: the answer may differ."""


@dataclass(frozen=True, slots=True)
class Undo:
    """What a request writer changed and the readers of the answer must change back."""

    tools: Mapping[str, ToolReference] = field(default_factory=dict)
    """Wire name → the client's tool, for every tool whose wire name, namespace or kind differs."""

    def reference(self, wire_name: str) -> ToolReference:
        return self.tools.get(wire_name) or ToolReference(wire_name)


@dataclass(frozen=True, slots=True)
class Written:
    """A request on its way to a provider."""

    body: JsonObject
    losses: tuple[Loss, ...] = ()
    undo: Undo = Undo()


@dataclass(frozen=True, slots=True)
class Reply:
    """What a writer of answers must know of the request that it answers."""

    id: str
    """Seed for ids that the protocol demands and the provider did not give: [0-9a-f]{24} or longer."""
    created_s: int
    """Unix time for protocols that state one."""
    request: Request
    """The client's request, with the model name as the client wrote it."""
    estimated_input_tokens: int | None = None
    """For Anthropic's message_start when the provider has not told yet."""
    json_array: bool = False
    """The client wants its stream as one JSON array (Gemini without `alt=sse`); other protocols have no such form."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an operation lives below a channel's base URL."""

    version: str
    """`v1`, `v1beta`: appended unless the base URL already ends in a version or with `#`."""
    path: str
    query: str = ""


class StreamReader(Contract):
    """Provider's stream → hub events (grammar: hub/events.py). One a stream. Raises Unreadable only."""

    def read(self, event: SseEvent) -> Iterable[Event]: ...

    def finish(self) -> Iterable[Event]:
        """At the end of the bytes: End when the protocol's terminator was seen (or the dialect omits it), else
        Failed."""
        ...


class StreamWriter(Contract):
    """Hub events → the client's stream. One a stream. Takes overlapping parts (use the Sequencer inside)."""

    def write(self, event: Event) -> bytes:
        """b"" when the event says nothing in this protocol. Failed and End write the protocol's proper end."""
        ...

    def keepalive(self) -> bytes:
        """What this protocol's clients tolerate during silence; b"" when nothing is allowed yet."""
        ...


class EmbeddingsClient(Contract):
    """A protocol in which clients ask for embeddings."""

    def read_request(self, body: JsonObject) -> EmbeddingRequest:
        """Unreadable, Unsupported."""
        ...

    def write_response(self, response: EmbeddingResponse, request: EmbeddingRequest) -> JsonObject: ...

    def read_usage(self, body: JsonObject) -> Usage:
        """Of an answer that passes untouched; any object at all."""
        ...


class EmbeddingsProvider(Contract):
    """A protocol in which providers of another protocol's clients give embeddings."""

    def write_request(self, request: EmbeddingRequest) -> Written: ...

    def read_response(self, body: JsonObject) -> EmbeddingResponse:
        """Unreadable."""
        ...


class UsageOnRequest(Contract):
    """A protocol whose streams keep their usage to themselves unless they are asked for it."""

    def asking(self, body: bytes, document: JsonObject) -> bytes:
        """`body` with the wish spliced in; the very same object where its writer has said what he wants."""
        ...

    def is_answer(self, event: SseEvent) -> bool:
        """Is this what comes of asking, and nothing else?"""
        ...


class Gate(Contract):
    """Holds some of a stream back, for as long as that may still be taken back."""

    @property
    def dropped(self) -> bytes:
        """What was held back and never sent, since the stream broke."""

    def feed(self, piece: bytes) -> bytes:
        """What may go on now."""

    def flush(self) -> bytes:
        """All that is held back."""


class WireProtocol(Contract):
    @property
    def name(self) -> str:
        """`vendor/api`, such as `anthropic/messages`."""
        ...

    @property
    def tells_input_first(self) -> bool:
        """Its streams begin with the input tokens; others tell them at the end."""
        ...

    @property
    def hears(self) -> frozenset[Told]:
        """What clients of this protocol hear of an answer."""
        ...

    @property
    def embeddings_client(self) -> EmbeddingsClient | None: ...

    @property
    def embeddings_provider(self) -> EmbeddingsProvider | None: ...

    @property
    def call_gate(self) -> Callable[[], Gate] | None:
        """Makes what holds tool calls back until a stream is complete; None: not in this protocol."""
        ...

    @property
    def skimmed_over(self) -> tuple[bytes, ...]:
        """How those events of its streams begin, up to their data, of which `skim` tells nothing: the many."""
        ...

    @property
    def usage_on_request(self) -> UsageOnRequest | None:
        """None: its streams always tell their usage."""
        ...

    def endpoint(self, operation: Operation, model: str, stream: bool) -> Endpoint | None:
        """None: this protocol has no such operation."""
        ...

    def read_request(
        self, body: JsonObject, model: str | None = None, stream: bool | None = None, readings: Readings | None = None
    ) -> Request:
        """`model` and `stream` override the body where the protocol keeps them in the path. Unreadable, Unsupported.

        `readings`: those of the same body, for the protocols that use them.
        """
        ...

    def write_request(self, request: Request, dialect: Dialect) -> Written:
        """Deterministic: the same conversation prefix gives the same bytes. Unsupported when nothing faithful
        exists."""
        ...

    def read_response(self, body: JsonObject, dialect: Dialect, undo: Undo) -> Response | Failure:
        """A Failure when a 200 carries an error."""
        ...

    def skim_response(self, body: JsonObject) -> Usage | None:
        """The usage that `read_response` finds in an answer that it is sure to take; cheap. None: it must read it."""
        ...

    def write_response(self, response: Response, reply: Reply) -> JsonObject: ...

    def read_failure(self, status: int, body: bytes) -> Failure:
        """Any bytes at all; the message is bounded to 2,000 characters."""
        ...

    def write_failure(self, failure: Failure, request_id: str = "") -> tuple[int, JsonObject]:
        """HTTP status and body in this protocol's envelope."""
        ...

    def stream_reader(self, dialect: Dialect, undo: Undo) -> StreamReader: ...

    def stream_writer(self, reply: Reply) -> StreamWriter: ...

    def count_request(self, request: Request, dialect: Dialect) -> Written | None:
        """The body for the provider's own counter; None when the protocol has none."""
        ...

    def read_count(self, body: JsonObject) -> int:
        """Input tokens from the counter's answer. Unreadable."""
        ...

    def write_count(self, input_tokens: int) -> JsonObject: ...

    def skim(self, event: SseEvent) -> Iterable[Event]:
        """Only Start, UsageTold, Stop, Failed and End of a stream that passes untouched; cheap where none is told.

        End may be left out where a Stop always comes before the protocol's end.
        """
        ...
