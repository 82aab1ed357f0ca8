"""Claude Code over a channel of its own kind: what it sends reaches the subscription byte for byte."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.clients.claude_code import claude
from tests.clients.programs import Desk
from tests.gateway.network import loopback_only
from tests.gateway.process import start_gateway
from tests.upstreams.claude_code import NEEDED_BETAS, TOKEN, subscription
from tests.upstreams.plans import write_read_edit_run
from tests.upstreams.rules import Refusal
from tests.upstreams.server import Upstream
from tests.upstreams.toolboxes import CLAUDE_CODE

pytestmark = pytest.mark.client

KEY = "ah-key-of-claude-code"


def test_works_through_its_own_subscription_untouched(tmp_path: Path) -> None:
    network = loopback_only()
    for folder in ("home", "project", "gateway"):
        (tmp_path / folder).mkdir()
    desk, refusals = Desk(tmp_path / "home", tmp_path / "project", network), list[Refusal]()
    file = desk.file("hello.py")
    script = subscription(write_read_edit_run(CLAUDE_CODE, str(file)), refusals)
    with ExitStack() as stopping, Upstream(script, network.listener()) as upstream:
        channel = {
            "name": "subscription",
            "type": "claude-code",
            "api_keys": [TOKEN],
            "supported_models": ["*"],
            "settings": {"base_url_for_tests": upstream.url},
        }
        gateway = start_gateway(
            {"api_keys": [{"name": "me", "key": KEY}], "channels": [channel]},
            way="mitmdump",
            folder=tmp_path / "gateway",
            home=tmp_path / "home",
            network=network,
        )
        stopping.callback(gateway.stop)
        run = claude(desk, f"{gateway.url}/anthropic", KEY, "make hello.py and fix it")
        gateway.wait_until(lambda: len(json.loads(gateway.command("trace", "list", "--json").stdout)) == 5, "5 records")
        listed = gateway.command("trace", "list", "--json")
        sent = [
            stored_body(gateway.command("export", each["id"], "--as", "json")) for each in json.loads(listed.stdout)
        ]

    arrived = [request for request in upstream.requests if request.method == "POST"]
    assert (run.answer, run.retries, refusals) == ("DONE: hello 42", [], [])
    assert sorted(sent) == sorted(request.body for request in arrived)
    for request in arrived:
        assert str(request.header("user-agent")).startswith("claude-cli/")
        assert NEEDED_BETAS <= set(str(request.header("anthropic-beta")).split(","))


def stored_body(exported: object) -> bytes:
    """What the client sent, as the gateway kept it."""
    return json.loads(exported.stdout)["bodies"]["request"]["text"].encode()  # type: ignore[attr-defined, no-any-return]
