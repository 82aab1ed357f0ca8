"""Addon: lets `mitmdump -s addons/axonhub.py` and `mitmweb -s …` start as config.yml says, without a flag.

mitmproxy reads its mode and port before it loads a script, so they are given the only way that binds nothing else
first: the same program once more, in the same process, with the flags that were missing. Explicit flags win.
"""

import logging
import sys
from collections.abc import Sequence
from os import execv
from pathlib import Path

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader

from axonhub.addons.capture import Capture
from axonhub.addons.capturing.plan import read_plan
from axonhub.addons.config import Config, ConfigError
from axonhub.addons.reading import load
from axonhub.addons.settings import Settings

logger = logging.getLogger(__name__)

PLACEHOLDER = "reverse:http://127.0.0.1:1"
"""Reverse mode to a dead target: without our addon no request can get anywhere."""
_MITMPROXY_WEB_PORT = 8081
_COLUMNS = ["icon", "path", "comment", "status", "size", "time"]
"""Of mitmweb's list: our comments say the rest."""


class Launch:
    def __init__(self, settings: Settings, capture: Capture) -> None:
        self._settings, self._capture = settings, capture
        self._opened = False

    def load(self, loader: Loader) -> None:
        loader.add_option("axonhub_config", str, "", "Path of AxonHub's config.yml.")
        loader.add_option("axonhub_capture", str, "", "What `axonhub web --capture` captures.")

    def configure(self, updated: set[str]) -> None:
        """Called once, with every option, right after the script was loaded."""
        if self._opened:
            return
        self._opened = True
        path = Path(ctx.options.axonhub_config).expanduser() if ctx.options.axonhub_config else None
        try:
            if ctx.options.server and ctx.options.mode == ["regular"]:
                flags = missing_flags(load(path).config, sys.argv)
                execv(sys.executable, [sys.executable, *sys.argv, *flags])
            config = self._settings.open(path)
            if ctx.options.axonhub_capture:
                self._capture.plan = read_plan(ctx.options.axonhub_capture)
        except (ConfigError, ValueError) as error:
            # A gateway that runs on without its configuration would only look alive.
            sys.exit(str(error))
        ctx.options.update(**quiet_options(config))


def missing_flags(config: Config, arguments: Sequence[str]) -> list[str]:
    """What the command line lacks. A port or host that it states stays; the mode is ours in any case."""
    flags = ["--mode", PLACEHOLDER]
    if not any(each.startswith(("-p", "--listen-port", "listen_port=")) for each in arguments):
        flags += ["--listen-port", str(config.server.port)]
    if not any(each.startswith(("--listen-host", "listen_host=")) for each in arguments):
        flags += ["--listen-host", config.server.host]
    return flags


def quiet_options(config: Config) -> dict[str, object]:
    """Options that hold from now on; mitmweb's only where they are still mitmproxy's own."""
    # The doorway asks by which name we were called.
    options: dict[str, object] = {"connection_strategy": "lazy", "keep_host_header": True}
    if "web_port" in ctx.options:
        web = config.inspection
        if not ctx.options.has_changed("web_columns"):
            options["web_columns"] = _COLUMNS
        if ctx.options.web_port == _MITMPROXY_WEB_PORT:
            options |= {"web_port": web.web_port, "web_host": web.web_host}
        if web.web_password.get_secret_value() and not ctx.options.web_password:
            options["web_password"] = web.web_password.get_secret_value()
    return options
