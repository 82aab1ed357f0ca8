"""Media on Gemini's wire: `inlineData` and `fileData` ⇄ images, documents, sound and film."""

import re
from typing import Final

from axonhub.transformers.hub.parts import Audio, Document, FileReference, Image, Inline, Link, Media, Native, Video
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.media import with_true_media_type
from axonhub.transformers.protocol import Unsupported
from axonhub.transformers.protocols.gemini.names import NAME, camel

type MediaPart = Image | Document | Audio | Video

REFUSED_IMAGES: Final = frozenset({"image/bmp", "image/tiff"})
_OWN_STORES: Final = ("gs://", "https://generativelanguage.googleapis.com/")
_FILM: Final = re.compile(r"https?://(?:(?:www|m)\.)?(?:youtube\.com|youtu\.be)/", re.IGNORECASE)
"""Addresses that Gemini's clients give without a media type."""
_DETAILS: Final = {
    "MEDIA_RESOLUTION_LOW": "low",
    "MEDIA_RESOLUTION_MEDIUM": "auto",
    "MEDIA_RESOLUTION_HIGH": "high",
    "MEDIA_RESOLUTION_ULTRA_HIGH": "high",
}


def media_part(kind: str, source: Media, part: JsonObject) -> MediaPart:
    """`kind` is the media type that the sender declared."""
    native = Native(NAME, part)
    if not kind and isinstance(source, Link) and _FILM.match(source.url):
        return Video(source, native=native)
    match kind.partition("/")[0].lower():
        case "image":
            return Image(source, _detail(part), native=native)
        case "audio":
            return Audio(source, native=native)
        case "video":
            return Video(source, native=native)
        case _:
            return Document(source, native=native)


def _detail(part: JsonObject) -> str | None:
    told = part.get("mediaResolution")
    level = told.get("level") if isinstance(told, dict) else told
    return _DETAILS.get(level) if isinstance(level, str) else None


def inline(media_type: str, data: str) -> Inline:
    # Gemini's own parser takes both alphabets of base64, others only the standard one.
    return Inline(media_type, data.replace("-", "+").replace("_", "/") if "-" in data or "_" in data else data)


def file_source(uri: str, media_type: str | None) -> Media:
    """A file in Google's own stores means nothing to another vendor; any other address may be fetched."""
    return FileReference(uri) if uri.startswith(_OWN_STORES) else Link(uri, media_type)


def written_media(part: MediaPart, fetches_links: bool, path: str) -> JsonObject:
    """One wire part. Unsupported for what this provider cannot get at."""
    source = part.source
    match source:
        case Inline():
            return {"inlineData": _blob(source, isinstance(part, Image), path) | _display_name(part, "inlineData")}
        case Link(url, media_type):
            if not (fetches_links or url.startswith(_OWN_STORES) or isinstance(part, Video)):
                raise Unsupported("Gemini fetches no address of its own accord; send the bytes", path)
            return {"fileData": {"mimeType": media_type, "fileUri": url} if media_type else {"fileUri": url}}
        case FileReference(file_id):
            if part.native and part.native.protocol == NAME:
                return {"fileData": part.native.value["fileData"]}
            raise Unsupported(f"the file {file_id!r} is in another vendor's store", path)
        case _:
            raise Unsupported("a document of text parts is no file", path)


def _blob(source: Inline, is_image: bool, path: str) -> JsonObject:
    true = with_true_media_type(source) if is_image else source
    if is_image and true.media_type in REFUSED_IMAGES:
        raise Unsupported(f"Gemini reads no {true.media_type}", path)
    return {"mimeType": true.media_type, "data": true.data}


def _display_name(part: MediaPart, kind: str) -> JsonObject:
    """A file's name, as Gemini's own clients give it."""
    said = part.native.value.get(kind) if part.native and part.native.protocol == NAME else None
    name = camel(said).get("displayName") if isinstance(said, dict) else None
    return {"displayName": name} if name else {}
