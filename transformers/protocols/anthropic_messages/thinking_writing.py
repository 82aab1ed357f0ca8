"""How much the model shall think, in Anthropic's words and within its rules.

A budget is at least 1,024 tokens and less than max_tokens, which counts thinking in. With thinking, sampling must stay
at its defaults and no tool may be forced. What does not fit gives way, with a loss, before the provider refuses it all.
"""

from dataclasses import dataclass
from typing import Final

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.effort import budget_of_effort
from axonhub.transformers.hub.parts import Thinking, ToolCall, ToolResult
from axonhub.transformers.hub.requests import Effort, Reasoning, Request, Turn
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocol import Loss

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


def thinking_plan(request: Request, turns: tuple[Turn, ...], dialect: Dialect, losses: list[Loss]) -> ThinkingPlan:
    """`turns` as they go out: what stands in them decides whether thinking may be on."""
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
    if _unsigned_loop(turns):
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


def _unsigned_loop(turns: tuple[Turn, ...]) -> bool:
    """Does the history end in the results of calls that were made without Anthropic's thinking?"""
    talk = [turn for turn in turns if turn.role != "system"]
    if len(talk) < 2 or not any(isinstance(part, ToolResult) for part in talk[-1].parts):
        return False
    asked = talk[-2].parts
    return any(isinstance(part, ToolCall) for part in asked) and not isinstance(asked[0], Thinking)
