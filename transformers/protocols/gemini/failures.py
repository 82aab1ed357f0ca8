"""Errors: Google's error body, or any other, → Failure, and Failure → Google's envelope."""

from typing import Final

from axonhub.transformers.failure_text import (
    bounded,
    failure_from_json,
    failure_from_object,
    retry_after_in,
    says_context_length,
)
from axonhub.transformers.fields import as_count, as_mapping, as_objects, as_text
from axonhub.transformers.hub.failures import Failure, FailureKind, kind_of_status
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocols.gemini.arguments import json_value

_STATUSES: Final[dict[str, FailureKind]] = {
    "INVALID_ARGUMENT": FailureKind.INVALID_REQUEST,
    "FAILED_PRECONDITION": FailureKind.INVALID_REQUEST,
    "OUT_OF_RANGE": FailureKind.INVALID_REQUEST,
    "UNAUTHENTICATED": FailureKind.AUTHENTICATION,
    "PERMISSION_DENIED": FailureKind.PERMISSION,
    "NOT_FOUND": FailureKind.NOT_FOUND,
    "ABORTED": FailureKind.CONFLICT,
    "ALREADY_EXISTS": FailureKind.CONFLICT,
    "RESOURCE_EXHAUSTED": FailureKind.RATE_LIMIT,
    "DEADLINE_EXCEEDED": FailureKind.TIMEOUT,
    "UNAVAILABLE": FailureKind.OVERLOADED,
    "INTERNAL": FailureKind.SERVER,
    "UNKNOWN": FailureKind.SERVER,
    "UNIMPLEMENTED": FailureKind.INVALID_REQUEST,
}
_KEY_REASONS: Final = frozenset(("API_KEY_INVALID", "API_KEY_EXPIRED", "ACCESS_TOKEN_EXPIRED"))
"""Google answers 400 INVALID_ARGUMENT to a bad key and tells the truth in the details."""

_WRITTEN: Final[dict[FailureKind, tuple[int, str]]] = {
    FailureKind.INVALID_REQUEST: (400, "INVALID_ARGUMENT"),
    FailureKind.CONTEXT_LENGTH: (400, "INVALID_ARGUMENT"),
    FailureKind.TOO_LARGE: (400, "INVALID_ARGUMENT"),
    FailureKind.AUTHENTICATION: (502, "INTERNAL"),
    FailureKind.PERMISSION: (502, "INTERNAL"),
    FailureKind.NOT_FOUND: (404, "NOT_FOUND"),
    FailureKind.CONFLICT: (409, "ABORTED"),
    FailureKind.RATE_LIMIT: (429, "RESOURCE_EXHAUSTED"),
    FailureKind.QUOTA: (429, "RESOURCE_EXHAUSTED"),
    FailureKind.TIMEOUT: (504, "DEADLINE_EXCEEDED"),
    FailureKind.OVERLOADED: (503, "UNAVAILABLE"),
    FailureKind.SERVER: (500, "INTERNAL"),
    FailureKind.NETWORK: (502, "UNAVAILABLE"),
}
"""A provider's refusal of the gateway's own key would log the caller out, so it is a server's failure."""
_OWN_WORDS: Final = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def read_failure(status: int, body: bytes) -> Failure:
    message, word, code = failure_from_json(body)
    parsed = json_value(body.decode("utf-8", "replace"))
    details = _details(parsed)
    return _failure(status, message or f"the provider answered {status} without a message", word, code, details)


def failure_in(body: JsonObject) -> Failure | None:
    """The error that a body with a good status, or an event of a stream, carries; None when it carries none."""
    error = body.get("error")
    if not error:
        return None
    message, word, code = failure_from_object(body)
    told = as_count(as_mapping(error).get("code"))
    status = told if told is not None and 400 <= told < 600 else None
    return _failure(status, message or "the provider sent an error without a message", word, code, _details(body))


def _failure(
    status: int | None, message: str, word: str | None, code: str | None, details: list[JsonObject]
) -> Failure:
    return Failure(
        _kind(status, message, word, details),
        bounded(message),
        status=status,
        code=word or code,
        retry_after_s=_retry_delay_s(details) or retry_after_in(message),
    )


def _details(body: Json) -> list[JsonObject]:
    if isinstance(body, list):
        body = body[0] if body else None
    return as_objects(as_mapping(as_mapping(body).get("error")).get("details"))


def _kind(status: int | None, message: str, word: str | None, details: list[JsonObject]) -> FailureKind:
    if any(as_text(each.get("reason")) in _KEY_REASONS for each in details):
        return FailureKind.AUTHENTICATION
    if status in (None, 400, 413) and says_context_length(message):
        return FailureKind.CONTEXT_LENGTH
    named = _STATUSES.get(word or "")
    if named is not None:
        return named
    return FailureKind.SERVER if status is None else kind_of_status(status)


def _retry_delay_s(details: list[JsonObject]) -> float | None:
    """google.rpc.RetryInfo: `{"retryDelay": "37s"}`."""
    for detail in details:
        delay = (as_text(detail.get("retryDelay")) or "").removesuffix("s")
        if delay.replace(".", "", 1).isdecimal():
            return float(delay)
    return None


def write_error(failure: Failure) -> tuple[int, JsonObject]:
    """HTTP status and body. The code is a number: Google's SDKs compute with it."""
    status, word = _WRITTEN[failure.kind]
    if failure.ours and failure.status is not None:
        status = failure.status
        word = _OWN_WORDS.get(status) or ("INVALID_ARGUMENT" if status < 500 else "INTERNAL")
    return status, {"error": {"code": status, "message": failure.message, "status": word}}
