"""The configuration as it is on disk, with what was made at run time: for commands, and for the settings' addon.

Without mitmproxy, whose import takes longer than all else that most commands do. Everything here blocks.
"""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

import orjson
from pydantic import SecretStr

from axonhub.addons.channels.checking import findings
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.config import ApiKey, Config, Loaded, find_config, load_config
from axonhub.addons.config.process import process_environ
from axonhub.addons.derived import Derived
from axonhub.addons.runtime.changes import read
from axonhub.addons.runtime.merging import ADMIN_TOKEN, InForce
from axonhub.addons.store.state import RuntimeState
from axonhub.addons.strategies.registry import STRATEGIES


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


def load_in_force(path: Path | None) -> tuple[Config, Mapping[str, object], InForce]:
    """For commands beside a gateway or without one: config.yml, the state, and both together. Blocks. ConfigError."""
    declared = load(path).config
    state = RuntimeState(declared.store.path)
    return declared, state.load(), read(declared, state.load(), state.secrets())


def admin_token(config: Config) -> SecretStr | None:
    """For commands beside the gateway: config.yml's, else the one made at first start; None: no start yet. Blocks."""
    kept = config.server.admin.token.get_secret_value() or RuntimeState(config.store.path).load().get(ADMIN_TOKEN)
    return SecretStr(kept) if isinstance(kept, str) and kept else None


def _key_digest(api_key: ApiKey) -> str:
    if api_key.key_sha256:
        return api_key.key_sha256.lower()
    return sha256(api_key.key.get_secret_value().encode()).hexdigest() if api_key.key else ""


key_digest: Final = Derived(_key_digest)
"""SHA-256 of a configured key in hex; "" for one that has none."""


def state_digest(state: Mapping[str, object]) -> str:
    return sha256(orjson.dumps(dict(state), option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
