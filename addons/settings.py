"""Addon: the configuration in force: config.yml, and beside it what was made at run time. Watches both.

Both are swapped whole; a request keeps the Config that it began with. A bad edit changes nothing and says why in the
log. Files are read in a thread; `_POLL_S` after an edit at the latest the next request lives under it.
"""

import asyncio
import hmac
import logging
import secrets
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

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
    read_if_changed,
    render_problems,
)
from axonhub.addons.config.process import process_environ
from axonhub.addons.ranking import directory_of
from axonhub.addons.reading import admin_token, key_digest, load, load_in_force, state_digest
from axonhub.addons.runtime.changes import read
from axonhub.addons.runtime.merging import ADMIN_TOKEN, InForce
from axonhub.addons.store.state import RuntimeState
from axonhub.addons.strategies.registry import STRATEGIES

__all__ = ["Settings", "admin_token", "key_digest", "load", "load_in_force", "state_digest"]

logger = logging.getLogger(__name__)

_POLL_S = 0.2


class Settings:
    def __init__(self) -> None:
        self.now = InForce()
        """Without a key for anybody, until `open` was called."""
        self.state: Mapping[str, object] = {}
        """What was saved at run time, as it was read; never changed."""
        self._watcher: asyncio.Task[None] | None = None
        self._loaded: Loaded | None = None
        self._refused: ConfigError | None = None
        self._state: RuntimeState | None = None
        self._looking = asyncio.Lock()
        self._told: tuple[str, ...] = ()
        self._owners: Mapping[str, tuple[str, ApiKey]] = {}
        """By digest, with this digest."""
        self._plain: Mapping[int, tuple[ApiKey, SecretStr]] = {}
        """Of keys that config.yml holds themselves, by `hash` of the key: nobody outside this process can read that."""
        self.state_digest = ""
        """Tells a command that what it saved is in force here."""
        self._admin_token = ""
        self.made_admin_token = ""
        """Shown once, by the greeting of the start that made it; "" at every other."""

    @property
    def config(self) -> Config:
        return self.now.config

    @property
    def declared(self) -> Config:
        """config.yml alone."""
        return self._loaded.config if self._loaded else Config()

    def open(self, path: Path | None) -> Config:
        """Loads for the first time; `path` None searches the usual places. Blocks. ConfigError."""
        loaded = load(path)
        state = self._state = RuntimeState(loaded.config.store.path)
        self._admin_token = self._made_token(loaded.config, state)
        self._take(loaded, state.load(), _read(loaded, state.load(), state))
        return self.config

    def is_admin(self, token: str) -> bool:
        """Compared in constant time."""
        wanted = self.config.server.admin.token.get_secret_value() or self._admin_token
        return bool(wanted) and hmac.compare_digest(wanted.encode(), token.encode("utf-8", "surrogateescape"))

    def _made_token(self, config: Config, state: RuntimeState) -> str:
        """Kept in the store's folder, for operators who set none."""
        kept = state.load().get(ADMIN_TOKEN)
        if isinstance(kept, str) or config.server.admin.token.get_secret_value():
            return kept if isinstance(kept, str) else ""
        self.made_admin_token = secrets.token_urlsafe(32)
        state.save(ADMIN_TOKEN, self.made_admin_token)
        return self.made_admin_token

    def owner(self, key: str) -> ApiKey | None:
        """Whose key this is. Found by digest and confirmed in constant time, so timing tells nothing of any key.

        By `hash` where that will do: within a request, where no cache holds OpenSSL, a digest takes 5 to 8 µs.
        """
        raw = key.encode("utf-8", "surrogateescape")
        if found := self._plain.get(hash(key)):
            api_key, secret = found
            if hmac.compare_digest(secret.get_secret_value().encode(), raw):
                return api_key
        digest = sha256(raw).hexdigest()
        known, owner = self._owners.get(digest, ("", None))
        return owner if hmac.compare_digest(known, digest) else None

    def active_profile(self, api_key: ApiKey) -> Profile | None:
        """The one switched to at run time, else the file's; None: no remapping and no limits."""
        return self.now.active_profile(api_key)

    # -- watching

    def running(self) -> None:
        self._watcher = asyncio_utils.create_task(self._watch(), name="config.yml watcher", keep_ref=True)

    def done(self) -> None:
        if self._watcher:
            self._watcher.cancel()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_POLL_S)
            await self.look()

    async def look(self) -> None:
        """When it returns, what was saved before the call is in force."""
        async with self._looking:
            if self._loaded and self._state:
                loaded = await self._edited(self._loaded)
                await self._look_at_state(loaded or self._loaded, self._state, edited=loaded is not None)

    async def _edited(self, loaded: Loaded) -> Loaded | None:
        """The file after an edit that is usable; None while there is none."""
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
            return None
        if changed is not None:
            self._refused = None
            logger.info("%s was read again.", changed.path)
        return changed

    async def _look_at_state(self, loaded: Loaded, state: RuntimeState, *, edited: bool) -> None:
        try:
            saved = await asyncio.to_thread(state.load)
            if edited or saved is not self.state:
                now = await asyncio.to_thread(_read, loaded, saved, state)
                self._take(loaded, saved, now)
        except (OSError, ValueError) as error:
            logger.error("The run-time state cannot be read: %s", error)

    def _take(self, loaded: Loaded, state: Mapping[str, object], now: InForce) -> None:
        if loaded is not self._loaded and loaded.problems:
            logger.warning("%s", render_problems(loaded.problems))
        self._loaded, self.state, self.now = loaded, state, now
        if now.faults != self._told:
            self._told = now.faults
            for fault in now.faults:
                logger.warning("Made at run time: %s", fault)
        keys = [(key_digest(each), each) for each in now.config.api_keys]
        self._owners = MappingProxyType({digest: (digest, each) for digest, each in keys if digest})
        plain = [(each, each.key) for _, each in self._owners.values() if each.key]
        self._plain = MappingProxyType({hash(secret.get_secret_value()): (each, secret) for each, secret in plain})
        self.state_digest = state_digest(state)
        failover.limits.body_bytes = now.config.server.max_request_body_bytes


def _read(loaded: Loaded, saved: Mapping[str, object], state: RuntimeState) -> InForce:
    """With the names of all channels looked up already: no request shall wait for that. Blocks."""
    now = read(loaded.config, saved, state.secrets())
    directory_of(now.config)
    return now
