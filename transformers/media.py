"""Media inside requests: data-URLs and what the first bytes say a file really is."""

import base64
import binascii
from typing import Final
from urllib.parse import unquote_to_bytes

from axonhub.transformers.hub.parts import Inline, Link, Media

_MAGIC: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)
COMMON_IMAGES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""The image types that every vendor reads."""


def parse_data_url(url: str) -> Inline | None:
    """The bytes of a `data:` URL (RFC 2397), as base64; None when it is another URL or a broken one."""
    if url[:5].lower() != "data:":
        return None
    head, comma, data = url[5:].partition(",")
    if not comma:
        return None
    media_type, *parameters = head.split(";")
    if any(each.strip().lower() == "base64" for each in parameters):
        return Inline(media_type.strip(), data)
    return Inline(media_type.strip() or "text/plain", base64.b64encode(unquote_to_bytes(data)).decode())


def data_url(media: Inline) -> str:
    return f"data:{media.media_type};base64,{media.data}"


def media_of_url(url: str) -> Media:
    """A data-URL's bytes, or a link."""
    return parse_data_url(url) or Link(url)


def sniffed_media_type(data: str) -> str | None:
    """The media type that the first bytes of base64 `data` show; None when they show none that we know."""
    try:
        head = base64.b64decode(data[:32], validate=True)
    except (binascii.Error, ValueError):
        return None
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((media_type for magic, media_type in _MAGIC if head.startswith(magic)), None)


def with_true_media_type(media: Inline) -> Inline:
    """The same bytes under the type that they show; clients often declare a wrong one, and vendors refuse it."""
    media_type = sniffed_media_type(media.data) or media.media_type
    return media if media_type == media.media_type else Inline(media_type, media.data)
