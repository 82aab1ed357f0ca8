"""A subscription as a provider channel, set up as the guide says: made, tested, enabled; and each trouble in words."""

import pytest

from tests.gateway.administrator import ADMIN_TOKEN, Administrator
from tests.gateway.conftest import StartGateway, Upstreams, ask_chat, chat_body, config_of
from tests.gateway.roads import refuses
from tests.upstreams.claude_code import TOKEN, subscription
from tests.upstreams.plans import say
from tests.upstreams.rules import Refusal
from tests.upstreams.server import Script

MODELS = ["claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5"]
NAME = "/channels/Claude%20Code%20Provider"


@pytest.fixture
def refusals() -> list[Refusal]:
    return []


@pytest.fixture(scope="module")
def standing(start_for_module: StartGateway, standing_upstreams: Upstreams) -> Administrator:
    gateway = start_for_module(config_of([], server={"admin": {"token": ADMIN_TOKEN}}), way="serve")
    admin = Administrator(gateway)
    draft = {
        "name": "Claude Code Provider",
        "type": "claude-code",
        "base_url": "https://will.be.overridden.invalid",
        "api_keys": [TOKEN],
        "supported_models": MODELS,
        "settings": {"base_url_for_tests": standing_upstreams.anthropic.url},
    }
    admin.post("/channels", draft)
    return admin


@pytest.fixture
def admin(standing: Administrator, upstreams: Upstreams, refusals: list[Refusal]) -> Administrator:
    upstreams.anthropic.script = subscription(say("Said by Claude."), refusals)
    return standing


def trial(admin: Administrator, **draft: object) -> dict[str, object]:
    (found,) = admin.post(f"{NAME}/test", draft)["results"]
    return found  # type: ignore[no-any-return]


def test_subscription_is_made_tested_and_enabled_for_an_openai_client(admin, upstreams, refusals):
    tested = trial(admin)
    admin.post(f"{NAME}/enable")
    answer = ask_chat(admin.gateway, body=chat_body("claude-sonnet-4-5"))

    assert (True, "Said by Claude.", "claude-haiku-4-5") == (tested["success"], tested["text"], tested["model"])
    assert 200 == answer.status
    assert [] == refusals


@pytest.mark.parametrize(
    ("script", "what", "advice"),
    [
        (refuses(401, message="OAuth token has expired."), "OAuth token has expired", "claude setup-token"),
        (refuses(403, message="Not for this account."), "Not for this account", "subscription"),
        (refuses(429, message="Slow down."), "Slow down", "allowance"),
        (refuses(529, message="Overloaded"), "overloaded", "Wait"),
        (subscription(say(""), []), "without any content", "max_tokens"),
    ],
    ids=["expired", "forbidden", "limited", "overloaded", "empty"],
)
def test_trouble_of_the_provider_is_told_with_what_to_do(admin, upstreams, script: Script, what, advice):
    upstreams.anthropic.script = script
    tested = trial(admin)

    assert not tested["success"]
    assert what in str(tested["error"])
    assert advice in str(tested["advice"])
    assert TOKEN not in str(tested)


def test_network_trouble_names_what_is_on_the_way(admin, upstreams):
    dead = f"http://127.0.0.1:{admin.gateway.network.free_port()}"
    admin.done(admin.ask("PATCH", NAME, {"settings": {"base_url_for_tests": dead}}))
    tested = trial(admin)
    admin.done(admin.ask("PATCH", NAME, {"settings": {"base_url_for_tests": upstreams.anthropic.url}}))

    assert "could not be reached" in str(tested["error"])
    assert "firewall" in str(tested["advice"])


def test_model_that_is_not_listed_and_a_token_that_is_none_are_told(admin):
    tested = trial(admin, model="claude-sonnet-4-5-20250514")
    refused = admin.ask("PATCH", NAME, {"api_keys": ["a token without its beginning"]})

    assert "supported_models" in str(tested["advice"])
    assert 422 == refused.status
    assert "sk-ant" in str(refused.error()["message"])
