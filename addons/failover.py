"""The HTTP layer that tries several upstreams inside one request. The only file that knows mitmproxy's inner names.

mitmproxy forwards a request once, to one server. Here the request is kept, and a blocking hook `attempt` is fired
before the first try and after every try that came to an end with nothing sent to the client. In that hook the addon
either aims the next try (`aim`) or leaves `flow.response` set, which is then the answer.

    request ──► attempt ──► connect ──► wait for headers ──► whole ───────► attempt
                  ▲  │                        │
                  │  └─ flow.response: answer └─► hold ──commit──► relay ──► answered
                  └──────────── any failure before commit ◄──┘

Rules that keep it right (tested on mitmproxy 12.2, see tests/addons/test_failover.py):
- Each try has a stream id of its own, so late bytes of an abandoned try can reach nobody.
- Credentials are merged into a copy of the request at send time and so never enter a flow.
- One timer per client connection, aimed at the earliest deadline of its streams.
- Dead server connections are forgotten when the next stream begins; mitmproxy would keep them until the client leaves.
"""

import itertools
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol
from weakref import WeakKeyDictionary

from mitmproxy import ctx, http
from mitmproxy.connection import Connection, ConnectionState, Server
from mitmproxy.flow import Error
from mitmproxy.net.http.validate import validate_headers
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http as stock
from mitmproxy.proxy.layers.http import HttpLayer, HttpStream, SendHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    HttpEvent,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
)
from mitmproxy.proxy.layers.http._hooks import (
    HttpErrorHook,
    HttpRequestHook,
    HttpResponseHeadersHook,
)
from mitmproxy.proxy.layers.http._http1 import Http1Server

from axonhub.transformers.hub.failures import Failure, FailureKind

type Commands = layer.CommandGenerator[None]


class Ending(Enum):
    """How a try came to its end before anything was sent to the client."""

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

    def feed(self, piece: bytes) -> Iterable[bytes]: ...

    def finish(self) -> Iterable[bytes]:
        """The upstream ended."""
        ...

    def abort(self, failure: Failure) -> Iterable[bytes]:
        """The upstream died or fell silent after commit: the proper end in the client's protocol."""
        ...

    def keepalive(self) -> bytes: ...


@dataclass(slots=True)
class Try:
    """What the addon says of one try, and what became of it."""

    headers: Mapping[str, str]
    """Merged into the request at send time: credentials."""
    connect_timeout_s: float
    first_event_timeout_s: float
    idle_timeout_s: float
    pipe: Pipe | None = None
    """Set in `responseheaders` when the body shall flow; None: it is read whole."""
    ending: Ending = Ending.NOT_TRIED
    detail: str = ""
    """mitmproxy's words for the ending, for the log; may hold an address, never a credential."""


@dataclass(slots=True)
class Limits:
    """Read by every connection at each event, so a change holds at once."""

    header_bytes: int = 64 * 1024
    body_bytes: int = 64 * 1024 * 1024
    whole_answer_bytes: int = 128 * 1024 * 1024
    keepalive_s: float = 15.0
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
class Deadline(events.Event):
    """A stream's deadline has come."""


_FAILURES = {
    Ending.DISCONNECTED: Failure(FailureKind.NETWORK, "The provider broke off before its answer was complete."),
    Ending.TIMED_OUT: Failure(FailureKind.TIMEOUT, "The provider fell silent before its answer was complete."),
}
"""What the client hears of an upstream that fails after commit."""

limits = Limits()
_tries: WeakKeyDictionary[http.HTTPFlow, Try] = WeakKeyDictionary()
_aliases = itertools.count(1 << 40)
_PATIENCE_BYTES = 64 * 1024
"""A refused request's body is read up to here before the refusal is sent, so that its connection can be kept."""
_DISCARD_LIMIT_BYTES = 256 * 1024 * 1024
"""How much of a refused body is read and dropped, so that the client gets to see the refusal, before we hang up."""


def aim(flow: http.HTTPFlow, attempt: Try) -> None:
    """Called in `attempt`: the next try goes where `flow.request` points now."""
    _tries[flow] = attempt


def last_try(flow: http.HTTPFlow) -> Try | None:
    return _tries.get(flow)


def install(next_layer: layer.NextLayer) -> None:
    """For the `next_layer` hook: lets mitmproxy choose its layers, then puts ours in place of its HTTP layer."""
    if next_layer.layer is None:
        ctx.master.addons.get("nextlayer").next_layer(next_layer)
    for each in next_layer.context.layers:
        if type(each) is HttpLayer:
            each.__class__ = GatewayLayer


class Connect(stock.GetHttpConnection):
    """As mitmproxy's own, but an earlier failed connection to the same address does not stand for a new one."""

    __hash__ = stock.GetHttpConnection.__hash__

    def connection_spec_matches(self, connection: Connection) -> bool:
        return not connection.error and super().connection_spec_matches(connection)


class GatewayStream(HttpStream):
    """One client request and its tries."""

    gateway: "GatewayLayer"
    alias: int | None = None
    attempt: Try | None = None
    connecting: Connect | None = None
    deadline: float | None = None
    """Monotonic seconds; None: nothing is waited for."""
    reused = False
    held: list[bytes]
    seen = 0
    """Bytes of the upstream's answer to this try."""
    discarded = 0
    _progress = 0
    _idle_until = 0.0

    @property
    def pipe(self) -> Pipe | None:
        return self.attempt.pipe if self.attempt else None

    # -- events

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, Deadline):
            yield from self.on_deadline()
        elif isinstance(event, HttpEvent) and event.stream_id not in (self.stream_id, self.alias):
            return  # of a try that was given up
        else:
            yield from super()._handle_event(event)

    def state_consume_request_body(self, event: events.Event) -> Commands:
        """Keeps the body for every try; a body that is refused already is dropped as it comes."""
        if isinstance(event, RequestData) and self.flow.response:
            yield from self.discard(event)
        elif isinstance(event, RequestData):
            self.request_body_buf += event.data
            if len(self.request_body_buf) > limits.body_bytes:
                self.request_body_buf.clear()
                yield RequestTooLargeHook(self.flow)
                yield from self.refuse_early()
        elif isinstance(event, RequestEndOfMessage):
            self.flow.request.timestamp_end = time.time()
            self.flow.request.data.content = bytes(self.request_body_buf)
            self.request_body_buf.clear()
            self.client_state = self.state_done
            if self.server_state == self.state_done:
                yield from self.flow_done()  # refused and answered already
            else:
                yield HttpRequestHook(self.flow)
                yield from self.attempts()

    def discard(self, event: RequestData) -> Commands:
        self.discarded += len(event.data)
        if self.discarded > _PATIENCE_BYTES:
            yield from self.refuse_early()
        if self.discarded > _DISCARD_LIMIT_BYTES:
            yield commands.CloseConnection(self.context.client)

    def refuse_early(self) -> Commands:
        """Answers before the body has come: the client learns at once, and nothing is kept of what still comes."""
        if self.flow.response and self.server_state != self.state_done:
            self.flow.response.headers["connection"] = "close"
            yield from self.send_response()

    # -- tries

    def attempts(self) -> Commands:
        """Asks the addon, tries, and asks again until there is an answer or a request is on its way."""
        while True:
            if (yield from self.client_gone()):
                return
            before = _tries.get(self.flow)
            yield AttemptHook(self.flow)
            if (yield from self.client_gone()):
                return
            if self.flow.response is None and _tries.get(self.flow) is before:
                # The hook failed. The last try must not go out again, and the client must not wait for ever.
                self.flow.response = http.Response.make(500, b"The gateway failed.\n", {"content-type": "text/plain"})
            if self.flow.response:
                self.deadline = None
                yield from self.send_response()
                return
            self.flow.error = None
            if (yield from self.send_request()):
                return

    def client_gone(self) -> layer.CommandGenerator[bool]:
        gone = yield from self.check_killed(True)
        if gone:
            yield from self.drop()
        return gone

    def send_request(self) -> layer.CommandGenerator[bool]:
        """True: the request is on its way. False: no connection, and the try says why."""
        attempt = self.attempt = _tries[self.flow]
        self.held, self.seen, self._progress = [], 0, 0
        connection = yield from self.connect(attempt)
        if connection is None:
            return False
        self.context.server = self.flow.server_conn = connection
        self.gateway.register(self)
        yield from self.transmit(attempt, connection)
        self.deadline = time.monotonic() + attempt.first_event_timeout_s
        self.server_state = self.state_wait_for_response_headers
        return True

    def connect(self, attempt: Try) -> layer.CommandGenerator[Server | None]:
        request, server = self.flow.request, self.flow.server_conn
        started = time.monotonic()
        self.deadline = started + attempt.connect_timeout_s
        address = (request.host, request.port)
        self.connecting = Connect(address, request.scheme == "https", server.via, server.transport_protocol)
        known = set(self.gateway.connections)
        connection: Server | None
        connection, error = yield self.connecting
        self.connecting = None
        self.reused = connection in known
        if error:
            timed_out = time.monotonic() >= started + attempt.connect_timeout_s
            self.give_up(Ending.UNREACHABLE, "connect time-out" if timed_out else error)
        return connection

    def transmit(self, attempt: Try, connection: Connection) -> Commands:
        assert self.alias is not None
        request = self.flow.request.copy()
        for name, value in attempt.headers.items():
            request.headers[name] = value
        content = request.raw_content
        yield SendHttp(RequestHeaders(self.alias, request, not content), connection)
        if content:
            yield SendHttp(RequestData(self.alias, content), connection)
        yield SendHttp(RequestEndOfMessage(self.alias), connection)

    def give_up(self, ending: Ending, detail: str) -> None:
        """Notes how this try ended; the flow shows an error only until the next try begins."""
        assert self.attempt
        self.attempt.ending, self.attempt.detail = ending, detail
        self.deadline = None
        if ending is not Ending.WHOLE:
            self.flow.response = None
            self.flow.error = Error(detail)

    def next_try(self, ending: Ending, detail: str, *, cancel: bool = True) -> Commands:
        if cancel:
            yield from self.cancel(detail)
        yield from self.drop()
        self.give_up(ending, detail)
        yield from self.attempts()

    def cancel(self, detail: str) -> Commands:
        """Tells the upstream that nobody listens any more."""
        if self.alias is not None and self.context.server in self.gateway.connections:
            yield SendHttp(RequestProtocolError(self.alias, detail, ErrorCode.CANCEL), self.context.server)

    def drop(self) -> Commands:
        if self.alias is not None:
            yield stock.DropStream(self.alias)
            self.alias = None

    # -- the answer

    def state_wait_for_response_headers(self, event: events.Event) -> Commands:
        assert isinstance(event, ResponseHeaders)
        try:
            validate_headers(event.response)
        except ValueError as error:
            yield from self.next_try(Ending.DISCONNECTED, f"malformed headers: {error}")
            return
        self.flow.response = event.response
        yield HttpResponseHeadersHook(self.flow)
        if (yield from self.client_gone()):
            return
        self.server_state = self.state_hold if self.pipe else self.state_whole

    def state_whole(self, event: events.Event) -> Commands:
        """Reads an answer to its end and lets the addon judge it."""
        assert self.flow.response
        if isinstance(event, ResponseData):
            self.response_body_buf += event.data
            if len(self.response_body_buf) > limits.whole_answer_bytes:
                self.response_body_buf.clear()
                yield from self.next_try(Ending.DISCONNECTED, "the answer is too large")
        elif isinstance(event, ResponseEndOfMessage):
            self.flow.response.data.content = bytes(self.response_body_buf)
            self.response_body_buf.clear()
            yield from self.next_try(Ending.WHOLE, "", cancel=False)

    def state_hold(self, event: events.Event) -> Commands:
        """Keeps a stream back until its first event shows that it is an answer."""
        assert self.pipe
        pipe, ended = self.pipe, isinstance(event, ResponseEndOfMessage)
        if isinstance(event, ResponseData):
            self.seen += len(event.data)
            self.held += pipe.feed(event.data)
        elif ended:
            self.held += pipe.finish()
        if pipe.committed:
            yield from self.commit()
            if ended:
                yield from self.end_relay()
            elif pipe.closed:
                yield from self.close_relay()
        elif pipe.rejected or ended:
            yield from self.next_try(Ending.REJECTED, "no answer in the stream", cancel=not ended)

    def commit(self) -> Commands:
        assert self.flow.response
        headers = self.flow.response.headers
        headers.pop("content-length", None)
        headers.pop("transfer-encoding", None)
        if self.flow.request.http_version == "HTTP/1.1":
            headers["transfer-encoding"] = "chunked"
        yield SendHttp(ResponseHeaders(self.stream_id, self.flow.response, end_stream=False), self.context.client)
        held, self.held = self.held, []
        yield from self.relay(held)
        self.server_state = self.state_relay

    def state_relay(self, event: events.Event) -> Commands:
        assert self.pipe
        if isinstance(event, ResponseData):
            yield from self.relay(self.pipe.feed(event.data))
            if self.pipe.closed:
                yield from self.close_relay()
        elif isinstance(event, ResponseEndOfMessage):
            yield from self.relay(self.pipe.finish())
            yield from self.end_relay()
        else:
            assert isinstance(event, ResponseTrailers)  # mean nothing to an LLM client

    def relay(self, chunks: Iterable[bytes]) -> Commands:
        """Sends on, and restarts the idle clock when there was a real event."""
        assert self.attempt
        assert self.pipe
        for chunk in chunks:
            if chunk:
                yield SendHttp(ResponseData(self.stream_id, chunk), self.context.client)
        now = time.monotonic()
        if self.pipe.progress != self._progress or not self._idle_until:
            self._progress = self.pipe.progress
            self._idle_until = now + self.attempt.idle_timeout_s
        self.deadline = min(self._idle_until, now + limits.keepalive_s)

    def close_relay(self) -> Commands:
        """The client's answer is complete although the upstream has not ended."""
        yield from self.cancel("answer complete")
        yield from self.end_relay()

    def end_relay(self) -> Commands:
        self.deadline = None
        yield from self.drop()
        yield from self.send_response(already_streamed=True)

    def abort_relay(self, ending: Ending, detail: str) -> Commands:
        """The upstream failed after commit: the client's own protocol gets its error and a clean end."""
        assert self.attempt
        assert self.pipe
        self.attempt.ending, self.attempt.detail = ending, detail
        yield from self.relay(self.pipe.abort(_FAILURES[ending]))
        yield from self.end_relay()

    # -- what goes wrong

    def handle_protocol_error(self, event: RequestProtocolError | ResponseProtocolError) -> Commands:
        if isinstance(event, RequestProtocolError):
            yield from self.client_left(event)
        elif self.server_state == self.state_relay:
            yield from self.abort_relay(Ending.DISCONNECTED, event.message)
        elif self.server_state in (self.state_wait_for_response_headers, self.state_hold, self.state_whole):
            yield from self.upstream_left(event)
        else:
            yield from super().handle_protocol_error(event)

    def client_left(self, event: RequestProtocolError) -> Commands:
        answered = self.server_state in (self.state_done, self.state_errored)
        yield from self.cancel(event.message)
        yield from self.drop()
        if not answered:
            self.flow.error = Error(event.message)
            yield HttpErrorHook(self.flow)
        self.client_state = self.server_state = self.state_errored
        self.deadline = None
        self.flow.live = False
        yield stock.DropStream(self.stream_id)

    def upstream_left(self, event: ResponseProtocolError) -> Commands:
        """A kept connection that the upstream closed in the same moment is no fault of the channel: once more."""
        self.response_body_buf.clear()
        unheard = self.server_state == self.state_wait_for_response_headers
        yield from self.drop()
        if self.reused and unheard:
            self.reused = False
            if (yield from self.send_request()):
                return
            yield from self.attempts()
        else:
            self.give_up(Ending.DISCONNECTED, event.message)
            yield from self.attempts()

    def on_deadline(self) -> Commands:
        """Not reached while a hook or a connect is awaited: the layer closes a connect that takes too long."""
        now = time.monotonic()
        if self.deadline is None or now < self.deadline:
            return
        if self.server_state == self.state_relay:
            yield from self.on_silence(now)
        elif self.server_state in (self.state_wait_for_response_headers, self.state_hold, self.state_whole):
            yield from self.next_try(Ending.TIMED_OUT, "no first event in time")

    def on_silence(self, now: float) -> Commands:
        assert self.pipe
        if now >= self._idle_until:
            yield from self.cancel("idle")
            yield from self.abort_relay(Ending.TIMED_OUT, "no event in time")
        else:
            yield from self.relay([self.pipe.keepalive()])


class GatewayLayer(HttpLayer):
    """mitmproxy's HTTP layer with our streams, one timer and a header limit."""

    _armed: float | None = None
    """When the pending timer fires, in monotonic seconds."""
    _timers: set[commands.RequestWakeup] | None = None

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, events.Wakeup) and self._timers and event.command in self._timers:
            self._timers.discard(event.command)
            self._armed = None
            yield from self.wake()
        elif self.floods(event):
            yield from self.refuse_headers(event)
        else:
            yield from super()._handle_event(event)
        yield from self.arm()

    def make_stream(self, stream_id: int) -> Commands:
        self.prune()
        stream = self.streams[stream_id] = GatewayStream(self.context.fork(), stream_id)
        stream.gateway = self
        yield from self.event_to_child(stream, events.Start())

    def register(self, stream: GatewayStream) -> None:
        """Gives the stream a fresh id for its next try."""
        stream.alias = next(_aliases)
        self.streams[stream.alias] = stream

    def prune(self) -> None:
        """Forgets server connections that are closed or never came to be."""
        dead = [
            connection
            for connection in self.connections
            if connection is not self.context.client
            and connection not in self.waiting_for_establishment
            and (connection.error or connection.state is ConnectionState.CLOSED)
        ]
        for connection in dead:
            del self.connections[connection]

    # -- time

    def waiting(self) -> set[GatewayStream]:
        streams = self.streams.values()
        return {each for each in streams if isinstance(each, GatewayStream) and each.deadline is not None}

    def wake(self) -> Commands:
        now = time.monotonic()
        for stream in self.waiting():
            if stream.deadline is None or stream.deadline > now:
                continue
            if stream.connecting:
                yield from self.abandon_connect(stream)
            else:
                yield from self.event_to_child(stream, Deadline())

    def abandon_connect(self, stream: GatewayStream) -> Commands:
        """Closing a connection that is being opened completes the open with an error."""
        stream.deadline = None
        pending = self.waiting_for_establishment.items()
        for connection in [each for each, waiters in pending if stream.connecting in waiters]:
            yield commands.CloseConnection(connection)

    def arm(self) -> Commands:
        deadlines = [stream.deadline for stream in self.waiting() if stream.deadline is not None]
        if not deadlines:
            return
        earliest = min(deadlines)
        if self._armed is None or earliest < self._armed:
            self._armed = earliest
            timer = commands.RequestWakeup(max(0.0, earliest - time.monotonic()))
            self._timers = (self._timers or set()) | {timer}
            yield timer

    # -- header flood

    def floods(self, event: events.Event) -> bool:
        """Does this piece push an unfinished HTTP/1 header block over the limit? mitmproxy itself has none."""
        if not isinstance(event, events.DataReceived) or event.connection is not self.context.client:
            return False
        server = self.connections.get(event.connection)
        if not isinstance(server, Http1Server) or server.state != server.read_headers:
            return False
        block = len(server.buf) + len(event.data)
        return block > limits.header_bytes and (bytes(server.buf) + event.data).find(b"\r\n\r\n") not in range(
            limits.header_bytes
        )

    def refuse_headers(self, event: events.Event) -> Commands:
        assert isinstance(event, events.DataReceived)
        server = self.connections[event.connection]
        assert isinstance(server, Http1Server)
        first_line = (bytes(server.buf) + event.data).partition(b"\r\n")[0]
        server.state = server.done
        if limits.refuse_headers:
            yield commands.SendData(event.connection, limits.refuse_headers(first_line))
        yield commands.CloseConnection(event.connection)
