import base64
import struct

import pytest
from hypothesis import given, strategies as st

from axonhub.transformers.image_size import image_size


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def webp(kind: bytes, content: bytes) -> bytes:
    return b"RIFF" + bytes(4) + b"WEBP" + kind + bytes(4) + content


FRAME = struct.pack(">BHHB", 8, 480, 640, 3) + bytes(9)
IMAGES = {
    "png": b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IHDR" + struct.pack(">II", 640, 480),
    "gif": b"GIF89a" + struct.pack("<HH", 640, 480),
    "jpeg": b"\xff\xd8" + segment(0xC0, FRAME),
    "jpeg behind metadata, tables and padding": (
        b"\xff\xd8" + segment(0xE1, bytes(60_000)) + b"\xff" + segment(0xC4, bytes(30)) + segment(0xC2, FRAME)
    ),
    "webp lossy": webp(b"VP8 ", bytes(6) + struct.pack("<HH", 640, 480)),
    "webp lossless": webp(b"VP8L", b"\x2f" + struct.pack("<I", 639 | 479 << 14) + bytes(8)),
    "webp extended": webp(b"VP8X", bytes(4) + (639).to_bytes(3, "little") + (479).to_bytes(3, "little")),
}


@pytest.mark.parametrize("name", IMAGES)
def test_size_stands_in_the_first_bytes(name):
    assert image_size(base64_of(IMAGES[name] + bytes(100))) == (640, 480)


@pytest.mark.parametrize("name", IMAGES)
def test_broken_off_image_has_its_size_or_none(name):
    lengths = range(min(len(IMAGES[name]), 40))

    assert {image_size(base64_of(IMAGES[name][:length])) for length in lengths} <= {None, (640, 480)}
    assert image_size(base64_of(IMAGES[name][:9])) is None


@pytest.mark.parametrize("data", ["", "no base64 at all!", "QQ", base64_of(b"%PDF-1.7"), base64_of(b"\xff\xd8" * 50)])
def test_anything_else_has_no_size(data):
    assert image_size(data) is None


@given(
    st.sampled_from((b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF    WEBPVP8 ")), st.binary(max_size=200)
)
def test_any_bytes_are_taken(start, rest):
    size = image_size(base64_of(start + rest))

    assert size is None or min(size) > 0
