"""Claude Code at work. The model is scripted, all else is real: the program, its tools, the files it leaves.

Each piece of work is done straight at the scripted provider (which proves the script), and through the gateway over
channels of each of the four protocols.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from tests.clients.claude_code import Run, claude
from tests.clients.programs import Desk
from tests.gateway.network import Network, loopback_only
from tests.gateway.process import Gateway, start_gateway
from tests.gateway.providers import ANTHROPIC, CHAT, GEMINI, RESPONSES, Provider
from tests.upstreams.plan import Conversation, Plan, Turn
from tests.upstreams.plans import all_at_once, remembers, say, through_sub_agent, write_read_edit_run
from tests.upstreams.rules import Refusal
from tests.upstreams.server import Request, Upstream
from tests.upstreams.toolboxes import CLAUDE_CODE, claude_code_agent

pytestmark = pytest.mark.client

KEY = "ah-key-of-claude-code"
MODEL = "claude-opus-4-8"
"""What Claude Code asks when it is told nothing."""


def way_name(way: str | Provider) -> str:
    return way if isinstance(way, str) else way.name


@dataclass(slots=True)
class Lab:
    """A provider, perhaps a gateway in front of it, and the address for the client."""

    upstream: Upstream
    provider: Provider
    base_url: str
    gateway: Gateway | None
    network: Network
    twin: Upstream | None = None
    """A second channel, equal to the first: no request of a session may go there."""
    refusals: list[Refusal] = field(default_factory=list)
    known_records: set[str] = field(default_factory=set)
    """Of earlier tests: the store keeps them all."""

    def new_records(self) -> list[dict[str, object]]:
        assert self.gateway is not None
        listed = self.gateway.command("trace", "list", "--json")
        assert listed.returncode == 0, listed.stderr
        records = cast("list[dict[str, object]]", json.loads(listed.stdout))
        return [record for record in records if record["id"] not in self.known_records]

    def follow(self, plan: Plan) -> None:
        self.refusals.clear()
        for upstream in filter(None, (self.upstream, self.twin)):
            upstream.forget()
            upstream.script = self.provider.speaker(plan, self.refusals)

    @property
    def model_calls(self) -> list[Request]:
        """In the order of arrival; of the one provider that was asked."""
        asked = [upstream.requests for upstream in filter(None, (self.upstream, self.twin)) if upstream.requests]
        assert len(asked) <= 1, "the session was spread over two channels"
        return [request for requests in asked for request in requests if request.method == "POST"]


@pytest.fixture(scope="module")
def network() -> Network:
    return loopback_only()


@pytest.fixture(scope="module", params=["direct", ANTHROPIC, CHAT, RESPONSES, GEMINI], ids=way_name)
def lab(request: pytest.FixtureRequest, network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    provider: Provider = ANTHROPIC if request.param == "direct" else request.param
    script = provider.speaker(say(""), [])
    with Upstream(script, network.listener()) as upstream, Upstream(script, network.listener()) as twin:
        if request.param == "direct":
            yield Lab(upstream, provider, upstream.url, None, network)
            return
        channels = [provider.channel(name, one.url) for name, one in (("one", upstream), ("twin", twin))]
        gateway = start_gateway(
            {
                "server": {"trace": {"claude_code_trace_enabled": True}},
                "api_keys": [{"name": "me", "key": KEY}],
                "channels": channels,
            },
            way="mitmdump",
            folder=tmp_path_factory.mktemp("gateway"),
            home=tmp_path_factory.mktemp("home"),
            network=network,
        )
        yield Lab(upstream, provider, f"{gateway.url}/anthropic", gateway, network, twin)
        gateway.stop()


@pytest.fixture
def desk(tmp_path: Path, network: Network) -> Desk:
    return Desk.inside(tmp_path, network)


def ask(lab: Lab, desk: Desk, prompt: str, *flags: str) -> Run:
    run = claude(desk, lab.base_url, KEY, prompt, *flags)
    assert lab.refusals == [], "the provider refused a request"
    log = "" if lab.gateway is None else lab.gateway.log()[-4000:]
    assert run.retries == [], log
    assert run.status == 0, f"{run.stderr}\n{log}"
    return run


def assert_one_trace(lab: Lab, requests: int) -> None:
    """All requests of the one session, and no others, are one trace on one channel."""
    assert len({request.header("x-claude-code-session-id") for request in lab.model_calls}) == 1
    if lab.gateway is None:
        return
    lab.gateway.wait_until(lambda: len(lab.new_records()) >= requests, f"{requests} new records in the store")
    records = lab.new_records()
    lab.known_records |= {str(record["id"]) for record in records}
    assert len(records) == requests
    assert len({record["trace_id"] for record in records}) == 1
    assert len({record["channel"] for record in records}) == 1
    assert {record["asked_model"] for record in records} == {MODEL}
    assert {record["status"] for record in records} == {200}


def streams(request: Request) -> bool:
    return (
        request.path.endswith(":streamGenerateContent") or cast("dict[str, object]", request.json())["stream"] is True
    )


def test_writes_reads_edits_and_runs_a_file(lab: Lab, desk: Desk) -> None:
    file = desk.file("hello.py")
    lab.follow(write_read_edit_run(CLAUDE_CODE, str(file)))

    run = ask(lab, desk, "make hello.py and fix it")

    assert run.answer == "DONE: hello 42"
    assert file.read_text().startswith("greeting = 'hello'\n# quotes \" and \\ backslash, ünïcödé 北京 🎈, tab\there\n")
    assert len(lab.model_calls) == 5
    assert all(streams(request) for request in lab.model_calls)
    assert_one_trace(lab, 5)


def test_calls_tools_in_parallel(lab: Lab, desk: Desk) -> None:
    names = ("one.txt", "two.txt", "three.txt")
    calls = [(CLAUDE_CODE.write(str(desk.file(name)), f"I am {name}\n"), "") for name in names]
    lab.follow(all_at_once([*calls, (CLAUDE_CODE.run("echo $((40 + 2))"), "42")]))

    run = ask(lab, desk, "do four things at once")

    assert run.answer == "DONE: 4 results"
    assert [desk.file(name).read_text() for name in names] == [f"I am {name}\n" for name in names]
    assert len(lab.model_calls) == 2
    assert_one_trace(lab, 2)


def test_failing_tool_is_told_to_the_model(lab: Lab, desk: Desk) -> None:
    def plan(conversation: Conversation) -> Turn:
        if conversation.last is None:
            return Turn(calls=(CLAUDE_CODE.run("echo to be seen; exit 3"),))
        return Turn(text=f"It said: {conversation.last.results[0].text}")

    lab.follow(plan)

    run = ask(lab, desk, "run what fails")

    assert "to be seen" in run.answer
    assert "Exit code 3" in run.answer
    assert_one_trace(lab, 2)


def test_starts_a_sub_agent(lab: Lab, desk: Desk) -> None:
    file = desk.file("errand.txt")
    prompt = "Write the file errand.txt, as a part of the work."
    errand = all_at_once([(CLAUDE_CODE.write(str(file), "done by another\n"), "")])
    lab.follow(through_sub_agent(claude_code_agent(prompt), prompt, errand, "DONE: 1 results"))

    run = ask(lab, desk, "have it done")

    assert run.answer == "DONE: 1 results"
    assert file.read_text() == "done by another\n"
    assert len(lab.model_calls) == 4
    assert_one_trace(lab, 4)


def test_continues_a_conversation(lab: Lab, desk: Desk) -> None:
    lab.follow(remembers("The first answer.", "And now?", "The second answer."))

    first = ask(lab, desk, "Begin.")
    second = ask(lab, desk, "And now?", "--continue")

    assert [first.answer, second.answer] == ["The first answer.", "The second answer."]
    assert first.session == second.session
    assert_one_trace(lab, 2)


def test_shows_its_context(lab: Lab, desk: Desk) -> None:
    """Counts tokens many times in parallel; with a provider that cannot, the gateway does."""
    lab.follow(say("An answer."))

    run = ask(lab, desk, "/context")

    assert "Context Usage" in run.answer or "tokens" in run.answer
    counters = ("/count_tokens", ":countTokens", "/input_tokens")
    counts = [request for request in lab.model_calls if request.path.endswith(counters)]
    if lab.provider is CHAT:
        assert lab.model_calls == []
    else:
        assert len(counts) >= 5
