"""What the failover layer and the addons say to each other: tries and how they end, pipes, hooks, limits."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol
from weakref import WeakKeyDictionary

from mitmproxy import http
from mitmproxy.proxy import commands

from axonhub.transformers.hub.failures import Failure


class Ending(Enum):
    """How a try came to its end before anything of it was sent to the client."""

    NOT_TRIED = auto()
    UNREACHABLE = auto()
    """No connection: refused, name, TLS, connect time-out."""
    DISCONNECTED = auto()
    """The upstream broke off or sent what is not HTTP."""
    TIMED_OUT = auto()
    """No first event, or no end of a whole answer, in time."""
    REJECTED = auto()
    """The pipe refused the stream: its first event was an error, or nothing came."""
    WHOLE = auto()
    """A whole answer is in `flow.response`, good or bad."""


class Pipe(Protocol):
    """Turns the upstream's body into the client's, piece by piece. Never raises."""

    @property
    def begun(self) -> bool:
        """An answer was announced, though there may be nothing to show of it yet."""
        ...

    @property
    def committed(self) -> bool:
        """There is something to show to the client; from here on no other channel is tried."""
        ...

    @property
    def rejected(self) -> bool:
        """This stream is no answer; try another channel. Never true once committed."""
        ...

    @property
    def closed(self) -> bool:
        """The client's stream is complete, whatever the upstream still sends."""
        ...

    @property
    def progress(self) -> int:
        """Counts real events; pings do not count."""
        ...

    def show(self) -> None:
        """Commit to what was announced, although there is no content yet."""
        ...

    def feed(self, piece: bytes) -> Iterable[bytes]: ...

    def finish(self) -> Iterable[bytes]:
        """The upstream ended."""
        ...

    def abort(self, failure: Failure) -> Iterable[bytes]:
        """The upstream died or fell silent after commit: the proper end in the client's protocol."""
        ...

    def keepalive(self) -> bytes:
        """b"" where none is allowed just now."""
        ...


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a client of a stream gets when no channel has begun to answer for long. Its head is 200 and final."""

    headers: http.Headers
    keepalive: bytes


@dataclass(slots=True)
class Try:
    """What the addon says of one try, and what became of it."""

    headers: Mapping[str, str]
    """Merged into the request at send time: credentials."""
    connect_timeout_s: float
    first_event_timeout_s: float
    idle_timeout_s: float
    greeting: Callable[[], Greeting] | None = None
    """None: this client must hear nothing before there is an answer."""
    drain_s: float = 0.0
    """How long a stream is read on, for its usage, after its client has left; 0: the upstream is told at once."""
    drained: bool = False
    """The client left before the end, and the stream was read on."""
    pipe: Pipe | None = None
    """Set in `responseheaders` when the body shall flow; None: it is read whole."""
    ending: Ending = Ending.NOT_TRIED
    detail: str = ""
    """mitmproxy's words for the ending, for the log; may hold an address, never a credential or a body."""


@dataclass(slots=True)
class Limits:
    """Read by every connection at each event, so a change holds at once."""

    header_bytes: int = 64 * 1024
    body_bytes: int = 64 * 1024 * 1024
    discard_bytes: int = 256 * 1024 * 1024
    """How much of a refused request is read and dropped, so that its client gets to see the refusal."""
    whole_answer_bytes: int = 128 * 1024 * 1024
    """Also of a stream before its first event."""
    keepalive_s: float = 15.0
    announced_s: float = 0.25
    """So long content may be waited for before the announcement itself is shown, which no other channel can undo."""
    header_timeout_s: float = 30.0
    """From the first byte of a header block to its last."""
    body_silence_s: float = 60.0
    """Longest silence within a request's body."""
    upstream_connections: int = 1000
    """To one address, for one client. mitmproxy's own limit of 5 makes an HTTP/2 client's sixth stream wait."""
    refuse_headers: Callable[[bytes], bytes] | None = None
    """First line of the request → the whole HTTP/1.1 answer to a header block over the limit."""


@dataclass
class AttemptHook(commands.StartHook):
    """Fired before each try. Leave `flow.response` set to answer the client, or `aim` the next try."""

    flow: http.HTTPFlow


@dataclass
class RequestTooLargeHook(commands.StartHook):
    """The request's body passed `Limits.body_bytes`. Set `flow.response`."""

    flow: http.HTTPFlow


@dataclass
class LateAnswerHook(commands.StartHook):
    """The client got a `Greeting`, so only the body of `flow.response` will be sent: make it the body of a stream."""

    flow: http.HTTPFlow


limits = Limits()
_tries: WeakKeyDictionary[http.HTTPFlow, Try] = WeakKeyDictionary()
_departures: WeakKeyDictionary[http.HTTPFlow, asyncio.Event] = WeakKeyDictionary()


def aim(flow: http.HTTPFlow, attempt: Try) -> None:
    """Called in `attempt`: the next try goes where `flow.request` points now."""
    _tries[flow] = attempt


def last_try(flow: http.HTTPFlow) -> Try | None:
    return _tries.get(flow)


def departure(flow: http.HTTPFlow) -> asyncio.Event:
    """Set when the client leaves while `attempt` runs. Whoever waits there need not wait any longer, nor aim."""
    return _departures.setdefault(flow, asyncio.Event())


def tell_departure(flow: http.HTTPFlow) -> None:
    """The layer's to call."""
    if flow in _departures:
        _departures[flow].set()


def has_departed(flow: http.HTTPFlow) -> bool:
    """Was anybody told so?"""
    return flow in _departures and _departures[flow].is_set()
