"""Addon: GET /metrics, in Prometheus' text format. Needs the admin token unless config.yml makes it public.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/, read 2026-11.
"""

from collections.abc import Iterator
from dataclasses import fields
from typing import Protocol

from mitmproxy import http

from axonhub.addons.settings import Settings
from axonhub.addons.store.writer import Stats

PATH = "/metrics"
_TEXT = {"content-type": "text/plain; version=0.0.4; charset=utf-8"}
_GAUGES = frozenset(("queue_items", "queue_bytes"))


class Measured(Protocol):
    @property
    def running_requests(self) -> int: ...

    def store_stats(self) -> Stats | None: ...


class Metrics:
    def __init__(self, settings: Settings, measured: Measured) -> None:
        self._settings, self._measured = settings, measured

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Runs before Inbound, which knows no such address."""
        config = self._settings.config
        path = flow.request.path.partition("?")[0]
        if path != config.server.base_path + PATH or flow.request.method != "GET" or not config.metrics.enabled:
            return
        shown = flow.request.headers.get("authorization", "").removeprefix("Bearer ")
        if config.metrics.public or self._settings.is_admin(shown):
            flow.response = http.Response.make(200, "".join(self._lines()).encode(), _TEXT)
        else:
            flow.response = http.Response.make(401, b"The admin token is needed.\n", {"www-authenticate": "Bearer"})

    def _lines(self) -> Iterator[str]:
        yield from _metric("axonhub_requests_running", "gauge", self._measured.running_requests)
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
