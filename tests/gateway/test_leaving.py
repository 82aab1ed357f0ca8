"""Over sockets: what becomes of a stream whose caller leaves, and what is known of it afterwards."""

import socket
import struct
import threading
from typing import cast

import pytest

from tests.gateway.conftest import (
    ANTHROPIC_HEADERS,
    CALLER_KEY,
    StartGateway,
    Upstreams,
    anthropic_channel,
    config_of,
    messages_body,
)
from tests.gateway.process import Gateway
from tests.gateway.test_streaming import held_after
from tests.gateway.test_traces import traces
from tests.upstreams.anthropic import anthropic
from tests.upstreams.plan import Turn

TURN = Turn(text="One word after the other, and then some more of them.")


def listen_and_leave(gateway: Gateway, *, reset: bool) -> None:
    """Hears the first words, and is gone by FIN or by RST."""
    body = messages_body(stream=True)
    lines = [f"POST /anthropic/v1/messages HTTP/1.1\r\nhost: g\r\ncontent-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in ANTHROPIC_HEADERS]
    assert CALLER_KEY in "".join(lines)
    with socket.create_connection(("127.0.0.1", gateway.port), 30) as connection:
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        seen = b""
        while b"text_delta" not in seen:
            piece = connection.recv(65536)
            assert piece
            seen += piece
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize("drain", ["0", "60s"])
def test_caller_leaves_in_mid_stream(start: StartGateway, upstreams: Upstreams, drain: str, reset: bool) -> None:
    gateway = start(config_of([anthropic_channel(upstreams.anthropic)], retry={"drain_on_disconnect": drain}))
    release = threading.Event()
    upstreams.anthropic.script = held_after(anthropic(lambda conversation: TURN, upstreams.refusals), 5, release)

    listen_and_leave(gateway, reset=reset)
    assert gateway.call("GET", "/health").status == 200  # who comes later is heard later: it has seen who left
    if drain == "0":
        gateway.wait_until(lambda: upstreams.anthropic.only.client_left.is_set(), "the provider is told")
    release.set()
    gateway.wait_until(lambda: [each["outcome"] for each in traces(gateway)] == ["canceled"], "it is recorded")
    (record,) = traces(gateway)

    usage = cast("dict[str, int]", record["usage"])
    assert usage["input"] == 1201
    assert (usage["output"] == 57) is (drain != "0")
