"""Addon: notices, as an answer ends, that its provider did not read what it had in its cache for the conversation.

By counts of tokens alone, so that it costs nothing; why it happened is for the doctor (`axonhub cache`, in
analysis/caches.py). The finding is in `Exchange.cache_lost_tokens` for whoever marks flows, and in the record.
"""

from collections import OrderedDict

from mitmproxy import http

from axonhub.addons.analysis.caches import lost_tokens
from axonhub.addons.exchange import Exchange, exchange_of

_MOST_CONVERSATIONS = 20_000


class CacheWatch:
    def __init__(self) -> None:
        self._cached: OrderedDict[tuple[str, str, str], int] = OrderedDict()
        """(trace, agent, model) → tokens that the provider has in its cache."""

    def response(self, flow: http.HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if exchange and exchange.trace.trace_id and exchange.attempt and exchange.usage.known and not exchange.failure:
            self._look(exchange, (exchange.trace.trace_id, exchange.trace.agent_id, exchange.attempt.candidate.model))

    def _look(self, exchange: Exchange, conversation: tuple[str, str, str]) -> None:
        usage, expected = exchange.usage, self._cached.get(conversation, 0)
        if usage.input_tokens < expected:
            return  # too short to go on from it: a title, a search, a compacted conversation
        read = usage.cache_read_tokens or 0
        exchange.cache_lost_tokens = lost_tokens(expected, read)
        self._cached[conversation] = read + usage.cache_write_tokens
        self._cached.move_to_end(conversation)
        if len(self._cached) > _MOST_CONVERSATIONS:
            self._cached.popitem(last=False)
