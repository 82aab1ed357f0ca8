"""Fixtures: a gateway in front of two scripted upstreams."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.gateway.caller import Answer
from tests.gateway.process import Config, Gateway, start_gateway
from tests.upstreams.anthropic import anthropic
from tests.upstreams.chat import chat
from tests.upstreams.plans import say
from tests.upstreams.rules import Refusal
from tests.upstreams.server import Upstream

CALLER_KEY = "ah-key-of-the-caller"
MAPPED_KEY = "ah-key-with-profiles"
DISABLED_KEY = "ah-key-that-is-disabled"
ANTHROPIC_CREDENTIAL = "sk-ant-credential-of-the-channel"
CHAT_CREDENTIAL = "sk-chat-credential-of-the-channel"
BODY_LIMIT = "8MB"
OVER_THE_LIMIT_BYTES = 9_000_000

ANTHROPIC_HEADERS = (
    ("x-api-key", CALLER_KEY),
    ("anthropic-version", "2023-06-01"),
    ("content-type", "application/json"),
)
CHAT_HEADERS = (("authorization", f"Bearer {CALLER_KEY}"), ("content-type", "application/json"))

type StartGateway = Callable[..., Gateway]


@dataclass(slots=True)
class Upstreams:
    """Two providers, strict and short of speech until a test sets their scripts."""

    anthropic: Upstream
    chat: Upstream
    refusals: list[Refusal] = field(default_factory=list)

    def reset(self) -> None:
        self.refusals.clear()
        self.anthropic.script = anthropic(say("Said by Anthropic."), self.refusals)
        self.chat.script = chat(say("Said by Chat."), self.refusals)
        for upstream in (self.anthropic, self.chat):
            upstream.forget()

    def were_left_alone(self) -> bool:
        return not any((upstream.requests, upstream.connections) != ([], 0) for upstream in (self.anthropic, self.chat))


@pytest.fixture(scope="session")
def standing_upstreams() -> Iterator[Upstreams]:
    script = anthropic(say(""), [])
    with Upstream(script) as first, Upstream(script) as second:
        yield Upstreams(first, second)


@pytest.fixture
def upstreams(standing_upstreams: Upstreams) -> Upstreams:
    standing_upstreams.reset()
    return standing_upstreams


@pytest.fixture(scope="session")
def gateway_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def gateway(
    standing_upstreams: Upstreams, gateway_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """One for all tests that do not change it; that it ended well shows at the end of the session."""
    folder = tmp_path_factory.mktemp("standing")
    gateway = start_gateway(standing_config(standing_upstreams), way="mitmdump", folder=folder, home=gateway_home)
    yield gateway
    gateway.stop()


@pytest.fixture
def start(tmp_path_factory: pytest.TempPathFactory, gateway_home: Path) -> Iterator[StartGateway]:
    """Starts gateways; each is stopped, and its end checked, when the test is over."""
    with ExitStack() as stack:
        yield starting(stack, tmp_path_factory, gateway_home)


@pytest.fixture(scope="module")
def start_for_module(tmp_path_factory: pytest.TempPathFactory, gateway_home: Path) -> Iterator[StartGateway]:
    """As `start`, for a gateway that all tests of a module share."""
    with ExitStack() as stack:
        yield starting(stack, tmp_path_factory, gateway_home)


def starting(stack: ExitStack, folders: pytest.TempPathFactory, home: Path) -> StartGateway:
    def start_one(config: Config, *, way: str = "mitmdump", **more: object) -> Gateway:
        gateway = start_gateway(config, way=way, folder=folders.mktemp("gateway"), home=home, **more)  # type: ignore[arg-type]
        stack.callback(gateway.stop)
        return gateway

    return start_one


def anthropic_channel(upstream: Upstream, **more: object) -> Config:
    return {
        "name": "first",
        "type": "anthropic",
        "base_url": upstream.url,
        "api_keys": [ANTHROPIC_CREDENTIAL],
        "supported_models": ["claude-sonnet-4-5", "claude-haiku-4-5", "claude-sonnet-4-5-20250929", "claude-opus-4-8"],
        **more,
    }


def chat_channel(upstream: Upstream, **more: object) -> Config:
    return {
        "name": "second",
        "type": "openai",
        "base_url": f"{upstream.url}/v1",
        "api_keys": [CHAT_CREDENTIAL],
        "supported_models": ["deepseek-reasoner", "deepseek-chat", "gpt-4.1"],
        **more,
    }


def api_key(**more: object) -> Config:
    return {"name": "me", "key": CALLER_KEY, **more}


def profile(name: str, **mappings: str) -> Config:
    return {"name": name, "model_mappings": [{"from": asked, "to": wanted} for asked, wanted in mappings.items()]}


DEEPSEEK_PROFILE = profile("deepseek", **{"claude-sonnet-4-5": "deepseek-reasoner", "claude-haiku-.*": "deepseek-chat"})
DATED_PROFILE = profile("dated", **{"claude-sonnet-.*": "claude-sonnet-4-5-20250929", "gpt-.*": "deepseek-chat"})
MAPPED = {
    "name": "mapped",
    "key": MAPPED_KEY,
    "active_profile": "deepseek",
    "profiles": [DEEPSEEK_PROFILE, DATED_PROFILE],
}


def standing_config(upstreams: Upstreams) -> Config:
    """An Anthropic and a Chat channel with different models; keys: plain, with profiles, disabled."""
    disabled = {"name": "off", "key": DISABLED_KEY, "status": "disabled"}
    dated = {**MAPPED, "name": "dated", "key": f"{MAPPED_KEY}-dated", "active_profile": "dated"}
    return {
        "server": {"max_request_body": BODY_LIMIT},
        "api_keys": [api_key(), MAPPED, dated, disabled],
        "channels": [anthropic_channel(upstreams.anthropic), chat_channel(upstreams.chat)],
    }


def config_of(channels: Sequence[Config], keys: Sequence[Config] = (), **more: object) -> Config:
    return {"api_keys": list(keys) or [api_key()], "channels": list(channels), **more}


def messages_body(model: str = "claude-sonnet-4-5", **more: object) -> bytes:
    """A small request in Anthropic's protocol."""
    whole = {"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": "hello"}], **more}
    return json.dumps(whole).encode()


def chat_body(model: str = "gpt-4.1", **more: object) -> bytes:
    """A small request in Chat Completions' protocol."""
    return json.dumps({"model": model, "messages": [{"role": "user", "content": "hello"}], **more}).encode()


def ask_anthropic(gateway: Gateway, key: str = CALLER_KEY, body: bytes | None = None) -> Answer:
    headers = (("x-api-key", key), *ANTHROPIC_HEADERS[1:])
    return gateway.call("POST", "/anthropic/v1/messages", headers, body or messages_body())


def ask_chat(gateway: Gateway, key: str = CALLER_KEY, body: bytes | None = None) -> Answer:
    headers = (("authorization", f"Bearer {key}"), *CHAT_HEADERS[1:])
    return gateway.call("POST", "/v1/chat/completions", headers, body or chat_body())
