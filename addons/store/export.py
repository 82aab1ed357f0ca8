"""One exchange as something that other programs read: a curl command, a HAR file, or JSON with its bodies.

None of them holds a key: the record has none, and the command asks the environment for it.
"""

import base64
import json
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, cast

from axonhub.addons.store.backend import BodyUnavailable, Json, Record
from axonhub.addons.store.reader import TraceReader
from axonhub.addons.store.summary import number

type Form = Literal["curl", "har", "json"]


def export(reader: TraceReader, request_id: str, form: Form, base_url: str) -> str | None:
    """The text of the file; None when there is no such exchange. `base_url` is where the gateway answers."""
    record = reader.get(request_id)
    if record is None:
        return None
    bodies = {name: body_of(reader, ref) for name, ref in cast(Mapping[str, str], record.get("bodies") or {}).items()}
    match form:
        case "curl":
            return as_curl(record, bodies.get("request"), base_url)
        case "har":
            return json.dumps(as_har(record, bodies, base_url), indent=1, ensure_ascii=False)
        case "json":
            texts = {name: as_text(body) for name, body in bodies.items()}
            return json.dumps({**record, "bodies": texts}, indent=1, ensure_ascii=False)


def body_of(reader: TraceReader, ref: str) -> bytes | None:
    try:
        return reader.body(ref)
    except BodyUnavailable:
        return None


def as_curl(record: Record, body: bytes | None, base_url: str) -> str:
    """Sends the client's bytes to the gateway again, for a shell. A body that is no UTF-8 goes through base64."""
    url = shlex.quote(base_url.rstrip("/") + str(record.get("path") or "/"))
    command = f'curl -sS {url} -H "Authorization: Bearer $AXONHUB_API_KEY"'
    if body is None:
        return command + "  # the body is no longer stored"
    command += " -H 'Content-Type: application/json'"
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # which no argument can hold
        return f"echo {base64.b64encode(body).decode()} | base64 -d | {command} --data-binary @-"
    return f"{command} --data-raw {shlex.quote(text)}"


def as_text(body: bytes | None) -> dict[str, Json] | None:
    """As HAR writes bodies: text, or base64 for what is no UTF-8."""
    if body is None:
        return None
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"text": base64.b64encode(body).decode(), "encoding": "base64"}


def as_har(record: Record, bodies: Mapping[str, bytes | None], base_url: str) -> Json:
    """HAR 1.2, one entry: what the client sent and what it got. http://www.softwareishard.com/blog/har-12-spec/"""
    request, response = bodies.get("request"), bodies.get("response")
    first_ms, all_ms = number(record.get("first_event_ms")), number(record.get("duration_ms"))
    mime = "text/event-stream" if record.get("stream") else "application/json"
    entry: dict[str, Json] = {
        "startedDateTime": datetime.fromtimestamp(number(record.get("ts")), UTC).isoformat(),
        "time": all_ms,
        "request": {
            "method": "POST",
            "url": base_url.rstrip("/") + str(record.get("path") or "/"),
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [],
            "queryString": [],
            "postData": {"mimeType": "application/json", **(as_text(request) or {"text": ""})},
            "headersSize": -1,
            "bodySize": len(request or b""),
        },
        "response": {
            "status": record.get("status") or 0,
            "statusText": "",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [],
            "content": {"size": len(response or b""), "mimeType": mime, **(as_text(response) or {})},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": len(response or b""),
        },
        "cache": {},
        "timings": {"send": 0, "wait": first_ms, "receive": max(0.0, all_ms - first_ms)},
        "comment": str(record.get("id")),
    }
    return {"log": {"version": "1.2", "creator": {"name": "axonhub", "version": "1"}, "entries": [entry]}}
