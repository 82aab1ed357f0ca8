"""Some events stay behind; the bytes of all others are those that came, however they were cut."""

import pytest

from axonhub.transformers.sieve import Sieve

KEPT = b": hi\n\ndata: 1\n\nevent: x\r\ndata: 2\r\n\r\n"
HIDDEN = b"data: hide\ndata: me\n\n"
END = b"data: [DONE]\n\n"


def sifted(stream: bytes, size: int) -> bytes:
    sieve = Sieve(lambda event: event.data == "hide\nme")
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    return b"".join([*map(sieve.feed, pieces), sieve.flush()])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_only_what_is_hidden_is_missing(size: int, line_end: bytes) -> None:
    hidden = HIDDEN.replace(b"\n", line_end)

    assert sifted(KEPT + hidden + END, size).replace(b"\r", b"").replace(b"\n", b"") == (
        (KEPT + END).replace(b"\r", b"").replace(b"\n", b"")
    )


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_what_passes_keeps_its_bytes(size: int) -> None:
    assert sifted(KEPT + HIDDEN + END, size) == KEPT + END


def test_an_event_without_its_end_is_told_at_the_end() -> None:
    assert sifted(KEPT + b"data: torn", 5) == KEPT + b"data: torn"
    assert sifted(KEPT + b"data: hide\ndata: me", 5) == KEPT


def test_an_event_goes_on_when_it_is_whole() -> None:
    sieve = Sieve(lambda event: False)

    assert [sieve.feed(piece) for piece in (b"data: 1", b"\n", b"\ndata: 2")] == [b"", b"", b"data: 1\n\n"]


def test_a_long_event_is_not_held_back() -> None:
    sieve = Sieve(lambda event: True)
    long = b"data: " + b"x" * 70_000

    assert sieve.feed(long) == long
