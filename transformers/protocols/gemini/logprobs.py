"""`logprobsResult` of a candidate ⇄ log probabilities of its tokens.

Google lists what was chosen at each step, and beside it the likeliest tokens of each step. It tells no bytes.
Source: Google, generateContent reference, LogprobsResult, read 2026-11.
"""

from collections.abc import Iterable
from itertools import zip_longest

from axonhub.transformers.fields import as_mapping, as_objects, as_text
from axonhub.transformers.hub.logprobs import TokenLogprob
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.openai_logprobs import as_logprob


def read_logprobs(candidate: JsonObject) -> tuple[TokenLogprob, ...]:
    """Of one chunk's candidate, with its members' names in camel case."""
    told = as_mapping(candidate.get("logprobsResult"))
    chosen = as_objects(told.get("chosenCandidates"))
    steps = as_objects(told.get("topCandidates"))
    nothing: JsonObject = {}
    read = (_token(one, step) for one, step in zip_longest(chosen, steps[: len(chosen)], fillvalue=nothing))
    return tuple(token for token in read if token is not None)


def _token(chosen: JsonObject, step: JsonObject) -> TokenLogprob | None:
    token, number = as_text(chosen.get("token")), as_logprob(chosen.get("logProbability"))
    if token is None or number is None:
        return None
    others = (_token(each, {}) for each in as_objects(step.get("candidates")))
    return TokenLogprob(token, number, None, tuple(other for other in others if other is not None))


def write_logprobs(tokens: Iterable[TokenLogprob]) -> JsonObject:
    """The candidate's member; {} where nobody told any."""
    told = list(tokens)
    if not told:
        return {}
    chosen: list[Json] = [_written(token) for token in told]
    steps: list[Json] = [{"candidates": [_written(other) for other in token.others]} for token in told]
    return {"logprobsResult": {"chosenCandidates": chosen, "topCandidates": steps}}


def _written(token: TokenLogprob) -> JsonObject:
    return {"token": token.token, "logProbability": token.logprob}
