"""HTTP connections as a gateway needs them: mitmproxy refuses some that are harmless, and bears some for ever."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import h2.events
from mitmproxy import http
from mitmproxy.proxy import commands, events, layer

from axonhub.addons.failover.chunks import Chunks
from axonhub.addons.failover.contract import limits
from axonhub.addons.failover.heads import read_request, read_response
from axonhub.addons.failover.names import (
    ErrorCode,
    Http1Client,
    Http1Connection,
    Http1Server,
    Http2Server,
    HttpEvent,
    ReceiveHttp,
    RequestHeaders,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    make_body_reader,
)
from axonhub.addons.failover.whole import WholeRequest, WholeResponse

type Commands = layer.CommandGenerator[None]

type Piece = bytes | memoryview

_BLANK_LINE = re.compile(rb"\n\r?\n")
_PIPELINED_BYTES = 1024 * 1024
"""More is not read while a client waits for an answer. One that pipelines at all sends far less."""
_HEAD_BYTES = 16 * 1024
_APART_BYTES = 16 * 1024
"""What comes at once and is shorter is copied as it is."""
_INTERIM = re.compile(rb"HTTP/1\.\d 1(?!01)\d\d\D")


@dataclass
class Unchunked(events.DataReceived):
    """What has been taken out of its chunks already."""

    then: commands.Command | None
    """What follows from it."""


@dataclass
class Apart(events.DataReceived):
    """A head, and what came with it."""

    rest: bytes


class TolerantHttp1(Http1Connection):
    """What both sides have in common."""

    left = 0
    """Bytes that are missing of a body whose length is stated."""
    size_bytes = 0
    """That length."""
    keeps: Callable[[int, Piece], bool] | None = None
    """A stream's id and a piece of its body → was it kept, so that nobody else need hear of it?"""

    def handle_event(self, event: events.Event) -> Commands:
        """Nothing here ever waits for an answer, so there is no need of what mitmproxy does to pause and go on."""
        return self._handle_event(event)

    def _handle_event(self, event: events.Event) -> Commands:
        """A head that comes whole, and a body whose length is known, take no way round through mitmproxy's buffer."""
        if isinstance(event, HttpEvent):
            yield from self.send(event)
        elif not isinstance(event, events.DataReceived):
            yield from super()._handle_event(event)
        elif isinstance(event, Apart):
            yield from self.read_apart(event)
        elif self.left:
            yield from self.count(event.data)
        elif self.buf or self.state != self.read_headers or not (yield from self.read_head(event.data)):
            yield from super()._handle_event(event)

    def read_apart(self, event: Apart) -> Commands:
        free = not (self.buf or self.left) and self.state == self.read_headers
        is_read = free and (yield from self.read_head(event.data))
        rest = event.rest if is_read else event.data + event.rest
        if rest:
            yield from self._handle_event(events.DataReceived(self.conn, rest))

    def read_head(self, data: bytes) -> layer.CommandGenerator[bool]:
        """Takes what begins with a head that is plain. False: it does not, and nothing has been done."""
        raise NotImplementedError

    def begin_body(self, size_bytes: int | None, begun: Piece) -> Commands:
        """The head has been read. `size_bytes` as mitmproxy says it: None: chunks, -1: up to the connection's end."""
        self.state = self.read_body
        if size_bytes is None or size_bytes < 0:
            self.body_reader = make_body_reader(size_bytes)
            yield from super()._handle_event(events.DataReceived(self.conn, bytes(begun)))
        else:
            self.left = self.size_bytes = size_bytes
            yield from self.count(begun)

    def count(self, data: Piece) -> Commands:
        assert self.stream_id is not None
        piece, rest = (data, b"") if len(data) <= self.left else (data[: self.left], bytes(data[self.left :]))
        self.left -= len(piece)
        if rest:
            self.buf += rest
        if piece and not (self.keeps and self.keeps(self.stream_id, piece)):
            yield ReceiveHttp(self.ReceiveData(self.stream_id, bytes(piece)))
        if not self.left:
            yield ReceiveHttp(self.ReceiveEndOfMessage(self.stream_id))
            is_request = isinstance(self, Http1Server)
            yield from self.mark_done(request=is_request, response=not is_request)

    def read_body(self, event: events.Event) -> Commands:
        if self.left:  # the connection has ended
            yield from self.fall_short()
            return
        try:
            yield from super().read_body(event)
        except NotImplementedError:  # a body that ends in trailers; they mean nothing to anyone here
            assert self.stream_id is not None
            yield ReceiveHttp(self.ReceiveEndOfMessage(self.stream_id))
            is_request = isinstance(self, Http1Server)
            yield from self.mark_done(request=is_request, response=not is_request)

    def mark_done(self, *, request: bool = False, response: bool = False) -> Commands:
        """As mitmproxy's own where both messages are such that the connection plainly goes on."""
        self.request_done, self.response_done = self.request_done or request, self.response_done or response
        if not (self.request_done and self.response_done):
            return
        if not (self.request and self.response and _goes_on(self.request, self.response)):
            yield from super().mark_done()
            return
        self.request_done = self.response_done = False
        self.request = self.response = None
        self.stream_id = self.next_stream()
        self.state = self.read_headers
        if self.buf:
            yield from self.state(events.DataReceived(self.conn, b""))

    def next_stream(self) -> int | None:
        raise NotImplementedError

    def fall_short(self) -> Commands:
        """In mitmproxy's words, whose own reader has seen none of the body."""
        assert self.stream_id is not None
        received = f"received {self.size_bytes - self.left} bytes, expected {self.size_bytes}"
        self.left, self.state = 0, self.done
        yield commands.CloseConnection(self.conn)
        message = f"HTTP/1 protocol error: peer closed connection without sending complete message body ({received})"
        yield ReceiveHttp(self.ReceiveProtocolError(self.stream_id, message, code=self.ReceiveProtocolError.code))

    def empty_buffer(self) -> None:
        if self.buf:
            self.buf.maybe_extract_at_most(len(self.buf))

    def flooded(self) -> bool:
        """Is the unfinished header block over the limit? mitmproxy itself has none."""
        most = limits.header_bytes
        return len(self.buf) > most and _BLANK_LINE.search(bytes(self.buf)[:most]) is None


class GatewayHttp1Server(TolerantHttp1, Http1Server):
    """Towards the client: header blocks have limits in size and time."""

    swallowed = 0
    holds: Callable[[bool], None] | None = None
    """Called with True: the client shall be read no further for now; with False: it shall again."""

    def arrived(self, data: Piece) -> events.DataReceived:
        """A long body that comes with its head is copied apart from it, so that it need not be copied again."""
        if len(data) >= _APART_BYTES and self.state == self.read_headers and not self.buf:
            begun = bytes(data[:_HEAD_BYTES])
            if (end := begun.find(b"\r\n\r\n")) > 0:
                return Apart(self.conn, begun[: end + 4], bytes(data[end + 4 :]))
        return events.DataReceived(self.conn, bytes(data))

    @property
    def in_headers(self) -> bool:
        """Has a header block begun that has not ended, or one that is refused already?"""
        return bool(self.buf) if self.state == self.read_headers else self.state == self.swallow

    def read_headers(self, event: events.ConnectionEvent) -> Commands:
        if isinstance(event, events.ConnectionClosed):
            yield commands.CloseConnection(self.conn)  # mitmproxy would log what had come, keys and all
        elif self.flooded():
            yield from self.refuse_headers()
        elif not (yield from self.read_head(bytes(self.buf))):  # not whole, or nothing that is read here
            yield from super().read_headers(event)

    def send(self, event: HttpEvent) -> Commands:
        if not isinstance(event, WholeResponse):
            yield from super().send(event)
        elif event.is_plain:
            assert event.stream_id == self.stream_id
            self.response = event.response
            for piece in event.pieces():
                yield commands.SendData(self.conn, piece)
            yield from self.mark_done(response=True)
        else:
            for part in event.parts():
                yield from super().send(part)

    def read_head(self, data: bytes) -> layer.CommandGenerator[bool]:
        found = read_request(data)
        if found is None:
            return False
        self.request, end, size_bytes = found
        self.empty_buffer()
        yield ReceiveHttp(RequestHeaders(self.stream_id, self.request, size_bytes == 0))
        yield from self.begin_body(size_bytes, memoryview(data)[end:])
        return True

    def wait(self, event: events.Event) -> Commands:
        """For the answer. What the client says meanwhile is its next request, and is kept."""
        yield from super().wait(event)
        self.hold()

    def mark_done(self, *, request: bool = False, response: bool = False) -> Commands:
        yield from super().mark_done(request=request, response=response)
        if self.request_done and not self.response_done:
            self.state = self.wait
        self.hold()

    def hold(self) -> None:
        if self.holds:
            self.holds(self.state == self.wait and len(self.buf) > _PIPELINED_BYTES)

    def next_stream(self) -> int:
        return self.stream_id + 2

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

    forward: Callable[[int, bytes], commands.Command | None] | None = None
    """A stream's id and a piece of its body → what takes it on; None: mitmproxy's way."""
    write: Callable[[Sequence[bytes]], bool] | None = None
    """Says the first pieces of a request in one go; False: nothing has been done. None: there is a TLS in between."""
    chunks: Chunks | None = None
    """Of the body that is under way."""

    def next_stream(self) -> None:
        return None

    def send(self, event: HttpEvent) -> Commands:
        if not isinstance(event, WholeRequest):
            yield from super().send(event)
        elif event.is_plain:
            assert self.stream_id is None
            self.stream_id, self.request = event.stream_id, event.request
            pieces = event.pieces()
            if len(pieces) == 1 or not (self.write and self.write(pieces)):
                for piece in pieces:
                    yield commands.SendData(self.conn, piece)
            yield from self.mark_done(request=True)
        else:
            for part in event.parts():
                yield from super().send(part)

    def shortcut(self, said: Piece) -> commands.SendData | events.DataReceived | None:
        """In mid-stream what the upstream said, as its client gets it: past all the layers, which have no part in it.
        Else the event that they need hear."""
        data = bytes(said)
        if self.chunks is None:
            return events.DataReceived(self.conn, data)
        then = self.unpacked(self.chunks, data)
        if self.chunks.broken or self.chunks.ended or not (then is None or isinstance(then, commands.SendData)):
            return Unchunked(self.conn, data, then)
        return then

    def _handle_event(self, event: events.Event) -> Commands:
        if self.chunks and isinstance(event, Unchunked):
            yield from self.go_on(self.chunks, event.then)
        elif self.chunks and isinstance(event, events.DataReceived):
            yield from self.go_on(self.chunks, self.unpacked(self.chunks, event.data))
        else:
            yield from super()._handle_event(event)

    def begin_body(self, size_bytes: int | None, begun: Piece) -> Commands:
        if size_bytes is not None:
            yield from super().begin_body(size_bytes, begun)
            return
        self.state, self.chunks = self.read_body, Chunks()
        yield from self.go_on(self.chunks, self.unpacked(self.chunks, bytes(begun)))

    def unpacked(self, chunks: Chunks, data: bytes) -> commands.Command | None:
        """What one read brings is one piece, however many chunks it came in."""
        assert self.stream_id is not None
        if not (piece := chunks.feed(data)):
            return None
        return self.forward(self.stream_id, piece) if self.forward else ReceiveHttp(ResponseData(self.stream_id, piece))

    def go_on(self, chunks: Chunks, then: commands.Command | None) -> Commands:
        assert self.stream_id is not None
        if then:
            yield then
        if chunks.broken:
            self.body_reader, self.chunks = make_body_reader(None), None
            yield commands.CloseConnection(self.conn)
            message = f"HTTP/1 protocol error: {chunks.broken}"
            yield ReceiveHttp(ResponseProtocolError(self.stream_id, message, ErrorCode.GENERIC_SERVER_ERROR))
        elif chunks.ended:
            self.chunks = None
            if chunks.rest:
                self.buf += chunks.rest
            yield ReceiveHttp(ResponseEndOfMessage(self.stream_id))
            yield from self.mark_done(response=True)

    def read_body(self, event: events.Event) -> Commands:
        if self.chunks:  # the connection has ended, and mitmproxy has the words for that
            self.body_reader, self.chunks = make_body_reader(None), None
        yield from super().read_body(event)

    def read_headers(self, event: events.ConnectionEvent) -> Commands:
        while _INTERIM.match(bytes(self.buf)) and self.buf.maybe_extract_lines():
            pass
        if self.flooded() and self.stream_id is not None:
            yield commands.CloseConnection(self.conn)
            flood = ResponseProtocolError(self.stream_id, "endless headers", ErrorCode.GENERIC_SERVER_ERROR)
            yield ReceiveHttp(flood)
        elif isinstance(event, events.ConnectionClosed) or not (yield from self.read_head(bytes(self.buf))):
            yield from super().read_headers(event)  # not whole, or nothing that is read here

    def read_head(self, data: bytes) -> layer.CommandGenerator[bool]:
        if self.request is None or self.stream_id is None:
            return False
        found = read_response(data, self.request)
        if found is None:
            return False
        self.response, end, size_bytes = found
        self.empty_buffer()
        yield ReceiveHttp(ResponseHeaders(self.stream_id, self.response, size_bytes == 0))
        yield from self.begin_body(size_bytes, data[end:])
        return True


class GatewayHttp2Server(Http2Server):
    """Towards the client: no reset is lost."""

    def handle_h2_event(self, event: h2.events.Event) -> layer.CommandGenerator[bool]:
        if isinstance(event, h2.events.StreamReset) and event.stream_id not in self.streams:
            # mitmproxy has forgotten the stream already when the end of its request came in the same read.
            reset = RequestProtocolError(event.stream_id, "stream reset by client", ErrorCode.CANCEL)
            yield ReceiveHttp(reset)
            return False
        return (yield from super().handle_h2_event(event))


def _goes_on(request: http.Request, response: http.Response) -> bool:
    """Do both sides speak HTTP/1.1, is it plain where the answer ends, and does nobody end the connection?

    False where this is not plain; mitmproxy then thinks about it.
    """
    if request.data.http_version != b"HTTP/1.1" or response.data.http_version != b"HTTP/1.1":
        return False
    if request.data.method.upper() == b"CONNECT" or response.data.status_code == 101:
        return False
    for headers in (request.headers, response.headers):
        if headers.get("connection", "keep-alive") != "keep-alive":
            return False
    coding = response.headers.get("transfer-encoding")
    return bool(response.headers.get("content-length") if coding is None else coding == "chunked")


def adopt(fresh: layer.Layer) -> None:
    """Puts our class in the place of mitmproxy's, on a connection that has seen no byte yet."""
    if type(fresh) is Http1Server:
        fresh.__class__ = GatewayHttp1Server
        fresh.state = fresh.read_headers
    elif type(fresh) is Http1Client:
        fresh.__class__ = GatewayHttp1Client
        fresh.state = fresh.read_headers
    elif type(fresh) is Http2Server:
        fresh.__class__ = GatewayHttp2Server
