"""The scripted upstream itself: what it records and what it can say."""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from tests.gateway.caller import call, calling, exchange_bytes
from tests.upstreams.server import (
    Cut,
    Hold,
    Raw,
    Reply,
    Request,
    Script,
    Upstream,
    event_stream,
    in_turn,
    json_reply,
    sliced,
)


def saying(reply: Reply | Raw) -> Script:
    return lambda request: reply


def test_request_is_kept_byte_for_byte() -> None:
    with Upstream(saying(json_reply(200, {}))) as upstream:
        call(upstream.port, "POST", "/a%20b?c=d", [("X-Odd-CASE", "v"), ("x-odd-case", "w")], b'{"a" :\t1 }')

        request = upstream.only

    assert request.method == "POST"
    assert request.target == "/a%20b?c=d"
    assert request.headers[1:] == (("X-Odd-CASE", "v"), ("x-odd-case", "w"), ("Content-Length", "10"))
    assert request.values("X-ODD-case") == ("v", "w")
    assert request.body == b'{"a" :\t1 }'


def test_chunked_request_body_is_put_together() -> None:
    with Upstream(saying(json_reply(200, {}))) as upstream:
        call(upstream.port, "POST", "/", body=[b"ab", b"cd"])

    assert upstream.only.body == b"abcd"


def test_expect_100_continue_is_answered() -> None:
    with (
        Upstream(saying(json_reply(200, {}))) as upstream,
        socket.create_connection(("127.0.0.1", upstream.port), 5) as connection,
    ):
        connection.sendall(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        first = connection.recv(100)
        connection.sendall(b"ok")
        upstream.wait_for(1)

    assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert upstream.only.body == b"ok"


def test_connection_serves_request_after_request() -> None:
    with ExitStack() as stack:
        upstream = stack.enter_context(Upstream(saying(json_reply(200, {}))))
        connection = stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", upstream.port, timeout=5)))
        for _ in range(3):
            call(upstream.port, "GET", "/", on=connection)

    assert [request.connection for request in upstream.requests] == [1, 1, 1]
    assert upstream.connections == 1


def test_connection_without_a_request_is_counted() -> None:
    with Upstream(saying(json_reply(200, {}))) as upstream:
        socket.create_connection(("127.0.0.1", upstream.port), 5).close()
        call(upstream.port, "GET", "/")

    assert upstream.connections == 2
    assert len(upstream.requests) == 1


def test_pieces_arrive_while_the_next_is_held_back() -> None:
    release = threading.Event()
    script = saying(event_stream([b"data: 1\n\n", Hold(release), b"data: 2\n\n"]))
    with Upstream(script) as upstream, calling(upstream.port, "GET", "/") as live:
        first = live.some()
        release.set()
        rest = live.rest()

    assert first == b"data: 1\n\n"
    assert rest == b"data: 2\n\n"


def test_client_that_leaves_is_noticed_while_holding() -> None:
    with Upstream(saying(event_stream([b"data: 1\n\n", Hold(threading.Event()), b"never"]))) as upstream:
        with closing(socket.create_connection(("127.0.0.1", upstream.port), 5)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            connection.recv(1000)
        (request,) = upstream.wait_for(1)

        assert request.client_left.wait(5)


def test_cut_ends_a_chunked_body_without_its_last_chunk() -> None:
    with Upstream(saying(event_stream([b"data: 1\n\n", Cut()]))) as upstream:
        answer = exchange_bytes(upstream.port, b"GET / HTTP/1.1\r\n\r\n")

    assert answer.endswith(b"9\r\ndata: 1\n\n\r\n")


def test_reset_is_a_reset() -> None:
    def steps() -> Iterator[bytes | Hold | Cut]:
        yield Cut(reset=True)

    with Upstream(saying(Raw(steps()))) as upstream, pytest.raises(ConnectionResetError):
        exchange_bytes(upstream.port, b"GET / HTTP/1.1\r\n\r\n")


def test_raw_bytes_replace_the_whole_response() -> None:
    with Upstream(saying(Raw([b"no ", b"HTTP"]))) as upstream:
        assert exchange_bytes(upstream.port, b"GET / HTTP/1.1\r\n\r\n") == b"no HTTP"


def test_body_can_end_with_the_connection() -> None:
    with Upstream(saying(Reply(body=[b"abc"], until_closed=True))) as upstream:
        answer = exchange_bytes(upstream.port, b"GET / HTTP/1.1\r\n\r\n")

    assert answer.endswith(b"connection: close\r\n\r\nabc")


def test_scripts_follow_one_another_and_the_last_stays() -> None:
    def named(name: str) -> Script:
        return lambda request: json_reply(200, name)

    with Upstream(in_turn(named("a"), named("b"))) as upstream:
        answers = [call(upstream.port, "GET", "/").body for _ in range(3)]

    assert answers == [b'"a"', b'"b"', b'"b"']


def test_script_sees_the_request() -> None:
    def echo(request: Request) -> Reply:
        return Reply(body=request.target.encode())

    with Upstream(echo) as upstream:
        assert call(upstream.port, "GET", "/x?y").body == b"/x?y"


def test_slices_join_to_the_whole() -> None:
    assert list(sliced(b"abcde", 2)) == [b"ab", b"cd", b"e"]
