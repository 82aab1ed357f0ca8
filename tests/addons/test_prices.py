"""Costs, from what providers really send to exact dollars."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from axonhub.addons import prices
from axonhub.addons.config import Price
from axonhub.addons.prices import dollars, micro_dollars, price_of, shipped_prices, version
from axonhub.addons.pricing import cost_of
from axonhub.transformers.dialect import Dialect
from axonhub.transformers.hub.responses import Response
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocol import Undo
from axonhub.transformers.registry import discovered

ANTHROPIC: JsonObject = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
    "content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn", "stop_sequence": None,
    "usage": {
        "input_tokens": 12, "cache_read_input_tokens": 48_213, "cache_creation_input_tokens": 10_000,
        "cache_creation": {"ephemeral_5m_input_tokens": 2_200, "ephemeral_1h_input_tokens": 7_800},
        "output_tokens": 731, "service_tier": "standard",
    },
}  # fmt: skip
"""78 % of the cache writes are for an hour, as Claude Code writes them."""

CHAT: JsonObject = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4.1-2025-04-14",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}],
    "usage": {
        "prompt_tokens": 2_006, "completion_tokens": 300, "total_tokens": 2_306,
        "prompt_tokens_details": {"cached_tokens": 1_920, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    },
}  # fmt: skip

RESPONSES: JsonObject = {
    "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-5-2025-08-07",
    "output": [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": "x", "annotations": []}]}],
    "usage": {
        "input_tokens": 36_000, "input_tokens_details": {"cached_tokens": 32_768},
        "output_tokens": 1_536, "output_tokens_details": {"reasoning_tokens": 1_024}, "total_tokens": 37_536,
    },
}  # fmt: skip

DEEPSEEK: JsonObject = {
    "id": "1", "object": "chat.completion", "created": 1, "model": "deepseek-chat",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}],
    "usage": {
        "prompt_tokens": 1_000, "completion_tokens": 250, "total_tokens": 1_250,
        "prompt_cache_hit_tokens": 896, "prompt_cache_miss_tokens": 104,
    },
}  # fmt: skip

GEMINI: JsonObject = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "x"}]}, "finishReason": "STOP", "index": 0}],
    "usageMetadata": {
        "promptTokenCount": 11_500, "cachedContentTokenCount": 10_000, "candidatesTokenCount": 1_000,
        "thoughtsTokenCount": 10_000, "totalTokenCount": 22_500,
    },
    "modelVersion": "gemini-2.5-pro", "responseId": "1",
}  # fmt: skip


@pytest.mark.parametrize(
    ("protocol", "model", "answer", "expected"),
    [
        # 12 × 3 + 48,213 × 0.3 + 2,200 × 3.75 + 7,800 × 6 + 731 × 15
        ("anthropic/messages", "claude-sonnet-4-5", ANTHROPIC, "0.0805149"),
        # 86 × 2 + 1,920 × 0.5 + 300 × 8
        ("openai/chat", "gpt-4.1", CHAT, "0.003532"),
        # 3,232 × 1.25 + 32,768 × 0.125 + 1,536 × 10
        ("openai/responses", "gpt-5", RESPONSES, "0.023496"),
        # 104 × 0.28 + 896 × 0.028 + 250 × 0.42
        ("openai/chat", "deepseek-chat", DEEPSEEK, "0.000159208"),
        # 1,500 × 1.25 + 10,000 × 0.125 + 11,000 × 10
        ("gemini/generate_content", "gemini-2.5-pro", GEMINI, "0.113125"),
    ],
)
def test_what_a_provider_tells_has_an_exact_cost(protocol, model, answer, expected):
    read = discovered()[protocol].read_response(answer, Dialect(), Undo())
    assert isinstance(read, Response)
    price = price_of("any", model, ())
    assert price

    assert Decimal(expected) == cost_of(read.usage, price).total


USAGE = Usage(1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("fresh_tokens", "4"),
        ("cache_read_tokens", "0.4"),
        ("cache_write_5m_tokens", "5"),
        ("cache_write_1h_tokens", "8"),
        ("output_tokens", "20"),
    ],
)
def test_what_a_price_does_not_state_follows_from_its_input(kind, expected):
    usage = replace(Usage(), **{kind: 1_000_000})

    assert Decimal(expected) == cost_of(usage, Price(model="m", input=Decimal(4), output=Decimal(20))).total


def test_what_a_price_states_counts_even_when_it_is_nothing():
    price = Price.model_validate(
        {
            "model": "m",
            "input": 4,
            "output": 1,
            "cache_read": 0,
            "cache_write_5m": 0,
            "cache_write_1h": "0.5",
            "per": "1M",
        }
    )

    assert Decimal("5.5") == cost_of(USAGE, price).total


def test_a_price_may_be_for_another_number_of_tokens():
    assert (
        Decimal("0.003") == cost_of(Usage(fresh_tokens=3), Price(model="m", input=1, output=0, per_tokens=1000)).total
    )


def test_reasoning_is_not_paid_for_twice():
    price = Price(model="m", input=Decimal(1), output=Decimal(2))

    assert cost_of(Usage(output_tokens=10), price) == cost_of(Usage(output_tokens=10, reasoning_tokens=9), price)


ANYWHERE = Price(model="gpt-5", input=Decimal(7), output=Decimal(7))
HERE = Price(channel="here", model="gpt-5", input=Decimal(8), output=Decimal(8))
ELSEWHERE = Price(channel="elsewhere", model="gpt-5", input=Decimal(9), output=Decimal(9))


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ((ANYWHERE, ELSEWHERE, HERE), HERE),
        ((ELSEWHERE, ANYWHERE), ANYWHERE),
        ((ELSEWHERE,), shipped_prices()["gpt-5"]),
    ],
)
def test_the_channels_own_price_wins_over_any_channels_and_both_over_the_shipped_one(stated, expected):
    assert expected == price_of("here", "gpt-5", stated)


@pytest.mark.parametrize("model", ["gpt-5-", "GPT-5", "openai/gpt-5", "", "a-model-of-mine"])
def test_a_model_on_no_list_has_no_price(model):
    assert price_of("here", model, (ANYWHERE, HERE)) is None


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        # 200,000 tokens of prompt, cached or not, are the most for 1.25, 0.125 and 10
        (Usage(fresh_tokens=100_000, cache_read_tokens=100_000, output_tokens=1000), "0.1475"),
        (Usage(fresh_tokens=100_001, cache_read_tokens=100_000, output_tokens=1000), "0.2900025"),
    ],
)
def test_a_vendor_that_asks_more_for_longer_prompts_asks_it_for_everything(usage, expected):
    assert Decimal(expected) == cost_of(usage, shipped_prices()["gemini-2.5-pro"]).total


def test_the_version_of_a_price_changes_with_each_of_its_figures():
    versions = {version(each) for each in (ANYWHERE, HERE, HERE.model_copy(update={"cache_read": Decimal(1)}))}

    assert len(versions) == 3
    assert version(HERE) == version(HERE.model_copy())


def test_every_shipped_price_tells_where_it_is_from_and_when():
    lists = json.loads(Path(prices.__file__).with_name("prices.json").read_text(encoding="utf-8"))["vendors"]
    models = [model for each in lists for row in each["prices"] for model in row["models"]]

    assert all(each["source"].startswith("https://") and each["date"] and each["note"] for each in lists)
    assert len(models) == len(set(models)) == len(shipped_prices())


@pytest.mark.parametrize(
    ("cost", "text", "micro"),
    [("0", "0", 0), ("0.00250", "0.0025", 2500), ("0.0000004", "0.0000004", 0), ("100", "100", 100_000_000)],
)
def test_costs_are_written_without_exponents(cost, text, micro):
    assert (dollars(Decimal(cost)), micro_dollars(Decimal(cost))) == (text, micro)
