"""Failures on Anthropic's wire: `{"type": "error", "error": {"type", "message"}}`."""

import re
from typing import Final

from axonhub.transformers.failure_text import (
    bounded,
    failure_from_json,
    failure_from_object,
    retry_after_in,
    says_context_length,
)
from axonhub.transformers.hub.failures import STATUS, Failure, FailureKind, kind_of_status
from axonhub.transformers.json_types import Json, JsonObject

_KINDS: Final = {
    "invalid_request_error": FailureKind.INVALID_REQUEST,
    "authentication_error": FailureKind.AUTHENTICATION,
    "billing_error": FailureKind.QUOTA,
    "permission_error": FailureKind.PERMISSION,
    "not_found_error": FailureKind.NOT_FOUND,
    "request_too_large": FailureKind.TOO_LARGE,
    "conflict_error": FailureKind.CONFLICT,
    "rate_limit_error": FailureKind.RATE_LIMIT,
    "timeout_error": FailureKind.TIMEOUT,
    "overloaded_error": FailureKind.OVERLOADED,
    "api_error": FailureKind.SERVER,
}
_TYPES: Final = {
    FailureKind.INVALID_REQUEST: "invalid_request_error",
    FailureKind.CONTEXT_LENGTH: "invalid_request_error",
    FailureKind.TOO_LARGE: "invalid_request_error",
    FailureKind.AUTHENTICATION: "authentication_error",
    FailureKind.PERMISSION: "permission_error",
    FailureKind.NOT_FOUND: "not_found_error",
    FailureKind.CONFLICT: "conflict_error",
    FailureKind.RATE_LIMIT: "rate_limit_error",
    FailureKind.QUOTA: "billing_error",
    FailureKind.TIMEOUT: "timeout_error",
    FailureKind.OVERLOADED: "overloaded_error",
    FailureKind.SERVER: "api_error",
    FailureKind.NETWORK: "api_error",
}
_STATUS: Final = STATUS | {FailureKind.QUOTA: 402, FailureKind.OVERLOADED: 529}
_REFUSED_KEY: Final = frozenset({FailureKind.AUTHENTICATION, FailureKind.PERMISSION})
_TOO_LONG: Final = "prompt is too long"
_NUMBER: Final = re.compile(r"\d[\d,]{2,}")
_NO_CREDIT: Final = re.compile(r"credit balance is too low|insufficient (?:balance|credit|funds)", re.IGNORECASE)


def read_failure(status: int, body: bytes) -> Failure:
    message, kind, code = failure_from_json(body)
    message = message or f"The provider answered with status {status} and said nothing more."
    return _failure(status if status >= 400 else None, message, kind, code)


def read_error(body: JsonObject) -> Failure:
    """An error event, or an error in the body of a 200. There is no status, its type tells the kind."""
    message, kind, code = failure_from_object(body)
    return _failure(None, message or "The provider sent an error without a message.", kind, code)


def _failure(status: int | None, message: str, kind: str | None, code: str | None) -> Failure:
    named = _KINDS.get(kind or "")
    found = named or FailureKind.SERVER if status is None else _by_status(status, named)
    if found in (FailureKind.INVALID_REQUEST, FailureKind.TOO_LARGE, FailureKind.SERVER):
        found = _by_words(found, message, code)
    wait_s = retry_after_in(message) if found is FailureKind.RATE_LIMIT else None
    return Failure(found, message, status, code or kind, retry_after_s=wait_s)


def _by_status(status: int, named: FailureKind | None) -> FailureKind:
    """The status decides; a type may only say more exactly what a client-side status means."""
    found = kind_of_status(status)
    vague = found in (FailureKind.INVALID_REQUEST, FailureKind.SERVER)
    return named if named and vague and named is not FailureKind.SERVER else found


def _by_words(found: FailureKind, message: str, code: str | None) -> FailureKind:
    # Anthropic has no code for these two: both are 400 invalid_request_error.
    if says_context_length(message, code):
        return FailureKind.CONTEXT_LENGTH
    return FailureKind.QUOTA if _NO_CREDIT.search(message) else found


def write_failure(failure: Failure, request_id: str = "") -> tuple[int, JsonObject]:
    body = write_error(failure)
    return _status(failure), body | {"request_id": request_id} if request_id else body


def write_error(failure: Failure) -> JsonObject:
    """The envelope, which is also the data of an error event."""
    kind, message = _TYPES[failure.kind], failure.message
    if failure.kind is FailureKind.CONTEXT_LENGTH:
        message = _told_too_long(message)
    elif failure.ours and failure.kind is FailureKind.QUOTA:
        kind = "rate_limit_error"
    elif not failure.ours and failure.kind in _REFUSED_KEY:
        kind, message = "api_error", f"The provider refused the gateway's credential: {message}"
    error: dict[str, Json] = {"type": kind, "message": bounded(message)}
    return {"type": "error", "error": error}


def _status(failure: Failure) -> int:
    """Ours as it is. A provider's refusal of our key is no 401 for the client, who would log the user out."""
    if failure.ours:
        return failure.http_status
    if failure.kind in _REFUSED_KEY:
        return 502
    if failure.kind is FailureKind.SERVER and failure.status is not None and 500 <= failure.status < 600:
        return failure.status
    return _STATUS[failure.kind]


def _told_too_long(message: str) -> str:
    """Clients compact their history when they read these words, with both numbers where the provider told them."""
    if _TOO_LONG in message:
        return message
    numbers = sorted({int(found.replace(",", "")) for found in _NUMBER.findall(message)}, reverse=True)
    if len(numbers) < 2:
        return f"{_TOO_LONG}: {message}"
    return f"{_TOO_LONG}: {numbers[0]} tokens > {numbers[1]} maximum ({message})"
