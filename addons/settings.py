"""Addon: the configuration in force. Loads config.yml, watches it and the run-time state, swaps both whole.

A request keeps the Config that it began with. A bad edit changes nothing and says why in the log. Files are read in a
thread; `_POLL_S` after an edit at the latest the next request lives under it.
"""

import asyncio
import hmac
import logging
import secrets
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

import orjson
from mitmproxy.utils import asyncio_utils
from pydantic import SecretStr

from axonhub.addons import failover
from axonhub.addons.channels.checking import findings
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.config import (
    ApiKey,
    Config,
    ConfigError,
    Loaded,
    Profile,
    find_config,
    load_config,
    read_if_changed,
    render_problems,
)
from axonhub.addons.config.process import process_environ
from axonhub.addons.store.state import RuntimeState
from axonhub.addons.strategies.registry import STRATEGIES

logger = logging.getLogger(__name__)

_POLL_S = 0.2
ADMIN_TOKEN = "admin_token"
ACTIVE_PROFILES = "active_profiles"
"""Key in the run-time state: API key's name → profile's name."""


class Settings:
    def __init__(self) -> None:
        self.config = Config()
        """Without a key for anybody, until `open` was called."""
        self._watcher: asyncio.Task[None] | None = None
        self._loaded: Loaded | None = None
        self._refused: ConfigError | None = None
        self._state: RuntimeState | None = None
        self._active: Mapping[str, str] = {}
        self._owners: Mapping[str, ApiKey] = {}
        self.state_digest = ""
        """Tells a command that what it saved is in force here."""
        self._admin_token = ""
        self.made_admin_token = ""
        """Shown once, by the greeting of the start that made it; "" at every other."""

    def open(self, path: Path | None) -> Config:
        """Loads for the first time; `path` None searches the usual places. Blocks. ConfigError."""
        self._take(load(path))
        self._state = RuntimeState(self.config.store.path)
        self._admin_token = self._made_token(self._state)
        self._take_state(self._state.load())
        return self.config

    def is_admin(self, token: str) -> bool:
        """Compared in constant time."""
        wanted = self.config.server.admin.token.get_secret_value() or self._admin_token
        return bool(wanted) and hmac.compare_digest(wanted.encode(), token.encode("utf-8", "surrogateescape"))

    def _made_token(self, state: RuntimeState) -> str:
        """Kept in the store's folder, for operators who set none."""
        kept = state.load().get(ADMIN_TOKEN)
        if isinstance(kept, str) or self.config.server.admin.token.get_secret_value():
            return kept if isinstance(kept, str) else ""
        self.made_admin_token = secrets.token_urlsafe(32)
        state.save(ADMIN_TOKEN, self.made_admin_token)
        return self.made_admin_token

    def owner(self, key: str) -> ApiKey | None:
        """Whose key this is. Found by digest and confirmed in constant time, so timing tells nothing of any key."""
        digest = sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
        found = self._owners.get(digest)
        return found if found and hmac.compare_digest(key_digest(found), digest) else None

    def active_profile(self, api_key: ApiKey) -> Profile | None:
        """The one switched to at run time, else the file's; None: no remapping and no limits."""
        name = self._active.get(api_key.name, api_key.active_profile)
        return next((each for each in api_key.profiles if name and each.name.lower() == name.lower()), None)

    # -- watching

    def running(self) -> None:
        self._watcher = asyncio_utils.create_task(self._watch(), name="config.yml watcher", keep_ref=True)

    def done(self) -> None:
        if self._watcher:
            self._watcher.cancel()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_POLL_S)
            if self._loaded and self._state:
                await self._look_at_file(self._loaded)
                await self._look_at_state(self._state)

    async def _look_at_file(self, loaded: Loaded) -> None:
        changed = await asyncio.to_thread(
            read_if_changed,
            loaded,
            process_environ(),
            self._refused,
            known_types=channel_types(),
            known_strategies=STRATEGIES,
            check=findings,
        )
        if isinstance(changed, ConfigError):
            self._refused = changed
            logger.error("The edit is not usable, the old configuration stays in force:\n%s", changed)
        elif changed is not None:
            self._refused = None
            self._take(changed)
            logger.info("%s was read again.", changed.path)

    async def _look_at_state(self, state: RuntimeState) -> None:
        try:
            self._take_state(await asyncio.to_thread(state.load))
        except (OSError, ValueError) as error:
            logger.error("The run-time state cannot be read: %s", error)

    def _take(self, loaded: Loaded) -> None:
        self._loaded, self.config = loaded, loaded.config
        if loaded.problems:
            logger.warning("%s", render_problems(loaded.problems))
        self._owners = MappingProxyType(
            {digest: each for each in loaded.config.api_keys if (digest := key_digest(each))}
        )
        failover.limits.body_bytes = loaded.config.server.max_request_body_bytes

    def _take_state(self, state: Mapping[str, object]) -> None:
        self.state_digest = state_digest(state)
        active = state.get(ACTIVE_PROFILES)
        self._active = {str(key): str(name) for key, name in active.items()} if isinstance(active, dict) else {}


def load(path: Path | None) -> Loaded:
    """From this path, or from the first of the usual places. Blocks. ConfigError."""
    environ = process_environ()
    return load_config(
        find_config(path, environ, Path.cwd()),
        environ,
        known_types=channel_types(),
        known_strategies=STRATEGIES,
        check=findings,
    )


def admin_token(config: Config) -> SecretStr | None:
    """For commands beside the gateway: config.yml's, else the one made at first start; None: no start yet. Blocks."""
    kept = config.server.admin.token.get_secret_value() or RuntimeState(config.store.path).load().get(ADMIN_TOKEN)
    return SecretStr(kept) if isinstance(kept, str) and kept else None


def key_digest(api_key: ApiKey) -> str:
    """SHA-256 of a configured key in hex; "" for one that has none."""
    if api_key.key_sha256:
        return api_key.key_sha256.lower()
    return sha256(api_key.key.get_secret_value().encode()).hexdigest() if api_key.key else ""


def state_digest(state: Mapping[str, object]) -> str:
    return sha256(orjson.dumps(dict(state), option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
