"""An upstream inside the process that misbehaves as told, in the place of a channel's provider (addons/faults.py).

Faults, as a person writes them:
    status 529 [retry-after=SECONDS]   an error in the provider's own envelope
    stall                              no answer at all, until somebody gives up
    cut N                              the connection ends after N pieces of the answer
    malformed N                        after N pieces comes one that is not JSON
    slow SECONDS                       so long a pause before each piece
What is answered otherwise is what the demo channel says.
"""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args
from urllib.parse import parse_qs, urlencode

import orjson

from axonhub.addons.demo import Message, Receive, Send, answer, in_words
from axonhub.transformers.hub.failures import Failure, kind_of_status
from axonhub.transformers.hub.requests import Request, Turn
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.protocol import ProtocolError, Reply, WireProtocol
from axonhub.transformers.registry import discovered

type Kind = Literal["status", "stall", "cut", "malformed", "slow"]

NAME = "fault"
"""Of the internal upstream."""
_SPEC = re.compile(r"(?P<kind>[a-z]+)(?:\s+(?P<value>\d+(?:\.\d+)?))?(?:\s+retry-after=(?P<wait>\d+(?:\.\d+)?))?")
_BROKEN = b'data: {"this is": no JSON\n\n'


@dataclass(frozen=True, slots=True)
class Fault:
    kind: Kind
    value: float = 0.0
    """A status, a number of pieces, or seconds."""
    retry_after_s: float | None = None

    @classmethod
    def read(cls, text: str) -> "Fault":
        """ValueError, with what there is."""
        found = _SPEC.fullmatch(text.strip())
        if found is None or found["kind"] not in get_args(Kind.__value__):
            raise ValueError(
                f"{text!r} is no fault; there are: status N [retry-after=S], stall, cut N, malformed N, slow S"
            )
        kind = cast(Kind, found["kind"])
        value = float(found["value"] or 0)
        if kind == "status" and not (400 <= value <= 599 and value.is_integer()):
            raise ValueError(f"{text!r}: a status from 400 to 599 is needed")
        return cls(kind, value, None if found["wait"] is None else float(found["wait"]))

    def __str__(self) -> str:
        wait = "" if self.retry_after_s is None else f" retry-after={self.retry_after_s:g}"
        return f"{self.kind}{'' if self.kind == 'stall' else f' {self.value:g}'}{wait}"


def address(fault: Fault, protocol: WireProtocol, model: str, stream: bool) -> str:
    """Path and query below the upstream's base."""
    told = {"fault": str(fault), "protocol": protocol.name, "model": model, "stream": "1" if stream else ""}
    return f"/?{urlencode(told)}"


async def application(scope: Message, receive: Receive, send: Send) -> None:
    """ASGI 3."""
    asked = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
    fault, protocol = Fault.read(asked["fault"]), discovered()[asked["protocol"]]
    body = await _body(receive)
    if fault.kind == "stall":
        while (await receive())["type"] != "http.disconnect":
            pass
    elif fault.kind == "status":
        await _refuse(fault, protocol, send)
    else:
        pieces = list(_pieces(_request(body, protocol, asked["model"]), protocol, "stream" in asked))
        await _answer(fault, pieces, send, "text/event-stream" if "stream" in asked else "application/json")


async def _refuse(fault: Fault, protocol: WireProtocol, send: Send) -> None:
    status = int(fault.value)
    told = Failure(kind_of_status(status), "A fault that was asked for.", status=status)
    headers = [(b"content-type", b"application/json")]
    if fault.retry_after_s is not None:
        headers.append((b"retry-after", f"{fault.retry_after_s:g}".encode()))
    _, envelope = protocol.write_failure(told)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": orjson.dumps(envelope)})


async def _answer(fault: Fault, pieces: list[bytes], send: Send, content_type: str) -> None:
    """Ends without an end where the connection shall be cut: the server then closes it."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", content_type.encode())]})
    for number, piece in enumerate(pieces):
        if fault.kind == "cut" and number >= fault.value:
            return
        if fault.kind == "slow":
            await asyncio.sleep(fault.value)
        if fault.kind == "malformed" and number == min(fault.value, len(pieces) - 1):
            await send({"type": "http.response.body", "body": _BROKEN, "more_body": True})
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _pieces(request: Request, protocol: WireProtocol, stream: bool) -> Iterator[bytes]:
    response = answer(request, Usage(fresh_tokens=1))
    reply = Reply("0" * 24, 0, request)
    if not stream:
        whole = orjson.dumps(protocol.write_response(response, reply))
        yield from (whole[: len(whole) // 2], whole[len(whole) // 2 :])
        return
    writer = protocol.stream_writer(reply)
    yield from filter(None, (writer.write(event) for event in in_words(response)))


def _request(body: bytes, protocol: WireProtocol, model: str) -> Request:
    """What was asked; as good as nothing where a cloud's own envelope is around it."""
    try:
        document: Any = orjson.loads(body)
        return protocol.read_request(document, model)
    except (orjson.JSONDecodeError, ProtocolError, AttributeError):
        return Request(model, (Turn("user", ()),))


async def _body(receive: Receive) -> bytes:
    pieces: list[bytes] = []
    while (message := await receive()).get("type") == "http.request":
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    return b"".join(pieces)
