"""A provider that costs next to nothing: canned answers over HTTP/1.1 with keep-alive, in a process of its own.

What a request gets is in its model's name, which passes through every proxy: `…-at-once` a stream in one burst,
`…-drip` one event a millisecond, `…-paced` one that thinks and then speaks like a model; anything else a whole answer.
A request with `FAILING` in its path fails with 500.
"""

import asyncio
import multiprocessing
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import orjson
import uvloop

EVENTS = 200
PACED_EVENTS = 40
FAILING = "/fails"
DRIP_S = 0.001
THINKING_S = 0.03
PACE_S = 0.025

_TEXT = "A few words of an answer, as many as a model says at once. "
_HEADERS = (
    b"date: Mon, 02 Nov 2026 10:00:00 GMT\r\n"
    b"request-id: req_011CUqRsTuVwXyZ0123456789\r\n"
    b"anthropic-ratelimit-requests-limit: 4000\r\n"
    b"anthropic-ratelimit-requests-remaining: 3999\r\n"
    b"anthropic-ratelimit-tokens-remaining: 2000000\r\n"
    b"anthropic-organization-id: 00000000-0000-0000-0000-000000000000\r\n"
    b"via: 1.1 provider\r\n"
    b"server: provider\r\n"
)


@dataclass(frozen=True, slots=True)
class Cadence:
    """How a stream comes: after which silence, and how long from event to event."""

    mark: bytes
    events: int
    thinking_s: float = 0.0
    pace_s: float = 0.0


CADENCES = (
    Cadence(b'-at-once"', EVENTS),
    Cadence(b'-drip"', EVENTS, DRIP_S, DRIP_S),
    Cadence(b'-paced"', PACED_EVENTS, THINKING_S, PACE_S),
)


# -- answers


def anthropic_answer() -> bytes:
    usage = {"input_tokens": 12, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0, "output_tokens": 20}
    body = {
        "id": "msg_01AbCdEfGhIjKlMnOpQrStUv",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [{"type": "text", "text": _TEXT * 4}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": usage,
    }
    return orjson.dumps(body)


def anthropic_events(count: int) -> list[bytes]:
    """So many text deltas, and what stands around them."""
    usage = {"input_tokens": 12, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0, "output_tokens": 1}
    message = orjson.loads(anthropic_answer()) | {"content": [], "stop_reason": None, "usage": usage}
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": _TEXT}}
    payloads: list[dict[str, object]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *[delta] * count,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 200}},
        {"type": "message_stop"},
    ]
    return [f"event: {each['type']}\ndata: ".encode() + orjson.dumps(each) + b"\n\n" for each in payloads]


def chat_answer() -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": _TEXT * 4}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 12, "completion_tokens": 20, "total_tokens": 32}
    return orjson.dumps(_chat("chat.completion") | {"choices": [choice], "usage": usage})


def chat_events(count: int) -> list[bytes]:
    """So many text deltas, and what stands around them."""
    head = _chat("chat.completion.chunk")
    deltas = [{"role": "assistant", "content": ""}, *[{"content": _TEXT}] * count, {}]
    choices = [{"index": 0, "delta": each, "finish_reason": None if each else "stop"} for each in deltas]
    usage = {"prompt_tokens": 12, "completion_tokens": 200, "total_tokens": 212}
    payloads = [head | {"choices": [each]} for each in choices] + [head | {"choices": [], "usage": usage}]
    return [b"data: " + each + b"\n\n" for each in [*map(orjson.dumps, payloads), b"[DONE]"]]


def _chat(kind: str) -> dict[str, object]:
    return {"id": "chatcmpl-AbCdEfGhIjKlMnOp", "object": kind, "created": 1762077600, "model": "gpt-5.1"}


def whole(body: bytes) -> bytes:
    head = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    return b"HTTP/1.1 200 OK\r\n" + _HEADERS + head + body


def streamed(events: Sequence[bytes]) -> list[bytes]:
    """One piece an event, as providers' front servers send them; the first has the head before it."""
    head = b"content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
    head += b"transfer-encoding: chunked\r\n\r\n"
    chunks = [b"%x\r\n%s\r\n" % (len(each), each) for each in events]
    return [b"HTTP/1.1 200 OK\r\n" + _HEADERS + head + chunks[0], *chunks[1:-1], chunks[-1] + b"0\r\n\r\n"]


def failed() -> bytes:
    body = orjson.dumps({"type": "error", "error": {"type": "api_error", "message": "Internal server error"}})
    head = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    return b"HTTP/1.1 500 Internal Server Error\r\n" + _HEADERS + head + body


FAILED = failed()
WHOLE: Mapping[bool, bytes] = {False: whole(anthropic_answer()), True: whole(chat_answer())}
STREAMS: Mapping[tuple[bool, bytes], list[bytes]] = {
    (chat, each.mark): streamed((chat_events if chat else anthropic_events)(each.events))
    for chat in (False, True)
    for each in CADENCES
}


# -- the server


class Connection(asyncio.Protocol):
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pieces: list[bytes] = []
        self._missing_bytes = 0
        """Of the request that is on its way."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self._pieces.append(data)
        if self._missing_bytes:
            self._missing_bytes -= len(data)
        elif (whole_bytes := request_bytes(b"".join(self._pieces))) is not None:
            self._missing_bytes = whole_bytes - sum(map(len, self._pieces))
        else:
            return
        if self._missing_bytes <= 0:
            request, self._pieces, self._missing_bytes = b"".join(self._pieces), [], 0
            self._answer(request)

    def _answer(self, request: bytes) -> None:
        if FAILING.encode() in request[:200]:
            self._transport.write(FAILED)
            return
        chat = b"/chat/completions" in request[:200]
        cadence = next((each for each in CADENCES if each.mark in request), None)
        if cadence is None:
            self._transport.write(WHOLE[chat])
        else:
            self._tell(iter(STREAMS[chat, cadence.mark]), cadence, cadence.thinking_s)

    def _tell(self, pieces: Iterator[bytes], cadence: Cadence, wait_s: float) -> None:
        if cadence.pace_s:
            self._loop.call_later(wait_s, self._one, pieces, cadence, self._loop.time() + wait_s)
        else:
            for piece in pieces:
                self._transport.write(piece)

    def _one(self, pieces: Iterator[bytes], cadence: Cadence, due_s: float) -> None:
        """Says the next and sets the clock by what was due, so that a late event delays none after it."""
        piece = next(pieces, None)
        if piece is not None and not self._transport.is_closing():
            self._transport.write(piece)
            due_s += cadence.pace_s
            self._loop.call_at(due_s, self._one, pieces, cadence, due_s)


def request_bytes(begun: bytes) -> int | None:
    """How long the request is with its body; None while its head has not come. Its length must be stated."""
    end = begun.find(b"\r\n\r\n")
    if end < 0:
        return None
    _, _, stated = begun[:end].lower().partition(b"\r\ncontent-length:")
    return end + 4 + int(stated.partition(b"\r\n")[0] or 0)


def _serve(listener: socket.socket) -> None:
    async def forever() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(loop), sock=listener)
        await server.serve_forever()

    uvloop.run(forever())


@contextmanager
def upstream() -> Iterator[int]:
    """Its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        run: Callable[[socket.socket], None] = _serve
        process = multiprocessing.get_context("spawn").Process(target=run, args=(listener,), daemon=True)
        process.start()
        try:
            yield listener.getsockname()[1]
        finally:
            process.kill()
            process.join()
