"""What commands tell of a trace that went through a running gateway."""

import json
from typing import Any

from tests.gateway.conftest import ANTHROPIC_HEADERS, StartGateway, Upstreams, anthropic_channel, config_of
from tests.gateway.process import Gateway
from tests.upstreams.anthropic import anthropic
from tests.upstreams.plan import Conversation, Turn, Usage
from tests.upstreams.server import Upstream


def ask(gateway: Gateway, trace: str, system: str, *turns: dict[str, Any]) -> str:
    """The request's id."""
    body = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 64,
        "system": [{"type": "text", "text": system}],
        "messages": [{"role": "user", "content": "hello"}, *turns],
    }
    headers = (*ANTHROPIC_HEADERS, ("AH-Trace-Id", trace))
    answer = gateway.call("POST", "/anthropic/v1/messages", headers, json.dumps(body).encode())
    assert answer.status == 200, answer.body
    return answer.header("x-axonhub-request-id") or ""


def answers_with(upstream: Upstream, *usages: Usage) -> None:
    waiting = list(usages)

    def plan(conversation: Conversation) -> Turn:
        return Turn(text="said", usage=waiting.pop(0))

    upstream.script = anthropic(plan, [])


def test_doctor_names_what_the_client_changed_and_what_that_cost(start: StartGateway, upstreams: Upstreams) -> None:
    gateway = start(config_of([anthropic_channel(upstreams.anthropic)]), way="serve")
    answers_with(upstreams.anthropic, Usage(5, 0, 4000), Usage(5, 4000, 100), Usage(5, 0, 4200))
    grown = ({"role": "assistant", "content": "hi"}, {"role": "user", "content": "more"})
    ids = [ask(gateway, "t1", "It is Monday."), ask(gateway, "t1", "It is Monday.", *grown)]
    ids.append(ask(gateway, "t1", "It is Tuesday.", *grown))

    def shown() -> list[dict[str, Any]]:
        ran = gateway.command("cache", "t1", "--json")
        return json.loads(ran.stdout) if ran.returncode == 0 else []  # type: ignore[no-any-return]

    gateway.wait_until(lambda: len(shown()) == 3, "three findings")
    found = shown()

    assert ids == [each["request_id"] for each in found]
    assert ["first", "kept", "broken"] == [each["cause"] for each in found]
    assert ("client", 4100) == (found[2]["by"], found[2]["lost_tokens"])
    sent = upstreams.anthropic.requests[2].body
    assert b"Tuesday" == sent[found[2]["change"]["byte"] :][:7]
    assert ("system[0]", True) == (found[2]["change"]["path"], found[2]["lost_micro_usd"] > 0)
    text = gateway.command("cache", ids[1]).stdout
    assert "the client changed system[0], at byte" in text
    assert 4100 == json.loads(gateway.command("trace", "show", ids[2], "--json").stdout)["cache_lost_tokens"]
    (rate,) = json.loads(gateway.command("cache", "--channels", "--json").stdout)
    assert ("first", round(4000 / 12315, 4)) == (rate["channel"], rate["hit_rate"])


def test_commands_say_that_there_is_no_such_trace(gateway: Gateway) -> None:
    for command in (("cache", "nothing"), ("trace", "tree", "nothing"), ("cache",)):
        ran = gateway.command(*command)

        assert (1, "") == (ran.returncode, ran.stdout)
        assert ran.stderr.startswith("axonhub: ")
