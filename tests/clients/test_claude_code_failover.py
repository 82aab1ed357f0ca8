"""Claude Code at work while its first channel fails in every way: it must not notice.

A death in mid-stream cannot be hidden from it, since what was said cannot be taken back. But it asks again by itself,
without a word to its user, as long as no part of the answer was complete; see `retry.hold_tool_calls`.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.clients.claude_code import claude
from tests.clients.programs import Desk
from tests.gateway.network import loopback_only
from tests.gateway.process import start_gateway
from tests.gateway.roads import NEVER
from tests.upstreams.anthropic import anthropic
from tests.upstreams.chat import chat
from tests.upstreams.plans import write_read_edit_run
from tests.upstreams.rules import Refusal
from tests.upstreams.server import Cut, Hold, Raw, Reply, Request, Script, Step, Upstream, json_reply
from tests.upstreams.toolboxes import CLAUDE_CODE

pytestmark = pytest.mark.client

KEY = "ah-key-of-claude-code"
MODEL = "claude-opus-4-8"


def overloaded(request: Request) -> Reply:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    return json_reply(529, error, (("retry-after", "0"),))  # else the channel would be left alone for a while


def cut(script: Script, events: int) -> Script:
    """Dies after so many events of a good answer."""

    def steps(body: Iterable[Step]) -> Iterator[Step]:
        for at, step in enumerate(body):
            if at == events:
                yield Cut(reset=True)
            yield step

    def dying(request: Request) -> Reply | Raw:
        reply = script(request)
        assert isinstance(reply, Reply)
        assert not isinstance(reply.body, bytes)
        return Reply(reply.status, reply.headers, steps(reply.body))

    return dying


class InTurn:
    """Answers each request in another way, and well when there is no other left."""

    def __init__(self, well: Script, *fates: Callable[[Request], Reply | Raw]) -> None:
        self.left, self._well = list(fates), well

    def __call__(self, request: Request) -> Reply | Raw:
        return self.left.pop(0)(request) if self.left and request.method == "POST" else self._well(request)


@pytest.mark.parametrize("death", [3, 8], ids=["in its words", "in its call"])
@pytest.mark.parametrize("protocol", ["anthropic", "chat"])
def test_work_goes_on_while_the_first_channel_fails(protocol: str, death: int, tmp_path: Path) -> None:
    network, refusals = loopback_only(), list[Refusal]()
    for folder in ("home", "project", "gateway", "gateway home"):
        (tmp_path / folder).mkdir()
    desk = Desk(tmp_path / "home", tmp_path / "project", network)
    file = desk.file("hello.py")
    well = (anthropic if protocol == "anthropic" else chat)(write_read_edit_run(CLAUDE_CODE, str(file)), refusals)
    fates = InTurn(
        well,
        overloaded,
        lambda request: Raw([Cut(reset=True)]),
        lambda request: Raw([Hold(NEVER)]),
        cut(well, death),
    )
    with Upstream(fates, network.listener()) as first, Upstream(well, network.listener()) as second:
        channels = [
            {
                "name": name,
                "type": protocol if protocol == "anthropic" else "openai",
                "base_url": one.url if protocol == "anthropic" else f"{one.url}/v1",
                "api_keys": ["sk-scripted"],
                "supported_models": [MODEL, "claude-haiku-4-5-20251001"],
                "priority": at,
            }
            for at, (name, one) in enumerate((("first", first), ("second", second)))
        ]
        gateway = start_gateway(
            {
                "api_keys": [{"name": "me", "key": KEY}],
                "channels": channels,
                "retry": {"first_event_timeout": "2s"},
            },
            way="mitmdump",
            folder=tmp_path / "gateway",
            home=tmp_path / "gateway home",
            network=network,
        )
        try:
            run = claude(desk, f"{gateway.url}/anthropic", KEY, "make hello.py and fix it")
        finally:
            gateway.stop()
    assert refusals == []
    assert run.status == 0, run.stderr
    assert run.answer == "DONE: hello 42"
    assert file.read_text().startswith("greeting = 'hello'\n")
    assert run.retries == []
    assert "API Error" not in json.dumps(run.events)
    assert fates.left == []
