"""A recorded trace as a provider: every protocol, byte by byte, from the store and from a file."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.gateway import caller
from tests.gateway.conftest import (
    ANTHROPIC_HEADERS,
    CHAT_HEADERS,
    StartGateway,
    Upstreams,
    anthropic_channel,
    chat_body,
    chat_channel,
    config_of,
    messages_body,
)
from tests.gateway.process import ROOT, Gateway, axonhub_command

TRACE = ("AH-Trace-Id", "t")
GEMINI = json.dumps({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}).encode()
RESPONSES = json.dumps({"model": "gpt-4.1", "input": "hello", "stream": True}).encode()
ASKED = (
    ("/anthropic/v1/messages?beta=true", (*ANTHROPIC_HEADERS, TRACE), messages_body(stream=True)),
    ("/anthropic/v1/messages", (*ANTHROPIC_HEADERS, TRACE), messages_body()),
    ("/v1/chat/completions", (*CHAT_HEADERS, TRACE), chat_body(stream=True)),
    ("/v1/responses", (*CHAT_HEADERS, TRACE), RESPONSES),
    ("/gemini/v1beta/models/gpt-4.1:streamGenerateContent?alt=sse", (*CHAT_HEADERS, TRACE), GEMINI),
    ("/gemini/v1beta/models/gpt-4.1:generateContent", (*CHAT_HEADERS, TRACE), GEMINI),
)


@contextmanager
def playing(gateway: Gateway, *arguments: str) -> Iterator[int]:
    """Its port."""
    process = subprocess.Popen(
        axonhub_command("playback", *arguments, "--port", "0"),
        cwd=ROOT, env=dict(gateway.environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        assert "are played at http://127.0.0.1:" in first, process.stderr.read() if process.stderr else ""
        yield int(first.partition("127.0.0.1:")[2].partition(";")[0])
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert 0 == process.returncode


def recorded(start: StartGateway, upstreams: Upstreams) -> tuple[Gateway, list[caller.Answer]]:
    """A gateway that has ended, and what it had answered."""
    config = config_of([anthropic_channel(upstreams.anthropic), chat_channel(upstreams.chat)])
    gateway = start(config, way="serve")
    answers = [gateway.call("POST", *each) for each in ASKED]
    assert [200] * len(ASKED) == [each.status for each in answers], answers
    gateway.stop()
    upstreams.reset()
    return gateway, answers


def test_every_answer_comes_again_byte_by_byte(start: StartGateway, upstreams: Upstreams, tmp_path: Path) -> None:
    gateway, answers = recorded(start, upstreams)
    file = tmp_path / "run.jsonl"
    gateway.command("export", "t", "--as", "jsonl", "-o", str(file))

    for source in ("t", str(file)):
        with playing(gateway, source) as port:
            again = [caller.call(port, "POST", *each) for each in ASKED]

        assert [each.body for each in answers] == [each.body for each in again]
        kinds = [(each.header("content-type") or "").partition(";")[0] for each in again]
        assert [(each.header("content-type") or "").partition(";")[0] for each in answers] == kinds
        assert [each.header("x-axonhub-request-id") for each in answers] == [
            each.header("x-axonhub-playback") for each in again
        ]
    assert upstreams.were_left_alone()


def test_misses_are_errors_in_the_callers_protocol(start: StartGateway, upstreams: Upstreams) -> None:
    gateway, answers = recorded(start, upstreams)

    with playing(gateway, "t") as port:
        changed = [each.replace(b"hello", b"goodbye") for *_, each in ASKED]
        missed = [caller.call(port, "POST", *each[:2], body) for each, body in zip(ASKED, changed, strict=True)]
        nowhere = caller.call(port, "POST", "/nowhere", CHAT_HEADERS, b"{}")
        broken = caller.call(port, "POST", "/v1/chat/completions", CHAT_HEADERS, b"{")
        alive = caller.call(port, "HEAD", "/anthropic")

    assert [400] * len(ASKED) == [each.status for each in missed]
    for answer, (path, *_), before in zip(missed, ASKED, answers, strict=True):
        message = str(answer.error()["message"])
        assert f"The nearest recorded request is {before.header('x-axonhub-request-id')}" in message, path
        assert "goodbye" in message and "hello" in message
    assert "invalid_request_error" == missed[0].error()["type"]
    assert (404, 400, 200) == (nowhere.status, broken.status, alive.status)


def test_gateway_itself_can_be_given_a_recording_as_its_provider(start: StartGateway, upstreams: Upstreams) -> None:
    gateway, answers = recorded(start, upstreams)

    with playing(gateway, "t", "--paced") as port:
        channel = {**anthropic_channel(upstreams.anthropic), "base_url": f"http://127.0.0.1:{port}"}
        again = start(config_of([channel]), way="serve").call("POST", *ASKED[0])

    assert (200, answers[0].body) == (again.status, again.body)


def test_what_cannot_be_played_is_said(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "not.jsonl").write_text("not json")

    for source, words in (
        ("nothing", "no trace and no request 'nothing'"),
        (str(tmp_path / "not.jsonl"), "is not what"),
    ):
        ran = gateway.command("playback", source)

        assert (1, True) == (ran.returncode, words in ran.stderr), ran.stderr
