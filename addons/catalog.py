"""Addon: the list of models that a caller's key may use, in the shape that its client knows; and each by itself."""

from urllib.parse import parse_qs, unquote

from mitmproxy import http

from axonhub.addons.answers import json_answer, refuse
from axonhub.addons.errors import UnknownModel
from axonhub.addons.exchange import Exchange, exchange_of
from axonhub.addons.model_cards import entries
from axonhub.addons.offering import offered
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.model_list import model_list, model_object


class Catalog:
    def request(self, flow: http.HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if exchange is None or flow.response or exchange.address.operation != "models":
            return
        try:
            flow.response = json_answer(200, shown(exchange, flow.request.path.partition("?")[2]), exchange.headers)
        except UnknownModel as error:
            refuse(flow, exchange, error)


def shown(exchange: Exchange, query: str) -> JsonObject:
    """UnknownModel for one that this key may not use, or that is on no list."""
    protocol, include = exchange.address.protocol.name, _include(query)
    names = sorted(set(offered(exchange.config, exchange.profile)))
    if exchange.address.model is None:
        return model_list(protocol, entries(exchange.config, exchange.profile, names), include)
    name = unquote(exchange.address.model)
    if name not in names:
        raise UnknownModel(f"The model {name[:200]!r} is not on this key's list.")
    return model_object(protocol, entries(exchange.config, exchange.profile, [name])[0], include)


def _include(query: str) -> frozenset[str]:
    """`?include=all` or names with commas between."""
    values = parse_qs(query).get("include", [])
    return frozenset(name.strip() for value in values for name in value.split(","))
