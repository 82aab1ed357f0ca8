"""The tree of agents: who started whom, what each spent, how long its tools took."""

import json
from dataclasses import fields

from axonhub.addons.analysis.agents import Agent, agent_tree, tree_json
from axonhub.addons.analysis.agents_text import tree_text
from axonhub.addons.analysis.spending import Spending
from tests.analysis.trace import call, exchange, result, said, user

ERRAND = "Look for every use of the old name in the sources."
OTHER = "Write a summary of what the tests cover by now."
BASH, FIRST, SECOND = call("Bash", 1, command="ls"), call("Agent", 2, prompt=ERRAND), call("Agent", 3, prompt=OTHER)


def family() -> tuple[object, ...]:
    """main runs Bash, then two sub-agents side by side; the second one's tool fails."""
    asked, after = user("Rename it."), [user("Rename it."), said(BASH), user(result(1)), said(FIRST, SECOND)]
    grep = call("Grep", 4, pattern="old")
    return (
        exchange(1, [asked], [BASH], at_s=0, took_s=2),
        exchange(2, after[:3], [FIRST, SECOND], at_s=5, took_s=1),
        exchange(3, [user(ERRAND)], [], at_s=7, agent="a1"),
        exchange(4, [user(f"Note.\n{OTHER}")], [grep], at_s=8, agent="a2"),
        exchange(5, [user(OTHER), said(grep), user(result(4, "no", is_error=True))], at_s=13, agent="a2"),
        exchange(6, [*after, user(result(2), result(3))], [], at_s=26, took_s=3),
    )


def grown() -> Agent:
    (main,) = agent_tree("t", family()).agents  # type: ignore[arg-type]
    return main


def test_sub_agents_belong_to_whose_call_holds_their_words() -> None:
    main = grown()

    assert ("main", ["a1", "a2"]) == (main.id, [child.id for child in main.children])


def test_tools_ran_from_the_answer_to_the_request_with_their_result() -> None:
    main = grown()

    tools = {tool.name: (tool.calls, tool.total_s, tool.longest_s, tool.errors) for tool in main.tools}
    assert {"Bash": (1, 3.0, 3.0, 0), "Agent": (2, 40.0, 20.0, 0)} == tools
    (grep,) = main.children[1].tools
    assert ("Grep", 1, 4.0, 1, 0) == (grep.name, grep.calls, grep.total_s, grep.errors, grep.unanswered)


def test_agents_together_are_the_trace() -> None:
    tree = agent_tree("t", family())  # type: ignore[arg-type]

    def all_of(agent: Agent) -> list[Spending]:
        return [agent.spending, *(each for child in agent.children for each in all_of(child))]

    parts = [each for agent in tree.agents for each in all_of(agent)]
    for field in fields(Spending):
        assert getattr(tree.spending, field.name) == sum(getattr(each, field.name) for each in parts), field.name
    assert (6, 600, 6000) == (tree.spending.requests, tree.spending.input_tokens, tree.spending.cost_micro_usd)


def test_call_without_a_result_is_counted_as_such() -> None:
    (main,) = agent_tree("t", [exchange(1, [user("Go.")], [BASH])]).agents

    assert [("Bash", 1, 1, 0.0)] == [(each.name, each.calls, each.unanswered, each.total_s) for each in main.tools]


def test_sub_agent_of_a_sub_agent_hangs_below_it() -> None:
    inner = call("Agent", 9, prompt=OTHER)
    trace = [
        exchange(1, [user("Go.")], [FIRST]),
        exchange(2, [user(ERRAND)], [inner], at_s=2, agent="a1"),
        exchange(3, [user(OTHER)], [], at_s=4, agent="a2"),
    ]

    (main,) = agent_tree("t", trace).agents

    assert ["a1"] == [each.id for each in main.children]
    assert ["a2"] == [each.id for each in main.children[0].children]


def test_trace_without_bodies_still_adds_up_and_says_so() -> None:
    tree = agent_tree("t", [exchange(1, [], bodies={}), exchange(2, [], bodies={}, agent="a1", at_s=3)])

    assert 2 == tree.spending.requests
    assert ["2 of 2 requests have no readable body: calls and results in them are not counted."] == list(tree.notes)
    assert ["a1"] == [child.id for child in tree.agents[0].children]


def test_tree_is_shown_as_text_and_as_json() -> None:
    tree = agent_tree("t", family())  # type: ignore[arg-type]

    text = tree_text(tree)
    shown = json.loads(json.dumps(tree_json(tree)))

    assert "- Agent: 2 calls, 40.0 s, longest 20.0 s" in text
    assert "      - Grep: 1 call, 4.0 s, 1 failed" in text.splitlines()
    assert "a2" == shown["agents"][0]["children"][1]["id"]
