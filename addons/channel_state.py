"""The state of one channel at one moment, for those who watch the gateway; and as Prometheus' text."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from axonhub.addons.health import Breaker


@dataclass(frozen=True, slots=True)
class ChannelState:
    channel: str
    in_flight: int
    requests_last_minute: int
    tokens_last_minute: int
    queued: int
    """Requests that wait for room."""
    cooling_s: float
    disabled: bool
    """By a rule; likewise:"""
    disabled_credentials: int
    breakers: Mapping[str, Breaker]
    """By model; a model that is not there was never asked."""


_GAUGES: tuple[tuple[str, Callable[[ChannelState], float]], ...] = (
    ("axonhub_channel_requests_running", lambda state: state.in_flight),
    ("axonhub_channel_requests_last_minute", lambda state: state.requests_last_minute),
    ("axonhub_channel_tokens_last_minute", lambda state: state.tokens_last_minute),
    ("axonhub_channel_requests_queued", lambda state: state.queued),
    ("axonhub_channel_cooling_seconds", lambda state: round(state.cooling_s, 3)),
    ("axonhub_channel_disabled", lambda state: int(state.disabled)),
    ("axonhub_channel_credentials_disabled", lambda state: state.disabled_credentials),
)


def prometheus_lines(states: Iterable[ChannelState]) -> Iterator[str]:
    states = list(states)
    for name, value in _GAUGES:
        if states:
            yield f"# TYPE {name} gauge\n"
        yield from (f'{name}{{channel="{_label(state.channel)}"}} {value(state):g}\n' for state in states)
    breakers = [(state.channel, model, breaker) for state in states for model, breaker in state.breakers.items()]
    if breakers:
        yield "# TYPE axonhub_channel_breaker_open gauge\n"
    for channel, model, breaker in breakers:
        is_open = breaker in (Breaker.OPEN, Breaker.DUE)
        yield f'axonhub_channel_breaker_open{{channel="{_label(channel)}",model="{_label(model)}"}} {int(is_open)}\n'


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
