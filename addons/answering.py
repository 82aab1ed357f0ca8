"""Addon: the answer on its way to the client. Reads each try's answer, and either shows it or says that the try failed.

A stream flows through a pipe, converted or untouched; a whole answer is read to its end first. A provider's failure is
the client's own when the request itself was at fault; any other is left for the next candidate.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from weakref import WeakKeyDictionary

from mitmproxy import http

from axonhub.addons import failover
from axonhub.addons.channels.dialects import dialect_of
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.client_habits import holds_calls
from axonhub.addons.counting import input_tokens
from axonhub.addons.decoding import decoder
from axonhub.addons.exchange import Attempt, Exchange, exchange_of
from axonhub.addons.failover import Ending
from axonhub.addons.header_fields import by_name
from axonhub.addons.indexed_headers import IndexedHeaders
from axonhub.addons.replies import bare_reply, is_event_stream, reply_of, stream_headers, told_late
from axonhub.addons.retrying import callers_fault
from axonhub.addons.whole_answers import refused, whole_answer
from axonhub.transformers.gated import Gated
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.memory import SignatureMemory
from axonhub.transformers.pipe import Conversion, Decode, PassThrough
from axonhub.transformers.sse import SseEvent
from axonhub.transformers.unheard import unheard

logger = logging.getLogger(__name__)

_SILENCE = {
    Ending.UNREACHABLE: Failure(FailureKind.NETWORK, "The provider could not be reached."),
    Ending.DISCONNECTED: Failure(FailureKind.NETWORK, "The provider broke off before it answered."),
    Ending.TIMED_OUT: Failure(FailureKind.TIMEOUT, "The provider did not answer in time."),
    Ending.REJECTED: Failure(FailureKind.SERVER, "The provider's stream held no answer."),
}


class Answering:
    def __init__(self, memory: SignatureMemory) -> None:
        self._memory = memory
        self._pipes: WeakKeyDictionary[http.HTTPFlow, Conversion | PassThrough | Gated] = WeakKeyDictionary()

    def responseheaders(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """A try was answered: shall its body flow through a pipe?"""
        exchange, current = exchange_of(flow), failover.last_try(flow)
        if exchange is None or exchange.attempt is None or current is None or flow.response is None:
            return None
        attempt = exchange.attempt
        attempt.status = flow.response.status_code
        kind = channel_types()[attempt.candidate.channel.type]
        if kind.read_quota:
            attempt.quota = kind.read_quota(by_name(flow.response.headers.fields), time.time())
        framed = kind.decode_stream is not None
        streams = exchange.stream and not exchange.held
        if not (attempt.status == 200 and streams and (framed or is_event_stream(flow.response))):
            return None
        if _needs_estimate(exchange, attempt):
            return self._lay_later(flow, exchange, attempt, current)
        self._lay(flow, exchange, attempt, current, None)
        return None

    async def _lay_later(
        self, flow: http.HTTPFlow, exchange: Exchange, attempt: Attempt, current: failover.Try
    ) -> None:
        channel, model = attempt.candidate.channel, attempt.candidate.model
        tokens = await input_tokens(exchange, model, dialect_of(channel, channel_types()[channel.type], model))
        self._lay(flow, exchange, attempt, current, tokens)

    def _lay(
        self, flow: http.HTTPFlow, exchange: Exchange, attempt: Attempt, current: failover.Try, estimate: int | None
    ) -> None:
        """Lays the pipe, where the answer's encoding is known."""
        assert flow.response
        pipe = _pipe(exchange, attempt, flow.response, estimate)
        if pipe is not None:
            gate = exchange.address.protocol.call_gate
            gated = gate and holds_calls(exchange.config.retry.hold_tool_calls, exchange.client_headers)
            current.pipe = self._pipes[flow] = Gated(pipe, gate()) if gate and gated else pipe
            flow.response.headers = IndexedHeaders.of(stream_headers(flow.response.headers, exchange, attempt))

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
                flow.response = refused(exchange, attempt, answer, provider)
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
        return whole_answer(exchange, attempt, flow.response)

    def _remember(self, exchange: Exchange, attempt: Attempt) -> None:
        """What the client may not give back although the provider will want it."""
        if attempt.converted and attempt.answer:
            self._memory.remember(exchange.owner, attempt.answer.parts, time.monotonic())

    def late_answer(self, flow: http.HTTPFlow) -> None:
        """The client has heard keep-alives: only a stream can follow, and a whole answer is one already."""
        exchange = exchange_of(flow)
        if (
            exchange is not None
            and flow.response is not None
            and (exchange.failure or flow.response.status_code != 200)
        ):
            flow.response = told_late(exchange)

    def response(self, flow: http.HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if exchange is None or flow.response is None or exchange.ended_s is not None:
            return
        exchange.ended_s = time.time()
        exchange.status = flow.response.status_code
        pipe = self._pipes.pop(flow, None) if exchange.stream else None
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
        pipe = self._pipes.pop(flow, None)
        current = failover.last_try(flow)
        drained = current is not None and current.drained
        exchange.canceled = drained or pipe is None or not pipe.complete  # many leave as soon as they have heard all
        if pipe is not None:
            self._settle(exchange, pipe)

    def _settle(self, exchange: Exchange, pipe: Conversion | PassThrough | Gated) -> None:
        attempt = exchange.attempt
        assert attempt is not None
        attempt.response_body, exchange.response_body = pipe.provider_bytes, pipe.client_bytes
        attempt.ended_s = exchange.ended_s
        exchange.usage = pipe.fold.usage
        attempt.answer = pipe.fold.response()
        if attempt.converted:
            exchange.losses = (*attempt.losses, *unheard(attempt.answer, exchange.address.protocol))
        self._remember(exchange, attempt)
        exchange.failure = attempt.failure = None if exchange.canceled else pipe.failure


def _needs_estimate(exchange: Exchange, attempt: Attempt) -> bool:
    """Does the client's protocol tell of input tokens before the provider's does?"""
    return exchange.address.protocol.tells_input_first and not attempt.protocol.tells_input_first


def _pipe(
    exchange: Exchange, attempt: Attempt, response: http.Response, estimate: int | None
) -> Conversion | PassThrough | None:
    """None: the encoding is not known, so the answer is read whole."""
    encoding = response.headers.get("content-encoding", "identity")
    decode = _framing(attempt, response) or decoder(encoding)
    if decode is None and encoding != "identity":
        return None

    kind = channel_types()[attempt.candidate.channel.type]
    refuses_empty = attempt.candidate.channel.settings.empty_response_detection

    def on_first_event() -> None:
        attempt.first_event_s = exchange.first_byte_s = time.time()

    if not attempt.converted:
        writer = attempt.protocol.stream_writer(bare_reply(exchange))
        ends_early = dialect_of(attempt.candidate.channel, kind, attempt.candidate.model).omits_terminator
        return PassThrough(
            attempt.protocol,
            writer,
            on_first_event,
            omits_terminator=ends_early,
            hides=_hidden(attempt),
            refuses_empty=refuses_empty,
            decode=decode,
        )
    reply = replace(reply_of(exchange), estimated_input_tokens=estimate)
    writer = exchange.address.protocol.stream_writer(reply)
    reader = attempt.protocol.stream_reader(
        dialect_of(attempt.candidate.channel, kind, attempt.candidate.model), attempt.undo
    )
    return Conversion(reader, writer, on_first_event, decode, refuses_empty=refuses_empty)


def _hidden(attempt: Attempt) -> Callable[[SseEvent], bool] | None:
    """What the client did not ask for; None: nothing."""
    on_request = attempt.protocol.usage_on_request
    return on_request.is_answer if on_request and attempt.hides_usage else None


def _framing(attempt: Attempt, response: http.Response) -> Decode | None:
    """For an upstream that frames its events in a way of its own."""
    make = channel_types()[attempt.candidate.channel.type].decode_stream
    return make() if make and not is_event_stream(response) else None
