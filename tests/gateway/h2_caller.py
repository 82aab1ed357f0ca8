"""A caller that speaks HTTP/2 with the gateway, one stream or many, and reads only as much as it wants to."""

import socket
import ssl
from collections import defaultdict
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.errors
import h2.events

from tests.gateway.caller import PATIENCE_S, Answer, Headers


@dataclass(slots=True)
class Stream:
    """An answer as far as it has come."""

    headers: tuple[tuple[str, str], ...] = ()
    body: bytearray = field(default_factory=bytearray)
    ended: bool = False
    reset: bool = False

    @property
    def status(self) -> int:
        return int(dict(self.headers)[":status"])

    def answer(self) -> Answer:
        return Answer(
            self.status, tuple(each for each in self.headers if not each[0].startswith(":")), bytes(self.body)
        )


@dataclass(slots=True)
class H2Caller:
    """One connection. mitmproxy shows a certificate of its own, which nobody checks here."""

    port: int
    streams: defaultdict[int, Stream] = field(default_factory=lambda: defaultdict(Stream))
    unread: list[tuple[int, int]] = field(default_factory=list)
    """Sizes and streams of data that was not acknowledged: it fills the window."""
    reading: bool = True
    _socket: ssl.SSLSocket = field(init=False)
    _wire: h2.connection.H2Connection = field(init=False)

    def __post_init__(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)
        self._socket = context.wrap_socket(plain, server_hostname="localhost")
        assert self._socket.selected_alpn_protocol() == "h2"
        self._wire = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._wire.initiate_connection()
        self._flush()

    def __enter__(self) -> "H2Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, target: str, headers: Headers, body: bytes) -> int:
        """Sends a POST; the number of its stream."""
        stream = self._wire.get_next_available_stream_id()
        own = [(":method", "POST"), (":scheme", "https"), (":authority", "localhost"), (":path", target)]
        self._wire.send_headers(stream, [*own, *((name.lower(), value) for name, value in headers)])
        self._wire.send_data(stream, body, end_stream=True)
        self._flush()
        return stream

    def call(self, target: str, headers: Headers, body: bytes) -> Answer:
        return self.rest(self.ask(target, headers, body))

    def rest(self, stream: int) -> Answer:
        found = self.streams[stream]
        while not found.ended:
            assert not found.reset, f"stream {stream} was reset after {found.body!r}"
            self.pump()
        return found.answer()

    def until(self, stream: int, text: bytes) -> Stream:
        found = self.streams[stream]
        while text not in found.body:
            assert not (found.ended or found.reset), f"the answer ended before {text!r}: {found.body!r}"
            self.pump()
        return found

    def reset(self, stream: int) -> None:
        self._wire.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
        self._flush()

    def read_on(self) -> None:
        self.reading = True
        for size, stream in self.unread:
            self._wire.acknowledge_received_data(size, stream)
        self.unread.clear()
        self._flush()

    def pump(self) -> None:
        """Takes what comes next; TimeoutError when nothing does."""
        data = self._socket.recv(65536)
        assert data, "the gateway closed the connection"
        for event in self._wire.receive_data(data):
            self._on(event)
        self._flush()

    def _on(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.ResponseReceived():
                self.streams[event.stream_id].headers = tuple(event.headers)
            case h2.events.DataReceived():
                self.streams[event.stream_id].body += event.data
                if self.reading:
                    self._wire.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                else:
                    self.unread.append((event.flow_controlled_length, event.stream_id))
            case h2.events.StreamEnded():
                self.streams[event.stream_id].ended = True
            case h2.events.StreamReset():
                self.streams[event.stream_id].reset = True

    def _flush(self) -> None:
        if data := self._wire.data_to_send():
            self._socket.sendall(data)
