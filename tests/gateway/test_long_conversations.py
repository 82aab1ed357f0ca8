"""Of a long conversation each request repeats the one before; what reaches the provider is what it says by itself."""

import json

import orjson

from tests.gateway.caller import Answer
from tests.gateway.conftest import ANTHROPIC_HEADERS, Upstreams
from tests.gateway.process import Gateway

MARK = {"cache_control": {"type": "ephemeral"}}
TOOLS = [{"name": "Read", "description": "Reads a file. " * 2000, "input_schema": {"type": "object"}}]
"""Long enough for a body to be remembered."""


def body_of(model: str, rounds: int, state: str) -> bytes:
    """The rounds of a tool loop as Claude Code sends them: the last message is marked; the system prompt changes."""
    messages: list[dict[str, object]] = [
        {"role": "user", "content": [{"type": "text", "text": f"What is in é.py? {state}"}]}
    ]
    for number in range(rounds):
        call = {"type": "tool_use", "id": f"toolu_{number}", "name": "Read", "input": {"path": f"{number}.py"}}
        result = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": f"],[{number}"}
        messages += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    messages[-1] = {**messages[-1], "content": [messages[-1]["content"][0] | MARK]}
    system = [{"type": "text", "text": f"The state is {state}."}, {"type": "text", "text": "Be brief."} | MARK]
    whole = {"model": model, "messages": messages, "system": system, "tools": TOOLS, "max_tokens": 64}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()


def ask(gateway: Gateway, session: str, body: bytes) -> Answer:
    headers = (*ANTHROPIC_HEADERS, ("x-claude-code-session-id", session))
    return gateway.call("POST", "/anthropic/v1/messages", headers, body)


def test_each_request_of_a_conversation_is_converted_as_if_it_came_alone(
    gateway: Gateway, upstreams: Upstreams
) -> None:
    asked = [body_of("gpt-4.1", rounds, state) for rounds, state in ((1, "a"), (2, "b"), (2, "b"), (4, "b"), (3, "cd"))]
    for body in asked:
        assert ask(gateway, "the-conversation", body).status == 200
    for number, body in enumerate(asked):
        assert ask(gateway, f"alone-{number}", body).status == 200

    sent = [request.body for request in upstreams.chat.requests]
    assert upstreams.refusals == []
    assert sent[: len(asked)] == sent[len(asked) :]
    assert len(set(sent)) == 4


def test_each_request_of_a_conversation_passes_as_it_came(gateway: Gateway, upstreams: Upstreams) -> None:
    asked = [body_of("claude-sonnet-4-5", rounds, state) for rounds, state in ((1, "a"), (2, "b"), (4, "cd"))]
    for body in asked:
        assert ask(gateway, "another-conversation", body).status == 200

    assert [request.body for request in upstreams.anthropic.requests] == asked


def test_what_is_no_longer_json_is_refused_where_it_goes_wrong(gateway: Gateway, upstreams: Upstreams) -> None:
    good = body_of("gpt-4.1", 2, "a")
    broken = good.replace(b'"],[1"', b'"]],[1"}]', 1)
    assert ask(gateway, "a-conversation-that-breaks", good).status == 200
    answer = ask(gateway, "a-conversation-that-breaks", broken)

    assert answer.status == 400
    assert wrong(broken) in json.loads(answer.body)["error"]["message"]
    assert ask(gateway, "a-conversation-that-breaks", good).status == 200


def wrong(body: bytes) -> str:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return str(error)
    raise AssertionError("it is JSON")
