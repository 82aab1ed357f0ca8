"""A caller that sends exactly what it is told and shows exactly what came back."""

import http.client
import json
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

PATIENCE_S = 20.0

type Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self) -> object:
        return json.loads(self.body)

    def error(self) -> dict[str, object]:
        """The `error` object of any protocol's envelope."""
        envelope = self.json()
        assert isinstance(envelope, dict)
        found = envelope["error"]
        assert isinstance(found, dict)
        return found


@dataclass(frozen=True, slots=True)
class Live:
    """An answer whose head is there and whose body is on its way."""

    status: int
    headers: tuple[tuple[str, str], ...]
    response: http.client.HTTPResponse

    def some(self) -> bytes:
        """What has come by now, at least one byte; b"" at the end."""
        return self.response.read1()

    def until(self, text: bytes) -> bytes:
        """Reads on until `text` was seen."""
        seen = b""
        while text not in seen:
            piece = self.some()
            assert piece, f"the answer ended before {text!r}: {seen!r}"
            seen += piece
        return seen

    def rest(self) -> bytes:
        return self.response.read()


@contextmanager
def calling(
    port: int,
    method: str,
    target: str,
    headers: Headers = (),
    body: bytes | Iterable[bytes] = b"",
    *,
    on: http.client.HTTPConnection | None = None,
) -> Iterator[Live]:
    """An iterable body goes chunked. No header is sent that is not named here but Host and the body's framing."""
    connection = on or http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if isinstance(body, bytes):
            if body or method not in ("GET", "HEAD"):
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
        else:
            connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders(iter(body), encode_chunked=True)
        with connection.getresponse() as response:
            yield Live(response.status, tuple(response.getheaders()), response)
    finally:
        if on is None:
            connection.close()


def call(
    port: int,
    method: str,
    target: str,
    headers: Headers = (),
    body: bytes | Iterable[bytes] = b"",
    *,
    on: http.client.HTTPConnection | None = None,
) -> Answer:
    with calling(port, method, target, headers, body, on=on) as live:
        return Answer(live.status, live.headers, live.rest())


def exchange_bytes(port: int, sent: bytes) -> bytes:
    """Sends bytes and reads until the other side closes; ConnectionResetError when it resets."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        connection.sendall(sent)
        return b"".join(iter(lambda: connection.recv(65536), b""))
