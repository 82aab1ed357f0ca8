"""A small server on loopback that plays takes: each stored answer byte by byte, in every protocol that was recorded.

It needs no key and has no secret: whoever can reach the port of this machine may hear the recording.
"""

import socket
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import override

import orjson

from axonhub.addons.analysis.conversations import object_of
from axonhub.addons.errors import BadRequest, GatewayError, UnknownPath
from axonhub.addons.playing.matching import Miss, Repertoire
from axonhub.addons.playing.takes import Asked, Take
from axonhub.addons.routes import claim, nearest
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.protocol import WireProtocol

type Tell = Callable[[str], None]
"""Hears one line for each request."""

_RETRY_ONCE_OFF = ("x-should-retry", "false")


class PlaybackServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, repertoire: Repertoire, tell: Tell, *, paced: bool = False) -> None:
        """`paced`: answers take the time that they took; else they come at once. OSError when the port is taken."""
        self.repertoire, self.tell, self.paced = repertoire, tell, paced
        self.lock = Lock()
        super().__init__(("127.0.0.1", port), Player)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Player(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: PlaybackServer
    timeout = 60

    @override
    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_HEAD(self) -> None:
        self._send(200, b"")

    def do_GET(self) -> None:
        path = self._path
        protocol = nearest(path, self._headers)
        if path.rstrip("/") in ("", "/health"):
            self._send(200, b'{"status":"ok"}')
        else:
            self._fail(protocol, UnknownPath(f"There is nothing at {path[:200]!r} in a playback."))

    def do_POST(self) -> None:
        path, body = self._path, self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            address = claim("POST", path, self._headers)
            if address.operation != "generate":
                raise UnknownPath(f"{address.operation} is not recorded, so it cannot be played.")
            document = object_of(body)
            if document is None:
                raise BadRequest("The body must be a JSON object.")
        except GatewayError as error:
            self._fail(nearest(path, self._headers), error)
            return
        streams = document.get("stream") is True if address.stream is None else address.stream
        asked = Asked(address.protocol, document, address.model or "", streams)
        with self.server.lock:
            found = self.server.repertoire.answer(asked)
        if isinstance(found, Miss):
            self._miss(address.protocol, path, found)
        else:
            self.server.tell(f"{path}: {found.id}")
            self._play(found)

    @property
    def _path(self) -> str:
        return self.path.partition("?")[0].rstrip("/") or "/"

    @property
    def _headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def _play(self, take: Take) -> None:
        if not take.streams:
            self._wait(take.whole_s)
            self._send(take.status, take.answer, "application/json", take.id)
            return
        self._wait(take.first_s)
        self.send_response(take.status)
        self._head("text/event-stream; charset=utf-8", take.id, ("transfer-encoding", "chunked"))
        events = list(events_in(take.answer))
        for event in events:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
            self._wait((take.whole_s - take.first_s) / len(events))
        self.wfile.write(b"0\r\n\r\n")

    def _wait(self, seconds: float) -> None:
        if self.server.paced and seconds > 0:
            time.sleep(seconds)

    def _miss(self, protocol: WireProtocol, path: str, miss: Miss) -> None:
        most_alike = f" The nearest recorded request is {miss.nearest};" if miss.nearest else ""
        message = f"The recording has no answer to this request.{most_alike} first difference: {miss.difference}"
        self.server.tell(f"{path}: no answer.{most_alike} {miss.difference}")
        self._answer_failure(protocol, 400, Failure(FailureKind.INVALID_REQUEST, message, 400, "not_recorded"))

    def _fail(self, protocol: WireProtocol, error: GatewayError) -> None:
        self.server.tell(f"{self._path}: {error}")
        self._answer_failure(protocol, error.status, error.failure())

    def _answer_failure(self, protocol: WireProtocol, status: int, failure: Failure) -> None:
        _, envelope = protocol.write_failure(failure)
        self._send(status, orjson.dumps(envelope))

    def _send(self, status: int, body: bytes, kind: str = "application/json", take: str = "") -> None:
        self.send_response(status)
        retry = (_RETRY_ONCE_OFF,) if status >= 400 and not take else ()
        self._head(kind, take, ("content-length", str(len(body))), *retry)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, kind: str, take: str, *more: tuple[str, str]) -> None:
        for name, value in (("content-type", kind), ("x-axonhub-playback", take), *more):
            if value:
                self.send_header(name, value)
        self.end_headers()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """`tell` hears what matters."""


def events_in(answer: bytes) -> Iterator[bytes]:
    """Pieces that end where events end; together they are the answer."""
    start = 0
    while (end := answer.find(b"\n\n", start)) >= 0:
        yield answer[start : end + 2]
        start = end + 2
    if start < len(answer):
        yield answer[start:]
