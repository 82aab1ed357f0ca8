"""Client playback (`mitmdump -C FILE`, replay buttons) through our layer; mitmproxy's own would ask the recorded host.

A flow that is played back is copied first: what was recorded stays as it was, and its repetition is a flow of its own.
"""

import logging
from collections.abc import Callable
from typing import cast

from mitmproxy import ctx, http
from mitmproxy.addons.clientplayback import ClientPlayback, ReplayHandler
from mitmproxy.hooks import UpdateHook
from mitmproxy.options import Options

from axonhub.addons.failover.layer import make_ours

logger = logging.getLogger(__name__)

type Prepare = Callable[[http.HTTPFlow], None]
"""Makes a copied flow a request to the gateway again."""


def use(prepare: Prepare) -> None:
    """Before mitmproxy runs. Nothing happens where there is no client playback, as in `axonhub serve`."""
    found = ctx.master.addons.get("clientplayback")
    if type(found) is ClientPlayback:
        found.__class__ = GatewayPlayback
        cast(GatewayPlayback, found).prepare = prepare


class GatewayPlayback(ClientPlayback):
    name = "clientplayback"
    prepare: Prepare

    async def playback(self) -> None:
        """In place of mitmproxy's: one after the other."""
        while True:
            self.inflight = await self.queue.get()
            try:
                await Handler(self._again(cast(http.HTTPFlow, self.inflight)), self.options).replay()
            except Exception:  # as in mitmproxy: one flow that cannot be played must not end the playback of all
                logger.exception("Client replay has crashed!")
            self.queue.task_done()
            self.inflight = None

    def _again(self, recorded: http.HTTPFlow) -> http.HTTPFlow:
        fresh: http.HTTPFlow = recorded.copy()
        fresh.is_replay, fresh.response, fresh.error = "request", None, None
        fresh.marked, fresh.comment = "", ""
        recorded.revert()
        ctx.master.addons.trigger(UpdateHook([recorded]))
        self.prepare(fresh)
        return fresh


class Handler(ReplayHandler):
    def __init__(self, flow: http.HTTPFlow, options: Options) -> None:
        super().__init__(flow, options)
        make_ours(self.layer)  # without a table of listeners: mitmproxy must hear of the hooks to know when it is done
