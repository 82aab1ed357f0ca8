"""Addon: the list of models that a caller's key may use, in the shape that its client knows."""

from mitmproxy import http

from axonhub.addons.answers import json_answer
from axonhub.addons.exchange import exchange_of
from axonhub.addons.offering import offered
from axonhub.transformers.model_list import model_list


class Catalog:
    def request(self, flow: http.HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if exchange is None or flow.response or exchange.address.operation != "models":
            return
        names = sorted(set(offered(exchange.config, exchange.profile)))
        flow.response = json_answer(200, model_list(exchange.address.protocol.name, names), exchange.headers)
