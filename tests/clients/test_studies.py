"""What the gateway's commands tell of real runs of Claude Code."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from tests.clients.claude_code import QUIET, claude
from tests.clients.programs import Desk, program
from tests.gateway.network import Network, loopback_only
from tests.gateway.process import ROOT, Gateway, axonhub_command, start_gateway
from tests.upstreams.anthropic import anthropic
from tests.upstreams.plan import Plan
from tests.upstreams.plans import all_at_once, say, through_sub_agent, write_read_edit_run
from tests.upstreams.rules import Refusal
from tests.upstreams.server import Upstream
from tests.upstreams.toolboxes import CLAUDE_CODE, claude_code_agent

pytestmark = pytest.mark.client

KEY = "ah-key-of-claude-code"
MODEL = "claude-opus-4-8"


@pytest.fixture(scope="module")
def network() -> Network:
    return loopback_only()


@pytest.fixture
def upstream(network: Network) -> Iterator[Upstream]:
    with Upstream(anthropic(say(""), []), network.listener()) as one:
        yield one


@pytest.fixture
def gateway(upstream: Upstream, network: Network, tmp_path: Path) -> Iterator[Gateway]:
    folders = [tmp_path / name for name in ("gateway", "gateway-home")]
    for folder in folders:
        folder.mkdir()
    config = {
        "server": {"trace": {"claude_code_trace_enabled": True}},
        "api_keys": [{"name": "me", "key": KEY}],
        "prices": [{"model": MODEL, "input": 5, "output": 25}],
        "channels": [
            {
                "name": "one",
                "type": "anthropic",
                "base_url": upstream.url,
                "api_keys": ["sk-scripted"],
                "supported_models": [MODEL, "claude-haiku-4-5-20251001"],
            }
        ],
    }
    gateway = start_gateway(config, way="serve", folder=folders[0], home=folders[1], network=network)
    yield gateway
    gateway.stop()


@pytest.fixture
def desk(tmp_path: Path, network: Network) -> Desk:
    for folder in ("home", "project"):
        (tmp_path / folder).mkdir()
    return Desk(tmp_path / "home", tmp_path / "project", network)


def follow(upstream: Upstream, plan: Plan) -> list[Refusal]:
    refusals: list[Refusal] = []
    upstream.script = anthropic(plan, refusals)
    return refusals


def shown(gateway: Gateway, *arguments: str) -> Any:
    ran = gateway.command(*arguments, "--json")
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def records(gateway: Gateway, wanted: int) -> list[dict[str, Any]]:
    """Waits until so many are stored."""
    gateway.wait_until(lambda: len(shown(gateway, "trace", "list")) >= wanted, f"{wanted} records")
    return cast("list[dict[str, Any]]", shown(gateway, "trace", "list"))


def test_tree_has_the_sub_agent_below_the_call_that_started_it(
    gateway: Gateway, upstream: Upstream, desk: Desk
) -> None:
    prompt = "Write the file errand.txt, as a part of the work."
    errand = all_at_once([(CLAUDE_CODE.write(str(desk.file("errand.txt")), "done by another\n"), "")])
    refusals = follow(upstream, through_sub_agent(claude_code_agent(prompt), prompt, errand, "DONE: 1 results"))

    run = claude(desk, f"{gateway.url}/anthropic", KEY, "have it done")

    assert ("DONE: 1 results", []) == (run.answer, refusals)
    assert {run.session} == {each["trace_id"] for each in records(gateway, 4)}
    tree = shown(gateway, "trace", "tree", run.session)
    (main,) = tree["agents"]
    (child,) = main["children"]
    assert ("main", [("Agent", 1, 0)]) == (
        main["id"],
        [(t["name"], t["calls"], t["unanswered"]) for t in main["tools"]],
    )
    assert [("Write", 1, 0)] == [(tool["name"], tool["calls"], tool["errors"]) for tool in child["tools"]]
    assert child["label"]
    assert (2, 2, 4) == tuple(each["spending"]["requests"] for each in (main, child, tree))
    assert tree["spending"]["cost_micro_usd"] == sum(each["spending"]["cost_micro_usd"] for each in (main, child)) > 0
    assert [] == tree["notes"]
    assert main["tools"][0]["total_s"] >= child["tools"][0]["total_s"]


@contextmanager
def playing(gateway: Gateway, *arguments: str) -> Iterator[str]:
    """Where the recording answers."""
    process: subprocess.Popen[str] = gateway.network.inside(
        subprocess.Popen,
        axonhub_command("playback", *arguments, "--port", "0"),
        cwd=ROOT,
        env=dict(gateway.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().partition(" are played at ")[2].partition(";")[0]
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.mark.parametrize("way", ["strict", "loose"])
def test_run_repeats_without_a_provider(gateway: Gateway, upstream: Upstream, desk: Desk, way: str) -> None:
    """Strict: as it was, in the same folder. Loose: by somebody else in another folder, for whom all prompts differ."""
    file = desk.file("hello.py")
    follow(upstream, write_read_edit_run(CLAUDE_CODE, str(file)))
    first = claude(desk, f"{gateway.url}/anthropic", KEY, "make hello.py and fix it")
    written = file.read_bytes()
    records(gateway, 5)
    upstream.close()
    shutil.rmtree(desk.home)
    shutil.rmtree(desk.project)
    if way == "loose":
        desk = Desk(desk.home.with_name("other-home"), desk.project.with_name("other-project"), desk.network)
        file.parent.mkdir()
    desk.home.mkdir()
    desk.project.mkdir(exist_ok=True)

    with playing(gateway, first.session, *(["--loose"] if way == "loose" else [])) as url:
        again = claude(desk, f"{url}/anthropic", "any key", "make hello.py and fix it")

    assert ("DONE: hello 42", 0, []) == (again.answer, again.status, again.retries), again.stderr
    assert written == file.read_bytes()
    assert first.session != again.session


def test_run_that_goes_another_way_is_told_where(gateway: Gateway, upstream: Upstream, desk: Desk) -> None:
    follow(upstream, say("An answer."))
    first = claude(desk, f"{gateway.url}/anthropic", KEY, "Say something.")
    (one,) = records(gateway, 1)
    upstream.close()

    with playing(gateway, first.session) as url:
        other = claude(desk, f"{url}/anthropic", "any key", "Say something else.")

    assert 1 == other.status
    assert f"The nearest recorded request is {one['id']}" in other.answer
    assert "else" in other.answer.partition("first difference: messages[0]")[2]


@pytest.mark.parametrize("observe", [False, True], ids=["routed", "observed"])
def test_claude_code_that_knows_no_gateway_is_captured(
    upstream: Upstream, network: Network, desk: Desk, tmp_path: Path, observe: bool
) -> None:
    """It believes to speak with its vendor; the proxy setting and the authority are all that it is told."""
    command = [str(program("claude")), "-p", "--dangerously-skip-permissions", "--", "make hello.py and fix it"]
    file, port = desk.file("hello.py"), network.free_port()
    follow(upstream, write_read_edit_run(CLAUDE_CODE, str(file)))
    folders = [tmp_path / name for name in ("gateway", "gateway-home")]
    for folder in folders:
        folder.mkdir()
    instead = ["--capture-instead", f"api.anthropic.com={upstream.url}"]
    gateway = start_gateway(
        captured_config(upstream), way="serve", folder=folders[0], home=folders[1], network=network,
        arguments=["--capture", "--capture-port", str(port), *instead, *(["--observe"] if observe else [])],
    )  # fmt: skip
    ran = desk.run(
        command,
        {
            **QUIET,
            "ANTHROPIC_API_KEY": "sk-ant-the-callers-own",
            "HTTPS_PROXY": f"http://127.0.0.1:{port}",
            "NODE_EXTRA_CA_CERTS": str(folders[1] / ".mitmproxy" / "mitmproxy-ca-cert.pem"),
        },
    )

    assert (0, "DONE: hello 42") == (ran.returncode, ran.stdout.strip()), f"{ran.stderr}\n{gateway.log()[-3000:]}"
    assert file.read_text().startswith("greeting = 'hello'")
    asked = [request for request in upstream.requests if request.path == "/v1/messages"]
    credential = "sk-ant-the-callers-own" if observe else "sk-scripted"
    assert (5, {credential}) == (len(asked), {request.header("x-api-key") for request in asked})
    found = records(gateway, 5)
    assert {"observed" if observe else "api"} == {each["source"] for each in found}
    assert 1 == len({each["trace_id"] for each in found})
    gateway.stop()
    for kept in (path for path in folders[0].rglob("*") if path.is_file()):
        assert b"sk-ant-the-callers-own" not in kept.read_bytes(), kept


def captured_config(upstream: Upstream) -> dict[str, object]:
    channel = {
        "name": "one",
        "type": "anthropic",
        "base_url": upstream.url,
        "api_keys": ["sk-scripted"],
        "supported_models": [MODEL, "claude-haiku-4-5-20251001"],
    }
    server = {"trace": {"claude_code_trace_enabled": True}}
    return {"server": server, "api_keys": [{"name": "me", "key": KEY}], "channels": [channel]}
