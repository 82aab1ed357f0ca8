"""What a running gateway's requests look like as files; none of them, nor a log, holds a credential."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.io import FlowReader

from tests.gateway.conftest import (
    ANTHROPIC_CREDENTIAL,
    ANTHROPIC_HEADERS,
    CALLER_KEY,
    CHAT_CREDENTIAL,
    StartGateway,
    Upstreams,
    anthropic_channel,
    chat_channel,
    config_of,
    messages_body,
)
from tests.gateway.process import Gateway

SECRETS = (CALLER_KEY, ANTHROPIC_CREDENTIAL, CHAT_CREDENTIAL)
PASTED = f"my keys are {CALLER_KEY}, {ANTHROPIC_CREDENTIAL} and sk-proj-somebody-elses-0123456789"
EVERY_FORM = ("curl", "raw", "json", "jsonl", "har", "flow")


@pytest.fixture
def gateway(start: StartGateway, upstreams: Upstreams) -> Gateway:
    return start(config_of([anthropic_channel(upstreams.anthropic), chat_channel(upstreams.chat)]), way="serve")


def ask(gateway: Gateway, *, model: str = "claude-sonnet-4-5", said: str = "hello", stream: bool = False) -> str:
    """The request's id."""
    body = messages_body(model, stream=stream, messages=[{"role": "user", "content": said}])
    headers = (*ANTHROPIC_HEADERS, ("AH-Trace-Id", "t"), ("anthropic-beta", "some-beta"), ("cookie", "session=secret"))
    answer = gateway.call("POST", "/anthropic/v1/messages?beta=true", headers, body)
    assert answer.status == 200, answer.body
    found = answer.header("x-axonhub-request-id") or ""
    gateway.wait_until(lambda: gateway.command("trace", "show", found).returncode == 0, "the record")
    return found


def exported(gateway: Gateway, *arguments: str) -> bytes:
    file = gateway.folder / "exported"
    ran = gateway.command("export", *arguments, "-o", str(file))
    assert (0, "") == (ran.returncode, ran.stderr)
    assert 0o600 == file.stat().st_mode & 0o777
    return file.read_bytes()


def test_no_export_holds_a_credential(gateway: Gateway) -> None:
    """Not even those that somebody pasted into the conversation."""
    found = [ask(gateway, said=PASTED), ask(gateway, model="gpt-4.1", said=PASTED, stream=True)]

    files = [exported(gateway, each, "--as", form) for each in found for form in EVERY_FORM]
    files += [exported(gateway, "t", "--as", form) for form in ("jsonl", "har", "flow")]

    for data in files:
        assert [] == [secret for secret in (*SECRETS, "sk-proj-somebody", "session=secret") if secret.encode() in data]
    assert [] == [secret for secret in SECRETS if secret in gateway.log()]


def test_exported_request_is_the_clients_own(gateway: Gateway) -> None:
    found = ask(gateway, stream=True)

    (entry,) = json.loads(exported(gateway, found, "--as", "har"))["log"]["entries"]
    whole: dict[str, Any] = json.loads(exported(gateway, found, "--as", "json"))

    sent = messages_body(stream=True, messages=[{"role": "user", "content": "hello"}])
    assert sent.decode() == entry["request"]["postData"]["text"] == whole["bodies"]["request"]["text"]
    headers = {each["name"]: each["value"] for each in entry["request"]["headers"]}
    assert ("some-beta", "2023-06-01") == (headers["anthropic-beta"], headers["anthropic-version"])
    assert {"cookie", "x-api-key", "authorization"}.isdisjoint(headers)
    assert f"{gateway.url}/anthropic/v1/messages?beta=true" == entry["request"]["url"]
    assert "message_stop" in entry["response"]["content"]["text"]


def test_trace_as_flows_is_read_by_mitmproxy(gateway: Gateway) -> None:
    found = [ask(gateway), ask(gateway, stream=True)]

    flows = list(FlowReader(io.BytesIO(exported(gateway, "t", "--as", "flow"))).stream())

    assert found == [str(flow.metadata["axonhub"]).split()[0].removeprefix("id:") for flow in flows]
    assert all(isinstance(flow, http.HTTPFlow) and flow.response and flow.response.content for flow in flows)


def test_export_goes_to_standard_output_or_says_why_not(gateway: Gateway, tmp_path: Path) -> None:
    found = [ask(gateway), ask(gateway)]

    shown = gateway.command("export", found[0])
    of_trace = gateway.command("export", "t", "--as", "curl")
    unknown = gateway.command("export", "nothing")
    nowhere = gateway.command("export", found[0], "-o", str(tmp_path / "no" / "file"))

    assert shown.stdout.startswith("curl -sS ") and "$AXONHUB_API_KEY" in shown.stdout
    assert (1, "export it as har, jsonl, flow" in of_trace.stderr) == (of_trace.returncode, True)
    assert (1, "there is no request and no trace 'nothing'" in unknown.stderr) == (unknown.returncode, True)
    assert (1, "No such file" in nowhere.stderr) == (nowhere.returncode, True)
