"""Gemini's chunks and requests as they stand on the wire, for tests."""

import json

from axonhub.transformers.dialects import GEMINI
from axonhub.transformers.hub.events import Event
from axonhub.transformers.hub.requests import Reasoning, Request
from axonhub.transformers.protocol import Reply, Undo, Written
from axonhub.transformers.protocols.gemini import PROTOCOL
from axonhub.transformers.sse import SseEvent


def chunk(*parts, finish=None, usage=None, **candidate):
    """One chunk of a stream, or a whole answer."""
    body = {"responseId": "r1", "modelVersion": "gemini-x"}
    if parts or finish or candidate:
        said = {"content": {"role": "model", "parts": list(parts)}, "index": 0, **candidate}
        body["candidates"] = [said | ({"finishReason": finish} if finish else {})]
    return body | ({"usageMetadata": usage} if usage else {})


def text(words, **members):
    return {"text": words, **members}


def thought(words, **members):
    return {"text": words, "thought": True, **members}


def call(name, arguments=None, id=None, signature=None):
    said = {"name": name, "args": {} if arguments is None else arguments} | ({"id": id} if id else {})
    return {"functionCall": said} | ({"thoughtSignature": signature} if signature else {})


def response(name, value, id=None, **members):
    return {"functionResponse": {"name": name, "response": value, **({"id": id} if id else {}), **members}}


def user(*parts):
    return {"role": "user", "parts": [text(part) if isinstance(part, str) else part for part in parts]}


def model(*parts):
    return {"role": "model", "parts": [text(part) if isinstance(part, str) else part for part in parts]}


def sent(value) -> SseEvent:
    return SseEvent(json.dumps(value))


def read(*chunks, dialect=GEMINI, undo=None) -> list[Event]:
    """Everything that a stream reader makes of the chunks, the end of the bytes included."""
    reader = PROTOCOL.stream_reader(dialect, undo or Undo())
    return [*(event for each in chunks for event in reader.read(sent(each))), *reader.finish()]


def requested(*said, **members) -> Request:
    return PROTOCOL.read_request({"contents": list(said), **members}, "models/gemini-x", False)


def written(request: Request, dialect=GEMINI) -> Written:
    return PROTOCOL.write_request(request, dialect)


def reply(request: Request | None = None, **members) -> Reply:
    asked = request or Request("gemini-asked", (), reasoning=Reasoning("adaptive", visible=True))
    return Reply(**({"id": "0123456789abcdef01234567", "created_s": 7, "request": asked} | members))


def streamed(events, **members) -> bytes:
    writer = PROTOCOL.stream_writer(reply(**members))
    return b"".join(writer.write(event) for event in events)
