"""Addon: GET /metrics, in Prometheus' text format. Needs the admin token unless config.yml makes it public.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/, read 2026-11.
"""

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Protocol

from mitmproxy import http

from axonhub.addons.channel_state import ChannelState, prometheus_lines
from axonhub.addons.config import Config
from axonhub.addons.ledgers import amount, limits
from axonhub.addons.quota_text import Standing
from axonhub.addons.settings import Settings
from axonhub.addons.store.writer import Stats
from axonhub.addons.throttle import Gate

PATH = "/metrics"
_TEXT = {"content-type": "text/plain; version=0.0.4; charset=utf-8"}
_GAUGES = frozenset(("queue_items", "queue_bytes"))


class Measured(Protocol):
    @property
    def running_requests(self) -> int: ...

    def store_stats(self) -> Stats | None: ...


class Limited(Protocol):
    def states(self) -> Iterable[Standing]: ...


class Watched(Protocol):
    def states(self, config: Config) -> list[ChannelState]: ...


class Metrics:
    def __init__(self, settings: Settings, measured: Measured, limited: Limited, gate: Gate, watched: Watched) -> None:
        self._settings, self._measured, self._limited = settings, measured, limited
        self._gate, self._watched = gate, watched

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Runs before Inbound, which knows no such address."""
        if PATH not in flow.request.path:
            return
        config = self._settings.config
        path = flow.request.path.partition("?")[0]
        if path != config.server.base_path + PATH or flow.request.method != "GET" or not config.metrics.enabled:
            return
        shown = flow.request.headers.get("authorization", "").removeprefix("Bearer ")
        if config.metrics.public or self._gate.opens(flow.client_conn.peername[0], shown):
            flow.response = http.Response.make(200, "".join(self._lines()).encode(), _TEXT)
        else:
            flow.response = http.Response.make(401, b"The admin token is needed.\n", {"www-authenticate": "Bearer"})

    def _lines(self) -> Iterator[str]:
        yield from _metric("axonhub_requests_running", "gauge", self._measured.running_requests)
        yield from _quotas(self._limited.states())
        yield from prometheus_lines(self._watched.states(self._settings.config))
        if (stats := self._measured.store_stats()) is None:
            return
        for field in fields(stats):
            value = getattr(stats, field.name)
            if isinstance(value, int):
                kind = "gauge" if field.name in _GAUGES else "counter"
                yield from _metric(f"axonhub_store_{field.name}", kind, value)


def _metric(name: str, kind: str, value: int) -> Iterator[str]:
    name = f"{name}_total" if kind == "counter" else name
    yield f"# TYPE {name} {kind}\n{name} {value}\n"


def _quotas(states: Iterable[Standing]) -> Iterator[str]:
    """What has a limit, what is used of it, and how many requests are missing in a cost because nobody has a price."""
    samples: dict[str, list[str]] = {name: [] for name in ("limit", "used", "unpriced")}
    for state in states:
        owner = f'key="{_escaped(state.owner.key)}",profile="{_escaped(state.owner.profile)}"'
        for kind, limit in limits(state.quota).items():
            labels = f'{{{owner},kind="{kind}"}}'
            samples["limit"].append(f"axonhub_quota_limit{labels} {limit}\n")
            samples["used"].append(f"axonhub_quota_used{labels} {amount(kind, state.spent, state.quota)}\n")
        samples["unpriced"].append(f"axonhub_quota_unpriced{{{owner}}} {state.spent.unpriced}\n")
    for name, lines in samples.items():
        if lines:
            yield f"# TYPE axonhub_quota_{name} gauge\n"
            yield from lines


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
