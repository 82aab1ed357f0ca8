import pytest

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.effort import budget_of_effort, effort_of_budget, known_effort

BUDGETS = Dialect().budgets


@pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high", "xhigh"])
def test_every_level_survives_the_way_over_tokens(effort):
    assert effort_of_budget(budget_of_effort(effort, BUDGETS)) == effort


@pytest.mark.parametrize(
    ("budget", "expected"),
    [(0, "none"), (1, "minimal"), (1024, "low"), (4096, "medium"), (16384, "high"), (100_000, "xhigh"), (-1, "medium")],
)
def test_budgets_map_to_the_nearest_level(budget, expected):
    assert effort_of_budget(budget) == expected


def test_max_takes_all_but_one_token_of_the_limit():
    assert budget_of_effort("max", BUDGETS, 64000) == 63999
    assert budget_of_effort("max", BUDGETS) == budget_of_effort("xhigh", BUDGETS)


def test_words_of_the_future_are_no_effort():
    assert known_effort("high") == "high"
    assert known_effort("ultra") is None
