"""What a scripted model is told and what it says, in no provider's words: what plans and wire speakers share.

A plan is a function from the conversation so far to the model's next turn. It remembers nothing between calls, so what
it does follows from what really arrived: a call or a result that got lost on the way changes what the model does next,
and the client's work goes visibly wrong.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call; the speaker makes its id."""

    name: str
    arguments: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a call. `call` is the call that the result answers, found by its id in the same conversation."""

    call: Call
    text: str
    failed: bool
    """What the protocol says about it; always False where the protocol has no word for it."""
    images: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """Text of one message, its parts joined."""

    text: str


@dataclass(frozen=True, slots=True)
class Round:
    """One set of parallel calls with their results, in the order of the calls."""

    results: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class Conversation:
    model: str
    system: str
    """All system texts, wherever they stood."""
    tools: tuple[str, ...]
    turns: tuple[Said | Round, ...]
    """The user's texts and the finished rounds of calls, in order; the model's own texts are in `answers`."""
    answers: tuple[str, ...]
    """What the model said earlier."""
    thoughts: tuple[str, ...] = ()
    """Thinking of earlier turns that was sent back."""
    wants_json: bool = False
    """A JSON schema for the answer was given (title generation does this)."""

    @property
    def said(self) -> tuple[str, ...]:
        return tuple(turn.text for turn in self.turns if isinstance(turn, Said))

    @property
    def rounds(self) -> tuple[Round, ...]:
        return tuple(turn for turn in self.turns if isinstance(turn, Round))

    @property
    def last(self) -> Round | None:
        """The last round; None when nothing was called yet."""
        return self.rounds[-1] if self.rounds else None


@dataclass(frozen=True, slots=True)
class Usage:
    """Disjoint counts of tokens."""

    fresh: int = 1201
    cache_read: int = 300
    cache_write: int = 0
    out: int = 57
    reasoning: int = 0
    """Part of `out`."""

    @property
    def prompt(self) -> int:
        return self.fresh + self.cache_read + self.cache_write


type Ending = Literal["proper", "length", "filter", "overloaded", "cut"]
"""How a turn ends: as it should, at the limit of tokens, by the provider's filter, by an error that is told (before the
answer when nothing was said or nobody streams, else in its middle), or without any end."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the model. Speakers say its parts in the order of the fields."""

    thinking: str = ""
    text: str = ""
    calls: tuple[Call, ...] = ()
    usage: Usage = field(default_factory=Usage)
    ending: Ending = "proper"

    @property
    def is_silent(self) -> bool:
        return not (self.thinking or self.text or self.calls)


type Plan = Callable[[Conversation], Turn]


def fragments(text: str, size: int = 11) -> list[str]:
    """The text in pieces as a stream brings it; none for an empty text."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def identifier(prefix: str, *seeds: object) -> str:
    """The same name for the same seeds, in a provider's style: prefix and 24 characters."""
    return prefix + hashlib.sha256(repr(seeds).encode()).hexdigest()[:24]


def minted_signature(thinking: str) -> str:
    """The signature of a thinking block: one that was changed on the way no longer fits its text."""
    return "c2ln" + hashlib.sha256(f"thinking:{thinking}".encode()).hexdigest()


OVERLOADED = "The scripted engine is overloaded."
"""The words of the error that ends an `overloaded` turn."""


def sealed(*words: str) -> str:
    """The words as a provider hides them in what clients must bring back unchanged; standard base64."""
    data = json.dumps(words).encode()
    return base64.b64encode(hashlib.sha256(data).digest()[:9] + data).decode()


def unsealed(seal: str) -> tuple[str, ...] | None:
    """None for anything that `sealed` did not make."""
    try:
        given = base64.b64decode(seal, validate=True)
    except (binascii.Error, ValueError):
        return None
    if hashlib.sha256(given[9:]).digest()[:9] != given[:9]:
        return None
    return tuple(json.loads(given[9:]))
