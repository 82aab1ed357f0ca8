"""One channel with an address for each of two protocols: each client's bytes pass at the address of its own."""

import json

from tests.gateway.conftest import (
    CHAT_CREDENTIAL,
    StartGateway,
    Upstreams,
    ask_anthropic,
    ask_chat,
    chat_body,
    config_of,
    messages_body,
)


def test_each_client_is_answered_in_its_own_protocol(start: StartGateway, upstreams: Upstreams) -> None:
    both = {
        "name": "both",
        "type": "deepseek",
        "base_url": f"{upstreams.chat.url}/v1",
        "endpoints": [{"protocol": "anthropic/messages", "base_url": upstreams.anthropic.url}],
        "api_keys": [CHAT_CREDENTIAL],
        "supported_models": ["deepseek-chat"],
    }
    gateway = start(config_of([both]))

    messages, chat = messages_body("deepseek-chat"), chat_body("deepseek-chat")
    by_anthropic, by_chat = ask_anthropic(gateway, body=messages), ask_chat(gateway, body=chat)

    assert (by_anthropic.status, by_chat.status) == (200, 200)
    assert [request.body for request in upstreams.anthropic.requests] == [messages]
    assert upstreams.anthropic.requests[0].header("x-api-key") == CHAT_CREDENTIAL
    assert json.loads(by_anthropic.body)["content"][0]["text"] == "Said by Anthropic."
    assert len(upstreams.chat.requests) == 1
    assert upstreams.refusals == []


def test_types_are_printed_with_all_that_tells_them_apart(start: StartGateway, upstreams: Upstreams) -> None:
    gateway = start(config_of([{"name": "demo", "type": "demo"}]))

    listed = {each["type"]: each for each in json.loads(gateway.command("channel", "types", "--json").stdout)}

    assert listed["deepseek"]["siblings"] == ["deepseek_anthropic"]
    assert listed["deepseek"]["dialect"]["vocabulary"] == "deepseek_v3"
    assert listed["claude-code"]["auth"] == "bearer"
    assert listed["anthropic"]["default_models"] != []
