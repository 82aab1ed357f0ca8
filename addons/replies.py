"""What every answer has in common: what a writer must know, which headers pass, and what is a stream of events."""

from mitmproxy import http

from axonhub.addons.answers import JSON
from axonhub.addons.exchange import Attempt, Exchange
from axonhub.addons.failover import Greeting
from axonhub.addons.header_fields import Fields, without
from axonhub.transformers.hub.events import Failed
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.requests import Request
from axonhub.transformers.protocol import Reply

EVENT_STREAM = "text/event-stream"
_DROPPED = frozenset(
    b"connection keep-alive transfer-encoding trailer upgrade "
    b"content-encoding content-length set-cookie alt-svc".split()
)
_TOLD = frozenset(b"retry-after retry-after-ms x-should-retry request-id x-request-id".split())
_TOLD_PREFIXES = (b"anthropic-ratelimit-", b"x-ratelimit-")
_COMMENT = b": keepalive\n\n"
"""Where a protocol's own sign of life may not come before its first event."""
_OWN_PREFIX = (b"x-axonhub-",)


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


def stream_headers(provider: http.Headers, exchange: Exchange, attempt: Attempt) -> Fields:
    """Without what says how the body is framed."""
    fields = without(forwarded_headers(provider, attempt), (b"cache-control",))
    # A stream in another framing than the client's has become one of the client's own.
    foreign = not provider.get("content-type", "").lower().startswith(EVENT_STREAM) and not exchange.json_array
    kind: Fields = ()
    if attempt.converted or foreign:
        fields, kind = without(fields, (b"content-type",)), ((b"content-type", stream_type(exchange).encode()),)
    return (*fields, *kind, (b"cache-control", b"no-cache"), *own_headers(exchange))


def greeting(exchange: Exchange) -> Greeting:
    """For a client whose stream does not begin: which channel will answer is not known yet."""
    fields = ((b"content-type", stream_type(exchange).encode()), (b"cache-control", b"no-cache"))
    sign = exchange.address.protocol.stream_writer(bare_reply(exchange)).keepalive()
    return Greeting(http.Headers((*fields, *own_headers(exchange))), sign or _COMMENT)


def told_late(exchange: Exchange) -> http.Response:
    """The exchange's failure for a client that has a head already: the end of its stream."""
    failure = exchange.failure or Failure(FailureKind.SERVER, "The gateway could not answer.")
    content = exchange.address.protocol.stream_writer(bare_reply(exchange)).write(Failed(failure))
    return http.Response.make(200, content, greeting(exchange).headers)


def forwarded_headers(provider: http.Headers, attempt: Attempt) -> Fields:
    """The provider's headers that mean something to the client: all of them when its bytes pass untouched."""
    if not attempt.converted:
        return without(provider.fields, _DROPPED, _OWN_PREFIX)
    return tuple(
        field for field in provider.fields if (name := field[0].lower()) in _TOLD or name.startswith(_TOLD_PREFIXES)
    )


def own_headers(exchange: Exchange) -> Fields:
    return tuple([(name.encode(), value.encode()) for name, value in exchange.headers.items()])


def is_event_stream(response: http.Response) -> bool:
    content_type: str = response.headers.get("content-type", "")
    return content_type.lower().startswith(EVENT_STREAM)
