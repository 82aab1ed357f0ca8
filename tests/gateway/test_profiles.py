"""A key's active profile decides which model is really asked, and may be another one from one request to the next."""

from tests.gateway.conftest import (
    MAPPED,
    MAPPED_KEY,
    StartGateway,
    Upstreams,
    anthropic_channel,
    api_key,
    ask_anthropic,
    ask_chat,
    chat_body,
    chat_channel,
    config_of,
    messages_body,
    profile,
)
from tests.gateway.process import Gateway


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


def test_profile_is_switched_while_it_runs(start: StartGateway, upstreams: Upstreams) -> None:
    gateway = start(config_of([anthropic_channel(upstreams.anthropic), chat_channel(upstreams.chat)], [MAPPED]))
    ask_anthropic(gateway, MAPPED_KEY)

    switched = gateway.command("profile", "use", "mapped", "dated")
    after = ask_anthropic(gateway, MAPPED_KEY)

    assert switched.returncode == 0, switched.stderr
    assert asked_models(upstreams) == ["deepseek-reasoner"]
    assert upstreams.anthropic.only.json()["model"] == "claude-sonnet-4-5-20250929"  # type: ignore[index, call-overload]
    assert after.header("x-axonhub-channel") == "first"


def test_unknown_profile_is_not_switched_to(start: StartGateway, upstreams: Upstreams) -> None:
    gateway = start(config_of([anthropic_channel(upstreams.anthropic), chat_channel(upstreams.chat)], [MAPPED]))

    wrong_profile = gateway.command("profile", "use", "mapped", "nonesuch")
    wrong_key = gateway.command("profile", "use", "nobody", "dated")
    ask_anthropic(gateway, MAPPED_KEY)

    assert [wrong_profile.returncode, wrong_key.returncode] == [1, 1]
    assert "nonesuch" in wrong_profile.stderr
    assert asked_models(upstreams) == ["deepseek-reasoner"]


def test_first_match_wins_and_is_not_mapped_again(start: StartGateway, upstreams: Upstreams) -> None:
    mappings = [
        {"from": "a", "to": "deepseek-chat"},
        {"from": "a|b", "to": "deepseek-reasoner"},
        {"from": "deepseek-chat", "to": "gpt-4.1"},
    ]
    key = api_key(active_profile="p", profiles=[{"name": "p", "model_mappings": mappings}])
    gateway = start(config_of([chat_channel(upstreams.chat)], [key]))

    for model in ("a", "b", "deepseek-chat"):
        ask_chat(gateway, body=chat_body(model))

    assert asked_models(upstreams) == ["deepseek-chat", "deepseek-reasoner", "gpt-4.1"]


def test_channel_may_rename_last(start: StartGateway, upstreams: Upstreams) -> None:
    channel = chat_channel(upstreams.chat, model_mappings=[{"from": "fast", "to": "deepseek-chat"}])
    gateway = start(config_of([channel]))

    answer = ask_chat(gateway, body=chat_body("fast"))

    assert answer.status == 200, answer.body
    assert asked_models(upstreams) == ["deepseek-chat"]


def test_profile_limits_channels_and_models(start: StartGateway, upstreams: Upstreams) -> None:
    limited = [
        api_key(name="by-name", key="k-name", active_profile="p", profiles=[{"name": "p", "channels": ["second"]}]),
        api_key(name="by-tag", key="k-tag", active_profile="p", profiles=[{"name": "p", "channel_tags": ["cheap"]}]),
        api_key(name="by-model", key="k-model", active_profile="p", profiles=[{"name": "p", "models": ["gpt-4.1"]}]),
    ]
    channels = [anthropic_channel(upstreams.anthropic), chat_channel(upstreams.chat, tags=["cheap"])]
    gateway = start(config_of(channels, limited))

    inside = [ask_chat(gateway, key).status for key in ("k-name", "k-tag", "k-model")]
    outside = [ask_anthropic(gateway, key).status for key in ("k-name", "k-tag", "k-model")]

    assert inside == [200, 200, 200]
    assert [status in (403, 404) for status in outside] == [True, True, True]
    assert upstreams.anthropic.requests == []


def test_edit_of_the_file_is_used_by_the_next_request(start: StartGateway, upstreams: Upstreams) -> None:
    gateway = start(config_of([chat_channel(upstreams.chat)], [api_key(active_profile="p", profiles=[{"name": "p"}])]))
    ask_chat(gateway)

    gateway.edit(api_keys=[api_key(active_profile="p", profiles=[profile("p", **{"gpt-4.1": "deepseek-chat"})])])

    def is_mapped() -> bool:
        return ask_chat(gateway).header("x-axonhub-model") == "deepseek-chat"

    gateway.wait_until(is_mapped, "the new mapping is used")
    assert asked_models(upstreams)[0] == "gpt-4.1"
