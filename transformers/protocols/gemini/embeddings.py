"""Gemini's `batchEmbedContents`, as a provider's protocol.

https://ai.google.dev/api/embeddings, read 2026-11. It takes at most 100 texts at once, and says so itself.
"""

from typing import Final

from axonhub.transformers.fields import as_count, as_items, as_mapping
from axonhub.transformers.hub.embeddings import EmbeddingRequest, EmbeddingResponse
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import Loss, Unreadable, Written

_MOST: Final = 3.4e38


class GeminiEmbeddings:
    def write_request(self, request: EmbeddingRequest) -> Written:
        shared: JsonObject = {"model": f"models/{request.model.removeprefix('models/')}"}
        if request.dimensions is not None:
            shared["outputDimensionality"] = request.dimensions
        requests: list[Json] = [{**shared, "content": {"parts": [{"text": text}]}} for text in request.texts]
        losses = tuple(Loss(name, "Gemini's embeddings have no such member", "info") for name in request.rest)
        return Written({"requests": requests}, losses)

    def read_response(self, body: JsonObject) -> EmbeddingResponse:
        embeddings = body.get("embeddings")
        if not isinstance(embeddings, list):
            raise Unreadable("is required", "embeddings")
        vectors = tuple(_vector(each, f"embeddings[{index}].values") for index, each in enumerate(embeddings))
        return EmbeddingResponse(
            vectors, Usage(as_count(as_mapping(body.get("usageMetadata")).get("promptTokenCount")))
        )


def _vector(value: Json, path: str) -> tuple[float, ...]:
    values = as_items(as_mapping(value).get("values"))
    if not values:
        raise Unreadable("is required", path)
    return tuple(_number(each, path) for each in values)


def _number(value: Json, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _MOST:
        raise Unreadable("must be a list of 32-bit numbers", path)
    return value
