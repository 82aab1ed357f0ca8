"""Addons: a request that a person paused and changed goes on as changed; an answer to be paused is not streamed.

A paused request is shown as indented JSON, which is easier to edit. Nothing of that reaches the provider unless it was
edited: then it is read again as if the client had sent it so. An edit that cannot be read is handed back to the person.
What other addons of mitmproxy make of a request (`modify_body`, `map_remote`, a script) counts as an edit.
"""

import asyncio
import logging
import math
import re
from collections.abc import Awaitable
from dataclasses import fields, replace
from typing import NamedTuple, Protocol, Self

from mitmproxy import ctx, flowfilter, http
from mitmproxy.hooks import UpdateHook
from mitmproxy.utils import asyncio_utils

from axonhub.addons import failover
from axonhub.addons.channels.credentials import CLIENT_HEADERS
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.editable_json import editable
from axonhub.addons.errors import GatewayError
from axonhub.addons.exchange import Exchange, exchange_of
from axonhub.addons.header_fields import Fields, without
from axonhub.transformers.protocol import Unreadable

logger = logging.getLogger(__name__)

_LOOK_S = 0.1
_SECRET = frozenset(name.encode() for name in CLIENT_HEADERS)
_ABOUT_BODIES = re.compile(r"~bs?\b")
"""Filters that nobody can judge before the answer has come."""


class Reader(Protocol):
    def reread(self, flow: http.HTTPFlow, exchange: Exchange) -> Awaitable[None]:
        """Fills the exchange anew from the flow's request. GatewayError, with the exchange half changed."""
        ...


class Chooser(Protocol):
    def request(self, flow: http.HTTPFlow) -> None: ...


_SEEN = "axonhub_seen"
"""An attribute of the flow: what was seen of its request. mitmproxy neither copies nor saves it."""


class Seen(NamedTuple):
    """A request as it was at some moment."""

    content: bytes | None
    path: bytes
    fields: Fields

    @classmethod
    def of(cls, request: http.Request) -> Self:
        data = request.data
        return cls(data.content, data.path, data.headers.fields)

    def shows(self, request: http.Request) -> bool:
        """Is the request still like this?"""
        return self == Seen.of(request)


class Pausing:
    """Stands behind whoever reads a request, and before whoever writes the first try from it."""

    def __init__(self, reader: Reader, chooser: Chooser) -> None:
        self._reader, self._chooser = reader, chooser
        self._presenting = Presenting()

    def running(self) -> None:
        """Behind mitmproxy's own addons, one of which does the pausing."""
        ctx.master.addons.add(self._presenting)

    def done(self) -> None:
        if ctx.master.addons.get(self._presenting.name) is self._presenting:
            ctx.master.addons.remove(self._presenting)

    def request(self, flow: http.HTTPFlow) -> None:
        if exchange_of(flow) and flow.response is None:
            vars(flow)[_SEEN] = Seen.of(flow.request)

    def attempt(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Before the first try."""
        exchange = exchange_of(flow)
        seen: Seen | None = vars(flow).pop(_SEEN, None)
        if exchange and seen and flow.response is None and not seen.shows(flow.request):
            return self._take(flow, exchange, seen)
        return None

    async def _take(self, flow: http.HTTPFlow, exchange: Exchange, seen: Seen) -> None:
        while not seen.shows(flow.request):
            problem = await self._taken(flow, exchange)
            if not problem:
                return
            logger.warning("%s: the edit is not usable, the request waits: %s", exchange.id, problem)
            flow.comment = f"✗ edit again, or resume to send what the client sent: {problem}"
            seen = Seen.of(flow.request)
            flow.intercept()
            watch(flow)
            await ctx.master.addons.trigger_event(UpdateHook([flow]))
            await flow.wait_for_resume()
            if flow.error:
                return  # killed

    async def _taken(self, flow: http.HTTPFlow, exchange: Exchange) -> str:
        """Takes the request as it is now for the client's; else why it cannot be."""
        flow.request.headers.fields = without(flow.request.headers.fields, _SECRET)
        before = replace(exchange)
        try:
            await self._reader.reread(flow, exchange)
            self._chooser.request(flow)
            problem = exchange.failure.message if flow.response and exchange.failure else ""
        except GatewayError as error:
            problem = str(error)
        if problem:
            flow.response = None
            for each in fields(exchange):
                setattr(exchange, each.name, getattr(before, each.name))
        else:
            exchange.sent_body = before.sent_body or before.body
        return problem


def watch(flow: http.HTTPFlow) -> None:
    """mitmproxy wakes nobody when a paused flow is aborted: its client would wait for ever."""
    if flow.intercepted:
        asyncio_utils.create_task(_woken(flow), name="a paused flow", keep_ref=True)


async def _woken(flow: http.HTTPFlow) -> None:
    while flow.intercepted:  # noqa: ASYNC110  # no event tells it
        await asyncio.sleep(_LOOK_S)
    if flow.error:
        flow.intercept()
        flow.resume()


class Presenting:
    """Stands behind mitmproxy's own addons: shows a paused request as JSON over many lines."""

    name = "axonhub_presenting"

    def response(self, flow: http.HTTPFlow) -> None:
        watch(flow)

    def request(self, flow: http.HTTPFlow) -> None:
        watch(flow)
        exchange = exchange_of(flow)
        seen: Seen | None = vars(flow).get(_SEEN)
        if not (flow.intercepted and exchange and seen and seen.shows(flow.request)):
            return
        try:
            text = editable(exchange.body)
        except Unreadable:
            return
        flow.request.headers.pop("content-encoding", None)
        flow.request.content = text.encode()
        vars(flow)[_SEEN] = Seen.of(flow.request)


class Holding:
    """Stands behind whoever aims a try: where a person wants to pause the answer, it must not be streamed before."""

    def __init__(self) -> None:
        self._filter: tuple[str, flowfilter.TFilter | None] = ("", None)

    def attempt(self, flow: http.HTTPFlow) -> None:
        exchange, tried = exchange_of(flow), failover.last_try(flow)
        if exchange is None or tried is None or exchange.attempt is None or flow.response or not exchange.stream:
            return
        kind = channel_types()[exchange.attempt.candidate.channel.type]
        exchange.held = kind.decode_stream is None and not flow.is_replay and self._wanted(flow)
        if exchange.held:
            tried.greeting = None
            tried.first_event_timeout_s = exchange.config.server.llm_request_timeout_s or math.inf

    def _wanted(self, flow: http.HTTPFlow) -> bool:
        """Would mitmproxy pause the answer to this?"""
        options = ctx.options
        expression = options.intercept if "intercept" in options and options.intercept_active else None
        if not expression:
            return False
        if self._filter[0] != expression:
            self._filter = (expression, flowfilter.parse(expression))
        return bool(_ABOUT_BODIES.search(expression)) or self._matches(flow)

    def _matches(self, flow: http.HTTPFlow) -> bool:
        """With the beginning of an answer in its place: mitmproxy asks its filter again when it has come."""
        assert self._filter[1]
        flow.response = http.Response.make(200, b"", {"content-type": "text/event-stream"})
        try:
            return bool(self._filter[1](flow))
        finally:
            flow.response = None
