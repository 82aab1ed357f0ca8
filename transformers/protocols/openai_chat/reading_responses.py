"""A whole chat completion → Response: the same steps as a stream, whose only chunk it is."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.fields import as_mapping, as_objects
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.fold import Fold
from axonhub.transformers.hub.responses import Response
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import Undo
from axonhub.transformers.protocols.openai_chat.failures import failure_in
from axonhub.transformers.protocols.openai_chat.names import NAME
from axonhub.transformers.protocols.openai_chat.reading_streams import ChatStreamReader

_KNOWN: Final = frozenset(("id", "object", "created", "model", "choices", "usage"))


def read_response(body: JsonObject, dialect: Dialect, undo: Undo) -> Response | Failure:
    failure = failure_in(body)
    if failure is not None:
        return failure
    if not isinstance(body.get("choices"), list):
        return Failure(FailureKind.SERVER, "the provider's answer is no chat completion")
    reader = ChatStreamReader(dialect, undo)
    collected = Fold()
    for event in (*reader.read_chunk(_as_chunk(body)), *reader.end_of_whole()):
        collected.add(event)
    if collected.failure is not None:
        return collected.failure
    response = collected.response()
    extensions = _extensions(body)
    return replace(response, extensions=extensions) if extensions else response


def _as_chunk(body: JsonObject) -> JsonObject:
    choices: list[Json] = [_as_choice(choice, place) for place, choice in enumerate(as_objects(body.get("choices")))]
    return {**body, "choices": choices}


def _as_choice(choice: JsonObject, place: int) -> JsonObject:
    message = dict(as_mapping(choice.get("message")))
    # Each entry of a whole answer is a call of its own, whatever index a vendor gave it.
    calls: list[Json] = [{**call, "index": index} for index, call in enumerate(as_objects(message.get("tool_calls")))]
    message["tool_calls"] = calls
    return {**choice, "index": place, "delta": message}


def _extensions(body: JsonObject) -> Mapping[str, JsonObject]:
    """Members that only chat knows (`system_fingerprint`, `service_tier`)."""
    kept: JsonObject = {name: value for name, value in body.items() if name not in _KNOWN and value is not None}
    return {NAME: kept} if kept else {}
