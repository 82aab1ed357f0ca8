"""Addon: what a person sees of each flow – its comment, its mark, what filters find it by – and what the list keeps.

Runs behind all that change an exchange. Only where somebody can look: mitmweb, mitmproxy's console and mitmdump.
"""

import asyncio
import logging
from collections.abc import Callable

from mitmproxy import ctx, http
from mitmproxy.addons.view import View

from axonhub.addons import failover
from axonhub.addons.config import Config, Inspection
from axonhub.addons.exchange import Exchange, exchange_of
from axonhub.addons.masking import masked, masked_text, secrets_of
from axonhub.addons.settings import Settings
from axonhub.addons.views import contentviews, keeping, listing, page
from axonhub.addons.views.story import METADATA, as_text, story

logger = logging.getLogger(__name__)


class Window:
    def __init__(self, settings: Settings) -> None:
        self._secrets: tuple[Config | None, tuple[bytes, ...]] = (None, ())
        self._last = Last(lambda: settings.config.inspection)

    def load(self, loader: object) -> None:
        contentviews.register()

    def running(self) -> None:
        page.widen(ctx.master)
        ctx.master.addons.add(self._last)

    def done(self) -> None:
        if ctx.master.addons.get(self._last.name) is self._last:
            ctx.master.addons.remove(self._last)

    # -- what is told of a flow

    def request(self, flow: http.HTTPFlow) -> None:
        self._tell(flow)

    def attempt(self, flow: http.HTTPFlow) -> None:
        """Behind Outbound's: it is known now where the try goes."""
        self._tell(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        self._finish(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._finish(flow)

    def _tell(self, flow: http.HTTPFlow) -> None:
        if exchange := exchange_of(flow):
            flow.comment = self._shown(exchange, listing.comment(exchange))
            flow.metadata[listing.METADATA] = self._shown(exchange, listing.findable(exchange))

    def _finish(self, flow: http.HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if exchange is None:
            return
        if flow.response and flow.response.raw_content is None:
            flow.response.data.content = exchange.response_body  # as far as it came
        flow.comment = self._shown(exchange, listing.comment(exchange))
        flow.metadata[listing.METADATA] = self._shown(exchange, listing.findable(exchange))
        flow.metadata[METADATA] = self._shown(exchange, as_text(story(exchange)))
        flow.marked = flow.marked or listing.mark(exchange)
        self._cover(flow, exchange)
        if exchange.recorded or exchange.address.operation != "generate":
            keeping.give_up(exchange)
        asyncio.get_running_loop().call_soon(_let_go, flow)

    # -- credentials

    def _known(self, exchange: Exchange) -> tuple[bytes, ...]:
        if self._secrets[0] is not exchange.config:
            self._secrets = (exchange.config, secrets_of(exchange.config))
        return self._secrets[1]

    def _shown(self, exchange: Exchange, text: str) -> str:
        return masked_text(text, self._known(exchange))

    def _cover(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        """From now on the flow is only looked at and saved. The client's own answer is not touched: see `Last`."""
        secrets = self._known(exchange)
        if flow.request.raw_content:
            flow.request.data.content = masked(flow.request.raw_content, secrets)
        if flow.response and (content := flow.response.raw_content):
            covered = masked(content, secrets)
            if covered is not content:
                self._last.covered(flow, content, covered)
                flow.response.data.content = covered


class Last:
    """Addon: stands behind all of mitmproxy's own. Gives a client its answer uncovered, and keeps the list short."""

    name = "axonhub_last"

    def __init__(self, limits: Callable[[], Inspection]) -> None:
        self._limits = limits
        self._covered: dict[str, tuple[bytes, bytes]] = {}
        """By flow: an answer as it is and as it is shown, until it was sent."""

    def covered(self, flow: http.HTTPFlow, content: bytes, shown: bytes) -> None:
        self._covered[flow.id] = (content, shown)

    def response(self, flow: http.HTTPFlow) -> None:
        self._uncover(flow)
        self._keep_short()

    def error(self, flow: http.HTTPFlow) -> None:
        self._covered.pop(flow.id, None)
        self._keep_short()

    def _uncover(self, flow: http.HTTPFlow) -> None:
        """For as long as the layer needs to send it. One that a person holds back is sent as that person saw it."""
        content, shown = self._covered.pop(flow.id, (b"", b""))
        if shown and flow.response and flow.response.data.content is shown and not flow.intercepted:
            flow.response.data.content = content
            asyncio.get_running_loop().call_soon(_cover_again, flow.response, shown)

    def _keep_short(self) -> None:
        view = ctx.master.addons.get("view")
        if not isinstance(view, View):
            return
        limits = self._limits()
        for each in keeping.too_many(view.resolve("@all"), limits.keep_flows, limits.keep_bytes):
            view.remove([each])


def _cover_again(response: http.Response, shown: bytes) -> None:
    response.data.content = shown


def _let_go(flow: http.HTTPFlow) -> None:
    """The pipe holds all that flowed through it a second time."""
    if tried := failover.last_try(flow):
        tried.pipe = None
