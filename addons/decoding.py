"""Content encodings, whole or piece by piece, with a limit: a few kilobytes may unfold to gigabytes."""

import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]
import zstandard

from axonhub.addons.errors import BadRequest, TooLarge
from axonhub.transformers.protocol import Unreadable

_STEP_BYTES = 64 * 1024


_BROKEN = (zlib.error, brotli.error, zstandard.ZstdError)

type Decoder = Callable[[bytes], bytes]
"""Takes a body piece by piece. Unreadable."""


def _zlib(window_bits: int) -> Decoder:
    inner = zlib.decompressobj(window_bits)

    def decode(piece: bytes) -> bytes:
        """Members that follow one another are one body (RFC 1952 §2.2)."""
        nonlocal inner
        plain = inner.decompress(piece)
        while inner.eof and inner.unused_data:
            rest, inner = inner.unused_data, zlib.decompressobj(window_bits)
            plain += inner.decompress(rest)
        return plain

    return decode


def _zstd() -> Decoder:
    return zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress


_DECODERS: dict[str, Callable[[], Decoder]] = {
    "gzip": lambda: _zlib(31),
    "x-gzip": lambda: _zlib(31),
    "deflate": lambda: _zlib(zlib.MAX_WBITS),
    "br": lambda: brotli.Decompressor().process,
    "zstd": _zstd,
}


def decoder(encoding: str) -> Decoder | None:
    """For one body that comes in pieces; None: an encoding that is not known here."""
    make = _DECODERS.get(encoding.strip().lower())
    return _told(make(), encoding) if make else None


def _told(decode: Decoder, encoding: str) -> Decoder:
    """The same, with an error of ours."""

    def careful(piece: bytes) -> bytes:
        try:
            return decode(piece)
        except _BROKEN as error:
            raise Unreadable(f"The body is not valid {encoding[:40]}.") from error

    return careful


def decoded(body: bytes, encoding: str, limit_bytes: int) -> bytes:
    """A client's whole body without its content encoding. BadRequest, TooLarge."""
    if encoding.strip().lower() in ("", "identity"):
        return body
    decode = decoder(encoding)
    if decode is None:
        raise BadRequest(f"The content encoding {encoding[:40]!r} is not known here.")
    pieces, size = [], 0
    try:
        for start in range(0, len(body), _STEP_BYTES):
            pieces.append(decode(body[start : start + _STEP_BYTES]))
            size += len(pieces[-1])
            if size > limit_bytes:
                raise TooLarge(f"The body is larger than {limit_bytes} bytes when decoded.")
    except Unreadable as error:
        raise BadRequest(str(error)) from error
    return b"".join(pieces)
