"""A hub request → the body of a chat completion, in one vendor's dialect.

OpenAI API reference "Create chat completion", read 2026-11; vendors' differences are fields of Dialect. Order of the
members is fixed, so that the same conversation prefix gives the same bytes.
"""

import re
from hashlib import sha256
from typing import Final

import orjson

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.effort import effort_of_budget
from axonhub.transformers.extensions import leave_behind
from axonhub.transformers.hub.requests import Effort, OutputFormat, Reasoning, Request
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import Loss, Unsupported, Written
from axonhub.transformers.protocols.openai_chat.names import NAME
from axonhub.transformers.protocols.openai_chat.writing_messages import write_messages
from axonhub.transformers.protocols.openai_chat.writing_tools import write_tools
from axonhub.transformers.schemas import is_strict_subset
from axonhub.transformers.tool_names import NameTable

_USER_LENGTH: Final = 64
_LEVELS: Final[tuple[Effort, ...]] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_FORMAT_NAME: Final = re.compile(r"[^a-zA-Z0-9_-]")
_REFUSED_BY_THINKERS: Final = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
)


def write_request(request: Request, dialect: Dialect) -> Written:
    """Unsupported when nothing faithful can be said to this channel."""
    losses: list[Loss] = []
    leave_behind(request, NAME, losses)
    names = NameTable.of(request.tools, request.turns, dialect.tool_name_length)
    body: JsonObject = {"model": request.model}
    note = _output_format(request.output_format, dialect, body, losses)
    body["messages"] = write_messages(request, dialect, names, losses, note)
    write_tools(request, dialect, names, body, losses)
    if request.max_output_tokens is not None:
        body[dialect.max_tokens_field] = request.max_output_tokens
    _sampling(request, dialect, body, losses)
    _stop(request.stop, dialect, body, losses)
    _reasoning(request, dialect, body, losses)
    _labels(request, dialect, body, losses)
    if request.stream:
        body["stream"] = True
        if dialect.stream_usage:
            body["stream_options"] = {"include_usage": True}
    for name, value in request.extensions.get(NAME, {}).items():
        if "." not in name:
            body.setdefault(name, value)
        elif not name.startswith("stream_options."):  # That concerns the client's stream, which is written here.
            losses.append(Loss(name, "not kept between vendors", "info"))
    return Written(body, tuple(losses), names.undo)


def _sampling(request: Request, dialect: Dialect, body: JsonObject, losses: list[Loss]) -> None:
    asked = request.sampling
    several = asked.candidates if (asked.candidates or 1) > 1 else None
    if several and not dialect.candidates:
        raise Unsupported("this channel gives one answer to a request", "n")
    told: JsonObject = {
        "n": several,
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "seed": asked.seed,
        "presence_penalty": asked.presence_penalty,
        "frequency_penalty": asked.frequency_penalty,
        "logit_bias": None if asked.logit_bias is None else dict(asked.logit_bias),
        "logprobs": asked.logprobs,
        "top_logprobs": asked.top_logprobs if asked.logprobs or not asked.top_logprobs else None,
    }
    if asked.top_logprobs and not asked.logprobs:
        losses.append(Loss("top_logprobs", "no log probabilities were asked for", "info"))
    fixed = dialect.fixed_sampling and _thinks_always(request.model, dialect)
    for name, value in told.items():
        if value is None:
            continue
        if fixed and name in _REFUSED_BY_THINKERS and (name, value) != ("temperature", 1):
            losses.append(Loss(name, f"{request.model} refuses it"))
        else:
            body[name] = value
    if asked.top_k is not None:
        if dialect.extra_sampling:
            body["top_k"] = asked.top_k
        else:
            losses.append(Loss("top_k", "this channel has no such setting"))


def _thinks_always(model: str, dialect: Dialect) -> bool:
    return bool(dialect.reasoning_models) and re.search(dialect.reasoning_models, model) is not None


def _stop(stop: tuple[str, ...], dialect: Dialect, body: JsonObject, losses: list[Loss]) -> None:
    if not stop:
        return
    kept = stop if dialect.stop_limit is None else stop[: dialect.stop_limit]
    if len(kept) < len(stop):
        losses.append(Loss(f"stop[{len(kept)}:]", f"this channel takes {len(kept)} stop sequences"))
    body["stop"] = list(kept)


# -- reasoning


def _reasoning(request: Request, dialect: Dialect, body: JsonObject, losses: list[Loss]) -> None:
    asked = request.reasoning
    if asked is None:
        return
    if asked.summary is not None:
        losses.append(Loss("reasoning.summary", "chat shows the reasoning as it comes", "info"))
    effort = _effort(asked, dialect)
    match dialect.reasoning_control:
        case "none":
            if effort not in (None, "none"):
                losses.append(Loss("reasoning", "this channel's thinking cannot be steered"))
        case "effort":
            _effort_field(request.model, effort, dialect, body, losses)
        case "thinking_type":
            body["thinking"] = {"type": "disabled" if effort == "none" else "enabled"}
        case "enable_thinking":
            body["enable_thinking"] = effort != "none"
            if asked.budget_tokens is not None and effort != "none":
                body["thinking_budget"] = asked.budget_tokens
        case "template":
            body["chat_template_kwargs"] = {"enable_thinking": effort != "none"} | _template_arguments(request)
        case "reasoning_object":
            body["reasoning"] = _reasoning_object(asked, effort, dialect)


def _effort(asked: Reasoning, dialect: Dialect) -> Effort | None:
    """The level asked for, by whatever name; None when the caller named none."""
    if asked.mode == "off":
        return "none"
    if asked.effort is not None:
        return asked.effort
    if asked.budget_tokens is not None:
        return effort_of_budget(asked.budget_tokens)
    return dialect.adaptive_effort if asked.mode == "adaptive" else None


def _effort_field(model: str, effort: Effort | None, dialect: Dialect, body: JsonObject, losses: list[Loss]) -> None:
    if effort is None:
        return
    always = _thinks_always(model, dialect)
    if dialect.reasoning_models and not always:
        if effort != "none":
            losses.append(Loss("reasoning", f"{model} does not think on this channel"))
    elif effort != "none" or always or "none" in dialect.efforts:
        body["reasoning_effort"] = _nearest(effort, dialect.efforts)


def _nearest(effort: Effort, efforts: tuple[Effort, ...]) -> Effort:
    wanted = _LEVELS.index(effort)
    # "none" is only ever the answer to "none": the least thinking is still thinking.
    levels = efforts if effort == "none" else tuple(each for each in efforts if each != "none")
    return min(levels, key=lambda each: abs(_LEVELS.index(each) - wanted))


def _template_arguments(request: Request) -> JsonObject:
    given = request.extensions.get(NAME, {}).get("chat_template_kwargs")
    return given if isinstance(given, dict) else {}


def _reasoning_object(asked: Reasoning, effort: Effort | None, dialect: Dialect) -> JsonObject:
    told: JsonObject = {}
    if effort == "none":
        told["enabled"] = False
    elif asked.budget_tokens is not None:
        told["max_tokens"] = asked.budget_tokens
    elif effort is not None:
        told["effort"] = _nearest(effort, dialect.efforts)
    else:
        told["enabled"] = True
    if asked.visible is False:
        told["exclude"] = True
    return told


# -- output format and labels


def _output_format(wanted: OutputFormat | None, dialect: Dialect, body: JsonObject, losses: list[Loss]) -> str:
    """Adds response_format; gives the line of system prompt that must stand in for a schema, or ""."""
    if wanted is None:
        return ""
    if wanted.schema is None:
        body["response_format"] = {"type": "json_object"}
        return ""
    if not dialect.json_schema:
        body["response_format"] = {"type": "json_object"}
        losses.append(Loss("output_format.schema", "this channel promises JSON without a schema; the model is told"))
        return f"Answer with a JSON object that matches this JSON Schema: {orjson.dumps(wanted.schema).decode()}"
    named: JsonObject = {"name": _FORMAT_NAME.sub("_", wanted.name or "response")[:64]}
    if wanted.description is not None:
        named["description"] = wanted.description
    named["schema"] = wanted.schema
    if wanted.strict is not None:
        named["strict"] = wanted.strict
    elif wanted.name is None:
        # A protocol without names has no `strict` either: its formats always bind, as far as they can here.
        named["strict"] = is_strict_subset(wanted.schema)
    body["response_format"] = {"type": "json_schema", "json_schema": named}
    return ""


def _labels(request: Request, dialect: Dialect, body: JsonObject, losses: list[Loss]) -> None:
    if request.user is not None:
        body["user"] = _short_user(request.user)
    told: dict[str, Json] = {
        "prompt_cache_key": None if request.cache_key is None else _short_user(request.cache_key),
        "metadata": dict(request.metadata) or None,
        "service_tier": _SERVICE_TIERS.get(request.service_tier or "", request.service_tier),
        "verbosity": request.verbosity,
    }
    for name, value in told.items():
        if value is None:
            continue
        if dialect.openai_fields:
            body[name] = value
        else:
            losses.append(Loss(name, "this channel has no such setting", "info"))


_SERVICE_TIERS: Final = {"standard_only": "default"}


def _short_user(user: str) -> str:
    """At most 64 characters; a longer id (Claude Code's is a JSON document) goes as its hash, always the same."""
    return user if len(user) <= _USER_LENGTH else sha256(user.encode("utf-8", "surrogatepass")).hexdigest()
