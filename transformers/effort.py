"""Effort ⇄ token budget: what one vendor calls a level another counts in tokens.

The numbers are our choice (docs/protocols.md); a dialect may have its own for the way from a level to a budget.
"""

from typing import Final

from axonhub.transformers.hub.requests import Effort

_BUDGETED: Final[tuple[Effort, ...]] = ("minimal", "low", "medium", "high", "xhigh")
"""What the budgets of a dialect stand for."""
_EFFORTS: Final[tuple[tuple[int, Effort], ...]] = ((1024, "minimal"), (4096, "low"), (16384, "medium"), (32768, "high"))
"""Each level with the first budget that is above it."""

_LEVELS: Final[dict[str, Effort]] = {
    "none": "none",
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "max": "max",
}


def effort_of_budget(budget_tokens: int) -> Effort:
    """The level nearest to a thinking budget; none at 0. A negative one (Gemini: the model decides) is medium."""
    if budget_tokens <= 0:
        return "none" if budget_tokens == 0 else "medium"
    return next((effort for bound, effort in _EFFORTS if budget_tokens < bound), "xhigh")


def budget_of_effort(effort: Effort, budgets: tuple[int, ...], max_output_tokens: int | None = None) -> int:
    """Thinking tokens for a level; `max` takes all but one of the limit, or the highest level's where none is known.

    Not clamped: a protocol's own bounds (Anthropic's 1024) are its writer's business. `budgets` are those of
    `Dialect.budgets`; of fewer than the levels the last one stands for the rest.
    """
    if effort == "none" or not budgets:
        return 0
    if effort == "max":
        return budgets[-1] if max_output_tokens is None else max(max_output_tokens - 1, 0)
    return budgets[min(_BUDGETED.index(effort), len(budgets) - 1)]


def known_effort(word: str) -> Effort | None:
    """The level that a wire word names; None for a word of the future."""
    return _LEVELS.get(word)
