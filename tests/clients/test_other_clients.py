"""Other client programs at work through the gateway, over providers of their own protocol and of others."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.clients.others import CLIENTS, Client
from tests.clients.programs import Desk
from tests.gateway.network import Network, loopback_only
from tests.gateway.process import Gateway, start_gateway
from tests.upstreams.anthropic import anthropic
from tests.upstreams.chat import chat
from tests.upstreams.chat_rules import DEEPSEEK
from tests.upstreams.plan import Plan
from tests.upstreams.plans import say, write_read_edit_run
from tests.upstreams.rules import Refusal
from tests.upstreams.server import Script, Upstream

pytestmark = [pytest.mark.client, pytest.mark.wider]

KEY = "ah-key-of-the-clients"
AIDERS_ANSWER = "made.txt\n```\nmade by aider\n```\n"

type Speaker = Callable[[Plan, list[Refusal]], Script]


def deepseek(plan: Plan, refusals: list[Refusal]) -> Script:
    return chat(plan, refusals, DEEPSEEK)


SPEAKERS: dict[str, tuple[Speaker, str, str]] = {
    "anthropic": (anthropic, "anthropic", ""),
    "chat": (chat, "openai", "/v1"),
    "deepseek": (deepseek, "deepseek", "/v1"),
}
"""By name: what speaks so, the channel's type, and the end of its base address."""


@pytest.fixture(scope="module")
def network() -> Network:
    return loopback_only()


@pytest.fixture(scope="module", params=SPEAKERS)
def provider(request: pytest.FixtureRequest, network: Network) -> Iterator[tuple[Upstream, str]]:
    speaker, _, _ = SPEAKERS[request.param]
    with Upstream(speaker(say(""), []), network.listener()) as upstream:
        yield upstream, request.param


@pytest.fixture(scope="module")
def gateway(
    provider: tuple[Upstream, str], network: Network, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    upstream, name = provider
    _, kind, path = SPEAKERS[name]
    channel = {
        "name": "only",
        "type": kind,
        "base_url": upstream.url + path,
        "api_keys": ["sk-scripted"],
        "supported_models": ["*"],
    }
    config = {"api_keys": [{"name": "me", "key": KEY}], "channels": [channel]}
    folders = [tmp_path_factory.mktemp(name) for name in ("gateway", "home")]
    gateway = start_gateway(config, way="mitmdump", folder=folders[0], home=folders[1], network=network)
    yield gateway
    gateway.stop()


@pytest.fixture
def desk(tmp_path: Path, network: Network) -> Desk:
    for folder in ("home", "project"):
        (tmp_path / folder).mkdir()
    return Desk(tmp_path / "home", tmp_path / "project", network)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_changes_a_file(client: Client, gateway: Gateway, provider: tuple[Upstream, str], desk: Desk) -> None:
    upstream, name = provider
    speaker, _, _ = SPEAKERS[name]
    file = desk.file("hello.py")
    plan = say(AIDERS_ANSWER) if client.tools is None else write_read_edit_run(client.tools, str(file))
    refusals: list[Refusal] = []
    upstream.forget()
    upstream.script = speaker(plan, refusals)
    command, environment = client.arrange(desk, gateway.url, KEY)

    ran = desk.run([*command, "make hello.py and fix it"], environment)

    assert refusals == []
    assert ran.returncode == 0, (ran.stdout[-2000:], ran.stderr[-2000:], gateway.log()[-2000:])
    if client.tools is None:
        assert desk.file("made.txt").read_text() == "made by aider\n"
    else:
        assert "WRONG" not in ran.stdout
        assert "hello 42" in ran.stdout
        assert file.read_text().startswith("greeting = 'hello'\n# quotes \" and \\ backslash, ünïcödé 北京 🎈,")
    listed = cast("list[dict[str, object]]", json.loads(gateway.command("trace", "list", "--json").stdout))
    assert {record["status"] for record in listed} == {200}
