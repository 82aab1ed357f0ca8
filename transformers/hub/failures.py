"""Failure: why an answer did not come, as a value. Decisions rest on `kind`, never on the message's text."""

from dataclasses import dataclass
from enum import StrEnum


class FailureKind(StrEnum):
    INVALID_REQUEST = "invalid_request"
    CONTEXT_LENGTH = "context_length"
    """The prompt is too long for the model: clients compact their history on this one."""
    TOO_LARGE = "too_large"
    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    RATE_LIMIT = "rate_limit"
    QUOTA = "quota"
    """The account has run out of money or allowance; waiting seconds does not help."""
    TIMEOUT = "timeout"
    OVERLOADED = "overloaded"
    SERVER = "server"
    """The provider broke: any other 5xx, a malformed answer, a stream that ended too soon."""
    NETWORK = "network"
    """No answer at all: refused, reset, TLS."""


STATUS: dict[FailureKind, int] = {
    FailureKind.INVALID_REQUEST: 400,
    FailureKind.CONTEXT_LENGTH: 400,
    FailureKind.TOO_LARGE: 413,
    FailureKind.AUTHENTICATION: 401,
    FailureKind.PERMISSION: 403,
    FailureKind.NOT_FOUND: 404,
    FailureKind.CONFLICT: 409,
    FailureKind.RATE_LIMIT: 429,
    FailureKind.QUOTA: 429,
    FailureKind.TIMEOUT: 504,
    FailureKind.OVERLOADED: 503,
    FailureKind.SERVER: 500,
    FailureKind.NETWORK: 502,
}
"""The HTTP status of a kind where neither the provider nor the client's protocol says another."""

_KIND: dict[int, FailureKind] = {
    400: FailureKind.INVALID_REQUEST,
    401: FailureKind.AUTHENTICATION,
    402: FailureKind.QUOTA,
    403: FailureKind.PERMISSION,
    404: FailureKind.NOT_FOUND,
    408: FailureKind.TIMEOUT,
    409: FailureKind.CONFLICT,
    413: FailureKind.TOO_LARGE,
    422: FailureKind.INVALID_REQUEST,
    429: FailureKind.RATE_LIMIT,
    503: FailureKind.OVERLOADED,
    504: FailureKind.TIMEOUT,
    529: FailureKind.OVERLOADED,
}


@dataclass(frozen=True, slots=True)
class Failure:
    kind: FailureKind
    message: str
    """Fit for the client's eyes, at most 2,000 characters, no credential."""
    status: int | None = None
    """The provider's HTTP status; None when there was none (network, an error inside a stream)."""
    code: str | None = None
    """The provider's own code, such as `context_length_exceeded`."""
    param: str | None = None
    retry_after_s: float | None = None
    ours: bool = False
    """The gateway itself refuses, so its status is the client's. A provider's 401, say, is not."""

    @property
    def http_status(self) -> int:
        return self.status if self.status is not None else STATUS[self.kind]


def kind_of_status(status: int) -> FailureKind:
    """The kind that a provider's HTTP status alone tells."""
    default = FailureKind.SERVER if status >= 500 else FailureKind.INVALID_REQUEST
    return _KIND.get(status, default)
