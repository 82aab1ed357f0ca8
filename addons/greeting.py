"""Addon: what a person reads at the start: where the gateway listens, which channels serve, which wait for what."""

import logging
import sys
from collections.abc import Iterator

from axonhub.addons.config import Channel, Config
from axonhub.addons.settings import Settings

logger = logging.getLogger(__name__)


class Greeting:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def running(self) -> None:
        logger.info("%s", "\n".join(greeting(self._settings.config)))
        if made := self._settings.made_admin_token:
            # The one secret that is ever printed, once: whoever starts the gateway has no other way to learn it.
            sys.stdout.write(f"Admin token, made now and kept in the store's folder: {made}\n")
            sys.stdout.flush()


def greeting(config: Config) -> Iterator[str]:
    server = config.server
    base = f"http://{'localhost' if server.host == '127.0.0.1' else server.host}:{server.port}{server.base_path}"
    keys = ", ".join(each.name for each in config.api_keys if each.status == "enabled") or "none"
    yield f"AxonHub: {base}  (API keys: {keys})"
    yield f"  Claude Code:  ANTHROPIC_BASE_URL={base}/anthropic  ANTHROPIC_AUTH_TOKEN=<your key>"
    serving = [each.name for each in config.channels if each.status == "enabled"]
    yield f"  channels that serve: {', '.join(serving) or 'none'}"
    yield from (f"  {each.name} waits: {each.disabled_reason}" for each in config.channels if _waits(each))


def _waits(channel: Channel) -> bool:
    return bool(channel.disabled_reason) and channel.status != "archived"
