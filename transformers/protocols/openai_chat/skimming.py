"""Skimming: what accounting needs of a stream that passes untouched, at the price of one search per event."""

import re
from collections.abc import Iterable
from typing import Final

import orjson

from axonhub.transformers.fields import as_mapping, as_objects, as_text
from axonhub.transformers.hub.events import Event, Failed, Start, Stop, UsageTold
from axonhub.transformers.hub.failures import Failure
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocols.openai_chat.failures import failure_in
from axonhub.transformers.protocols.openai_chat.stops import is_tool_stop, read_stop
from axonhub.transformers.protocols.openai_chat.usage import read_usage
from axonhub.transformers.sse import SseEvent

_TELLING: Final = re.compile(r'"(?:role|error|base_resp)"|"(?:finish_reason|usage|object)"\s*:\s*(?:\{|"(?!chat\.))')
"""A quotation mark inside a text is escaped, so text cannot match."""


def skim(event: SseEvent) -> Iterable[Event]:
    if event.name != "error" and _TELLING.search(event.data) is None:
        return ()
    try:
        chunk = orjson.loads(event.data)
    except orjson.JSONDecodeError:
        return ()
    return _told(chunk, event.name) if isinstance(chunk, dict) else ()


def _told(chunk: JsonObject, name: str) -> list[Event]:
    failure = failure_in(chunk if name != "error" or "error" in chunk else {"error": chunk})
    if failure is not None:
        return [Failed(failure)]
    events: list[Event] = []
    choice = next(iter(as_objects(chunk.get("choices"))), {})
    if "role" in as_mapping(choice.get("delta")):
        events.append(Start(as_text(chunk.get("id")) or None, as_text(chunk.get("model")) or None))
    finish_reason = choice.get("finish_reason")
    if isinstance(finish_reason, str) and finish_reason:
        stop = read_stop(finish_reason, is_tool_stop(finish_reason))
        events.append(Failed(stop) if isinstance(stop, Failure) else Stop(stop))
    usage = chunk.get("usage") or choice.get("usage")
    if isinstance(usage, dict) and usage:
        events.append(UsageTold(read_usage(usage)))
    return events
