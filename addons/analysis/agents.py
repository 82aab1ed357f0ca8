"""The tree of agents in a trace: who started whom, and what each spent, alone and by tool.

Pure over stored exchanges. A (sub-)agent is whoever the client names in its headers. It belongs to the agent whose tool
call was open when it began and holds the words that it was given; where no call holds them, to the only one that was
open. A tool ran from the answer that called it to the first request that brings its result; calls of one answer ran
side by side, so the times of tools may add up to more than passed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import orjson

from axonhub.addons.analysis.conversations import Stored, calls_in, results_in, text_of
from axonhub.addons.analysis.spending import Spending
from axonhub.addons.store.backend import Json, Record
from axonhub.addons.store.summary import number
from axonhub.transformers.hub.parts import Text, ToolCall
from axonhub.transformers.hub.requests import Request
from axonhub.transformers.json_types import Json as JsonValue

MAIN = "main"
_LEAST_PROMPT = 12
"""Shorter arguments of a call are found in many prompts, so they prove nothing."""


@dataclass(frozen=True, slots=True)
class ToolUse:
    """All calls of one tool by one agent."""

    name: str
    calls: int = 0
    errors: int = 0
    unanswered: int = 0
    """No later request brought a result."""
    total_s: float = 0.0
    longest_s: float = 0.0

    def plus(self, call: "Call") -> "ToolUse":
        took_s = call.took_s or 0.0
        return ToolUse(
            self.name,
            self.calls + 1,
            self.errors + call.is_error,
            self.unanswered + (call.took_s is None),
            self.total_s + took_s,
            max(self.longest_s, took_s),
        )


@dataclass(slots=True)
class Call:
    """One tool call, from the answer that makes it to the request that brings its result."""

    agent: str
    tool: ToolCall
    began_s: float
    ended_s: float | None = None
    is_error: bool = False

    @property
    def took_s(self) -> float | None:
        return None if self.ended_s is None else max(0.0, self.ended_s - self.began_s)

    def open_at(self, moment_s: float) -> bool:
        return self.began_s <= moment_s and (self.ended_s is None or moment_s <= self.ended_s)


@dataclass(frozen=True, slots=True)
class Agent:
    id: str
    """As the client names it; `main` for the one without a name."""
    label: str
    """What its parent said that it is for."""
    models: tuple[str, ...]
    started_s: float
    ended_s: float
    model_s: float
    """Time that its requests took, from arrival to end."""
    spending: Spending
    """Without its sub-agents'."""
    tools: tuple[ToolUse, ...]
    children: tuple["Agent", ...] = ()


@dataclass(frozen=True, slots=True)
class Tree:
    trace_id: str
    agents: tuple[Agent, ...]
    """Those that no other started; in most traces one, `main`."""
    spending: Spending
    """Of the whole trace: the sum over all agents."""
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Seen:
    """An agent while its requests are read."""

    id: str
    first_words: str
    """The user's, in its first request."""
    records: list[Record] = field(default_factory=list)
    parent: str | None = None
    label: str = ""


def agent_tree(trace_id: str, trace: Sequence[Stored]) -> Tree:
    """`trace`: all its exchanges, oldest first."""
    seen: dict[str, _Seen] = {}
    calls, unread = _Calls(), 0
    for each in trace:
        name, request = agent_of(each), each.request
        agent = seen.setdefault(name, _Seen(name, _first_words(request)))
        agent.records.append(each.record)
        calls.add(name, each, request)
        unread += request is None
    for agent in seen.values():
        _find_parent(agent, calls.made, seen)
    roots = [agent.id for agent in seen.values() if agent.parent is None]
    agents = tuple(_built(seen[name], seen, calls.made) for name in roots)
    return Tree(trace_id, agents, Spending.of(each.record for each in trace), tuple(_notes(unread, len(trace))))


def agent_of(stored: Stored) -> str:
    return text_of(stored.record, "agent_id") or MAIN


@dataclass(slots=True)
class _Calls:
    made: list[Call] = field(default_factory=list)
    _waiting: dict[tuple[str, str], Call] = field(default_factory=dict)
    """(agent, call id) → the call whose result has not come."""

    def add(self, agent: str, stored: Stored, request: Request | None) -> None:
        record = stored.record
        for result in results_in(request) if self._waiting else ():
            if call := self._waiting.pop((agent, result.call_id), None):
                call.ended_s, call.is_error = number(record.get("ts")), result.is_error
        for tool in calls_in(stored.answer):
            call = Call(agent, tool, number(record.get("ended_ts")) or number(record.get("ts")))
            self.made.append(call)
            self._waiting[agent, tool.id] = call


def _find_parent(agent: _Seen, calls: Sequence[Call], seen: Mapping[str, _Seen]) -> None:
    if agent.id == MAIN:
        return
    started_s = number(agent.records[0].get("ts"))
    others = [each for each in calls if each.agent != agent.id and each.open_at(started_s)]
    fitting = [each for each in others if any(words in agent.first_words for words in _words(each.tool))]
    chosen = fitting[-1] if fitting else others[0] if len(others) == 1 else None
    if chosen is not None and not _descends(seen, chosen.agent, agent.id):
        agent.parent, agent.label = chosen.agent, _label(chosen.tool)
    elif MAIN in seen:
        agent.parent = MAIN


def _descends(seen: Mapping[str, _Seen], name: str, ancestor: str) -> bool:
    at: str | None = name
    while at is not None and at in seen:
        if at == ancestor:
            return True
        at = seen[at].parent
    return False


def _first_words(request: Request | None) -> str:
    first = next((turn for turn in (request.turns if request else ()) if turn.role == "user"), None)
    return "\n".join(part.text for part in first.parts if isinstance(part, Text)) if first else ""


def _arguments(tool: ToolCall) -> Mapping[str, JsonValue]:
    try:
        value = orjson.loads(tool.arguments or "{}")
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _words(tool: ToolCall) -> list[str]:
    return [value for value in _arguments(tool).values() if isinstance(value, str) and len(value) >= _LEAST_PROMPT]


def _label(tool: ToolCall) -> str:
    """What is said of the errand, beside the errand itself."""
    told = _arguments(tool)
    named = [told.get(name) for name in ("subagent_type", "description")]
    return ": ".join(each for each in named if isinstance(each, str) and each) or tool.name


def _built(agent: _Seen, seen: Mapping[str, _Seen], calls: Sequence[Call]) -> Agent:
    records = agent.records
    tools: dict[str, ToolUse] = {}
    for call in calls:
        if call.agent == agent.id:
            tools[call.tool.name] = tools.get(call.tool.name, ToolUse(call.tool.name)).plus(call)
    models = dict.fromkeys(text_of(each, "used_model") or text_of(each, "asked_model") for each in records)
    return Agent(
        agent.id,
        agent.label,
        tuple(models),
        min(number(each.get("ts")) for each in records),
        max(number(each.get("ended_ts")) or number(each.get("ts")) for each in records),
        sum(number(each.get("duration_ms")) for each in records) / 1000,
        Spending.of(records),
        tuple(sorted(tools.values(), key=lambda each: -each.total_s)),
        tuple(_built(child, seen, calls) for child in seen.values() if child.parent == agent.id),
    )


def _notes(unread: int, requests: int) -> Iterable[str]:
    if unread:
        yield f"{unread} of {requests} requests have no readable body: calls and results in them are not counted."


def tree_json(tree: Tree) -> Json:
    """With every sub-agent inside its parent."""
    shown: Json = asdict(tree)
    return shown
