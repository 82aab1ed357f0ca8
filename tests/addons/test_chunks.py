"""addons/failover/chunks.py takes a chunked body apart as h11 does, wherever the bytes are cut."""

from collections.abc import Iterable
from itertools import pairwise

import h11
import pytest
from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from hypothesis import example, given, settings, strategies as st

from axonhub.addons.failover.chunks import Chunks

SIZES = st.sampled_from(["%x", "%X", "00%x", "%x;name=value", "%x ;x", "%x \t", "x%x", "-%x", "%x;", " %x", ""])
ENDS = st.sampled_from([b"\r\n"] * 9 + [b"\n", b"x", b""])


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Chunks, most of them as they should be, and most often an end."""
    out = b""
    for content in draw(st.lists(st.binary(min_size=1, max_size=30), max_size=6)):
        form = draw(SIZES) if draw(st.booleans()) else "%x"
        size = form % len(content) if "%" in form else form
        out += size.encode() + draw(ENDS) + content + draw(ENDS)
    last = draw(st.sampled_from([b"0\r\n\r\n", b"0\r\nx-trailer: 1\r\n\r\n", b"000;a=b\r\n\r\n", b"0\r\n", b""]))
    return out + last + draw(st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n\r\n"]))


def pieces(body: bytes, cuts: Iterable[int]) -> list[bytes]:
    at = [0, *sorted({cut % (len(body) + 1) for cut in cuts}), len(body)]
    return [body[begin:end] for begin, end in pairwise(at)]


def by_h11(body: bytes) -> tuple[bytes, str]:
    """The content, and `ended`, `broken` or `waits`."""
    reader, buffer, content = ChunkedReader(), ReceiveBuffer(), b""
    buffer += body
    try:
        while (event := reader(buffer)) is not None:
            if isinstance(event, h11.EndOfMessage):
                return content, "ended"
            content += bytes(event.data)
    except (h11.ProtocolError, ValueError):
        return content, "broken"
    return content, "waits"


def by_us(parts: Iterable[bytes]) -> tuple[bytes, str]:
    chunks, content = Chunks(), b""
    for part in parts:
        if chunks.ended or chunks.broken:
            break
        content += chunks.feed(part)
    return content, "broken" if chunks.broken else "ended" if chunks.ended else "waits"


@example(b"1\r\n.\r\n1;x\r\r\n.\r\n0\r\n\r\n", [])
@settings(max_examples=1500)
@given(bodies(), st.lists(st.integers(0, 400), max_size=6))
def test_the_same_as_h11_at_any_cut(body: bytes, cuts: list[int]) -> None:
    assert by_h11(body) == by_us(pieces(body, cuts))


def test_what_stands_behind_the_end_is_kept() -> None:
    chunks = Chunks()
    assert chunks.feed(b"5\r\nhello\r\n0\r\nx-one: 1\r\n\r\nHTTP/1.1") == b"hello"
    assert (chunks.ended, chunks.rest) == (True, b"HTTP/1.1")


def test_a_chunk_is_passed_on_before_it_is_complete() -> None:
    chunks = Chunks()
    assert [chunks.feed(each) for each in (b"ff", b"\r\ndata", b": x")] == [b"", b"data", b": x"]


@pytest.mark.parametrize("line", [b"5" * 21 + b"\r\n", b";" * 70_000, b"g\r\n", b"\r\n"])
def test_a_size_that_is_none_is_an_error(line: bytes) -> None:
    chunks = Chunks()
    assert chunks.feed(line) == b""
    assert "no size" in chunks.broken


def test_a_chunk_that_is_longer_than_it_says_is_an_error() -> None:
    chunks = Chunks()
    assert chunks.feed(b"3\r\nhello\r\n") == b"hel"
    assert "longer" in chunks.broken
