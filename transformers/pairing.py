"""Pairing: histories that providers refuse become histories that they take, with every change recorded.

Empty parts go, neighbours of one role become one turn, and each tool result comes directly after the turn of its call,
in the order of the calls. A result without its call becomes text, a call without its result gets one that says so.
Clients produce all of these: compaction, interrupted tools, ids that a provider reuses in each round.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from axonhub.transformers.hub.parts import Part, Refusal, Text, Thinking, ToolCall, ToolResult
from axonhub.transformers.hub.requests import Turn
from axonhub.transformers.protocol import Loss, Unsupported

NO_RESULT = "[no result recorded]"


@dataclass(slots=True)
class _Call:
    """A call of the history and what answers it."""

    turn: int
    id: str
    wire_id: str
    """Differs from `id` when an earlier call has that one already."""
    result: ToolResult | None = None


def paired(
    turns: tuple[Turn, ...],
    losses: list[Loss],
    *,
    drop_blank_text: bool = False,
    merge: bool = True,
    unique_ids: bool = True,
    trailing: Literal["refuse", "strip"] = "refuse",
) -> tuple[Turn, ...]:
    """The same history in the shape that providers demand.

    drop_blank_text: text of white space alone goes like empty text (Anthropic refuses both).
    merge: neighbours of one role become one turn.
    unique_ids: a call whose id an earlier call has gets `_2`, `_3`, … at its end, and its result too.
    trailing: calls of the last turn that nobody has answered; `refuse` raises Unsupported, `strip` takes them out.
    """
    if _is_in_order(turns, drop_blank_text, merge):
        return turns
    kept = [turn for turn in (_without_empty(turn, drop_blank_text) for turn in turns) if turn.parts]
    if merge:
        kept = list(_merged(kept))
    calls, orphans = _matched(kept, unique_ids)
    if calls or orphans:
        kept = list(_regrouped(kept, calls, orphans, losses, trailing))
    return tuple(_merged(kept) if merge else kept)


def _is_in_order(turns: tuple[Turn, ...], blank_too: bool, merge: bool) -> bool:
    """Is nothing empty, and does each turn open with the results of the calls before it, in order?

    Most histories are so, and looking costs a fourth of putting in order.
    """
    seen: set[str] = set()
    asked: list[str] = []
    before: Turn | None = None
    for turn in turns:
        if not turn.parts or (merge and before is not None and (turn.role, turn.name) == (before.role, before.name)):
            return False
        before = turn
        open_calls, asked = asked, []
        answered = 0
        for place, part in enumerate(turn.parts):
            if isinstance(part, ToolResult):
                if place != answered or place >= len(open_calls) or part.call_id != open_calls[place]:
                    return False
                answered += 1
            elif isinstance(part, ToolCall):
                if part.id in seen:
                    return False
                seen.add(part.id)
                asked.append(part.id)
            elif is_empty(part, blank_too):
                return False
        if answered != len(open_calls):
            return False
    return not asked


def is_empty(part: Part, blank_too: bool = False) -> bool:
    """A part that says nothing at all. `blank_too`: white space says nothing."""
    if isinstance(part, Text):
        return _says_nothing(part.text, blank_too) and part.signature is None
    if isinstance(part, Refusal):
        return _says_nothing(part.text, blank_too)
    if isinstance(part, Thinking):
        return not part.text and part.signature is None and part.redacted is None
    return False


def _says_nothing(text: str, blank_too: bool) -> bool:
    return not text or (blank_too and text.isspace())


def _without_empty(turn: Turn, blank_too: bool) -> Turn:
    if not any(is_empty(part, blank_too) for part in turn.parts):
        return turn
    return replace(turn, parts=tuple(part for part in turn.parts if not is_empty(part, blank_too)))


def _merged(turns: Iterable[Turn]) -> Iterator[Turn]:
    for (role, name), group in groupby(turns, lambda turn: (turn.role, turn.name)):
        first, *others = group
        if others:
            yield Turn(role, tuple(part for turn in (first, *others) for part in turn.parts), name)
        else:
            yield first


def _matched(turns: list[Turn], unique_ids: bool) -> tuple[dict[int, list[_Call]], set[tuple[int, int]]]:
    """The calls of each turn with their results, and the places of results that answer none."""
    by_turn: dict[int, list[_Call]] = {}
    by_id: dict[str, list[_Call]] = {}
    wire_ids: set[str] = set()
    orphans: set[tuple[int, int]] = set()
    for turn_index, turn in enumerate(turns):
        for part_index, part in enumerate(turn.parts):
            if isinstance(part, ToolCall):
                wire_id = _unused(part.id, wire_ids) if unique_ids else part.id
                wire_ids.add(wire_id)
                call = _Call(turn_index, part.id, wire_id)
                by_turn.setdefault(turn_index, []).append(call)
                by_id.setdefault(part.id, []).append(call)
            elif isinstance(part, ToolResult):
                asked = _asked(by_id.get(part.call_id, ()))
                if asked is None:
                    orphans.add((turn_index, part_index))
                else:
                    asked.result = part
    return by_turn, orphans


def _asked(calls: Iterable[_Call]) -> _Call | None:
    """The first unanswered call of the last round that has one: some providers count calls anew in each round."""
    unanswered = [call for call in calls if call.result is None]
    return next((call for call in unanswered if call.turn == unanswered[-1].turn), None)


def _unused(call_id: str, taken: set[str]) -> str:
    wire_id, count = call_id, 1
    while wire_id in taken:
        count += 1
        wire_id = f"{call_id}_{count}"
    return wire_id


def _regrouped(
    turns: list[Turn],
    calls: dict[int, list[_Call]],
    orphans: set[tuple[int, int]],
    losses: list[Loss],
    trailing: Literal["refuse", "strip"],
) -> Iterator[Turn]:
    last = max((index for index, turn in enumerate(turns) if turn.role != "system"), default=-1)
    for index, turn in enumerate(turns):
        asked = calls.get(index, [])
        if index == last and any(call.result is None for call in asked):
            turn, asked = _trailing(turn, index, asked, losses, trailing)
        parts = _spoken(turn, index, asked, orphans, losses)
        if parts:
            yield Turn(turn.role, parts, turn.name)
        if asked:
            yield Turn("user", tuple(_answer(call, index, losses) for call in asked))


def _trailing(
    turn: Turn, index: int, asked: list[_Call], losses: list[Loss], fate: Literal["refuse", "strip"]
) -> tuple[Turn, list[_Call]]:
    """The last turn without the calls that nobody has answered."""
    if fate == "refuse":
        missing = next(call.id for call in asked if call.result is None)
        raise Unsupported(f"the last turn calls a tool and has no result for call {missing!r}", f"messages[{index}]")
    losses.append(Loss(f"messages[{index}]", "a tool call without a result at the end of the history is left out"))
    answers = iter(asked)
    parts = tuple(part for part in turn.parts if not isinstance(part, ToolCall) or next(answers).result is not None)
    return replace(turn, parts=parts), [call for call in asked if call.result is not None]


def _spoken(
    turn: Turn, index: int, asked: list[_Call], orphans: set[tuple[int, int]], losses: list[Loss]
) -> tuple[Part, ...]:
    """The turn's own words: its results live elsewhere now, or have become text."""
    if not asked and not any(isinstance(part, ToolResult) for part in turn.parts):
        return turn.parts
    ids = iter(asked)
    spoken: list[Part] = []
    for place, part in enumerate(turn.parts):
        if isinstance(part, ToolCall):
            wire_id = next(ids).wire_id
            spoken.append(part if wire_id == part.id else replace(part, id=wire_id, native=None))
        elif not isinstance(part, ToolResult):
            spoken.append(part)
        elif (index, place) in orphans:
            losses.append(
                Loss(f"messages[{index}]", f"the result of the unknown tool call {part.call_id!r} became text")
            )
            spoken += _as_words(part)
    return tuple(spoken)


def _as_words(result: ToolResult) -> Iterator[Part]:
    yield Text(f"[result of unknown tool call {result.call_id}]")
    yield from (part for part in result.parts if not is_empty(part, blank_too=True))


def _answer(call: _Call, index: int, losses: list[Loss]) -> ToolResult:
    if call.result is None:
        losses.append(
            Loss(f"messages[{index}]", f"the tool call {call.id!r} has no result; one that says so was added")
        )
        return ToolResult(call.wire_id, (Text(NO_RESULT),), is_error=True)
    if call.result.call_id == call.wire_id:
        return call.result
    return replace(call.result, call_id=call.wire_id, native=None)
