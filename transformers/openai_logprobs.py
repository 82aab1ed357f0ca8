"""Log probabilities as OpenAI's two protocols say them: lists of token, logprob, bytes and top_logprobs."""

import math

from axonhub.transformers.fields import as_items, as_objects, as_text
from axonhub.transformers.hub.logprobs import TokenLogprob
from axonhub.transformers.json_types import Json, JsonObject


def read_tokens(value: Json) -> tuple[TokenLogprob, ...]:
    """From an answer: whatever is no token with its number is left out."""
    read = (_token(each) for each in as_objects(value))
    return tuple(token for token in read if token is not None)


def _token(value: JsonObject) -> TokenLogprob | None:
    token, number = as_text(value.get("token")), as_logprob(value.get("logprob"))
    if token is None or number is None:
        return None
    octets = value.get("bytes")
    told = tuple(each for each in as_items(octets) if isinstance(each, int)) if isinstance(octets, list) else None
    return TokenLogprob(token, number, told, read_tokens(value.get("top_logprobs")))


def as_logprob(value: Json) -> float | None:
    """A finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value


def write_tokens(tokens: tuple[TokenLogprob, ...]) -> list[Json]:
    """With the likeliest others of each; bytes that nobody told are those of the token's text."""
    return [{**_written(token), "top_logprobs": [_written(other) for other in token.others]} for token in tokens]


def _written(token: TokenLogprob) -> JsonObject:
    octets = token.octets if token.octets is not None else tuple(token.token.encode("utf-8", "replace"))
    return {"token": token.token, "logprob": token.logprob, "bytes": list(octets)}
