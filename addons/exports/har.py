"""Exchanges as a HAR 1.2 file: what clients sent and what they got. http://www.softwareishard.com/blog/har-12-spec/"""

from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import orjson

from axonhub.addons.exports.transcripts import Transcript, as_text
from axonhub.addons.store.backend import Json

_MEMBER = "_axonhub"
"""HAR lets programs add members of their own below an underscore."""


def as_har(transcripts: Iterable[Transcript], title: str) -> bytes:
    """One page with an entry for each exchange."""
    entries = [_entry(each, title) for each in transcripts]
    started = entries[0]["startedDateTime"] if entries else _moment(0)
    pages: list[Json] = [{"id": title, "title": title, "startedDateTime": started, "pageTimings": {}}]
    creator = {"name": "axonhub", "version": "1"}
    log: dict[str, Json] = {"version": "1.2", "creator": creator, "pages": pages, "entries": entries}
    return orjson.dumps({"log": log}, option=orjson.OPT_INDENT_2)


def _entry(transcript: Transcript, page: str) -> dict[str, Json]:
    first_ms, whole_ms = transcript.first_ms, transcript.whole_ms
    return {
        "pageref": page,
        "startedDateTime": _moment(transcript.started_s),
        "time": whole_ms,
        "request": _request(transcript),
        "response": _response(transcript),
        "cache": {},
        "timings": {"send": 0, "wait": first_ms, "receive": whole_ms - first_ms},
        "comment": transcript.id,
        _MEMBER: transcript.record(),
    }


def _request(transcript: Transcript) -> dict[str, Json]:
    body = transcript.request
    mime = dict(transcript.request_headers).get("content-type", "application/json")
    text = as_text(body)
    encoding = {"_encoding": text.pop("encoding")} if "encoding" in text else {}
    return {
        "method": "POST",
        "url": transcript.url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(transcript.request_headers),
        "queryString": _pairs(parse_qsl(urlsplit(transcript.url).query, keep_blank_values=True)),
        "postData": {"mimeType": mime, "params": [], "text": "", **text, **encoding},
        "headersSize": -1,
        "bodySize": len(body or b""),
    }


def _response(transcript: Transcript) -> dict[str, Json]:
    body = transcript.response
    mime = dict(transcript.response_headers)["content-type"]
    return {
        "status": transcript.status,
        "statusText": "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(transcript.response_headers),
        "content": {"size": len(body or b""), "mimeType": mime, "text": "", **as_text(body)},
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": len(body or b""),
    }


def _pairs(fields: Iterable[tuple[str, str]]) -> list[Json]:
    return [{"name": name, "value": value} for name, value in fields]


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
