"""Addon: requests to providers' own hosts that came through the capturing proxy. Stands before all others.

A request that the gateway has an answer for becomes one to the gateway (or, when the operator only observes, goes on to
its provider through the same addons). What else a tool asks of such a host passes by with its own credentials, which no
flow, log or record ever holds. Other hosts are not looked at: their tunnels stay closed (see `next_layer`).
"""

import asyncio
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from mitmproxy import ctx, http
from mitmproxy.proxy.layer import NextLayer
from mitmproxy.proxy.mode_specs import RegularMode

from axonhub.addons import failover
from axonhub.addons.answers import json_answer
from axonhub.addons.captured import Captured, capture, captured_of, is_proxied, passes_by, taken_credentials
from axonhub.addons.capturing.plan import Plan, Provider, base_url, gateway_path, providers
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.config import Channel, Config
from axonhub.addons.exchange import Address, Exchange, exchange_of
from axonhub.addons.failover import Ending, tunnels
from axonhub.addons.header_fields import by_name, without
from axonhub.addons.settings import Settings
from axonhub.addons.untouched import Untouched

logger = logging.getLogger(__name__)

_FORGET_AFTER_S = 0.5
_NOT_KEPT = b"(not kept)"
_HOP = frozenset(b"connection keep-alive proxy-connection te trailer transfer-encoding upgrade expect host".split())


class Capture:
    def __init__(self, settings: Settings, plan: Plan | None = None) -> None:
        """`plan` None: nothing is captured, until somebody sets one before the start."""
        self._settings, self.plan = settings, plan
        self._known: tuple[Config | None, Mapping[str, Provider]] = (None, {})
        self._observing: dict[tuple[int, str, str], tuple[Config, Config]] = {}

    def running(self) -> None:
        if self.plan is not None:
            logger.info("%s", "\n".join(self._greeting(self.plan)))

    def _greeting(self, plan: Plan) -> list[str]:
        ports = [each.listen_addrs[0] for each in ctx.master.addons.get("proxyserver").servers if each.listen_addrs]
        host, port = ports[-1][:2]
        authority = Path(ctx.options.confdir).expanduser() / "mitmproxy-ca-cert.pem"
        what = "only observed" if plan.observe else "routed through the gateway"
        return [
            f"Capturing: requests to {len(self.providers())} provider hosts are {what}; nothing else is decrypted.",
            f"  export HTTPS_PROXY=http://{host}:{port} NODE_EXTRA_CA_CERTS={authority}",
        ]

    def providers(self) -> Mapping[str, Provider]:
        config = self._settings.config
        if self._known[0] is not config and self.plan is not None:
            self._known = (config, providers(self.plan, channel_types().values(), config.channels))
        return self._known[1]

    # -- connections

    def next_layer(self, data: NextLayer) -> bool:
        """False: the gateway's own port. Called by the addon that puts our layer on connections, before that."""
        client, address = data.context.client, data.context.server.address
        if self.plan is None or not is_proxied(client):
            return False
        names = {name.lower() for name in (address[0] if address else "", client.sni or "") if name}
        if address is None or names & self.providers().keys():
            tunnels.install_inside(data)
        elif not isinstance(client.proxy_mode, RegularMode) and not client.sni and not data.data_server():
            self._by_greeting(data)
        else:
            tunnels.let_by(data)
        return True

    def _by_greeting(self, data: NextLayer) -> None:
        """Where no CONNECT has named the host (local mode), the client's TLS does."""
        asked = tunnels.server_name(data.data_client())
        if asked is None:
            return  # asked again when more has come
        if asked.lower() in self.providers():
            tunnels.install_inside(data)
        else:
            tunnels.let_by(data)

    # -- requests

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if self.plan is None or not is_proxied(flow.client_conn) or flow.is_replay:
            return
        credentials = taken_credentials(flow.request)
        provider = self.providers().get((flow.client_conn.sni or flow.request.host).lower())
        if provider is None or flow.request.scheme != "https":
            capture(flow, Captured("", observed=True))
            flow.response = json_answer(403, {"error": {"code": "not_captured", "message": _ONLY_TUNNELS}})
            return
        path, _, query = flow.request.path.partition("?")
        found = gateway_path(provider, flow.request.method, path, by_name(flow.request.headers.fields))
        captured = self._captured(self.plan, provider, found[1] if found else None, credentials)
        capture(flow, captured)
        if found and not captured.passes_by:
            base_path = self._settings.config.server.base_path
            flow.request.path = base_path + found[0] + (f"?{query}" if query else "")
            if not captured.observed:
                # One of them may be a key of ours; Authentication takes them all out again.
                flow.request.headers.update({name: each for name, each in credentials.items() if name != "cookie"})

    def _captured(
        self, plan: Plan, provider: Provider, address: Address | None, credentials: Mapping[str, str]
    ) -> Captured:
        if address is None or (plan.observe and address.operation != "generate"):
            return Captured(provider.host, observed=True, credentials=credentials)
        if not plan.observe:
            return Captured(provider.host, observed=False, key=plan.key)
        kind = next((each for each in provider.types if speaks(each, address)), "")
        return Captured(provider.host, observed=True, kind=kind, credentials=credentials)

    # -- what only passes by

    def attempt(self, flow: http.HTTPFlow) -> None:
        """Runs before Outbound's."""
        captured = captured_of(flow)
        if captured is None or not captured.passes_by:
            return
        ended = failover.last_try(flow)
        if ended is None and flow.response is None:
            self._send_on(flow, captured)
        elif ended is not None and ended.ending is not Ending.WHOLE:
            flow.response = json_answer(
                502, {"error": {"code": "unreachable", "message": f"{captured.host}: no answer"}}
            )

    def _send_on(self, flow: http.HTTPFlow, captured: Captured) -> None:
        data = flow.request.data
        fields = ((b"host", captured.host.encode()), *without(data.headers.fields, _HOP, (b"x-axonhub-",)))
        data.headers.fields, data.authority = fields, b""
        if self.plan and (instead := self.plan.instead.get(captured.host)):
            target = urlsplit(instead)
            data.scheme, data.host, data.port = target.scheme.encode(), target.hostname or "", target.port or 80
        else:
            data.host = captured.host
        server = self._settings.config.server
        retry = self._settings.config.retry
        failover.aim(
            flow,
            failover.Try(
                captured.credentials,
                connect_timeout_s=retry.connect_timeout_s,
                first_event_timeout_s=server.llm_request_timeout_s,
                idle_timeout_s=math.inf,
            ),
        )

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if passes_by(flow) and flow.response and (current := failover.last_try(flow)):
            current.pipe = Untouched()

    def response(self, flow: http.HTTPFlow) -> None:
        if passes_by(flow):
            if flow.response and flow.response.raw_content is None:
                flow.response.data.content = _NOT_KEPT  # it flowed by; mitmweb cannot show what is not there
            asyncio.get_running_loop().call_later(_FORGET_AFTER_S, _forget, flow)

    def error(self, flow: http.HTTPFlow) -> None:
        if passes_by(flow):
            _forget(flow)

    # -- what is observed

    def observing(self, config: Config, captured: Captured) -> Config:
        """The configuration in which the provider itself is the only channel, tried once."""
        assert self.plan is not None
        key = (id(config), captured.host, captured.kind)
        if key not in self._observing or self._observing[key][0] is not config:
            kind, provider = channel_types()[captured.kind], self.providers()[captured.host]
            channel = Channel(
                name=captured.host,
                type=captured.kind,
                base_url=base_url(provider, kind, self.plan),
                supported_models=("*",),
            )
            retry = config.retry.model_copy(update={"enabled": False})
            self._observing = {key: (config, config.model_copy(update={"channels": (channel,), "retry": retry}))}
        return self._observing[key][1]


class Observed:
    """Addon: stands behind Inbound, and tells the exchange of a request that is only observed where it goes."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        captured, exchange = captured_of(flow), exchange_of(flow)
        if captured is not None and captured.observed and exchange is not None:
            observe(exchange, captured, self._capture.observing(exchange.config, captured))


def observe(exchange: Exchange, captured: Captured, config: Config) -> None:
    exchange.config, exchange.observed, exchange.own_credentials = config, True, captured.credentials


def speaks(kind: str, address: Address) -> bool:
    """May a client's bytes in this protocol go to this type of channel as they are?"""
    found = channel_types()[kind]
    return found.native_dialect and address.protocol.name in found.protocols and found.adapt is None


_ONLY_TUNNELS = "This port carries HTTPS to known providers only. Set HTTPS_PROXY to it, not HTTP_PROXY."


def _forget(flow: http.HTTPFlow) -> None:
    """What a tool says to its vendor beside a model's business may be a secret."""
    for message in (flow.request, flow.response):
        if message is not None and message.data.content:
            message.data.content = _NOT_KEPT
    if flow.response is not None:
        flow.response.headers.pop("set-cookie", None)
