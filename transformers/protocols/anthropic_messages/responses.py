"""Whole answers: a provider's body → Response, Response → a client's body."""

from collections.abc import Iterable
from typing import Final

from axonhub.transformers.fields import as_text, wrong_type
from axonhub.transformers.hub.events import Stop
from axonhub.transformers.hub.failures import Failure
from axonhub.transformers.hub.parts import Part, Refusal, Text, Thinking, ToolCall
from axonhub.transformers.hub.responses import Response, StopReason
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import Reply, Undo
from axonhub.transformers.protocols.anthropic_messages.block_reading import Reading, read_blocks
from axonhub.transformers.protocols.anthropic_messages.block_writing import answer_blocks
from axonhub.transformers.protocols.anthropic_messages.failures import read_error
from axonhub.transformers.protocols.anthropic_messages.names import NAME
from axonhub.transformers.protocols.anthropic_messages.stopping import read_stop, write_stop
from axonhub.transformers.protocols.anthropic_messages.usage import read_usage, write_usage

_KNOWN: Final = frozenset("id type role model content stop_reason stop_sequence stop_details usage".split())
_CHARACTERS_PER_TOKEN: Final = 4


def read_response(body: JsonObject, origin: str, undo: Undo) -> Response | Failure:
    if body.get("type") == "error" or isinstance(body.get("error"), dict):
        return read_error(body)
    if not isinstance(body.get("content"), list):
        raise wrong_type(body.get("content"), list, "content")
    parts = read_blocks(body, "content", "", Reading(undo, origin))
    stop = read_stop(body) or _untold_stop(parts)
    unknown = (
        {} if body.keys() <= _KNOWN else {key: body[key] for key in body if key not in _KNOWN and body[key] is not None}
    )
    return Response(
        parts=parts,
        stop=stop.reason,
        usage=read_usage(body.get("usage")),
        id=as_text(body.get("id")),
        model=as_text(body.get("model")),
        stop_sequence=stop.sequence,
        stop_detail=stop.detail,
        stop_word=stop.word,
        extensions={NAME: unknown} if unknown else {},
    )


def skim_response(body: JsonObject) -> Usage | None:
    """See `WireProtocol`."""
    blocks = body.get("content")
    if body.get("type") != "message" or "error" in body or not isinstance(blocks, list):
        return None
    return read_usage(body.get("usage")) if all(map(_is_plain, blocks)) else None


def _is_plain(block: Json) -> bool:
    """Is it one of the three that nearly all answers consist of, with nothing that its reader might refuse?"""
    if not isinstance(block, dict) or "cache_control" in block:
        return False
    match block:
        case (
            {"type": "text", "text": str()}
            | {"type": "thinking", "thinking": str(), "signature": str()}
            | {"type": "tool_use", "id": str(), "name": str(), "input": dict()}
        ):
            return True
        case _:
            return False


def _untold_stop(parts: Iterable[Part]) -> Stop:
    called = any(isinstance(part, ToolCall) for part in parts)
    return Stop(StopReason.TOOL if called else StopReason.END)


def write_response(response: Response, reply: Reply) -> JsonObject:
    hidden = hides_thinking(reply)
    blocks: list[JsonObject] = []
    for index, part in enumerate(response.parts):
        blocks += answer_blocks(part, reply.id, index, hidden)
    called = any(block["type"] == "tool_use" for block in blocks)
    refused = any(isinstance(part, Refusal) for part in response.parts)
    estimated = estimated_tokens(sum(_length(part) for part in response.parts))
    message: JsonObject = {
        "id": message_id(response.id, reply),
        "type": "message",
        "role": "assistant",
        "model": reply.request.model,
        "content": list(blocks),
        **write_stop(response.stop.when_refused(refused), response.stop_sequence, response.stop_detail, called),
        "usage": write_usage(response.usage, reply.estimated_input_tokens, estimated),
    }
    return message | response.extensions.get(NAME, {})


def message_id(provider_id: str | None, reply: Reply) -> str:
    """The provider's own id when it is one of ours, else one made of the exchange's."""
    return provider_id if provider_id and provider_id.startswith("msg_") else f"msg_{reply.id}"


def hides_thinking(reply: Reply) -> bool:
    """Did the caller ask for signatures without the text?"""
    return reply.request.reasoning is not None and reply.request.reasoning.visible is False


def estimated_tokens(characters: int) -> int:
    """For a provider that tells no usage: clients break when the figure is missing."""
    return -(-characters // _CHARACTERS_PER_TOKEN)


def _length(part: Part) -> int:
    match part:
        case Text(text=words) | Refusal(text=words) | Thinking(text=words):
            return len(words)
        case ToolCall(arguments=words):
            return len(words)
        case _:
            return 0
