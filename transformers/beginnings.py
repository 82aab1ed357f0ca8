"""Beginnings: from which event on an answer shows something, so that no other channel may take its place any more."""

from typing import Final

from axonhub.transformers.hub.events import End, Event, Failed, PartEnded, PartStarted, Ping, Start, Stop, UsageTold
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.parts import Refusal, Text, Thinking
from axonhub.transformers.hub.responses import Response, StopReason

EMPTY: Final = Failure(FailureKind.SERVER, "The provider's answer was empty.")


def shows(event: Event) -> bool:
    """Would the client miss this? Not the announcement of an answer, nor a part that is still without content."""
    match event:
        case Start() | UsageTold() | Ping() | PartEnded() | Failed():
            return False
        case PartStarted(part=Text() | Thinking() | Refusal() as part):
            redacted = isinstance(part, Thinking) and part.redacted is not None
            return bool(part.text) or redacted or (not isinstance(part, Refusal) and part.signature is not None)
        case _:
            return True


def ends_empty(event: Event) -> bool:
    """As the first event that shows something: is there no content, although nothing kept the model from it?"""
    return isinstance(event, End) or (isinstance(event, Stop) and event.reason is StopReason.END)


def is_empty(answer: Response) -> bool:
    """As `ends_empty`, of a whole answer."""
    return answer.stop is StopReason.END and not any(shows(PartStarted(0, part)) for part in answer.parts)
