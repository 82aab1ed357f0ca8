"""Where this very gateway listens, for requests that it sends to itself."""

from mitmproxy import ctx

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


def listening() -> tuple[str, int]:
    """Host and port to call. RuntimeError before it listens."""
    proxyserver = ctx.master.addons.get("proxyserver")
    servers = [each for each in proxyserver.servers if each.mode.type_name == "reverse"] if proxyserver else []
    addresses = [each for server in servers for each in server.listen_addrs]
    if not addresses:
        raise RuntimeError("the gateway does not listen yet")
    host, port = addresses[0][:2]
    return _EVERYWHERE.get(host, host), port


def own_url(base_path: str) -> str:
    """RuntimeError before it listens."""
    host, port = listening()
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{base_path}"
