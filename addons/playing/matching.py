"""Which take answers a request; and when none does, which came nearest and where it first differs.

Strict: what is asked is equal, but for what differs from run to run. Loose: the conversation has come as far, and its
last words, its first words or its tool results are those of the take. Of several that fit, one that was not given yet.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import orjson

from axonhub.addons.analysis.prompts import first_break, likeness
from axonhub.addons.playing.takes import Asked, Take

_LONGEST_VALUE = 100


@dataclass(frozen=True, slots=True)
class Miss:
    """Nothing recorded answers this."""

    nearest: str
    """The id of the recorded request that is most alike; "" when nothing of this protocol was recorded."""
    difference: str
    """The first one, in words."""


@dataclass(slots=True)
class Repertoire:
    """**Not** thread-safe."""

    takes: Sequence[Take]
    loose: bool = False
    _given: Counter[str] = field(default_factory=Counter)

    def answer(self, asked: Asked) -> Take | Miss:
        own = [each for each in self.takes if each.asked.protocol is asked.protocol]
        fitting = [each for each in own if each.asked.bare == asked.bare] or (self._alike(own, asked))
        if not fitting:
            return _miss(own, asked)
        chosen = min(fitting, key=lambda each: self._given[each.id])
        self._given[chosen.id] += 1
        return chosen

    def _alike(self, takes: Sequence[Take], asked: Asked) -> list[Take]:
        if not self.loose:
            return []
        there = [each for each in takes if each.asked.place == asked.place]
        marks = {each.id: _marks(each.asked, asked) for each in there}
        best = max(marks.values(), default=0)
        if best:
            return [each for each in there if marks[each.id] == best]
        return there if len(there) == 1 else []

    @property
    def not_given(self) -> list[str]:
        return [each.id for each in self.takes if not self._given[each.id]]


def _marks(recorded: Asked, asked: Asked) -> int:
    same_results = bool(asked.answered_calls) and recorded.answered_calls == asked.answered_calls
    same_last = bool(asked.last_words) and recorded.last_words == asked.last_words
    same_first = bool(asked.first_words) and recorded.first_words == asked.first_words
    return 4 * same_results + 2 * same_last + same_first


def _miss(takes: Sequence[Take], asked: Asked) -> Miss:
    if not takes:
        return Miss("", f"nothing was recorded in the protocol {asked.protocol.name}")
    nearest = max(takes, key=lambda each: (likeness(each.asked.blocks, asked.blocks), each.asked.place == asked.place))
    return Miss(nearest.id, next(_differences(nearest.asked, asked), "it is not known where"))


def _differences(recorded: Asked, asked: Asked) -> Iterator[str]:
    if change := first_break(recorded.blocks, asked.blocks):
        yield f"{change.path}: recorded {change.before!r}, asked {change.after!r}"
    if len(asked.blocks) > len(recorded.blocks):
        more = asked.blocks[len(recorded.blocks)]
        yield f"{more.path}: nothing was recorded there, asked {_short(more.raw)}"
    old, new = recorded.members(), asked.members()
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            values = _short(orjson.dumps(old.get(name))), _short(orjson.dumps(new.get(name)))
            yield f"{name}: recorded {values[0]}, asked {values[1]}"


def _short(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
