"""Other client programs at work through the gateway, over providers of their own protocol and of others.

One gateway serves all. Each client has a key of its own for each provider, and the key's profile leads to a scripted
provider that nobody else asks; so the programs, which mostly wait, work side by side.
"""

import json
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import cast

import pytest

from tests.clients.others import AI_SDK, CLIENTS, Client
from tests.clients.programs import Desk
from tests.gateway.network import Network, loopback_only
from tests.gateway.process import Gateway, start_gateway
from tests.gateway.providers import PROVIDERS, Provider
from tests.upstreams.plan import Conversation, Plan, Turn
from tests.upstreams.plans import say, write_read_edit_run
from tests.upstreams.rules import Refusal
from tests.upstreams.server import Upstream

pytestmark = [pytest.mark.client, pytest.mark.wider]

AIDERS_ANSWER = "made.txt\n```\nmade by aider\n```\n"
THOUGHT = "It says goodbye; I have made it say hello. Now I run it."
AT_ONCE = 3
"""Programs at work at the same time."""


@dataclass(frozen=True, slots=True)
class Pair:
    client: Client
    provider: Provider

    @property
    def name(self) -> str:
        return f"{self.client.name}-over-{self.provider.name}"

    @property
    def key(self) -> str:
        return f"ah-key-of-{self.name}"

    @property
    def is_foreign(self) -> bool:
        return self.client.speaks != self.provider.protocol


PAIRS = [Pair(client, provider) for provider in PROVIDERS for client in CLIENTS]
"""Each program over its own protocol, too: that proves the script."""
PAIRS += [pair for provider in PROVIDERS for client in AI_SDK if (pair := Pair(client, provider)).is_foreign]


@dataclass(frozen=True, slots=True)
class Work:
    """What one client did, and what its provider heard."""

    desk: Desk
    ran: subprocess.CompletedProcess[str]
    refusals: list[Refusal]
    heard: list[Conversation]


@dataclass(slots=True)
class Lab:
    """The gateway, and the work that is asked for; it begins when the first test asks for its own."""

    gateway: Gateway
    upstreams: dict[str, Upstream]
    desks: dict[str, Desk]
    pool: ThreadPoolExecutor
    works: dict[str, Future[Work]] = field(default_factory=dict)

    def work(self, pair: Pair) -> Work:
        desk = self.desks[pair.name]
        command, environment = pair.client.arrange(desk, self.gateway.url, pair.key)
        refusals: list[Refusal] = []
        heard: list[Conversation] = []
        self.upstreams[pair.name].script = pair.provider.speaker(
            overheard(plan_for(pair.client, desk), heard), refusals
        )
        return Work(desk, desk.run([*command, "make hello.py and fix it"], environment), refusals, heard)


def plan_for(client: Client, desk: Desk) -> Plan:
    return say(AIDERS_ANSWER) if client.tools is None else write_read_edit_run(client.tools, str(desk.file("hello.py")))


def overheard(plan: Plan, heard: list[Conversation]) -> Plan:
    def listening(conversation: Conversation) -> Turn:
        heard.append(conversation)
        return plan(conversation)

    return listening


@pytest.fixture(scope="module")
def network() -> Network:
    return loopback_only()


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest, network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    wanted = wanted_pairs(request.session.items)
    with ExitStack() as stack:
        upstreams = {
            pair.name: stack.enter_context(Upstream(pair.provider.speaker(say(""), []), network.listener()))
            for pair in wanted
        }
        config = {
            "api_keys": [key_of(pair) for pair in wanted],
            "channels": [pair.provider.channel(pair.name, upstreams[pair.name].url) for pair in wanted],
        }
        folders = [tmp_path_factory.mktemp(name) for name in ("gateway", "home")]
        gateway = start_gateway(config, way="mitmdump", folder=folders[0], home=folders[1], network=network)
        stack.callback(gateway.stop)
        desks = {pair.name: Desk.inside(tmp_path_factory.mktemp(pair.name), network) for pair in wanted}
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE, "client"))
        stack.callback(pool.shutdown, cancel_futures=True)
        lab = Lab(gateway, upstreams, desks, pool)
        lab.works |= {pair.name: pool.submit(lab.work, pair) for pair in wanted}
        yield lab


def wanted_pairs(items: Sequence[pytest.Item]) -> list[Pair]:
    """Those whose tests were chosen, in their order."""
    specs = [item.callspec for item in items if isinstance(item, pytest.Function) and hasattr(item, "callspec")]
    return [pair for spec in specs if isinstance(pair := spec.params.get("pair"), Pair)]


def key_of(pair: Pair) -> dict[str, object]:
    profile = {"name": "only", "channels": [pair.name]}
    return {"name": pair.name, "key": pair.key, "active_profile": "only", "profiles": [profile]}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_changes_a_file(pair: Pair, lab: Lab) -> None:
    work = lab.works[pair.name].result()

    assert work.refusals == []
    assert work.ran.returncode == 0, (work.ran.stdout[-2000:], work.ran.stderr[-2000:], lab.gateway.log()[-2000:])
    if pair.client.tools is None:
        assert work.desk.file("made.txt").read_text() == "made by aider\n"
    else:
        assert "WRONG" not in work.ran.stdout
        assert "hello 42" in work.ran.stdout
        written = work.desk.file("hello.py").read_text()
        assert written.startswith("greeting = 'hello'\n# quotes \" and \\ backslash, ünïcödé 北京 🎈,")
        # What the model thought before its last call came back with that call.
        assert any(THOUGHT in heard.thoughts for heard in work.heard) == pair.provider.shows_thinking


def test_every_request_was_answered(lab: Lab) -> None:
    listed = lab.gateway.command("trace", "list", "--json", "--limit", "1000")

    records = cast("list[dict[str, object]]", json.loads(listed.stdout))
    # opencode does not wait for the title of its conversation: who left has no status.
    assert {record["status"] for record in records} - {None} == {200}
    assert {record["channel"] for record in records} == set(lab.works)
