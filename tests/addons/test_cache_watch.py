"""Which answers are noticed because their provider did not read what it had cached."""

from dataclasses import replace

from mitmproxy.test import tflow

from axonhub.addons.cache_watch import CacheWatch
from axonhub.addons.config import Channel, Config
from axonhub.addons.exchange import Address, Attempt, Candidate, Exchange, TraceIds, open_exchange
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.registry import discovered

PROTOCOL = discovered()["anthropic/messages"]
CHANNEL = Channel(name="first", type="anthropic")


def lost(watch: CacheWatch, usage: Usage, *, agent: str = "", model: str = "m", trace: str = "t") -> int:
    """After one more answer with this usage."""
    exchange = Exchange("req_1", 1.0, Config(), Address(PROTOCOL, "generate"), "/v1/messages", usage=usage)
    exchange.trace = TraceIds(trace, agent_id=agent)
    exchange.attempts = [Attempt(Candidate(CHANNEL, model), PROTOCOL, None, 1.0)]
    flow = tflow.tflow()
    open_exchange(flow, exchange)
    watch.response(flow)
    return exchange.cache_lost_tokens


WRITTEN = Usage(10, 0, 5000, 0, 7)


def test_cache_that_is_read_again_is_no_news() -> None:
    watch = CacheWatch()

    assert [0, 0, 0] == [lost(watch, each) for each in (WRITTEN, Usage(10, 5000, 300, 0, 7), Usage(9, 5250, 50, 0, 7))]


def test_cache_that_is_not_read_again_is_noticed() -> None:
    watch = CacheWatch()
    lost(watch, WRITTEN)

    assert 5000 == lost(watch, Usage(10, 0, 5400, 0, 7))
    assert 5400 - 1200 == lost(watch, Usage(10, 1200, 4300, 0, 7))


def test_shorter_prompt_goes_on_from_nothing() -> None:
    watch = CacheWatch()
    lost(watch, WRITTEN)

    assert 0 == lost(watch, Usage(900, 0, 0, 0, 7))
    assert 5000 == lost(watch, Usage(10, 0, 5400, 0, 7))


def test_other_agents_models_and_traces_have_caches_of_their_own() -> None:
    watch = CacheWatch()
    lost(watch, WRITTEN)
    again = replace(WRITTEN, cache_write_5m_tokens=6000)

    assert [0, 0, 0] == [lost(watch, again, agent="a1"), lost(watch, again, model="n"), lost(watch, again, trace="u")]
    assert 0 == lost(watch, again, trace="")
