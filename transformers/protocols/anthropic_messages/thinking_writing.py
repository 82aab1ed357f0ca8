"""How much the model shall think, in Anthropic's words and within its rules.

A budget is at least 1,024 tokens and less than max_tokens, which counts thinking in. With thinking, sampling must stay
at its defaults and no tool may be forced. What does not fit gives way, with a loss, before the provider refuses it all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.effort import budget_of_effort
from axonhub.transformers.hub.requests import Effort, Reasoning, Request
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import Loss
from axonhub.transformers.protocols.anthropic_messages.names import THINKING_BLOCKS

LEAST_BUDGET_TOKENS: Final = 1024
_LEVELS: Final[tuple[Effort, ...]] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True)
class ThinkingPlan:
    max_tokens: int
    thinking: JsonObject | None = None
    effort: Effort | None = None

    @property
    def active(self) -> bool:
        return self.thinking is not None and self.thinking["type"] != "disabled"


def thinking_plan(request: Request, messages: list[JsonObject], dialect: Dialect, losses: list[Loss]) -> ThinkingPlan:
    """`messages` as they go out: what stands in them decides whether thinking may be on."""
    limit = request.max_output_tokens
    default = ThinkingPlan(dialect.default_max_tokens if limit is None else limit)
    reasoning = request.reasoning
    if reasoning is None:
        return default
    if reasoning.mode == "off" or reasoning.effort == "none":
        return ThinkingPlan(default.max_tokens, {"type": "disabled"})
    if request.tool_choice is not None and request.tool_choice.mode == "required":
        losses.append(Loss("reasoning", "Anthropic's models do not think when a tool is forced"))
        return default
    if reasoning.budget_tokens is None and dialect.adaptive_thinking:
        effort = _nearest(reasoning.effort, dialect.efforts) if reasoning.effort else None
        return ThinkingPlan(default.max_tokens, _config(reasoning, "adaptive"), effort)
    if _unsigned_loop(messages):
        losses.append(Loss("reasoning", "thinking is off: the running tool loop began without Anthropic's thinking"))
        return ThinkingPlan(default.max_tokens, {"type": "disabled"})
    budget, max_tokens = _budget(reasoning, limit, dialect, losses)
    # An effort beside the caller's own budget is a wish of its own; else the budget was made of it.
    effort = reasoning.effort if reasoning.budget_tokens is not None else None
    return ThinkingPlan(max_tokens, _config(reasoning, "enabled", budget), effort)


def _budget(reasoning: Reasoning, limit: int | None, dialect: Dialect, losses: list[Loss]) -> tuple[int, int]:
    """The budget and the max_tokens that holds it."""
    wanted = reasoning.budget_tokens
    if wanted is None:
        wanted = budget_of_effort(reasoning.effort or dialect.adaptive_effort, dialect.budgets, limit)
    budget = max(wanted, LEAST_BUDGET_TOKENS)
    if limit is None:
        return budget, budget + dialect.default_max_tokens
    if limit > LEAST_BUDGET_TOKENS:
        return min(budget, limit - 1), limit
    losses.append(Loss("max_output_tokens", f"raised by {LEAST_BUDGET_TOKENS}: Anthropic thinks no less", "info"))
    return LEAST_BUDGET_TOKENS, limit + LEAST_BUDGET_TOKENS


def _nearest(effort: Effort, known: tuple[Effort, ...]) -> Effort:
    """The level that the models know and that is nearest, the lower one of two."""
    place = _LEVELS.index(effort)
    return min(known, key=lambda level: (abs(_LEVELS.index(level) - place), _LEVELS.index(level)), default=effort)


def _config(reasoning: Reasoning, kind: str, budget_tokens: int | None = None) -> JsonObject:
    config: JsonObject = {"type": kind}
    if budget_tokens is not None:
        config["budget_tokens"] = budget_tokens
    if reasoning.visible is not None or reasoning.summary is not None:
        config["display"] = "omitted" if reasoning.visible is False else "summarized"
    return config


def _unsigned_loop(messages: list[JsonObject]) -> bool:
    """Does the history end in the results of calls that were made without Anthropic's thinking?

    Whether a system message parts the turns around it is not documented: neither reading may end so.
    """
    spoken = [message for message in messages if message["role"] != "system"]
    return _ends_unsigned(messages) or _ends_unsigned(spoken)


def _ends_unsigned(messages: list[JsonObject]) -> bool:
    talk = [kinds for role, kinds in _as_read(messages) if role != "system"]
    if len(talk) < 2 or "tool_result" not in talk[-1]:
        return False
    asked = talk[-2]
    return "tool_use" in asked and asked[0] not in THINKING_BLOCKS


def _as_read(messages: list[JsonObject]) -> Iterator[tuple[Json, list[Json]]]:
    """The turns that Anthropic makes of the messages, neighbours of one role being one: role and types of blocks."""
    for role, group in groupby(messages, lambda message: message["role"]):
        contents = [blocks for blocks in (message["content"] for message in group) if isinstance(blocks, list)]
        yield role, [block["type"] for blocks in contents for block in blocks if isinstance(block, dict)]
