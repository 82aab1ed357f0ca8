"""The roads between a caller and a provider: which protocol each side speaks, plain or over TLS.

A gateway in front of them has one channel for each failure and test, so that no test meets a channel that is out of use
for another's failures; beside all of them stands one that answers well. The model that is asked for names the road and
the case: `h1-tls.reset`, and where a test uses a failure several times, `h1-tls.reset/stream`.
"""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.gateway import caller
from tests.gateway.caller import Answer
from tests.gateway.conftest import ANTHROPIC_HEADERS, api_key
from tests.gateway.h2_caller import H2Caller
from tests.gateway.process import Config, Gateway
from tests.upstreams.anthropic import anthropic
from tests.upstreams.certificates import Authority, make_authority
from tests.upstreams.h2_server import H2Upstream
from tests.upstreams.plan import Turn
from tests.upstreams.rules import Refusal
from tests.upstreams.server import Cut, Hold, Raw, Reply, Request, Script, Upstream, event_stream, json_reply

TARGET = "/anthropic/v1/messages"
TEXT = "Said by the channel that works: ünïcödé 北京 🎈, in more than one piece."
NEVER = threading.Event()
BEGUN = (
    b'event: message_start\ndata: {"type": "message_start", "message": {"id": "msg_bad", "type": "message", '
    b'"role": "assistant", "model": "m", "content": [], "stop_reason": null, "stop_sequence": null, '
    b'"usage": {"input_tokens": 1, "output_tokens": 1}}}\n\n'
)
START = (
    BEGUN + b'event: content_block_start\ndata: {"type": "content_block_start", "index": 0, '
    b'"content_block": {"type": "text", "text": ""}}\n\n'
    b'event: content_block_delta\ndata: {"type": "content_block_delta", "index": 0, '
    b'"delta": {"type": "text_delta", "text": "Half of"}}\n\n'
)
PING = b'event: ping\ndata: {"type": "ping"}\n\n'
OVERLOADED = (
    b'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}\n\n'
)
HTML = (("content-type", "text/html"),)
WORKING = anthropic(lambda conversation: Turn(text=TEXT), [])


def refuses(status: int, *headers: tuple[str, str], message: str = "no") -> Script:
    error = {"type": "error", "error": {"type": "api_error", "message": message}}
    return lambda request: json_reply(status, error, headers)


def says(*steps: bytes | Hold | Cut) -> Script:
    return lambda request: Raw(steps)


def streams(*steps: bytes | Hold | Cut) -> Script:
    return lambda request: event_stream(steps)


HIDDEN: Mapping[str, Script] = {
    "401": refuses(401),
    "403": refuses(403),
    "404": refuses(404),
    "408": refuses(408),
    "429": refuses(429, ("retry-after", "1")),
    "500": refuses(500, message="x" * 2_000_000),
    "529": refuses(529),
    "closed": says(),
    "reset": says(Cut(reset=True)),
    "garbage": says(b"\x16\x03\x01 this is not HTTP\r\n\r\n"),
    "half a head": says(b"HTTP/1.1 200 OK\r\ncontent-ty"),
    "silence": says(Hold(NEVER)),
    "body cut": lambda request: Reply(body=(b'{"type": "message", "con', Cut())),
    "body reset": lambda request: Reply(body=(b'{"type": "message", "con', Cut(reset=True))),
    "body silent": lambda request: Reply(body=(b'{"type": "message", "con', Hold(NEVER))),
    "html": lambda request: Reply(200, HTML, b"<html>Sign in</html>"),
    "error in 200": refuses(200),
    "broken json": lambda request: Reply(body=b'{"type": "message", '),
}
"""What a provider may do before its answer can be seen; another channel then answers."""
HIDDEN_STREAMS: Mapping[str, Script] = {
    "error first": streams(PING, OVERLOADED),
    "empty stream": streams(),
    "only pings": streams(PING, PING),
    "html event": streams(b"data: <html>\n\n"),
    "silent stream": streams(PING, Hold(NEVER)),
    "stream cut": streams(PING, Cut()),
    "stream reset": streams(PING, Cut(reset=True)),
    "half an event": streams(START[:100], Cut()),
    "begun cut": streams(BEGUN, Cut()),
    "begun reset": streams(BEGUN, PING, Cut(reset=True)),
    "begun error": streams(BEGUN, OVERLOADED),
}
HOPELESS = "all fail"
"""Cases of which no channel works, but two fail."""
DOORS = ("refused", "mute", "not tls")
"""Channels whose provider does not even get a request: see `Failing.url`."""


@dataclass(frozen=True, slots=True)
class Road:
    client: str
    """h1, h1s (the same over TLS) or h2."""
    kind: str
    """plain, tls or h2."""

    def __str__(self) -> str:
        return f"{self.client}-{self.kind}"

    def model(self, case: str = "well") -> str:
        return f"{self}.{case}"


ROADS = [
    Road("h1", "plain"),
    Road("h1", "tls"),
    Road("h2", "plain"),
    Road("h2", "tls"),
    Road("h2", "h2"),
    Road("h1s", "plain"),
]
KINDS = ("plain", "tls", "h2")


@dataclass(slots=True)
class Providers:
    """For each kind one that fails as the model asks for, and one that works."""

    authority: Authority
    failing: Mapping[str, Upstream]
    working: Mapping[str, Upstream]
    mute: socket.socket
    """Takes connections and says nothing at all."""
    refusals: list[Refusal] = field(default_factory=list)
    scripts: dict[str, Script] = field(default_factory=dict)
    """For models of a test's own."""

    def forget(self) -> None:
        self.scripts.clear()
        for upstream in (*self.failing.values(), *self.working.values()):
            upstream.script = WORKING
            upstream.forget()
        for upstream in self.failing.values():
            upstream.script = self.fail

    def fail(self, request: Request) -> Reply | Raw:
        body = request.json()
        assert isinstance(body, dict)
        case = str(body["model"]).partition(".")[2]
        known = {**HIDDEN, **HIDDEN_STREAMS, **self.scripts}
        return known.get(case, known.get(case.partition("/")[0], WORKING))(request)

    def url(self, kind: str, case: str) -> str:
        """Where the failing channel of a case is."""
        case = case.partition("/")[0]
        scheme = "http" if kind == "plain" else "https"
        if case == "refused":
            with socket.create_server(("127.0.0.1", 0)) as gone:
                return f"{scheme}://127.0.0.1:{gone.getsockname()[1]}"
        if case == "mute":
            return f"{scheme}://127.0.0.1:{self.mute.getsockname()[1]}"
        if case == "not tls":
            return f"https://127.0.0.1:{self.working['plain'].port}"
        return self.failing[kind].url


@contextmanager
def providers(folder: Path) -> Iterator[Providers]:
    authority = make_authority(folder)
    with ExitStack() as stack:
        mute = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=100))
        pair = [{kind: stack.enter_context(upstream(kind, authority)) for kind in KINDS} for _ in range(2)]
        yield Providers(authority, *pair, mute)


def upstream(kind: str, authority: Authority) -> Upstream:
    if kind == "plain":
        return Upstream(WORKING)
    if kind == "tls":
        return Upstream(WORKING, tls=authority.context("http/1.1"))
    return H2Upstream(WORKING, tls=authority.context("h2", "http/1.1"))


def roads_config(providers: Providers, roads: Sequence[Road], cases: Sequence[str], **retry: object) -> Config:
    """One failing channel for each road and case, and one of each kind that works and serves every model."""
    told = {"max_channel_retries": 3, "max_same_channel_retries": 0, "connect_timeout": "1s"}
    told |= {"first_event_timeout": "1s", "idle_timeout": "2s", **retry}
    failing = [
        channel(f"{road}-{case}".replace(" ", "-"), providers.url(road.kind, case), [road.model(case)], 0)
        for road in roads
        for case in cases
    ]
    hopeless = [case for case in cases if case.startswith(HOPELESS)]
    failing += [
        channel(f"{road}-{case}-too".replace(" ", "-"), providers.url(road.kind, case), [road.model(case)], 1)
        for road in roads
        for case in hopeless
    ]
    served = {
        kind: [
            road.model(case) for road in roads if road.kind == kind for case in ("well", *cases) if case not in hopeless
        ]
        for kind in KINDS
    }
    working = [
        channel(f"{kind}-works", providers.working[kind].url, models, 9) for kind, models in served.items() if models
    ]
    server = {"llm_request_timeout": "1s"}
    return {"server": server, "api_keys": [api_key()], "channels": [*failing, *working], "retry": told}


def channel(name: str, url: str, models: Sequence[str], priority: int) -> Config:
    return {
        "name": name,
        "type": "anthropic",
        "base_url": url,
        "api_keys": [f"sk-of-{name}"],
        "supported_models": list(models),
        "priority": priority,
    }


def asking(model: str, *, stream: bool) -> bytes:
    body = {"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": "hello"}], "stream": stream}
    return json.dumps(body).encode()


def ask(gateway: Gateway, road: Road, body: bytes) -> Answer:
    if road.client != "h2":
        with closing(line(gateway, road)) as connection:
            return again(connection, body)
    with H2Caller(gateway.port) as connection:
        return connection.call(TARGET, ANTHROPIC_HEADERS, body)


def line(gateway: Gateway, road: Road) -> caller.http.client.HTTPConnection:
    """An HTTP/1 caller's connection. mitmproxy shows a certificate of its own, which nobody checks here."""
    if road.client == "h1":
        return caller.http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=caller.PATIENCE_S)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return caller.http.client.HTTPSConnection("127.0.0.1", gateway.port, timeout=caller.PATIENCE_S, context=context)


@dataclass(frozen=True, slots=True)
class Listening:
    """A stream on its way, whatever carries it."""

    until: Callable[[bytes], bytes]
    """Reads on until the text was seen; all that has come by then or since the last call."""
    rest: Callable[[], bytes]
    leave: Callable[[], None]
    again: Callable[[bytes], Answer]
    """Another request on the same connection."""


@contextmanager
def listening(gateway: Gateway, road: Road, body: bytes) -> Iterator[Listening]:
    if road.client != "h2":
        with h1_listening(line(gateway, road), body) as found:
            yield found
        return
    with H2Caller(gateway.port) as connection:
        stream = connection.ask(TARGET, ANTHROPIC_HEADERS, body)
        yield Listening(
            lambda text: bytes(connection.until(stream, text).body),
            lambda: connection.rest(stream).body,
            lambda: connection.reset(stream),
            lambda other: connection.call(TARGET, ANTHROPIC_HEADERS, other),
        )


@contextmanager
def h1_listening(connection: caller.http.client.HTTPConnection, body: bytes) -> Iterator[Listening]:
    connection.request("POST", TARGET, body, dict(ANTHROPIC_HEADERS))
    response: list[caller.http.client.HTTPResponse] = []
    seen = bytearray()

    def until(text: bytes) -> bytes:
        if not response:
            response.append(connection.getresponse())
        while text not in seen:
            piece = response[0].read1()
            assert piece, f"the answer ended before {text!r}: {bytes(seen)!r}"
            seen.extend(piece)
        return bytes(seen)

    def rest() -> bytes:
        until(b"")
        return bytes(seen) + response[0].read()

    def leave() -> None:
        if response:
            response[0].close()
        connection.close()

    try:
        yield Listening(until, rest, leave, lambda other: again(connection, other))
    finally:
        leave()


def again(connection: caller.http.client.HTTPConnection, body: bytes) -> Answer:
    return caller.call(0, "POST", TARGET, ANTHROPIC_HEADERS, body, on=connection)
