"""Addon: the provider's side of a request. Writes each try anew from the kept request and aims it at its channel.

Where client and channel speak the same protocol the client's bytes go as they came, with only the model's name changed.
Everywhere else the request goes through the hub. The channel's credential never enters the flow.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from typing import Protocol
from urllib.parse import urlsplit

import orjson
from mitmproxy import http

from axonhub.addons import embeddings, failover
from axonhub.addons.answers import failure_answer, json_answer
from axonhub.addons.channels.addresses import upstream_url, with_query
from axonhub.addons.channels.credentials import auth_headers
from axonhub.addons.channels.dialects import dialect_of
from axonhub.addons.channels.kinds import ChannelType, Outgoing
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.config import Channel
from axonhub.addons.counting import input_tokens
from axonhub.addons.errors import Exhausted, NoChannel
from axonhub.addons.exchange import Attempt, Candidate, Exchange, exchange_of
from axonhub.addons.header_fields import Fields, by_name, without
from axonhub.addons.indexed_headers import IndexedHeaders
from axonhub.addons.internal import Internal
from axonhub.addons.overriding import sending as overriding
from axonhub.addons.overriding.facts import asked_of, facts_of
from axonhub.addons.overriding.sending import has_overrides
from axonhub.addons.replies import greeting
from axonhub.transformers.carriers import may_hold_carriers
from axonhub.transformers.dialect import Dialect
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.memory import SignatureMemory
from axonhub.transformers.protocol import ProtocolError, Unsupported, WireProtocol, Written
from axonhub.transformers.registry import discovered
from axonhub.transformers.reminders import BILLING_MARK
from axonhub.transformers.splice import may_come_again, replace_string

logger = logging.getLogger(__name__)

_NOT_FORWARDED = frozenset(
    b"accept-encoding content-length content-encoding content-type host expect x-debug-mode "
    b"connection keep-alive proxy-connection te trailer transfer-encoding upgrade forwarded".split()
)
"""Ours to say, or about one hop only."""
_OWN_PREFIX = (b"x-axonhub-",)
_PROTOCOL_PREFIXES = (b"anthropic-", b"openai-")
_USER_AGENT = b"axonhub/0.1"
_OUR_FIELDS = ((b"content-type", b"application/json"), (b"accept-encoding", b"identity"))
_WHOLE_PATIENCE = 3.0
"""So many times the patience with a stream's first event."""
_PASSES_WITH_TIME = (FailureKind.RATE_LIMIT, FailureKind.OVERLOADED)


class Chooser(Protocol):
    def has_queues(self, exchange: Exchange) -> bool: ...
    async def room(self, exchange: Exchange, left: Callable[[], asyncio.Event]) -> float: ...
    def next(self, exchange: Exchange) -> Candidate | None: ...
    def retry_after_s(self, exchange: Exchange) -> float | None: ...


class Outbound:
    def __init__(self, chooser: Chooser, internal: Internal, memory: SignatureMemory) -> None:
        self._chooser, self._internal, self._memory = chooser, internal, memory

    def attempt(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """The failover layer asks for the next try; an answer that is there already ends the exchange."""
        exchange = exchange_of(flow)
        if exchange is None and failover.last_try(flow) is None and flow.response is None:
            flow.response = http.Response.make(502, b"no gateway")
        if exchange is None or flow.response is not None or self._is_aimed_at_once(flow, exchange):
            return None
        return self._next(flow, exchange)

    def _is_aimed_at_once(self, flow: http.HTTPFlow, exchange: Exchange) -> bool:
        """The first try, where nothing can have to be waited for: what needs no task shall have none."""
        if exchange.attempts or exchange.address.operation == "count_tokens" or self._chooser.has_queues(exchange):
            return False
        if any(_type_of(each).fetch_token for each in exchange.candidates):
            return False
        candidate = self._chooser.next(exchange)
        return candidate is not None and self._is_aimed(flow, exchange, self._begun(exchange, candidate, 0.0))

    async def _next(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        while flow.response is None:
            queued_s = await self._chooser.room(exchange, partial(failover.departure, flow))
            candidate = self._chooser.next(exchange)
            if await _has_left(flow, candidate.wait_s if candidate else 0.0):
                return
            if exchange.address.operation == "count_tokens" and not _has_counter(exchange, candidate):
                await _count(flow, exchange, candidate)
            elif candidate is None:
                _give_up(flow, exchange, self._chooser.retry_after_s(exchange))
            else:
                attempt = self._begun(exchange, candidate, queued_s)
                if await _has_credential(attempt) and self._is_aimed(flow, exchange, attempt):
                    return

    def _begun(self, exchange: Exchange, candidate: Candidate, queued_s: float) -> Attempt:
        kind = _type_of(candidate)
        protocol, converted = spoken(kind, exchange.address.protocol)
        if exchange.address.operation == "embeddings":
            converted = protocol is not exchange.address.protocol  # vendors have no dialects of them
        else:
            dialect = dialect_of(candidate.channel, kind, candidate.model)
            converted = converted or exchange.json_array or not self._may_pass(exchange, dialect)
        credential = self._internal.token if kind.internal else candidate.credential
        attempt = Attempt(candidate, protocol, credential, time.time(), converted, queued_s=queued_s)
        exchange.attempts.append(attempt)
        return attempt

    def _is_aimed(self, flow: http.HTTPFlow, exchange: Exchange, attempt: Attempt) -> bool:
        """False when this channel cannot say what the client asks; the attempt holds why."""
        kind = _type_of(attempt.candidate)
        try:
            if attempt.converted:
                _convert(exchange, attempt, kind, self._memory)
            else:
                self._rename(exchange, attempt, kind)
            self._send(flow, exchange, attempt, kind)
        except ProtocolError as error:
            _fail(attempt, Failure(FailureKind.INVALID_REQUEST, str(error), param=error.path or None))
        except OSError as error:
            _fail(attempt, _without_credential(error))
        return attempt.failure is None

    def _may_pass(self, exchange: Exchange, dialect: Dialect) -> bool:
        """Does this provider understand the client's bytes as they are?

        Not where they hold other providers' signatures, or a billing block that would spoil this provider's prompt
        cache.
        """
        if not dialect.billing_block and BILLING_MARK in exchange.body:
            return False
        return not exchange.unseen.holds(may_hold_carriers, exchange.body)

    def _rename(self, exchange: Exchange, attempt: Attempt, kind: ChannelType) -> None:
        """The client's bytes with the model's name that the provider knows."""
        body = exchange.body
        if not exchange.address.model:
            again = exchange.unseen.holds(_names_model_again, body)
            body = replace_string(body, "model", attempt.candidate.model, may_come_again=again)
        attempt.renamed_body = body
        attempt.request_body = _asking_usage(body, exchange, attempt, kind)
        attempt.hides_usage = attempt.request_body is not body

    def _send(self, flow: http.HTTPFlow, exchange: Exchange, attempt: Attempt, kind: ChannelType) -> None:
        """Aims the try. ProtocolError when the channel type finds that it cannot ask this."""
        channel, address = attempt.candidate.channel, exchange.address
        endpoint = attempt.protocol.endpoint(address.operation, attempt.candidate.model, exchange.stream)
        assert endpoint is not None  # `spoken` chose a protocol that has the operation
        base_url = self._internal.base_url(kind.internal) if kind.internal else _base_url(channel, kind)
        url = upstream_url(base_url, endpoint, kind.paths.get(attempt.protocol.name, ""))
        own = _is_own_vendors(exchange, attempt, kind) and not exchange.json_array  # whose query names another form
        if exchange.query and (own or not attempt.converted):
            url = with_query(url, exchange.query)
        request = flow.request
        request.headers = _headers(exchange, attempt, kind)
        secret_headers = {**auth_headers(kind.auth, attempt.credential), **exchange.own_credentials}
        if kind.adapt:
            adapted = kind.adapt(_outgoing(exchange, attempt, request, url), channel)
            url, attempt.request_body = adapted.url, adapted.body
            request.headers = http.Headers([(k.encode(), v.encode()) for k, v in adapted.headers.items()])
        if has_overrides(channel):
            secret_headers = _override(exchange, attempt, request, secret_headers)
        if kind.sign:
            secret_headers |= kind.sign(_outgoing(exchange, attempt, request, url), channel).secret_headers
        _retarget(request, _target(url), attempt.request_body, restated=bool(kind.adapt) or has_overrides(channel))
        retry = exchange.config.retry
        failover.aim(
            flow,
            failover.Try(
                secret_headers,
                connect_timeout_s=retry.connect_timeout_s,
                first_event_timeout_s=_limit(retry.first_event_timeout_s, exchange),
                idle_timeout_s=retry.idle_timeout_s or math.inf,
                drain_s=retry.drain_on_disconnect_s,
                greeting=partial(greeting, exchange) if exchange.stream else None,
            ),
        )


def _override(
    exchange: Exchange, attempt: Attempt, request: http.Request, secret_headers: Mapping[str, str]
) -> dict[str, str]:
    """Changes request and attempt as the channel's operator wants it; gives the secret headers, changed likewise."""
    sent = overriding.Outgoing(attempt.request_body, request.headers.fields, secret_headers)
    counting = exchange.address.operation == "count_tokens"
    changed, steps = overriding.overridden(
        attempt.candidate.channel, sent, facts_of(exchange, attempt), asked_of(exchange), with_body=not counting
    )
    attempt.request_body, request.headers = changed.body, IndexedHeaders.of(changed.headers)
    for step in steps:
        if step.outcome == "failed":
            logger.warning("%s: override %r was left out: %s", exchange.id, step.label, step.detail)
    return dict(changed.secret_headers)


def _type_of(candidate: Candidate) -> ChannelType:
    return channel_types()[candidate.channel.type]


async def _has_credential(attempt: Attempt) -> bool:
    """Gets one where the channel's type makes it; False when it cannot be had, and the attempt holds why."""
    kind = _type_of(attempt.candidate)
    if kind.fetch_token and not kind.internal:
        try:
            attempt.credential = await asyncio.to_thread(kind.fetch_token, attempt.candidate.channel)
        except OSError as error:
            _fail(attempt, _without_credential(error))
    return attempt.failure is None


def _without_credential(error: OSError) -> Failure:
    return Failure(FailureKind.AUTHENTICATION, str(error), status=401)


def _fail(attempt: Attempt, failure: Failure) -> None:
    attempt.failure, attempt.ended_s = failure, time.time()


async def _has_left(flow: http.HTTPFlow, wait_s: float) -> bool:
    """Waits, but not for a client that is gone."""
    if wait_s:
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await failover.departure(flow).wait()
    return failover.has_departed(flow)


def spoken(kind: ChannelType, asked: WireProtocol) -> tuple[WireProtocol, bool]:
    """The protocol to speak with a channel, and whether that takes a conversion."""
    if asked.name in kind.protocols:
        return asked, not kind.native_dialect
    available = [discovered()[name] for name in kind.protocols if name in discovered()]
    if not available:
        raise NoChannel(f"No protocol of the channel type {kind.name!r} is built in.")
    return available[0], True


def _has_counter(exchange: Exchange, candidate: Candidate | None) -> bool:
    if candidate is None:
        return False
    kind = channel_types()[candidate.channel.type]
    protocol, _ = spoken(kind, exchange.address.protocol)
    return kind.counts_tokens and protocol.endpoint("count_tokens", candidate.model, stream=False) is not None


async def _count(flow: http.HTTPFlow, exchange: Exchange, candidate: Candidate | None) -> None:
    """Answers with an estimate, for a provider that has no counter or whose counter failed (`candidate` is None)."""
    if candidate is None and exchange.attempt is None:
        _give_up(flow, exchange, None)
        return
    if candidate is not None:
        protocol, _ = spoken(channel_types()[candidate.channel.type], exchange.address.protocol)
        exchange.attempts.append(Attempt(candidate, protocol, None, time.time(), converted=True, status=200))
    attempt = exchange.attempt
    assert attempt is not None
    attempt.ended_s = time.time()
    dialect = dialect_of(
        attempt.candidate.channel, channel_types()[attempt.candidate.channel.type], attempt.candidate.model
    )
    try:
        tokens = await input_tokens(exchange, attempt.candidate.model, dialect)
    except ProtocolError as error:
        exchange.failure = Failure(FailureKind.INVALID_REQUEST, str(error), param=error.path or None)
        flow.response = failure_answer(exchange.address.protocol, exchange.failure, exchange.headers)
    else:
        flow.error = None
        flow.response = json_answer(200, exchange.address.protocol.write_count(tokens), exchange.headers)


def _names_model_again(body: bytes, start: int, end: int) -> bool:
    return may_come_again(body, "model", start, end)


def _convert(exchange: Exchange, attempt: Attempt, kind: ChannelType, memory: SignatureMemory) -> None:
    """Fills the attempt's request body. ProtocolError."""
    written = _embeddings(exchange, attempt) or _conversation(exchange, attempt, kind, memory)
    attempt.undo, attempt.losses = written.undo, written.losses
    exchange.losses = written.losses
    try:
        attempt.request_body = orjson.dumps(written.body)
    except orjson.JSONEncodeError as error:  # a number beyond 64 bits, of a schema whose bounds were shifted
        raise Unsupported(str(error)) from error


def _asking_usage(body: bytes, exchange: Exchange, attempt: Attempt, kind: ChannelType) -> bytes:
    """The same object unless the operator wants to count what the client does not ask for."""
    on_request, channel = attempt.protocol.usage_on_request, attempt.candidate.channel
    streams = exchange.stream and exchange.address.operation == "generate"
    if on_request is None or not (streams and channel.settings.count_stream_usage):
        return body
    return (
        on_request.asking(body, exchange.document)
        if dialect_of(channel, kind, attempt.candidate.model).stream_usage
        else body
    )


def _embeddings(exchange: Exchange, attempt: Attempt) -> Written | None:
    return embeddings.written(exchange, attempt) if exchange.address.operation == "embeddings" else None


def _conversation(exchange: Exchange, attempt: Attempt, kind: ChannelType, memory: SignatureMemory) -> Written:
    request = exchange.hub_request()
    turns = memory.restored(exchange.owner, request.turns, time.monotonic())
    request = replace(request, model=attempt.candidate.model, turns=turns)
    counting = exchange.address.operation == "count_tokens"
    dialect = dialect_of(attempt.candidate.channel, kind, attempt.candidate.model)
    written = attempt.protocol.count_request(request, dialect) if counting else None
    return written or attempt.protocol.write_request(request, dialect)


def _headers(exchange: Exchange, attempt: Attempt, kind: ChannelType) -> http.Headers:
    """What goes upstream, without the credential: the client's own headers where its bytes pass, else ours."""
    trace = exchange.config.server.trace
    if attempt.converted:
        accept = b"text/event-stream" if exchange.stream else b"application/json"
        own = _of_protocol(exchange.client_headers) if _is_own_vendors(exchange, attempt, kind) else ()
        fields: Fields = ((b"user-agent", _USER_AGENT), (b"accept", accept), *own)
    else:
        fields = without(exchange.client_headers, _not_forwarded(trace.thread_header, trace.trace_header), _OWN_PREFIX)
    own_fields = _fields_of(kind.name)
    stated = {name.lower() for name, _ in fields} if own_fields else ()
    unstated = [field for field in own_fields if field[0].lower() not in stated]
    return IndexedHeaders.of((*fields, *_OUR_FIELDS, *unstated))


@cache
def _fields_of(type_name: str) -> Fields:
    """What each request to this type of channel states."""
    return tuple((name.encode(), value.encode()) for name, value in channel_types()[type_name].headers.items())


def _is_own_vendors(exchange: Exchange, attempt: Attempt, kind: ChannelType) -> bool:
    """Does the client speak the provider's own protocol, although its body was converted (foreign signatures)?"""
    return attempt.protocol is exchange.address.protocol and kind.native_dialect


def _of_protocol(fields: Fields) -> Fields:
    """What a client says of its body beside it: the version, the betas."""
    return tuple(field for field in fields if field[0].lower().startswith(_PROTOCOL_PREFIXES))


@cache
def _not_forwarded(*names: str) -> frozenset[bytes]:
    return _NOT_FORWARDED.union(name.lower().encode() for name in names)


def _outgoing(exchange: Exchange, attempt: Attempt, request: http.Request, url: str) -> Outgoing:
    headers = by_name(request.headers.fields)
    counting = exchange.address.operation == "count_tokens"
    return Outgoing(url, headers, attempt.request_body, attempt.candidate.model, exchange.stream, counting)


@dataclass(frozen=True, slots=True)
class _Target:
    """An address, taken apart."""

    scheme: bytes
    host: str
    port: int
    path: bytes
    host_field: bytes


@lru_cache(maxsize=1024)
def _target(url: str) -> _Target:
    parts = urlsplit(url)
    host, default_port = parts.hostname or "", 443 if parts.scheme == "https" else 80
    port = parts.port or default_port
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host_field = host if port == default_port else f"{host}:{port}"
    return _Target(parts.scheme.encode(), host, port, path.encode(), host_field.encode())


def _retarget(request: http.Request, target: _Target, body: bytes, *, restated: bool) -> None:
    """Past the properties of a Request: with each that is set they look through all headers again.

    `restated`: somebody else may have stated host and length, too.
    """
    data = request.data
    data.method, data.content, data.authority = b"POST", body, b""
    data.scheme, data.host, data.port, data.path = target.scheme, target.host, target.port, target.path
    fields = data.headers.fields
    others = without(fields, (b"host", b"content-length")) if restated else fields
    data.headers.fields = (*others, (b"host", target.host_field), (b"content-length", b"%d" % len(body)))


def _base_url(channel: Channel, kind: ChannelType) -> str:
    own = None if kind.fixed_base_url else channel.base_url
    return channel.settings.base_url_for_tests or own or kind.base_url


def _limit(first_event_timeout_s: float, exchange: Exchange) -> float:
    """How long a try may take to begin. A whole answer begins with its end, and is given longer.

    Where no other channel is left, it is given as long as a request may take.
    """
    most_s = exchange.config.server.llm_request_timeout_s
    if exchange.stream:
        return min(first_event_timeout_s or math.inf, most_s)
    tried = {each.candidate.channel.name for each in exchange.attempts}
    alone = tried.issuperset([each.channel.name for each in exchange.candidates])
    return most_s if alone or not first_event_timeout_s else min(first_event_timeout_s * _WHOLE_PATIENCE, most_s)


def _give_up(flow: http.HTTPFlow, exchange: Exchange, retry_after_s: float | None) -> None:
    """Every try failed: the failure that tells the client most speaks, and when it is worth coming back."""
    failures = [attempt.failure for attempt in exchange.attempts if attempt.failure]
    error = Exhausted(max(reversed(failures), key=_telling)) if failures else NoChannel("No channel could be tried.")
    failure = error.failure()
    if retry_after_s is not None and failure.kind in _PASSES_WITH_TIME:
        failure = replace(failure, retry_after_s=retry_after_s)
    exchange.failure = failure
    logger.warning("%s failed after %d attempts: %s", exchange.id, len(exchange.attempts), exchange.failure.message)
    flow.error = None
    flow.response = failure_answer(exchange.address.protocol, exchange.failure, exchange.headers)


def _telling(failure: Failure) -> int:
    """An answer tells more than silence. `max` takes the first of equals, so it is given the latest first."""
    return 0 if failure.kind in (FailureKind.NETWORK, FailureKind.TIMEOUT) else 1
