"""The failover layer alone: what it does with each thing that a client or an upstream may do."""

import gc
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import pairwise

import h2.config
import h2.connection
import h2.errors
import h2.events
import pytest
from mitmproxy import http
from mitmproxy.test import tflow
from mitmproxy.test.tutils import treq

from axonhub.addons import failover
from axonhub.addons.failover import Ending, Greeting, Limits, Try, aim, connections, departure, last_try
from axonhub.addons.failover.stream import GatewayStream, discreet
from axonhub.transformers.hub.failures import Failure
from axonhub.transformers.pipe import Alone
from tests.addons.playbook import Peer, Playbook

CREDENTIAL = "sk-of-the-channel"
OK = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
STREAM = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = "0\r\n\r\n"


@pytest.fixture(autouse=True, params=[True, False], ids=["short", "long"])
def at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the layers where that is possible, or through all of them: the same comes of it."""
    monkeypatch.setattr(Playbook, "at_once", request.param)
    monkeypatch.setattr(connections, "_APART_BYTES", 1)


def chunk(text: str) -> str:
    """Of one line: where chunks begin and end means nothing."""
    return f"{len(text.encode()) + 1:x}\r\n{text}\n\r\n"


def chunks(data: bytes) -> str:
    """The body of a chunked answer, as far as it came; the head is passed over."""
    _, _, rest = data.partition(b"\r\n\r\n") if data.startswith(b"HTTP/") else (b"", b"", data)
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body.decode()


def post(body: str = "{}", extra: str = "") -> str:
    return f"POST /v1 HTTP/1.1\r\nhost: gateway\r\n{extra}content-length: {len(body)}\r\n\r\n{body}"


class LinePipe:
    """A stream of lines: `error` fails, `ping` is no progress, `begin` announces, `end` closes; the rest is shouted."""

    def __init__(self) -> None:
        self.begun = self.committed = self.rejected = self.closed = False
        self.progress = 0
        self.mute = False

    def feed(self, piece: bytes) -> list[bytes]:
        shown = []
        for line in piece.split():
            if line == b"error" and not self.committed:
                self.rejected = True
            elif line == b"hidden":
                self.progress += 1
            elif line == b"begin":
                self.begun = True
                shown.append(b"BEGIN\n")
            elif line == b"fail":
                self.closed = True
                shown.append(Alone(b"(failed)"))
            elif line != b"ping":
                self.committed = True
                self.progress += 1
                self.closed = line == b"end"
                shown.append(line.upper() + b"\n")
        return shown

    def show(self) -> None:
        self.committed = True

    def finish(self) -> list[bytes]:
        return [] if self.closed else [b"(finished)"]

    def abort(self, failure: Failure) -> list[bytes]:
        return [f"(aborted: {failure.kind})".encode()]

    def keepalive(self) -> bytes:
        return b"" if self.mute else b"(alive)"


@dataclass
class Hooks:
    """The gateway's part: aims at one channel after the other; an answer below 500 is the client's."""

    channels: list[str]
    scheme: str = "http"
    greeting: Greeting | None = None
    refuse_at_once: bool = False
    drain_s: float = 0.0
    tries: list[Try] = field(default_factory=list)
    flows: list[http.HTTPFlow] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        self.flows.append(flow)
        if self.refuse_at_once:
            flow.response = http.Response.make(401, b"who are you?")

    def request_too_large(self, flow: http.HTTPFlow) -> None:
        flow.response = http.Response.make(413, b"too large")

    def attempt(self, flow: http.HTTPFlow) -> None:
        if flow.response and flow.response.status_code < 500:
            return
        flow.response = None
        if not self.channels:
            flow.response = http.Response.make(502, b"all failed")
            return
        flow.request.scheme, flow.request.host, flow.request.port = self.scheme, self.channels.pop(0), 80
        each = Try({"authorization": CREDENTIAL}, 10.0, 60.0, 120.0, self.greeting and (lambda: GREETING), self.drain_s)
        self.tries.append(each)
        aim(flow, each)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        current = last_try(flow)
        assert current
        assert flow.response
        if flow.response.headers.get("content-type") == "text/event-stream":
            current.pipe = LinePipe()

    def late_answer(self, flow: http.HTTPFlow) -> None:
        assert flow.response
        flow.response = http.Response.make(200, b"(late) " + (flow.response.content or b""))

    def error(self, flow: http.HTTPFlow) -> None:
        assert flow.error
        self.errors.append(flow.error.msg)

    @property
    def endings(self) -> list[Ending]:
        return [each.ending for each in self.tries]


@pytest.fixture(autouse=True)
def limits() -> Iterator[Limits]:
    """A test may change them for itself."""
    before = asdict(failover.limits)
    yield failover.limits
    for name, value in before.items():
        setattr(failover.limits, name, value)


def asked(*channels: str, alpn: bytes | None = None, **more: object) -> tuple[Playbook, Hooks]:
    """A client has sent its request, and the first channel is being connected to."""
    hooks = Hooks(list(channels), **more)  # type: ignore[arg-type]
    book = Playbook(hooks, alpn)
    book.client.says(post())
    return book, hooks


def left_behind(book: Playbook) -> tuple[list[str], list[object]]:
    """What the layer still knows beside the client: streams, and connections that are of no use."""
    book.layer.prune()
    useless = [each for each in book.layer.connections if not (each.connected or each is book.client.connection)]
    return [repr(each) for each in book.layer.streams.values()], useless


def assert_at_rest(book: Playbook, hooks: Hooks) -> None:
    assert ([], []) == left_behind(book)
    assert book.opening == []
    assert not [flow for flow in hooks.flows if flow.live]


# -- whole answers


def test_whole_answer():
    book, hooks = asked("a")
    upstream = book.opens("a")
    request = upstream.take()
    upstream.says(OK)

    assert request.startswith(b"POST /v1 HTTP/1.1\r\n")
    assert f"authorization: {CREDENTIAL}".encode() in request
    assert CREDENTIAL not in str(hooks.flows[0].request.headers)
    assert book.client.heard == OK.encode()
    assert book.story == [
        *("requestheaders", "request", "attempt", "connect a"),
        *("responseheaders", "attempt", "response"),
    ]
    assert hooks.endings == [Ending.WHOLE]
    assert_at_rest(book, hooks)


@pytest.mark.parametrize(
    ("name", "fail", "ending"),
    [
        ("reset", lambda peer: peer.leaves(), Ending.DISCONNECTED),
        ("garbage", lambda peer: peer.says("what?\r\n\r\n"), Ending.DISCONNECTED),
        (
            "upgrade",
            lambda peer: peer.says("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"),
            Ending.DISCONNECTED,
        ),
        ("bad header", lambda peer: peer.says("HTTP/1.1 200 OK\r\nbad name : x\r\n\r\n"), Ending.DISCONNECTED),
        ("bad status", lambda peer: peer.says(OK.replace("200 ", "200")), Ending.DISCONNECTED),
        ("two lengths", lambda peer: peer.says(OK.replace("5", "5, 6", 1)), Ending.DISCONNECTED),
        ("half a head", lambda peer: (peer.says("HTTP/1.1 200"), peer.leaves()), Ending.DISCONNECTED),
        ("half a body", lambda peer: (peer.says(OK[:-2]), peer.leaves()), Ending.DISCONNECTED),
        ("bad chunk", lambda peer: peer.says(STREAM.replace("event", "x") + "zz\r\n"), Ending.DISCONNECTED),
        ("500", lambda peer: peer.says(OK.replace("200", "500")), Ending.WHOLE),
        ("silence", lambda peer: peer.book.passes(61), Ending.TIMED_OUT),
        ("half a body, then silence", lambda peer: (peer.says(OK[:-2]), peer.book.passes(61)), Ending.TIMED_OUT),
        ("endless head", lambda peer: peer.says("HTTP/1.1 200 OK\r\n" + "x: y\r\n" * 20_000), Ending.DISCONNECTED),
        ("endless body", lambda peer: peer.says(STREAM.replace("event", "x") + chunk("x" * 5000)), Ending.DISCONNECTED),
        ("stream without event", lambda peer: peer.says(STREAM + END), Ending.REJECTED),
        ("stream with pings only", lambda peer: peer.says(STREAM + chunk("ping") + END), Ending.REJECTED),
        ("stream of pings", lambda peer: peer.says(STREAM + chunk("ping " * 1000)), Ending.REJECTED),
        ("error first", lambda peer: peer.says(STREAM + chunk("ping") + chunk("error")), Ending.REJECTED),
        ("stream breaks", lambda peer: (peer.says(STREAM + chunk("ping")), peer.leaves()), Ending.DISCONNECTED),
        ("silent stream", lambda peer: (peer.says(STREAM + chunk("ping")), peer.book.passes(61)), Ending.TIMED_OUT),
    ],
)
def test_next_channel_answers(limits: Limits, name: str, fail: Callable[[Peer], object], ending: Ending):
    limits.whole_answer_bytes = 4000
    book, hooks = asked("a", "b")
    first = book.opens("a")
    fail(first)
    second = book.opens("b")
    first.says(chunk("late"))
    second.says(OK)

    assert book.client.heard == OK.encode()
    assert b"{}" in second.heard
    assert hooks.endings == [ending, Ending.WHOLE]
    assert_at_rest(book, hooks)


def test_refused_connection():
    book, hooks = asked("a", "b")
    book.refuses("a")
    book.opens("b").says(OK)

    assert book.client.heard == OK.encode()
    assert hooks.endings == [Ending.UNREACHABLE, Ending.WHOLE]
    assert_at_rest(book, hooks)


def test_refused_address_is_tried_anew():
    """mitmproxy would answer the second connect with the first one's error."""
    book, _hooks = asked("a", "a")
    book.refuses("a")
    book.opens("a").says(OK)

    assert book.client.heard == OK.encode()


def test_next_try_takes_the_connection_that_was_kept():
    """The hook that aims it runs when the connection has ended its message."""
    book, hooks = asked("a", "a")
    upstream = book.opens("a")
    upstream.says("HTTP/1.1 500 Oops\r\ncontent-length: 4\r\n\r\noops")
    upstream.says(OK)

    assert book.client.heard == OK.encode()
    assert hooks.endings == [Ending.WHOLE, Ending.WHOLE]
    assert book.story.count("connect a") == 1
    assert_at_rest(book, hooks)


def test_stream_that_was_refused_at_its_end_leaves_its_connection_to_the_next_try():
    book, hooks = asked("a", "a")
    upstream = book.opens("a")
    upstream.says(STREAM + chunk("ping") + END)
    upstream.says(STREAM + chunk("one") + END)

    assert chunks(book.client.heard) == "ONE\n(finished)"
    assert hooks.endings[0] is Ending.REJECTED
    assert book.story.count("connect a") == 1
    assert_at_rest(book, hooks)


def test_pipelined_requests_are_answered_one_after_the_other():
    """However many they are: none is handled within another."""
    hooks = Hooks([])
    book = Playbook(hooks)
    book.client.says(post() * 500)

    assert book.client.heard.count(b"all failed") == 500
    assert book.logs == []
    assert_at_rest(book, hooks)


def test_pipelined_requests_take_the_connection_that_was_kept():
    hooks = Hooks(["a", "a"])
    book = Playbook(hooks)
    book.client.says(post() * 2)
    upstream = book.opens("a")
    upstream.says(OK)
    upstream.says(OK)

    assert book.client.heard == OK.encode() * 2
    assert book.story.count("connect a") == 1
    assert_at_rest(book, hooks)


def test_client_that_pours_while_it_waits_is_read_no_further():
    hooks = Hooks(["a"])
    book = Playbook(hooks)
    book.client.says(post())
    upstream = book.opens("a")
    book.client.says(b"x" * 1_000_000)
    before = book.client.stopped
    book.client.says(b"x" * 100_000)
    held = book.client.stopped
    upstream.says(OK)

    assert (before, held) == (False, True)
    assert book.client.heard == OK.encode()
    assert not book.client.stopped


def test_client_that_pipelines_is_read_on():
    hooks = Hooks(["a", "a"])
    book = Playbook(hooks)
    book.client.says(post())
    upstream = book.opens("a")
    book.client.says(post("x" * 1_100_000))
    held = book.client.stopped
    upstream.says(OK)
    after = book.client.stopped
    upstream.says(OK)

    assert (held, after) == (True, False)
    assert book.client.heard == OK.encode() * 2


def test_body_in_tiny_pieces_takes_no_more_than_its_size(limits: Limits):
    hooks = Hooks(["a"])
    book = Playbook(hooks)
    book.client.says("POST /v1 HTTP/1.1\r\nhost: gateway\r\ncontent-length: 100000\r\n\r\n")
    for _ in range(49_999):
        book.client.says("{}")
    (stream,) = book.layer.streams.values()
    assert isinstance(stream, GatewayStream)
    pieces = len(stream.kept)
    book.client.says("{}")
    upstream = book.opens("a")
    upstream.says(OK)

    assert pieces == 1
    assert upstream.heard.endswith(b"\r\n\r\n" + b"{}" * 50_000)


def test_slow_connect():
    book, hooks = asked("a", "b")
    book.passes(9.9)
    assert book.opening == ["a"]
    book.passes(0.2)
    book.opens("b").says(OK)

    assert book.client.heard == OK.encode()
    assert hooks.endings == [Ending.UNREACHABLE, Ending.WHOLE]
    assert hooks.tries[0].detail == "connect time-out"
    assert_at_rest(book, hooks)


@pytest.mark.parametrize("answer", [OK, STREAM + chunk("one") + END])
def test_request_that_is_over_leaves_nothing_for_the_collector(answer: str):
    """Else its bodies would stay in memory until the collector comes."""
    gc.collect()
    gc.disable()
    try:
        book, hooks = asked("a", "b")
        (stream,) = map(weakref.ref, book.layer.streams.values())
        book.opens("a").says(STREAM + chunk("error"))
        book.opens("b").says(answer)

        assert_at_rest(book, hooks)
        assert stream() is None
    finally:
        gc.enable()


def test_request_at_fault_is_the_clients():
    answer = OK.replace("200 OK", "400 Bad Request")
    book, hooks = asked("a", "b")
    book.opens("a").says(answer)

    assert book.client.heard == answer.encode()
    assert hooks.channels == ["b"]


def test_all_fail():
    book, hooks = asked("a", "b")
    book.refuses("a")
    book.opens("b").leaves()

    assert book.client.heard.startswith(b"HTTP/1.1 502 ")
    assert book.client.heard.endswith(b"all failed")
    assert_at_rest(book, hooks)


def test_failed_hook_ends_the_request():
    """An addon that raises leaves neither an answer nor a new aim."""
    book, hooks = asked("a")
    hooks.attempt = lambda flow: setattr(flow, "response", None)  # type: ignore[method-assign]
    book.opens("a").says(OK)

    assert book.client.heard.startswith(b"HTTP/1.1 500 ")
    assert_at_rest(book, hooks)


def test_bytes_of_two_tries_do_not_mix():
    book, _hooks = asked("a", "b")
    first = book.opens("a")
    first.says(OK[:-2])
    book.passes(61)
    assert first.closed
    first.says("lo")
    book.opens("b").says(OK)

    assert book.client.heard == OK.encode()


def test_interim_answers_are_passed_over():
    book, _hooks = asked("a")
    upstream = book.opens("a")
    upstream.says("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 100 Conti")
    upstream.says("nue\r\n\r\n" + OK)

    assert book.client.heard == OK.encode()


def test_answer_to_head_has_no_body():
    hooks = Hooks([])
    book = Playbook(hooks)
    book.client.says("HEAD / HTTP/1.1\r\nhost: gateway\r\n\r\n")

    assert b"content-length: 10" in book.client.heard
    assert book.client.heard.endswith(b"\r\n\r\n")


# -- streams


def test_stream_is_shown_from_its_first_event():
    book, hooks = asked("a")
    upstream = book.opens("a")
    upstream.says(STREAM + chunk("ping"))
    assert book.client.heard == b""
    upstream.says(chunk("one"))
    assert book.client.heard.startswith(b"HTTP/1.1 200 OK\r\n")
    assert chunks(book.client.heard) == "ONE\n"
    upstream.says(chunk("two") + chunk("end") + END)

    assert chunks(book.client.heard) == "ONE\nTWO\nEND\n"
    assert book.client.heard.endswith(b"0\r\n\r\n")
    assert book.story[-2:] == ["responseheaders", "response"]
    assert not upstream.closed
    assert_at_rest(book, hooks)


@pytest.mark.parametrize("fail", ["error", END])
def test_announced_answer_that_fails_is_hidden(fail: str):
    book, hooks = asked("a", "b")
    book.opens("a").says(STREAM + chunk("begin") + (chunk(fail) if fail == "error" else fail))
    book.opens("b").says(STREAM + chunk("begin") + chunk("one") + chunk("end") + END)

    assert chunks(book.client.heard) == "BEGIN\nONE\nEND\n"
    assert hooks.endings == [Ending.REJECTED, Ending.NOT_TRIED]
    assert_at_rest(book, hooks)


def test_announcement_is_shown_after_a_while_without_content():
    book, hooks = asked("a", "b")
    upstream = book.opens("a")
    upstream.says(STREAM + chunk("begin"))
    book.passes(0.24)
    assert book.client.heard == b""
    book.passes(0.02)
    assert chunks(book.client.heard) == "BEGIN\n"
    book.passes(100)  # what was announced may take as long as a stream may fall silent
    upstream.leaves()

    assert chunks(book.client.heard).startswith("BEGIN\n(alive)")
    assert chunks(book.client.heard).endswith("(alive)(aborted: network)")
    assert_at_rest(book, hooks)


def test_client_hears_nothing_of_ours_while_the_content_is_waited_for():
    """So that another channel may still take over, and an untouched stream is the provider's own, byte for byte."""
    book, hooks = asked("a", "b", greeting=GREETING)
    first = book.opens("a")
    first.says(STREAM + chunk("begin"))
    book.passes(0.2)
    assert book.client.heard == b""
    first.leaves()
    book.opens("b").says(STREAM + chunk("begin") + chunk("one") + chunk("end") + END)

    assert chunks(book.client.heard) == "BEGIN\nONE\nEND\n"
    assert hooks.endings == [Ending.DISCONNECTED, Ending.NOT_TRIED]
    assert_at_rest(book, hooks)


def test_stream_of_an_old_server():
    """HTTP/1.0 knows no chunks; the client's own version decides how it gets them."""
    book, _hooks = asked("a")
    upstream = book.opens("a")
    upstream.says("HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\none")
    upstream.leaves()

    assert book.client.heard.startswith(b"HTTP/1.1 200 OK\r\n")
    assert chunks(book.client.heard) == "ONE\n(finished)"
    assert not book.client.closed


def test_trailers_are_passed_over():
    book, hooks = asked("a")
    upstream = book.opens("a")
    upstream.says(STREAM + chunk("one") + "0\r\nx-check: 5\r\n\r\n")

    assert chunks(book.client.heard) == "ONE\n(finished)"
    assert not upstream.closed
    assert_at_rest(book, hooks)


def test_trailers_of_a_request_are_passed_over():
    hooks = Hooks(["a"])
    book = Playbook(hooks)
    book.client.says("POST /v1 HTTP/1.1\r\nhost: g\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx: y\r\n\r\n")
    book.opens("a").says(OK)

    assert book.client.heard == OK.encode()


def test_client_of_a_playback_is_answered_in_words_that_it_knows(caplog: pytest.LogCaptureFixture):
    flow = tflow.tflow(req=treq(method=b"POST", path=b"/v1", content=b"{}"))
    hooks = Hooks(["a"])
    book = Playbook(hooks, replayed=flow)
    book.opens("a").says(OK)

    assert hooks.flows == [flow]
    assert "response" in book.story
    assert flow.response and flow.response.content == b"hello"
    assert caplog.text == ""


def test_large_request_goes_out_in_one_write():
    """Two would wake the provider twice, for the head alone and for the body."""
    body = "long" * 10_000
    book = Playbook(Hooks(["a"]))
    book.client.says(post(body))
    upstream = book.opens("a")

    said = bytes(upstream.heard)
    head, _, rest = said.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1 HTTP/1.1\r\n")
    assert rest == body.encode()
    assert len(upstream.writes) == (1 if book.at_once else 2)
    upstream.says(OK)
    assert book.client.heard == OK.encode()


def test_case_093_an_error_leaves_in_a_write_of_its_own():
    """Google's JavaScript SDK passes over an error that it reads together with what came before."""
    book, _ = asked("a")
    book.opens("a").says(STREAM + chunk("one") + chunk("two fail"))

    *_, before, error = book.client.writes
    assert before.endswith(b"TWO\n\r\n")
    assert error.startswith(b"8\r\n(failed)\r\n")


def test_upstream_dies_in_mid_stream():
    book, hooks = asked("a", "b")
    upstream = book.opens("a")
    upstream.says(STREAM + chunk("one"))
    upstream.leaves()

    assert chunks(book.client.heard) == "ONE\n(aborted: network)"
    assert book.client.heard.endswith(b"0\r\n\r\n")
    assert book.story[-2:] == ["response", "close a"]
    assert hooks.endings == [Ending.DISCONNECTED]
    assert not book.client.closed
    assert_at_rest(book, hooks)


def test_what_stands_before_a_broken_chunk_is_said():
    """Also where both come in one read: how a stream is cut must not decide what is heard of it."""
    book, hooks = asked("a", "b")
    upstream = book.opens("a")
    upstream.says(STREAM + chunk("one"))
    upstream.says(chunk("two") + "zz\r\n")

    assert chunks(book.client.heard) == "ONE\nTWO\n(aborted: network)"
    assert hooks.endings == [Ending.DISCONNECTED]
    assert upstream.closed
    assert_at_rest(book, hooks)


def test_first_word_before_a_broken_chunk_commits():
    book, hooks = asked("a", "b")
    book.opens("a").says(STREAM + chunk("one") + "zz\r\n")

    assert chunks(book.client.heard) == "ONE\n(aborted: network)"
    assert hooks.channels == ["b"]
    assert_at_rest(book, hooks)


@pytest.mark.parametrize("cuts", [(), (40,), (40, 41)])
def test_how_much_of_an_answer_came_is_told(cuts: tuple[int, ...]):
    book, hooks = asked("a")
    upstream, answer = book.opens("a"), OK[:-2]
    for begin, end in pairwise((0, *cuts, len(answer))):
        upstream.says(answer[begin:end])
    upstream.leaves()

    assert "(received 3 bytes, expected 5)" in hooks.tries[0].detail


def test_how_much_of_a_request_came_is_told():
    hooks = Hooks(["a"])
    book = Playbook(hooks)
    book.client.says(post("{ }")[:-1])
    book.client.leaves()

    assert "(received 2 bytes, expected 3)" in hooks.errors[0]
    assert_at_rest(book, hooks)


def test_head_that_is_read_only_when_its_connection_has_ended_is_no_answer():
    """mitmproxy waits for more behind a blank line that comes first; then nothing comes."""
    book, hooks = asked("a", "b")
    upstream = book.opens("a")
    upstream.says("\r\n" + STREAM + chunk("one"))
    upstream.leaves()
    book.opens("b").says(OK)

    assert book.client.heard == OK.encode()
    assert hooks.endings == [Ending.DISCONNECTED, Ending.WHOLE]
    assert_at_rest(book, hooks)


def test_upstream_dies_after_the_end_was_said():
    book, hooks = asked("a")
    upstream = book.opens("a")
    upstream.says(STREAM + chunk("one") + chunk("end"))
    upstream.leaves()

    assert chunks(book.client.heard) == "ONE\nEND\n"
    assert book.client.heard.endswith(b"0\r\n\r\n")
    assert hooks.endings == [Ending.NOT_TRIED]
    assert_at_rest(book, hooks)


def test_upstream_that_does_not_end_is_let_go():
    book, hooks = asked("a")
    upstream = book.opens("a")
    upstream.says(STREAM + chunk("one") + chunk("end"))
    assert not upstream.closed
    book.passes(1)

    assert upstream.closed
    assert book.client.heard.endswith(b"0\r\n\r\n")
    assert_at_rest(book, hooks)


def test_silence_in_mid_stream():
    book, hooks = asked("a")
    upstream = book.opens("a")
    upstream.says(STREAM + chunk("one"))
    for _ in range(12):
        book.passes(9)
        upstream.says(chunk("ping"))
    assert not upstream.closed
    book.passes(12.1)

    assert upstream.closed
    assert chunks(book.client.heard) == "ONE\n" + "(alive)" * 7 + "(aborted: timeout)"
    assert hooks.endings == [Ending.TIMED_OUT]
    assert_at_rest(book, hooks)


def test_client_that_does_not_read_is_no_silence_of_the_channel():
    """Its upstream is held back, so the silence is of its own making."""
    book, hooks = asked("a")
    upstream = book.opens("a")
    upstream.says(STREAM + chunk("one"))
    book.client.unsent = 70_000
    book.passes(121)

    assert upstream.closed
    assert book.client.closed
    assert hooks.errors == ["the client does not read"]
    assert hooks.endings == [Ending.NOT_TRIED]
    assert_at_rest(book, hooks)


def test_events_that_the_client_does_not_see_are_progress_but_no_sign_of_life():
    book, _hooks = asked("a")
    upstream = book.opens("a")
    upstream.says(STREAM + chunk("one"))
    for _ in range(20):
        book.passes(10)
        upstream.says(chunk("hidden"))

    assert not upstream.closed
    assert chunks(book.client.heard).count("(alive)") == 13  # every 15 s of 200


def test_no_keepalive_where_none_is_allowed():
    book, hooks = asked("a")
    upstream = book.opens("a")
    upstream.says(STREAM + chunk("one"))
    pipe = hooks.tries[0].pipe
    assert isinstance(pipe, LinePipe)
    pipe.mute = True
    book.passes(100)
    assert chunks(book.client.heard) == "ONE\n"
    pipe.mute = False
    book.passes(15)

    assert chunks(book.client.heard) == "ONE\n(alive)"


# -- a client that is kept waiting


GREETING = Greeting(http.Headers(content_type="text/event-stream"), b"(wait)")


def test_client_hears_keepalives_before_the_first_event():
    book, hooks = asked("a", "b", greeting=GREETING)
    book.opens("a")
    book.passes(14.9)
    assert book.client.heard == b""
    book.passes(0.2)
    assert book.client.heard.startswith(b"HTTP/1.1 200 OK\r\n")
    book.passes(45)
    second = book.opens("b")
    second.says(STREAM + chunk("one") + chunk("end") + END)

    assert hooks.endings == [Ending.TIMED_OUT, Ending.NOT_TRIED]
    assert book.client.heard.count(b"HTTP/1.1 ") == 1
    assert chunks(book.client.heard) == "(wait)(wait)(wait)ONE\nEND\n"
    assert_at_rest(book, hooks)


def test_greeted_client_gets_a_whole_answer_as_a_stream():
    book, hooks = asked("a", greeting=GREETING)
    upstream = book.opens("a")
    book.passes(16)
    upstream.says(OK)

    assert chunks(book.client.heard) == "(wait)(late) hello"
    assert book.client.heard.endswith(b"0\r\n\r\n")
    assert_at_rest(book, hooks)


def test_greeted_client_gets_a_failure_as_a_stream():
    book, _hooks = asked("a", greeting=GREETING)
    upstream = book.opens("a")
    book.passes(16)
    upstream.leaves()

    assert chunks(book.client.heard) == "(wait)(late) all failed"
    assert book.client.heard.endswith(b"0\r\n\r\n")


def test_client_of_a_whole_answer_is_not_greeted():
    book, _hooks = asked("a")
    upstream = book.opens("a")
    book.passes(59)
    upstream.says(OK)

    assert book.client.heard == OK.encode()


# -- the client leaves


def test_client_leaves_while_connecting():
    book, hooks = asked("a", "b")
    book.client.leaves()

    assert book.opening == []
    assert "close a" in book.story
    assert book.story[-1] == "error"
    assert hooks.channels == ["b"]
    assert_at_rest(book, hooks)


def test_client_leaves_while_a_hook_runs():
    book, hooks = asked("a")
    book.held.add("attempt")
    hooks.channels.append("b")
    upstream = book.opens("a")
    upstream.leaves()
    book.client.leaves()
    book.let_go("attempt")

    assert book.opening == []
    assert hooks.errors == ["Client disconnected."]
    assert_at_rest(book, hooks)


def test_who_waits_in_the_hook_is_told_that_the_client_has_left():
    book, hooks = asked("a")
    book.held.add("attempt")
    upstream = book.opens("a")
    upstream.leaves()
    left = departure(hooks.flows[0])
    assert not left.is_set()
    book.client.leaves()
    assert left.is_set()
    book.let_go("attempt")  # without another aim

    assert hooks.errors == ["Client disconnected."]
    assert not [line for line in book.story if line == "response"]
    assert_at_rest(book, hooks)


def test_client_hears_keepalives_while_the_next_try_is_chosen():
    book, hooks = asked("a", "b", greeting=GREETING)
    book.held.add("attempt")
    book.opens("a").leaves()
    book.passes(46)
    book.let_go("attempt")
    book.opens("b").says(STREAM + chunk("one") + chunk("end") + END)

    assert chunks(book.client.heard) == "(wait)(wait)(wait)ONE\nEND\n"
    assert_at_rest(book, hooks)


def test_client_leaves_while_the_answers_head_is_judged():
    book, hooks = asked("a")
    book.held.add("responseheaders")
    upstream = book.opens("a")
    upstream.says(STREAM + chunk("one"))
    book.client.leaves()
    book.let_go("responseheaders")

    assert upstream.closed
    assert hooks.errors == ["Client disconnected."]
    assert_at_rest(book, hooks)


@pytest.mark.parametrize("said", ["", OK[:-2], STREAM, STREAM + chunk("ping"), STREAM + chunk("one")])
def test_client_leaves_while_the_upstream_answers(said: str):
    book, hooks = asked("a", "b")
    upstream = book.opens("a")
    upstream.says(said)
    book.client.leaves()

    assert upstream.closed
    assert hooks.errors == ["Client disconnected."]
    assert hooks.channels == ["b"]
    assert_at_rest(book, hooks)


def test_stream_of_a_client_who_left_is_read_on_for_its_usage():
    book, hooks = asked("a", drain_s=300.0)
    upstream = book.opens("a")
    upstream.says(STREAM + chunk("one"))
    book.client.leaves()
    assert not book.client.closed
    assert "write off client" in book.story
    book.client.take()
    upstream.says(chunk("two"))
    assert hooks.errors == []
    upstream.says(chunk("end") + END)

    assert hooks.errors == ["Client disconnected."]
    assert hooks.tries[0].drained
    assert hooks.tries[0].pipe
    assert hooks.tries[0].pipe.progress == 3
    assert book.client.heard == b""
    assert book.client.closed
    assert_at_rest(book, hooks)


@pytest.mark.parametrize("end", ["silence", "time over", "death"])
def test_reading_on_has_an_end(end: str):
    book, hooks = asked("a", drain_s=300.0)
    upstream = book.opens("a")
    upstream.says(STREAM + chunk("one"))
    book.client.leaves()
    if end == "silence":
        book.passes(121)
    elif end == "death":
        upstream.leaves()
    else:
        for _ in range(4):
            book.passes(100)
            if not upstream.closed:
                upstream.says(chunk("more"))

    assert hooks.errors == ["Client disconnected."]
    assert book.client.closed
    assert upstream.closed
    assert_at_rest(book, hooks)


def test_whole_answer_of_a_client_who_left_is_not_waited_for():
    book, hooks = asked("a", drain_s=300.0)
    upstream = book.opens("a")
    upstream.says(OK[:30])
    book.client.leaves()

    assert upstream.closed
    assert hooks.errors == ["Client disconnected."]
    assert_at_rest(book, hooks)


def test_client_leaves_in_the_middle_of_its_request():
    hooks = Hooks(["a"])
    book = Playbook(hooks)
    book.client.says(post("{}")[:-1])
    book.client.leaves()

    assert hooks.channels == ["a"]
    assert "error" in book.story
    assert_at_rest(book, hooks)


def test_killed_flow():
    book, hooks = asked("a", "b")
    upstream = book.opens("a")
    hooks.flows[0].kill()
    upstream.leaves()

    assert book.client.closed
    assert hooks.channels == ["b"]
    assert_at_rest(book, hooks)


# -- kept connections


def test_two_requests_on_one_connection_use_one_upstream_connection():
    book, _hooks = asked("a", "a")
    upstream = book.opens("a")
    upstream.says(OK)
    book.client.says(post())
    upstream.says(OK)

    assert book.client.heard == (OK + OK).encode()
    assert book.story.count("connect a") == 1


def test_hooks_do_not_change_what_the_connections_saw():
    """They take framing and connection headers off both messages."""

    @dataclass
    class Stripping(Hooks):
        def request(self, flow: http.HTTPFlow) -> None:
            flow.request.headers.clear()

        def responseheaders(self, flow: http.HTTPFlow) -> None:
            super().responseheaders(flow)
            assert flow.response
            flow.response.headers.clear()

    hooks = Stripping(["a", "a"])
    book = Playbook(hooks)
    book.client.says(post())
    upstream = book.opens("a")
    upstream.says(STREAM + chunk("one"))
    upstream.says(chunk("end") + END)
    assert not upstream.closed
    book.client.says(post(extra="connection: close\r\n"))
    upstream.says(OK[:-5])
    upstream.says("hello")

    assert book.client.closed
    assert not upstream.closed


def test_stale_connection_is_no_fault_of_the_channel():
    book, hooks = asked("a", "a", "b")
    first = book.opens("a")
    first.says(OK)
    book.client.says(post())
    assert first.heard.count(b"POST") == 2
    first.leaves()
    second = book.opens("a")
    second.says(OK)

    assert book.client.heard == (OK + OK).encode()
    assert hooks.endings == [Ending.WHOLE, Ending.WHOLE]
    assert hooks.channels == ["b"]
    assert_at_rest(book, hooks)


def test_stale_connection_is_retried_once():
    book, hooks = asked("a", "a", "b")
    first = book.opens("a")
    first.says(OK)
    book.client.says(post())
    first.leaves()
    book.opens("a").leaves()
    book.opens("b").says(OK)

    assert book.client.heard == (OK + OK).encode()
    assert hooks.endings == [Ending.WHOLE, Ending.DISCONNECTED, Ending.WHOLE]


@pytest.mark.parametrize("said", ["what?\r\n\r\n", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nbad name : x\r\n\r\n"])
def test_kept_connection_that_said_something_is_not_stale(said: str):
    book, hooks = asked("a", "a", "b")
    first = book.opens("a")
    first.says(OK)
    book.client.says(post())
    first.says(said)
    if not first.closed:
        first.leaves()
    book.opens("b").says(OK)

    assert hooks.endings == [Ending.WHOLE, Ending.DISCONNECTED, Ending.WHOLE]


def test_connection_that_broke_off_after_its_head_is_not_stale():
    book, hooks = asked("a", "a", "b")
    first = book.opens("a")
    first.says(OK)
    book.client.says(post())
    first.says(OK[:-2])
    first.leaves()
    book.opens("b").says(OK)

    assert hooks.endings == [Ending.WHOLE, Ending.DISCONNECTED, Ending.WHOLE]


def test_closed_connection_is_not_used_again():
    book, _hooks = asked("a", "a")
    upstream = book.opens("a")
    upstream.says(OK)
    upstream.leaves()
    book.client.says(post())
    book.opens("a").says(OK)

    assert book.client.heard == (OK + OK).encode()


def test_end_of_a_forgotten_connection_does_no_harm():
    """An upstream that we closed reports its end later; by then a next request may have come."""
    book, _hooks = asked("a", "b")
    first = book.opens("a")
    first.says("what?\r\n\r\n")
    book.layer.prune()
    first.leaves()
    book.opens("b").says(OK)

    assert book.client.heard == OK.encode()


def test_many_failures_leave_nothing_behind():
    hooks = Hooks([])
    book = Playbook(hooks)
    sizes = set()
    for _ in range(50):
        hooks.channels += ["a", "b", "c"]
        book.client.says(post())
        book.refuses("a")
        book.opens("b").leaves()
        book.passes(10)
        sizes.add((len(book.layer.connections), len(book.layer.streams), len(book.layer.command_sources), book.timers))

    assert book.client.heard.count(b"HTTP/1.1 502 ") == 50
    assert len(sizes) <= 2, sizes  # the first request finds nothing to forget
    assert_at_rest(book, hooks)


# -- limits


def test_header_flood(limits: Limits):
    limits.refuse_headers = lambda first_line: b"HTTP/1.1 431 No\r\n\r\n" + first_line
    book = Playbook(Hooks([]))
    book.client.says("POST /v1 HTTP/1.1\r\n")
    for _ in range(70):
        book.client.says(f"x-flood: {'f' * 1000}\r\n")

    assert book.client.heard == b"HTTP/1.1 431 No\r\n\r\nPOST /v1 HTTP/1.1"
    assert book.story == ["half-close client"]
    book.client.leaves()
    assert book.client.closed


def test_endless_refused_body(limits: Limits):
    limits.discard_bytes = 100_000
    hooks = Hooks([], refuse_at_once=True)
    book = Playbook(hooks)
    book.client.says("POST /v1 HTTP/1.1\r\nhost: g\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(10):
        book.client.says(chunk("x" * 9_999))
    assert not book.client.closed
    book.client.says(chunk("x"))

    assert book.client.closed
    assert book.client.heard.endswith(b"who are you?")
    assert_at_rest(book, hooks)


def test_endless_refused_flood(limits: Limits):
    limits.discard_bytes = 100_000
    book = Playbook(Hooks([]))
    book.client.says("POST /v1 HTTP/1.1\r\n" + "x: y\r\n" * 11_000)
    assert not book.client.closed
    for _ in range(4):
        book.client.says("x: y\r\n" * 5_000)

    assert book.client.closed


def test_refused_flood_does_not_stay_for_ever():
    book = Playbook(Hooks([]))
    book.client.says("POST /v1 HTTP/1.1\r\n" + "x: y\r\n" * 20_000)
    assert not book.client.closed
    book.passes(31)

    assert book.client.closed


def test_large_body_with_small_headers_is_no_flood():
    body = "x" * 100_000
    hooks = Hooks(["a"])
    book = Playbook(hooks)
    book.client.says(post(body))

    assert book.opens("a").heard.endswith(body.encode())


def test_headers_that_do_not_end():
    book = Playbook(Hooks([]))
    book.client.says("POST /v1 HTTP/1.1\r\n")
    for _ in range(29):
        book.passes(1)
        book.client.says("x: y\r\n")
    assert not book.client.closed
    book.passes(1.1)

    assert book.client.closed


def test_idle_connection_may_stay():
    book, _hooks = asked("a")
    book.opens("a").says(OK)
    book.passes(500)

    assert not book.client.closed


def test_body_that_does_not_come():
    hooks = Hooks(["a"])
    book = Playbook(hooks)
    book.client.says(post("{}")[:-1])
    book.passes(61)

    assert book.client.closed
    assert hooks.errors == ["the request's body did not come in time"]
    assert_at_rest(book, hooks)


@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_body_over_the_limit(limits: Limits, framing: str):
    limits.body_bytes = 1000
    hooks = Hooks(["a"])
    book = Playbook(hooks)
    header = "transfer-encoding: chunked" if framing == "chunked" else "content-length: 1001001"
    framed = chunk if framing == "chunked" else str
    book.client.says(f"POST /v1 HTTP/1.1\r\nhost: g\r\n{header}\r\n\r\n")
    book.client.says(framed("x" * 999))
    assert book.client.heard == b""
    book.client.says(framed("xx"))
    assert book.client.heard.startswith(b"HTTP/1.1 413 ")
    assert book.client.heard.endswith(b"too large")
    for _ in range(100):
        book.client.says(framed("x" * 10_000))
    if framing == "chunked":
        assert not book.client.closed
        book.client.says(END)

    assert book.client.closed
    assert hooks.channels == ["a"]
    assert book.story == ["requestheaders", "request_too_large", "response", "close client"]
    assert_at_rest(book, hooks)


def test_refusal_keeps_the_connection_usable():
    hooks = Hooks(["a"], refuse_at_once=True)
    book = Playbook(hooks)
    book.client.says(post("x" * 50_000))
    refusal = book.client.take()
    hooks.refuse_at_once = False
    book.client.says(post())
    book.opens("a").says(OK)

    assert refusal.startswith(b"HTTP/1.1 401 ")
    assert b"connection: close" not in refusal
    assert book.client.heard == OK.encode()


def test_refusal_of_a_large_body_comes_before_its_end():
    hooks = Hooks(["a"], refuse_at_once=True)
    book = Playbook(hooks)
    head, body = post("x" * 200_000).encode().split(b"\r\n\r\n")
    book.client.says(head + b"\r\n\r\n" + body[:100_000])
    assert book.client.heard.startswith(b"HTTP/1.1 401 ")
    assert b"connection: close" in book.client.heard
    book.client.says(body[100_000:])

    assert book.client.heard.endswith(b"who are you?")
    assert book.client.closed
    assert_at_rest(book, hooks)


# -- what may be logged


def test_nothing_that_was_sent_gets_into_the_log():
    book = Playbook(Hooks([]))
    book.client.says("POST /v1 HTTP/1.1\r\nauthorization: Bearer secret-1\r\n")
    book.client.leaves()
    broken = Playbook(Hooks([]))
    broken.client.says("POST /v1 HTTP/1.1\r\nauthorization Bearer secret-2\r\n\r\n")
    answered, hooks = asked("a")
    upstream = answered.opens("a")
    upstream.says("secret-3 is no status\r\n\r\n")
    kept, _ = asked("a")
    talking = kept.opens("a")
    talking.says(OK)
    talking.says("secret-4")

    logs = [*book.logs, *broken.logs, *answered.logs, *kept.logs, hooks.tries[0].detail]
    assert not [line for line in logs if "secret" in line]
    assert [line for line in broken.logs if "Invalid header line" in line]
    assert [line for line in kept.logs if "Unexpected data" in line]


def test_discreet_text():
    assert discreet("""bad line: b'a\\'b"c' and b"d'e" end""") == "bad line: b'…' and b'…' end"


# -- HTTP/2 clients: many requests on one connection


@dataclass
class H2:
    """An HTTP/2 end in the test's hands."""

    peer: Peer
    client_side: bool
    window: int = 65535
    wire: h2.connection.H2Connection = field(init=False)
    bodies: dict[int, bytes] = field(default_factory=lambda: defaultdict(bytes))
    ended: set[int] = field(default_factory=set)
    reset: set[int] = field(default_factory=set)
    requests: list[int] = field(default_factory=list)
    """At an upstream: the streams it was asked on."""
    reading: bool = True

    def __post_init__(self) -> None:
        config = h2.config.H2Configuration(client_side=self.client_side, header_encoding="utf-8")
        self.wire = h2.connection.H2Connection(config)
        self.wire.initiate_connection()
        self.flush()

    def flush(self) -> None:
        while data := self.wire.data_to_send():
            self.peer.says(data)
        self.listen()

    def listen(self) -> None:
        for event in self.wire.receive_data(self.peer.take()):
            match event:
                case h2.events.DataReceived():
                    self.bodies[event.stream_id] += event.data
                    if self.reading:
                        self.wire.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                case h2.events.StreamEnded():
                    self.ended.add(event.stream_id)
                case h2.events.StreamReset():
                    self.reset.add(event.stream_id)
                case h2.events.RequestReceived():
                    self.requests.append(event.stream_id)
        if data := self.wire.data_to_send():
            self.peer.says(data)

    def asks(self, body: bytes = b"{}", end: bool = True) -> int:
        stream = self.wire.get_next_available_stream_id()
        names = {":method": "POST", ":scheme": "https", ":authority": "gateway", ":path": "/v1"}
        self.wire.send_headers(stream, list(names.items()))
        self.wire.send_data(stream, body, end_stream=end)
        self.flush()
        return stream

    def sends(self, stream: int, body: bytes) -> None:
        self.wire.send_data(stream, body)
        self.flush()

    def resets(self, stream: int) -> None:
        self.wire.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
        self.flush()

    def answers(self, stream: int, body: bytes, end: bool = True, content_type: str = "text/plain") -> None:
        self.wire.send_headers(stream, [(":status", "200"), ("content-type", content_type)])
        self.wire.send_data(stream, body, end_stream=end)
        self.flush()


def h2_client(*channels: str, **more: object) -> tuple[Playbook, Hooks, H2]:
    hooks = Hooks(list(channels), **more)  # type: ignore[arg-type]
    book = Playbook(hooks, b"h2")
    return book, hooks, H2(book.client, client_side=True)


def test_streams_of_one_client_do_not_meet():
    book, hooks, client = h2_client("a", "b", "c")
    first, second = client.asks(), client.asks()
    one = book.opens("a")
    book.refuses("b")
    third = book.opens("c")
    third.says(OK.replace("hello", "third"))
    one.says(OK.replace("hello", "first"))
    client.listen()

    assert client.bodies == {first: b"first", second: b"third"}
    assert client.ended == {first, second}
    assert_at_rest(book, hooks)


def test_many_streams_to_one_upstream():
    book, hooks, client = h2_client(*["a"] * 20)
    streams = [client.asks() for _ in range(20)]
    for _ in streams:
        book.opens("a").says(OK)
    client.listen()

    assert set(client.bodies.values()) == {b"hello"}
    assert client.ended == set(streams)
    assert_at_rest(book, hooks)


def test_slow_connect_of_one_stream_is_not_anothers():
    book, hooks, client = h2_client("a", "a", "b")
    first = client.asks()
    book.opens("a")
    book.layer.streams[first].deadline = None  # its answer may take its time
    second = client.asks()
    book.passes(5)
    hooks.channels.insert(0, "a")
    third = client.asks()
    book.passes(5.1)
    assert book.opening == ["a", "b"]
    book.opens("b").says(OK)
    book.opens("a").says(OK)
    client.listen()

    assert client.ended == {second, third}


def test_stream_is_reset_while_connecting():
    book, hooks, client = h2_client("a", "b", "c")
    first = client.asks()
    client.resets(first)
    assert book.opening == []
    second = client.asks()
    book.opens("b").says(OK)
    client.listen()

    assert client.bodies == {second: b"hello"}
    assert hooks.errors == ["stream reset by client (CANCEL)"]
    assert_at_rest(book, hooks)


def test_stream_is_reset_just_when_its_connect_succeeds():
    """The reset waits behind a hook, so the layer sees it only when it has a connection."""
    book, hooks, client = h2_client("a", "b")
    book.held.add("attempt")
    first = client.asks()
    client.resets(first)
    book.let_go("attempt")

    assert book.opening == []
    assert_at_rest(book, hooks)


def test_stream_is_reset_in_the_same_breath():
    """mitmproxy loses a reset that comes in one read with the end of its request."""
    book, hooks, client = h2_client("a", "b")
    stream = client.wire.get_next_available_stream_id()
    names = {":method": "POST", ":scheme": "https", ":authority": "gateway", ":path": "/v1"}
    client.wire.send_headers(stream, list(names.items()), end_stream=True)
    client.wire.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
    client.flush()
    second = client.asks()
    book.opens("b" if "b" in book.opening else "a").says(OK)
    client.listen()

    assert client.bodies == {second: b"hello"}
    assert hooks.errors == ["stream reset by client"]
    assert_at_rest(book, hooks)


def test_stream_is_reset_in_mid_stream():
    book, hooks, client = h2_client("a", "b")
    first, second = client.asks(), client.asks()
    one, other = book.opens("a"), book.opens("b")
    one.says(STREAM + chunk("one"))
    other.says(STREAM + chunk("other"))
    client.resets(first)
    assert one.closed
    one.says(chunk("late"))
    other.says(chunk("end") + END)
    client.listen()

    assert client.bodies[second] == b"OTHER\nEND\n"
    assert client.ended == {second}
    assert hooks.errors == ["stream reset by client (CANCEL)"]
    assert_at_rest(book, hooks)


def test_end_of_one_upstream_and_the_next_request_in_one_piece():
    """The connection that the reset closes is pruned by the next request before it reports its end."""
    book, hooks, client = h2_client("a", "b")
    first = client.asks()
    one = book.opens("a")
    client.wire.reset_stream(first, h2.errors.ErrorCodes.CANCEL)
    second = client.asks()
    book.opens("b").says(OK)
    client.listen()

    assert one.closed
    assert client.bodies == {second: b"hello"}
    assert_at_rest(book, hooks)


def test_client_that_does_not_read_stops_its_upstream_only():
    book, hooks, client = h2_client("a", "b")
    client.reading = False
    slow, quick = client.asks(), client.asks()
    one, other = book.opens("a"), book.opens("b")
    one.says(STREAM)
    sent = 0
    while not one.stopped:
        one.says(chunk("x" * 10_000))
        sent += 10_000
    assert sent < 400_000
    assert not other.stopped
    client.reading = True
    client.wire.increment_flow_control_window(2_000_000)
    client.wire.increment_flow_control_window(2_000_000, slow)
    client.flush()
    assert not one.stopped
    one.says(chunk("end") + END)
    other.says(OK)
    client.listen()

    assert client.bodies[slow] == (b"X" * 10_000 + b"\n") * (sent // 10_000) + b"END\n"
    assert client.bodies[quick] == b"hello"
    assert_at_rest(book, hooks)


def test_client_that_does_not_read_at_all_is_hung_up_on():
    book, hooks, client = h2_client("a")
    client.reading = False
    stream = client.asks()
    upstream = book.opens("a")
    upstream.says(STREAM)
    while not upstream.stopped:
        upstream.says(chunk("x" * 10_000))
    book.passes(121)
    client.listen()

    assert upstream.closed
    assert client.reset == {stream}
    assert hooks.errors == ["the client does not read"]
    assert hooks.endings == [Ending.NOT_TRIED]  # the channel did all it could
    assert_at_rest(book, hooks)


def test_client_that_leaves_without_reading():
    book, hooks, client = h2_client("a", "a")
    client.reading = False
    stream = client.asks()
    upstream = book.opens("a")
    upstream.says(STREAM)
    while not upstream.stopped:
        upstream.says(chunk("x" * 10_000))
    client.resets(stream)

    assert upstream.closed
    assert book.layer.choked == set()
    assert_at_rest(book, hooks)


def test_early_refusal_ends_its_stream():
    book, hooks, client = h2_client(refuse_at_once=True)
    stream = client.asks(b"x" * 60_000, end=False)
    client.sends(stream, b"x" * 16_000)

    assert client.bodies == {stream: b"who are you?"}
    assert client.ended == {stream}
    client.wire.end_stream(stream)
    client.flush()
    assert_at_rest(book, hooks)


def test_endless_refused_body_costs_its_stream_only(limits: Limits):
    limits.discard_bytes = 100_000
    book, hooks, client = h2_client("a", refuse_at_once=True)
    stream = client.asks(b"", end=False)
    for _ in range(10):
        client.sends(stream, b"x" * 10_000)
    assert not client.reset
    client.sends(stream, b"x" * 10_000)
    assert client.reset == {stream}
    hooks.refuse_at_once = False
    other = client.asks()
    book.opens("a").says(OK)
    client.listen()

    assert client.bodies[other] == b"hello"
    assert_at_rest(book, hooks)


def test_malformed_requests_leave_nothing_behind():
    book, _hooks, client = h2_client("a")
    for _ in range(5):
        stream = client.wire.get_next_available_stream_id()
        names = {":method": "POST", ":scheme": "ftp", ":authority": "gateway", ":path": "/v1"}
        client.wire.send_headers(stream, list(names.items()), end_stream=True)
        client.flush()

    assert left_behind(book) == ([], [])


# -- HTTP/2 upstreams: many tries on one connection


def test_streams_share_an_upstream_connection():
    book, hooks, client = h2_client("a", "a")
    first, second = client.asks(), client.asks()
    upstream = H2(book.opens("a", b"h2"), client_side=False)
    upstream.listen()
    one, two = upstream.requests
    upstream.answers(two, b"second")
    upstream.answers(one, b"first")
    client.listen()

    assert client.bodies == {first: b"first", second: b"second"}
    assert book.story.count("connect a") == 1
    assert_at_rest(book, hooks)


def test_cancelled_try_does_not_disturb_its_neighbour():
    book, hooks, client = h2_client("a", "a", "b")
    first = client.asks()
    upstream = H2(book.opens("a", b"h2"), client_side=False)
    upstream.listen()
    book.passes(30)
    second = client.asks()
    upstream.listen()
    one, two = upstream.requests
    book.passes(31)
    upstream.listen()
    assert upstream.reset == {one}
    book.opens("b").says(OK)
    upstream.answers(two, b"second")
    client.listen()

    assert client.bodies == {first: b"hello", second: b"second"}
    assert hooks.endings == [Ending.TIMED_OUT, Ending.WHOLE, Ending.WHOLE]


@pytest.mark.parametrize("politely", [False, True])
def test_stale_h2_connection_is_no_fault_of_the_channel(politely: bool):
    book, hooks, client = h2_client("a", "a", "b")
    client.asks()
    upstream = H2(book.opens("a", b"h2"), client_side=False)
    upstream.listen()
    upstream.answers(upstream.requests[0], b"hello")
    second = client.asks()
    if politely:
        upstream.wire.close_connection()
        upstream.peer.says(upstream.wire.data_to_send())
    else:
        upstream.peer.leaves()
    book.opens("a").says(OK)
    client.listen()

    assert client.bodies[second] == b"hello"
    assert hooks.endings == [Ending.WHOLE, Ending.WHOLE]
    assert hooks.channels == ["b"]


def test_reset_stream_is_not_stale():
    book, hooks, client = h2_client("a", "a", "b")
    client.asks()
    upstream = H2(book.opens("a", b"h2"), client_side=False)
    upstream.listen()
    upstream.answers(upstream.requests[0], b"hello")
    client.asks()
    upstream.listen()
    upstream.resets(upstream.requests[1])
    book.opens("b").says(OK)
    client.listen()

    assert hooks.endings == [Ending.WHOLE, Ending.DISCONNECTED, Ending.WHOLE]


def test_upstream_connection_dies_under_two_streams():
    book, hooks, client = h2_client("a", "a", "b", "c")
    client.asks()
    client.asks()
    upstream = H2(book.opens("a", b"h2"), client_side=False)
    upstream.listen()
    upstream.answers(upstream.requests[0], b"one", end=False, content_type="text/event-stream")
    upstream.peer.leaves()
    book.opens("b").says(OK)
    client.listen()

    assert sorted(client.bodies.values()) == [b"ONE\n(aborted: network)", b"hello"]
    assert_at_rest(book, hooks)


def test_alarm_for_an_h2_upstreams_pings_ends_with_it():
    book, hooks, client = h2_client("a", "a")
    client.asks()
    upstream = H2(book.opens("a", b"h2"), client_side=False)
    upstream.listen()
    upstream.answers(upstream.requests[0], b"hello")
    before = set(book.layer.alarms)
    book.passes(59)
    assert len(book.layer.alarms) == 1
    assert set(book.layer.alarms) != before
    upstream.peer.leaves()
    assert_at_rest(book, hooks)

    assert book.layer.alarms == {}
    assert book.timers <= 1


def test_trailers_of_an_h2_upstream_are_passed_over():
    book, hooks, client = h2_client("a")
    stream = client.asks()
    upstream = H2(book.opens("a", b"h2"), client_side=False)
    upstream.listen()
    (asked_on,) = upstream.requests
    upstream.answers(asked_on, b"one end", end=False, content_type="text/event-stream")
    upstream.wire.send_headers(asked_on, [("x-check", "5")], end_stream=True)
    upstream.flush()
    client.listen()

    assert client.bodies == {stream: b"ONE\nEND\n"}
    assert client.ended == {stream}
    assert_at_rest(book, hooks)
