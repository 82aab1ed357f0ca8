"""The HTTP layer that tries several upstreams inside one request. The only file that knows mitmproxy's inner names.

mitmproxy forwards a request once, to one server. Here the request is kept, and a blocking hook `attempt` is fired
before the first try and after every try that came to an end with nothing of it sent to the client. In that hook the
addon either aims the next try (`aim`) or leaves `flow.response` set, which is then the answer.

    request ──► attempt ──► connect ──► wait for headers ──► whole ───────► attempt
                  ▲  │                        │
                  │  └─ flow.response: answer └─► hold ──commit──► relay ──► linger ──► answered
                  └──────────── any failure before commit ◄──┘

Rules that keep it right (tests/addons/test_failover.py, tests/gateway/test_failover.py; mitmproxy 12.2):
- Each try has a stream id of its own, so late bytes of an abandoned try can reach nobody.
- Credentials are merged into a copy of the request at send time and so never enter a flow.
- One timer per client connection, aimed at the earliest deadline of its streams.
- Dead server connections are forgotten when the next stream begins; mitmproxy would keep them until the client leaves.
- A client of a stream that hears nothing for long gets a head and a keep-alive; other channels may still be tried.
- A client that reads too slowly stops the reading of its upstream. mitmproxy sees to that for HTTP/1 clients only.
"""

import asyncio
import itertools
import re
import time
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from math import inf
from typing import Any, Protocol, cast
from weakref import WeakKeyDictionary

import h2.events
from mitmproxy import ctx, http
from mitmproxy.connection import Client, Connection, ConnectionState, Server
from mitmproxy.flow import Error
from mitmproxy.net.http.validate import validate_headers
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as stock
from mitmproxy.proxy.layers.http import HttpLayer, HttpStream, RegisterHttpConnection, SendHttp
from mitmproxy.proxy.layers.http._base import ReceiveHttp
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
from mitmproxy.proxy.layers.http._http1 import Http1Client, Http1Connection, Http1Server
from mitmproxy.proxy.layers.http._http2 import Http2Server
from mitmproxy.proxy.server import ConnectionHandler

from axonhub.addons.dispatch import Dispatch, RestHook
from axonhub.addons.indexed_headers import IndexedHeaders
from axonhub.transformers.hub.failures import Failure, FailureKind

type Commands = layer.CommandGenerator[None]
type Read = Callable[[int], Coroutine[Any, Any, bytes]]


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
_WRITE_BYTES = 16 * 1024
"""Less than this is worth copying to save a write."""
_BACKLOG_BYTES = 256 * 1024
"""So much may wait for an HTTP/2 client to read it before its upstream is read no further."""
_LINGER_S = 0.25
"""An upstream that said all gets so long to end its message, so that its connection can be kept."""
_CLOSED = ("server closed connection", "peer closed connection", "HTTP/2 connection closed")
"""mitmproxy's words for an upstream connection that ended without a word about a request."""
_BYTES_LITERAL = re.compile(r"""b(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")
_BLANK_LINE = re.compile(rb"\n\r?\n")
_INTERIM = re.compile(rb"HTTP/1\.\d 1(?!01)\d\d\D")


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
            dispatch = ctx.master.addons if isinstance(ctx.master.addons, Dispatch) else None
            make_ours(each, _sockets(next_layer.context.client), dispatch)


def make_ours(plain: HttpLayer, sockets: "Sockets | None" = None, dispatch: Dispatch | None = None) -> "GatewayLayer":
    """Puts our class in the place of mitmproxy's, in a layer that has seen no event yet."""
    plain.__class__ = GatewayLayer
    ours = cast(GatewayLayer, plain)
    ours.sockets, ours.dispatch = sockets, dispatch
    ours.choked, ours.timers, ours.alarms = set(), set(), {}
    return ours


def discreet(text: str) -> str:
    """mitmproxy's words without what came over the wire: keys and bodies belong in no log."""
    return _BYTES_LITERAL.sub("b'…'", text)


# -- sockets


class Sockets(Protocol):
    """What mitmproxy keeps from its layers."""

    def read(self, connection: Connection, on: bool) -> None:
        """Begins or ceases to take bytes from a connection; the kernel then tells its peer to wait."""
        ...

    def unsent(self, connection: Connection) -> int:
        """Bytes that the kernel has not taken, because the peer does not."""
        ...

    def forget(self, connection: Connection) -> None:
        """Lets go of a connection that is closed."""
        ...


class HandlerSockets:
    """The sockets of one client connection and of its upstreams."""

    def __init__(self, handler: ConnectionHandler) -> None:
        self._handler = handler
        self._gates: WeakKeyDictionary[Connection, asyncio.Event] = WeakKeyDictionary()
        """Of connections that are not read."""
        handler.max_conns = defaultdict(lambda: asyncio.Semaphore(limits.upstream_connections))

    def read(self, connection: Connection, on: bool) -> None:
        io = self._handler.transports.get(connection)
        if io is None or not isinstance(io.reader, asyncio.StreamReader):
            return
        if on and connection in self._gates:
            self._gates.pop(connection).set()
            del io.reader.read  # uncovers the method
        elif not on and connection not in self._gates:
            self._gates[connection] = gate = asyncio.Event()
            io.reader.read = _gated(io.reader.read, gate)  # type: ignore[assignment, method-assign]

    def unsent(self, connection: Connection) -> int:
        io = self._handler.transports.get(connection)
        if io is None or not isinstance(io.writer, asyncio.StreamWriter):
            return 0
        return io.writer.transport.get_write_buffer_size()

    def forget(self, connection: Connection) -> None:
        io = self._handler.transports.get(connection)
        if io and (io.handler is None or io.handler.done()):
            del self._handler.transports[connection]


def _gated(read: Read, gate: asyncio.Event) -> Read:
    """Waits before it reads. A reader that is not read stops its transport, and so the peer."""

    async def gated(size: int = -1) -> bytes:
        await gate.wait()
        return await read(size)

    return gated


def _sockets(client: Client) -> HandlerSockets | None:
    handler = ctx.master.addons.get("proxyserver").connections.get(client.id)
    return HandlerSockets(handler) if handler else None


# -- HTTP/1 as we need it


class TolerantHttp1(Http1Connection):
    """What both sides have in common."""

    def read_body(self, event: events.Event) -> Commands:
        try:
            yield from super().read_body(event)
        except NotImplementedError:  # a body that ends in trailers; they mean nothing to anyone here
            assert self.stream_id is not None
            yield ReceiveHttp(self.ReceiveEndOfMessage(self.stream_id))
            is_request = isinstance(self, Http1Server)
            yield from self.mark_done(request=is_request, response=not is_request)

    def flooded(self) -> bool:
        """Is the unfinished header block over the limit? mitmproxy itself has none."""
        most = limits.header_bytes
        return len(self.buf) > most and _BLANK_LINE.search(bytes(self.buf)[:most]) is None


class GatewayHttp1Server(TolerantHttp1, Http1Server):
    """Towards the client: header blocks have limits in size and time."""

    swallowed = 0

    @property
    def in_headers(self) -> bool:
        """Has a header block begun that has not ended, or one that is refused already?"""
        return bool(self.buf) if self.state == self.read_headers else self.state == self.swallow

    def read_headers(self, event: events.ConnectionEvent) -> Commands:
        if isinstance(event, events.ConnectionClosed):
            yield commands.CloseConnection(self.conn)  # mitmproxy would log what had come, keys and all
        elif self.flooded():
            yield from self.refuse_headers()
        else:
            yield from super().read_headers(event)

    def refuse_headers(self) -> Commands:
        first_line = bytes(self.buf).partition(b"\r\n")[0]
        self.state = self.swallow
        if limits.refuse_headers:
            yield commands.SendData(self.conn, limits.refuse_headers(first_line))
        yield commands.CloseTcpConnection(self.conn, half_close=True)

    def swallow(self, event: events.Event) -> Commands:
        """Reads on for a while: a connection closed with bytes unread would take our answer with it."""
        self.swallowed += len(self.buf)
        self.buf.maybe_extract_at_most(len(self.buf))
        if isinstance(event, events.ConnectionClosed) or self.swallowed > limits.discard_bytes:
            yield commands.CloseConnection(self.conn)


class GatewayHttp1Client(TolerantHttp1, Http1Client):
    """Towards the upstream: interim answers are passed over, header blocks have a limit."""

    def read_body(self, event: events.Event) -> Commands:
        """What one read brings is one piece, however many chunks it came in."""
        pieces: list[bytes] = []
        for command in super().read_body(event):
            if isinstance(command, ReceiveHttp) and isinstance(command.event, ResponseData):
                pieces.append(command.event.data)
                continue
            if pieces:
                yield self.received(pieces)
                pieces = []
            yield command
        if pieces:
            yield self.received(pieces)

    def received(self, pieces: list[bytes]) -> ReceiveHttp:
        assert self.stream_id is not None
        return ReceiveHttp(ResponseData(self.stream_id, b"".join(pieces)))

    def read_headers(self, event: events.ConnectionEvent) -> Commands:
        while _INTERIM.match(bytes(self.buf)) and self.buf.maybe_extract_lines():
            pass
        if self.flooded() and self.stream_id is not None:
            yield commands.CloseConnection(self.conn)
            flood = ResponseProtocolError(self.stream_id, "endless headers", ErrorCode.GENERIC_SERVER_ERROR)
            yield ReceiveHttp(flood)
        else:
            yield from super().read_headers(event)


class GatewayHttp2Server(Http2Server):
    """Towards the client: no reset is lost."""

    def handle_h2_event(self, event: h2.events.Event) -> layer.CommandGenerator[bool]:
        if isinstance(event, h2.events.StreamReset) and event.stream_id not in self.streams:
            # mitmproxy has forgotten the stream already when the end of its request came in the same read.
            reset = RequestProtocolError(event.stream_id, "stream reset by client", ErrorCode.CANCEL)
            yield ReceiveHttp(reset)
            return False
        return (yield from super().handle_h2_event(event))


def _adopt(fresh: layer.Layer) -> None:
    """Puts our class in the place of mitmproxy's, on a connection that has seen no byte yet."""
    if type(fresh) is Http1Server:
        fresh.__class__ = GatewayHttp1Server
        fresh.state = fresh.read_headers
    elif type(fresh) is Http1Client:
        fresh.__class__ = GatewayHttp1Client
        fresh.state = fresh.read_headers
    elif type(fresh) is Http2Server:
        fresh.__class__ = GatewayHttp2Server


# -- one request


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
    reused = False
    """The try went out on a connection that had been kept."""
    deadline: float | None = None
    """Monotonic seconds, when `Deadline` is due; None: nothing is waited for."""
    patience = inf
    """When the present wait is over. The deadline may come before, for a keep-alive."""
    quiet_since = 0.0
    """When the client last heard anything, or had said all."""
    greeted = False
    """The client has a head already, and hears keep-alives."""
    held: list[bytes]
    seen = 0
    """Bytes of the upstream's answer to this try, while it is held."""
    discarded = 0
    progress = 0

    @property
    def pipe(self) -> Pipe | None:
        return self.attempt.pipe if self.attempt else None

    @property
    def waits_for_answer(self) -> bool:
        """A try is out, and the client has seen nothing of its answer."""
        waiting = (self.state_wait_for_response_headers, self.state_hold, self.state_whole)
        return self.attempt is not None and self.server_state in waiting

    # -- events

    def handle_event(self, event: events.Event) -> Commands:
        if self.connecting and isinstance(event, RequestProtocolError):
            return self.abandoned(event)
        return super().handle_event(event)

    def abandoned(self, event: RequestProtocolError) -> Commands:
        """While a connect is awaited the layer sleeps, and keeps the event for later."""
        yield from super().handle_event(event)
        if self.connecting:
            yield from self.gateway.abandon_connect(self, "the client left")

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, Deadline):
            yield from self.on_deadline()
        elif isinstance(event, HttpEvent) and event.stream_id not in (self.stream_id, self.alias):
            return  # of a try that was given up
        else:
            yield from super()._handle_event(event)

    def state_wait_for_request_headers(self, event: RequestHeaders) -> Commands:
        # Copies, here and of the answer: the connection's own layer decides by what was really said whether it ends.
        own = RequestHeaders(event.stream_id, _twin(event.request), event.end_stream, event.replay_flow)
        yield from super().state_wait_for_request_headers(own)
        if self.client_state == self.state_consume_request_body:
            self.deadline = self.gateway.clock() + limits.body_silence_s

    def state_consume_request_body(self, event: events.Event) -> Commands:
        """Keeps the body for every try; a body that is refused already is dropped as it comes."""
        if isinstance(event, RequestData):
            self.deadline = self.gateway.clock() + limits.body_silence_s
            yield from self.discard(event) if self.flow.response else self.keep(event)
        elif isinstance(event, RequestEndOfMessage):
            self.deadline, self.quiet_since = None, self.gateway.clock()
            self.flow.request.timestamp_end = time.time()
            self.flow.request.data.content = bytes(self.request_body_buf)
            self.request_body_buf.clear()
            self.client_state = self.state_done
            if self.server_state == self.state_done:  # refused and answered already
                self.flow.live = False
                yield stock.DropStream(self.stream_id)
            else:
                yield HttpRequestHook(self.flow)
                yield from self.attempts()

    def keep(self, event: RequestData) -> Commands:
        self.request_body_buf += event.data
        if len(self.request_body_buf) > limits.body_bytes:
            self.request_body_buf.clear()
            yield RequestTooLargeHook(self.flow)
            self.flow.response = self.flow.response or _own_failure(413, "The request's body is too large.")
            yield from self.refuse_early()

    def discard(self, event: RequestData) -> Commands:
        self.discarded += len(event.data)
        if self.discarded > _PATIENCE_BYTES:
            yield from self.refuse_early()
        if self.discarded > limits.discard_bytes:
            yield from self.hang_up("a refused body does not end")

    def refuse_early(self) -> Commands:
        """Answers before the body has come: the client learns at once, and nothing is kept of what still comes."""
        if self.flow.response and self.server_state != self.state_done:
            self.flow.response.headers["connection"] = "close"
            yield from self.send_response()
            yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)

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
                self.flow.response = _own_failure(500, "The gateway failed.")
            if self.flow.response:
                yield from self.answer()
                return
            if (yield from self.send_request()):
                return

    def answer(self) -> Commands:
        """Sends `flow.response`, or what of it still fits a client who was greeted."""
        assert self.flow.response
        self.deadline = None
        if not self.greeted:
            if self.flow.request.method == "HEAD":
                self.flow.response.data.content = b""  # its headers still tell of the content
            yield from self.send_response()
            return
        yield LateAnswerHook(self.flow)
        if content := self.flow.response.raw_content:
            yield SendHttp(ResponseData(self.stream_id, content), self.context.client)
        yield from self.send_response(already_streamed=True)

    def client_gone(self) -> layer.CommandGenerator[bool]:
        """Has the client left, or was the flow killed, while a hook ran? Then nothing is left of it after this."""
        gone = yield from self.check_killed(True)
        if gone:
            yield from self.cancel("nobody listens")
            yield from self.drop()
            self.deadline = None
            yield stock.DropStream(self.stream_id)
        return gone

    def send_request(self) -> layer.CommandGenerator[bool]:
        """True: the request is on its way, or nobody waits for it. False: no connection, and the try says why."""
        attempt = self.attempt = _tries[self.flow]
        self.response_body_buf.clear()
        self.held, self.seen, self.progress = [], 0, 0
        connection = yield from self.connect(attempt)
        if connection is None:
            return False
        self.context.server = self.flow.server_conn = connection
        if (yield from self.client_gone()):
            if not self.reused and connection.alpn != b"h2":
                yield commands.CloseConnection(connection)
            return True
        self.gateway.register(self)
        yield from self.transmit(attempt, connection)
        self.server_state = self.state_wait_for_response_headers
        self.patience = self.gateway.clock() + attempt.first_event_timeout_s
        self.wait()
        return True

    def connect(self, attempt: Try) -> layer.CommandGenerator[Server | None]:
        request, server = self.flow.request, self.flow.server_conn
        self.deadline = self.gateway.clock() + attempt.connect_timeout_s
        address = (request.host, request.port)
        self.connecting = Connect(address, request.scheme == "https", server.via, server.transport_protocol)
        kept = {each for each in self.gateway.connections if each.connected}
        connection: Server | None
        connection, error = yield self.connecting
        self.connecting, self.deadline = None, None
        self.reused = connection in kept
        if error:
            self.give_up(Ending.UNREACHABLE, error)
        return connection

    def transmit(self, attempt: Try, connection: Connection) -> Commands:
        assert self.alias is not None
        request = _twin(self.flow.request)
        for name, value in attempt.headers.items():
            request.headers[name] = value
        content = request.raw_content
        yield SendHttp(RequestHeaders(self.alias, request, not content), connection)
        if content:
            yield SendHttp(RequestData(self.alias, content), connection)
        yield SendHttp(RequestEndOfMessage(self.alias), connection)

    def give_up(self, ending: Ending, detail: str) -> None:
        """Notes how this try ended. The flow's own error stays free: one there means that it was killed."""
        assert self.attempt
        self.attempt.ending, self.attempt.detail = ending, discreet(detail)
        self.deadline = None
        if ending is not Ending.WHOLE:
            self.flow.response = None

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
        self.flow.response = _twin(event.response)
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
            yield from self.after_relay(ended)
        elif pipe.rejected or ended:
            yield from self.next_try(Ending.REJECTED, "no answer in the stream", cancel=not ended)
        elif self.seen > limits.whole_answer_bytes:
            yield from self.next_try(Ending.REJECTED, "a stream without an event", cancel=True)

    def commit(self) -> Commands:
        assert self.attempt
        assert self.flow.response
        if not self.greeted:
            yield from self.send_head(self.flow.response)
        self.server_state = self.state_relay
        self.patience = self.gateway.clock() + self.attempt.idle_timeout_s
        held, self.held = self.held, []
        yield from self.relay(held)

    def send_head(self, response: http.Response) -> Commands:
        """Of a body whose length nobody knows."""
        headers = response.headers
        headers.pop("content-length", None)
        headers.pop("transfer-encoding", None)
        if self.flow.request.http_version == "HTTP/1.1":
            response.http_version = "HTTP/1.1"
            headers["transfer-encoding"] = "chunked"
        yield SendHttp(ResponseHeaders(self.stream_id, response, end_stream=False), self.context.client)

    def state_relay(self, event: events.Event) -> Commands:
        assert self.pipe
        if isinstance(event, ResponseData):
            yield from self.relay(self.pipe.feed(event.data))
            yield from self.after_relay(False)
        elif isinstance(event, ResponseEndOfMessage):
            yield from self.relay(self.pipe.finish())
            yield from self.after_relay(True)
        else:
            assert isinstance(event, ResponseTrailers)  # mean nothing to an LLM client

    def relay(self, chunks: Iterable[bytes]) -> Commands:
        """Sends on, and begins the idle time anew when there was a real event."""
        assert self.attempt
        assert self.pipe
        now = self.gateway.clock()
        for chunk in filter(None, chunks):
            self.quiet_since = now
            yield SendHttp(ResponseData(self.stream_id, chunk), self.context.client)
        if self.pipe.progress != self.progress:
            self.progress = self.pipe.progress
            self.patience = now + self.attempt.idle_timeout_s
        self.gateway.watch_backlog(self)
        self.wait()

    def after_relay(self, ended: bool) -> Commands:
        """The upstream's message has ended; or the client's has, and the upstream's is about to."""
        assert self.pipe
        if ended:
            yield from self.end_relay()
        elif self.pipe.closed:
            self.server_state = self.state_linger
            self.deadline = self.patience = self.gateway.clock() + _LINGER_S

    def state_linger(self, event: events.Event) -> Commands:
        if isinstance(event, ResponseEndOfMessage):
            yield from self.end_relay()

    def end_relay(self) -> Commands:
        self.deadline = None
        yield from self.drop()
        yield from self.send_response(already_streamed=True)

    def abort_relay(self, ending: Ending, detail: str) -> Commands:
        """The upstream failed after commit: the client's own protocol gets its error and a clean end."""
        assert self.attempt
        assert self.pipe
        self.attempt.ending, self.attempt.detail = ending, discreet(detail)
        yield from self.relay(self.pipe.abort(_FAILURES[ending]))
        yield from self.end_relay()

    # -- time

    def wait(self) -> None:
        """Sets the deadline to the end of patience, or to the next keep-alive where that comes first."""
        allowed = self.server_state == self.state_relay or (self.attempt and self.attempt.greeting)
        self.deadline = min(self.patience, self.quiet_since + limits.keepalive_s if allowed else inf)

    def on_deadline(self) -> Commands:
        """Not reached while a connect is awaited: the layer closes one that takes too long."""
        if self.deadline is not None:
            return  # by now something else is waited for
        over = self.gateway.clock() >= self.patience
        if self.client_state == self.state_consume_request_body:
            yield from self.hang_up("the request's body did not come in time")
        elif self.server_state == self.state_linger:
            yield from self.cancel("answer complete")
            yield from self.end_relay()
        elif self.server_state == self.state_relay:
            yield from self.on_silence() if over else self.keep_alive()
        elif self.waits_for_answer:
            yield from self.next_try(Ending.TIMED_OUT, "no answer in time") if over else self.keep_alive()

    def on_silence(self) -> Commands:
        if self.gateway.is_unread(self):
            yield from self.hang_up("the client does not read")
        else:
            yield from self.cancel("idle")
            yield from self.abort_relay(Ending.TIMED_OUT, "no event in time")

    def keep_alive(self) -> Commands:
        """A sign of life, from the pipe once it has begun to speak."""
        assert self.attempt
        if self.server_state == self.state_relay:
            assert self.pipe
            sign = self.pipe.keepalive()
        else:
            assert self.attempt.greeting
            greeting = self.attempt.greeting()
            sign = greeting.keepalive
            if not self.greeted:
                self.greeted = True
                yield from self.send_head(http.Response.make(200, b"", greeting.headers))
        if sign:
            yield SendHttp(ResponseData(self.stream_id, sign), self.context.client)
        self.quiet_since = self.gateway.clock()
        self.wait()

    # -- what goes wrong

    def handle_protocol_error(self, event: RequestProtocolError | ResponseProtocolError) -> Commands:
        if isinstance(event, RequestProtocolError):
            yield from self.client_left(event.message)
        elif self.server_state == self.state_linger:
            yield from self.end_relay()
        elif self.server_state == self.state_relay:
            yield from self.abort_relay(Ending.DISCONNECTED, event.message)
        elif self.waits_for_answer:
            yield from self.upstream_left(event)
        else:
            yield from super().handle_protocol_error(event)

    def client_left(self, message: str) -> Commands:
        answered = self.server_state in (self.state_done, self.state_errored)
        yield from self.cancel(message)
        yield from self.drop()
        self.deadline = None
        if not answered:
            self.flow.error = Error(discreet(message))
            yield HttpErrorHook(self.flow)
        self.client_state = self.server_state = self.state_errored
        self.flow.live = False
        yield stock.DropStream(self.stream_id)

    def hang_up(self, message: str) -> Commands:
        """Ends a request whose client does not do its part."""
        yield from self.client_left(message)
        yield SendHttp(ResponseProtocolError(self.stream_id, message, ErrorCode.KILL), self.context.client)

    def upstream_left(self, event: ResponseProtocolError) -> Commands:
        """A kept connection that the upstream closed in the same moment is no fault of the channel: once more."""
        unheard = self.server_state == self.state_wait_for_response_headers
        yield from self.drop()
        if self.reused and unheard and event.message.startswith(_CLOSED):
            if (yield from self.send_request()):
                return
        else:
            self.give_up(Ending.DISCONNECTED, event.message)
        yield from self.attempts()


def _twin[Message: http.Message](message: Message) -> Message:
    """A copy whose headers may be changed; the body is shared. The headers of both are indexed."""
    if not isinstance(message.headers, IndexedHeaders):
        message.headers = IndexedHeaders.of(message.headers.fields)
    twin = _shallow(message)
    twin.data = _shallow(message.data)
    twin.headers = _shallow(message.headers)
    return twin


def _shallow[Thing](thing: Thing) -> Thing:
    """`copy.copy` for a plain object, in a fifth of the time."""
    twin = object.__new__(type(thing))
    twin.__dict__.update(thing.__dict__)
    return twin


def _own_failure(status: int, message: str) -> http.Response:
    """In no protocol's envelope: for what happens when our own hooks fail."""
    return http.Response.make(status, f"{message}\n", {"content-type": "text/plain"})


# -- one client connection


def _forked(context: Context) -> Context:
    """As `fork`, without the Server that it makes and throws away."""
    fork = _shallow(context)
    fork.layers = context.layers.copy()
    return fork


class Outbox:
    """Gathers what an event makes of bytes for one connection, so that they leave in one write and in order."""

    def __init__(self) -> None:
        self._waiting: list[commands.SendData] = []
        self._size = 0

    def add(self, command: commands.SendData) -> commands.SendData | None:
        """Gives back what must leave before there is room for this one."""
        full = None
        if self._waiting and (
            self._waiting[0].connection is not command.connection or self._size + len(command.data) > _WRITE_BYTES
        ):
            full = self.take()
        self._waiting.append(command)
        self._size += len(command.data)
        return full

    def take(self) -> commands.SendData | None:
        waiting, self._waiting, self._size = self._waiting, [], 0
        if len(waiting) < 2:
            return waiting[0] if waiting else None
        return commands.SendData(waiting[0].connection, b"".join(each.data for each in waiting))


class GatewayLayer(HttpLayer):
    """mitmproxy's HTTP layer with our streams, one timer and a memory that does not grow."""

    clock: Callable[[], float] = staticmethod(time.monotonic)
    sockets: Sockets | None
    """None: nobody can stop an upstream."""
    dispatch: Dispatch | None
    """None: mitmproxy runs the hooks."""
    choked: set[GatewayStream]
    """Streams whose upstream is not read because the client has too much to read already."""
    timers: set[commands.RequestWakeup]
    """Not fired yet; as a rule one."""
    armed = inf
    """When the next of them fires, in monotonic seconds."""
    alarms: dict[commands.RequestWakeup, float]
    """When the layers of connections want to be woken: HTTP/2 sends pings."""
    block_began: float | None = None
    """When the header block began that is under way."""

    def _handle_event(self, event: events.Event) -> Commands:
        outbox = Outbox()
        for command in self._ran(event):
            if isinstance(command, commands.SendData):
                if full := outbox.add(command):
                    yield full
                continue
            if isinstance(command, commands.RequestWakeup):
                self.alarms[command] = self.clock() + command.delay
                continue
            if isinstance(command, commands.Log):
                command.message = discreet(command.message)
            if last := outbox.take():
                yield last
            yield command
        if last := outbox.take():
            yield last
        if self.choked:
            self.release()
        yield from self.arm()

    def _ran(self, event: events.Event) -> Commands:
        """Runs hooks where they arise. mitmproxy would start a task for each, and come back when that has ended."""
        if isinstance(event, events.HookCompleted) and isinstance(event.command, RestHook):
            event = events.HookCompleted(event.command.hook)
        due = deque((event,))
        while due:
            for command in self._handled(due.popleft()):
                if self.dispatch is None or not isinstance(command, commands.StartHook):
                    yield command
                elif (rest := self.dispatch.begin(command)) is None:
                    due.append(events.HookCompleted(command))
                else:
                    yield RestHook.of(command, rest)

    def _handled(self, event: events.Event) -> Commands:
        if isinstance(event, events.Wakeup) and event.command in self.timers:
            self.timers.discard(event.command)
            self.armed = inf
            yield from self.wake()
        elif isinstance(event, events.ConnectionEvent) and self.is_forgotten(event.connection):
            return
        else:
            yield from super()._handle_event(event)
            if isinstance(event, events.Start):
                _adopt(self.connections[self.context.client])

    def make_stream(self, stream_id: int) -> Commands:
        self.prune()
        stream = self.streams[stream_id] = GatewayStream(_forked(self.context), stream_id)
        stream.gateway = self
        yield from self.event_to_child(stream, events.Start())

    def register(self, stream: GatewayStream) -> None:
        """Gives the stream a fresh id for its next try."""
        stream.alias = next(_aliases)
        self.streams[stream.alias] = stream

    def register_connection(self, command: RegisterHttpConnection) -> Commands:
        if command.connection in self.waiting_for_establishment:
            _adopt(self.connections[command.connection].context.layers[-1])
            yield from super().register_connection(command)

    # -- memory

    def prune(self) -> None:
        """Forgets server connections that are closed or never came to be, and streams that broke."""
        for connection in [each for each in self.connections if self.is_dead(each)]:
            self.forget_alarms(self.connections.pop(connection))
            if self.sockets:
                self.sockets.forget(connection)
        broken = [key for key, each in self.streams.items() if each.client_state == each.state_errored]
        for stream_id in broken:
            del self.streams[stream_id]

    def forget_alarms(self, gone: layer.Layer) -> None:
        for alarm in [each for each in self.alarms if self.command_sources.get(each) is gone]:
            del self.alarms[alarm], self.command_sources[alarm]

    def is_dead(self, connection: Connection) -> bool:
        if connection is self.context.client or connection in self.waiting_for_establishment:
            return False
        return bool(connection.error) or connection.state is ConnectionState.CLOSED

    def is_forgotten(self, connection: Connection) -> bool:
        """An upstream that we closed and pruned may still report its end."""
        return connection not in self.connections and connection is not self.context.server

    # -- time

    def waiting(self) -> set[GatewayStream]:
        streams = self.streams.values()
        return {each for each in streams if isinstance(each, GatewayStream) and each.deadline is not None}

    def header_deadline(self) -> float:
        server = self.connections.get(self.context.client)
        if not (isinstance(server, GatewayHttp1Server) and server.in_headers):
            self.block_began = None
            return inf
        if self.block_began is None:
            self.block_began = self.clock()
        return self.block_began + limits.header_timeout_s

    def wake(self) -> Commands:
        now = self.clock()
        for stream in self.waiting():
            if stream.deadline is None or stream.deadline > now:
                continue
            stream.deadline = None
            if stream.connecting:
                yield from self.abandon_connect(stream, "connect time-out")
            else:
                yield from self.event_to_child(stream, Deadline())
        for alarm in [each for each, due in self.alarms.items() if due <= now]:
            del self.alarms[alarm]
            yield from super()._handle_event(events.Wakeup(alarm))
        if now >= self.header_deadline():
            yield from self.close_idler()

    def close_idler(self) -> Commands:
        server = self.connections[self.context.client]
        assert isinstance(server, GatewayHttp1Server)
        server.state = server.done
        yield commands.CloseConnection(self.context.client)

    def abandon_connect(self, stream: GatewayStream, reason: str) -> Commands:
        """Tells the stream at once; the connection is closed when nobody else waits for it."""
        command = stream.connecting
        assert command
        pending = self.waiting_for_establishment.items()
        connection, waiters = next(each for each in pending if any(one is command for one in each[1]))
        waiters[:] = [each for each in waiters if each is not command]
        del self.command_sources[command]
        if not waiters:
            yield commands.CloseConnection(connection)
        yield from self.event_to_child(stream, stock.GetHttpConnectionCompleted(command, (None, reason)))

    def arm(self) -> Commands:
        streams = cast(Iterable[GatewayStream], self.streams.values())
        deadlines = [each.deadline for each in streams if each.deadline is not None]
        earliest = min(*deadlines, *self.alarms.values(), self.header_deadline(), inf)
        if earliest < self.armed:
            self.armed = earliest
            timer = commands.RequestWakeup(max(0.0, earliest - self.clock()))
            self.timers.add(timer)
            yield timer

    # -- slow clients

    def watch_backlog(self, stream: GatewayStream) -> None:
        if self.sockets and stream not in self.choked and self.backlog(stream) > _BACKLOG_BYTES:
            self.choked.add(stream)
            self.sockets.read(stream.context.server, on=False)

    def is_unread(self, stream: GatewayStream) -> bool:
        """Does what was said to this client wait, for whatever reason, to be read?"""
        return stream in self.choked or bool(self.sockets and self.sockets.unsent(self.context.client))

    def backlog(self, stream: GatewayStream) -> int:
        """Bytes that wait for an HTTP/2 client to read; mitmproxy itself holds an HTTP/1 upstream back."""
        server = self.connections.get(self.context.client)
        if not isinstance(server, Http2Server):
            return 0
        return sum(len(each.data) for each in server.h2_conn.stream_buffers.get(stream.stream_id, ()))

    def release(self) -> None:
        """Reads on where the client has caught up."""
        assert self.sockets
        free = {each for each in self.choked if self.backlog(each) <= _BACKLOG_BYTES // 2}
        self.choked.difference_update(free)
        still = {each.context.server for each in self.choked}
        for connection in {each.context.server for each in free} - still:
            self.sockets.read(connection, on=True)
