"""Requests that are sent again: through another channel, model or profile, from the store and from flow files."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.io import FlowReader

from tests.gateway import caller
from tests.gateway.conftest import (
    ANTHROPIC_CREDENTIAL,
    ANTHROPIC_HEADERS,
    CALLER_KEY,
    DEEPSEEK_PROFILE,
    StartGateway,
    Upstreams,
    anthropic_channel,
    api_key,
    chat_channel,
    config_of,
    messages_body,
)
from tests.gateway.process import BIN, FAULTS, ROOT, Gateway
from tests.upstreams.anthropic import anthropic
from tests.upstreams.plan import Call, Conversation, Turn

WEB_PASSWORD = "the-password-of-this-test"
KEY = api_key(profiles=[DEEPSEEK_PROFILE])


def standing(upstreams: Upstreams) -> dict[str, object]:
    return config_of([anthropic_channel(upstreams.anthropic), chat_channel(upstreams.chat)], [KEY])


@pytest.fixture
def gateway(start: StartGateway, upstreams: Upstreams) -> Gateway:
    return start(standing(upstreams), way="serve")


def ask(gateway: Gateway, *, stream: bool = False) -> str:
    """The request's id."""
    headers = (*ANTHROPIC_HEADERS, ("AH-Trace-Id", "t"), ("anthropic-beta", "some-beta"))
    answer = gateway.call("POST", "/anthropic/v1/messages?beta=true", headers, messages_body(stream=stream))
    assert answer.status == 200, answer.body
    found = answer.header("x-axonhub-request-id") or ""
    gateway.wait_until(lambda: gateway.command("trace", "show", found).returncode == 0, "the record")
    return found


def replayed(gateway: Gateway, *arguments: str) -> dict[str, Any]:
    ran = gateway.command("replay", *arguments, "--json")
    assert ran.stdout, ran.stderr
    return json.loads(ran.stdout)  # type: ignore[no-any-return]


def record(gateway: Gateway, name: str) -> dict[str, Any]:
    gateway.wait_until(lambda: gateway.command("trace", "show", name).returncode == 0, "the record")
    return json.loads(gateway.command("trace", "show", name, "--json").stdout)  # type: ignore[no-any-return]


def test_same_bytes_go_to_the_same_channel_again(gateway: Gateway, upstreams: Upstreams) -> None:
    first = ask(gateway, stream=True)

    done = replayed(gateway, first)

    once, again = upstreams.anthropic.requests
    assert once.body == again.body
    assert ("some-beta", once.target) == (again.header("anthropic-beta"), again.target)
    assert [] == [name for name, _ in again.headers if name.lower().startswith("x-axonhub")]
    kept = record(gateway, done["request_id"])
    assert (first, "replay", "me", "first") == tuple(
        kept[name] for name in ("replay_of", "source", "key_name", "channel")
    )


def test_other_channel_model_and_profile(gateway: Gateway, upstreams: Upstreams) -> None:
    first = ask(gateway)

    by_channel = replayed(gateway, first, "--channel", "second", "--model", "gpt-4.1")
    by_profile = replayed(gateway, first, "--profile", "deepseek")

    assert ["gpt-4.1", "deepseek-reasoner"] == [json.loads(each.body)["model"] for each in upstreams.chat.requests]
    for done in (by_channel, by_profile):
        assert (200, "second") == (done["status"], done["channel"])
        assert "Said by Chat." in done["body"]
    assert "deepseek" == record(gateway, by_profile["request_id"])["profile"]


def test_replay_shows_both_side_by_side(gateway: Gateway, upstreams: Upstreams) -> None:
    first = ask(gateway)

    shown = gateway.command("replay", first, "--channel", "second", "--model", "gpt-4.1")

    assert 0 == shown.returncode
    assert {"-Said by Anthropic.", "+Said by Chat.", "The texts differ:"} <= {*shown.stdout.splitlines()}
    assert first in shown.stdout


def test_refusals_are_told(gateway: Gateway) -> None:
    first = ask(gateway)

    wrong = replayed(gateway, first, "--channel", "nowhere")
    unserved = replayed(gateway, first, "--channel", "second")
    unknown = gateway.command("replay", "req_unknown")

    assert (400, True) == (wrong["status"], "no channel 'nowhere'" in wrong["body"])
    assert (404, True) == (unserved["status"], "does not serve" in unserved["body"])
    assert (1, "axonhub: there is no request 'req_unknown'\n") == (unknown.returncode, unknown.stderr)


def test_comparison_holds_calls_tokens_cost_and_times(gateway: Gateway) -> None:
    first = ask(gateway, stream=True)
    second = replayed(gateway, first)["request_id"]

    both = json.loads(gateway.command("compare", first, second, "--json").stdout)

    assert (True, True, []) == (both["same_text"], both["same_calls"], both["difference"])
    one, other = both["sides"]
    assert (first, second, first) == (one["request_id"], other["request_id"], other["replay_of"])
    assert one["cost_micro_usd"] == other["cost_micro_usd"] > 0
    assert all(side["first_event_ms"] is not None and side["output_tokens"] > 0 for side in (one, other))
    assert "The texts are the same." in gateway.command("compare", first, second).stdout


def test_replays_are_no_part_of_the_trace_that_they_repeat(gateway: Gateway) -> None:
    first = ask(gateway)
    done = replayed(gateway, first)
    record(gateway, done["request_id"])

    tree = json.loads(gateway.command("trace", "tree", "t", "--json").stdout)

    assert 1 == tree["spending"]["requests"]


def flow_file(start: StartGateway, upstreams: Upstreams, file: Path, model: str) -> None:
    """As `mitmdump -w` writes it while a client asks."""
    gateway = start(standing(upstreams), way="mitmdump", arguments=["-w", str(file)])
    answer = gateway.call("POST", "/anthropic/v1/messages", ANTHROPIC_HEADERS, messages_body(model, stream=True))
    assert answer.status == 200
    gateway.stop()
    upstreams.anthropic.forget()
    upstreams.chat.forget()


def mitmdump(gateway: Gateway, folder: Path, *arguments: str) -> str:
    """Run to its end with our script and the config of a gateway that has ended; the log."""
    ran = subprocess.run(
        [str(BIN / "mitmdump"), "-n", *arguments, "-s", "addons/axonhub.py"],
        cwd=ROOT, env={**gateway.environment, "AXONHUB_CONFIG": str(gateway.config_file)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    log = ran.stdout + ran.stderr
    assert 0 == ran.returncode, log
    assert [] == [fault for fault in FAULTS if fault in log], log
    return log


def flows_in(file: Path) -> list[http.HTTPFlow]:
    """Without those that ask for health."""
    with file.open("rb") as opened:
        flows = [flow for flow in FlowReader(opened).stream() if isinstance(flow, http.HTTPFlow)]
    return [flow for flow in flows if flow.request.method == "POST"]


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "gpt-4.1"], ids=["untouched", "converted"])
def test_flow_file_is_played_back_through_todays_gateway(
    start: StartGateway, upstreams: Upstreams, tmp_path: Path, model: str
) -> None:
    """What the client asked goes through it again, also where the flow shows what a channel of another protocol got."""
    file, again = tmp_path / "old.mitm", tmp_path / "new.mitm"
    flow_file(start, upstreams, file, model)
    ended = start(standing(upstreams), way="mitmdump")
    ended.stop()

    mitmdump(ended, tmp_path, "-C", str(file), "-w", str(again))

    asked = upstreams.chat if model == "gpt-4.1" else upstreams.anthropic
    (sent,) = asked.requests
    assert model == sent.json()["model"]  # type: ignore[index, call-overload]
    (flow,) = [each for each in flows_in(again) if each.is_replay]
    assert flow.response is not None and flow.response.status_code == 200
    assert b"message_stop" in (flow.response.content or b"")
    listed = json.loads(ended.command("trace", "list", "--json").stdout)
    (one,) = [each for each in listed if each["source"] == "replay"]
    (old,) = flows_in(file)
    assert (f"id:{one['replay_of']}", "me") == (str(old.metadata["axonhub"]).split()[0], one["key_name"])
    for data in (file.read_bytes(), again.read_bytes()):
        assert CALLER_KEY.encode() not in data and ANTHROPIC_CREDENTIAL.encode() not in data
        assert b"x-axonhub-pin" not in data


def test_flow_file_is_read_by_todays_gateway_and_nothing_is_sent(
    start: StartGateway, upstreams: Upstreams, tmp_path: Path
) -> None:
    file = tmp_path / "old.mitm"
    flow_file(start, upstreams, file, "claude-sonnet-4-5")
    ended = start(standing(upstreams), way="mitmdump")
    ended.stop()

    log = mitmdump(ended, tmp_path, "-r", str(file))

    assert "/v1/messages" in log
    assert upstreams.were_left_alone()


def test_exported_flows_are_played_back(start: StartGateway, upstreams: Upstreams, tmp_path: Path) -> None:
    gateway = start(standing(upstreams), way="serve")
    first = ask(gateway)
    gateway.command("export", first, "--as", "flow", "-o", str(tmp_path / "one.mitm"))
    gateway.stop()

    mitmdump(gateway, tmp_path, "-C", str(tmp_path / "one.mitm"))

    assert 2 == len(upstreams.anthropic.requests)
    assert upstreams.anthropic.requests[0].body == upstreams.anthropic.requests[1].body


def test_model_answers_with_a_tool_call_are_compared_by_meaning(gateway: Gateway, upstreams: Upstreams) -> None:
    def plan(conversation: Conversation) -> Turn:
        return Turn(calls=(Call("look", {"at": len(upstreams.anthropic.requests)}),))

    upstreams.anthropic.script = anthropic(plan, [])
    tools = [{"name": "look", "input_schema": {"type": "object"}}]
    answer = gateway.call("POST", "/anthropic/v1/messages", ANTHROPIC_HEADERS, messages_body(tools=tools))
    first = answer.header("x-axonhub-request-id") or ""
    record(gateway, first)

    shown = gateway.command("replay", first).stdout

    assert "The tool calls differ:" in shown
    assert f'{first}: look {{"at":1}}' in shown.replace('"at": ', '"at":')


def in_mitmweb(gateway: Gateway, method: str, path: str, body: bytes = b"") -> Any:
    """As its own page asks."""
    headers = (
        ("authorization", f"Bearer {WEB_PASSWORD}"), ("cookie", "_mitmproxy_xsrf=a"), ("x-xsrftoken", "a"),
        ("content-type", "application/json"),
    )  # fmt: skip
    answer = caller.call(gateway.web_port, method, path, headers, body)
    assert answer.status == 200, answer.body
    return json.loads(answer.body) if answer.body else None


def test_mitmweb_replays_flows_by_command_and_by_button(start: StartGateway, upstreams: Upstreams) -> None:
    gateway = start({**standing(upstreams), "inspection": {"web_password": WEB_PASSWORD}}, way="web")
    first = ask(gateway)

    def asked() -> list[dict[str, Any]]:
        return [each for each in in_mitmweb(gateway, "GET", "/flows") if each["request"]["method"] == "POST"]

    def ended() -> list[dict[str, Any]]:
        return [each for each in asked() if (each.get("response") or {}).get("timestamp_end")]

    (flow,) = asked()
    order = json.dumps({"arguments": ["~m POST", "channel=second", "model=gpt-4.1"]}).encode()
    in_mitmweb(gateway, "POST", "/commands/axonhub.replay", order)
    gateway.wait_until(lambda: len(ended()) == 2, "the command's flow")
    in_mitmweb(gateway, "POST", f"/flows/{flow['id']}/replay")
    gateway.wait_until(lambda: len(ended()) == 3, "the button's flow")
    in_mitmweb(gateway, "POST", "/commands/axonhub.load", json.dumps({"arguments": [first]}).encode())
    gateway.wait_until(lambda: len(ended()) == 4, "the stored one")

    assert (2, 1) == (len(upstreams.anthropic.requests), len(upstreams.chat.requests))
    assert upstreams.anthropic.requests[0].body == upstreams.anthropic.requests[1].body
    assert [200] * 4 == [each["response"]["status_code"] for each in asked()]
    gateway.wait_until(lambda: len(json.loads(gateway.command("trace", "list", "--json").stdout)) == 3, "the records")
    records = json.loads(gateway.command("trace", "list", "--json").stdout)
    assert [first, first, None] == [each["replay_of"] for each in records]
