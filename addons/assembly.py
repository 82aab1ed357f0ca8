"""The gateway's addons in hook order. For one hook they run from top to bottom."""

from mitmproxy import ctx
from mitmproxy.proxy.layer import NextLayer

from axonhub.addons import demo, failover, inbound
from axonhub.addons.accounting import Accounting
from axonhub.addons.answering import Answering
from axonhub.addons.authentication import Authentication
from axonhub.addons.cache_watch import CacheWatch
from axonhub.addons.catalog import Catalog
from axonhub.addons.dispatch import use_table
from axonhub.addons.draining import Draining
from axonhub.addons.greeting import Greeting
from axonhub.addons.inbound import BodyLimit, Inbound
from axonhub.addons.internal import Internal
from axonhub.addons.metrics import Metrics
from axonhub.addons.outbound import Outbound
from axonhub.addons.pausing import Pausing
from axonhub.addons.quotas import Admission, Metering, Quotas
from axonhub.addons.replays import Replays
from axonhub.addons.selection import Selection
from axonhub.addons.settings import Settings
from axonhub.addons.tracing import Tracing
from axonhub.transformers.memory import SignatureMemory


class Layer:
    """Addon: puts the failover layer on every client connection."""

    def running(self) -> None:
        use_table(ctx.master.addons)

    def next_layer(self, data: NextLayer) -> None:
        failover.install(data)


def gateway(settings: Settings) -> list[object]:
    """A new set of addons around settings that somebody opens before the first request."""
    failover.limits.refuse_headers = inbound.refuse_headers
    internal = Internal({"demo": demo.application})
    selection, memory, tracing = Selection(), SignatureMemory(), Tracing(settings)
    reader = Inbound(settings)
    quotas = Quotas(settings, tracing)
    return [
        settings,
        Layer(),
        internal,
        Metrics(settings, tracing, quotas),
        reader,
        Authentication(settings, internal.token),
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
        Draining(settings),
        Greeting(settings),
    ]
