"""Two requests side by side: what their models said and called, and what that took. Pure over stored exchanges."""

import difflib
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from axonhub.addons.analysis.conversations import Stored, calls_in, object_of, text_of
from axonhub.addons.analysis.spending import prompt_tokens, usage_of
from axonhub.addons.store.backend import Json
from axonhub.addons.store.report import printable, table
from axonhub.addons.store.summary import number, whole
from axonhub.transformers.hub.parts import Refusal, Text, Thinking


@dataclass(frozen=True, slots=True)
class Side:
    request_id: str
    replay_of: str
    channel: str
    model: str
    profile: str
    status: int
    outcome: str
    stop: str
    """Why the model stopped; "" when there is no answer to read."""
    text: str
    thinking_letters: int
    calls: tuple[tuple[str, str], ...]
    """Name and arguments of each tool call."""
    input_tokens: int
    cache_read_tokens: int
    output_tokens: int
    cost_micro_usd: int | None
    first_event_ms: int | None
    duration_ms: int | None


@dataclass(frozen=True, slots=True)
class Comparison:
    sides: tuple[Side, Side]
    same_text: bool
    same_calls: bool
    """Same tools with the same arguments, whatever the spelling of their JSON."""
    difference: tuple[str, ...]
    """Of the texts, as lines of a unified diff."""


def compared(first: Stored, second: Stored) -> Comparison:
    one, other = _side(first), _side(second)
    lines = difflib.unified_diff(
        one.text.splitlines(), other.text.splitlines(), one.request_id, other.request_id, lineterm=""
    )
    same_calls = [_meaning(call) for call in one.calls] == [_meaning(call) for call in other.calls]
    return Comparison((one, other), one.text == other.text, same_calls, tuple(lines))


def _side(stored: Stored) -> Side:
    record, answer = stored.record, stored.answer
    parts = answer.parts if answer else ()
    calls = tuple((call.name, call.arguments) for call in calls_in(answer))
    cost, first, whole_ms = (record.get(name) for name in ("cost_micro_usd", "first_event_ms", "duration_ms"))
    return Side(
        stored.id,
        text_of(record, "replay_of"),
        text_of(record, "channel"),
        text_of(record, "used_model"),
        text_of(record, "profile"),
        whole(record.get("status")),
        text_of(record, "outcome"),
        answer.stop.value if answer else "",
        "\n".join(part.text for part in parts if isinstance(part, Text | Refusal)) or text_of(record, "error_message"),
        sum(len(part.text) for part in parts if isinstance(part, Thinking)),
        calls,
        prompt_tokens(record),
        whole(usage_of(record).get("cache_read")),
        whole(usage_of(record).get("output")),
        None if cost is None else whole(cost),
        None if first is None else whole(first),
        None if whole_ms is None else whole(whole_ms),
    )


def _meaning(call: tuple[str, str]) -> tuple[str, object]:
    document = object_of(call[1].encode())
    return call[0], call[1] if document is None else document


def comparison_json(comparison: Comparison) -> Json:
    shown: Json = asdict(comparison)
    return shown


def comparison_text(comparison: Comparison) -> str:
    return printable("\n".join(_lines(comparison)))


def _lines(comparison: Comparison) -> Iterator[str]:
    first, second = comparison.sides
    rows: list[tuple[Json, ...]] = [
        ("channel", first.channel, second.channel),
        ("model", first.model, second.model),
        ("profile", first.profile, second.profile),
        ("outcome", f"{first.status} {first.outcome}", f"{second.status} {second.outcome}"),
        ("stop", first.stop, second.stop),
        ("tokens in", f"{first.input_tokens:,}", f"{second.input_tokens:,}"),
        ("from cache", f"{first.cache_read_tokens:,}", f"{second.cache_read_tokens:,}"),
        ("tokens out", f"{first.output_tokens:,}", f"{second.output_tokens:,}"),
        ("cost", _dollars(first.cost_micro_usd), _dollars(second.cost_micro_usd)),
        ("first event", _seconds(first.first_event_ms), _seconds(second.first_event_ms)),
        ("whole", _seconds(first.duration_ms), _seconds(second.duration_ms)),
        ("thinking", f"{first.thinking_letters:,} letters", f"{second.thinking_letters:,} letters"),
        ("tool calls", len(first.calls), len(second.calls)),
    ]
    yield table(("", first.request_id, second.request_id), [tuple(map(str, row)) for row in rows])
    yield ""
    yield "The texts are the same." if comparison.same_text else "The texts differ:"
    yield from comparison.difference
    if not any(side.calls for side in comparison.sides):
        return
    yield "The tool calls are the same:" if comparison.same_calls else "The tool calls differ:"
    for side in comparison.sides[: 1 if comparison.same_calls else 2]:
        yield from (f"  {side.request_id}: {name} {arguments}" for name, arguments in side.calls)


def _dollars(micro_usd: int | None) -> str:
    return "no price" if micro_usd is None else f"${number(micro_usd) / 1e6:.6f}"


def _seconds(milliseconds: int | None) -> str:
    return "" if milliseconds is None else f"{milliseconds / 1000:.2f} s"
