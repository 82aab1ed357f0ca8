"""An HTTP/1.1 upstream on loopback whose every byte a test decides, and which keeps every byte that it was sent.

A script is a function from `Request` to `Reply`; it runs in the connection's own thread, so a test may block in it.
Nothing here knows a provider's protocol.
"""

import contextlib
import json
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

PATIENCE_S = 20.0
"""How long anything here waits before it says that the awaited thing never came."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request exactly as it arrived."""

    connection: int
    """Number of the connection it came on, from 1."""
    method: str
    target: str
    """Path and query, not decoded."""
    headers: tuple[tuple[str, str], ...]
    """In the order and case received."""
    body: bytes
    """Without transfer coding."""
    client_left: threading.Event = field(default_factory=threading.Event, compare=False)
    """Set when the other side was gone before the answer was complete."""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def header(self, name: str) -> str | None:
        """The first value; None when there is no such header."""
        return next(iter(self.values(name)), None)

    def values(self, name: str) -> tuple[str, ...]:
        return tuple(value for key, value in self.headers if key.lower() == name.lower())

    def json(self) -> object:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Hold:
    """Says nothing more until the test sets `until`."""

    until: threading.Event


@dataclass(frozen=True, slots=True)
class Cut:
    """Closes the connection in the middle of the answer: by FIN, or by RST."""

    reset: bool = False


type Step = bytes | Hold | Cut


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: whole with a Content-Length when `body` is bytes, else chunked, one chunk for each piece."""

    status: int = 200
    headers: Sequence[tuple[str, str]] = (("content-type", "application/json"),)
    body: bytes | Iterable[Step] = b""
    until_closed: bool = False
    """Pieces go unframed and the end of the connection is the end of the body, as HTTP/1.0 servers do."""
    trailers: Sequence[tuple[str, str]] = ()
    """After the last piece."""


@dataclass(frozen=True, slots=True)
class Raw:
    """Any bytes at all in place of an HTTP response; the connection is closed after them."""

    steps: Iterable[Step]


type Script = Callable[[Request], Reply | Raw]


def json_reply(status: int, value: object, headers: Sequence[tuple[str, str]] = ()) -> Reply:
    return Reply(status, (("content-type", "application/json"), *headers), json.dumps(value).encode())


def event_stream(pieces: Iterable[Step], headers: Sequence[tuple[str, str]] = ()) -> Reply:
    return Reply(
        200, (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"), *headers), pieces
    )


def cut_short(reply: Reply) -> Raw:
    """The same whole answer, of which only half arrives."""
    assert isinstance(reply.body, bytes)
    length = ("content-length", str(len(reply.body)))
    return Raw([response_head(reply.status, (*reply.headers, length)) + reply.body[: len(reply.body) // 2]])


def in_turn(*scripts: Script) -> Script:
    """Each request is answered by the next script, the last one again and again; for requests that come one by one."""
    waiting = list(scripts)
    lock = threading.Lock()

    def script(request: Request) -> Reply | Raw:
        with lock:
            chosen = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return chosen(request)

    return script


def sliced(data: bytes, size: int) -> Iterable[bytes]:
    """The same bytes in pieces of `size`."""
    return (data[start : start + size] for start in range(0, len(data), size))


class Gone(Exception):
    """The other side closed the connection."""


class Upstream:
    """The running server. A script that raises ends its connection and, by an unhandled error in a thread, the test."""

    def __init__(
        self, script: Script, listener: socket.socket | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        """`listener` is a listening socket of another network namespace; None makes one on loopback."""
        self.script = script
        self._tls = tls
        self._listener = listener or socket.create_server(("127.0.0.1", 0), backlog=128)
        self._news = threading.Condition()
        self._requests: list[Request] = []
        self._connections: list[socket.socket] = []
        self._accepted = 0
        self._closing = threading.Event()
        self._accepting = threading.Thread(target=self._accept, name="upstream", daemon=True)
        self._accepting.start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[Request]:
        """All so far, in the order in which they were complete."""
        with self._news:
            return list(self._requests)

    @property
    def only(self) -> Request:
        """The one request that there was."""
        (request,) = self.requests
        return request

    @property
    def connections(self) -> int:
        """Connections ever accepted, also those on which nothing was asked."""
        with self._news:
            return self._accepted

    def forget(self) -> None:
        """Begins to record anew; open connections stay."""
        with self._news:
            self._requests.clear()
            self._accepted = 0

    def wait_for(self, requests: int) -> list[Request]:
        """Blocks until so many have arrived."""
        with self._news:
            arrived = self._news.wait_for(lambda: len(self._requests) >= requests, PATIENCE_S)
            assert arrived, f"{len(self._requests)} of {requests} requests arrived in {PATIENCE_S} s"
            return list(self._requests)

    def close(self) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept(), which close() alone does not
        self._accepting.join(PATIENCE_S)
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._news:
                self._accepted += 1
                self._connections.append(connection)
                number = self._accepted
            threading.Thread(
                target=self._serve, args=(connection, number), name=f"upstream-{number}", daemon=True
            ).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(Gone, ConnectionError, ssl.SSLError), self._secured(connection) as secured:
            self._converse(secured, number)

    def _secured(self, connection: socket.socket) -> socket.socket:
        if self._tls is None:
            return connection
        secured = self._tls.wrap_socket(connection, server_side=True)
        with self._news:
            self._connections.append(secured)
        return secured

    def _converse(self, connection: socket.socket, number: int) -> None:
        with connection.makefile("rb") as incoming:
            while (request := read_request(incoming.readline, incoming.read, number, connection.sendall)) is not None:
                self._note(request)
                try:
                    if not self._answer(connection, request, self.script(request)):
                        return
                except (Gone, ConnectionError, ssl.SSLError):
                    request.client_left.set()
                    return

    def _note(self, request: Request) -> None:
        with self._news:
            self._requests.append(request)
            self._news.notify_all()

    def _answer(self, connection: socket.socket, request: Request, reply: Reply | Raw) -> bool:
        """Whether the connection may serve another request."""
        if isinstance(reply, Raw):
            self._send_steps(connection, reply.steps, framed=False)
            return False
        if isinstance(reply.body, bytes):
            bare = request.method == "HEAD" or reply.status in (204, 304)
            length = () if reply.status == 204 else (("content-length", str(len(reply.body))),)
            connection.sendall(response_head(reply.status, (*reply.headers, *length)) + (b"" if bare else reply.body))
            return True
        if reply.until_closed:
            connection.sendall(response_head(reply.status, (*reply.headers, ("connection", "close"))))
            self._send_steps(connection, reply.body, framed=False)
            return False
        connection.sendall(response_head(reply.status, (*reply.headers, ("transfer-encoding", "chunked"))))
        if not self._send_steps(connection, reply.body, framed=True):
            return False
        trailers = "".join(f"{name}: {value}\r\n" for name, value in reply.trailers)
        connection.sendall(f"0\r\n{trailers}\r\n".encode())
        return True

    def _send_steps(self, connection: socket.socket, steps: Iterable[Step], *, framed: bool) -> bool:
        """Whether all of them were sent; False after a `Cut`."""
        for step in steps:
            if isinstance(step, Hold):
                self._wait(connection, step.until)
            elif isinstance(step, Cut):
                if step.reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            elif step:
                connection.sendall(b"%x\r\n%b\r\n" % (len(step), step) if framed else step)
        return True

    def _wait(self, connection: socket.socket, until: threading.Event) -> None:
        for _ in range(int(PATIENCE_S / 0.02)):
            if until.wait(0.02) or self._closing.is_set():
                return
            if is_closed(connection):
                raise Gone
        raise TimeoutError(f"nobody released the upstream in {PATIENCE_S} s")


def is_closed(connection: socket.socket) -> bool:
    """Below TLS, where there is any: nobody here says anything after a request."""
    readable, _, _ = select.select([connection], [], [], 0)
    return bool(readable) and socket.socket.recv(connection, 1, socket.MSG_PEEK) == b""


def read_request(
    readline: Callable[[], bytes], read: Callable[[int], bytes], connection: int, send: Callable[[bytes], None]
) -> Request | None:
    """None when the other side closed the connection between requests, or does not speak HTTP; `Gone` inside one."""
    start = readline().decode("latin-1").split()
    if len(start) != 3:
        return None
    method, target, _ = start
    headers = tuple(read_headers(readline))
    found = {name.lower(): value for name, value in headers}
    if found.get("expect", "").lower() == "100-continue":
        send(b"HTTP/1.1 100 Continue\r\n\r\n")
    if found.get("transfer-encoding", "").lower() == "chunked":
        body = b"".join(read_chunks(readline, read))
    else:
        body = read_exactly(read, int(found.get("content-length", "0")))
    return Request(connection, method, target, headers, body)


def read_headers(readline: Callable[[], bytes]) -> Iterable[tuple[str, str]]:
    while line := readline():
        if line in (b"\r\n", b"\n"):
            return
        name, _, value = line.decode("latin-1").rstrip("\r\n").partition(":")
        yield name, value.strip()
    raise Gone


def read_chunks(readline: Callable[[], bytes], read: Callable[[int], bytes]) -> Iterable[bytes]:
    while size := int(readline().partition(b";")[0] or b"0", 16):
        yield read_exactly(read, size)
        readline()
    for _ in read_headers(readline):  # trailers
        pass


def read_exactly(read: Callable[[int], bytes], size: int) -> bytes:
    data = read(size)
    if len(data) < size:
        raise Gone
    return data


def response_head(status: int, headers: Sequence[tuple[str, str]]) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
