"""Whole answers: read to their end, in the provider's protocol, and said again in the client's."""

import time
from dataclasses import replace

import orjson
from mitmproxy import http

from axonhub.addons import embeddings
from axonhub.addons.answers import JSON, failure_answer, json_answer
from axonhub.addons.channels.dialects import dialect_of
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.decoding import decoded
from axonhub.addons.errors import GatewayError
from axonhub.addons.exchange import Attempt, Exchange
from axonhub.addons.failover import limits
from axonhub.addons.header_fields import Fields, without
from axonhub.addons.indexed_headers import IndexedHeaders
from axonhub.addons.replies import (
    forwarded_headers,
    is_event_stream,
    own_headers,
    reply_of,
    stream_headers,
    stream_type,
)
from axonhub.addons.retrying import told_wait_s
from axonhub.transformers.beginnings import EMPTY, is_empty
from axonhub.transformers.dialect import Dialect
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.fold import fold, unfold
from axonhub.transformers.hub.responses import Response
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocol import ProtocolError
from axonhub.transformers.sse import SseDecoder
from axonhub.transformers.unheard import unheard


def whole_answer(exchange: Exchange, attempt: Attempt, response: http.Response) -> http.Response | Failure:
    """A whole answer in the client's protocol, or the failure that it tells."""
    content = _plain(response)
    attempt.response_body = content or b""
    if content is None and 200 <= response.status_code < 400:
        return Failure(FailureKind.SERVER, "The provider's answer is not readable: its content encoding is broken.")
    content = attempt.response_body
    if response.status_code >= 400 or response.status_code < 200:
        return patient(attempt.protocol.read_failure(response.status_code, content), response.headers)
    passes = not (attempt.converted or attempt.hides_usage) and exchange.stream == is_event_stream(response)
    try:
        if exchange.address.operation == "count_tokens":
            return _counted(exchange, attempt, response, content)
        if exchange.address.operation == "embeddings":
            return _embedded(exchange, attempt, response, content)
        answer = _read(attempt, response, content, passes)
    except ProtocolError as error:
        if passes and (exchange.stream or _is_object(content)):
            return _untouched(exchange, attempt, response, content)  # only our count misses it
        return Failure(FailureKind.SERVER, f"The provider's answer is not readable: {error}"[:2000])
    if isinstance(answer, Failure):
        return answer
    if isinstance(answer, Usage):
        _told(exchange, attempt, answer)
        return _untouched(exchange, attempt, response, content)
    if attempt.candidate.channel.settings.empty_response_detection and is_empty(answer):
        return EMPTY
    attempt.answer = answer
    _told(exchange, attempt, answer.usage)
    if passes:
        return _untouched(exchange, attempt, response, content)
    exchange.losses = (*attempt.losses, *unheard(answer, exchange.address.protocol))
    return _converted(exchange, attempt, answer, response)


def _plain(response: http.Response) -> bytes | None:
    """The body without its content encoding; None when it does not come off."""
    try:
        return decoded(
            response.raw_content or b"", response.headers.get("content-encoding", ""), limits.whole_answer_bytes
        )
    except GatewayError:
        return None


def patient(failure: Failure, headers: http.Headers) -> Failure:
    """With the wait that the headers ask for; what they say is exact, a message's text is not."""
    wait_s = told_wait_s(headers, time.time())
    return failure if wait_s is None else replace(failure, retry_after_s=wait_s)


def _read(attempt: Attempt, response: http.Response, content: bytes, passes: bool) -> Response | Usage | Failure:
    """Of an answer that passes, and plainly is one, the usage is all that anybody wants. ProtocolError."""
    if is_event_stream(response):
        decoder, reader = SseDecoder(), attempt.protocol.stream_reader(_dialect(attempt), attempt.undo)
        sse_events = [*decoder.feed(content), *decoder.flush()]
        return fold([*(event for each in sse_events for event in reader.read(each)), *reader.finish()])
    document, must_show = _object(content), attempt.candidate.channel.settings.empty_response_detection
    usage = attempt.protocol.skim_response(document) if passes and not must_show else None
    if usage is not None:
        return usage
    return attempt.protocol.read_response(document, _dialect(attempt), attempt.undo)


def _dialect(attempt: Attempt) -> Dialect:
    channel = attempt.candidate.channel
    return dialect_of(channel, channel_types()[channel.type], attempt.candidate.model)


def _told(exchange: Exchange, attempt: Attempt, usage: Usage) -> None:
    """An answer is there."""
    exchange.usage = usage
    exchange.first_byte_s = attempt.first_event_s = time.time()


def refused(exchange: Exchange, attempt: Attempt, failure: Failure, response: http.Response | None) -> http.Response:
    """The provider found fault with the request itself: the client hears it, in the provider's own words if it can."""
    if attempt.converted or response is None or attempt.status is None or attempt.status < 400:
        return failure_answer(exchange.address.protocol, failure, exchange.headers)
    return _untouched(exchange, attempt, response, attempt.response_body)


def _counted(exchange: Exchange, attempt: Attempt, response: http.Response, content: bytes) -> http.Response:
    if not attempt.converted:
        return _untouched(exchange, attempt, response, content)
    tokens = attempt.protocol.read_count(_object(content))
    return json_answer(200, exchange.address.protocol.write_count(tokens), exchange.headers)


def _embedded(exchange: Exchange, attempt: Attempt, response: http.Response, content: bytes) -> http.Response:
    answer = _object(content)
    exchange.first_byte_s = attempt.first_event_s = time.time()
    if not attempt.converted:
        exchange.usage = embeddings.usage(exchange, answer)
        return _untouched(exchange, attempt, response, content)
    body, exchange.usage = embeddings.converted(exchange, attempt, answer)
    return _json(exchange, attempt, response, body)


def _untouched(exchange: Exchange, attempt: Attempt, response: http.Response, content: bytes) -> http.Response:
    return _shown(response, content, (*forwarded_headers(response.headers, attempt), *own_headers(exchange)))


def _converted(exchange: Exchange, attempt: Attempt, answer: Response, response: http.Response) -> http.Response:
    reply = reply_of(exchange)
    if not exchange.stream:
        return _json(exchange, attempt, response, exchange.address.protocol.write_response(answer, reply))
    writer = exchange.address.protocol.stream_writer(reply)
    content = b"".join(writer.write(event) for event in unfold(answer))
    fields = stream_headers(response.headers, exchange, attempt)
    if not attempt.converted:  # the client speaks the provider's protocol, but asked for a stream and got none
        fields = (*without(fields, (b"content-type",)), (b"content-type", stream_type(exchange).encode()))
    response.status_code = 200
    return _shown(response, content, fields)


def _json(exchange: Exchange, attempt: Attempt, response: http.Response, body: JsonObject) -> http.Response:
    fields = without(forwarded_headers(response.headers, attempt), (b"content-type",))
    response.status_code = 200
    return _shown(response, orjson.dumps(body), (*fields, (b"content-type", JSON.encode()), *own_headers(exchange)))


def _shown(response: http.Response, content: bytes, fields: Fields) -> http.Response:
    """The provider's answer made ours in its place: to make a new one takes as long as to read the whole answer."""
    response.headers = IndexedHeaders.of((*fields, (b"content-length", b"%d" % len(content))))
    data = response.data
    data.http_version, data.trailers, data.content = b"HTTP/1.1", None, content
    return response


def _is_object(content: bytes) -> bool:
    try:
        return bool(_object(content))
    except ProtocolError:
        return False


def _object(content: bytes) -> JsonObject:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise ProtocolError(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ProtocolError("not a JSON object")
    return value
