"""Message heads of HTTP/1, read in one go. What is not plain is left to mitmproxy, and so is every refusal.

mitmproxy checks the types of all fields of each message that it makes, which takes most of the time that it needs to
read one; and its headers look for a name among all of them, each time that one is asked for.
"""

import re
import time

from mitmproxy import http
from mitmproxy.net.http.http1 import expected_http_body_size

from axonhub.addons.failover.names import MessageData, RequestHead, ResponseHead
from axonhub.addons.header_fields import Fields
from axonhub.addons.indexed_headers import IndexedHeaders

_BLANK_LINE = re.compile(rb"\n\r?\n")
_REQUEST_LINE = re.compile(rb"([^\s]+) (/[^\s]*) (HTTP/1\.[01])")
_RESPONSE_LINE = re.compile(rb"(HTTP/1\.[01]) ([2-5]\d\d)(?: |(?: (\S[^\r\n]*)))?")


type Read[Message: http.Message] = tuple[Message, int, int | None]
"""The message, where its body begins, and how long that is as mitmproxy says it: None: chunks, -1: to the end."""


def read_request(buffer: bytes) -> Read[http.Request] | None:
    """The request that the buffer begins with; None: its head has not come, or is not for here."""
    end = _head_end(buffer)
    first, fields = _lines(buffer[:end])
    line = _REQUEST_LINE.fullmatch(first)
    if line is None or fields is None:
        return None
    method, path, version = line.groups()
    request = _message(
        http.Request, RequestHead, version, fields, host="", port=0, method=method, scheme=b"", authority=b"", path=path
    )
    return _sized(request, end, request, None)


def read_response(buffer: bytes, request: http.Request) -> Read[http.Response] | None:
    """Likewise the final answer to this request."""
    end = _head_end(buffer)
    first, fields = _lines(buffer[:end])
    line = _RESPONSE_LINE.fullmatch(first)
    if line is None or fields is None:
        return None
    version, status, reason = line.groups()
    response = _message(http.Response, ResponseHead, version, fields, status_code=int(status), reason=reason or b"")
    return _sized(response, end, request, response)


def _sized[Message: http.Message](
    message: Message, end: int, request: http.Request, response: http.Response | None
) -> Read[Message] | None:
    try:
        return message, end, expected_http_body_size(request, response)
    except ValueError:
        return None


def _head_end(buffer: bytes) -> int:
    """Behind the first blank line; 0: it has not come."""
    blank = _BLANK_LINE.search(buffer)
    return blank.end() if blank else 0


def _lines(block: bytes) -> tuple[bytes, Fields | None]:
    """The first line, and the fields of the others; None where one is folded, broken or ends in some other way."""
    lines = block.split(b"\r\n")
    if block.count(b"\n") != len(lines) - 1 or lines[-2:] != [b"", b""]:
        return b"", None
    fields: list[tuple[bytes, bytes]] = []
    for line in lines[1:-2]:
        name, colon, value = line.partition(b":")
        if not colon or not name or name[0] in b" \t":
            return b"", None
        fields.append((name, value.strip()))
    return lines[0], tuple(fields)


def _message[Message: http.Message](
    kind: type[Message], data_kind: type[MessageData], version: bytes, fields: Fields, **own: object
) -> Message:
    """Past the checks of types: all of them are made here."""
    message, data = kind.__new__(kind), data_kind.__new__(data_kind)
    vars(data).update(
        own,
        http_version=version,
        headers=IndexedHeaders.of(fields),
        content=None,
        trailers=None,
        timestamp_start=time.time(),
        timestamp_end=None,
    )
    message.data = data
    return message
