"""Addon: what an exchange cost, once its usage is known. Stands after whoever reads the answer and before the record.

An upstream inside this process costs nothing. Everybody else's answer without a known price has no cost at all, which
is not the same. The price is that of the moment when the exchange began.
"""

from decimal import Decimal

from mitmproxy import http

from axonhub.addons import prices, pricing
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.config import Price
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
    if exchange is None or exchange.attempt is None:
        return
    candidate = exchange.attempt.candidate
    if channel_types()[candidate.channel.type].internal:
        exchange.cost = Decimal(0) if exchange.usage.known else None
        return
    price = prices.price_of(candidate.channel.name, candidate.model, exchange.config.prices)
    if price is not None:
        _price(exchange, price)


def _price(exchange: Exchange, price: Price) -> None:
    """Without usage only a price by request is known, and only an answer is paid for."""
    price, schedule = pricing.in_force(price, exchange.started_s, exchange.config.accounting.timezone)
    answered = exchange.failure is None and not exchange.canceled
    if exchange.usage.known or (answered and pricing.by_request_only(price)):
        cost = pricing.cost_of(exchange.usage, price)
        exchange.cost, exchange.cost_items = cost.total, cost.items
        exchange.price_version, exchange.price_schedule = prices.version(price), schedule
