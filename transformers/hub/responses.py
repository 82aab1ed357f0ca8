"""Response: a model's whole answer, in no vendor's words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from axonhub.transformers.hub.parts import Part
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import JsonObject


class StopReason(StrEnum):
    END = "end"
    SEQUENCE = "sequence"
    LENGTH = "length"
    TOOL = "tool"
    FILTER = "filter"
    PAUSE = "pause"
    """The provider's own tools need another round (Anthropic's `pause_turn`)."""

    def when_refused(self, refused: bool) -> "StopReason":
        """For protocols that tell a refusal by the reason alone; OpenAI's is a part, and ends like any answer."""
        return StopReason.FILTER if refused and self is StopReason.END else self


@dataclass(frozen=True, slots=True)
class Response:
    parts: tuple[Part, ...]
    stop: StopReason
    usage: Usage = Usage()
    id: str | None = None
    model: str | None = None
    stop_sequence: str | None = None
    stop_detail: JsonObject | None = None
    stop_word: str | None = None
    """The provider's own word for the reason, where nobody here knows it."""
    alternatives: tuple["Response", ...] = ()
    """Further answers to the same request, in their order: parts and stop reasons alone."""
    extensions: Mapping[str, JsonObject] = field(default_factory=dict)
    """Top-level members that no field above can hold, by protocol name."""

    def answers(self, candidates: int | None) -> tuple["Response", ...]:
        """As many of all answers as a client asked for; one when it did not say."""
        return (self, *self.alternatives)[: candidates or 1]
