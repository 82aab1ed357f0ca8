"""`axonhub serve`: mitmproxy's Master with only the addons that a gateway needs.

Layers, TLS and flows are mitmproxy as it is. What only people at a terminal or a browser need is left out.
"""

import asyncio
import gc
import logging
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from mitmproxy import http, options
from mitmproxy.addons.errorcheck import ErrorCheck
from mitmproxy.addons.next_layer import NextLayer
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.addons.termlog import TermLog
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.master import Master

from axonhub.addons.assembly import gateway
from axonhub.addons.capture import Capture
from axonhub.addons.dispatch import use_table
from axonhub.addons.launch import PLACEHOLDER
from axonhub.addons.settings import Settings


def serve(
    settings: Settings, *, verbose: bool = False, capture: Capture | None = None, modes: Sequence[str] = ()
) -> int:
    """Runs until SIGINT or SIGTERM; returns the exit code. The settings are open. `modes`: mitmproxy's, beside ours."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_serve(settings, verbose, capture, modes))


async def _serve(settings: Settings, verbose: bool, capture: Capture | None, modes: Sequence[str]) -> int:
    _quiet_loggers(verbose)
    server = settings.config.server
    opts = options.Options(mode=[PLACEHOLDER, *modes], listen_host=server.host, listen_port=server.port)
    master = Master(opts)
    use_table(master.addons)
    chain = (TermLog(), Proxyserver(), *gateway(settings, capture), NextLayer(), Certificates(), ErrorCheck())
    master.addons.add(*chain)
    opts.update(connection_strategy="lazy", keep_host_header=True, termlog_verbosity="debug" if verbose else "info")
    _keep_what_is_there()
    await master.run()
    return 0


class Certificates(TlsConfig):
    """Addon: mitmproxy's own, which asks OpenSSL for the serial number of its authority at each request, since that is
    in the path of its revocation list: `/mitmproxy-….crl`."""

    name = TlsConfig.__name__.lower()

    def request(self, flow: http.HTTPFlow) -> None:
        if flow.request.path.endswith(".crl"):
            super().request(flow)


def _keep_what_is_there() -> None:
    """What is there now stays: the collector need not look through it again and again."""
    gc.collect()
    gc.freeze()


def _quiet_loggers(verbose: bool) -> None:
    logging.getLogger().setLevel(logging.DEBUG if verbose else logging.INFO)
    for name in ("asyncio", "hpack", "tornado", "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if not verbose:
        # Who connects to whom, each time, is no news to an operator.
        logging.getLogger("mitmproxy.proxy.server").setLevel(logging.WARNING)


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
