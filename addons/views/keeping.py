"""Which flows stay in the list: the latest, up to a number and an amount of memory; and what a finished one gives up.

Live flows, intercepted ones and those that a person marked stay whatever the limits.
"""

from collections.abc import Iterator, Sequence

from mitmproxy import flow as flows, http

from axonhub.addons.exchange import Exchange, exchange_of
from axonhub.addons.views.listing import MARKS
from axonhub.transformers.readings import Readings

_OVERHEAD_BYTES = 12_000
"""Of a flow with its exchange, beside the bodies; measured."""


def too_many(listed: Sequence[flows.Flow], most_flows: int, most_bytes: int) -> Iterator[flows.Flow]:
    """Those to remove, the oldest first."""
    sizes = [size_of(each) for each in listed]
    count, held = len(listed), sum(sizes)
    for each, size in zip(listed, sizes, strict=True):
        if count <= most_flows and held <= most_bytes:
            return
        if not stays(each):
            yield each
            count, held = count - 1, held - size


def stays(flow: flows.Flow) -> bool:
    return flow.live or flow.intercepted or (bool(flow.marked) and flow.marked not in MARKS)


def size_of(flow: flows.Flow) -> int:
    """Bytes of its bodies, each object once."""
    if not isinstance(flow, http.HTTPFlow):
        return _OVERHEAD_BYTES
    held = {id(each): len(each) for each in _bodies(flow) if each}
    return _OVERHEAD_BYTES + sum(held.values())


def _bodies(flow: http.HTTPFlow) -> Iterator[bytes | None]:
    yield flow.request.raw_content
    yield flow.response.raw_content if flow.response else None
    if exchange := exchange_of(flow):
        yield from (exchange.body, exchange.sent_body, exchange.response_body)
        for attempt in exchange.attempts:
            yield from (attempt.request_body, attempt.renamed_body, attempt.response_body)


def give_up(exchange: Exchange) -> None:
    """What nobody needs once the record is written: the parsed bodies are several times as large as the bytes."""
    exchange.document, exchange.readings = {}, Readings()
    exchange.request = None
    for attempt in exchange.attempts:
        attempt.answer = None
