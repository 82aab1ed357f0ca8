"""Addon: the answer on its way to the client. Reads each try's answer, and either shows it or says that the try failed.

A stream flows through a pipe, converted or untouched; a whole answer is read to its end first. A provider's failure is
the client's own when the request itself was at fault; any other is left for the next candidate.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from weakref import WeakKeyDictionary

import orjson
from mitmproxy import http

from axonhub.addons import embeddings, failover
from axonhub.addons.answers import JSON, failure_answer, json_answer
from axonhub.addons.channels.dialects import dialect_of
from axonhub.addons.channels.kinds import ChannelType
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.counting import input_tokens
from axonhub.addons.decoding import decoder
from axonhub.addons.exchange import Attempt, Exchange, exchange_of
from axonhub.addons.failover import Ending
from axonhub.addons.retrying import callers_fault, told_wait_s
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.fold import fold, unfold
from axonhub.transformers.hub.requests import Request
from axonhub.transformers.hub.responses import Response
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.memory import SignatureMemory
from axonhub.transformers.pipe import Conversion, Decode, PassThrough
from axonhub.transformers.protocol import ProtocolError, Reply
from axonhub.transformers.sse import SseDecoder, SseEvent

logger = logging.getLogger(__name__)

_EVENT_STREAM = "text/event-stream"
_DROPPED = ("connection", "keep-alive", "transfer-encoding", "trailer", "upgrade", "set-cookie", "alt-svc")
_TOLD = ("retry-after", "retry-after-ms", "x-should-retry", "request-id", "x-request-id")
_TOLD_PREFIXES = ("anthropic-ratelimit-", "x-ratelimit-")
_SILENCE = {
    Ending.UNREACHABLE: Failure(FailureKind.NETWORK, "The provider could not be reached."),
    Ending.DISCONNECTED: Failure(FailureKind.NETWORK, "The provider broke off before it answered."),
    Ending.TIMED_OUT: Failure(FailureKind.TIMEOUT, "The provider did not answer in time."),
    Ending.REJECTED: Failure(FailureKind.SERVER, "The provider's stream held no answer."),
}


class Answering:
    def __init__(self, memory: SignatureMemory) -> None:
        self._memory = memory
        self._pipes: WeakKeyDictionary[http.HTTPFlow, Conversion | PassThrough] = WeakKeyDictionary()

    async def responseheaders(self, flow: http.HTTPFlow) -> None:
        """A try was answered: shall its body flow through a pipe?"""
        exchange, current = exchange_of(flow), failover.last_try(flow)
        if exchange is None or exchange.attempt is None or current is None or flow.response is None:
            return
        attempt = exchange.attempt
        attempt.status = flow.response.status_code
        framed = channel_types()[attempt.candidate.channel.type].decode_stream is not None
        if attempt.status == 200 and exchange.stream and (framed or _is_event_stream(flow.response)):
            pipe = _pipe(exchange, attempt, flow.response, await _estimate(exchange, attempt))
            if pipe is not None:
                current.pipe = self._pipes[flow] = pipe
                flow.response.headers = _stream_headers(flow.response.headers, exchange, attempt)

    def attempt(self, flow: http.HTTPFlow) -> None:
        """Runs before Outbound's: judges the try that ended, if there was one."""
        exchange, ended = exchange_of(flow), failover.last_try(flow)
        if exchange is None or exchange.attempt is None or ended is None or exchange.attempt.ended_s is not None:
            return
        attempt = exchange.attempt
        attempt.ended_s = time.time()
        answer = self._judged(flow, exchange, attempt, ended)
        if isinstance(answer, Failure):
            attempt.failure = answer
            logger.info("%s: %s failed: %s %s", exchange.id, attempt.candidate.channel.name, answer.kind, ended.detail)
            provider, flow.response = flow.response, None
            if callers_fault(attempt.candidate.channel, answer):
                exchange.failure = answer
                flow.response = _refused(exchange, attempt, answer, provider)
        else:
            flow.response = answer
            flow.error = None
            self._remember(exchange, attempt)

    def _judged(
        self, flow: http.HTTPFlow, exchange: Exchange, attempt: Attempt, ended: failover.Try
    ) -> http.Response | Failure:
        if ended.ending is not Ending.WHOLE or flow.response is None:
            pipe = self._pipes.pop(flow, None)
            attempt.response_body = pipe.provider_bytes if pipe else b""
            return (pipe.failure if pipe else None) or _SILENCE[ended.ending]
        return _whole(exchange, attempt, flow.response)

    def _remember(self, exchange: Exchange, attempt: Attempt) -> None:
        """What the client may not give back although the provider will want it."""
        if attempt.converted and attempt.answer:
            self._memory.remember(exchange.owner, attempt.answer.parts, time.monotonic())

    def response(self, flow: http.HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if exchange is None or flow.response is None or exchange.ended_s is not None:
            return
        exchange.ended_s = time.time()
        exchange.status = flow.response.status_code
        pipe = self._pipes.get(flow)
        if pipe is None:
            exchange.response_body = flow.response.content or b""
        else:
            self._settle(exchange, pipe)
            flow.response.data.content = exchange.response_body  # for people who look at the flow

    def error(self, flow: http.HTTPFlow) -> None:
        """The client went away, or the flow was killed by hand."""
        exchange = exchange_of(flow)
        if exchange is None or exchange.ended_s is not None:
            return
        exchange.ended_s = time.time()
        exchange.canceled = True
        if (pipe := self._pipes.get(flow)) is not None:
            pipe.finish()
            self._settle(exchange, pipe)

    def _settle(self, exchange: Exchange, pipe: Conversion | PassThrough) -> None:
        attempt = exchange.attempt
        assert attempt is not None
        attempt.response_body, exchange.response_body = pipe.provider_bytes, pipe.client_bytes
        attempt.ended_s = exchange.ended_s
        exchange.usage = pipe.fold.usage
        attempt.answer = pipe.fold.response()
        self._remember(exchange, attempt)
        exchange.failure = attempt.failure = None if exchange.canceled else pipe.failure


async def _estimate(exchange: Exchange, attempt: Attempt) -> int | None:
    """The input tokens to tell the client, where its protocol tells them before the provider's does."""
    if attempt.protocol.tells_input_first or not exchange.address.protocol.tells_input_first:
        return None
    dialect = dialect_of(attempt.candidate.channel, channel_types()[attempt.candidate.channel.type])
    return await input_tokens(exchange, attempt.candidate.model, dialect)


def _pipe(
    exchange: Exchange, attempt: Attempt, response: http.Response, estimate: int | None
) -> Conversion | PassThrough | None:
    """None: the encoding is not known, so the answer is read whole."""
    encoding = response.headers.get("content-encoding", "identity")
    decode = _framing(attempt, response) or decoder(encoding)
    if decode is None and encoding != "identity":
        return None

    def on_first_event() -> None:
        attempt.first_event_s = exchange.first_byte_s = time.time()

    if not attempt.converted and decode is None:
        hides = _hidden(attempt)
        return PassThrough(
            attempt.protocol, attempt.protocol.stream_writer(_bare_reply(exchange)), on_first_event, hides=hides
        )
    reply = replace(_reply(exchange), estimated_input_tokens=estimate)
    writer = exchange.address.protocol.stream_writer(reply)
    kind = channel_types()[attempt.candidate.channel.type]
    reader = attempt.protocol.stream_reader(dialect_of(attempt.candidate.channel, kind), attempt.undo)
    return Conversion(reader, writer, on_first_event, decode)


def _hidden(attempt: Attempt) -> Callable[[SseEvent], bool] | None:
    """What the client did not ask for; None: nothing."""
    on_request = attempt.protocol.usage_on_request
    return on_request.is_answer if on_request and attempt.hides_usage else None


def _reply(exchange: Exchange) -> Reply:
    return _reply_to(exchange, exchange.hub_request())


def _bare_reply(exchange: Exchange) -> Reply:
    """For a writer that only ever ends a stream that passes untouched: the request is not worth reading for that."""
    return _reply_to(exchange, Request(exchange.asked_model, ()))


def _reply_to(exchange: Exchange, request: Request) -> Reply:
    reply_id, created_s = exchange.id.removeprefix("req_"), int(exchange.started_s)
    return Reply(reply_id, created_s, request, json_array=exchange.json_array)


def _stream_headers(provider: http.Headers, exchange: Exchange, attempt: Attempt) -> http.Headers:
    headers = _forwarded(provider, attempt)
    if attempt.converted:
        headers["content-type"] = _stream_type(exchange)
    headers["cache-control"] = "no-cache"
    headers.pop("content-encoding", None)
    for name, value in exchange.headers.items():
        headers[name] = value
    return headers


def _framing(attempt: Attempt, response: http.Response) -> Decode | None:
    """For an upstream that frames its events in a way of its own."""
    make = channel_types()[attempt.candidate.channel.type].decode_stream
    return make() if make and not _is_event_stream(response) else None


def _stream_type(exchange: Exchange) -> str:
    return JSON if exchange.json_array else _EVENT_STREAM


def _forwarded(provider: http.Headers, attempt: Attempt) -> http.Headers:
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


def _is_event_stream(response: http.Response) -> bool:
    content_type: str = response.headers.get("content-type", "")
    return content_type.lower().startswith(_EVENT_STREAM)


# -- whole answers


def _whole(exchange: Exchange, attempt: Attempt, response: http.Response) -> http.Response | Failure:
    """A whole answer in the client's protocol, or the failure that it tells."""
    attempt.response_body = content = response.get_content(strict=False) or b""
    if response.status_code >= 400 or response.status_code < 200:
        return _patient(attempt.protocol.read_failure(response.status_code, content), response.headers)
    kind = channel_types()[attempt.candidate.channel.type]
    passes = not attempt.converted and exchange.stream == _is_event_stream(response)
    try:
        if exchange.address.operation == "count_tokens":
            return _counted(exchange, attempt, response, content)
        if exchange.address.operation == "embeddings":
            return _embedded(exchange, attempt, response, content)
        answer = _read(exchange, attempt, kind, response, content)
    except ProtocolError as error:
        if passes:
            return _untouched(exchange, attempt, response, content)  # only our count misses it
        return Failure(FailureKind.SERVER, f"The provider's answer is not readable: {error}"[:2000])
    if isinstance(answer, Failure):
        return answer
    attempt.answer = answer
    exchange.usage = answer.usage
    exchange.first_byte_s = attempt.first_event_s = time.time()
    if passes:
        return _untouched(exchange, attempt, response, content)
    return _converted(exchange, answer, _forwarded(response.headers, attempt))


def _patient(failure: Failure, headers: http.Headers) -> Failure:
    """With the wait that the headers ask for; what they say is exact, a message's text is not."""
    wait_s = told_wait_s(headers, time.time())
    return failure if wait_s is None else replace(failure, retry_after_s=wait_s)


def _read(
    exchange: Exchange, attempt: Attempt, kind: ChannelType, response: http.Response, content: bytes
) -> Response | Failure:
    if _is_event_stream(response):
        decoder, reader = (
            SseDecoder(),
            attempt.protocol.stream_reader(dialect_of(attempt.candidate.channel, kind), attempt.undo),
        )
        sse_events = [*decoder.feed(content), *decoder.flush()]
        return fold([*(event for each in sse_events for event in reader.read(each)), *reader.finish()])
    return attempt.protocol.read_response(_object(content), dialect_of(attempt.candidate.channel, kind), attempt.undo)


def _refused(exchange: Exchange, attempt: Attempt, failure: Failure, response: http.Response | None) -> http.Response:
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
    return json_answer(200, body, {**dict(_forwarded(response.headers, attempt).items()), **exchange.headers})


def _untouched(exchange: Exchange, attempt: Attempt, response: http.Response, content: bytes) -> http.Response:
    headers = _forwarded(response.headers, attempt)
    headers.pop("content-encoding", None)
    for name, value in exchange.headers.items():
        headers[name] = value
    answer = http.Response.make(response.status_code, content, headers)
    return answer


def _converted(exchange: Exchange, answer: Response, forwarded: http.Headers) -> http.Response:
    reply = _reply(exchange)
    headers = {**dict(forwarded.items()), **exchange.headers}
    if not exchange.stream:
        return json_answer(200, exchange.address.protocol.write_response(answer, reply), headers)
    writer = exchange.address.protocol.stream_writer(reply)
    content = b"".join(writer.write(event) for event in unfold(answer))
    return http.Response.make(
        200, content, {**headers, "content-type": _stream_type(exchange), "cache-control": "no-cache"}
    )


def _object(content: bytes) -> JsonObject:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise ProtocolError(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ProtocolError("not a JSON object")
    return value
