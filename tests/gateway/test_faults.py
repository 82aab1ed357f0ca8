"""Channels that misbehave because somebody asked them to: failover and its limits, tried out without a provider."""

from collections.abc import Iterator

import pytest

from tests.gateway.caller import Answer
from tests.gateway.conftest import (
    StartGateway,
    Upstreams,
    anthropic_channel,
    ask_anthropic,
    chat_channel,
    config_of,
    messages_body,
)
from tests.gateway.mitmweb import PASSWORD, Mitmweb
from tests.gateway.process import Gateway

HIDDEN = ("status 529 retry-after=30", "stall", "malformed 0", "cut 0")
SHOWN = ("cut 5", "malformed 5", "slow 0.01")
MODELS = {fault: f"model-{number}" for number, fault in enumerate((*HIDDEN, *SHOWN))}
"""Each fault has a channel and a model of its own: channels that fail cool down."""


@pytest.fixture(scope="module")
def standing(start_for_module: StartGateway, standing_upstreams: Upstreams) -> Gateway:
    first, second = standing_upstreams.anthropic, standing_upstreams.chat
    channels = [
        *(anthropic_channel(first, name=f"first-{model}", supported_models=[model]) for model in MODELS.values()),
        chat_channel(second, supported_models=list(MODELS.values()), priority=1),
    ]
    retry = {"first_event_timeout": "2s", "idle_timeout": "2s", "max_same_channel_retries": 0}
    inspection = {"faults": True, "web_password": PASSWORD}
    return start_for_module(config_of(channels, inspection=inspection, retry=retry), way="mitmweb")


@pytest.fixture
def gateway(standing: Gateway, upstreams: Upstreams) -> Iterator[Gateway]:
    yield standing
    Mitmweb(standing).command("axonhub.fault.clear")


def ask(gateway: Gateway, fault: str) -> Answer:
    """With a channel that misbehaves so."""
    model = MODELS[fault]
    Mitmweb(gateway).command("axonhub.fault", f"~meta channel:first-{model}", *fault.split())
    return ask_anthropic(gateway, body=messages_body(model, stream=True))


@pytest.mark.parametrize("fault", HIDDEN)
def test_next_channel_answers_for_one_that_misbehaves(gateway: Gateway, upstreams: Upstreams, fault: str) -> None:
    answer = ask(gateway, fault)

    assert (answer.status, answer.header("x-axonhub-channel")) == (200, "second")
    assert answer.header("x-axonhub-attempts") == "2"
    assert b"message_stop" in answer.body
    assert upstreams.anthropic.requests == [], "the provider is not asked"


def test_stream_that_is_cut_ends_in_the_client_s_protocol(gateway: Gateway) -> None:
    answer = ask(gateway, "cut 5")

    assert answer.status == 200
    assert b"event: error" in answer.body
    assert b"message_stop" not in answer.body


def test_malformed_event_reaches_the_client_as_it_would_from_a_provider(gateway: Gateway) -> None:
    assert b'{"this is": no JSON' in ask(gateway, "malformed 5").body


def test_slow_channel_still_answers(gateway: Gateway, upstreams: Upstreams) -> None:
    answer = ask(gateway, "slow 0.01")

    assert str(answer.header("x-axonhub-channel")).startswith("first-")
    assert b"message_stop" in answer.body
    assert upstreams.were_left_alone()


def test_faults_are_listed_and_cleared(gateway: Gateway) -> None:
    web = Mitmweb(gateway)
    web.command("axonhub.fault", "~u /v1/messages", "status", "503")

    assert web.command("axonhub.fault.list") == ["~u /v1/messages: status 503"]
    web.command("axonhub.fault.clear")
    assert web.command("axonhub.fault.list") == []


def test_nothing_misbehaves_unless_the_operator_allows_it(start: StartGateway, upstreams: Upstreams) -> None:
    config = config_of([anthropic_channel(upstreams.anthropic)])
    gateway = start(config, arguments=("--set", "axonhub_faults=/~all/status 529"))

    assert ask_anthropic(gateway).status == 200

    assert len(upstreams.anthropic.requests) == 1
    assert "inspection.faults: true" in gateway.log()
