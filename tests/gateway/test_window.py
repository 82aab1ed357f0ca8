"""mitmweb and mitmdump as windows into requests: what they show, and what a person may do to a request."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.gateway.caller import Answer
from tests.gateway.conftest import (
    ANTHROPIC_CREDENTIAL,
    CALLER_KEY,
    CHAT_CREDENTIAL,
    MAPPED,
    MAPPED_KEY,
    StartGateway,
    Upstreams,
    anthropic_channel,
    api_key,
    ask_anthropic,
    chat_channel,
    config_of,
    messages_body,
)
from tests.gateway.mitmweb import PASSWORD, Mitmweb
from tests.gateway.process import PATIENCE_S, ROOT, WAYS, Config, Gateway, base_environment
from tests.upstreams.chat import chat
from tests.upstreams.plans import say
from tests.upstreams.server import Request, json_reply

SECRETS = (ANTHROPIC_CREDENTIAL, CHAT_CREDENTIAL, CALLER_KEY, MAPPED_KEY, PASSWORD)


def window_config(upstreams: Upstreams, **more: object) -> Config:
    channels = [anthropic_channel(upstreams.anthropic), chat_channel(upstreams.chat)]
    return config_of(channels, [api_key(), MAPPED], inspection={"web_password": PASSWORD, **more})


@pytest.fixture(scope="module")
def standing_window(start_for_module: StartGateway, standing_upstreams: Upstreams) -> Gateway:
    return start_for_module(window_config(standing_upstreams), way="mitmweb")


@pytest.fixture
def gateway(standing_window: Gateway, upstreams: Upstreams) -> Iterator[Gateway]:
    """One mitmweb for all tests here; nothing is paused before or after a test."""
    yield standing_window
    Mitmweb(standing_window).set_options(intercept=None)


@contextmanager
def asking(ask: Callable[[], Answer]) -> Iterator[Callable[[], Answer]]:
    """In a thread of its own; the function waits for the answer."""
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(ask()))
    thread.start()

    def answer() -> Answer:
        thread.join(PATIENCE_S)
        assert answers, "no answer came"
        return answers[0]

    yield answer
    thread.join(PATIENCE_S)


# -- what is shown


def test_list_and_views_tell_of_a_converted_stream(gateway: Gateway) -> None:
    web = Mitmweb(gateway)
    ask_anthropic(gateway, MAPPED_KEY, messages_body(stream=True, system="Be brief."))

    flow = web.flows()[-1]

    assert str(flow["comment"]).startswith("mapped · claude-sonnet-4-5 → deepseek-reasoner · second · ")
    assert "asks deepseek-reasoner" in web.text(flow, "request")
    assert "Said by Chat." in web.text(flow, "response")
    assert "re-assembled from" in web.text(flow, "response")
    rewrite = web.text(flow, "request", "llm-rewrite")
    assert "deepseek: claude-sonnet-4-5 → deepseek-reasoner" in rewrite
    assert "anthropic/messages → openai/chat" in rewrite


def test_no_credential_is_shown_although_a_provider_says_its_own(gateway: Gateway, upstreams: Upstreams) -> None:
    leaky = f"Your key {CHAT_CREDENTIAL} is fine."
    upstreams.chat.script = chat(say(leaky), upstreams.refusals)
    web = Mitmweb(gateway)

    answer = ask_anthropic(gateway, MAPPED_KEY, messages_body(metadata={"user_id": CALLER_KEY}))

    assert leaky.encode() in answer.body, "the client's own answer is not ours to change"
    flow = web.flows()[-1]
    shown = json.dumps(web.flows()) + web.text(flow, "response") + web.text(flow, "request", "llm-rewrite")
    for message in ("request", "response"):
        shown += web.content(flow, message).decode()
    assert [secret for secret in SECRETS if secret in shown] == []


def test_saved_flows_hold_no_credential_and_tell_the_same_later(
    start: StartGateway, upstreams: Upstreams, tmp_path: Path
) -> None:
    saved = tmp_path / "flows.mitm"
    upstreams.chat.script = chat(say(f"Your key {CHAT_CREDENTIAL} is fine."), upstreams.refusals)
    gateway = start(window_config(upstreams), way="mitmdump", arguments=("-w", str(saved)))
    ask_anthropic(gateway, MAPPED_KEY, messages_body(stream=True))
    ask_anthropic(gateway, MAPPED_KEY)
    gateway.stop()

    shown = subprocess.run(
        [
            *WAYS["mitmdump"],
            "-nr",
            str(saved),
            "--set",
            "flow_detail=4",
            "--set",
            f"axonhub_config={gateway.config_file}",
        ],
        cwd=ROOT,
        env=base_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )

    assert [secret for secret in SECRETS if secret.encode() in saved.read_bytes()] == []
    assert "── claude-sonnet-4-5 answers" in shown.stdout
    assert "first token after" in shown.stdout
    assert "Traceback" not in shown.stdout + shown.stderr


def test_list_keeps_as_many_flows_as_the_operator_says(start: StartGateway, upstreams: Upstreams) -> None:
    gateway = start(window_config(upstreams, keep_flows=3), way="web")

    for _ in range(5):
        ask_anthropic(gateway)

    assert len(Mitmweb(gateway).flows()) == 3


# -- pausing a request


def test_edited_request_goes_on_as_edited(gateway: Gateway, upstreams: Upstreams) -> None:
    web = Mitmweb(gateway)
    web.set_options(intercept="~q")
    with asking(lambda: ask_anthropic(gateway)) as answer:
        flow = web.wait_for("a paused request", intercepted=True)
        document = json.loads(web.content(flow, "request"))
        document["model"] = "deepseek-chat"
        document["messages"][0]["content"] = "changed by hand"
        web.edit(flow, request={"content": json.dumps(document, indent=2)})
        web.resume(flow)

        assert answer().status == 200

    assert answer().header("x-axonhub-channel") == "second"
    sent = upstreams.chat.only
    assert "changed by hand" in sent.body.decode()
    assert sent.header("content-length") == str(len(sent.body))
    assert upstreams.anthropic.requests == []
    flow = web.flows()[-1]
    assert "edited" in str(flow["comment"])
    assert '"hello" → "changed by hand"' in web.text(flow, "request", "llm-rewrite")


def test_paused_request_is_shown_in_lines_and_goes_on_byte_for_byte(gateway: Gateway, upstreams: Upstreams) -> None:
    body = messages_body()
    web = Mitmweb(gateway)
    web.set_options(intercept="~q")
    with asking(lambda: ask_anthropic(gateway, body=body)) as answer:
        flow = web.wait_for("a paused request", intercepted=True)
        shown = web.content(flow, "request")
        web.resume(flow)

        assert answer().status == 200

    assert b'\n  "model": "claude-sonnet-4-5",' in shown
    assert body == upstreams.anthropic.only.body


@pytest.mark.parametrize(
    ("content", "problem"),
    [('{"model": "claude-sonnet-4-5", ', "not valid JSON"), ('{"model": "no-such-model"}', "no-such-model")],
    ids=["not JSON", "unknown model"],
)
def test_edit_that_is_no_request_waits_for_another(
    gateway: Gateway, upstreams: Upstreams, content: str, problem: str
) -> None:
    web = Mitmweb(gateway)
    web.set_options(intercept="~q")
    with asking(lambda: ask_anthropic(gateway)) as answer:
        flow = web.wait_for("a paused request", intercepted=True)
        web.edit(flow, request={"content": content})
        web.resume(flow)
        gateway.wait_until(lambda: "edit again" in str(web.flows()[-1]["comment"]), "it is paused again")
        assert problem in str(web.flows()[-1]["comment"])
        web.resume(flow)

        assert answer().status == 200

    assert messages_body() == upstreams.anthropic.only.body


def test_key_that_a_person_types_into_a_paused_request_goes_to_nobody(gateway: Gateway, upstreams: Upstreams) -> None:
    web = Mitmweb(gateway)
    web.set_options(intercept="~q")
    with asking(lambda: ask_anthropic(gateway)) as answer:
        flow = web.wait_for("a paused request", intercepted=True)
        web.edit(flow, request={"headers": [["authorization", "Bearer typed-key"], ["x-own", "1"]]})
        web.resume(flow)

        assert answer().status == 200

    sent = upstreams.anthropic.only
    assert "typed-key" not in repr(sent.headers)
    assert sent.header("x-own") == "1"
    assert sent.values("x-api-key") == (ANTHROPIC_CREDENTIAL,)


def test_aborted_request_reaches_no_provider_and_its_client_hears_at_once(
    gateway: Gateway, upstreams: Upstreams
) -> None:
    web = Mitmweb(gateway)
    web.set_options(intercept="~q")
    failures: list[Exception] = []

    def ask() -> None:
        try:
            ask_anthropic(gateway)
        except (OSError, HTTPException) as error:
            failures.append(error)

    client = threading.Thread(target=ask)
    client.start()
    web.kill(web.wait_for("a paused request", intercepted=True))
    client.join(PATIENCE_S)

    assert not client.is_alive()
    assert [type(each) for each in failures] != [TimeoutError], "the connection is closed without an answer"
    assert len(failures) == 1
    assert upstreams.were_left_alone()


def test_what_another_addon_changes_counts(start: StartGateway, upstreams: Upstreams) -> None:
    gateway = start(window_config(upstreams), way="mitmdump", arguments=("--modify-body", "/~q/hello/goodbye"))

    assert ask_anthropic(gateway).status == 200

    assert "goodbye" in upstreams.anthropic.only.body.decode()


# -- pausing an answer


@pytest.mark.parametrize("key", [CALLER_KEY, MAPPED_KEY], ids=["same protocol", "converted"])
def test_paused_stream_is_held_back_and_reaches_the_client_as_edited(
    gateway: Gateway, upstreams: Upstreams, key: str
) -> None:
    web = Mitmweb(gateway)
    web.set_options(intercept="~s")
    with asking(lambda: ask_anthropic(gateway, key, messages_body(stream=True))) as answer:
        flow = web.wait_for("a paused answer", intercepted=True)
        content = web.content(flow, "response").decode()
        assert "message_stop" in content, "all of it has come"
        assert "held: not streamed" in str(flow["comment"])
        web.edit(flow, response={"content": content.replace("Said", "Made up")})
        web.resume(flow)

        assert "Made up" in answer().body.decode()

    assert answer().status == 200
    assert (
        answer().header(
            "content-type",
        )
        == "text/event-stream; charset=utf-8"
        or key == MAPPED_KEY
    )


def test_error_is_paused_like_an_answer_and_marked(gateway: Gateway, upstreams: Upstreams) -> None:
    def busy(request: Request) -> object:
        return json_reply(529, {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}})

    upstreams.chat.script = busy  # type: ignore[assignment]
    web = Mitmweb(gateway)
    web.clear()
    web.set_options(intercept="~s")
    with asking(lambda: ask_anthropic(gateway, MAPPED_KEY, messages_body(stream=True))) as answer:
        flow = web.wait_for("a paused error", intercepted=True)
        web.resume(flow)

        assert answer().status in (503, 529)
    assert "❌" in [each["marked"] for each in web.flows()]
