"""Addon: who calls. Takes the caller's key out of the flow, whatever becomes of it, and finds its owner.

A key may stand in `Authorization: Bearer`, `x-api-key`, `x-goog-api-key`, or `?key=`; one valid key will do. Keys are
compared in constant time, so neither time nor a log tells anything of them.

A request from inside shows the process's own token or the admin token instead, and says where it goes: see pinning.py.
"""

import hmac

from mitmproxy import http
from pydantic import SecretStr

from axonhub.addons.answers import refuse
from axonhub.addons.captured import Captured, captured_of, passes_by
from axonhub.addons.config import ApiKey, Profile
from axonhub.addons.errors import BadRequest, Forbidden, GatewayError, Unauthenticated
from axonhub.addons.exchange import Exchange, exchange_of
from axonhub.addons.indexed_headers import indexed
from axonhub.addons.pinning import read_pin, shown_token, without_pin
from axonhub.addons.routes import takes_key_in_query
from axonhub.addons.settings import Settings
from axonhub.addons.throttle import Gate

_HEADERS = (b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key", b"proxy-authorization")
_MAX_KEY_LENGTH = 1024
_NO_PROFILE = "-"


class Authentication:
    def __init__(self, settings: Settings, process_token: SecretStr, gate: Gate) -> None:
        self._settings, self._process_token, self._gate = settings, process_token, gate

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if passes_by(flow):
            return
        keys = _take_header_keys(flow.request)
        flow.request.headers.fields, pin = without_pin(flow.request.headers.fields)
        exchange = exchange_of(flow)
        if exchange is None and flow.response is None:
            return  # the doorway let it in, where `?key=` is the name of one
        in_query = _take_query_keys(flow.request)
        if exchange is None or flow.response:
            return
        if in_query and takes_key_in_query(exchange.path):
            keys += in_query
        try:
            if pin:
                self._take_pin(exchange, pin, flow.client_conn.peername[0])
            elif not exchange.observed:  # that one shows its provider who it is, and nobody here
                exchange.api_key = self._owner(exchange, keys, captured_of(flow))
                exchange.profile = self._settings.active_profile(exchange.api_key)
        except GatewayError as error:
            refuse(flow, exchange, error)

    def _owner(self, exchange: Exchange, keys: list[str], captured: Captured | None) -> ApiKey:
        """Of a captured request without a key of ours, whom the operator has named, or the only one that there is."""
        try:
            return self._authenticated(keys)
        except Unauthenticated:
            if captured is None:
                raise
        if captured.key:
            return self._named(exchange, captured.key)
        enabled = [each for each in exchange.config.api_keys if each.status == "enabled"]
        if len(enabled) == 1:
            return enabled[0]
        raise Unauthenticated("Several API keys exist: say as which one to capture, with --capture-key NAME.")

    def _take_pin(self, exchange: Exchange, told: dict[str, str], address: str) -> None:
        """Forbidden without one of the two tokens; BadRequest for a name that there is not."""
        if not self._is_inside(shown_token(told), address):
            raise Forbidden("Pins (x-axonhub-pin-…) are for requests from inside: the admin token is needed.")
        pin = exchange.pin = read_pin(told)
        if pin.key:
            exchange.api_key = self._named(exchange, pin.key)
            exchange.profile = self._profile(exchange.api_key, pin.profile)
        elif pin.profile not in ("", _NO_PROFILE):
            raise BadRequest("x-axonhub-pin-profile needs x-axonhub-pin-key: a profile is a key's.")

    def _is_inside(self, token: str, address: str) -> bool:
        own = self._process_token.get_secret_value().encode()
        return hmac.compare_digest(own, token.encode("utf-8", "surrogateescape")) or self._gate.opens(address, token)

    def _named(self, exchange: Exchange, name: str) -> ApiKey:
        found = next((each for each in exchange.config.api_keys if each.name == name), None)
        if found is None:
            raise BadRequest(f"There is no API key {name[:200]!r}.")
        return found

    def _profile(self, api_key: ApiKey, name: str) -> Profile | None:
        if not name:
            return self._settings.active_profile(api_key)
        found = next((each for each in api_key.profiles if each.name.lower() == name.lower()), None)
        if found is None and name != _NO_PROFILE:
            raise BadRequest(f"The API key {api_key.name!r} has no profile {name[:200]!r}.")
        return found

    def _authenticated(self, keys: list[str]) -> ApiKey:
        """The owner of the first valid key. Unauthenticated, or Forbidden when every known key is disabled."""
        disabled: ApiKey | None = None
        for key in keys:
            owner = self._settings.owner(key)
            if owner and owner.status == "enabled":
                return owner
            disabled = disabled or owner
        if disabled:
            raise Forbidden(f"The API key {disabled.name!r} is {disabled.status}.")
        if keys:
            raise Unauthenticated("The API key is not valid here.")
        raise Unauthenticated("An API key is needed: Authorization: Bearer, x-api-key or x-goog-api-key.")


def _take_header_keys(request: http.Request) -> list[str]:
    """The keys in the caller's headers; afterwards the request holds none."""
    keys: list[str] = []
    for raw in indexed(request).take(_HEADERS):
        value = raw.decode("utf-8", "surrogateescape")
        scheme, _, credential = value.partition(" ")
        keys.append(credential.strip() if scheme.lower() in ("bearer", "basic") else value.strip())
    return [key for key in keys if 0 < len(key) <= _MAX_KEY_LENGTH]


def _take_query_keys(request: http.Request) -> list[str]:
    path = request.path
    if "key" not in path and "%" not in path:
        return []  # to take a query apart takes longer
    if "key" not in request.query:
        return []
    keys = request.query.get_all("key")
    del request.query["key"]
    return [key for key in keys if 0 < len(key) <= _MAX_KEY_LENGTH]
