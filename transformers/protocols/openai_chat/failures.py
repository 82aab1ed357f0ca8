"""Errors: any vendor's error body → Failure, and Failure → OpenAI's envelope."""

from typing import Final

from axonhub.transformers.failure_text import (
    bounded,
    failure_from_json,
    failure_from_object,
    retry_after_in,
    says_context_length,
)
from axonhub.transformers.fields import as_count, as_mapping
from axonhub.transformers.hub.failures import Failure, FailureKind, kind_of_status
from axonhub.transformers.json_types import Json, JsonObject

_CODES: Final[dict[str, FailureKind]] = {
    "context_length_exceeded": FailureKind.CONTEXT_LENGTH,
    "string_above_max_length": FailureKind.CONTEXT_LENGTH,
    "insufficient_quota": FailureKind.QUOTA,
    "billing_not_active": FailureKind.QUOTA,
    "rate_limit_exceeded": FailureKind.RATE_LIMIT,
    "rate_limit_error": FailureKind.RATE_LIMIT,
    "rate_limit_reached_error": FailureKind.RATE_LIMIT,  # Moonshot
    "engine_overloaded_error": FailureKind.OVERLOADED,  # Moonshot
    "exceeded_current_quota_error": FailureKind.QUOTA,  # Moonshot
    "overloaded_error": FailureKind.OVERLOADED,
    "overloaded": FailureKind.OVERLOADED,
    "server_overloaded": FailureKind.OVERLOADED,
    "invalid_api_key": FailureKind.AUTHENTICATION,
    "authentication_error": FailureKind.AUTHENTICATION,
    "permission_error": FailureKind.PERMISSION,
    "permission_denied": FailureKind.PERMISSION,
    "model_not_found": FailureKind.NOT_FOUND,
    "not_found_error": FailureKind.NOT_FOUND,
    "invalid_request_error": FailureKind.INVALID_REQUEST,
    "content_filter": FailureKind.INVALID_REQUEST,
    "timeout": FailureKind.TIMEOUT,
    "server_error": FailureKind.SERVER,
    "api_error": FailureKind.SERVER,
    "internal_server_error": FailureKind.SERVER,
}
_BROAD: Final = frozenset(("invalid_request_error", "server_error", "api_error", "internal_server_error"))
"""Words that vendors put on anything; an HTTP status tells more."""

_WRITTEN: Final[dict[FailureKind, tuple[int, str, str | None]]] = {
    FailureKind.INVALID_REQUEST: (400, "invalid_request_error", None),
    FailureKind.CONTEXT_LENGTH: (400, "invalid_request_error", "context_length_exceeded"),
    FailureKind.TOO_LARGE: (413, "invalid_request_error", "request_too_large"),
    FailureKind.AUTHENTICATION: (401, "invalid_request_error", "invalid_api_key"),
    FailureKind.PERMISSION: (403, "permission_error", None),
    FailureKind.NOT_FOUND: (404, "not_found_error", "model_not_found"),
    FailureKind.CONFLICT: (409, "conflict", None),
    FailureKind.RATE_LIMIT: (429, "rate_limit_error", "rate_limit_exceeded"),
    FailureKind.QUOTA: (429, "insufficient_quota", "insufficient_quota"),
    FailureKind.TIMEOUT: (504, "timeout", None),
    FailureKind.OVERLOADED: (503, "server_error", "overloaded"),
    FailureKind.SERVER: (500, "server_error", None),
    FailureKind.NETWORK: (502, "server_error", None),
}


def read_failure(status: int, body: bytes) -> Failure:
    message, type_, code = failure_from_json(body)
    message = message or f"the provider answered {status} without a message"
    return _failure(_kind(status, message, type_, code), message, code, status)


def failure_in(body: JsonObject) -> Failure | None:
    """The error that a body with a good status carries; None when it carries none."""
    error = body.get("error")
    status = as_mapping(body.get("base_resp")).get("status_code")
    broken = (error and not isinstance(error, bool)) or body.get("object") == "error" or body.get("type") == "error"
    if not broken and not as_count(status):
        return None
    message, type_, code = failure_from_object(body)
    told = as_count(as_mapping(error).get("code")) or as_count(body.get("code"))
    likely = told if told is not None and 400 <= told < 600 else None
    message = message or "the provider sent an error without a message"
    return _failure(_kind(likely, message, type_, code), message, code, None)


def _failure(kind: FailureKind, message: str, code: str | None, status: int | None) -> Failure:
    return Failure(kind, bounded(message), status=status, code=code, retry_after_s=retry_after_in(message))


def _kind(status: int | None, message: str, type_: str | None, code: str | None) -> FailureKind:
    """The vendor's own code, else the words that only a full context has, else the status, else the broad type."""
    named = _CODES.get((code or "").lower())
    typed = _CODES.get((type_ or "").lower())
    if named is not None and code not in _BROAD:
        return named
    if status in (None, 400, 413, 422) and says_context_length(message):
        return FailureKind.CONTEXT_LENGTH
    if typed is not None and type_ not in _BROAD:
        return typed
    if status is not None:
        return kind_of_status(status)
    return typed or named or _kind_of_words(message)


def _kind_of_words(message: str) -> FailureKind:
    # Frames inside a stream often carry nothing but a message; clients retry an overload, so it is worth telling apart.
    return FailureKind.OVERLOADED if "overloaded" in message.lower() else FailureKind.SERVER


def write_failure(failure: Failure) -> tuple[int, JsonObject]:
    status, type_, code = _WRITTEN[_told_kind(failure)]
    if failure.status is not None and (failure.ours or failure.status in (500, 502)):
        status = failure.status
    error: dict[str, Json] = {
        "message": failure.message,
        "type": type_,
        "param": failure.param,
        "code": _own_code(failure)
        if failure.ours and failure.kind is FailureKind.RATE_LIMIT
        else code or _own_code(failure),
    }
    return status, {"error": error}


def _told_kind(failure: Failure) -> FailureKind:
    # A provider refusing the gateway's own credential is not the client's fault: a 401 would log its user out.
    hidden = not failure.ours and failure.kind in (FailureKind.AUTHENTICATION, FailureKind.PERMISSION)
    return FailureKind.NETWORK if hidden else failure.kind


def _own_code(failure: Failure) -> str | None:
    """A provider's own code where the kind has none; codes that are numbers are HTTP statuses and say nothing."""
    return failure.code if failure.code and not failure.code.isdigit() else None
