"""The gateway's addons in hook order. For one hook they run from top to bottom."""

import asyncio
import logging
import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

from mitmproxy import ctx
from mitmproxy.proxy.layer import NextLayer

from axonhub.addons import demo, failover, inbound, misbehaving
from axonhub.addons.accounting import Accounting
from axonhub.addons.admin.application import application
from axonhub.addons.admin.backroom import Backroom, Repeats, Tries
from axonhub.addons.admin.idempotency import Once
from axonhub.addons.announcing import Announcing
from axonhub.addons.answering import Answering
from axonhub.addons.authentication import Authentication
from axonhub.addons.cache_watch import CacheWatch
from axonhub.addons.capture import Capture, Observed
from axonhub.addons.catalog import Catalog
from axonhub.addons.checkups import Checkups
from axonhub.addons.dispatch import use_table
from axonhub.addons.doorway import Doorway
from axonhub.addons.draining import Draining
from axonhub.addons.faults import Faults
from axonhub.addons.greeting import Greeting
from axonhub.addons.health import Health
from axonhub.addons.inbound import BodyLimit, Inbound
from axonhub.addons.internal import Application, Internal
from axonhub.addons.live_events import LiveEvents
from axonhub.addons.metrics import Metrics
from axonhub.addons.model_sync import ModelSync
from axonhub.addons.outbound import Outbound
from axonhub.addons.own_port import listening, own_url
from axonhub.addons.pausing import Holding, Pausing
from axonhub.addons.quotas import Admission, Metering, Quotas
from axonhub.addons.replaying import Changes as Differences, Replayed, replay_stored
from axonhub.addons.replays import Replays
from axonhub.addons.runtime.changes import Changes
from axonhub.addons.selection import Selection
from axonhub.addons.sessions import Sessions
from axonhub.addons.settings import Settings
from axonhub.addons.store.reader import TraceReader
from axonhub.addons.throttle import Gate
from axonhub.addons.tracing import Tracing
from axonhub.addons.trials import Door, Trial, TrialRequest, tried
from axonhub.addons.views.sibling_flows import SiblingFlows
from axonhub.addons.views.window import Window
from axonhub.transformers.memory import SignatureMemory

_THREADS = ThreadPoolExecutor(64, "axonhub")
"""Of all that blocks. As many as asyncio's own (six on two cores) would be held up by a few slow tests or replays."""


class Layer:
    """Addon: puts the failover layer on every client connection."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture

    def configure(self, updated: Collection[str]) -> None:
        """mitmproxy makes each debug message and then drops it; ours tell of each request why it went where it went."""
        if "termlog_verbosity" in updated:
            shown = ctx.options.termlog_verbosity == "debug" or ctx.master.addons.get("eventstore")
            logging.getLogger("axonhub").setLevel(logging.NOTSET if shown else logging.INFO)

    def running(self) -> None:
        use_table(ctx.master.addons)
        asyncio.get_running_loop().set_default_executor(_THREADS)

    def next_layer(self, data: NextLayer) -> None:
        if not self._capture.next_layer(data):
            failover.install(data)


def tester(settings: Settings, internal: Internal) -> Tries:
    """Tests channels through our own port."""

    async def try_out(wanted: TrialRequest) -> Sequence[Trial]:
        config = settings.config
        channel = next(each for each in config.channels if each.name == wanted.channel)
        host, port = listening()
        door = Door(host, port, config.server.base_path, internal.token, config.server.llm_request_timeout_s)
        return await asyncio.to_thread(tried, wanted, channel, door)

    return try_out


def repeater(settings: Settings, internal: Internal) -> Repeats:
    """Sends stored requests to our own port again."""

    async def repeat(request_id: str, changes: Differences) -> Replayed:
        config = settings.config
        reader, base_url = TraceReader.open(config.store.path), own_url(config.server.base_path)
        keys = [each.name for each in config.api_keys]
        return await asyncio.to_thread(replay_stored, reader, request_id, changes, keys, base_url, internal.token)

    return repeat


def administration(
    settings: Settings, try_out: Tries, repeat: Repeats, sessions: Sessions, events: LiveEvents, health: Health
) -> Application:
    """The admin API; its store is looked up when it is used, since settings are not open yet."""
    changes = Changes(lambda: settings.declared, lambda: settings.declared.store.path)
    clock = time.monotonic
    room = Backroom(settings, changes, sessions, events, health, try_out, repeat, clock, Once(clock))
    return application(room)


def gateway(settings: Settings, capture: Capture | None = None) -> list[object]:
    """A new set of addons around settings that somebody opens before the first request."""
    capture = capture or Capture(settings)
    failover.limits.refuse_headers = inbound.refuse_headers
    applications: dict[str, Application] = {"demo": demo.application, misbehaving.NAME: misbehaving.application}
    internal = Internal(applications)
    selection, memory, tracing = Selection(), SignatureMemory(), Tracing(settings)
    reader = Inbound(settings)
    quotas = Quotas(settings, tracing)
    try_out = tester(settings, internal)
    sessions, events, gate = Sessions(), LiveEvents(), Gate(settings.is_admin)
    applications["admin"] = administration(
        settings, try_out, repeater(settings, internal), sessions, events, selection.health
    )
    return [
        settings,
        ModelSync(settings),
        Layer(capture),
        internal,
        capture,
        Metrics(settings, tracing, quotas, gate, selection),
        Doorway(settings, internal, sessions, gate),
        reader,
        Observed(capture),
        Authentication(settings, internal.token, gate),
        BodyLimit(),
        Catalog(),
        Admission(quotas),
        Pausing(reader, selection),
        Answering(memory),
        selection,
        Outbound(selection, internal, memory),
        Accounting(),
        CacheWatch(),
        tracing,
        Metering(quotas),
        Replays(settings, internal.token),
        Announcing(events),
        Checkups(settings, try_out),
        Draining(settings),
        Greeting(settings),
    ]


def window(settings: Settings, built: Sequence[object]) -> list[object]:
    """What stands behind the gateway's addons where a person can look: in mitmweb, mitmproxy and mitmdump."""
    internal = next(each for each in built if isinstance(each, Internal))
    faults = Faults(internal, lambda: settings.config.inspection.faults)
    return [Window(settings), SiblingFlows(), Holding(), faults]
