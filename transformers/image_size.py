"""The width and height that an image's first bytes tell: PNG, GIF, JPEG and WebP."""

import base64
import binascii
from collections.abc import Iterator
from typing import Final

_HEAD_CHARACTERS: Final = 256 * 1024
"""So much base64 is looked at: a JPEG may begin with large metadata."""
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG's SOF markers (ITU T.81, table B.1)."""
_LONE: Final = frozenset((0x01, *range(0xD0, 0xDA)))
"""JPEG markers without a length."""


def image_size(data: str) -> tuple[int, int] | None:
    """Pixels of base64 `data`; None when it is another format or broken."""
    try:
        head = base64.b64decode(data[:_HEAD_CHARACTERS])
    except (binascii.Error, ValueError):
        return None
    size = _size(head)
    return size if size and all(size) else None


def _size(head: bytes) -> tuple[int, int] | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) >= 24:
        return _big(head[16:20]), _big(head[20:24])
    if head[:6] in (b"GIF87a", b"GIF89a") and len(head) >= 10:
        return _little(head[6:8]), _little(head[8:10])
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP" and len(head) >= 30:
        return _webp_size(head)
    if head.startswith(b"\xff\xd8"):
        return next(_jpeg_sizes(head), None)
    return None


def _webp_size(head: bytes) -> tuple[int, int] | None:
    """https://developers.google.com/speed/webp/docs/riff_container and the two bitstream formats that it names."""
    match head[12:16]:
        case b"VP8X":
            return 1 + _little(head[24:27]), 1 + _little(head[27:30])
        case b"VP8 ":
            return _little(head[26:28]) & 0x3FFF, _little(head[28:30]) & 0x3FFF
        case b"VP8L":
            bits = _little(head[21:25])
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return None


def _jpeg_sizes(head: bytes) -> Iterator[tuple[int, int]]:
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if marker in _FRAMES:
            yield _big(head[at + 7 : at + 9]), _big(head[at + 5 : at + 7])
        # 0xFF before a marker is padding
        at += 1 if marker == 0xFF else 2 if marker in _LONE else 2 + max(2, _big(head[at + 2 : at + 4]))


def _big(value: bytes) -> int:
    return int.from_bytes(value)


def _little(value: bytes) -> int:
    return int.from_bytes(value, "little")
