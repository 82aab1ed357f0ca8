"""Which flows came by way of the capturing proxy, and what is nobody's business here: the caller's credentials.

They are taken out of the flow at once and live beside it until they are sent on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from mitmproxy import http
from mitmproxy.connection import Client
from mitmproxy.proxy.mode_specs import ReverseMode

from axonhub.addons.header_fields import without

_CREDENTIALS = (b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key", b"cookie")
_DROPPED = (b"proxy-authorization",)


@dataclass(frozen=True, slots=True)
class Captured:
    host: str
    """The provider's."""
    observed: bool
    """It goes on to the provider as it is; else it is a request to the gateway."""
    kind: str = ""
    """The channel type of an observed provider; "" for what is no model's business and only passes by."""
    key: str = ""
    """The API key as which it acts."""
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Header → value. Never logged, stored or shown."""

    @property
    def passes_by(self) -> bool:
        return self.observed and not self.kind


_captured: WeakKeyDictionary[http.HTTPFlow, Captured] = WeakKeyDictionary()


def capture(flow: http.HTTPFlow, captured: Captured) -> None:
    _captured[flow] = captured


def captured_of(flow: http.HTTPFlow) -> Captured | None:
    """None: it came to the gateway's own port."""
    return _captured.get(flow)


def passes_by(flow: http.HTTPFlow) -> bool:
    """Is it none of the gateway's business at all?"""
    captured = _captured.get(flow)
    return captured is not None and captured.passes_by


def is_proxied(client: Client) -> bool:
    """Did this client come by way of a proxy mode? All that the gateway serves itself is mitmproxy's reverse mode."""
    return not isinstance(client.proxy_mode, ReverseMode)


def taken_credentials(request: http.Request) -> dict[str, str]:
    """The caller's own; afterwards the request holds none."""
    fields = request.headers.fields
    found = {name.lower().decode(): value.decode("latin-1") for name, value in fields if name.lower() in _CREDENTIALS}
    request.headers.fields = without(fields, (*_CREDENTIALS, *_DROPPED))
    if "key" in request.query:
        found["x-goog-api-key"] = request.query["key"]
        del request.query["key"]
    return found
