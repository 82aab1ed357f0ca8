"""Connections that came through a proxy mode: our layer at the innermost place, or nothing of ours at all."""

from mitmproxy import ctx
from mitmproxy.proxy import layer
from mitmproxy.proxy.layers import TCPLayer
from mitmproxy.proxy.layers.tls import parse_client_hello

from axonhub.addons.dispatch import Dispatch
from axonhub.addons.failover.layer import make_ours
from axonhub.addons.failover.names import HttpLayer, HTTPMode

_TLS_HANDSHAKE = 0x16


def install_inside(next_layer: layer.NextLayer) -> None:
    """As `install`. The proxy's own HTTP layer, which carries the CONNECT, stays mitmproxy's."""
    if next_layer.layer is None:
        ctx.master.addons.get("nextlayer").next_layer(next_layer)
    inner = next_layer.layer
    if type(inner) is HttpLayer and inner.mode is HTTPMode.transparent:
        dispatch = ctx.master.addons if isinstance(ctx.master.addons, Dispatch) else None
        make_ours(inner, None, dispatch)


def server_name(data: bytes) -> str | None:
    """Which host a TLS client wants, from its first bytes; "" when they say nothing of it, None: too few so far."""
    if not data:
        return None
    if data[0] != _TLS_HANDSHAKE:
        return ""
    try:
        hello = parse_client_hello(data)
    except ValueError:
        return ""
    return None if hello is None else hello.sni or ""


def let_by(next_layer: layer.NextLayer) -> None:
    """Bytes go to and fro, and nobody looks at them."""
    next_layer.layer = TCPLayer(next_layer.context, ignore=True)
