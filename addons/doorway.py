"""Addon: `/admin` on the one port. Lets in who has the admin token or a session; the rest of the way leads inside.

What is let in goes to an upstream inside the process, by way of the failover layer like any request, so streams flow.
It has no Exchange: it is no business of keys, channels and records. Its bodies may hold credentials, which is why the
flow, which people and files may see, keeps neither what was asked nor what was answered.

A browser that was lured here from another site has no token; that it cannot use a session either is seen to by the
cookie (SameSite=Strict) and here, by `Sec-Fetch-Site`, `Origin` and `Host`.
"""

import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary, WeakSet

from mitmproxy import http

from axonhub.addons import failover
from axonhub.addons.answers import json_answer
from axonhub.addons.captured import passes_by
from axonhub.addons.failover import Ending
from axonhub.addons.header_fields import by_name, without
from axonhub.addons.internal import Internal
from axonhub.addons.routes import inside, is_admin
from axonhub.addons.sessions import SESSION_HEADER, Sessions, named
from axonhub.addons.settings import Settings
from axonhub.addons.throttle import Gate
from axonhub.addons.untouched import Untouched

logger = logging.getLogger(__name__)

_SAFE = ("GET", "HEAD", "OPTIONS")
_HOP = frozenset(
    b"connection keep-alive proxy-connection te trailer transfer-encoding upgrade expect host cookie".split()
)
_BODILESS = (204, 304)
_MOST_BODY_BYTES = 1024 * 1024


class Doorway:
    def __init__(
        self,
        settings: Settings,
        internal: Internal,
        sessions: Sessions,
        gate: Gate,
        *,
        is_open: Callable[[str, str], bool] = lambda method, path: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`is_open(method, path)`: may anybody see it, as the page that asks for the token?"""
        self._settings, self._internal, self._sessions, self._gate = settings, internal, sessions, gate
        self._is_open, self._clock = is_open, clock
        self._flows: WeakSet[http.HTTPFlow] = WeakSet()
        self._used: WeakKeyDictionary[http.HTTPFlow, str] = WeakKeyDictionary()
        """The session that a flow came by; "" when it showed the token."""

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Runs before Inbound, which leaves these paths alone, and before Authentication, which takes tokens away."""
        if "/admin" not in flow.request.path or flow.response or passes_by(flow):
            return
        path = inside(flow.request.path, self._settings.config.server.base_path)
        if not is_admin(path):
            return
        self._flows.add(flow)
        headers = {**by_name(flow.request.headers.fields), "host": flow.request.host_header or ""}
        flow.request.headers.fields = without(flow.request.headers.fields, (b"cookie",))
        flow.response = self._refused(flow, path, headers)
        if flow.response is not None:
            logger.warning("admin: %s %s: %d", flow.request.method, path[:200], flow.response.status_code)

    def _refused(self, flow: http.HTTPFlow, path: str, headers: Mapping[str, str]) -> http.Response | None:
        if foreign(headers, self._hosts()):
            return refusal(403, "cross_origin", "Requests from other sites are refused.")
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > _MOST_BODY_BYTES:
            return refusal(413, "too_large", f"The body is larger than {_MOST_BODY_BYTES} bytes.")
        if self._is_open(flow.request.method, path):
            return None
        session = self._used[flow] = named(headers.get("cookie", ""))
        if session and "authorization" not in headers and self._sessions.holds(session, self._clock()):
            if flow.request.method in _SAFE or vouched(headers):
                return None
            return refusal(403, "cross_origin", "A change by way of a session must come from the console's own page.")
        return self._without_token(flow, headers)

    def _without_token(self, flow: http.HTTPFlow, headers: Mapping[str, str]) -> http.Response | None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        token = token.strip() if scheme.lower() == "bearer" else ""
        if not token:
            return _unauthorized("The admin token is needed: Authorization: Bearer TOKEN.")
        address = str(flow.client_conn.peername[0])
        if wait_s := self._gate.wait_s(address, token):
            words = {"retry-after": str(math.ceil(wait_s))}
            return refusal(429, "too_many_attempts", "Too many wrong tokens: wait before the next.", words)
        return None if self._gate.opens(address, token) else _unauthorized("The admin token is wrong.")

    def _hosts(self) -> tuple[str, ...]:
        server = self._settings.config.server
        return ("localhost", server.host.lower(), *(each.lower() for each in server.admin.allowed_hosts))

    def request_too_large(self, flow: http.HTTPFlow) -> None:
        """For a body that states no length."""
        if flow in self._flows and flow.response is None:
            flow.response = refusal(413, "too_large", "The body is too large.")

    def attempt(self, flow: http.HTTPFlow) -> None:
        """Runs before Outbound's. The failover layer asks for the try, and tells how it ended."""
        if flow not in self._flows:
            return
        if (ended := failover.last_try(flow)) is None:
            if flow.response is None:
                self._send(flow)
        elif ended.ending is not Ending.WHOLE:
            logger.error("The admin API did not answer: %s", ended.detail)
            flow.response = refusal(502, "failed", "The admin API did not answer.")

    def _send(self, flow: http.HTTPFlow) -> None:
        config, request = self._settings.config, flow.request
        target = urlsplit(self._internal.base_url("admin"))
        path = request.path.removeprefix(config.server.base_path)
        fields = without(request.headers.fields, _HOP, (b"x-axonhub-", b"x-forwarded-"))
        data = request.data
        data.scheme, data.authority, data.host, data.port = b"http", b"", target.hostname or "", target.port or 0
        data.path = path.encode("utf-8", "surrogateescape")
        data.headers.fields = ((b"host", target.netloc.encode()), *fields)
        failover.aim(
            flow,
            failover.Try(
                {"x-axonhub-process-token": self._internal.token.get_secret_value(), **self._session(flow)},
                connect_timeout_s=config.retry.connect_timeout_s,
                first_event_timeout_s=config.server.llm_request_timeout_s,
                idle_timeout_s=math.inf,
            ),
        )

    def _session(self, flow: http.HTTPFlow) -> Mapping[str, str]:
        used = self._used.pop(flow, "")
        return {SESSION_HEADER: used} if used else {}

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if flow not in self._flows or (current := failover.last_try(flow)) is None or flow.response is None:
            return
        _forget(flow)  # what was asked has been sent
        if flow.request.method != "HEAD" and flow.response.status_code not in _BODILESS:
            current.pipe = Untouched()  # what flows through is never kept in the flow

    def error(self, flow: http.HTTPFlow) -> None:
        if flow in self._flows:
            _forget(flow)


def foreign(headers: Mapping[str, str], hosts: Iterable[str]) -> bool:
    """Does a browser say that another site sent it, or is it called by a name that is not ours (DNS rebinding)?"""
    host = headers.get("host", "")
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    if (origin := headers.get("origin")) is not None and urlsplit(origin).netloc.lower() != host.lower():
        return True
    name = urlsplit(f"//{host}").hostname or ""
    return not (_is_address(name) or name in hosts)


def vouched(headers: Mapping[str, str]) -> bool:
    """Does the browser say that our own page sent it? `foreign` has seen that nothing speaks against it."""
    return headers.get("sec-fetch-site") == "same-origin" or "origin" in headers


def refusal(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> http.Response:
    return json_answer(status, {"error": {"code": code, "message": message}}, headers)


def _unauthorized(message: str) -> http.Response:
    return refusal(401, "unauthorized", message, {"www-authenticate": 'Bearer realm="axonhub admin"'})


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _forget(flow: http.HTTPFlow) -> None:
    if flow.request.data.content:
        flow.request.data.content = b"(not kept)"
