"""Requirements H1 to H3, edge cases 11 and 170: every count is answered, by the provider's counter or by us."""

import json
from concurrent.futures import ThreadPoolExecutor

import anthropic
import pytest
from google import genai
from google.genai.types import HttpOptions

from tests.gateway.caller import Answer
from tests.gateway.conftest import (
    ANTHROPIC_HEADERS,
    CALLER_KEY,
    CHAT_HEADERS,
    StartGateway,
    Upstreams,
    anthropic_channel,
    ask_anthropic,
    chat_channel,
    config_of,
    messages_body,
)
from tests.gateway.process import Gateway
from tests.judges.sdk import judge_anthropic
from tests.upstreams.chat import chat
from tests.upstreams.plan import Turn, Usage
from tests.upstreams.plans import say
from tests.upstreams.server import json_reply

WORDS = "the quick brown fox jumps over the lazy dog " * 20
COUNT = "/v1/messages/count_tokens"


def count(gateway: Gateway, model: str = "gpt-4.1", **members: object) -> Answer:
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}], **members}
    return gateway.call("POST", COUNT, ANTHROPIC_HEADERS, json.dumps(body).encode())


def tokens(answer: Answer) -> int:
    counted = answer.json()
    assert answer.status == 200, counted
    assert isinstance(counted, dict)
    assert list(counted) == ["input_tokens"]
    return int(counted["input_tokens"])


def test_estimate_includes_all_that_the_provider_will_see(gateway: Gateway, upstreams: Upstreams) -> None:
    tool = {"name": "read", "description": WORDS, "input_schema": {"type": "object", "properties": {}}}
    call = {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": WORDS}
    history = [
        {"role": "user", "content": WORDS},
        {"role": "system", "content": WORDS},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ]

    counted = tokens(count(gateway, messages=history, system=WORDS, tools=[tool]))

    assert 5 * 180 <= counted <= 5 * 180 + 100
    assert upstreams.were_left_alone()


def test_answer_names_the_channel_that_was_counted_for(gateway: Gateway) -> None:
    answer = count(gateway)

    assert answer.header("x-axonhub-channel") == "second"
    assert answer.header("x-axonhub-model") == "gpt-4.1"


def test_official_sdks_can_count(gateway: Gateway, upstreams: Upstreams) -> None:
    claude = anthropic.Anthropic(api_key=CALLER_KEY, base_url=f"{gateway.url}/anthropic", max_retries=0)
    options = HttpOptions(base_url=f"{gateway.url}/gemini")
    with claude, genai.Client(api_key=CALLER_KEY, http_options=options) as gemini:
        first = claude.messages.count_tokens(model="gpt-4.1", messages=[{"role": "user", "content": WORDS}])
        second = gemini.models.count_tokens(model="gpt-4.1", contents=WORDS)
    body = json.dumps({"model": "gpt-4.1", "input": WORDS}).encode()
    third = gateway.call("POST", "/v1/responses/input_tokens", CHAT_HEADERS, body)

    assert 180 <= first.input_tokens <= 200
    assert second.total_tokens == first.input_tokens
    assert third.json() == {"object": "response.input_tokens", "input_tokens": first.input_tokens}
    assert upstreams.were_left_alone()


@pytest.mark.parametrize("status", [401, 404, 500])
def test_estimate_answers_when_the_counter_fails(gateway: Gateway, upstreams: Upstreams, status: int) -> None:
    error = {"type": "error", "error": {"type": "api_error", "message": "no counter today"}}
    upstreams.anthropic.script = lambda request: json_reply(status, error)

    counted = tokens(count(gateway, "claude-sonnet-4-5", system=WORDS))

    assert counted >= 180
    assert upstreams.anthropic.requests


def test_counter_of_another_channel_is_not_needed(start: StartGateway, upstreams: Upstreams) -> None:
    """The channel that a request would go to decides, not one further down the list."""
    first = chat_channel(upstreams.chat, supported_models=["claude-sonnet-4-5"], priority=0)
    second = anthropic_channel(upstreams.anthropic, priority=1)
    gateway = start(config_of([{**first, "name": "near"}, {**second, "name": "far"}]))

    answer = count(gateway, "claude-sonnet-4-5")

    assert tokens(answer) > 0
    assert answer.header("x-axonhub-channel") == "near"
    assert upstreams.were_left_alone()


def test_unreadable_request_is_refused_in_the_callers_envelope(gateway: Gateway, upstreams: Upstreams) -> None:
    answer = count(gateway, messages="hello")

    assert answer.status == 400
    assert answer.error()["type"] == "invalid_request_error"
    assert upstreams.were_left_alone()


def test_unknown_model_is_not_counted(gateway: Gateway) -> None:
    assert count(gateway, "no-such-model").status == 404


def test_burst_of_large_counts_is_answered(gateway: Gateway, upstreams: Upstreams) -> None:
    """Editors ask for fifty in a second, each with the same tools and a conversation of its own length."""
    tools = [
        {"name": f"tool_{number}", "description": WORDS * 5, "input_schema": {"type": "object", "properties": {}}}
        for number in range(20)
    ]

    def one(length: int) -> int:
        history = [{"role": "user", "content": WORDS * length}]
        return tokens(count(gateway, messages=history, tools=tools))

    with ThreadPoolExecutor(10) as pool:
        counted = list(pool.map(one, range(1, 51)))

    assert counted == sorted(counted)
    assert all(18_000 + 180 * number <= each <= 18_500 + 182 * number for number, each in enumerate(counted, 1))
    assert upstreams.were_left_alone()


def test_stream_begins_with_an_estimate_and_ends_with_the_truth(gateway: Gateway, upstreams: Upstreams) -> None:
    turn = Turn(text="Yes.", usage=Usage(fresh=901, cache_read=99, out=42))
    upstreams.chat.script = chat(lambda conversation: turn, upstreams.refusals)

    answer = ask_anthropic(gateway, body=messages_body("gpt-4.1", system=WORDS, stream=True))

    begun = next(
        json.loads(line.removeprefix("data: "))
        for line in answer.body.decode().splitlines()
        if line.startswith("data: ")
    )
    assert begun["type"] == "message_start"
    assert 180 <= begun["message"]["usage"]["input_tokens"] <= 220
    assert judge_anthropic(answer.body).usage.input_tokens == 901


def test_stream_without_usage_keeps_the_estimate(gateway: Gateway, upstreams: Upstreams) -> None:
    upstreams.chat.script = chat(say("Yes."), upstreams.refusals)

    message = judge_anthropic(ask_anthropic(gateway, body=messages_body("gpt-4.1", system=WORDS, stream=True)).body)

    assert message.usage.input_tokens > 0
