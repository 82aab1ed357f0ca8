"""Chat chunks as a provider sends them, for tests."""

import json

from axonhub.transformers.dialects import COMPATIBLE
from axonhub.transformers.hub.events import Event
from axonhub.transformers.protocol import Reply, Undo
from axonhub.transformers.protocols.openai_chat import PROTOCOL
from axonhub.transformers.sse import SseDecoder, SseEvent

DONE = SseEvent("[DONE]")
EOF = object()


def chunk(delta=None, finish=None, **members):
    """One chunk; `delta=None` makes one without choices."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    body = {"id": "chatcmpl-7", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": choices}
    return SseEvent(json.dumps(body | members))


def text(content):
    return chunk({"content": content})


def call(index=0, id=None, name=None, arguments=None, **members):
    """A delta of one tool call; what is None is left out."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    said = {key: value for key, value in (("index", index), ("id", id)) if value is not None}
    return chunk({"tool_calls": [{**said, "function": function, **members}]})


def finish(reason="stop", **members):
    return chunk({}, reason, **members)


USAGE = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}


def read(*events, dialect=COMPATIBLE, undo=None) -> list[Event]:
    """Everything that a reader makes of the events, the end of the bytes included."""
    reader = PROTOCOL.stream_reader(dialect, undo or Undo())
    told = [event for each in events for event in reader.read(each)]
    return [*told, *reader.finish()]


def reply(request, **members):
    return Reply(**({"id": "0123456789abcdef01234567", "created_s": 7, "request": request} | members))


def written(events, reply) -> bytes:
    writer = PROTOCOL.stream_writer(reply)
    return b"".join(writer.write(event) for event in events)


def sse(stream: bytes) -> list[SseEvent]:
    decoder = SseDecoder()
    return [*decoder.feed(stream), *decoder.flush()]


def chunks(stream: bytes) -> list[dict]:
    return [json.loads(event.data) for event in sse(stream) if event.data != "[DONE]"]
