"""Exported files: other programs read them, and no credential is in any."""

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from haralyzer import HarParser
from mitmproxy import http
from mitmproxy.io import FlowReader

from axonhub.addons.analysis.conversations import Stored
from axonhub.addons.exporting import FORMS, written
from axonhub.addons.exports.scrubbing import as_it_is, scrubber
from axonhub.addons.exports.transcripts import Terms, Transcript
from axonhub.addons.terminal import CommandFailed
from tests.analysis.trace import START_S, exchange

BASE = "http://127.0.0.1:8090"
BODY = '{"model":"claude","text":"it\'s ü $HOME `x`"}'.encode()
STREAM = b'event: message_start\ndata: {"type":"message_start"}\n\n'
HEADERS = {"anthropic-version": "2023-06-01", "anthropic-beta": "one,two"}
KNOWN = 'key/with"quote'
PASTED = "sk-ant-api03-pasted-by-somebody-0000"


def stored(number: int = 1, request: bytes = BODY, response: bytes = STREAM, **fields: Any) -> Stored:
    more = {"stream": True, "headers": HEADERS, "query": "beta=true", "path": "/anthropic/v1/messages", **fields}
    bodies = {"request": request, "response": response}
    return exchange(number, [], at_s=number, took_s=1.5, bodies=bodies, first_event_ms=300, **more)


def transcript(*arguments: Any, bodies: bool = True, **fields: Any) -> Transcript:
    return Transcript(stored(*arguments, **fields), Terms(BASE, scrubber([KNOWN]), bodies))


def flows_in(data: bytes) -> list[http.HTTPFlow]:
    return [flow for flow in FlowReader(io.BytesIO(data)).stream() if isinstance(flow, http.HTTPFlow)]


def test_curl_sends_the_same_bytes_again_and_asks_the_environment_for_the_key(tmp_path: Path) -> None:
    """The command is run, with a `curl` of our own that shows what it was given."""
    (tmp_path / "curl").write_text('#!/bin/sh\nfor a; do last=$a; echo "$a" >&2; done\nprintf %s "$last"\n')
    (tmp_path / "curl").chmod(0o700)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "AXONHUB_API_KEY": "from-the-environment"}
    command = written([transcript()], "curl", "req_1").decode()

    ran = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, check=True)

    assert BODY == ran.stdout
    given = ran.stderr.decode().splitlines()
    assert f"{BASE}/anthropic/v1/messages?beta=true" in given
    assert "Authorization: Bearer from-the-environment" in given
    assert "anthropic-beta: one,two" in given


def test_raw_is_http_with_both_bodies() -> None:
    text = written([transcript()], "raw", "req_1")

    request, _, answer = text.partition(b"\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert request.startswith(b"POST /anthropic/v1/messages?beta=true HTTP/1.1\r\nhost: 127.0.0.1:8090\r\n")
    assert request.endswith(b"content-length: %d\r\n\r\n" % len(BODY) + BODY)
    assert answer.endswith(b"\r\n\r\n" + STREAM)


def test_json_lines_have_one_exchange_a_line() -> None:
    lines = written([transcript(1), transcript(2)], "jsonl", "t").splitlines()

    shown = [json.loads(line) for line in lines]
    assert ["req_1", "req_2"] == [each["id"] for each in shown]
    assert BODY.decode() == shown[0]["bodies"]["request"]["text"]
    assert "bodies" not in json.loads(written([transcript()], "json", "x"))["bodies"]


def test_haralyzer_reads_a_trace() -> None:
    parser = HarParser(json.loads(written([transcript(1), transcript(2)], "har", "t")))

    (page,) = parser.pages
    assert ("t", 2) == (page.page_id, len(page.entries))
    first = page.entries[0]
    assert f"{BASE}/anthropic/v1/messages?beta=true" == first.request.url
    assert ("POST", 200) == (first.request.method, first.response.status)
    assert BODY.decode() == first.request.text
    assert STREAM.decode() == first.response.text
    assert START_S + 1 == first.startTime.timestamp()
    assert {"send": 0, "wait": 300, "receive": 1200} == first.timings
    assert "one,two" == first.request.get_header_value("anthropic-beta")


def test_mitmproxy_reads_har_and_flows_alike() -> None:
    transcripts = [transcript(1), transcript(2)]

    for form in ("har", "flow"):
        first, second = flows_in(written(transcripts, form, "t"))

        assert (BODY, STREAM) == (first.request.content, first.response and first.response.content), form
        assert "/anthropic/v1/messages?beta=true" == second.request.path
        assert "one,two" == second.request.headers["anthropic-beta"]
    assert {"id:req_1", "trace:t", "channel:first"} <= {*str(first.metadata["axonhub"]).split()}


@pytest.mark.parametrize("body", [b"\xff\x00 no text", b""])
@pytest.mark.parametrize("form", FORMS)
def test_any_bytes_can_be_exported(form: str, body: bytes) -> None:
    assert written([transcript(1, body, body, status=None)], form, "req_1")


@pytest.mark.parametrize("form", FORMS)
def test_no_form_holds_a_credential(form: str) -> None:
    body = json.dumps({"a": f"see {KNOWN} and {PASTED}", "b": "Authorization: Bearer abcdefghijklmnop0123"}).encode()
    headers = {"user-agent": f"tool/{PASTED}"}
    message = {"error_message": f"the provider said {PASTED}"}

    data = written([transcript(1, body, body, headers=headers, **message)], form, "req_1")

    for secret in (KNOWN, json.dumps(KNOWN)[1:-1], PASTED, "abcdefghijklmnop0123"):
        assert secret.encode() not in data
    assert b"[redacted]" in data


def test_bodies_stay_at_home_when_told_to() -> None:
    for form in FORMS:
        data = written([transcript(bodies=False)], form, "req_1")

        assert b"$HOME" not in data and b"message_start" not in data, form


def test_operator_may_have_everything_as_it_is() -> None:
    whole = Transcript(stored(1, PASTED.encode()), Terms(BASE, as_it_is))

    assert PASTED.encode() in written([whole], "raw", "req_1")


@pytest.mark.parametrize("form", ["curl", "raw", "json"])
def test_trace_is_refused_in_forms_that_hold_one_request(form: str) -> None:
    with pytest.raises(CommandFailed, match="export it as har, jsonl, flow"):
        written([transcript(1), transcript(2)], form, "t")
