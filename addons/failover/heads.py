"""Message heads of HTTP/1, read in one go. What is not plain is left to mitmproxy, and so is every refusal.

mitmproxy checks the types of all fields of each message that it makes, which takes most of the time that it needs to
read one; and its headers look for a name among all of them, each time that one is asked for.
"""

import re
import time

from mitmproxy import http

from axonhub.addons.failover.contract import limits
from axonhub.addons.failover.names import MessageData, RequestHead, ResponseHead
from axonhub.addons.header_fields import Fields
from axonhub.addons.indexed_headers import IndexedHeaders

_BLANK_LINE = re.compile(rb"\n\r?\n")
_REQUEST_LINE = re.compile(rb"([^\s]+) (/[^\s]*) (HTTP/1\.[01])\r\n")
_RESPONSE_LINE = re.compile(rb"(HTTP/1\.[01]) ([2-5]\d\d)(?: |(?: (\S[^\r\n]*)))?\r\n")
_FIELD = re.compile(rb"^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*+((?:[^\r\n\v\f]*\S)?)[ \t]*\r\n", re.MULTILINE)
_LENGTH = re.compile(rb"0|[1-9]\d{0,17}")
_END = b"\r\n\r\n"

type Read[Message: http.Message] = tuple[Message, int, int | None]
"""The message, where its body begins, and how long that is as mitmproxy says it: None: chunks, -1: to the end."""


def read_request(buffer: bytes) -> Read[http.Request] | None:
    """The request that the buffer begins with; None: its head has not come, or is not for here."""
    end, line = _head_end(buffer), _REQUEST_LINE.match(buffer)
    if line is None or (fields := _fields(buffer, line.end(), end)) is None:
        return None
    method, path, version = line.groups()
    if method.upper() == b"CONNECT":
        return None
    request = _message(
        http.Request, RequestHead, version, fields, host="", port=0, method=method, scheme=b"", authority=b"", path=path
    )
    return _sized(request, end, no_length=0)


def read_response(buffer: bytes, request: http.Request) -> Read[http.Response] | None:
    """Likewise the final answer to this request."""
    end, line = _head_end(buffer), _RESPONSE_LINE.match(buffer)
    if line is None or (fields := _fields(buffer, line.end(), end)) is None:
        return None
    version, status, reason = line.groups()
    response = _message(http.Response, ResponseHead, version, fields, status_code=int(status), reason=reason or b"")
    found = _sized(response, end, no_length=-1)
    if found and (status in (b"204", b"304") or request.data.method.upper() in (b"HEAD", b"CONNECT")):
        return None
    return found


def _sized[Message: http.Message](message: Message, end: int, *, no_length: int) -> Read[Message] | None:
    """None where the fields contradict each other, or where it takes thought to say how long the body is."""
    headers, size_bytes = message.headers, no_length
    assert isinstance(headers, IndexedHeaders)
    codings, lengths = headers.values_of(b"transfer-encoding"), headers.values_of(b"content-length")
    if len(codings) + len(lengths) > 1:
        return None
    if codings:
        in_chunks = codings[0].lower() == b"chunked" and message.data.http_version == b"HTTP/1.1"
        return (message, end, None) if in_chunks else None
    if lengths:
        if _LENGTH.fullmatch(lengths[0]) is None:
            return None
        size_bytes = int(lengths[0])
    return message, end, size_bytes


def _head_end(buffer: bytes) -> int:
    """Behind the first blank line; 0: it has not come."""
    blank = _BLANK_LINE.search(buffer)
    return blank.end() if blank else 0


def _fields(buffer: bytes, start: int, end: int) -> Fields | None:
    """Of the lines there; None where one is folded, broken or ends in some other way, or has no name that is valid."""
    if end > limits.header_bytes or buffer[end - len(_END) : end] != _END:
        return None
    fields = _FIELD.findall(buffer, start, end)
    return tuple(fields) if buffer.count(b"\n", start, end) == len(fields) + 1 else None


def _message[Message: http.Message](
    kind: type[Message], data_kind: type[MessageData], version: bytes, fields: Fields, **own: object
) -> Message:
    """Past the checks of types: all of them are made here."""
    message, data = kind.__new__(kind), data_kind.__new__(data_kind)
    vars(data).update(
        own,
        http_version=version,
        headers=IndexedHeaders.of(fields, checked=True),
        content=None,
        trailers=None,
        timestamp_start=time.time(),
        timestamp_end=None,
    )
    message.data = data
    return message


def is_read_here(message: http.Message) -> bool:
    """Was it read here, and are its fields what they were? They are valid then, and say one thing about the body."""
    return isinstance(message.headers, IndexedHeaders) and message.headers.are_checked
