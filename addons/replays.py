"""Addon: flows are sent again, by the command `axonhub.replay`, by mitmproxy's own replay buttons and by `mitmdump -C`.

What the client asked is kept with a flow (and so in flow files), because the flow itself shows what the last channel
got. A flow that was edited by hand goes as it stands now.
"""

import asyncio
import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, cast

from mitmproxy import command, ctx, exceptions, flow as flows, http
from mitmproxy.utils import asyncio_utils
from pydantic import SecretStr

from axonhub.addons.analysis.conversations import Stored
from axonhub.addons.exchange import exchange_of
from axonhub.addons.exports.flows import as_flow
from axonhub.addons.exports.transcripts import Terms, Transcript
from axonhub.addons.failover import playback
from axonhub.addons.masking import masked, secrets_of
from axonhub.addons.own_port import own_url
from axonhub.addons.pinning import pin_headers, without_pin
from axonhub.addons.replaying import Again, Changes, ReplayFailed, live_again, pin_of, send
from axonhub.addons.settings import Settings
from axonhub.addons.store.reader import TraceReader
from axonhub.addons.telling_headers import telling

logger = logging.getLogger(__name__)

ASKED = "axonhub_asked"
"""In a flow's metadata: id, key, target, headers, body (empty where the flow's own is the client's), digest."""
_LINE = "axonhub"
"""In a flow's metadata: words of the form `name:value`."""


class Replays:
    def __init__(self, settings: Settings, token: SecretStr) -> None:
        """`token`: the process's own."""
        self._settings, self._token = settings, token

    def load(self, loader: object) -> None:
        playback.use(self._prepare)

    # -- what is kept

    def response(self, flow: http.HTTPFlow) -> None:
        self._keep(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._keep(flow)

    def _keep(self, flow: http.HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if exchange is None or not exchange.body or not _is_kept():
            return
        again, shown = live_again(exchange), flow.request.raw_content or b""
        secrets = secrets_of(exchange.config)
        flow.metadata[ASKED] = {
            "id": again.id,
            "key": again.key,
            "target": again.target,
            "headers": dict(again.headers),
            "body": b"" if again.body == shown else masked(again.body, secrets),
            "digest": _digest(masked(shown, secrets)),
        }

    # -- mitmproxy's own playback

    def _prepare(self, flow: http.HTTPFlow) -> None:
        """The client's request again, with a pin that says whose repetition it is."""
        if flow.request.method != "POST":
            return
        again = again_of(flow)
        known = [each.name for each in self._settings.config.api_keys]
        request = flow.request
        request.headers = http.Headers([(name.encode(), value.encode()) for name, value in again.headers.items()])
        request.path, request.content = again.target, again.body
        request.headers.update(pin_headers(pin_of(again, Changes(), known), self._token))

    # -- our command

    @command.command("axonhub.replay")  # type: ignore[untyped-decorator]  # mitmproxy
    def replay(self, replayed: Sequence[flows.Flow], *changes: str) -> None:
        """Send requests again, such as `axonhub.replay @focus channel=second model=deepseek-chat profile=fast`."""
        wanted = read_changes(changes)
        for each in replayed:
            if isinstance(each, http.HTTPFlow) and each.request.method == "POST":
                name = f"replay of {each.id}"
                asyncio_utils.create_task(self._again(again_of(each), wanted), name=name, keep_ref=True)

    @command.command("axonhub.load")  # type: ignore[untyped-decorator]  # mitmproxy
    def load_stored(self, name: str) -> None:
        """Put a stored request, or all of a trace, into the list of flows: to read, export or replay."""
        asyncio_utils.create_task(self._load(name), name=f"loading {name}", keep_ref=True)

    async def _load(self, name: str) -> None:
        flows_ = await asyncio.to_thread(self._stored_flows, name)
        view = ctx.master.addons.get("view")
        if not flows_ or view is None:
            logger.error(
                "%s", f"there is no request and no trace {name!r}" if view else "there is no list to put it in"
            )
            return
        view.add(flows_)

    def _stored_flows(self, name: str) -> list[http.HTTPFlow]:
        config = self._settings.config
        reader = TraceReader.open(config.store.path)
        record = reader.get(name)
        secrets = secrets_of(config)
        terms = Terms(self._base_url(), lambda data: masked(data, secrets))
        records = (record,) if record else reader.trace(name)
        return [as_flow(Transcript(Stored(each, reader.body), terms)) for each in records]

    async def _again(self, again: Again, changes: Changes) -> None:
        config = self._settings.config
        try:
            pin = pin_of(again, changes, [each.name for each in config.api_keys])
            done = await asyncio.to_thread(send, again, pin, self._base_url(), self._token)
            logger.info("%s was replayed as %s: %d from %s", again.id, done.request_id, done.status, done.channel)
        except ReplayFailed as error:
            logger.error("%s could not be replayed: %s", again.id, error)

    def _base_url(self) -> str:
        return own_url(self._settings.config.server.base_path)


def again_of(flow: http.HTTPFlow) -> Again:
    """From what is kept with the flow; of one that never went through a gateway, as it stands."""
    body, headers = flow.request.content or b"", telling(without_pin(flow.request.headers.fields)[0])
    kept = flow.metadata.get(ASKED)
    if not isinstance(kept, Mapping):
        words = dict(word.partition(":")[::2] for word in str(flow.metadata.get(_LINE, "")).split())
        return Again(words.get("id", ""), flow.request.path, headers, body, words.get("key", ""))
    told = cast(Mapping[str, Any], kept)
    edited = _digest(body) != told.get("digest")
    own = body if edited or not told.get("body") else told["body"]
    converted = bool(told.get("body"))
    target = flow.request.path if edited and converted else str(told.get("target", flow.request.path))
    client = {str(name): str(value) for name, value in dict(told.get("headers") or {}).items()}
    return Again(str(told.get("id", "")), target, client or headers, own, str(told.get("key", "")))


def _is_kept() -> bool:
    """Does anybody keep flows, so that one may be sent again? To hide and sum up a long body takes its time."""
    addons = ctx.master.addons
    if addons.get("clientplayback") is None:
        return False
    return bool(addons.get("view") or (addons.get("save") and ctx.options.save_stream_file))


def read_changes(told: Sequence[str]) -> Changes:
    """`name=value` each. CommandError."""
    pairs = dict(each.partition("=")[::2] for each in told)
    unknown = sorted(set(pairs) - {each.name for each in fields(Changes)})
    if unknown:
        names = ", ".join(each.name for each in fields(Changes))
        raise exceptions.CommandError(f"{unknown[0]!r}: a replay changes only {names}")
    return Changes(**pairs)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
