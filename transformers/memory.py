"""Memory: the reasoning and signatures of recent answers, for clients that give neither back.

Some providers refuse the next request of a tool loop without the reasoning, or the signature, that led to a call, and
most chat clients drop both. So what an answer held is kept beside its tool calls (beside its text, where it called
nothing) and put back into the history when the client sends the calls again. Bounded in entries, bytes and seconds; the
longest unused goes first. Lost entries cost what they cost without a memory.

A key names the caller, the call's id and its arguments: providers use ids such as `call_1` again in every conversation,
and one caller must never be handed the reasoning of another.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Final

import orjson

from axonhub.transformers.call_ids import clean_call_id
from axonhub.transformers.hub.parts import Part, Signature, Text, Thinking, ToolCall
from axonhub.transformers.hub.requests import Turn

_OVERHEAD_BYTES: Final = 400
"""Of an entry's objects, beside its texts."""

type _Key = bytes


@dataclass(frozen=True, slots=True)
class _Kept:
    thinking: tuple[Thinking, ...]
    """What was thought after the call before and ahead of this one."""
    signature: Signature | None
    size_bytes: int
    kept_at_s: float


class SignatureMemory:
    """Times are seconds of any one clock, passed in. Not thread-safe."""

    def __init__(self, entries: int = 20_000, size_bytes: int = 64_000_000, lifetime_s: float = 6 * 3600.0) -> None:
        self.size_bytes = 0
        self._most_entries, self._most_bytes, self._lifetime_s = entries, size_bytes, lifetime_s
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def remember(self, scope: str, parts: Iterable[Part], now_s: float) -> None:
        """Keeps what an answer's parts held. `scope` names the caller, such as an API key's id."""
        for segment in _segments(tuple(parts)):
            if segment.says_something() and (segment.thinking or segment.is_signed()):
                self._keep(segment.key(scope), segment, now_s)
        self._forget(now_s)

    def restored(self, scope: str, turns: tuple[Turn, ...], now_s: float) -> tuple[Turn, ...]:
        """The history with what its assistant turns lack; turns whose reasoning came back signed stay as they are."""
        self._forget(now_s)
        if not self._kept:
            return turns
        return tuple(self._turn(scope, turn, now_s) if turn.role == "assistant" else turn for turn in turns)

    def _turn(self, scope: str, turn: Turn, now_s: float) -> Turn:
        parts: list[Part] = []
        changed = False
        for segment in _segments(turn.parts):
            known = segment.says_something() and not segment.is_signed()
            kept = self._recall(segment.key(scope), now_s) if known else None
            changed = changed or kept is not None
            parts += segment.parts if kept is None else segment.with_kept(kept)
        return Turn(turn.role, tuple(parts), turn.name) if changed else turn

    def _keep(self, key: _Key, segment: "_Segment", now_s: float) -> None:
        self._drop(key)
        signature = segment.call.signature if segment.call else None
        size_bytes = (
            _OVERHEAD_BYTES + sum(map(_size_bytes, segment.thinking)) + len(signature.value if signature else "")
        )
        self._kept[key] = _Kept(segment.thinking, signature, size_bytes, now_s)
        self.size_bytes += size_bytes

    def _recall(self, key: _Key, now_s: float) -> _Kept | None:
        """Being used makes an entry young again."""
        kept = self._kept.get(key)
        if kept is not None:
            self._kept[key] = replace(kept, kept_at_s=now_s)
            self._kept.move_to_end(key)
        return kept

    def _forget(self, now_s: float) -> None:
        while self._kept:
            key, oldest = next(iter(self._kept.items()))
            full = len(self._kept) > self._most_entries or self.size_bytes > self._most_bytes
            if not full and now_s - oldest.kept_at_s <= self._lifetime_s:
                return
            self._drop(key)

    def _drop(self, key: _Key) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self.size_bytes -= kept.size_bytes


@dataclass(frozen=True, slots=True)
class _Segment:
    """Parts of a turn up to and including a tool call, or those after the last one."""

    parts: tuple[Part, ...]

    @property
    def call(self) -> ToolCall | None:
        last = self.parts[-1]
        return last if isinstance(last, ToolCall) else None

    @property
    def thinking(self) -> tuple[Thinking, ...]:
        return tuple(part for part in self.parts if isinstance(part, Thinking))

    def says_something(self) -> bool:
        """Is there anything that the client will send again, to know it by?"""
        return any(isinstance(part, ToolCall) or (isinstance(part, Text) and part.text) for part in self.parts)

    def is_signed(self) -> bool:
        """Did the client bring back what nobody but the provider can make?"""
        call = self.call
        signed = any(part.signature is not None or part.redacted is not None for part in self.thinking)
        return signed or (call is not None and call.signature is not None)

    def with_kept(self, kept: _Kept) -> Iterator[Part]:
        yield from kept.thinking or self.thinking
        for part in self.parts:
            if isinstance(part, ToolCall) and kept.signature is not None:
                yield replace(part, signature=kept.signature, native=None)
            elif not isinstance(part, Thinking):
                yield part

    def key(self, scope: str) -> _Key:
        call = self.call
        if call is None:
            said = "".join(part.text for part in self.parts if isinstance(part, Text)).strip()
            return _digest(scope, "text", said)
        return _digest(scope, clean_call_id(call.id), _canonical(call.arguments))


def _segments(parts: tuple[Part, ...]) -> Iterator[_Segment]:
    start = 0
    for index, part in enumerate(parts):
        if isinstance(part, ToolCall):
            yield _Segment(parts[start : index + 1])
            start = index + 1
    if rest := parts[start:]:
        yield _Segment(rest)


def _canonical(arguments: str) -> str:
    """The same for the same JSON: clients parse arguments and print them again."""
    try:
        return orjson.dumps(orjson.loads(arguments or "{}"), option=orjson.OPT_SORT_KEYS).decode()
    except (orjson.JSONDecodeError, TypeError):
        return arguments


def _digest(*texts: str) -> bytes:
    digest = blake2b(digest_size=16)
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.digest()


def _size_bytes(part: Thinking) -> int:
    signature = part.signature.value if part.signature else ""
    return len(part.text) + len(part.redacted or "") + len(signature)
