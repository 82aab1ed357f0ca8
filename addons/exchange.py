"""Exchange and Attempt: all state of one client request, from its headers to its record.

Hook modules meet here and nowhere else. An Exchange belongs to one flow and lives as long as it; it keeps the Config that
it began with, so that a change of config.yml never meets a running request. Changed on the event loop only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from axonhub.addons.config import ApiKey, Channel, Config, Profile
from axonhub.transformers.hub.failures import Failure
from axonhub.transformers.hub.requests import Request
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocol import Loss, Operation, Undo, WireProtocol


@dataclass(frozen=True, slots=True)
class Address:
    """What a method and path mean here."""

    protocol: WireProtocol
    operation: Operation
    model: str | None = None
    """From the path, where the protocol keeps it there (Gemini)."""
    stream: bool | None = None
    """From the path likewise; None: the body says."""


@dataclass(frozen=True, slots=True)
class TraceIds:
    """Which conversation and which message a request belongs to; "" where nobody said."""

    trace_id: str = ""
    thread_id: str = ""
    agent_id: str = ""
    """The sub-agent that sent it; "" is the main agent."""
    source: str = ""
    """Where the trace id was found: a header's name, `claude-code`, `codex`, …"""


@dataclass(frozen=True, slots=True)
class Score:
    """One reason for a candidate's rank."""

    name: str
    points: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A channel fit for this exchange, the model to ask it for, and why it stands where it stands."""

    channel: Channel
    model: str
    scores: tuple[Score, ...] = ()

    @property
    def total(self) -> float:
        return sum(score.points for score in self.scores)


@dataclass(slots=True)
class Attempt:
    """One try of an exchange on one channel."""

    candidate: Candidate
    protocol: WireProtocol
    credential: SecretStr | None
    started_s: float
    """Unix time, like every `_s` moment here."""
    converted: bool = False
    """False: the client's bytes pass, with only the model's name changed."""
    undo: Undo = field(default_factory=Undo)
    losses: tuple[Loss, ...] = ()
    request_body: bytes = b""
    """What went to the provider."""
    response_body: bytes = b""
    """What came from it, as far as it came."""
    status: int | None = None
    failure: Failure | None = None
    first_event_s: float | None = None
    ended_s: float | None = None


@dataclass(slots=True)
class Exchange:
    id: str
    started_s: float
    config: Config
    address: Address
    path: str
    """Without its query: a query may hold a key."""
    api_key: ApiKey | None = None
    profile: Profile | None = None
    trace: TraceIds = TraceIds()
    source: str = "api"
    """api, test or replay."""
    body: bytes = b""
    """The client's bytes; every attempt is written from these."""
    document: JsonObject = field(default_factory=dict)
    """The body, parsed once; never changed."""
    request: Request | None = None
    """The hub's reading of the body; made when the first conversion needs it."""
    asked_model: str = ""
    wanted_model: str = ""
    """After the profile's mapping."""
    stream: bool = False
    candidates: list[Candidate] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    losses: tuple[Loss, ...] = ()
    usage: Usage = Usage()
    failure: Failure | None = None
    """Why the client got an error, when it did."""
    canceled: bool = False
    first_byte_s: float | None = None
    ended_s: float | None = None
    response_body: bytes = b""
    """What the client got."""
    status: int | None = None
    notes: dict[str, str] = field(default_factory=dict)
    """Short explanations for a person, by topic; never a secret."""

    @property
    def attempt(self) -> Attempt | None:
        """The latest try."""
        return self.attempts[-1] if self.attempts else None


type Headers = Mapping[str, str]
