"""The HTTP layer that tries several upstreams inside one request. The only package that knows mitmproxy's inner names.

mitmproxy forwards a request once, to one server. Here the request is kept, and a blocking hook `attempt` is fired
before the first try and after every try that came to an end with nothing of it sent to the client. In that hook the
addon either aims the next try (`aim`) or leaves `flow.response` set, which is then the answer.

    request ──► attempt ──► connect ──► wait for headers ──► whole ───────► attempt
                  ▲  │                        │
                  │  └─ flow.response: answer └─► hold ──commit──► relay ──► linger ──► answered
                  └──────────── any failure before commit ◄──┘

Rules that keep it right (tests/addons/test_failover.py, tests/gateway/test_failover.py; mitmproxy 12.2):
- Each try has a stream id of its own, so late bytes of an abandoned try can reach nobody.
- Credentials are merged into a copy of the request at send time and so never enter a flow.
- One timer per client connection, aimed at the earliest deadline of its streams.
- Dead server connections are forgotten when the next stream begins; mitmproxy would keep them until the client leaves.
- A client of a stream that hears nothing for long gets a head and a keep-alive; other channels may still be tried.
- What costs a CPU most is the way from layer to layer, so what is plain is read here and goes straight: heads and
  bodies of HTTP/1 (heads.py, connections.py, chunks.py), and a stream's bytes to an HTTP/1 client (`forward` in
  layer.py). Anything else takes mitmproxy's way, and so does each refusal. Between connections and streams there are
  as few steps as there can be (routing.py), and what is whole goes in one go (whole.py).
- What a peer says is heard in the moment it comes (sockets.py), unless something must be waited for. A plain client is
  read into one place for all, so that a long body is copied once.
- A client that reads too slowly stops the reading of its upstream. mitmproxy sees to that for HTTP/1 clients only.
"""

from axonhub.addons.failover.contract import (
    AttemptHook,
    Ending,
    Greeting,
    LateAnswerHook,
    Limits,
    Pipe,
    RequestTooLargeHook,
    Try,
    aim,
    departure,
    has_departed,
    last_try,
    limits,
)
from axonhub.addons.failover.layer import GatewayLayer, install, make_ours

__all__ = [
    "AttemptHook",
    "Ending",
    "GatewayLayer",
    "Greeting",
    "LateAnswerHook",
    "Limits",
    "Pipe",
    "RequestTooLargeHook",
    "Try",
    "aim",
    "departure",
    "has_departed",
    "install",
    "last_try",
    "limits",
    "make_ours",
]
