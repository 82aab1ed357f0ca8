"""Answers that the gateway gives itself: errors in the caller's own protocol, and small JSON."""

import logging
from collections.abc import Mapping

import orjson
from mitmproxy import http

from axonhub.addons.errors import GatewayError
from axonhub.addons.exchange import Exchange
from axonhub.transformers.hub.failures import Failure
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocol import WireProtocol

logger = logging.getLogger(__name__)

JSON = "application/json"


def json_answer(status: int, body: JsonObject, headers: Mapping[str, str] | None = None) -> http.Response:
    return http.Response.make(status, orjson.dumps(body), {"content-type": JSON, **(headers or {})})


def refusal(protocol: WireProtocol, error: GatewayError, headers: Mapping[str, str]) -> http.Response:
    """Our own error in the caller's envelope and with our own status, which no envelope changes."""
    _, body = protocol.write_failure(error.failure(), headers.get("x-axonhub-request-id", ""))
    return json_answer(error.status, body, {**headers, **error.headers})


def refuse(flow: http.HTTPFlow, exchange: Exchange, error: GatewayError) -> None:
    """Ends the exchange with an error of ours, and says in the log why."""
    logger.warning("%s refused: %d %s: %s", exchange.id, error.status, error.code, error)
    exchange.failure = error.failure()
    flow.response = refusal(exchange.address.protocol, error, exchange.headers)


def failure_answer(protocol: WireProtocol, failure: Failure, headers: Mapping[str, str]) -> http.Response:
    """A provider's failure in the caller's envelope and with the status that its protocol gives it."""
    status, body = protocol.write_failure(failure, headers.get("x-axonhub-request-id", ""))
    told = {} if failure.retry_after_s is None else {"retry-after": str(max(1, round(failure.retry_after_s)))}
    return json_answer(status, body, {**headers, **told})
