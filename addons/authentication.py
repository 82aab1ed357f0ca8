"""Addon: who calls. Takes the caller's key out of the flow, whatever becomes of it, and finds its owner.

A key may stand in `Authorization: Bearer`, `x-api-key`, `x-goog-api-key`, or `?key=`; one valid key will do. Keys are
compared as SHA-256 digests in constant time, so neither time nor a log tells anything of them.
"""

from collections.abc import Iterator

from mitmproxy import http

from axonhub.addons.answers import refuse
from axonhub.addons.config import ApiKey
from axonhub.addons.errors import Forbidden, GatewayError, Unauthenticated
from axonhub.addons.exchange import exchange_of
from axonhub.addons.settings import Settings

_HEADERS = ("authorization", "x-api-key", "x-goog-api-key", "api-key", "proxy-authorization")
_MAX_KEY_LENGTH = 1024


class Authentication:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        keys = list(_take_keys(flow.request))
        exchange = exchange_of(flow)
        if exchange is None or flow.response:
            return
        try:
            exchange.api_key = self._authenticated(keys)
        except GatewayError as error:
            refuse(flow, exchange, error)
            return
        exchange.profile = self._settings.active_profile(exchange.api_key)

    def _authenticated(self, keys: list[str]) -> ApiKey:
        """The owner of the first valid key. Unauthenticated, or Forbidden when every known key is disabled."""
        owners = [owner for key in keys if (owner := self._settings.owner(key))]
        for owner in owners:
            if owner.status == "enabled":
                return owner
        if owners:
            raise Forbidden(f"The API key {owners[0].name!r} is {owners[0].status}.")
        if keys:
            raise Unauthenticated("The API key is not valid here.")
        raise Unauthenticated("An API key is needed: Authorization: Bearer, x-api-key or x-goog-api-key.")


def _take_keys(request: http.Request) -> Iterator[str]:
    """The keys that the caller shows; afterwards the request holds none."""
    for name in _HEADERS:
        for value in request.headers.get_all(name):
            scheme, _, credential = value.partition(" ")
            key = credential.strip() if credential and scheme.lower() in ("bearer", "basic") else value.strip()
            if 0 < len(key) <= _MAX_KEY_LENGTH:
                yield key
        request.headers.pop(name, None)
    if "key" in request.query:
        yield from (key for key in request.query.get_all("key") if 0 < len(key) <= _MAX_KEY_LENGTH)
        del request.query["key"]
