"""One exchange as a curl command, as raw HTTP or as JSON; many as JSON lines."""

import base64
import shlex
from collections.abc import Iterable
from http import HTTPStatus

import orjson

from axonhub.addons.exports.transcripts import KEY_VARIABLE, Transcript, as_text


def as_curl(transcript: Transcript) -> str:
    """Sends the client's bytes to the gateway again. A body that no argument can hold goes through base64."""
    parts = ["curl -sS", shlex.quote(transcript.url), f'-H "Authorization: Bearer ${KEY_VARIABLE}"']
    parts += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in transcript.request_headers]
    parts += ["-N"] if transcript.stored.record.get("stream") is True else []
    command = " ".join(parts)
    body = transcript.request
    if body is None:
        return command + "  # the body is not stored, or was left out"
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        return f"echo {base64.b64encode(body).decode()} | base64 -d | {command} --data-binary @-"
    return f"{command} --data-raw {shlex.quote(text)}"


def as_raw(transcript: Transcript) -> bytes:
    """The request and its answer as HTTP/1.1; each body's length is stated, whatever framing it came with."""
    host = transcript.terms.base_url.partition("://")[2].partition("/")[0]
    request = _message(
        f"POST {transcript.target} HTTP/1.1", (("host", host), *transcript.request_headers), transcript.request
    )
    if not transcript.status:
        return request
    phrase = HTTPStatus(transcript.status).phrase if transcript.status in set(HTTPStatus) else ""
    head = f"HTTP/1.1 {transcript.status} {phrase}".rstrip()
    return request + b"\r\n\r\n" + _message(head, transcript.response_headers, transcript.response)


def _message(start: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> bytes:
    fields = [*headers, ("content-length", str(len(body or b"")))]
    lines = [start, *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode() + (body or b"")


def as_json(transcript: Transcript) -> bytes:
    return orjson.dumps(whole(transcript), option=orjson.OPT_INDENT_2)


def as_json_lines(transcripts: Iterable[Transcript]) -> bytes:
    """One exchange a line, the oldest first."""
    return b"".join(orjson.dumps(whole(each)) + b"\n" for each in transcripts)


def whole(transcript: Transcript) -> dict[str, object]:
    """The record, with its bodies' contents in place of their references."""
    return {**transcript.record(), "bodies": {name: as_text(body) or None for name, body in transcript.bodies()}}
