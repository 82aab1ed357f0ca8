"""Embeddings: texts in, one vector for each out, in no vendor's words."""

from dataclasses import dataclass, field
from typing import Literal

from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import JsonObject


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    model: str
    texts: tuple[str, ...]
    dimensions: int | None = None
    encoding: Literal["float", "base64"] = "float"
    """How the client wants to read the vectors."""
    rest: JsonObject = field(default_factory=dict)
    """Members that no field above can hold, as the client wrote them."""


@dataclass(frozen=True, slots=True)
class EmbeddingResponse:
    vectors: tuple[tuple[float, ...], ...]
    """In the order of the texts."""
    usage: Usage = Usage()
