"""Several answers to one request: the events of those beyond the first, set apart in the stream of all."""

from collections.abc import Iterable

from axonhub.transformers.hub.events import End, Event, Failed, OfCandidate, Ping, Start, UsageTold


def of_candidate(candidate: int, events: Iterable[Event]) -> list[Event]:
    """What a further answer's own reader told. The whole stream alone begins, ends and counts; a failure is all's."""
    told: list[Event] = []
    for event in events:
        match event:
            case Start() | End() | UsageTold() | Ping() | OfCandidate():
                pass
            case Failed():
                return [*told, event]
            case _:
                told.append(OfCandidate(candidate, event))
    return told
