"""What comes is passed on at once, and who leaves is missed at once."""

import threading
from collections.abc import Iterator

from tests.gateway.caller import calling
from tests.gateway.conftest import ANTHROPIC_HEADERS, CHAT_HEADERS, Upstreams, chat_body, messages_body
from tests.gateway.process import Gateway
from tests.upstreams.anthropic import anthropic
from tests.upstreams.chat import chat
from tests.upstreams.plan import Call, Turn
from tests.upstreams.server import Hold, Reply, Request, Script, Step

LONG = Turn(text="One word after another comes out of the provider.")


def held_after(script: Script, event: int, release: threading.Event) -> Script:
    """The same answer, but nothing after so many events until the test says so."""

    def held(request: Request) -> Reply:
        reply = script(request)
        assert isinstance(reply, Reply)
        assert not isinstance(reply.body, bytes)
        return Reply(reply.status, reply.headers, with_hold(iter(reply.body), event, release))

    return held


def with_hold(steps: Iterator[Step], event: int, release: threading.Event) -> Iterator[Step]:
    for at, step in enumerate(steps):
        if at == event:
            yield Hold(release)
        yield step


def test_first_byte_passes_while_the_provider_still_waits(gateway: Gateway, upstreams: Upstreams) -> None:
    release = threading.Event()
    upstreams.anthropic.script = held_after(anthropic(lambda conversation: LONG, []), 1, release)

    with calling(gateway.port, "POST", "/anthropic/v1/messages", ANTHROPIC_HEADERS, messages_body(stream=True)) as live:
        first = live.until(b"message_start")
        release.set()
        rest = live.rest()

    assert live.status == 200
    assert b"provider" not in first
    assert rest.endswith(b'event: message_stop\ndata: {"type": "message_stop"}\n\n')


def test_chat_bytes_pass_while_the_provider_still_waits(gateway: Gateway, upstreams: Upstreams) -> None:
    release = threading.Event()
    upstreams.chat.script = held_after(chat(lambda conversation: LONG, []), 2, release)

    with calling(gateway.port, "POST", "/v1/chat/completions", CHAT_HEADERS, chat_body(stream=True)) as live:
        live.until(b"One word")
        release.set()
        rest = live.rest()

    assert rest.endswith(b"data: [DONE]\n\n")


def test_converted_event_passes_while_the_provider_still_waits(gateway: Gateway, upstreams: Upstreams) -> None:
    release = threading.Event()
    upstreams.chat.script = held_after(chat(lambda conversation: LONG, upstreams.refusals), 2, release)
    body = messages_body("gpt-4.1", stream=True)

    with calling(gateway.port, "POST", "/anthropic/v1/messages", ANTHROPIC_HEADERS, body) as live:
        live.until(b"One word")
        release.set()
        rest = live.rest()

    assert upstreams.refusals == []
    assert b"message_stop" in rest


def test_call_is_announced_before_its_arguments_are_complete(gateway: Gateway, upstreams: Upstreams) -> None:
    """Claude Code shows a tool as soon as it is named."""
    release = threading.Event()
    turn = Turn(calls=(Call("write", {"content": "so long that it takes several pieces"}),))
    upstreams.chat.script = held_after(chat(lambda conversation: turn, upstreams.refusals), 3, release)
    tools = [{"name": "write", "input_schema": {"type": "object"}}]
    body = messages_body("gpt-4.1", stream=True, tools=tools)

    with calling(gateway.port, "POST", "/anthropic/v1/messages", ANTHROPIC_HEADERS, body) as live:
        live.until(b"input_json_delta")
        release.set()
        live.rest()

    assert upstreams.refusals == []


def test_provider_is_let_go_when_the_caller_leaves(gateway: Gateway, upstreams: Upstreams) -> None:
    never = threading.Event()
    upstreams.anthropic.script = held_after(anthropic(lambda conversation: LONG, []), 1, never)

    with calling(gateway.port, "POST", "/anthropic/v1/messages", ANTHROPIC_HEADERS, messages_body(stream=True)) as live:
        live.until(b"message_start")
        live.response.close()

    assert upstreams.anthropic.only.client_left.wait(10)


def test_many_streams_at_once_do_not_mix(gateway: Gateway, upstreams: Upstreams) -> None:
    def by_name(request: Request) -> Reply:
        body = request.json()
        assert isinstance(body, dict)
        reply = anthropic(lambda conversation: Turn(text=conversation.said[0] * 50), upstreams.refusals)(request)
        assert isinstance(reply, Reply)
        return reply

    upstreams.anthropic.script = by_name
    answers: dict[str, bytes] = {}

    def ask(name: str) -> None:
        body = messages_body(stream=True, messages=[{"role": "user", "content": name}])
        answers[name] = gateway.call("POST", "/anthropic/v1/messages", ANTHROPIC_HEADERS, body).body

    names = [f"<{number}>" for number in range(20)]
    threads = [threading.Thread(target=ask, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert upstreams.refusals == []
    assert set(answers) == set(names)
    for name, answer in answers.items():
        assert b"message_stop" in answer
        others = [other for other in names if other != name and other.encode() in answer]
        assert others == []
