"""Addon: the client's side of a request. Claims the address, opens the Exchange, reads the body once.

Every flow of the gateway's port gets an Exchange or an answer here; nothing else ever reaches an upstream.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Hashable, Iterator

import orjson
from mitmproxy import http

from axonhub.addons import failover
from axonhub.addons.answers import json_answer, refusal, refuse
from axonhub.addons.captured import passes_by
from axonhub.addons.config import Config
from axonhub.addons.decoding import decoded
from axonhub.addons.errors import BadRequest, GatewayError, HeadersTooLarge, TooLarge
from axonhub.addons.exchange import Exchange, exchange_of, open_exchange
from axonhub.addons.header_fields import by_name
from axonhub.addons.routes import claim, inside, is_admin, nearest
from axonhub.addons.settings import Settings
from axonhub.addons.trace_ids import session_told, trace_ids, with_body
from axonhub.transformers.registry import discovered
from axonhub.transformers.reparse import Parsed, Reparsing, reparsed

logger = logging.getLogger(__name__)

_THREAD_BYTES = 1024 * 1024
"""Bodies from this size on are parsed in a thread: the loop serves others meanwhile."""

_BEGINNING_BYTES = 256

_NAME_DIGITS = 12
_NAMES_AT_ONCE = 256


class Inbound:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reparsing = Reparsing()
        self._random = _random_names()

    def running(self) -> None:
        discovered()  # imported now, not within a request

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if flow.response or passes_by(flow):
            return
        path = inside(flow.request.path, self._settings.config.server.base_path)
        if is_admin(path):
            return
        method, headers = flow.request.method, flow.request.headers
        if (method, path) in _PUBLIC:
            flow.response = self._health()
            return
        request_id = f"req_{time.time_ns() // 1_000_000:012x}{next(self._random)}"
        try:
            address = claim(method, path, headers)
        except GatewayError as error:
            logger.warning("%s refused: %s %s: %s", request_id, method, path[:200], error)
            flow.response = refusal(nearest(path, headers), error, {"x-axonhub-request-id": request_id})
            return
        config = self._settings.config
        exchange = Exchange(request_id, time.time(), config, address, path)
        exchange.trace, exchange.session = trace_ids(config.server.trace, headers, {}), session_told(headers)
        open_exchange(flow, exchange)

    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """An awaitable where reading takes so long that others must be served meanwhile."""
        exchange = exchange_of(flow)
        if exchange is None or flow.response or flow.request.method in ("GET", "HEAD"):
            return None
        try:
            _open(exchange, flow.request)
            if len(exchange.body) >= _THREAD_BYTES:
                return self._read_later(flow, exchange)
            self._read(exchange)
        except GatewayError as error:
            refuse(flow, exchange, error)
        return None

    async def reread(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        """After somebody changed the request. GatewayError, with the exchange half changed."""
        path = inside(flow.request.path, exchange.config.server.base_path)
        if path != exchange.path:
            exchange.address = claim(flow.request.method, path, by_name(flow.request.headers.fields))
        exchange.path, exchange.request = path, None
        if not exchange.trace.trace_id:
            exchange.trace = trace_ids(exchange.config.server.trace, flow.request.headers, {})
        _open(exchange, flow.request)
        await self._read_aside(exchange)

    def _read(self, exchange: Exchange) -> None:
        """BadRequest."""
        conversation = _conversation_of(exchange)
        self._take(exchange, conversation, _parsed(self._reparsing.last(conversation), exchange.body))

    async def _read_aside(self, exchange: Exchange) -> None:
        """The same in a thread. BadRequest."""
        conversation = _conversation_of(exchange)
        before = self._reparsing.last(conversation)
        self._take(exchange, conversation, await asyncio.to_thread(_parsed, before, exchange.body))

    async def _read_later(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        try:
            await self._read_aside(exchange)
        except GatewayError as error:
            refuse(flow, exchange, error)

    def _take(self, exchange: Exchange, conversation: Hashable, parsed: Parsed) -> None:
        """Fills the exchange from its body. BadRequest."""
        self._reparsing.keep(conversation, parsed)
        document = parsed.document
        if not isinstance(document, dict):
            raise BadRequest("The body must be a JSON object.")
        exchange.document, exchange.readings = document, parsed.readings
        exchange.unseen, exchange.likeness = parsed.unseen, parsed.likeness
        model = exchange.address.model or document.get("model")
        if not isinstance(model, str) or not model:
            raise BadRequest("model: a non-empty string is needed")
        exchange.asked_model = model.removeprefix("models/")
        stream = exchange.address.stream
        exchange.stream = document.get("stream") is True if stream is None else stream
        if not exchange.trace.trace_id:
            exchange.trace = with_body(exchange.config.server.trace, exchange.trace, document)

    def _health(self) -> http.Response:
        return json_answer(200, {"status": "ok", "state": self._settings.state_digest})


class BodyLimit:
    """Addon: refuses bodies that are too large. Stands behind authentication: whoever has no key hears that first."""

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        exchange, length = exchange_of(flow), flow.request.headers.get("content-length", "")
        if exchange and length.isdigit() and int(length) > exchange.config.server.max_request_body_bytes:
            self.request_too_large(flow)

    def request_too_large(self, flow: http.HTTPFlow) -> None:
        """Also a hook of the failover layer, for bodies that state no length."""
        exchange = exchange_of(flow)
        if exchange is not None and flow.response is None:
            refuse(flow, exchange, too_large(exchange.config))


_PUBLIC = frozenset((("HEAD", "/"), ("HEAD", "/anthropic"), ("GET", "/health"), ("HEAD", "/health")))


def _random_names() -> Iterator[str]:
    """That nobody guesses. Many are drawn at once: to ask the system takes as long as all else that opens a request."""
    while True:
        drawn = secrets.token_hex(_NAME_DIGITS // 2 * _NAMES_AT_ONCE)
        yield from [drawn[at : at + _NAME_DIGITS] for at in range(0, len(drawn), _NAME_DIGITS)]


def _conversation_of(exchange: Exchange) -> Hashable:
    """What the headers say; where they say nothing, how the body begins is better than its owner alone."""
    owner, told, agent = exchange.conversation
    return exchange.address.protocol.name, owner, told or exchange.body[:_BEGINNING_BYTES], agent


def too_large(config: Config) -> TooLarge:
    return TooLarge(f"The body is larger than {config.server.max_request_body_bytes} bytes.")


def refuse_headers(first_line: bytes) -> bytes:
    """The whole HTTP/1.1 answer to a header block over the limit, for the failover layer."""
    path = first_line.split(b" ")[1:2] or [b"/"]
    error = HeadersTooLarge(f"The request's headers are larger than {failover.limits.header_bytes} bytes.")
    logger.warning("refused: %d %s: %s", error.status, error.code, error)
    answer = refusal(nearest(path[0].decode("ascii", "replace").partition("?")[0], {}), error, {})
    content = answer.content or b""
    head = "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(content)}\r\nconnection: close\r\n\r\n".encode() + content


def _open(exchange: Exchange, request: http.Request) -> None:
    """Takes the body out of its encoding. GatewayError."""
    limit = exchange.config.server.max_request_body_bytes
    exchange.client_headers = request.headers.fields
    exchange.query = request.path.partition("?")[2]
    exchange.body = decoded(request.raw_content or b"", request.headers.get("content-encoding", ""), limit)


def _parsed(before: Parsed | None, body: bytes) -> Parsed:
    """BadRequest."""
    try:
        return reparsed(before, body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not valid JSON: {error}") from error
