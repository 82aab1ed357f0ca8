"""What an answer cost is in its record and in the sums; what nobody knows the price of shows as that."""

import json
from typing import cast

import pytest

from tests.gateway.conftest import (
    StartGateway,
    Upstreams,
    anthropic_channel,
    ask_anthropic,
    ask_chat,
    chat_body,
    chat_channel,
    config_of,
    messages_body,
)
from tests.gateway.process import Gateway
from tests.gateway.test_traces import record_of
from tests.upstreams.chat import chat
from tests.upstreams.plan import Turn, Usage

TURN = Turn(text="Not for nothing.", usage=Usage(fresh=901, cache_read=99, out=42))
PRICES = [{"channel": "second", "model": "gpt-4.1", "input": 2, "output": "8.5", "cache_read": "0.5"}]


@pytest.fixture
def priced(start: StartGateway, upstreams: Upstreams) -> Gateway:
    upstreams.chat.script = chat(lambda conversation: TURN, upstreams.refusals)
    channels = [
        anthropic_channel(upstreams.anthropic),
        chat_channel(upstreams.chat, supported_models=["gpt-4.1", "nobody-knows"]),
        {"name": "inside", "type": "demo", "supported_models": ["gpt-5"]},
    ]
    return start(config_of(channels, prices=PRICES))


def sums(gateway: Gateway) -> dict[str, dict[str, object]]:
    shown = gateway.command("usage", "--by", "model", "--json")
    assert shown.returncode == 0, shown.stderr
    return {str(row["value"]): row for row in cast("list[dict[str, object]]", json.loads(shown.stdout))}


def test_an_answer_has_its_cost(priced: Gateway) -> None:
    stated = record_of(priced, ask_chat(priced, body=chat_body("gpt-4.1")))
    converted = record_of(priced, ask_anthropic(priced, body=messages_body("gpt-4.1", stream=True)))
    unknown = record_of(priced, ask_chat(priced, body=chat_body("nobody-knows")))
    inside = record_of(priced, ask_chat(priced, body=chat_body("gpt-5")))

    for record in (stated, converted):
        assert (record["cost"], record["cost_micro_usd"]) == ("0.0022085", 2208)  # 901 × 2 + 99 × 0.5 + 42 × 8.5
        assert record["price_version"]
    assert stated["price_version"] == converted["price_version"]
    assert (unknown["cost"], unknown["cost_micro_usd"], unknown["price_version"]) == (None, None, None)
    assert (inside["cost"], inside["cost_micro_usd"]) == ("0", 0)
    shown = sums(priced)
    assert (shown["gpt-4.1"]["cost_micro_usd"], shown["gpt-4.1"]["unpriced"]) == (4416, 0)
    assert (shown["nobody-knows"]["cost_micro_usd"], shown["nobody-knows"]["unpriced"]) == (0, 1)
