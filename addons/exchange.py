"""Exchange and Attempt: all state of one client request, from its headers to its record.

Hook modules meet here and nowhere else. An Exchange belongs to one flow and lives as long as it; it keeps the Config
that it began with, so that a change of config.yml never meets a running request. Changed on the event loop only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, NamedTuple

from pydantic import SecretStr

from axonhub.addons.config import ApiKey, Channel, Config, Profile
from axonhub.addons.costs import CostItem
from axonhub.addons.provider_quota import ProviderQuota
from axonhub.transformers.hub.failures import Failure
from axonhub.transformers.hub.requests import Request
from axonhub.transformers.hub.responses import Response
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocol import Loss, Operation, Undo, WireProtocol
from axonhub.transformers.readings import Readings
from axonhub.transformers.repetition import Likeness, Unseen


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


type Inside = Literal["test", "probe", "replay"]
"""Why the gateway asks itself."""


@dataclass(frozen=True, slots=True)
class Pin:
    """Where a request from inside goes, whatever would be chosen for it; see pinning.py. "" leaves a choice open."""

    source: Inside
    channel: str = ""
    model: str = ""
    key: str = ""
    profile: str = ""
    credential: int | None = None
    replay_of: str = ""
    """The request that is repeated."""


class Score(NamedTuple):
    """One reason for a candidate's rank. A tuple: of each candidate of each request several are made."""

    name: str
    points: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A channel fit for this exchange, the model to ask it for, and why it stands where it stands."""

    channel: Channel
    model: str
    scores: tuple[Score, ...] = ()
    """Those of the strategy; and, without effect on the total, why it comes last."""
    deferred: bool = False
    """It comes after all others: it wants to be left alone, or its limits are reached."""
    credential: SecretStr | None = None
    """Filled in when it is its turn, like the next."""
    wait_s: float = 0.0
    """Pause before it is tried."""

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
    undo: Undo = Undo()
    losses: tuple[Loss, ...] = ()
    request_body: bytes = b""
    """What went to the provider."""
    renamed_body: bytes = b""
    """The client's bytes with the model's name replaced: the very object in `request_body` when no more was changed."""
    hides_usage: bool = False
    """Usage was asked for without the client's knowledge, which shall not see it either."""
    response_body: bytes = b""
    """What came from it, as far as it came."""
    answer: Response | None = None
    """The hub's reading of it, when it was read as an answer; of one that passes the usage alone may have been read."""
    status: int | None = None
    quota: ProviderQuota | None = None
    """What the answer tells of the account's allowance; None: nothing."""
    failure: Failure | None = None
    consequence: str = ""
    """What the failure led to, beside the next try: something was taken out of use."""
    queued_s: float = 0.0
    """How long the try waited for its channel to have room."""
    first_event_s: float | None = None
    ended_s: float | None = None


@dataclass(slots=True)
class Exchange:
    id: str
    started_s: float
    config: Config
    address: Address
    path: str
    """Without its query."""
    query: str = ""
    """Without the caller's key."""
    api_key: ApiKey | None = None
    profile: Profile | None = None
    trace: TraceIds = TraceIds()
    session: str = ""
    """The client's own name for what it is at, in a header, whether or not that makes a trace."""
    pin: Pin | None = None
    """None for all requests from outside."""
    observed: bool = False
    """It goes where its client sent it, and is only looked at."""
    own_credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Header → value: the client's own for the provider, of an observed request. Never logged, stored or shown."""
    client_headers: tuple[tuple[bytes, bytes], ...] = ()
    """As they came, without the caller's key."""
    body: bytes = b""
    """The client's bytes; every attempt is written from these."""
    sent_body: bytes = b""
    """What the client really sent, where a person changed it before it went on; `body` is then the changed one."""
    document: JsonObject = field(default_factory=dict)
    """The body, parsed once; never changed."""
    readings: Readings = field(default_factory=Readings)
    """Of its values."""
    unseen: Unseen = field(default_factory=Unseen)
    """Of the body."""
    likeness: Likeness | None = None
    """Of the body that was read and an earlier one; None: none was read yet."""
    request: Request | None = None
    """See `hub_request`."""
    asked_model: str = ""
    wanted_model: str = ""
    """After the profile's mapping."""
    stream: bool = False
    candidates: list[Candidate] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    underway: Candidate | None = None
    """Whose outcome is not known yet; selection's alone."""
    explanation: str = ""
    """Why it went where it went, for a client that wants to know."""
    losses: tuple[Loss, ...] = ()
    usage: Usage = Usage()
    cache_lost_tokens: int = 0
    """Tokens that the provider had cached for this conversation and did not read again."""
    cost: Decimal | None = None
    """US dollars; None: no usage was told, or nobody has told a price."""
    cost_items: tuple[CostItem, ...] = ()
    """What the cost consists of."""
    price_version: str | None = None
    """Of the price that the cost was reckoned with."""
    price_schedule: str = ""
    """The name of what differed in it at that time of day; "": nothing."""
    failure: Failure | None = None
    """Why the client got an error, when it did."""
    canceled: bool = False
    first_byte_s: float | None = None
    ended_s: float | None = None
    response_body: bytes = b""
    """What the client got."""
    status: int | None = None
    held: bool = False
    """Somebody wants to see the answer before the client does, so it is not streamed."""
    metered: bool = False
    """What it used has been added up."""
    recorded: bool = False
    """Its record has gone to the store."""

    @property
    def attempt(self) -> Attempt | None:
        """The latest try."""
        return self.attempts[-1] if self.attempts else None

    @property
    def source(self) -> str:
        """`api`, or what the gateway asks itself for."""
        return self.pin.source if self.pin else "observed" if self.observed else "api"

    @property
    def owner(self) -> str:
        """The caller by name; "" while nobody is known."""
        return self.api_key.name if self.api_key else ""

    @property
    def conversation(self) -> tuple[str, str, str]:
        """Requests of one are likely to repeat each other; until the body is read, as far as the headers tell."""
        return self.owner, self.trace.thread_id or self.trace.trace_id or self.session, self.trace.agent_id

    @property
    def json_array(self) -> bool:
        """Does the client of a protocol that streams by path want one JSON array instead of events?"""
        return self.address.stream is True and "alt=sse" not in self.query.split("&")

    def hub_request(self) -> Request:
        """The hub's reading of the client's body, made once. ProtocolError."""
        if self.request is None:
            self.request = self.address.protocol.read_request(
                self.document, self.asked_model, self.stream, self.readings
            )
            self.readings.settled()
        return self.request

    @property
    def headers(self) -> dict[str, str]:
        """The response headers that tell the client what we did."""
        told = {"x-axonhub-request-id": self.id}
        if self.trace.trace_id:
            told["x-axonhub-trace-id"] = self.trace.trace_id
        if self.attempt:
            told["x-axonhub-channel"] = self.attempt.candidate.channel.name
            told["x-axonhub-model"] = self.attempt.candidate.model
            told["x-axonhub-attempts"] = str(len(self.attempts))
        if self.explanation:
            told["x-axonhub-debug"] = self.explanation
        if self.pin and self.failure:
            told["x-axonhub-failure"] = self.failure.kind.value
        if self.losses:
            told["x-axonhub-loss"] = ", ".join(dict.fromkeys(loss.path for loss in self.losses))[:1000]
        return {name: value if value.isascii() else _in_ascii(value) for name, value in told.items()}


def _in_ascii(value: str) -> str:
    return value.encode("ascii", "replace").decode()


_OURS = "axonhub_exchange"
"""An attribute of the flow, which mitmproxy neither copies nor saves; in its metadata it would make saving it fail."""


def open_exchange(flow: object, exchange: Exchange) -> None:
    vars(flow)[_OURS] = exchange


def exchange_of(flow: object) -> Exchange | None:
    """None: not one of ours."""
    return vars(flow).get(_OURS)
