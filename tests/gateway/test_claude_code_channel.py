"""A Claude Code subscription answers clients of every protocol, at an upstream as strict as Anthropic's."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import anthropic
import openai
import pytest
from google import genai
from google.genai import types as gemini

from tests.gateway.conftest import (
    ANTHROPIC_HEADERS,
    CALLER_KEY,
    StartGateway,
    anthropic_channel,
    ask_anthropic,
    config_of,
    messages_body,
)
from tests.gateway.process import Gateway
from tests.upstreams.anthropic import anthropic as plain_anthropic
from tests.upstreams.claude_code import IDENTITY, NEEDED_BETAS, TOKEN, subscription, unified_limits
from tests.upstreams.plan import Call, Conversation, Plan, Turn
from tests.upstreams.plans import say
from tests.upstreams.rules import Refusal
from tests.upstreams.server import Upstream

MODEL = "claude-opus-4-5"
PLACE = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
WEATHER = "get_weather"
QUESTION = "What is the weather in Rome?"
ANSWER = "It is sunny: 21 degrees."


def forecast(conversation: Conversation) -> Turn:
    """Asks its tool first, and says what the tool brought."""
    if conversation.last is None:
        return Turn(text="I shall look.", calls=(Call(WEATHER, {"place": "Rome"}),))
    return Turn(text=f"It is {conversation.last.results[0].text}.")


@dataclass(slots=True)
class Subscription:
    gateway: Gateway
    upstream: Upstream
    refusals: list[Refusal] = field(default_factory=list)

    def follow(self, plan: Plan, limits: tuple[tuple[str, str], ...] = ()) -> None:
        self.upstream.forget()
        self.refusals.clear()
        self.upstream.script = subscription(plan, self.refusals, limits)


@pytest.fixture(scope="module")
def standing(start_for_module: StartGateway) -> Iterator[Subscription]:
    with Upstream(subscription(say(""), [])) as upstream:
        yield Subscription(start_for_module(config_of([channel(upstream)]), way="mitmdump"), upstream)


@pytest.fixture
def shared(standing: Subscription) -> Iterator[Subscription]:
    standing.follow(forecast)
    yield standing
    assert standing.refusals == []


def channel(upstream: Upstream, **more: object) -> dict[str, object]:
    return {
        "name": "subscription",
        "type": "claude-code",
        "base_url": "https://nowhere.invalid/overridden",
        "api_keys": [TOKEN],
        "settings": {"base_url_for_tests": upstream.url},
        **more,
    }


def chat_sdk(gateway: Gateway) -> openai.OpenAI:
    return openai.OpenAI(api_key=CALLER_KEY, base_url=f"{gateway.url}/v1", max_retries=0)


def anthropic_sdk(gateway: Gateway) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key=CALLER_KEY, base_url=f"{gateway.url}/anthropic", max_retries=0)


def gemini_sdk(gateway: Gateway) -> genai.Client:
    return genai.Client(api_key=CALLER_KEY, http_options=gemini.HttpOptions(base_url=f"{gateway.url}/gemini"))


# -- a conversation with a tool, by each SDK, streamed and whole


def by_chat(gateway: Gateway, streamed: bool) -> str:
    client = chat_sdk(gateway)
    messages: list = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTION}]
    tools: list = [{"type": "function", "function": {"name": WEATHER, "parameters": PLACE}}]

    def turn():
        if not streamed:
            return client.chat.completions.create(model=MODEL, messages=messages, tools=tools).choices[0].message
        with client.chat.completions.stream(model=MODEL, messages=messages, tools=tools) as events:
            events.until_done()
            return events.get_final_completion().choices[0].message

    first = turn()
    (call,) = first.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == (WEATHER, {"place": "Rome"})
    messages += [
        {
            "role": "assistant",
            "content": first.content,
            "tool_calls": [
                {"id": call.id, "type": "function", "function": {"name": WEATHER, "arguments": call.function.arguments}}
            ],
        },
        {"role": "tool", "tool_call_id": call.id, "content": "sunny: 21 degrees"},
    ]
    return turn().content


def by_responses(gateway: Gateway, streamed: bool) -> str:
    client = chat_sdk(gateway)
    said: list = [{"role": "user", "content": QUESTION}]
    tools: list = [{"type": "function", "name": WEATHER, "parameters": PLACE, "strict": False}]

    def turn():
        if not streamed:
            return client.responses.create(model=MODEL, instructions="Be brief.", input=said, tools=tools)
        with client.responses.stream(model=MODEL, instructions="Be brief.", input=said, tools=tools) as events:
            events.until_done()
            return events.get_final_response()

    (call,) = [item for item in turn().output if item.type == "function_call"]
    assert (call.name, json.loads(call.arguments)) == (WEATHER, {"place": "Rome"})
    said += [
        {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments},
        {"type": "function_call_output", "call_id": call.call_id, "output": "sunny: 21 degrees"},
    ]
    return turn().output_text


def by_anthropic(gateway: Gateway, streamed: bool) -> str:
    client = anthropic_sdk(gateway)
    messages: list = [{"role": "user", "content": QUESTION}]
    asked: dict = {
        "model": MODEL,
        "max_tokens": 100,
        "system": "Be brief.",
        "tools": [{"name": WEATHER, "input_schema": PLACE}],
    }

    def turn():
        if not streamed:
            return client.messages.create(**asked, messages=messages)
        with client.messages.stream(**asked, messages=messages) as events:
            return events.get_final_message()

    first = turn()
    (call,) = [block for block in first.content if block.type == "tool_use"]
    assert (call.name, call.input) == (WEATHER, {"place": "Rome"})
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny: 21 degrees"}
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    return turn().content[0].text


def by_gemini(gateway: Gateway, streamed: bool) -> str:
    client = gemini_sdk(gateway)
    contents = [gemini.Content(role="user", parts=[gemini.Part(text=QUESTION)])]
    function = gemini.FunctionDeclaration(name=WEATHER, parameters_json_schema=PLACE)
    config = gemini.GenerateContentConfig(
        system_instruction="Be brief.",
        tools=[gemini.Tool(function_declarations=[function])],
        automatic_function_calling=gemini.AutomaticFunctionCallingConfig(disable=True),
    )

    def turn() -> list[gemini.Part]:
        asked: dict = {"model": MODEL, "contents": contents, "config": config}
        answers = (
            client.models.generate_content_stream(**asked) if streamed else [client.models.generate_content(**asked)]
        )
        return [part for answer in answers for part in (answer.candidates[0].content.parts or [])]

    parts = turn()
    (call,) = [part.function_call for part in parts if part.function_call]
    assert (call.name, call.args) == (WEATHER, {"place": "Rome"})
    result = gemini.FunctionResponse(id=call.id, name=WEATHER, response={"result": "sunny: 21 degrees"})
    contents.append(gemini.Content(role="model", parts=parts))
    contents.append(gemini.Content(role="user", parts=[gemini.Part(function_response=result)]))
    return "".join(part.text or "" for part in turn())


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("converse", [by_chat, by_responses, by_anthropic, by_gemini])
def test_sdk_client_converses_with_a_tool(
    shared: Subscription, converse: Callable[[Gateway, bool], str], streamed: bool
) -> None:
    answer = converse(shared.gateway, streamed)

    assert "sunny: 21 degrees" in answer
    assert len(shared.upstream.requests) == 2
    for request in shared.upstream.requests:
        system = request.json()["system"]  # type: ignore[index, call-overload]
        assert [block["text"] for block in system] == [IDENTITY, "Be brief."]


def test_forced_tool_with_thinking_is_answered(shared: Subscription) -> None:
    """OpenAI's clients may ask for both; the provider refuses both together."""
    function: dict = {"type": "function", "function": {"name": WEATHER, "parameters": PLACE}}

    completion = chat_sdk(shared.gateway).chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": QUESTION}],
        tools=[function],  # type: ignore[list-item]
        tool_choice="required",
        reasoning_effort="high",
    )

    assert completion.choices[0].message.tool_calls is not None


def test_anthropics_client_may_force_a_tool_and_think(shared: Subscription) -> None:
    body = messages_body(
        max_tokens=4096,
        thinking={"type": "enabled", "budget_tokens": 2048},
        tools=[{"name": WEATHER, "input_schema": PLACE}],
        tool_choice={"type": "any"},
    )

    assert ask_anthropic(shared.gateway, body=body).status == 200


@pytest.mark.parametrize("system", [IDENTITY, [{"type": "text", "text": IDENTITY}], [], "Be brief."])
def test_identity_stands_there_once_whatever_the_client_sent(shared: Subscription, system: object) -> None:
    assert ask_anthropic(shared.gateway, body=messages_body(system=system)).status == 200


def test_betas_of_header_and_body_join_the_needed_ones(shared: Subscription) -> None:
    headers = (*ANTHROPIC_HEADERS, ("anthropic-beta", "oauth-2025-04-20, files-api-2025-04-14"))
    body = messages_body(betas=["interleaved-thinking-2025-05-14"])

    assert shared.gateway.call("POST", "/v1/messages", headers, body).status == 200
    (request,) = shared.upstream.requests
    assert request.header("anthropic-beta") is not None
    assert set(str(request.header("anthropic-beta")).split(",")) == {
        *NEEDED_BETAS,
        "files-api-2025-04-14",
        "interleaved-thinking-2025-05-14",
    }


def test_claude_codes_own_request_passes_untouched_but_for_the_authorisation(shared: Subscription) -> None:
    """Some of its requests have another identity, some none at all; a relay must not touch any of them."""
    body = b'{"model": "claude-haiku-4-5",  "max_tokens": 1,\n "messages": [{"content":"quota","role":"user"}]}'
    headers = (
        ("authorization", f"Bearer {CALLER_KEY}"),
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "claude-code-20250219,oauth-2025-04-20"),
        ("user-agent", "claude-cli/2.1.197 (external, cli)"),
        ("x-app", "cli"),
        ("content-type", "application/json"),
    )

    assert shared.gateway.call("POST", "/anthropic/v1/messages?beta=true", headers, body).status == 200
    (request,) = shared.upstream.requests
    assert request.body == body
    assert request.target == "/v1/messages?beta=true"
    for name, value in headers[1:]:
        assert request.values(name) == (value,)


def test_count_of_tokens_comes_from_the_subscription(shared: Subscription) -> None:
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}).encode()

    answer = shared.gateway.call("POST", "/anthropic/v1/messages/count_tokens", ANTHROPIC_HEADERS, body)

    assert (answer.status, list(json.loads(answer.body))) == (200, ["input_tokens"])
    assert [request.path for request in shared.upstream.requests] == ["/v1/messages/count_tokens"]


# -- the allowance


def test_subscription_that_is_used_up_comes_last(start: StartGateway) -> None:
    refusals: list[Refusal] = []
    full = subscription(say("Said by the subscription."), refusals, tuple(unified_limits(1.0, 0.3)))
    with Upstream(full) as upstream, Upstream(plain_anthropic(say("Said by the key."), refusals)) as other:
        gateway = start(config_of([channel(upstream), anthropic_channel(other, name="paid", priority=5)]))
        headers = (*ANTHROPIC_HEADERS, ("x-debug-mode", "true"))

        channels = [
            gateway.call("POST", "/v1/messages", headers, messages_body()).header("x-axonhub-channel") for _ in range(2)
        ]
        why = gateway.call("POST", "/v1/messages", headers, messages_body()).header("x-axonhub-debug")

    assert channels == ["subscription", "paid"]
    assert "100% of the provider's 5h quota is used" in str(why)
    assert refusals == []


def test_warning_of_the_allowance_spares_the_subscription_within_its_group(start: StartGateway) -> None:
    refusals: list[Refusal] = []
    limits = tuple(unified_limits(0.2, 0.95))
    with (
        Upstream(subscription(say("one"), refusals, limits)) as first,
        Upstream(subscription(say("two"), refusals, tuple(unified_limits(0.1, 0.1)))) as second,
    ):
        names = ("first", "second")
        gateway = start(
            config_of([channel(each, name=name) for name, each in zip(names, (first, second), strict=True)])
        )
        asked = [ask_anthropic(gateway).header("x-axonhub-channel") for _ in range(12)]

    assert "second" in asked
    last_first = max((index for index, name in enumerate(asked) if name == "first"), default=-1)
    assert asked.count("first") <= 1, asked
    assert set(asked[last_first + 1 :]) == {"second"}


def test_credential_of_another_kind_is_refused_at_start(start: StartGateway, standing: Subscription) -> None:
    wrong = config_of([channel(standing.upstream, api_keys=["sk-openai"])])
    gateway = start(config_of([channel(standing.upstream)]))
    gateway.edit(channels=wrong["channels"])

    checked = gateway.command("check")

    assert checked.returncode == 1
    assert "sk-ant" in checked.stdout
    assert "sk-openai" not in checked.stdout + checked.stderr
