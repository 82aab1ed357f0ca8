"""The tree of agents as a person reads it in a terminal."""

from collections.abc import Iterator

from axonhub.addons.analysis.agents import Agent, ToolUse, Tree
from axonhub.addons.analysis.spending import Spending
from axonhub.addons.store.report import printable

_LONGEST_LABEL = 60


def tree_text(tree: Tree) -> str:
    lines = [f"trace {tree.trace_id}: {spending_text(tree.spending)}", ""]
    for agent in tree.agents:
        lines += _agent_lines(agent, "")
    return printable("\n".join([*lines, *(f"note: {each}" for each in tree.notes)]))


def _agent_lines(agent: Agent, indent: str) -> Iterator[str]:
    label = agent.label if len(agent.label) <= _LONGEST_LABEL else agent.label[: _LONGEST_LABEL - 1] + "…"
    name = f"{agent.id} ({label})" if label else agent.id
    yield f"{indent}{name}  {', '.join(agent.models)}"
    yield f"{indent}  {spending_text(agent.spending)}"
    wall_s = max(0.0, agent.ended_s - agent.started_s)
    yield f"{indent}  {wall_s:.1f} s from first to last, {agent.model_s:.1f} s of it in requests"
    yield from (f"{indent}  - {_tool_text(tool)}" for tool in agent.tools)
    for child in agent.children:
        yield from _agent_lines(child, indent + "    ")


def _tool_text(tool: ToolUse) -> str:
    told = [f"{tool.name}: {counted(tool.calls, 'call')}", f"{tool.total_s:.1f} s"]
    if tool.calls > 1:
        told.append(f"longest {tool.longest_s:.1f} s")
    if tool.errors:
        told.append(f"{tool.errors} failed")
    if tool.unanswered:
        told.append(f"{tool.unanswered} without a result")
    return ", ".join(told)


def spending_text(spent: Spending) -> str:
    told = [
        counted(spent.requests, "request"),
        f"in {spent.input_tokens:,}",
        f"cache read {spent.cache_read_tokens:,}",
        f"written {spent.cache_write_tokens:,}",
        f"out {spent.output_tokens:,}",
        f"${spent.cost_micro_usd / 1e6:.4f}",
    ]
    if spent.errors:
        told.insert(1, f"{spent.errors} failed")
    if spent.unpriced:
        told.append(f"{spent.unpriced} without a price")
    return ", ".join(told)


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
