"""Every failure has a text that says what happened and what to do; the guide's four cases are among them."""

import pytest

from axonhub.addons.channels.registry import channel_types
from axonhub.addons.config import Channel
from axonhub.addons.troubleshooting import explained, not_served, not_usable
from axonhub.transformers.hub.failures import Failure, FailureKind

SUBSCRIPTION = Channel(name="c", type="claude-code", api_keys=("sk-ant-very-secret",))
KIND = channel_types()["claude-code"]


@pytest.mark.parametrize("kind", FailureKind)
@pytest.mark.parametrize("name", ["claude-code", "openai"])
def test_every_failure_is_explained_with_the_providers_words(name: str, kind: FailureKind):
    found = explained(Failure(kind, "so said the provider", status=418), SUBSCRIPTION, channel_types()[name])

    assert "(HTTP 418): so said the provider" in found.what
    assert len(found.advice) > 5
    assert "sk-ant-very-secret" not in found.what + found.advice


def test_bad_or_expired_token_of_a_subscription_is_made_anew():
    found = explained(Failure(FailureKind.AUTHENTICATION, "Invalid bearer token", status=401), SUBSCRIPTION, KIND)

    assert "claude setup-token" in found.advice


def test_subscription_that_cannot_be_reached_is_told_its_real_address():
    found = explained(Failure(FailureKind.NETWORK, ""), SUBSCRIPTION, KIND)

    assert "The provider could not be reached." == found.what
    assert "https://api.anthropic.com" in found.advice


def test_model_that_is_not_listed_is_named_with_those_that_are():
    found = not_served(SUBSCRIPTION, KIND, "claude-mythos")

    assert found is not None
    assert "'claude-mythos'" in found.what
    assert "claude-haiku-4-5, claude-sonnet-4-5, claude-opus-4-5" in found.what
    assert "supported_models" in found.advice
    assert not_served(SUBSCRIPTION, KIND, "claude-haiku-4-5") is None


def test_disabled_channel_says_what_it_waits_for():
    waiting = Channel(name="c", type="openai", status="disabled", disabled_reason="set SOME_KEY")

    found = not_usable(waiting)

    assert found is not None
    assert "set SOME_KEY" in found.what
    assert not_usable(SUBSCRIPTION) is None
