"""Addon: a graceful stop. On SIGTERM or SIGINT no new connection is taken, and running exchanges may finish in time.

A second signal stops at once. mitmproxy itself would cut every stream in the middle.
"""

import asyncio
import logging
import signal
from weakref import WeakSet

from mitmproxy import ctx, http
from mitmproxy.utils import asyncio_utils

from axonhub.addons.exchange import exchange_of
from axonhub.addons.settings import Settings

logger = logging.getLogger(__name__)

_FLUSH_S = 0.1
"""The last bytes of an answer leave just after its flow is done."""


class Draining:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._live: WeakSet[http.HTTPFlow] = WeakSet()
        self._asked = False
        self._quiet = asyncio.Event()
        """Set while nothing runs."""

    def running(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                loop.add_signal_handler(number, self._on_signal)
            except (NotImplementedError, RuntimeError):  # no such signals here, or not the main thread
                return

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if exchange_of(flow) is not None:
            self._live.add(flow)
            self._quiet.clear()

    def response(self, flow: http.HTTPFlow) -> None:
        self._ended(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._ended(flow)

    def _ended(self, flow: http.HTTPFlow) -> None:
        self._live.discard(flow)
        if not self._live:
            self._quiet.set()

    def _on_signal(self) -> None:
        if self._asked:
            ctx.master.shutdown()
            return
        self._asked = True
        asyncio_utils.create_task(self._drain(), name="drain", keep_ref=True)

    async def _drain(self) -> None:
        if (proxyserver := ctx.master.addons.get("proxyserver")) is not None:
            await proxyserver.servers.update([])
        limit_s = self._settings.config.server.drain_timeout_s
        if self._live:
            logger.info("Stopping: %d running requests may finish within %g s.", len(self._live), limit_s)
        try:
            async with asyncio.timeout(limit_s):
                if self._live:
                    await self._quiet.wait()
                await asyncio.sleep(_FLUSH_S)
        except TimeoutError:
            logger.warning("Stopping: %d requests did not finish in time and are cut.", len(self._live))
        ctx.master.shutdown()
