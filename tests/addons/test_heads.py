"""addons/failover/heads.py reads what mitmproxy reads, or leaves it to mitmproxy."""

import pytest
from hypothesis import given, settings, strategies as st
from mitmproxy import http
from mitmproxy.net.http import http1, validate

from axonhub.addons.failover.heads import is_read_here, read_request, read_response

_POST = read_request(b"POST / HTTP/1.1\r\n\r\n")
assert _POST
POST = _POST[0]

LINES = st.sampled_from(
    [
        b"POST /v1/messages?beta=true HTTP/1.1",
        b"GET / HTTP/1.0",
        b"POST http://host/path HTTP/1.1",
        b"CONNECT host:443 HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"POST  /two-spaces HTTP/1.1",
        b"POST /\xc3\xa4 HTTP/1.1",
        b"POST /x HTTP/2.0",
        b"POST /x",
        b"",
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200",
        b"HTTP/1.1 204 No Content",
        b"HTTP/1.1 103 Early Hints",
        b"HTTP/1.1 999 What",
        b"HTTP/1.1 abc OK",
        b"HTTP/1.1  404  Not  Found",
        b"HTTP/1.1 404  Not  Found",
        b"HTTP/1.1 200OK",
        b"HTTP/1.1 2000 OK",
        b"HTTP/1.1 200 ",
    ]
)
FIELDS = st.one_of(
    st.sampled_from(
        [
            b"Host: localhost:8090",
            b"content-length: 5",
            b"Content-Length: 5, 5",
            b"content-length: -1",
            b"transfer-encoding: chunked",
            b"Transfer-Encoding: gzip, chunked",
            b"transfer-encoding: nonsense",
            b"x-twice: 1",
            b"X-Twice: 2",
            b" folded",
            b"\tfolded",
            b"no colon",
            b": no name",
            b"empty:",
            b"spaces:  \t in and around \x0b ",
            b"byte: \xff\xfe",
            b"line\rfeed: x",
            b"two words: x",
            b"content-length:",
            b"content-length: 05",
            b"content-length: 99999999999999999999999999",
            b"transfer-encoding:",
            b"transfer-encoding: identity",
            b"Transfer-Encoding: Chunked",
            b"form\x0cfeed: \x0cx",
            b"feed: x\x0cx",
            b"nul: \x00",
        ]
    ),
    st.binary(max_size=12).filter(lambda each: b"\n" not in each),
)
ENDS = st.sampled_from([b"\r\n", b"\n"])


@st.composite
def blocks(draw: st.DrawFn) -> bytes:
    lines = [draw(LINES), *draw(st.lists(FIELDS, max_size=5))]
    ends = [draw(ENDS) for _ in lines] if draw(st.booleans()) else [b"\r\n"] * len(lines)
    return b"".join(line + end for line, end in zip(lines, ends, strict=True)) + b"\r\n"


def lines_of(block: bytes) -> list[bytes]:
    """As mitmproxy's connections cut it."""
    return [line.removesuffix(b"\r") for line in block.split(b"\n")][:-2]


def without_times(message: http.Message) -> dict[str, object]:
    return {**vars(message.data), "timestamp_start": 0.0}


@settings(max_examples=500)
@given(blocks(), st.binary(max_size=20))
def test_a_request_that_is_read_is_the_one_that_mitmproxy_reads(block: bytes, body: bytes) -> None:
    found = read_request(block + body)
    if found is None or not block.startswith(block[: found[1]]) or found[1] != len(block):
        return
    theirs = http1.read_request_head(lines_of(block))
    assert without_times(found[0]) == without_times(theirs)
    assert found[2] == http1.expected_http_body_size(theirs)
    assert is_read_here(found[0])
    validate.validate_headers(theirs)


@settings(max_examples=500)
@given(blocks(), st.binary(max_size=20))
def test_an_answer_that_is_read_is_the_one_that_mitmproxy_reads(block: bytes, body: bytes) -> None:
    found = read_response(block + body, POST)
    if found is None or found[1] != len(block):
        return
    theirs = http1.read_response_head(lines_of(block))
    assert without_times(found[0]) == without_times(theirs)
    assert found[2] == http1.expected_http_body_size(POST, theirs)
    assert is_read_here(found[0])
    validate.validate_headers(theirs)


def test_headers_that_were_changed_are_not_known_to_be_valid() -> None:
    found = read_request(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert found
    found[0].headers["bad name"] = "x"
    assert not is_read_here(found[0])


@pytest.mark.parametrize("line", [b"a:" + b" " * 60_000 + b"\x0b", b"a: b" + b"\t" * 60_000 + b"\rc", b"a" * 60_000])
def test_hostile_lines_take_no_time(line: bytes) -> None:
    """In quadratic time this test would not end."""
    head = b"POST / HTTP/1.1\r\nHost: x\r\n" + line + b"\r\n\r\n"

    assert [read_request(head) for _ in range(100)] == [None] * 100


def test_plain_heads_are_read_here() -> None:
    request = read_request(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
    assert request
    assert (request[0].path, request[0].headers["content-length"], request[1:]) == ("/v1/messages", "2", (58, 2))
    answer = read_response(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", POST)
    assert answer
    assert (answer[0].status_code, answer[0].reason, answer[1:]) == (200, "OK", (47, None))


@pytest.mark.parametrize(
    "buffer",
    [
        b"",
        b"POST / HTTP/1.1\r\nHost: x\r\n",
        b"\r\nPOST / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: x\r\n\r\n",
        b"POST / HTTP/1.1\nHost: x\n\n",
        b"POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length:\r\n\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding:\r\n\r\n",
        b"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nno name: x\r\n\r\n",
        b"CONNECT /x HTTP/1.1\r\n\r\n",
    ],
    ids=[
        "nothing",
        "no end",
        "blank line first",
        "folded",
        "two lengths",
        "bare line feeds",
        "length and chunks",
        "empty length",
        "empty coding",
        "chunks of old",
        "two words",
        "tunnel",
    ],
)
def test_what_is_not_plain_is_left_to_mitmproxy(buffer: bytes) -> None:
    assert read_request(buffer) is None


@pytest.mark.parametrize("line", [b"HTTP/1.1 200OK", b"HTTP/1.1 2000 OK", b"HTTP/1.1 200  two spaces"])
def test_a_status_line_that_is_not_plain_is_left_to_mitmproxy(line: bytes) -> None:
    assert read_response(line + b"\r\ncontent-length: 0\r\n\r\n", POST) is None
