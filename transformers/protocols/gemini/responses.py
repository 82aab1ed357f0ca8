"""Whole answers: a provider's → hub, hub → a client's."""

from dataclasses import replace

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.fields import as_count
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.fold import fold
from axonhub.transformers.hub.parts import Refusal, Text, ToolCall
from axonhub.transformers.hub.responses import Response
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import Reply, Undo, Unreadable
from axonhub.transformers.protocols.gemini.grounding import grounding_metadata
from axonhub.transformers.protocols.gemini.logprobs import write_logprobs
from axonhub.transformers.protocols.gemini.names import camel
from axonhub.transformers.protocols.gemini.reading_streams import GeminiStreamReader
from axonhub.transformers.protocols.gemini.stops import write_stop
from axonhub.transformers.protocols.gemini.usage import write_usage
from axonhub.transformers.protocols.gemini.writing_parts import identified, shows_thoughts, written_part

_ANSWER = ("candidates", "promptFeedback", "usageMetadata", "error")


def read_response(body: JsonObject, dialect: Dialect, undo: Undo) -> Response | Failure:
    """Read as a stream of one chunk, so that streamed and whole answers cannot mean different things."""
    body = camel(body)
    if not any(name in body for name in _ANSWER):
        return Failure(FailureKind.SERVER, "The provider's answer has no candidates.")
    reader = GeminiStreamReader(dialect, undo)
    return fold([*reader.chunk(body), *reader.whole()])


def write_response(response: Response, reply: Reply) -> JsonObject:
    answers = response.answers(reply.request.sampling.candidates)
    candidates: list[Json] = [
        _candidate(answer, of_candidate(reply, place), place) for place, answer in enumerate(answers)
    ]
    return {"candidates": candidates, **about(reply, response.id, response.usage)}


def of_candidate(reply: Reply, candidate: int) -> Reply:
    """With a seed of its own for the ids of a further answer's calls."""
    return replace(reply, id=f"{candidate}{reply.id}") if candidate else reply


def _candidate(response: Response, reply: Reply, place: int) -> JsonObject:
    with_thoughts = shows_thoughts(reply.request)
    said = (
        identified(each, reply.id, index) if isinstance(each, ToolCall) else each
        for index, each in enumerate(response.parts)
    )
    parts: list[Json] = [part for part in (written_part(each, with_thoughts) for each in said) if part is not None]
    texts = [(part.text, part.annotations) for part in response.parts if isinstance(part, Text) and part.annotations]
    refused = any(isinstance(part, Refusal) for part in response.parts)
    return {
        "content": {"role": "model", "parts": parts},
        "finishReason": write_stop(response.stop.when_refused(refused)),
        "index": place,
        **grounding_metadata(texts),
        **write_logprobs(
            token for part in response.parts if isinstance(part, Text | Refusal) for token in part.logprobs
        ),
    }


def about(reply: Reply, response_id: str | None, usage: Usage) -> JsonObject:
    """The members of an answer beside its candidates."""
    return {**write_usage(usage), "modelVersion": reply.request.model, "responseId": response_id or reply.id}


def read_count(body: JsonObject) -> int:
    count = as_count(camel(body).get("totalTokens", 0))
    if count is None:
        raise Unreadable("must be an integer", "totalTokens")
    return count
