"""What an exchange tells to the templates and filters of its channel's overrides."""

from axonhub.addons.exchange import Attempt, Exchange
from axonhub.addons.overriding.conditions import Asked
from axonhub.addons.overriding.templates import Facts, Headers
from axonhub.transformers.protocol import ProtocolError


def facts_of(exchange: Exchange, attempt: Attempt) -> Facts:
    metadata = exchange.document.get("metadata")
    return Facts(
        request_model=exchange.asked_model,
        model=attempt.candidate.model,
        request_header=Headers(_client_headers(exchange)),
        metadata=metadata if isinstance(metadata, dict) else {},
        key=exchange.owner,
        profile=exchange.profile.name if exchange.profile else "",
        channel=attempt.candidate.channel.name,
        trace_id=exchange.trace.trace_id,
        thread_id=exchange.trace.thread_id,
        stream=exchange.stream,
        find_effort=lambda: _effort(exchange),
    )


def asked_of(exchange: Exchange) -> Asked:
    server = exchange.config.server
    query = f"?{exchange.query}" if exchange.query else ""
    url = f"http://{server.host}:{server.port}{exchange.path}{query}"
    return Asked("POST", url, exchange.client_headers, exchange.body)


def _client_headers(exchange: Exchange) -> dict[str, str]:
    return {
        name.decode("utf-8", "surrogateescape"): value.decode("utf-8", "surrogateescape")
        for name, value in exchange.client_headers
    }


def _effort(exchange: Exchange) -> str:
    """ "" where the client names none."""
    try:
        reasoning = exchange.hub_request().reasoning
    except ProtocolError:
        return ""
    return (reasoning.effort or "") if reasoning else ""
