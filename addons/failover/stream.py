"""One client request and its tries. The states that it goes through are drawn in the package's docstring."""

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from logging import DEBUG
from math import inf
from typing import Protocol

from mitmproxy import http
from mitmproxy.connection import Connection, Server
from mitmproxy.flow import Error
from mitmproxy.net.http.validate import validate_headers
from mitmproxy.proxy import commands, events, layer

from axonhub.addons.failover.connections import GatewayHttp1Server
from axonhub.addons.failover.contract import (
    AttemptHook,
    Ending,
    LateAnswerHook,
    Pipe,
    Try,
    has_departed,
    last_try,
    limits,
    tell_departure,
)
from axonhub.addons.failover.heads import is_read_here
from axonhub.addons.failover.intake import Intake, own_failure
from axonhub.addons.failover.names import (
    DropStream,
    ErrorCode,
    GetHttpConnection,
    HttpErrorHook,
    HttpEvent,
    HttpResponseHeadersHook,
    HttpResponseHook,
    ReceiveHttp,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
    SendHttp,
)
from axonhub.addons.failover.parting import Commands, nothing
from axonhub.addons.failover.twins import twin
from axonhub.addons.failover.whole import WholeRequest, WholeResponse
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.pipe import Alone

_FAILURES = {
    Ending.DISCONNECTED: Failure(FailureKind.NETWORK, "The provider broke off before its answer was complete."),
    Ending.TIMED_OUT: Failure(FailureKind.TIMEOUT, "The provider fell silent before its answer was complete."),
}
"""What the client hears of an upstream that fails after commit."""
_LINGER_S = 0.25
"""An upstream that said all gets so long to end its message, so that its connection can be kept."""
_CLOSED = ("server closed connection", "peer closed connection", "HTTP/2 connection closed")
"""mitmproxy's words for an upstream connection that ended without a word about a request."""
_BYTES_LITERAL = re.compile(r"""b(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")


@dataclass
class Deadline(events.Event):
    """A stream's deadline has come."""


@dataclass
class Fed(ResponseData):
    """A piece that the pipe has taken already, and what it made of it."""

    made: Sequence[bytes]


class Connect(GetHttpConnection):
    """As mitmproxy's own, but an earlier failed connection to the same address does not stand for a new one."""

    __hash__ = GetHttpConnection.__hash__

    def connection_spec_matches(self, connection: Connection) -> bool:
        return not connection.error and super().connection_spec_matches(connection)


class Gateway(Protocol):
    """What a stream needs of the client connection that it belongs to."""

    clock: Callable[[], float]

    @property
    def connections(self) -> Mapping[Connection, layer.Layer]: ...

    def register(self, stream: "GatewayStream") -> None: ...
    def kept(self, wanted: Connect) -> Server | None: ...
    def runs(self, hook: commands.StartHook) -> bool: ...
    def abandon_connect(self, stream: "GatewayStream", reason: str) -> Commands: ...
    def watch_backlog(self, stream: "GatewayStream") -> None: ...
    def is_unread(self, stream: "GatewayStream") -> bool: ...


class GatewayStream(Intake):
    """One client request and its tries."""

    gateway: Gateway
    alias: int | None = None
    attempt: Try | None = None
    connecting: Connect | None = None
    parting = ""
    """Why the client is gone although its stream is read on."""
    asking = False
    """The addon is choosing the next try, which may take a while."""
    reused = False
    """The try went out on a connection that had been kept."""
    patience = inf
    """When the present wait is over. The deadline may come before, for a keep-alive."""
    chunked = False
    """The client's answer goes out in chunks."""
    greeted = False
    """The client has a head already, and hears keep-alives."""
    drained_until = inf
    announced_at = inf
    """When this try announced an answer whose content has not come yet."""
    held: list[bytes]
    seen = 0
    """Bytes of the upstream's answer to this try, while it is held."""
    progress = 0

    @property
    def pipe(self) -> Pipe | None:
        return self.attempt.pipe if self.attempt else None

    @property
    def may_drain(self) -> bool:
        """Is it worth reading on should the client leave now? Likewise while that is done."""
        streaming = self.pipe is not None and self.server_state in (self.state_hold, self.state_relay)
        return bool(self.parting) or (streaming and self.attempt is not None and self.attempt.drain_s > 0)

    @property
    def is_announced(self) -> bool:
        """Does the upstream's stream have a beginning that is not shown yet?"""
        return self.server_state == self.state_hold and self.announced_at < inf

    @property
    def flows(self) -> bool:
        """Does what the upstream says go on to the client, in chunks?"""
        return self.chunked and self.server_state == self.state_relay

    @property
    def waits_for_answer(self) -> bool:
        """A try is out, and the client has seen nothing of its answer."""
        waiting = (self.state_wait_for_response_headers, self.state_hold, self.state_whole)
        return self.attempt is not None and self.server_state in waiting

    # -- events

    def handle_event(self, event: events.Event) -> Commands:
        """While the layer sleeps, in a connect or in `attempt`, events are kept for later: some must not be."""
        if self.connecting and isinstance(event, RequestProtocolError):
            return self.abandoned(event)
        if self.asking and isinstance(event, RequestProtocolError):
            tell_departure(self.flow)
        if self.asking and isinstance(event, Deadline):
            return self.greet()
        return super().handle_event(event)

    def abandoned(self, event: RequestProtocolError) -> Commands:
        """While a connect is awaited the layer sleeps, and keeps the event for later."""
        yield from super().handle_event(event)
        if self.connecting:
            yield from self.gateway.abandon_connect(self, "the client left")

    def handled(self, event: events.Event) -> Commands:
        if isinstance(event, Deadline):
            return self.on_deadline()
        if isinstance(event, HttpEvent) and event.stream_id not in (self.stream_id, self.alias):
            return nothing(event)  # of a try that was given up
        return super().handled(event)

    def now(self) -> float:
        return self.gateway.clock()

    def hook(self, hook: commands.StartHook) -> Commands:
        """Runs it, at once where that can be."""
        if not self.gateway.runs(hook):
            yield hook

    # -- tries

    def attempts(self) -> Commands:
        """Asks the addon, tries, and asks again until there is an answer or a request is on its way."""
        while True:
            if (yield from self.client_gone()):
                return
            before = last_try(self.flow)
            self.asking, self.deadline = True, self.next_sign()
            yield from self.hook(AttemptHook(self.flow))
            self.asking, self.deadline = False, None
            if has_departed(self.flow) or (yield from self.client_gone()):
                return  # the event that says so comes next, in the former case
            if self.flow.response is None and last_try(self.flow) is before:
                # The hook failed. The last try must not go out again, and the client must not wait for ever.
                self.flow.response = own_failure(500, "The gateway failed.")
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

    def send_response(self, already_streamed: bool = False) -> Commands:
        """As mitmproxy's own, which says a whole answer piece by piece, and may make a WebSocket of it."""
        response = self.flow.response
        assert response
        is_whole = not already_streamed and self.client_state == self.state_done and response.status_code != 101
        if not (is_whole and isinstance(self.gateway.connections.get(self.context.client), GatewayHttp1Server)):
            yield from super().send_response(already_streamed)
            return
        response.timestamp_end = time.time()
        yield from self.hook(HttpResponseHook(self.flow))
        self.server_state = self.state_done
        if (yield from self.check_killed(False)):
            return
        self.flow.live = False
        yield DropStream(self.stream_id)
        yield SendHttp(WholeResponse(self.stream_id, response, response.raw_content or b""), self.context.client)

    def client_gone(self) -> layer.CommandGenerator[bool]:
        """Has the client left, or was the flow killed, while a hook ran? Then nothing is left of it after this."""
        gone = yield from self.check_killed(True)
        if gone:
            yield from self.cancel("nobody listens")
            yield from self.drop()
            self.deadline = None
            yield DropStream(self.stream_id)
        return gone

    def send_request(self) -> layer.CommandGenerator[bool]:
        """True: the request is on its way, or nobody waits for it. False: no connection, and the try says why."""
        attempt = self.attempt = last_try(self.flow)
        assert attempt
        self.response_body_buf.clear()
        self.held, self.seen, self.progress, self.announced_at = [], 0, 0, inf
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
        self.patience = self.now() + attempt.first_event_timeout_s
        self.wait()
        return True

    def connect(self, attempt: Try) -> layer.CommandGenerator[Server | None]:
        request, server = self.flow.request, self.flow.server_conn
        address = (request.host, request.port)
        wanted = Connect(address, request.scheme == "https", server.via, server.transport_protocol)
        connection: Server | None = self.gateway.kept(wanted)
        if connection:
            self.reused = True
            return connection
        self.connecting, self.deadline = wanted, self.now() + attempt.connect_timeout_s
        kept = {each for each in self.gateway.connections if each.connected}
        connection, error = yield self.connecting
        self.connecting, self.deadline = None, None
        self.reused = connection in kept
        if error:
            self.give_up(Ending.UNREACHABLE, error)
        return connection

    def transmit(self, attempt: Try, connection: Connection) -> Commands:
        assert self.alias is not None
        request = twin(self.flow.request)
        for name, value in attempt.headers.items():
            request.headers[name] = value
        whole = WholeRequest(self.alias, request, request.raw_content or b"")
        for event in whole.parts() if connection.alpn == b"h2" else (whole,):
            yield SendHttp(event, connection)

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
            yield DropStream(self.alias)
            self.alias = None

    # -- the answer

    def state_wait_for_response_headers(self, event: events.Event) -> Commands:
        assert isinstance(event, ResponseHeaders)
        try:
            if not is_read_here(event.response):
                validate_headers(event.response)
        except ValueError as error:
            yield from self.next_try(Ending.DISCONNECTED, f"malformed headers: {error}")
            return
        if event.response.status_code == 101:
            yield from self.next_try(Ending.DISCONNECTED, "an upgrade that nobody asked for")
            return
        self.flow.response = twin(event.response)
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
        assert self.attempt
        assert self.pipe
        attempt, pipe, ended = self.attempt, self.pipe, isinstance(event, ResponseEndOfMessage)
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
        elif pipe.begun and self.announced_at == inf:
            self.announced_at = self.now()
            self.patience = self.announced_at + attempt.idle_timeout_s
            self.wait()

    def commit(self) -> Commands:
        assert self.attempt
        assert self.flow.response
        if not self.greeted:
            yield from self.send_head(self.flow.response)
        self.server_state = self.state_relay
        self.patience = self.now() + self.attempt.idle_timeout_s
        held, self.held = self.held, []
        yield from self.relay(held)
        self.wait()

    def send_head(self, response: http.Response) -> Commands:
        """Of a body whose length nobody knows."""
        headers = response.headers
        headers.pop("content-length", None)
        headers.pop("transfer-encoding", None)
        if self.flow.request.http_version == "HTTP/1.1":
            response.http_version = "HTTP/1.1"
            headers["transfer-encoding"] = "chunked"
            self.chunked = True
        yield SendHttp(ResponseHeaders(self.stream_id, response, end_stream=False), self.context.client)

    def say(self, piece: bytes) -> bytes | ReceiveHttp | None:
        """While it `flows`: what the client gets for a piece; or, where more than that follows from it, its event."""
        assert self.pipe
        assert self.alias is not None
        made = [each for each in self.pipe.feed(piece) if each]
        if self.pipe.closed or Alone in map(type, made):
            return ReceiveHttp(Fed(self.alias, piece, made))
        self.note(self.now(), bool(made))
        return b"".join([b"%x\r\n%b\r\n" % (len(each), each) for each in made]) or None

    def state_relay(self, event: events.Event) -> Commands:
        assert self.pipe
        if isinstance(event, ResponseData):
            yield from self.relay(event.made if isinstance(event, Fed) else self.pipe.feed(event.data))
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
        some = False
        for chunk in filter(None, chunks):
            some = True
            if isinstance(chunk, Alone):
                # Whatever is no bytes makes the outbox send what it has.
                yield commands.Log("the client's stream ends with an error", DEBUG)
            yield SendHttp(ResponseData(self.stream_id, chunk), self.context.client)
        self.note(self.now(), some)
        self.gateway.watch_backlog(self)

    def note(self, now: float, heard: bool) -> None:
        """Sets the clocks after a piece; `heard`: the client got something of it.

        The deadline stays as it is. It comes too early then, and is put off when it does, which is cheaper.
        """
        assert self.attempt
        assert self.pipe
        if heard:
            self.quiet_since = now
        if self.pipe.progress != self.progress:
            self.progress = self.pipe.progress
            self.patience = now + self.attempt.idle_timeout_s

    def after_relay(self, ended: bool) -> Commands:
        """The upstream's message has ended; or the client's has, and the upstream's is about to."""
        assert self.pipe
        if ended:
            yield from self.end_relay()
        elif self.pipe.closed:
            self.server_state = self.state_linger
            self.deadline = self.patience = self.now() + _LINGER_S

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
        if self.is_announced:
            self.deadline = min(self.deadline, self.announced_at + limits.announced_s)

    def on_deadline(self) -> Commands:
        """Not reached while a connect is awaited: the layer closes one that takes too long."""
        if self.deadline is not None:
            return  # by now something else is waited for
        over = self.now() >= self.patience
        if self.client_state == self.state_consume_request_body:
            yield from self.hang_up("the request's body did not come in time")
        elif self.server_state == self.state_drain:
            yield from self.end_drain(cancel=True)
        elif self.server_state == self.state_linger:
            yield from self.cancel("answer complete")
            yield from self.end_relay()
        elif self.server_state == self.state_relay:
            yield from self.on_silence() if over else self.keep_alive_if_quiet()
        elif not self.waits_for_answer:
            return
        elif self.is_announced and self.now() >= self.announced_at + limits.announced_s:
            yield from self.show()
        elif over:
            yield from self.next_try(Ending.TIMED_OUT, "no answer in time")
        else:
            yield from self.keep_alive()

    def show(self) -> Commands:
        """A moment after its announcement an answer is shown as it is; silence has another limit from here."""
        assert self.pipe
        self.pipe.show()
        yield from self.commit()

    def on_silence(self) -> Commands:
        if self.gateway.is_unread(self):
            yield from self.hang_up("the client does not read")
        else:
            yield from self.cancel("idle")
            yield from self.abort_relay(Ending.TIMED_OUT, "no event in time")

    def keep_alive_if_quiet(self) -> Commands:
        if self.now() >= self.quiet_since + limits.keepalive_s:
            yield from self.keep_alive()
        self.wait()

    def keep_alive(self) -> Commands:
        """A sign of life, from the pipe once it has begun to speak."""
        if self.server_state != self.state_relay:
            yield from self.greet()
        else:
            assert self.pipe
            if sign := self.pipe.keepalive():
                yield SendHttp(ResponseData(self.stream_id, sign), self.context.client)
            self.quiet_since = self.now()
        self.wait()

    def greet(self) -> Commands:
        """A sign of life before there is an answer; with the first one a head."""
        assert self.attempt
        assert self.attempt.greeting
        greeting = self.attempt.greeting()
        if not self.greeted:
            self.greeted = True
            yield from self.send_head(http.Response.make(200, b"", greeting.headers))
        yield SendHttp(ResponseData(self.stream_id, greeting.keepalive), self.context.client)
        self.quiet_since = self.now()
        self.deadline = self.next_sign()

    def next_sign(self) -> float | None:
        """When the client of a stream wants to hear something; None: it must hear nothing yet."""
        if self.attempt is None or self.attempt.greeting is None:
            return None
        return self.quiet_since + limits.keepalive_s

    # -- what goes wrong

    def handle_protocol_error(self, event: RequestProtocolError | ResponseProtocolError) -> Commands:
        if isinstance(event, RequestProtocolError):
            yield from self.client_left(event.message)
        elif self.server_state == self.state_drain:
            yield from self.end_drain(cancel=False)
        elif self.server_state == self.state_linger:
            yield from self.end_relay()
        elif self.server_state == self.state_relay:
            yield from self.abort_relay(Ending.DISCONNECTED, event.message)
        elif self.waits_for_answer:
            yield from self.upstream_left(event)
        else:
            yield from super().handle_protocol_error(event)

    def client_left(self, message: str) -> Commands:
        if self.may_drain and not self.parting:
            self.begin_drain(message)
            return
        answered = self.server_state in (self.state_done, self.state_errored)
        yield from self.cancel(message)
        yield from self.drop()
        yield from self.bury("" if answered else message)

    def bury(self, error: str) -> Commands:
        """Nothing is left of the request after this."""
        self.deadline = None
        if error:
            self.flow.error = Error(discreet(error))
            yield HttpErrorHook(self.flow)
        self.client_state = self.server_state = self.state_errored
        self.flow.live = False
        self.parting = ""
        yield DropStream(self.stream_id)

    def begin_drain(self, message: str) -> None:
        assert self.attempt
        self.parting, self.attempt.drained = message, True
        self.server_state = self.state_drain
        self.patience = self.now() + self.attempt.idle_timeout_s
        self.drained_until = self.now() + self.attempt.drain_s
        self.deadline = min(self.patience, self.drained_until)

    def state_drain(self, event: events.Event) -> Commands:
        """The client is gone, and the provider goes on: what it says is counted."""
        assert self.attempt
        assert self.pipe
        ended = isinstance(event, ResponseEndOfMessage)
        if isinstance(event, ResponseData) and not isinstance(event, Fed):
            self.pipe.feed(event.data)
        elif ended:
            self.pipe.finish()
        if self.pipe.progress != self.progress:
            self.progress = self.pipe.progress
            self.patience = self.now() + self.attempt.idle_timeout_s
            self.deadline = min(self.patience, self.drained_until)
        if ended or self.pipe.closed or self.pipe.rejected:
            yield from self.end_drain(cancel=not ended)

    def end_drain(self, *, cancel: bool) -> Commands:
        if cancel:
            yield from self.cancel("nobody listens")
        yield from self.drop()
        yield from self.bury(self.parting)

    def hang_up(self, message: str) -> Commands:
        """Ends a request whose client does not do its part."""
        yield from self.cancel(message)
        yield from self.drop()
        yield from self.bury("" if self.server_state in (self.state_done, self.state_errored) else message)
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


def discreet(text: str) -> str:
    """mitmproxy's words without what came over the wire: keys and bodies belong in no log."""
    return _BYTES_LITERAL.sub("b'…'", text)
