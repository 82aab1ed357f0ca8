"""Content encodings come off, and a small body cannot become a huge one."""

import gzip
import zlib

import brotli
import pytest
import zstandard

from axonhub.addons.decoding import decoded, decoder
from axonhub.addons.errors import BadRequest, TooLarge
from axonhub.transformers.protocol import Unreadable

PLAIN = b'{"model": "m"}' * 1000
ENCODED = {
    "gzip": gzip.compress(PLAIN),
    "deflate": zlib.compress(PLAIN),
    "br": brotli.compress(PLAIN),
    "zstd": zstandard.compress(PLAIN),
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_every_encoding_comes_off(encoding: str):
    assert PLAIN == decoded(ENCODED[encoding], encoding, 10**6)


@pytest.mark.parametrize("encoding", ENCODED)
def test_a_stream_may_be_cut_anywhere(encoding: str):
    decode = decoder(encoding)
    body = ENCODED[encoding]

    assert decode is not None
    assert PLAIN == b"".join(decode(body[at : at + 1]) for at in range(len(body)))


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_one_body_may_be_compressed_in_parts(encoding: str):
    """Servers that flush often do that."""
    decode = decoder(encoding)
    body = ENCODED[encoding] * 3

    assert decode is not None
    assert PLAIN * 3 == b"".join(decode(body[at : at + 7]) for at in range(0, len(body), 7))


@pytest.mark.parametrize("encoding", ENCODED)
def test_broken_stream_is_told_as_such(encoding: str):
    decode = decoder(encoding)

    assert decode is not None
    with pytest.raises(Unreadable, match=f"not valid {encoding}"):
        decode(b"\xff\x00 nothing of the kind")


@pytest.mark.parametrize("encoding", ["", "identity", "Identity"])
def test_no_encoding_changes_nothing(encoding: str):
    assert PLAIN is decoded(PLAIN, encoding, 1)


def test_unknown_encoding_and_broken_bytes_are_the_callers_fault():
    with pytest.raises(BadRequest, match="'rot13'"):
        decoded(b"x", "rot13", 10)
    with pytest.raises(BadRequest, match="not valid gzip"):
        decoded(b"no gzip at all", "gzip", 10**6)


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "br"])
def test_what_unfolds_beyond_the_limit_is_refused(encoding: str):
    compress = {"gzip": gzip.compress, "zstd": zstandard.compress, "br": brotli.compress}[encoding]

    with pytest.raises(TooLarge):
        decoded(compress(b"\0" * 5_000_000), encoding, 1_000_000)
