"""Addon: who calls. Takes the caller's key out of the flow, whatever becomes of it, and finds its owner.

A key may stand in `Authorization: Bearer`, `x-api-key`, `x-goog-api-key`, or `?key=`; one valid key will do. Keys are
compared as SHA-256 digests in constant time, so neither time nor a log tells anything of them.
"""

from mitmproxy import http

from axonhub.addons.answers import refuse
from axonhub.addons.config import ApiKey
from axonhub.addons.errors import Forbidden, GatewayError, Unauthenticated
from axonhub.addons.exchange import exchange_of
from axonhub.addons.header_fields import values, without
from axonhub.addons.routes import takes_key_in_query
from axonhub.addons.settings import Settings

_HEADERS = (b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key", b"proxy-authorization")
_MAX_KEY_LENGTH = 1024


class Authentication:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        keys, in_query = _take_header_keys(flow.request), _take_query_keys(flow.request)
        exchange = exchange_of(flow)
        if exchange is None or flow.response:
            return
        keys += in_query if takes_key_in_query(exchange.path) else []
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


def _take_header_keys(request: http.Request) -> list[str]:
    """The keys in the caller's headers; afterwards the request holds none."""
    keys: list[str] = []
    fields = request.headers.fields
    for value in values(fields, _HEADERS):
        scheme, _, credential = value.partition(" ")
        keys.append(credential.strip() if scheme.lower() in ("bearer", "basic") else value.strip())
    request.headers.fields = without(fields, _HEADERS)
    return [key for key in keys if 0 < len(key) <= _MAX_KEY_LENGTH]


def _take_query_keys(request: http.Request) -> list[str]:
    if "key" not in request.query:
        return []
    keys = request.query.get_all("key")
    del request.query["key"]
    return [key for key in keys if 0 < len(key) <= _MAX_KEY_LENGTH]
