"""Events: a response while it happens. `fold` turns them into a Response, `unfold` a Response into them.

Grammar that every stream reader keeps and every stream writer may rely on:
    Start, then any mix of part events, UsageTold and Ping, then Stop, then End – or Failed instead of Stop/End at
    any point.
A part is PartStarted(index, empty part), its deltas, PartEnded(index). Indexes are dense from 0 in order of first
appearance. Parts may overlap (parallel tool calls); `Sequencer` undoes that for protocols that cannot.
Where the client asked for several answers, OfCandidate holds the part events and the Stop of those beyond the first.
"""

from dataclasses import dataclass

from axonhub.transformers.hub.failures import Failure
from axonhub.transformers.hub.logprobs import TokenLogprob
from axonhub.transformers.hub.parts import Part, Signature
from axonhub.transformers.hub.responses import StopReason
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import JsonObject


@dataclass(frozen=True, slots=True)
class Start:
    """The provider began to answer. Emitted once, first."""

    id: str | None = None
    model: str | None = None
    usage: Usage = Usage()
    """What is known of the prompt already."""


@dataclass(frozen=True, slots=True)
class PartStarted:
    index: int
    part: Part
    """With empty text or arguments; a Hosted, Unknown, Image … part is whole here and has no deltas."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text of a Text, Refusal or Thinking part; never empty."""

    index: int
    text: str
    logprobs: tuple[TokenLogprob, ...] = ()
    """Of the tokens of this text."""


@dataclass(frozen=True, slots=True)
class ArgumentsDelta:
    """More of a tool call's argument text; never empty."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class SignatureTold:
    """The signature of a part, after its text and before its end; the last one wins."""

    index: int
    signature: Signature


@dataclass(frozen=True, slots=True)
class AnnotationTold:
    index: int
    annotation: JsonObject


@dataclass(frozen=True, slots=True)
class PartEnded:
    index: int


@dataclass(frozen=True, slots=True)
class UsageTold:
    """Cumulative figures so far; later ones override (`Usage.updated`)."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class Stop:
    """Why the model stopped. At most one; usage may still follow."""

    reason: StopReason
    sequence: str | None = None
    """The stop sequence that was met, where the provider tells."""
    detail: JsonObject | None = None
    word: str | None = None
    """The provider's own word for the reason, where nobody here knows it."""


type PartEvent = PartStarted | TextDelta | ArgumentsDelta | SignatureTold | AnnotationTold | PartEnded


@dataclass(frozen=True, slots=True)
class OfCandidate:
    """What happens in a further answer to the same request (`n`, `candidateCount`)."""

    candidate: int
    """From 1: the first answer's events stand bare."""
    event: PartEvent | Stop


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer broke. Nothing follows."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Ping:
    """The provider is alive; feeds no idle limit of real events."""


@dataclass(frozen=True, slots=True)
class End:
    """The provider ended properly. Nothing follows."""


type Event = Start | PartEvent | UsageTold | Stop | OfCandidate | Failed | Ping | End
