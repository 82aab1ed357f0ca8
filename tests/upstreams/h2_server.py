"""The scripted upstream over HTTP/2: the same scripts, many at once on one connection.

A `Cut` resets its stream, or with `reset` the connection; `Raw` bytes go on the wire as they are and break it.
"""

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Iterable

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from tests.upstreams.server import PATIENCE_S, Cut, Gone, Hold, Raw, Reply, Request, Step, Upstream, sliced

MOST_WAITING = 16


class H2Upstream(Upstream):
    """Needs TLS; speaks HTTP/1.1 with whoever does not want HTTP/2."""

    def _converse(self, connection: socket.socket, number: int) -> None:
        if isinstance(connection, ssl.SSLSocket) and connection.selected_alpn_protocol() == "h2":
            Conversation(self, connection, number).run()
        else:
            super()._converse(connection, number)


class Conversation:
    """One connection. Only its own thread touches the socket; every answer has a thread of its own."""

    def __init__(self, upstream: H2Upstream, connection: ssl.SSLSocket, number: int) -> None:
        self._upstream, self._connection, self._number = upstream, connection, number
        self._wire = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8", validate_outbound_headers=False)
        )
        self._news = threading.Condition()
        """Guards the wire and what is to be sent; told of windows and resets."""
        self._outgoing: list[bytes | None] = []
        """None: the end of the connection."""
        self._bell, self._ear = socket.socketpair()
        self._asked: dict[int, tuple[list[tuple[str, str]], list[bytes]]] = {}
        self._running: dict[int, Request] = {}

    def run(self) -> None:
        with self._news:
            self._wire.initiate_connection()
            self._flush()
        with self._bell, self._ear, contextlib.suppress(OSError, h2.exceptions.ProtocolError):
            self._pump()
        with self._news:
            for request in self._running.values():
                request.client_left.set()
            self._news.notify_all()

    def _pump(self) -> None:
        while True:
            readable, _, _ = select.select([self._connection, self._ear], [], [])
            if self._ear in readable:
                self._ear.recv(4096)
                for data in self._taken():
                    if data is None:
                        return
                    self._connection.sendall(data)
            if self._connection in readable:
                data = self._connection.recv(65536)
                while self._connection.pending():
                    data += self._connection.recv(65536)
                if not data:
                    return
                self._take(data)

    def _taken(self) -> list[bytes | None]:
        with self._news:
            outgoing, self._outgoing = self._outgoing, []
            self._news.notify_all()
        return outgoing

    def _take(self, data: bytes) -> None:
        with self._news:
            for event in self._wire.receive_data(data):
                self._on(event)
            self._flush()
            self._news.notify_all()

    def _on(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived():
                self._asked[event.stream_id] = (list(event.headers), [])
            case h2.events.DataReceived():
                self._asked[event.stream_id][1].append(event.data)
                self._wire.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                self._begin(event.stream_id)
            case h2.events.StreamReset() if event.stream_id in self._running:
                self._running[event.stream_id].client_left.set()

    def _begin(self, stream: int) -> None:
        headers, body = self._asked.pop(stream)
        named = dict(headers)
        plain = tuple((name, value) for name, value in headers if not name.startswith(":"))
        request = Request(self._number, named[":method"], named[":path"], plain, b"".join(body))
        self._running[stream] = request
        self._upstream._note(request)
        threading.Thread(target=self._serve, args=(stream, request), name=f"h2-{stream}", daemon=True).start()

    def _serve(self, stream: int, request: Request) -> None:
        reply = self._upstream.script(request)
        with contextlib.suppress(Gone, OSError, h2.exceptions.ProtocolError):
            if isinstance(reply, Raw):
                self._break(stream, reply.steps)
            else:
                self._answer(stream, reply)
        with self._news:
            self._running.pop(stream, None)

    def _answer(self, stream: int, reply: Reply) -> None:
        steps = [reply.body] if isinstance(reply.body, bytes) else reply.body
        length = [("content-length", str(len(reply.body)))] if isinstance(reply.body, bytes) else []
        with self._news:
            self._wire.send_headers(stream, [(":status", str(reply.status)), *reply.headers, *length])
            self._flush()
        for step in steps:
            match step:
                case Hold():
                    self._wait(stream, step.until)
                case Cut():
                    self._cut(stream, step)
                    return
                case _:
                    for piece in sliced(step, 16384):
                        self._send(stream, piece)
        with self._news:
            if reply.trailers:
                self._wire.send_headers(stream, list(reply.trailers), end_stream=True)
            else:
                self._wire.end_stream(stream)
            self._flush()

    def _send(self, stream: int, piece: bytes) -> None:
        with self._news:
            left = self._running[stream].client_left
            self._news.wait_for(lambda: left.is_set() or self._may_send(stream, len(piece)), PATIENCE_S)
            if left.is_set() or not self._may_send(stream, len(piece)):
                raise Gone
            self._wire.send_data(stream, piece)
            self._flush()

    def _may_send(self, stream: int, size: int) -> bool:
        """The other side gives room, and what was sent before has left."""
        return self._wire.local_flow_control_window(stream) >= size and len(self._outgoing) < MOST_WAITING

    def _wait(self, stream: int, until: threading.Event) -> None:
        left = self._running[stream].client_left
        for _ in range(int(PATIENCE_S / 0.02)):
            if until.wait(0.02):
                return
            if left.is_set():
                raise Gone
        raise TimeoutError(f"nobody released the upstream in {PATIENCE_S} s")

    def _cut(self, stream: int, cut: Cut) -> None:
        with self._news:
            if cut.reset:
                self._put(None)
            else:
                self._wire.reset_stream(stream, h2.errors.ErrorCodes.INTERNAL_ERROR)
                self._flush()

    def _break(self, stream: int, steps: Iterable[Step]) -> None:
        for step in steps:
            if isinstance(step, Hold):
                self._wait(stream, step.until)
            elif isinstance(step, bytes):
                with self._news:
                    self._put(step)
        with self._news:
            self._put(None)

    def _flush(self) -> None:
        if data := self._wire.data_to_send():
            self._put(data)

    def _put(self, data: bytes | None) -> None:
        self._outgoing.append(data)
        with contextlib.suppress(OSError):  # the connection is over
            self._bell.send(b"!")
