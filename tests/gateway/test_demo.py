"""The demo channel gives an answer without any account, in every protocol, and calls a tool when asked to."""

import contextlib
import json
from pathlib import Path

import pytest

from tests.gateway.caller import call
from tests.gateway.conftest import (
    ANTHROPIC_HEADERS,
    CHAT_HEADERS,
    StartGateway,
    ask_anthropic,
    ask_chat,
    chat_body,
    config_of,
    messages_body,
)
from tests.gateway.process import Gateway
from tests.judges.grammar import anthropic_faults, chat_faults
from tests.judges.sdk import judge_anthropic, judge_anthropic_whole, judge_chat, judge_chat_whole

DEMO = {"name": "demo", "type": "demo", "supported_models": ["*"]}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
SAYING = {"role": "user", "content": "Please repeat the word zanzibar."}
CALLING = {"role": "user", "content": 'call get_weather {"city": "Ulm"}'}


@pytest.fixture(scope="module")
def demo(start_for_module: StartGateway) -> Gateway:
    return start_for_module(config_of([DEMO]))


def test_demo_speaks_anthropic(demo: Gateway) -> None:
    whole = ask_anthropic(demo, body=messages_body(messages=[SAYING]))
    streamed = ask_anthropic(demo, body=messages_body(messages=[SAYING], stream=True))

    assert "zanzibar" in judge_anthropic_whole(whole.body).to_json()
    assert "zanzibar" in judge_anthropic(streamed.body).to_json()
    assert anthropic_faults(streamed.body) == []


def test_demo_speaks_chat(demo: Gateway) -> None:
    whole = ask_chat(demo, body=chat_body(messages=[SAYING]))
    streamed = ask_chat(demo, body=chat_body(messages=[SAYING], stream=True, stream_options={"include_usage": True}))

    assert "zanzibar" in judge_chat_whole(whole.body).to_json()
    assert "zanzibar" in judge_chat(streamed.body).to_json()
    assert chat_faults(streamed.body, usage_asked=True) == []


def test_demo_answers_any_model(demo: Gateway) -> None:
    statuses = [
        ask_anthropic(demo, body=messages_body(model)).status for model in ("claude-sonnet-4-5", "gpt-5", "a/b:c")
    ]

    assert statuses == [200, 200, 200]


@pytest.mark.parametrize("stream", [False, True])
def test_demo_calls_a_tool_when_asked(demo: Gateway, stream: bool) -> None:
    tools = [{"name": "get_weather", "description": "Weather of a city", "input_schema": SCHEMA}]
    functions = [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}]

    first = ask_anthropic(demo, body=messages_body(messages=[CALLING], tools=tools, stream=stream))
    second = ask_chat(demo, body=chat_body(messages=[CALLING], tools=functions, stream=stream))

    message = judge_anthropic(first.body) if stream else judge_anthropic_whole(first.body)
    completion = judge_chat(second.body) if stream else judge_chat_whole(second.body)
    used = [block for block in message.content if block.type == "tool_use"]
    called = completion.choices[0].message.tool_calls or []
    assert [block.name for block in used] == ["get_weather"]
    assert [call.function.name for call in called if call.type == "function"] == ["get_weather"]
    assert [block.input for block in used] == [{"city": "Ulm"}]
    assert message.stop_reason == "tool_use"
    assert completion.choices[0].finish_reason == "tool_calls"


def test_demo_answers_after_a_tool_result(demo: Gateway) -> None:
    tools = [{"name": "get_weather", "input_schema": SCHEMA}]
    first = ask_anthropic(demo, body=messages_body(messages=[CALLING], tools=tools)).json()
    assert isinstance(first, dict)
    used = next(block for block in first["content"] if block["type"] == "tool_use")
    result = {"type": "tool_result", "tool_use_id": used["id"], "content": "sunny"}
    history = [CALLING, {"role": "assistant", "content": first["content"]}, {"role": "user", "content": [result]}]

    answer = judge_anthropic_whole(ask_anthropic(demo, body=messages_body(messages=history, tools=tools)).body)

    assert answer.stop_reason == "end_turn"


def test_demo_counts_tokens(demo: Gateway) -> None:
    body = json.dumps({"model": "claude-sonnet-4-5", "messages": [SAYING]}).encode()

    counted = demo.call("POST", "/anthropic/v1/messages/count_tokens?beta=true", ANTHROPIC_HEADERS, body).json()

    assert isinstance(counted, dict)
    assert list(counted) == ["input_tokens"]
    assert 3 <= counted["input_tokens"] <= 100


def test_demo_is_no_way_around_the_key(demo: Gateway) -> None:
    """Its own port takes only requests with the process's token."""
    inner = inner_ports(demo)

    assert inner != []
    for port in inner:
        answer = call(port, "POST", "/v1/messages", ANTHROPIC_HEADERS, messages_body())
        assert answer.status in (401, 403, 404)
        assert call(port, "POST", "/v1/chat/completions", CHAT_HEADERS, chat_body()).status in (401, 403, 404)


def inner_ports(gateway: Gateway) -> list[int]:
    """Ports other than the gateway's on which its process listens, by Linux's own list."""
    inodes = set()
    for link in Path(f"/proc/{gateway.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed, so nothing that listens
            target = str(link.readlink())
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    ports = []
    for row in Path(f"/proc/{gateway.process.pid}/net/tcp").read_text().splitlines()[1:]:
        fields = row.split()
        if fields[3] == "0A" and fields[9] in inodes:
            ports.append(int(fields[1].rpartition(":")[2], 16))
    return [port for port in ports if port != gateway.port]
