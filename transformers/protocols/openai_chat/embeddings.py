"""OpenAI's `/v1/embeddings`, as a client's protocol. Providers who speak it get the client's bytes.

OpenAI API reference, "Embeddings", read 2026-11. Vectors have length 1 there, and clients compare them by dot product.
"""

import base64
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from axonhub.transformers.fields import as_count, as_mapping, integer, member, needed, text, wrong_type
from axonhub.transformers.hub.embeddings import EmbeddingRequest, EmbeddingResponse
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import Unreadable, Unsupported

_KNOWN: Final = frozenset(("model", "input", "dimensions", "encoding_format"))
_ENCODINGS: Final[Mapping[str, Literal["float", "base64"]]] = {"float": "float", "base64": "base64"}
_UNIT_TOLERANCE: Final = 1e-3


class ChatEmbeddings:
    def read_request(self, body: JsonObject) -> EmbeddingRequest:
        encoding = _ENCODINGS.get(text(body, "encoding_format", "") or "float")
        if encoding is None:
            raise Unreadable("must be float or base64", "encoding_format")
        return EmbeddingRequest(
            needed(text(body, "model", ""), "model", ""),
            _texts(needed(body.get("input"), "input", "")),
            integer(body, "dimensions", ""),
            encoding,
            {name: value for name, value in body.items() if name not in _KNOWN},
        )

    def write_response(self, response: EmbeddingResponse, request: EmbeddingRequest) -> JsonObject:
        written = _base64 if request.encoding == "base64" else _floats
        data: list[Json] = [
            {"object": "embedding", "index": index, "embedding": written(_unit(vector))}
            for index, vector in enumerate(response.vectors)
        ]
        tokens = response.usage.input_tokens
        usage: JsonObject = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": data, "model": request.model, "usage": usage}

    def read_usage(self, body: JsonObject) -> Usage:
        return Usage(as_count(as_mapping(body.get("usage")).get("prompt_tokens")))


def _texts(value: Json) -> tuple[str, ...]:
    """One text or several; a list of tokens means something to OpenAI's own models only."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        raise wrong_type(value, str, "input")
    if not value:
        raise Unreadable("must not be empty", "input")
    return tuple(_text(each, member("", f"input[{index}]")) for index, each in enumerate(value))


def _text(value: Json, path: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | list) and not isinstance(value, bool):
        raise Unsupported("tokens instead of text are understood by OpenAI's own models only", path)
    raise wrong_type(value, str, path)


def _unit(vector: Sequence[float]) -> Sequence[float]:
    """Other vendors cut vectors short without stretching the rest."""
    length = math.hypot(*vector)
    if not math.isfinite(length) or length == 0 or abs(length - 1) < _UNIT_TOLERANCE:
        return vector
    return [value / length for value in vector]


def _floats(vector: Sequence[float]) -> Json:
    return list(vector)


def _base64(vector: Sequence[float]) -> Json:
    """Little-endian 32-bit floats."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
