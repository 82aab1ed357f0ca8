"""Addon: tries that failed, as flows of their own beside the one that the client sees. Only where there is a flow list.

A flow shows its last try; an earlier one is gone from it, with its request as that channel got it and with the
provider's answer. Its copy is marked, says which try it was, and is found by the id of the request. Credentials are in
no flow, and what a provider repeats of them is covered.
"""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

from mitmproxy import ctx, http
from mitmproxy.addons.view import View
from mitmproxy.flow import Error

from axonhub.addons.exchange import Attempt, Exchange, exchange_of
from axonhub.addons.masking import masked, masked_text, secrets_of
from axonhub.addons.views import listing


@dataclass(slots=True)
class Sent:
    """One try as it went out."""

    attempt: Attempt
    request: http.Request
    head: http.Response | None = None
    """Of the provider's answer; None: there was none."""


class SiblingFlows:
    def __init__(self) -> None:
        self._sent: WeakKeyDictionary[http.HTTPFlow, Sent] = WeakKeyDictionary()

    def attempt(self, flow: http.HTTPFlow) -> None:
        """Behind Outbound's: the try before is judged, and the flow is that of the next one already."""
        exchange, view = exchange_of(flow), ctx.master.addons.get("view")
        if exchange is None or not isinstance(view, View):
            return
        sent = self._sent.pop(flow, None)
        if sent and sent.attempt.failure:
            view.add([sibling(flow, exchange, sent)])
        if flow.response is None and exchange.attempt and exchange.attempt.ended_s is None:
            self._sent[flow] = Sent(exchange.attempt, flow.request.copy())

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if flow.response and (sent := self._sent.get(flow)):
            response = flow.response
            sent.head = http.Response.make(response.status_code, b"", http.Headers(response.headers.fields))
            sent.head.http_version = response.http_version


def sibling(flow: http.HTTPFlow, exchange: Exchange, sent: Sent) -> http.HTTPFlow:
    secrets, failure = secrets_of(exchange.config), sent.attempt.failure
    assert failure
    copy: http.HTTPFlow = flow.copy()
    copy.request, copy.response = sent.request, sent.head
    if copy.request.raw_content:
        copy.request.data.content = masked(copy.request.raw_content, secrets)
    if copy.response:
        copy.response.data.content = masked(sent.attempt.response_body, secrets)
    else:
        copy.error = Error(masked_text(failure.message, secrets))
    copy.comment = masked_text(comment(exchange, sent.attempt), secrets)
    copy.metadata = {listing.METADATA: f"id:{exchange.id} channel:{sent.attempt.candidate.channel.name} try:failed"}
    copy.marked = listing.FAILED_OVER
    return copy


def comment(exchange: Exchange, attempt: Attempt) -> str:
    """One line, such as `try 1 of req_01 · deepseek-chat · deepseek · overloaded: Overloaded`."""
    assert attempt.failure
    number = next(at for at, each in enumerate(exchange.attempts, 1) if each is attempt)
    why = f"{attempt.failure.kind}: {' '.join(attempt.failure.message.split())[:200]}"
    parts = (f"try {number} of {exchange.id}", attempt.candidate.model, attempt.candidate.channel.name, why)
    return " · ".join((*parts, attempt.consequence) if attempt.consequence else parts)
