"""Errors of the wire ⇄ hub failures: HTTP bodies, `response.failed`, `error` events."""

from typing import Final

from axonhub.transformers.failure_text import (
    failure_from_json,
    failure_from_object,
    retry_after_in,
    says_context_length,
)
from axonhub.transformers.fields import as_mapping, as_text
from axonhub.transformers.hub.failures import STATUS, Failure, FailureKind, kind_of_status
from axonhub.transformers.json_types import Json, JsonObject

_KIND_OF_CODE: Final[dict[str, FailureKind]] = {
    "context_length_exceeded": FailureKind.CONTEXT_LENGTH,
    "rate_limit_exceeded": FailureKind.RATE_LIMIT,
    "insufficient_quota": FailureKind.QUOTA,
    "billing_hard_limit_reached": FailureKind.QUOTA,
    "usage_limit_reached": FailureKind.QUOTA,
    "usage_not_included": FailureKind.QUOTA,
    "server_error": FailureKind.SERVER,
    "server_is_overloaded": FailureKind.OVERLOADED,
    "slow_down": FailureKind.OVERLOADED,
    "overloaded_error": FailureKind.OVERLOADED,
    "invalid_prompt": FailureKind.INVALID_REQUEST,
    "invalid_request_error": FailureKind.INVALID_REQUEST,
    "invalid_api_key": FailureKind.AUTHENTICATION,
    "model_not_found": FailureKind.NOT_FOUND,
    "previous_response_not_found": FailureKind.INVALID_REQUEST,
}

_TOLD: Final[dict[FailureKind, tuple[str, str | None]]] = {
    FailureKind.INVALID_REQUEST: ("invalid_request_error", None),
    FailureKind.CONTEXT_LENGTH: ("invalid_request_error", "context_length_exceeded"),
    FailureKind.TOO_LARGE: ("invalid_request_error", "request_too_large"),
    FailureKind.AUTHENTICATION: ("invalid_request_error", "invalid_api_key"),
    FailureKind.PERMISSION: ("permission_error", None),
    FailureKind.NOT_FOUND: ("not_found_error", "model_not_found"),
    FailureKind.CONFLICT: ("conflict", None),
    FailureKind.RATE_LIMIT: ("rate_limit_error", "rate_limit_exceeded"),
    FailureKind.QUOTA: ("insufficient_quota", "insufficient_quota"),
    FailureKind.TIMEOUT: ("timeout", None),
    FailureKind.OVERLOADED: ("server_error", "server_is_overloaded"),
    FailureKind.SERVER: ("server_error", "server_error"),
    FailureKind.NETWORK: ("server_error", "server_error"),
}
"""Type and code for a client; the code that a client acts on outranks the provider's own."""
_CODE_OF_MEMBER: Final = {"previous_response_id": "previous_response_not_found"}
"""For a request that is refused for a member: clients then send their whole history instead."""
_ACTED_ON: Final = frozenset((FailureKind.CONTEXT_LENGTH, FailureKind.RATE_LIMIT, FailureKind.QUOTA))


def read_failure(status: int, body: bytes) -> Failure:
    message, kind, code = failure_from_json(body)
    return _failure(message or f"The provider answered {status} without a message.", kind, code, status)


def read_told_failure(value: Json) -> Failure:
    """From an error object inside a 200: of a failed response, or of a stream."""
    message, kind, code = failure_from_object(value)
    param = as_text(as_mapping(value).get("param"))
    return _failure(message or "The provider failed without a message.", kind, code, None, param)


def broken_stream() -> Failure:
    return Failure(FailureKind.SERVER, "The provider's stream ended before its response was complete.")


def _failure(
    message: str, type_: str | None, code: str | None, status: int | None, param: str | None = None
) -> Failure:
    kind = _kind(message, type_, code, status)
    wait_s = retry_after_in(message) if kind is FailureKind.RATE_LIMIT else None
    return Failure(kind, message, status, code or type_, param, wait_s)


def _kind(message: str, type_: str | None, code: str | None, status: int | None) -> FailureKind:
    named = _KIND_OF_CODE.get(code or "") or _KIND_OF_CODE.get(type_ or "")
    by_status = FailureKind.SERVER if status is None else kind_of_status(status)
    general = named in (None, FailureKind.INVALID_REQUEST, FailureKind.SERVER)
    if general and (status is None or 400 <= status < 500) and says_context_length(message, code):
        return FailureKind.CONTEXT_LENGTH
    # Broad words stand on anything; a status tells more.
    return by_status if named is None or (general and status is not None) else named


def write_failure(failure: Failure) -> tuple[int, JsonObject]:
    kind = _told_kind(failure)
    error: JsonObject = {
        "message": failure.message,
        "type": _TOLD[kind][0],
        "param": failure.param,
        "code": _code(failure, kind),
    }
    return _status(failure, kind), {"error": error}


def failed_response_error(failure: Failure) -> JsonObject:
    """The `error` of a failed response. Codex reads the wait before its next try out of the message."""
    message = failure.message
    if failure.kind is FailureKind.RATE_LIMIT and failure.retry_after_s and retry_after_in(message) is None:
        message = f"{message.rstrip()} Please try again in {failure.retry_after_s:g}s."
    return {"code": _code(failure, _told_kind(failure)) or "server_error", "message": message}


def _told_kind(failure: Failure) -> FailureKind:
    # A provider's refusal of the gateway's own key is not the client's fault: a 401 would log its user out.
    refused = failure.kind in (FailureKind.AUTHENTICATION, FailureKind.PERMISSION)
    return FailureKind.NETWORK if refused and not failure.ours else failure.kind


def _code(failure: Failure, kind: FailureKind) -> str | None:
    """The code that clients act on, else the provider's own; one that is a number is a status and says nothing."""
    code = _CODE_OF_MEMBER.get(failure.param or "") or _TOLD[kind][1]
    own = failure.code if failure.code and not failure.code.isdigit() and kind is failure.kind else None
    return code if kind in _ACTED_ON and not (failure.ours and own) else own or code


def _status(failure: Failure, kind: FailureKind) -> int:
    """Ours as it is; of a provider's what OpenAI's SDKs act on: 529 and other vendors' statuses are unknown to them."""
    if failure.ours:
        return failure.http_status
    status = failure.status or 0
    return status if kind is FailureKind.SERVER and 500 <= status < 505 else STATUS[kind]
