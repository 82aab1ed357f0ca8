"""Every client protocol over every provider protocol, through the gateway: what the client's own SDK has in hand.

The providers are scripted and as strict as real ones; each kind of turn is asked for whole and streamed. What is
converted here on its way is converted without a gateway in tests/transformers/test_pairs.py.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import pytest

from tests.gateway.caller import Answer
from tests.gateway.conftest import CALLER_KEY, StartGateway, api_key
from tests.gateway.process import Gateway
from tests.gateway.providers import ANTHROPIC, CHAT, DEEPSEEK_CHAT, GEMINI, RESPONSES, Provider
from tests.transformers.readers import READERS, Seen, StreamBroke
from tests.upstreams.plan import OVERLOADED, Call, Conversation, Plan, Turn, Usage
from tests.upstreams.plans import say
from tests.upstreams.rules import Json, Refusal, mapping
from tests.upstreams.server import Upstream

PROVIDERS = (
    replace(ANTHROPIC, model="claude-opus-4-8"),
    replace(CHAT, model="gpt-5.5"),
    DEEPSEEK_CHAT,
    RESPONSES,
    GEMINI,
)
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
NAMES = ("read", "stop")


@dataclass(frozen=True, slots=True)
class Caller:
    """How a client of one protocol asks, and how it goes on after its tools have run."""

    protocol: str
    path: str
    whole: Callable[[], dict[str, object]]
    """A request that wants to see everything, without model and stream."""
    after_tools: Callable[[Json, Json], list[object]]
    """From request and answer to the conversation with the results of the answer's calls; each result is `RESULT`
    and, where the protocol has a place for it, a picture."""
    conversation: str

    def request(self, model: str, streams: bool) -> tuple[str, bytes]:
        return self.addressed(model, streams, self.whole())

    def addressed(self, model: str, streams: bool, body: Mapping[str, object]) -> tuple[str, bytes]:
        if "{model}" in self.path:
            method = "streamGenerateContent?alt=sse" if streams else "generateContent"
            return self.path.format(model=model, method=method), json.dumps(body).encode()
        asks_usage = {"stream_options": {"include_usage": True}} if streams and self.protocol == "openai/chat" else {}
        return self.path, json.dumps({"model": model, "stream": streams, **asks_usage, **body}).encode()


RESULT = "text of the file"
USER = {"role": "user", "content": "hello"}


def anthropic_body() -> dict[str, object]:
    tools = [{"name": name, "input_schema": SCHEMA} for name in NAMES]
    return {"max_tokens": 4000, "messages": [USER], "tools": tools, "thinking": {"type": "adaptive"}}


def after_anthropic(body: Json, answer: Json) -> list[object]:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    content = [{"type": "text", "text": RESULT}, picture]
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": content if not at else RESULT}
        for at, block in enumerate(block for block in answer["content"] if block["type"] == "tool_use")  # type: ignore[attr-defined]
    ]
    return [USER, {"role": "assistant", "content": answer["content"]}, {"role": "user", "content": results}]


def chat_body() -> dict[str, object]:
    tools = [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in NAMES]
    return {"messages": [USER], "tools": tools, "reasoning_effort": "high"}


def after_chat(body: Json, answer: Json) -> list[object]:
    message = answer["choices"][0]["message"]  # type: ignore[index]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": RESULT} for call in message["tool_calls"]]
    return [USER, message, *results]


def responses_body() -> dict[str, object]:
    tools = [{"type": "function", "name": name, "parameters": SCHEMA, "strict": False} for name in NAMES]
    include = ["reasoning.encrypted_content"]
    reasoning = {"effort": "high", "summary": "auto"}
    return {"input": [USER], "tools": tools, "reasoning": reasoning, "include": include, "store": False}


def after_responses(body: Json, answer: Json) -> list[object]:
    picture = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"}
    output = [{"type": "input_text", "text": RESULT}, picture]
    items: list[dict[str, object]] = answer["output"]  # type: ignore[assignment]
    calls = [item for item in items if item["type"] == "function_call"]
    results = [
        {"type": "function_call_output", "call_id": call["call_id"], "output": output if not at else RESULT}
        for at, call in enumerate(calls)
    ]
    return [USER, *items, *results]


def gemini_body() -> dict[str, object]:
    functions = [{"name": name, "parametersJsonSchema": SCHEMA} for name in NAMES]
    return {
        "contents": [{"role": "user", "parts": [{"text": "hello"}]}],
        "tools": [{"functionDeclarations": functions}],
        "generationConfig": {"thinkingConfig": {"includeThoughts": True}},
    }


def after_gemini(body: Json, answer: Json) -> list[object]:
    content = answer["candidates"][0]["content"]  # type: ignore[index]
    calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
    results = [
        {
            "functionResponse": {
                **{name: call[name] for name in ("id", "name") if name in call},
                "response": {"r": RESULT},
            }
        }
        for call in calls
    ]
    picture = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    return [*body["contents"], content, {"role": "user", "parts": [*results, picture]}]  # type: ignore[misc]


CALLERS = (
    Caller("anthropic/messages", "/anthropic/v1/messages", anthropic_body, after_anthropic, "messages"),
    Caller("openai/chat", "/v1/chat/completions", chat_body, after_chat, "messages"),
    Caller("openai/responses", "/v1/responses", responses_body, after_responses, "input"),
    Caller("gemini/generate_content", "/gemini/v1beta/models/{model}:{method}", gemini_body, after_gemini, "contents"),
)
HEADERS = (
    ("authorization", f"Bearer {CALLER_KEY}"),
    ("anthropic-version", "2023-06-01"),
    ("content-type", "application/json"),
)


@dataclass(slots=True)
class Lab:
    """A gateway, and behind it a provider of each kind, each with a model of its own."""

    gateway: Gateway
    upstreams: Mapping[str, Upstream]
    refusals: list[Refusal] = field(default_factory=list)

    def follow(self, provider: Provider, plan: Plan) -> Upstream:
        self.refusals.clear()
        upstream = self.upstreams[provider.name]
        upstream.forget()
        upstream.script = provider.speaker(plan, self.refusals)
        return upstream

    def ask(self, caller: Caller, provider: Provider, streams: bool) -> Answer:
        return self.send(*caller.request(asked_model(provider), streams))

    def send(self, target: str, body: bytes) -> Answer:
        return self.gateway.call("POST", target, HEADERS, body)


def asked_model(provider: Provider) -> str:
    return f"of-{provider.name}"


@pytest.fixture(scope="module")
def lab(start_for_module: StartGateway) -> Iterator[Lab]:
    upstreams = {provider.name: Upstream(provider.speaker(say(""), [])) for provider in PROVIDERS}
    summaries = {"settings": {"dialect": {"reasoning_summaries": True}}}
    channels = [
        provider.channel(
            provider.name,
            upstreams[provider.name].url,
            supported_models=[provider.model],
            model_mappings=[{"from": asked_model(provider), "to": provider.model}],
            **(summaries if provider is RESPONSES else {}),
        )
        for provider in PROVIDERS
    ]
    gateway = start_for_module({"api_keys": [api_key()], "channels": channels, "retry": {"enabled": False}})
    yield Lab(gateway, upstreams)
    for upstream in upstreams.values():
        upstream.close()


USAGE = Usage(fresh=901, cache_read=99, out=42, reasoning=7)
TURNS = {
    "text": Turn(text="Just words: ünïcödé 北京 🎈."),
    "thinking": Turn("It thinks: ü.", "And speaks."),
    "parallel tools": Turn(text="Both.", calls=(Call("read", {"path": "a"}), Call("read", {"path": 'b"\\ ü'}))),
    "thinking and tools": Turn("It thinks.", calls=(Call("read", {"path": "a"}), Call("stop", {}))),
    "zero-argument tool": Turn(calls=(Call("stop", {}),)),
    "length": Turn(text="It goes on and", ending="length"),
    "filter": Turn(text="This is", ending="filter"),
}
PAIRS = [(caller, provider) for caller in CALLERS for provider in PROVIDERS]


def each(chosen: Iterable[tuple[Caller, Provider]]) -> pytest.MarkDecorator:
    named = [pytest.param(*pair, id=f"{pair[0].protocol}-over-{pair[1].name}") for pair in chosen]
    return pytest.mark.parametrize(("caller", "provider"), named)


pairs = each(PAIRS)
sighted_pairs = each(pair for pair in PAIRS if pair[1] is not DEEPSEEK_CHAT)
"""DeepSeek's models read no pictures."""
streamed = pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])


def expected(turn: Turn, provider: Provider) -> Seen:
    reasons = {"proper": "tool" if turn.calls else "end", "length": "length", "filter": "filter"}
    thinking = turn.thinking if provider.shows_thinking else ""
    calls = tuple((call.name, dict(call.arguments)) for call in turn.calls)
    return Seen(thinking, turn.text, calls, reasons[turn.ending], USAGE.prompt, USAGE.cache_read, USAGE.out)


@pairs
@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS)
@streamed
def test_turn_arrives(lab: Lab, caller: Caller, provider: Provider, turn: Turn, streams: bool) -> None:
    lab.follow(provider, lambda conversation: replace(turn, usage=USAGE))

    answer = lab.ask(caller, provider, streams)

    reader = READERS[caller.protocol]
    assert lab.refusals == []
    assert answer.status == 200, answer.body
    assert (reader.stream if streams else reader.whole)(answer.body) == expected(turn, provider)
    if streams and caller.protocol != provider.protocol:
        assert reader.faults(answer.body) == []


@pairs
@streamed
def test_error_before_the_answer_is_heard(lab: Lab, caller: Caller, provider: Provider, streams: bool) -> None:
    lab.follow(provider, lambda conversation: Turn(ending="overloaded"))

    answer = lab.ask(caller, provider, streams)

    status, message = READERS[caller.protocol].refused(answer.status, answer.body)
    assert OVERLOADED in message
    assert status in (503, 529)


BROKEN = {
    "speaking": Turn(text="Half of it and more of it"),
    "thinking": Turn("It thinks and", "speaks"),
    "calling": Turn(text="So", calls=(Call("read", {"path": "a"}),)),
}


@pairs
@pytest.mark.parametrize("turn", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("ending", ["overloaded", "cut"])
def test_stream_that_breaks_is_heard_to_break(
    lab: Lab, caller: Caller, provider: Provider, turn: Turn, ending: str
) -> None:
    lab.follow(provider, lambda conversation: replace(turn, ending=ending))

    answer = lab.ask(caller, provider, streams=True)

    reader = READERS[caller.protocol]
    assert answer.status == 200, answer.body
    with pytest.raises(StreamBroke, match=OVERLOADED if ending == "overloaded" else "."):
        reader.stream(answer.body)
    if caller.protocol != provider.protocol:
        assert reader.faults(answer.body) == []


@pairs
def test_whole_answer_that_is_cut_is_an_error(lab: Lab, caller: Caller, provider: Provider) -> None:
    lab.follow(provider, lambda conversation: Turn(text="Half of it", ending="cut"))

    answer = lab.ask(caller, provider, streams=False)

    status, _ = READERS[caller.protocol].refused(answer.status, answer.body)
    assert status >= 500


@sighted_pairs
def test_results_with_a_picture_and_the_thoughts_before_them_come_back(
    lab: Lab, caller: Caller, provider: Provider
) -> None:
    heard: list[Conversation] = []

    def plan(conversation: Conversation) -> Turn:
        heard.append(conversation)
        return TURNS["thinking and tools"] if conversation.last is None else Turn(text="Done.")

    upstream = lab.follow(provider, plan)
    first = mapping(lab.ask(caller, provider, streams=False).json())
    body = {**caller.whole(), caller.conversation: caller.after_tools(caller.whole(), first)}

    second = lab.send(*caller.addressed(asked_model(provider), True, body))

    assert lab.refusals == []
    assert READERS[caller.protocol].stream(second.body).text == "Done."
    last = heard[-1].last
    assert last is not None
    assert [result.call for result in last.results] == list(TURNS["thinking and tools"].calls)
    assert all(RESULT in result.text for result in last.results)
    assert ("It thinks." in heard[-1].thoughts) == provider.shows_thinking
    assert upstream.requests[-1].body.count(PNG.encode()) == has_pictures(caller)


def has_pictures(caller: Caller) -> bool:
    """A tool's message of chat has no place for one."""
    return caller.protocol != CHAT.protocol
