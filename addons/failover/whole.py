"""Messages that are whole, in one go: most are, and each event takes its way through all layers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mitmproxy import http

from axonhub.addons.failover.names import (
    HttpEvent,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    assemble_request_head,
    assemble_response_head,
)

_JOINED_BYTES = 16 * 1024
"""A body of less is worth copying to save a write."""


@dataclass
class WholeRequest(HttpEvent):
    """For our own HTTP/1 connections only; others get `parts`."""

    request: http.Request
    content: bytes

    def parts(self) -> Iterator[HttpEvent]:
        yield RequestHeaders(self.stream_id, self.request, not self.content)
        if self.content:
            yield RequestData(self.stream_id, self.content)
        yield RequestEndOfMessage(self.stream_id)

    @property
    def is_plain(self) -> bool:
        return _is_plain(self.request)

    def pieces(self) -> Sequence[bytes]:
        return _pieces(assemble_request_head(self.request), self.content)


@dataclass
class WholeResponse(HttpEvent):
    """For our own HTTP/1 connections only; others get `parts`."""

    response: http.Response
    content: bytes

    def parts(self) -> Iterator[HttpEvent]:
        yield ResponseHeaders(self.stream_id, self.response, not self.content)
        if self.content:
            yield ResponseData(self.stream_id, self.content)
        yield ResponseEndOfMessage(self.stream_id)

    @property
    def is_plain(self) -> bool:
        return _is_plain(self.response)

    def pieces(self) -> Sequence[bytes]:
        return _pieces(assemble_response_head(self.response), self.content)


def _is_plain(message: http.Message) -> bool:
    """Is its body written as it is, behind a head that needs no translation?"""
    return message.data.http_version in (b"HTTP/1.1", b"HTTP/1.0") and "transfer-encoding" not in message.headers


def _pieces(head: bytes, content: bytes) -> Sequence[bytes]:
    return (head + content,) if len(content) < _JOINED_BYTES else (head, content)
