"""What every answer has in common: what a writer must know, which headers pass, and what is a stream of events."""

from mitmproxy import http

from axonhub.addons.answers import JSON
from axonhub.addons.exchange import Attempt, Exchange
from axonhub.transformers.hub.requests import Request
from axonhub.transformers.protocol import Reply

EVENT_STREAM = "text/event-stream"
_DROPPED = ("connection", "keep-alive", "transfer-encoding", "trailer", "upgrade", "set-cookie", "alt-svc")
_TOLD = ("retry-after", "retry-after-ms", "x-should-retry", "request-id", "x-request-id")
_TOLD_PREFIXES = ("anthropic-ratelimit-", "x-ratelimit-")


def reply_of(exchange: Exchange) -> Reply:
    return _reply_to(exchange, exchange.hub_request())


def bare_reply(exchange: Exchange) -> Reply:
    """For a writer that only ever ends a stream that passes untouched: the request is not worth reading for that."""
    return _reply_to(exchange, Request(exchange.asked_model, ()))


def _reply_to(exchange: Exchange, request: Request) -> Reply:
    reply_id, created_s = exchange.id.removeprefix("req_"), int(exchange.started_s)
    return Reply(reply_id, created_s, request, json_array=exchange.json_array)


def stream_type(exchange: Exchange) -> str:
    return JSON if exchange.json_array else EVENT_STREAM


def forwarded_headers(provider: http.Headers, attempt: Attempt) -> http.Headers:
    """The provider's headers that mean something to the client: all of them when its bytes pass untouched."""
    if not attempt.converted:
        headers = provider.copy()
        for name in _DROPPED:
            headers.pop(name, None)
        return headers
    told = [
        (name, value)
        for name, value in provider.items()
        if name.lower() in _TOLD or name.lower().startswith(_TOLD_PREFIXES)
    ]
    return http.Headers([(name.encode(), value.encode()) for name, value in told])


def is_event_stream(response: http.Response) -> bool:
    content_type: str = response.headers.get("content-type", "")
    return content_type.lower().startswith(EVENT_STREAM)
