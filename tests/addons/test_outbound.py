"""The first try is aimed at once, without a task, wherever nothing has to be waited for."""

import asyncio
from collections.abc import Awaitable
from inspect import iscoroutine

import orjson
import pytest
from mitmproxy.http import HTTPFlow
from mitmproxy.test.tflow import tflow

from axonhub.addons import failover
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.config import Channel, Config
from axonhub.addons.exchange import Exchange, exchange_of, open_exchange
from axonhub.addons.internal import Internal
from axonhub.addons.outbound import Outbound
from axonhub.addons.routes import claim
from axonhub.addons.selection import Selection
from axonhub.transformers.memory import SignatureMemory

BODY = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}]}
QUEUE = {"rate_limit": {"max_concurrent": 1, "queue_size": 1}}


def channel(name: str, **given: object) -> Channel:
    return Channel(**{"name": name, "type": "anthropic", "supported_models": ("m",), "api_keys": ("sk-1",)} | given)


def asked_of(*channels: Channel, body: object = BODY) -> tuple[HTTPFlow, Awaitable[None] | None]:
    """The flow, and what is left to wait for before its first try."""
    flow, selection = tflow(), Selection()
    exchange = Exchange("req_1", 0.0, Config(channels=channels), claim("POST", "/v1/messages", {}), "/v1/messages")
    exchange.body, exchange.document, exchange.asked_model = orjson.dumps(body), body, "m"
    open_exchange(flow, exchange)
    selection.request(flow)
    return flow, Outbound(selection, Internal({}), SignatureMemory()).attempt(flow)


def channels_tried(flow: HTTPFlow) -> list[str]:
    exchange = exchange_of(flow)
    assert exchange
    return [each.candidate.channel.name for each in exchange.attempts]


def test_first_try_waits_for_nothing():
    flow, rest = asked_of(channel("a"))

    tried = failover.last_try(flow)
    assert rest is None
    assert tried
    assert ["a"] == channels_tried(flow)
    assert {"x-api-key": "sk-1"} == tried.headers
    assert orjson.dumps(BODY) == flow.request.raw_content


@pytest.mark.parametrize("unfit", [1, 2])
def test_channel_that_cannot_say_it_is_passed_over_all_the_same(unfit: int):
    odd = BODY | {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "odd"}}]}]}
    others = [channel(f"unfit-{number}", type="openai", base_url="http://127.0.0.1:9") for number in range(unfit)]
    flow, rest = asked_of(*others, channel("fit", priority=1), body=odd)

    assert rest is not None
    asyncio.run(awaited(rest))
    assert len(channels_tried(flow)) == unfit + 1
    assert "fit" == channels_tried(flow)[-1]
    assert failover.last_try(flow)


@pytest.mark.parametrize("others", [(), (channel("second", priority=1),)])
def test_channel_with_a_queue_is_waited_for(others: tuple[Channel, ...]):
    flow, rest = asked_of(channel("a", settings=QUEUE), *others)

    assert rest is not None
    assert [] == channels_tried(flow)
    asyncio.run(awaited(rest))
    assert ["a"] == channels_tried(flow)


def test_credential_that_must_be_fetched_is_waited_for():
    kind = next(each.name for each in channel_types().values() if each.fetch_token)
    flow, rest = asked_of(channel("a", type=kind, api_keys=(), settings={"gcp": {"project_id": "p"}}))

    assert iscoroutine(rest)
    assert [] == channels_tried(flow)
    rest.close()


async def awaited(rest: Awaitable[None]) -> None:
    await rest
