"""The prompt-cache doctor: for each request of a trace, whether the provider read what it had cached; if not, why.

Requests are compared with the earlier one of the same agent and model that they go on from, as bytes that the provider
got. Where their beginnings part, what the client sent tells whose change it was. Pure over stored exchanges; prices are
asked of a function.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Literal

from axonhub.addons.analysis.agents import agent_of
from axonhub.addons.analysis.conversations import Stored, text_of
from axonhub.addons.analysis.prompts import Block, Break, first_break, likeness, prompt_blocks
from axonhub.addons.analysis.spending import prompt_tokens, usage_of, written_tokens
from axonhub.addons.prices import micro_dollars
from axonhub.addons.store.backend import Json, Record
from axonhub.addons.store.summary import number, whole
from axonhub.transformers.hub.usage import Usage

type Cause = Literal["first", "kept", "broken", "moved", "expired", "unknown"]
"""`first`: nothing to go on from; `moved`: another channel or credential; `unknown`: only the provider knows."""
type Reckon = Callable[[Record, Usage], Decimal | None]
"""What this use of the record's channel and model costs in US dollars; None: no price is known."""

_LEAST_LOSS_TOKENS = 256
_LEAST_LOSS_SHARE = 0.05
"""Less is the grain of the provider's own blocks."""
_LEAST_LIKENESS = 0.3
"""A request that holds less of an earlier one does not go on from it: titles, searches, a compacted conversation."""
_SHORT_S, _LONG_S = 300.0, 3600.0
"""Lifetimes of what was written to a cache."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of the cache with one request."""

    request_id: str
    previous_id: str | None
    """The request that it goes on from."""
    ts: float
    agent: str
    model: str
    channel: str
    input_tokens: int
    """The whole prompt."""
    read_tokens: int
    written_tokens: int
    expected_tokens: int
    """What the earlier request had left in the cache."""
    lost_tokens: int
    """Paid for again although they had been cached."""
    lost_micro_usd: int | None
    """More than reading them would have cost; None: no price is known."""
    cause: Cause
    by: Literal["client", "gateway", ""]
    """Who changed the prompt."""
    change: Break | None
    note: str = ""


@dataclass(slots=True)
class _Line:
    """One conversation of one agent with one model: its latest request."""

    stored: Stored
    sent: tuple[Block, ...]
    asked: tuple[Block, ...]


@dataclass(slots=True)
class _Lines:
    lines: dict[tuple[str, str], list[_Line]] = field(default_factory=dict)

    def earlier(self, new: _Line) -> _Line | None:
        """What `new` goes on from, and takes the place of."""
        known = self.lines.setdefault((agent_of(new.stored), text_of(new.stored.record, "used_model")), [])
        alike = [(likeness(each.sent, new.sent), place) for place, each in enumerate(known)]
        share, place = max(alike, default=(0.0, 0))
        best = known.pop(place) if share >= _LEAST_LIKENESS else None
        known.append(new)
        return best


def diagnose(trace: Iterable[Stored], reckon: Reckon) -> tuple[Finding, ...]:
    """`trace` oldest first. Requests that were not answered leave nothing in a cache and are left out."""
    lines = _Lines()
    return tuple(
        _finding(lines.earlier(line), line, reckon)
        for line in map(_line, trace)
        if line.sent and line.stored.record.get("outcome") == "ok"
    )


def _line(stored: Stored) -> _Line:
    asked, sent = stored.both()
    blocks = prompt_blocks(sent or b"")
    return _Line(stored, blocks, blocks if sent is asked else prompt_blocks(asked or b""))


def _finding(old: _Line | None, new: _Line, reckon: Reckon) -> Finding:
    record = new.stored.record
    read, expected = whole(usage_of(record).get("cache_read")), _cached_tokens(old.stored.record) if old else 0
    change = first_break(old.sent, new.sent) if old else None
    lost = lost_tokens(expected, read)
    cause, note = _cause(old.stored.record if old else None, record, change, lost)
    return Finding(
        new.stored.id,
        old.stored.id if old else None,
        number(record.get("ts")),
        agent_of(new.stored),
        text_of(record, "used_model"),
        text_of(record, "channel"),
        prompt_tokens(record),
        read,
        written_tokens(record),
        expected,
        lost,
        _lost_micro_usd(record, lost, reckon),
        cause,
        _who(old, new, change) if old and change else "",
        change,
        note,
    )


def lost_tokens(expected: int, read: int) -> int:
    """What was not read although it was there; 0 for the little that the grain of a cache explains."""
    lost = expected - read
    return lost if lost >= max(_LEAST_LOSS_TOKENS, _LEAST_LOSS_SHARE * expected) else 0


def _cached_tokens(record: Record) -> int:
    """What the provider has in its cache after this request. Some write by themselves and do not tell."""
    read, written = whole(usage_of(record).get("cache_read")), written_tokens(record)
    return read + written if written else max(read, 0)


def _cause(old: Record | None, new: Record, change: Break | None, lost: int) -> tuple[Cause, str]:
    if old is None:
        return "first", ""
    moved = _moved(old, new)
    if change is not None:
        return ("moved" if _protocol(old) != _protocol(new) else "broken"), moved
    if not lost:
        return "kept", moved
    if moved:
        return "moved", moved
    idle_s = number(new.get("ts")) - number(old.get("ended_ts"))
    life_s = _LONG_S if whole(usage_of(old).get("cache_write_1h")) else _SHORT_S
    if idle_s > life_s:
        return "expired", f"{idle_s:.0f} s after the request before; what was cached lives for {life_s:.0f} s"
    return "unknown", "the prompt goes on from the one before, to the same channel, in time"


def _moved(old: Record, new: Record) -> str:
    if old.get("channel") != new.get("channel"):
        return f"from channel {old.get('channel')} to {new.get('channel')}"
    if _last_try(old).get("credential_tail") != _last_try(new).get("credential_tail"):
        return "to another credential of the channel"
    return ""


def _last_try(record: Record) -> Record:
    tries = record.get("attempts")
    last = tries[-1] if isinstance(tries, Sequence) and tries else {}
    return last if isinstance(last, dict) else {}


def _protocol(record: Record) -> Json:
    return _last_try(record).get("protocol")


def _who(old: _Line, new: _Line, change: Break) -> Literal["client", "gateway"]:
    """The client, when its own requests part too, and not only further on."""
    own = first_break(old.asked, new.asked)
    if own is None:
        return "gateway"
    untouched = all(text_of(each.stored.record, "protocol") == _protocol(each.stored.record) for each in (old, new))
    return "gateway" if untouched and own.blocks_kept > change.blocks_kept else "client"


def _lost_micro_usd(record: Record, lost: int, reckon: Reckon) -> int | None:
    """What the request cost more than if it had read what was lost; that was written again, or else read in full."""
    if not lost:
        return 0
    told = usage_of(record)
    fresh, read, five, hour, out = (
        whole(told.get(name)) for name in ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
    )
    again_5m = min(lost, five)
    again_1h = min(lost - again_5m, hour)
    spared = max(0, fresh - (lost - again_5m - again_1h))
    paid = reckon(record, Usage(fresh, read, five, hour, out))
    better = reckon(record, Usage(spared, read + lost, five - again_5m, hour - again_1h, out))
    return None if paid is None or better is None else max(0, micro_dollars(paid - better))


def finding_json(finding: Finding) -> Json:
    shown: Json = asdict(finding)
    return shown
