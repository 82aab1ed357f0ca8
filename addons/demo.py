"""The demo upstream: answers without any model, in every protocol that is built in, whole and streamed.

It says back what it was told. A last message of the form `call NAME {"json": "arguments"}` makes it call that tool when
the request offers it. Good for a first try, and for tests of everything around a model.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

import orjson

from axonhub.addons.errors import GatewayError
from axonhub.addons.exchange import Address
from axonhub.addons.routes import claim
from axonhub.transformers.hub.events import ArgumentsDelta, Event, TextDelta
from axonhub.transformers.hub.fold import unfold
from axonhub.transformers.hub.parts import Text, ToolCall, ToolResult
from axonhub.transformers.hub.requests import FunctionTool, Request
from axonhub.transformers.hub.responses import Response, StopReason
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.protocol import ProtocolError, Reply

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]

_CALL = re.compile(r"\s*call\s+(\S+)\s*(\{.*\})?\s*", re.DOTALL)
_PIECE = re.compile(r"\S+\s*|\s+")
_BYTES_PER_TOKEN = 4


async def application(scope: Message, receive: Receive, send: Send) -> None:
    """ASGI 3."""
    try:
        address = claim(scope["method"], scope["path"], {})
        body = await _body(receive)
        document = orjson.loads(body)
        request = address.protocol.read_request(document, address.model or document.get("model"), address.stream)
    except (GatewayError, ProtocolError, orjson.JSONDecodeError) as error:
        await _send(send, 400, "application/json", [orjson.dumps({"error": {"message": str(error)}})])
        return
    if address.operation == "count_tokens":
        count = address.protocol.write_count(_tokens(body))
        await _send(send, 200, "application/json", [orjson.dumps(count)])
        return
    await _answer(address, request, body, send)


async def _answer(address: Address, request: Request, body: bytes, send: Send) -> None:
    response = answer(request, Usage(fresh_tokens=_tokens(body)))
    reply = Reply(hashlib.sha256(body).hexdigest()[:24], 0, request)
    if request.stream:
        writer = address.protocol.stream_writer(reply)
        chunks = (writer.write(event) for event in in_words(response))
        await _send(send, 200, "text/event-stream", chunks)
    else:
        whole = orjson.dumps(address.protocol.write_response(response, reply))
        await _send(send, 200, "application/json", [whole])


def answer(request: Request, prompt: Usage) -> Response:
    """What the demo says to a request."""
    said = last_words(request)
    wanted = _CALL.fullmatch(said)
    offered = {tool.name for tool in request.tools if isinstance(tool, FunctionTool)}
    if wanted and wanted[1] in offered:
        arguments = wanted[2] or "{}"
        call_id = "call_" + hashlib.sha256(said.encode()).hexdigest()[:20]
        usage = prompt.updated(Usage(output_tokens=_tokens(arguments.encode())))
        return Response((ToolCall(call_id, wanted[1], arguments),), StopReason.TOOL, usage, model=request.model)
    text = f"This is the demo channel: no model was asked. You said: {said}" if said else "Hello from the demo channel."
    usage = prompt.updated(Usage(output_tokens=_tokens(text.encode())))
    return Response((Text(text),), StopReason.END, usage, model=request.model)


def last_words(request: Request) -> str:
    """The last text of the last turn that the caller wrote: its own, or a tool's result."""
    for turn in reversed(request.turns):
        if turn.role != "user":
            continue
        for part in reversed(turn.parts):
            if isinstance(part, Text):
                return part.text
            if isinstance(part, ToolResult):
                return "\n".join(each.text for each in part.parts if isinstance(each, Text))
    return ""


def in_words(response: Response) -> Iterator[Event]:
    """The answer as a stream of a word at a time."""
    for event in unfold(response):
        match event:
            case TextDelta(index, text):
                yield from (TextDelta(index, word) for word in _PIECE.findall(text))
            case ArgumentsDelta(index, text):
                yield from (ArgumentsDelta(index, text[start : start + 8]) for start in range(0, len(text), 8))
            case _:
                yield event


def _tokens(data: bytes) -> int:
    return max(1, len(data) // _BYTES_PER_TOKEN)


async def _body(receive: Receive) -> bytes:
    pieces: list[bytes] = []
    while True:
        message = await receive()
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(pieces)


async def _send(send: Send, status: int, content_type: str, chunks: Any) -> None:
    headers = [(b"content-type", content_type.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for chunk in chunks:
        if chunk:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
