"""A further script for mitmdump: `GET /census` tells how many of what are alive in the process."""

import asyncio
import gc
import json
from collections import Counter

from mitmproxy import ctx, http

COUNTED = ("GatewayStream", "HTTPFlow", "Exchange", "Server", "ServerTLSLayer", "GatewayHttp1Client", "Http2Client")


class Census:
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if flow.request.path == "/census":
            flow.response = http.Response.make(200, json.dumps(census()))


def census() -> dict[str, int]:
    gc.collect()
    kinds = Counter(type(each).__name__ for each in gc.get_objects())
    handlers = ctx.master.addons.get("proxyserver").connections.values()
    return {
        **{name: kinds[name] for name in COUNTED},
        "clients": len(handlers),
        "transports": sum(len(handler.transports) for handler in handlers),
        "timers": sum(len(handler.wakeup_timer) for handler in handlers),
        "tasks": len(asyncio.all_tasks()),
    }


addons = [Census()]
