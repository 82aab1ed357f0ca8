"""Content encodings, whole or piece by piece, with a limit: a few kilobytes may unfold to gigabytes."""

import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]
import zstandard

from axonhub.addons.errors import BadRequest, TooLarge

_STEP_BYTES = 64 * 1024


type Decoder = Callable[[bytes], bytes]


def _zstd() -> Decoder:
    return zstandard.ZstdDecompressor().decompressobj().decompress


_DECODERS: dict[str, Callable[[], Decoder]] = {
    "gzip": lambda: zlib.decompressobj(31).decompress,
    "x-gzip": lambda: zlib.decompressobj(31).decompress,
    "deflate": lambda: zlib.decompressobj().decompress,
    "br": lambda: brotli.Decompressor().process,
    "zstd": _zstd,
}


def decoder(encoding: str) -> Decoder | None:
    """For one body that comes in pieces; None: an encoding that is not known here."""
    make = _DECODERS.get(encoding.strip().lower())
    return make() if make else None


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
    except (zlib.error, brotli.error, zstandard.ZstdError) as error:
        raise BadRequest(f"The body is not valid {encoding[:40]}.") from error
    return b"".join(pieces)
