"""A hub request → the body of `POST /v1/responses`, in one vendor's dialect.

OpenAI API reference "Create a model response", read 2026-11. The order of the members is fixed, so that the same
conversation prefix gives the same bytes. Requests of other protocols' clients are sent with `store: false`: nobody
asked OpenAI to keep them.
"""

import re
from hashlib import sha256
from typing import Final

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.effort import effort_of_budget
from axonhub.transformers.extensions import leave_behind
from axonhub.transformers.hub.parts import Text
from axonhub.transformers.hub.requests import Effort, OutputFormat, Reasoning, Request
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.pairing import paired
from axonhub.transformers.protocol import Loss, Unsupported, Written
from axonhub.transformers.protocols.openai_responses.names import NAME
from axonhub.transformers.protocols.openai_responses.reading_requests import ENCRYPTED, LOGPROBS
from axonhub.transformers.protocols.openai_responses.writing_items import ItemWriter
from axonhub.transformers.protocols.openai_responses.writing_tools import write_tools
from axonhub.transformers.reminders import is_billing_block, reminded
from axonhub.transformers.schemas import is_strict_subset
from axonhub.transformers.tool_names import NameTable

_LABEL_LENGTH: Final = 64
_LEVELS: Final[tuple[Effort, ...]] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_TIERS: Final = {"standard_only": "default", "standard": "default"}
"""Other vendors' words for what OpenAI calls `default`."""
_OWN_TIERS: Final = frozenset(("auto", "default", "flex", "scale", "priority", "fast", "ultrafast"))
_FORMAT_NAME: Final = re.compile(r"[^a-zA-Z0-9_-]")
_COUNTED: Final = frozenset(
    "model input instructions tools tool_choice parallel_tool_calls reasoning text truncation previous_response_id "
    "conversation personality".split()
)
"""What `POST /v1/responses/input_tokens` takes."""


def write_request(request: Request, dialect: Dialect) -> Written:
    """Unsupported when nothing faithful can be said to this channel."""
    losses: list[Loss] = []
    leave_behind(request, NAME, losses)
    names = NameTable.of(request.tools, request.turns, dialect.tool_name_length)
    own = request.extensions.get(NAME, {})
    body: JsonObject = {"model": request.model}
    _conversation(request, dialect, names, body, losses)
    write_tools(request, dialect, names, body, losses)
    _limits(request, dialect, body, losses)
    _reasoning(request, dialect, body, losses)
    _text(request, dialect, body, losses)
    _labels(request, dialect, body, losses)
    _include(request, dialect, body, own)
    body["store"] = False
    if request.stream:
        body["stream"] = True
    _restore(body, own)
    return Written(body, tuple(losses), names.undo)


def count_request(request: Request, dialect: Dialect) -> Written:
    """The same without what the counter refuses."""
    written = write_request(request, dialect)
    body = {name: value for name, value in written.body.items() if name in _COUNTED}
    return Written(body, written.losses, written.undo)


def _conversation(request: Request, dialect: Dialect, names: NameTable, body: JsonObject, losses: list[Loss]) -> None:
    system = _system(request, dialect, losses)
    turns = reminded(request.turns) if dialect.middle_system == "reminder" else request.turns
    writer = ItemWriter(dialect, names, losses)
    if len(system) == 1 and turns and _is_plain(system[0], dialect, losses):
        body["instructions"] = system[0].text
    else:
        writer.system(system)
    writer.turns(paired(turns, losses, merge=False))
    body["input"] = writer.items


def _is_plain(text: Text, dialect: Dialect, losses: list[Loss]) -> bool:
    """Can it be said as `instructions`, a string without a place for anything else?"""
    if text.annotations or (text.cache is not None and dialect.cache_marks):
        return False
    if text.cache is not None:
        losses.append(Loss("cache_control", "this channel takes no cache marks", "info"))
    return True


def _system(request: Request, dialect: Dialect, losses: list[Loss]) -> tuple[Text, ...]:
    kept = tuple(text for text in request.system if text.text and not is_billing_block(text.text))
    if len(kept) < sum(bool(text.text) for text in request.system):
        losses.append(Loss("system[]", "the billing line of Claude Code is for its own vendor", "info"))
    return kept


def _limits(request: Request, dialect: Dialect, body: JsonObject, losses: list[Loss]) -> None:
    asked = request.sampling
    if (asked.candidates or 1) != 1:
        raise Unsupported("OpenAI Responses gives one answer", "n")
    limit = request.max_output_tokens
    if limit is not None:
        least = dialect.least_output_tokens
        body["max_output_tokens"] = max(limit, least)
        if limit < least:
            losses.append(Loss("max_tokens", f"raised to {least}, the least that is taken", "info"))
    fixed = dialect.fixed_sampling and thinks_always(request.model, dialect)
    told: JsonObject = {"temperature": asked.temperature, "top_p": asked.top_p, "top_logprobs": asked.top_logprobs}
    for name, value in told.items():
        if value is None:
            continue
        if fixed and (name, value) != ("temperature", 1):
            losses.append(Loss(name, f"{request.model} refuses it"))
        else:
            body[name] = value
    unsaid = {
        "top_k": asked.top_k,
        "seed": asked.seed,
        "presence_penalty": asked.presence_penalty,
        "frequency_penalty": asked.frequency_penalty,
        "logit_bias": asked.logit_bias,
        "stop": request.stop or None,
    }
    losses += (
        Loss(name, "OpenAI Responses has no such setting") for name, value in unsaid.items() if value is not None
    )


# -- reasoning


def _reasoning(request: Request, dialect: Dialect, body: JsonObject, losses: list[Loss]) -> None:
    asked = request.reasoning
    if asked is None:
        return
    told: JsonObject = {}
    effort = _effort(asked, dialect)
    if effort is not None:
        level = _level(effort, request.model, dialect)
        if level is not None:
            told["effort"] = level
        if level != effort and effort != "none":
            words = "does not think on this channel" if level is None else f"thinks at {level} instead of {effort}"
            losses.append(Loss("reasoning", f"{request.model} {words}", "info" if level else "warning"))
        elif level is None:
            losses.append(Loss("reasoning", "thinking cannot be switched off on this channel", "info"))
    unsaid = asked.visible is None and asked.mode != "off" and dialect.reasoning_summaries
    if asked.summary is not None or asked.visible or unsaid:
        if _can_think(request.model, dialect):
            told["summary"] = asked.summary or "auto"
        elif effort is None:
            losses.append(Loss("reasoning", f"{request.model} does not think on this channel"))
    if told:
        body["reasoning"] = told


def thinks_always(model: str, dialect: Dialect) -> bool:
    return bool(dialect.reasoning_models) and re.search(dialect.reasoning_models, model) is not None


def _can_think(model: str, dialect: Dialect) -> bool:
    """A model that does not refuses the very mention of it."""
    return not dialect.reasoning_models or thinks_always(model, dialect)


def _effort(asked: Reasoning, dialect: Dialect) -> Effort | None:
    """The level asked for, by whatever name; None when the model shall decide."""
    if asked.mode == "off":
        return "none"
    if asked.effort is not None:
        return asked.effort
    if asked.budget_tokens is not None:
        return effort_of_budget(asked.budget_tokens)
    # OpenAI's own clients who name no effort name a summary.
    return dialect.adaptive_effort if asked.mode == "adaptive" and asked.summary is None else None


def _level(effort: Effort, model: str, dialect: Dialect) -> Effort | None:
    """The nearest level that this model takes; None when it takes none, or when no thinking cannot be asked for."""
    if dialect.reasoning_control == "none" or not _can_think(model, dialect):
        return None
    if effort == "none":
        return next((least for least in ("none", "minimal") if least in dialect.efforts), None)
    wanted = _LEVELS.index(effort)
    levels = tuple(each for each in dialect.efforts if each != "none")
    return min(levels, key=lambda each: abs(_LEVELS.index(each) - wanted), default=None)


# -- output and labels


def _text(request: Request, dialect: Dialect, body: JsonObject, losses: list[Loss]) -> None:
    told: JsonObject = {}
    if request.output_format is not None:
        told["format"] = _format(request.output_format, losses)
    if request.verbosity is not None:
        if dialect.openai_fields:
            told["verbosity"] = request.verbosity
        else:
            losses.append(Loss("verbosity", "this channel has no such setting"))
    if told:
        body["text"] = told


def _format(wanted: OutputFormat, losses: list[Loss]) -> JsonObject:
    if wanted.schema is None:
        return {"type": "json_object"}
    told: JsonObject = {"type": "json_schema", "name": _FORMAT_NAME.sub("_", wanted.name or "response")[:_LABEL_LENGTH]}
    if wanted.description is not None:
        told["description"] = wanted.description
    told["schema"] = wanted.schema
    fits = is_strict_subset(wanted.schema)
    if wanted.strict and not fits:
        losses.append(Loss("output_format.strict", "OpenAI cannot hold the model to this schema", "warning"))
    told["strict"] = fits and wanted.strict is not False
    return told


def _labels(request: Request, dialect: Dialect, body: JsonObject, losses: list[Loss]) -> None:
    if request.user is not None:
        body["user"] = _short(request.user)
    told: JsonObject = {
        "prompt_cache_key": None if request.cache_key is None else _short(request.cache_key),
        "metadata": dict(request.metadata) or None,
        "service_tier": _tier(request.service_tier, losses),
    }
    for name, value in told.items():
        if value is None:
            continue
        if dialect.openai_fields:
            body[name] = value
        else:
            losses.append(Loss(name, "this channel has no such member", "info"))


def _tier(word: str | None, losses: list[Loss]) -> str | None:
    if word is None:
        return None
    tier = _TIERS.get(word, word)
    if tier in _OWN_TIERS:
        return tier
    losses.append(Loss("service_tier", f"OpenAI has no tier {word!r}", "info"))
    return None


def _short(label: str) -> str:
    """Labels are capped at 64 characters; the hash of a longer one tells users apart as well."""
    return label if len(label) <= _LABEL_LENGTH else sha256(label.encode("utf-8", "surrogatepass")).hexdigest()


def _include(request: Request, dialect: Dialect, body: JsonObject, own: JsonObject) -> None:
    given = own.get("include")
    include: list[Json] = list(given) if isinstance(given, list) else []
    # Without it OpenAI keeps the reasoning to itself, and a client without a memory there cannot give it back: a model
    # that thinks unasked would begin anew after each tool call.
    if dialect.signature_origin and _thinks(request, dialect, body):
        include.append(ENCRYPTED)
    if request.sampling.logprobs:
        include.append(LOGPROBS)
    if include:
        body["include"] = include


def _thinks(request: Request, dialect: Dialect, body: JsonObject) -> bool:
    asked = body.get("reasoning")
    if isinstance(asked, dict):
        return asked.get("effort") != "none"
    return thinks_always(request.model, dialect)


def _restore(body: JsonObject, own: JsonObject) -> None:
    """Gives back what only this protocol knows; indexed paths (`tools[].…`) came back with their tool or part."""
    for name, value in own.items():
        head, dot, member = name.partition(".")
        if "[" in name:
            continue
        if not dot:
            if name not in body or name == "store":
                body[name] = value
        elif "." not in member:
            outer = body.setdefault(head, {})
            if isinstance(outer, dict):
                outer.setdefault(member, value)
