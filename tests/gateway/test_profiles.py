"""A key's active profile decides which model is really asked, and may be another one from one request to the next."""

import pytest

from tests.gateway.conftest import (
    MAPPED,
    MAPPED_KEY,
    StartGateway,
    Upstreams,
    anthropic_channel,
    ask_anthropic,
    ask_chat,
    chat_body,
    chat_channel,
    config_of,
    messages_body,
    profile,
)
from tests.gateway.process import Gateway

MAPPINGS_IN_A_ROW = [
    {"from": "a", "to": "deepseek-chat"},
    {"from": "a|b", "to": "deepseek-reasoner"},
    {"from": "deepseek-chat", "to": "gpt-4.1"},
]
CHEAPER = profile("p", **{"gpt-4.1": "deepseek-chat"})
KEYS = [
    {**MAPPED, "name": "switched", "key": "k-switched"},
    {**MAPPED, "name": "kept", "key": "k-kept"},
    {"name": "plain", "key": "k-plain"},
    {
        "name": "row",
        "key": "k-row",
        "active_profile": "p",
        "profiles": [{"name": "p", "model_mappings": MAPPINGS_IN_A_ROW}],
    },
    {"name": "name", "key": "k-name", "active_profile": "p", "profiles": [{"name": "p", "channels": ["second"]}]},
    {"name": "tag", "key": "k-tag", "active_profile": "p", "profiles": [{"name": "p", "channel_tags": ["cheap"]}]},
    {"name": "model", "key": "k-model", "active_profile": "p", "profiles": [{"name": "p", "models": ["gpt-4.1"]}]},
    {"name": "edited", "key": "k-edited", "active_profile": "p", "profiles": [profile("p")]},
]


@pytest.fixture(scope="module")
def shared(start_for_module: StartGateway, standing_upstreams: Upstreams) -> Gateway:
    """A key for each test; the channels are the standing ones, the second with a tag and a mapping of its own."""
    second = chat_channel(
        standing_upstreams.chat, tags=["cheap"], model_mappings=[{"from": "fast", "to": "deepseek-chat"}]
    )
    return start_for_module(config_of([anthropic_channel(standing_upstreams.anthropic), second], KEYS))


def asked_models(upstreams: Upstreams) -> list[object]:
    return [request.json()["model"] for request in upstreams.chat.requests]  # type: ignore[index, call-overload]


def test_mapping_sends_each_model_to_its_own(gateway: Gateway, upstreams: Upstreams) -> None:
    sonnet = ask_anthropic(gateway, MAPPED_KEY, messages_body("claude-sonnet-4-5"))
    haiku = ask_anthropic(gateway, MAPPED_KEY, messages_body("claude-haiku-4-5"))

    assert asked_models(upstreams) == ["deepseek-reasoner", "deepseek-chat"]
    assert [sonnet.header("x-axonhub-model"), haiku.header("x-axonhub-model")] == ["deepseek-reasoner", "deepseek-chat"]
    assert upstreams.refusals == []
    assert upstreams.anthropic.requests == []


def test_answer_bears_the_name_that_was_asked(gateway: Gateway, upstreams: Upstreams) -> None:
    answer = ask_anthropic(gateway, MAPPED_KEY, messages_body("claude-sonnet-4-5")).json()

    assert isinstance(answer, dict)
    assert answer["model"] == "claude-sonnet-4-5"


def test_pattern_is_anchored_at_both_ends(gateway: Gateway, upstreams: Upstreams) -> None:
    answer = ask_anthropic(gateway, MAPPED_KEY, messages_body("my-claude-haiku-4-5"))

    assert answer.status == 404
    assert upstreams.were_left_alone()


def test_key_without_profile_is_not_mapped(gateway: Gateway, upstreams: Upstreams) -> None:
    ask_anthropic(gateway, body=messages_body("claude-sonnet-4-5"))

    assert upstreams.anthropic.only.json()["model"] == "claude-sonnet-4-5"  # type: ignore[index, call-overload]
    assert upstreams.chat.requests == []


def test_profile_is_switched_while_it_runs(shared: Gateway, upstreams: Upstreams) -> None:
    ask_anthropic(shared, "k-switched")

    switched = shared.command("profile", "use", "switched", "dated")
    after = ask_anthropic(shared, "k-switched")

    assert switched.returncode == 0, switched.stderr
    assert asked_models(upstreams) == ["deepseek-reasoner"]
    assert upstreams.anthropic.only.json()["model"] == "claude-sonnet-4-5-20250929"  # type: ignore[index, call-overload]
    assert after.header("x-axonhub-channel") == "first"


def test_unknown_profile_is_not_switched_to(shared: Gateway, upstreams: Upstreams) -> None:
    wrong_profile = shared.command("profile", "use", "kept", "nonesuch")
    wrong_key = shared.command("profile", "use", "nobody", "dated")
    ask_anthropic(shared, "k-kept")

    assert [wrong_profile.returncode, wrong_key.returncode] == [1, 1]
    assert "nonesuch" in wrong_profile.stderr
    assert asked_models(upstreams) == ["deepseek-reasoner"]


def test_first_match_wins_and_is_not_mapped_again(shared: Gateway, upstreams: Upstreams) -> None:
    for model in ("a", "b", "deepseek-chat"):
        ask_chat(shared, "k-row", chat_body(model))

    assert asked_models(upstreams) == ["deepseek-chat", "deepseek-reasoner", "gpt-4.1"]


def test_channel_may_rename_last(shared: Gateway, upstreams: Upstreams) -> None:
    answer = ask_chat(shared, "k-plain", chat_body("fast"))

    assert answer.status == 200, answer.body
    assert asked_models(upstreams) == ["deepseek-chat"]


@pytest.mark.parametrize("key", ["k-name", "k-tag", "k-model"])
def test_profile_limits_channels_and_models(shared: Gateway, upstreams: Upstreams, key: str) -> None:
    inside, outside = ask_chat(shared, key), ask_anthropic(shared, key)

    assert inside.status == 200, inside.body
    assert outside.status in (403, 404)
    assert upstreams.anthropic.requests == []


def test_edit_of_the_file_is_used_by_the_next_request(shared: Gateway, upstreams: Upstreams) -> None:
    mapped = {"name": "edited", "key": "k-edited", "active_profile": "p", "profiles": [CHEAPER]}
    before = ask_chat(shared, "k-edited")

    shared.edit(api_keys=[*KEYS[:-1], mapped])

    def is_mapped() -> bool:
        return ask_chat(shared, "k-edited").header("x-axonhub-model") == "deepseek-chat"

    shared.wait_until(is_mapped, "the new mapping is used")
    assert before.header("x-axonhub-model") == "gpt-4.1"
