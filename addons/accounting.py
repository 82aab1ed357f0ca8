"""Addon: what an exchange cost, once its usage is known. Stands after whoever reads the answer and before the record.

An upstream inside this process costs nothing. Everybody else's answer without a known price has no cost at all, which
is not the same.
"""

from decimal import Decimal

from mitmproxy import http

from axonhub.addons import prices
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.exchange import Exchange, exchange_of


class Accounting:
    def running(self) -> None:
        prices.shipped_prices()  # read now, not within a request

    def response(self, flow: http.HTTPFlow) -> None:
        _account(exchange_of(flow))

    def error(self, flow: http.HTTPFlow) -> None:
        """What was told before the client left is paid for."""
        _account(exchange_of(flow))


def _account(exchange: Exchange | None) -> None:
    if exchange is None or exchange.attempt is None or not exchange.usage.known:
        return
    candidate = exchange.attempt.candidate
    if channel_types()[candidate.channel.type].internal:
        exchange.cost = Decimal(0)
        return
    price = prices.price_of(exchange.usage, candidate.channel.name, candidate.model, exchange.config.prices)
    if price is not None:
        exchange.cost, exchange.price_version = prices.cost_of(exchange.usage, price), prices.version(price)
