"""Addon: channels that take their models from the provider's own list, off the loop and now and then.

What was found is kept in the run-time state, so that it holds at the next start, too, and stands beside what the file
lists. A provider that does not answer changes nothing; the log says why.
"""

import asyncio
import json
import logging
import time
from collections.abc import Iterator
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from mitmproxy.utils import asyncio_utils

from axonhub.addons.channels.addresses import upstream_url
from axonhub.addons.channels.credentials import auth_headers
from axonhub.addons.channels.kinds import ChannelType
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.config import Channel
from axonhub.addons.config.values import compile_pattern
from axonhub.addons.runtime.merging import SYNCED_MODELS
from axonhub.addons.settings import Settings
from axonhub.addons.store import backend
from axonhub.addons.store.state import RuntimeState
from axonhub.transformers.json_types import Json
from axonhub.transformers.protocol import Endpoint
from axonhub.transformers.registry import discovered

logger = logging.getLogger(__name__)

_LOOK_S = 1.0
_TIMEOUT_S = 10.0
"""The end of the process waits for it."""
_MOST_BYTES = 8_000_000
_MOST_MODELS = 5000
_MOST_AT_ONCE = 4


class ModelSync:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._synced: dict[str, tuple[object, float]] = {}
        """Channel's name → what it was asked by, and when (seconds of the monotonic clock)."""
        self._task: asyncio.Task[None] | None = None

    def running(self) -> None:
        self._task = asyncio_utils.create_task(self._watch(), name="model lists of providers", keep_ref=True)

    def done(self) -> None:
        if self._task:
            self._task.cancel()

    async def _watch(self) -> None:
        while True:
            due = list(self._due(time.monotonic()))
            for start in range(0, len(due), _MOST_AT_ONCE):
                await asyncio.gather(*map(self._sync, due[start : start + _MOST_AT_ONCE]))
            await asyncio.sleep(_LOOK_S)

    def _due(self, now_s: float) -> Iterator[Channel]:
        """Also at once when the channel's address, pattern or credential changed."""
        config = self._settings.config
        for channel in config.channels:
            if channel.status != "enabled" or not channel.auto_sync_supported_models:
                continue
            facts = (channel.type, channel.base_url, channel.auto_sync_model_pattern, channel.api_keys)
            before = self._synced.get(channel.name)
            if before is None or before[0] != facts or now_s - before[1] >= config.model_sync.every_s:
                self._synced[channel.name] = facts, now_s
                yield channel

    async def _sync(self, channel: Channel) -> None:
        folder = self._settings.config.store.path
        try:
            names = await asyncio.to_thread(listed_by_provider, channel, channel_types()[channel.type])
            await asyncio.to_thread(keep, RuntimeState(folder), channel.name, names)
        except (OSError, HTTPException, ValueError) as error:
            logger.warning("The models of %r could not be listed: %s", channel.name, _words(error))
        else:
            logger.info("%r: the provider lists %d models that fit.", channel.name, len(names))


def listed_by_provider(channel: Channel, kind: ChannelType) -> list[str]:
    """The names on the provider's list that fit the channel's pattern. Blocks. OSError, HTTPException, ValueError."""
    request = Request(list_url(channel, kind), headers=_headers(channel, kind))
    with urlopen(request, timeout=_TIMEOUT_S) as response:
        text = response.read(_MOST_BYTES + 1)
    if len(text) > _MOST_BYTES:
        raise ValueError("the list is too long")
    pattern = channel.auto_sync_model_pattern
    fits = compile_pattern(pattern).fullmatch if pattern else bool
    return [name for name in names_in(json.loads(text))[:_MOST_MODELS] if fits(name)]


def list_url(channel: Channel, kind: ChannelType) -> str:
    protocol = discovered()[kind.protocols[0]]
    generate = protocol.endpoint("generate", "m", False)
    assert generate is not None  # every protocol can generate
    base_url = (None if kind.fixed_base_url else channel.base_url) or kind.base_url
    return upstream_url(base_url, Endpoint(generate.version, "models"))


def names_in(document: Json) -> list[str]:
    """Of OpenAI's and Anthropic's lists (`data[].id`) and of Gemini's (`models[].name`). ValueError for others."""
    if not isinstance(document, dict):
        raise ValueError("the answer is no list of models")
    items = document.get("data", document.get("models"))
    if not isinstance(items, list):
        raise ValueError("the answer is no list of models")
    found = [each.get("id") or each.get("name") for each in items if isinstance(each, dict)]
    names = (name.removeprefix("models/") for name in found if isinstance(name, str))
    return list(dict.fromkeys(name for name in names if name and name.isprintable()))


def keep(state: RuntimeState, channel: str, names: list[str]) -> None:
    """ValueError for an empty list: a provider that forgot its models shall not take them from the channel."""
    if not names:
        raise ValueError("no model on the list fits")

    def edit(values: dict[str, backend.Json], secrets: object) -> None:
        table = values.setdefault(SYNCED_MODELS, {})
        if isinstance(table, dict):
            table[channel] = [*names]

    state.update(edit)


def _headers(channel: Channel, kind: ChannelType) -> dict[str, str]:
    credential = channel.api_keys[0] if channel.api_keys else None
    return {"accept": "application/json", **kind.headers, **auth_headers(kind.auth, credential)}


def _words(error: Exception) -> str:
    """Without what an answer or an address may hold."""
    if isinstance(error, HTTPError):
        return f"HTTP {error.code}"
    return str(error) if isinstance(error, ValueError) and "Expecting" not in str(error) else type(error).__name__
