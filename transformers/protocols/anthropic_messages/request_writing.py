"""Hub request → a body for a provider. Deterministic: the same conversation prefix gives the same blocks."""

from hashlib import sha256
from typing import Final

import orjson

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.extensions import leave_behind
from axonhub.transformers.hub.parts import Text
from axonhub.transformers.hub.requests import OutputFormat, Request
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.pairing import is_empty
from axonhub.transformers.protocol import Loss, Unsupported, Written
from axonhub.transformers.protocols.anthropic_messages.history_writing import (
    BlockWriter,
    history,
    text_block,
)
from axonhub.transformers.protocols.anthropic_messages.names import NAME
from axonhub.transformers.protocols.anthropic_messages.thinking_writing import ThinkingPlan, thinking_plan
from axonhub.transformers.protocols.anthropic_messages.tool_writing import ToolWriter
from axonhub.transformers.reminders import is_billing_block
from axonhub.transformers.schemas import for_anthropic_output
from axonhub.transformers.tool_names import NameTable

_MOST_MARKS: Final = 4
_MOST_USER_ID_CHARACTERS: Final = 256
_TIERS: Final = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
_COUNTED: Final = frozenset(
    "cache_control context_management mcp_servers messages model output_config system thinking tool_choice "
    "tools".split()
)
"""What the provider's counter of tokens takes of a request."""
_LEAST_TOP_P: Final = 0.95
"""What stands beside thinking is not below."""
_JSON_ONLY: Final = "Answer with one JSON object and nothing else."


def write_request(request: Request, dialect: Dialect) -> Written:
    losses: list[Loss] = []
    leave_behind(request, NAME, losses)
    if (request.sampling.candidates or 1) > 1:
        raise Unsupported("Anthropic gives one answer to a request", "n")
    names = NameTable.of(request.tools, request.turns, dialect.tool_name_length)
    turns = history(request.turns, dialect, losses)
    messages = BlockWriter(names, losses).messages(turns)
    plan = thinking_plan(request, messages, dialect, losses)
    body: dict[str, Json] = {"model": request.model, "max_tokens": plan.max_tokens}
    if system := _system(request, dialect, losses):
        body["system"] = system
    body |= ToolWriter(request, dialect, names, losses).members()
    body["messages"] = list[Json](messages)
    body |= _thinking_and_format(request, plan, dialect, losses)
    body |= _sampling(request, plan, dialect, losses)
    body |= _rest(request, dialect, losses)
    _keep_marks(body, dialect, losses)
    return Written(body, tuple(losses), names.undo)


def write_count_request(request: Request, dialect: Dialect) -> Written:
    written = write_request(request, dialect)
    return Written({key: value for key, value in written.body.items() if key in _COUNTED}, written.losses, written.undo)


def _system(request: Request, dialect: Dialect, losses: list[Loss]) -> list[Json]:
    told = [part for part in request.system if not is_empty(part, blank_too=True)]
    kept = [part for part in told if dialect.billing_block or not is_billing_block(part.text)]
    return [text_block(part) for part in (*kept, *_format_told(request.output_format, dialect, losses))]


def _format_told(output: OutputFormat | None, dialect: Dialect, losses: list[Loss]) -> tuple[Text, ...]:
    """The wish for JSON in words, where no member can say it."""
    if output is None or (output.schema is not None and dialect.json_schema):
        return ()
    losses.append(Loss("response_format", "told to the model in words; Anthropic cannot enforce it"))
    if output.schema is None:
        return (Text(_JSON_ONLY),)
    return (Text(f"{_JSON_ONLY} It must match this JSON Schema:\n{orjson.dumps(output.schema).decode()}"),)


def _thinking_and_format(request: Request, plan: ThinkingPlan, dialect: Dialect, losses: list[Loss]) -> JsonObject:
    own = request.extensions.get(NAME, {})
    thinking = _own_thinking(request, plan, own, losses)
    output = _with_own({"effort": plan.effort} if plan.effort else {}, own, "output_config.")
    if request.output_format is not None and request.output_format.schema is not None and dialect.json_schema:
        output = {**output, "format": _format(request.output_format, losses)}
    members: dict[str, Json] = {"thinking": thinking, "output_config": output}
    return {name: value for name, value in members.items() if value}


def _own_thinking(request: Request, plan: ThinkingPlan, own: JsonObject, losses: list[Loss]) -> JsonObject | None:
    """The plan's, with the client's further wishes; where thinking had to give way, they go with it."""
    wished = {name: value for name, value in own.items() if name.startswith("thinking.")}
    if plan.thinking is None or (not plan.active and request.reasoning and request.reasoning.mode != "off"):
        losses += (Loss(name, "nothing is thought in this answer") for name in wished)
        return plan.thinking
    if plan.thinking["type"] != "adaptive" and wished.pop("thinking.type", None) is not None:
        losses.append(Loss("thinking.type", "a budget says it to these models"))
    return _with_own(plan.thinking, wished, "thinking.")


def _with_own(members: JsonObject, own: JsonObject, prefix: str) -> JsonObject:
    """With the members that no other protocol has a word for, as the client wrote them."""
    return members | {name.removeprefix(prefix): value for name, value in own.items() if name.startswith(prefix)}


def _format(wanted: OutputFormat, losses: list[Loss]) -> JsonObject:
    schema = for_anthropic_output(wanted.schema or {}, losses, "response_format")
    if wanted.description and "description" not in schema:
        schema = {**schema, "description": wanted.description}
    elif wanted.description:
        losses.append(Loss("response_format.description", "the schema brings one of its own", "info"))
    return {"type": "json_schema", "schema": schema}


def _sampling(request: Request, plan: ThinkingPlan, dialect: Dialect, losses: list[Loss]) -> JsonObject:
    sampling = request.sampling
    foreign = {
        "seed": sampling.seed,
        "presence_penalty": sampling.presence_penalty or None,
        "frequency_penalty": sampling.frequency_penalty or None,
        "logit_bias": sampling.logit_bias or None,
        "logprobs": sampling.logprobs or None,
        "top_logprobs": sampling.top_logprobs or None,
    }
    losses += (Loss(name, "Anthropic has none") for name, value in foreign.items() if value is not None)
    if dialect.sampling and not plan.active:
        return _kept_sampling(request, dialect, losses)
    reason = "Anthropic's models take no sampling when they think" if plan.active else "these models take no sampling"
    kept: dict[str, Json] = {}
    top_p = sampling.top_p
    if plan.active and dialect.sampling and dialect.thinking_top_p and top_p is not None and top_p >= _LEAST_TOP_P:
        kept["top_p"], top_p = top_p, None
    untold = {
        "temperature": sampling.temperature if sampling.temperature != 1 else None,
        "top_p": top_p if top_p != 1 else None,
        "top_k": sampling.top_k,
    }
    losses += (Loss(name, reason) for name, value in untold.items() if value is not None)
    return kept


def _kept_sampling(request: Request, dialect: Dialect, losses: list[Loss]) -> dict[str, Json]:
    sampling = request.sampling
    kept: dict[str, Json] = {}
    if sampling.temperature is not None:
        kept["temperature"] = min(sampling.temperature, 1)
        if sampling.temperature > 1:
            losses.append(Loss("temperature", "Anthropic's highest is 1"))
    if sampling.top_p is not None and ("temperature" not in kept or dialect.sampling_pair):
        kept["top_p"] = sampling.top_p
    elif sampling.top_p is not None and sampling.top_p != 1:
        losses.append(Loss("top_p", "Anthropic's models take it or the temperature, not both"))
    if sampling.top_k is not None:
        kept["top_k"] = sampling.top_k
    return kept


def _rest(request: Request, dialect: Dialect, losses: list[Loss]) -> JsonObject:
    members: dict[str, Json] = {}
    stop = [each for each in request.stop if dialect.blank_stop or each.strip()]
    if stop:
        members["stop_sequences"] = list(stop)
    if len(stop) < len(request.stop):
        losses.append(Loss("stop", "Anthropic refuses stop sequences of white space alone"))
    if request.user is not None:
        members["metadata"] = {"user_id": _user_id(request.user, losses)}
    losses += (Loss(f"metadata.{name}", "Anthropic knows only user_id", "info") for name in request.metadata)
    tier = _TIERS.get(request.service_tier or "")
    if tier is not None:
        members["service_tier"] = tier
    elif request.service_tier is not None:
        losses.append(Loss("service_tier", f"Anthropic has no tier {request.service_tier!r}", "info"))
    if request.verbosity is not None:
        losses.append(Loss("verbosity", "Anthropic has none"))
    if request.cache_key is not None:
        losses.append(Loss("prompt_cache_key", "Anthropic finds cached prefixes itself", "info"))
    if request.stream:
        members["stream"] = True
    own = request.extensions.get(NAME, {})
    return members | {key: value for key, value in own.items() if not ("." in key or "[" in key)}


def _user_id(user: str, losses: list[Loss]) -> str:
    if len(user) <= _MOST_USER_ID_CHARACTERS:
        return user
    losses.append(Loss("user", "too long for Anthropic: its hash goes instead", "info"))
    return sha256(user.encode("utf-8", "surrogatepass")).hexdigest()


def _keep_marks(body: dict[str, Json], dialect: Dialect, losses: list[Loss]) -> None:
    """At most four cache marks: those that stand first in the messages give way."""
    marks = [*_marks_in(body.get("tools")), *_marks_in(body.get("system"))]
    in_messages = [mark for message in _objects(body["messages"]) for mark in _marks_in(message["content"])]
    if not marks and not in_messages and dialect.automatic_cache:
        body.setdefault("cache_control", {"type": "ephemeral"})
    excess = len(marks) + len(in_messages) + ("cache_control" in body) - _MOST_MARKS
    if excess <= 0:
        return
    losses.append(Loss("cache_control", f"Anthropic takes {_MOST_MARKS} marks; {excess} are left out", "info"))
    for blocks, index in [*in_messages, *marks][:excess]:
        # Blocks may be the client's own objects: never changed in place.
        marked = blocks[index]
        if isinstance(marked, dict):
            blocks[index] = {key: value for key, value in marked.items() if key != "cache_control"}


def _marks_in(blocks: Json) -> list[tuple[list[Json], int]]:
    if not isinstance(blocks, list):
        return []
    return [
        (blocks, index) for index, block in enumerate(blocks) if isinstance(block, dict) and "cache_control" in block
    ]


def _objects(values: Json) -> list[JsonObject]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
