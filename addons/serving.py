"""`axonhub serve`: mitmproxy's Master with only the addons that a gateway needs.

mitmproxy walks over some 35 addons at each hook, twice. With few addons and a table of who listens to what, that cost
goes away; everything else – layers, TLS, flows – is mitmproxy as it is.
"""

import asyncio
import inspect
import logging
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from mitmproxy import exceptions, hooks, options
from mitmproxy.addonmanager import AddonManager, safecall, traverse
from mitmproxy.addons.errorcheck import ErrorCheck
from mitmproxy.addons.next_layer import NextLayer
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.addons.termlog import TermLog
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.flow import Flow
from mitmproxy.master import Master

from axonhub.addons.assembly import gateway
from axonhub.addons.launch import PLACEHOLDER
from axonhub.addons.settings import Settings

type Hook = Callable[..., object]


class Dispatch(AddonManager):
    """Knows who listens to which hook, instead of asking every addon each time."""

    def __init__(self, master: Master) -> None:
        super().__init__(master)  # type: ignore[no-untyped-call]  # mitmproxy
        self._listeners: dict[str, list[Hook]] = {}

    def register(self, addon: object) -> object:
        self._listeners.clear()
        registered: object = super().register(addon)  # type: ignore[no-untyped-call]  # mitmproxy
        return registered

    def remove(self, addon: object) -> None:
        self._listeners.clear()
        super().remove(addon)  # type: ignore[no-untyped-call]  # mitmproxy

    async def handle_lifecycle(self, event: hooks.Hook) -> None:
        await self.trigger_event(event)
        message = event.args()[0]
        if isinstance(message, Flow) and self._listening("update"):
            await self.trigger_event(hooks.UpdateHook([message]))

    async def trigger_event(self, event: hooks.Hook) -> None:
        arguments = event.args()
        for hook in self._listening(event.name):
            try:
                with safecall():
                    result = hook(*arguments)
                    if result is not None and inspect.isawaitable(result):
                        await result
            except exceptions.AddonHalt:
                return

    def _listening(self, name: str) -> list[Hook]:
        if name not in self._listeners:
            found = (getattr(each, name, None) for each in traverse(self.chain))
            self._listeners[name] = [hook for hook in found if callable(hook)]
        return self._listeners[name]


def serve(settings: Settings, *, verbose: bool = False) -> int:
    """Runs until SIGINT or SIGTERM. The settings are open. Returns the exit code."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_serve(settings, verbose))


async def _serve(settings: Settings, verbose: bool) -> int:
    _quiet_loggers()
    server = settings.config.server
    opts = options.Options(mode=[PLACEHOLDER], listen_host=server.host, listen_port=server.port)
    master = Master(opts)
    master.addons = Dispatch(master)
    chain = (TermLog(), Proxyserver(), *gateway(settings), NextLayer(), TlsConfig(), ErrorCheck())
    master.addons.add(*chain)  # type: ignore[no-untyped-call]  # mitmproxy
    opts.update(connection_strategy="lazy", termlog_verbosity="debug" if verbose else "info")
    await master.run()
    return 0


def _quiet_loggers() -> None:
    logging.getLogger().setLevel(logging.DEBUG)
    for name in ("asyncio", "hpack", "tornado", "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where it is there and loads; None: asyncio's own."""
    if sys.platform == "win32":
        return None
    try:
        import uvloop
    except ImportError:
        return None

    class Loop(uvloop.Loop):
        def set_task_factory(self, factory: Callable[..., Any] | None) -> None:
            super().set_task_factory(factory and partial(_without_eager_start, factory))

    return Loop


def _without_eager_start(factory: Callable[..., Any], *arguments: Any, eager_start: object = None, **named: Any) -> Any:
    """uvloop hands on an argument that the eager task factory of Python 3.13.0 to 3.13.2 does not take."""
    return factory(*arguments, **named)
