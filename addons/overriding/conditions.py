"""Conditions: a template that must render `true`, or a filter expression of mitmproxy about the client's request.

Filters: `~hq User-Agent:.*claude-cli`, `~bq haiku`, `~u /v1/messages`, with `!`, `&`, `|` and brackets; see
https://docs.mitmproxy.org/stable/concepts/filters/. What has `~` and no template mark is a filter.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from axonhub.addons.overriding.templates import Facts, read_text


@dataclass(frozen=True, slots=True)
class Asked:
    """The client's request, for filters: what it asked before anything was converted."""

    method: str = "POST"
    url: str = "http://localhost/"
    headers: Mapping[str, str] | tuple[tuple[bytes, bytes], ...] = ()
    """Without its credentials."""
    body: bytes = b""


class BadFilter(ValueError):
    """Why a filter expression cannot be read."""


type Condition = Callable[[Facts, Asked], bool]


def read_condition(text: str) -> Condition:
    """BadTemplate, BadFilter."""
    if "~" in text and "{{" not in text and "{%" not in text:
        return _filter(text)
    template = read_text(text)
    return lambda facts, asked: template.rendered(facts).strip() == "true"


def _filter(text: str) -> Condition:
    # mitmproxy takes long to import, and commands that meet no filter do without it.
    from mitmproxy import flowfilter, http
    from mitmproxy.connection import Client, Server

    try:
        matches = flowfilter.parse(text)
    except ValueError as error:
        raise BadFilter(f"bad filter expression: {str(error)[:200]}") from error
    nobody = ("", 0)

    def holds(facts: Facts, asked: Asked) -> bool:
        flow = http.HTTPFlow(
            Client(peername=nobody, sockname=nobody, timestamp_start=0.0), Server(address=None), live=False
        )
        fields = asked.headers.items() if isinstance(asked.headers, Mapping) else asked.headers
        flow.request = http.Request.make(asked.method, asked.url, asked.body)
        flow.request.headers.fields = tuple((_bytes(name).lower(), _bytes(value)) for name, value in fields)
        return bool(matches(flow))

    return holds


def _bytes(value: str | bytes) -> bytes:
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
