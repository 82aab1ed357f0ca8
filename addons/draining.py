"""Addon: a graceful stop. On SIGTERM or SIGINT no new connection is taken, and running exchanges may finish in time.

A second signal stops at once. mitmproxy itself would cut every stream in the middle.
"""

import asyncio
import logging
import signal
from weakref import WeakSet

from mitmproxy import ctx, http
from mitmproxy.connection import ConnectionState
from mitmproxy.utils import asyncio_utils

from axonhub.addons.exchange import exchange_of
from axonhub.addons.settings import Settings

logger = logging.getLogger(__name__)

_FLUSH_S = 0.1
"""The last bytes of an answer leave just after its flow is done."""
_LOOK_S = 0.05

_live: WeakSet[http.HTTPFlow] = WeakSet()
"""Of the process, as its signals are: when the script is loaded again, requests of before go on to run."""


class Draining:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._asked = False

    def load(self, loader: object) -> None:
        """Already now: the port listens before `running`, and who sees it listen may want the gateway to end."""
        self._hear_signals()

    def running(self) -> None:
        """Again: mitmdump has taken the signals for itself meanwhile."""
        self._hear_signals()

    def _hear_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                loop.add_signal_handler(number, self._on_signal)
            except (NotImplementedError, RuntimeError):  # no such signals here, or not the main thread
                return

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if exchange_of(flow) is not None:
            _live.add(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        _live.discard(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        _live.discard(flow)

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
        if running := _running():
            logger.info("Stopping: %d running requests may finish within %g s.", running, limit_s)
        try:
            async with asyncio.timeout(limit_s):
                while _running():  # noqa: ASYNC110  # no event tells it, see `_is_over`
                    await asyncio.sleep(_LOOK_S)
                await asyncio.sleep(_FLUSH_S)
        except TimeoutError:
            logger.warning("Stopping: %d requests did not finish in time and are cut.", _running())
        ctx.master.shutdown()


def _running() -> int:
    return sum(not _is_over(flow) for flow in list(_live))


def _is_over(flow: http.HTTPFlow) -> bool:
    """Also of a flow whose end no addon was told: it came while the script was being loaded again, or is broken."""
    gone = flow.client_conn.state is ConnectionState.CLOSED
    answered = flow.response is not None and flow.response.timestamp_end is not None
    return gone or answered or flow.error is not None
