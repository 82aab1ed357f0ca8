"""The gateway's own errors and what a client sees of each.

GatewayError               ends the exchange; a status, a code and a message fit for the client's eyes
├── BadRequest      400    the body is not what its address promises
├── Unauthenticated 401    no valid key; carries `x-should-retry: false`, or Claude Code retries for three minutes
├── Forbidden       403    a valid key that may not do this
├── UnknownPath     404    no such address here
├── UnknownModel    404    no channel serves this model to this key
├── WrongMethod     405
├── TooLarge        413    the body, or (431) the header block, is over the limit
├── QuotaExceeded   429    the key's own allowance is used up
├── NotReady        503    something that must be known first is not known yet
├── NoChannel       503    channels exist, but none may be tried now
└── Exhausted              every candidate failed: the last useful failure speaks

The first ten are the caller's matter and never fail over. A provider's failure is a value (`hub.failures.Failure`).
"""

from math import ceil

from axonhub.transformers.hub.failures import Failure, FailureKind

LONGEST_RETRY_S = 60.0
"""SDKs that are told to wait longer do not, and try again at once; so they are told not to."""


class GatewayError(Exception):
    kind = FailureKind.SERVER
    status = 500
    code = "internal_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def headers(self) -> dict[str, str]:
        """Response headers that belong to this error."""
        return {}

    def failure(self) -> Failure:
        """This error as the value that protocol writers understand."""
        return Failure(self.kind, self.message, status=self.status, code=self.code, ours=True)


class BadRequest(GatewayError):
    kind = FailureKind.INVALID_REQUEST
    status = 400
    code = "invalid_request"


class Unauthenticated(GatewayError):
    kind = FailureKind.AUTHENTICATION
    status = 401
    code = "invalid_api_key"

    @property
    def headers(self) -> dict[str, str]:
        return {"x-should-retry": "false", "www-authenticate": 'Bearer realm="axonhub"'}


class Forbidden(GatewayError):
    kind = FailureKind.PERMISSION
    status = 403
    code = "forbidden"


class UnknownPath(GatewayError):
    kind = FailureKind.NOT_FOUND
    status = 404
    code = "not_found"


class UnknownModel(GatewayError):
    kind = FailureKind.NOT_FOUND
    status = 404
    code = "model_not_found"


class WrongMethod(GatewayError):
    kind = FailureKind.INVALID_REQUEST
    status = 405
    code = "method_not_allowed"

    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(message)
        self.allowed = allowed

    @property
    def headers(self) -> dict[str, str]:
        return {"allow": self.allowed}


class TooLarge(GatewayError):
    kind = FailureKind.TOO_LARGE
    status = 413
    code = "request_too_large"


class HeadersTooLarge(TooLarge):
    status = 431
    code = "headers_too_large"


class QuotaExceeded(GatewayError):
    kind = FailureKind.RATE_LIMIT
    status = 429
    code = "quota_exceeded"

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> dict[str, str]:
        told = {"retry-after": str(max(1, ceil(self.retry_after_s)))}
        return told if self.retry_after_s <= LONGEST_RETRY_S else {**told, "x-should-retry": "false"}


class NotReady(GatewayError):
    kind = FailureKind.OVERLOADED
    status = 503
    code = "not_ready"

    @property
    def headers(self) -> dict[str, str]:
        return {"retry-after": "1"}


class NoChannel(GatewayError):
    kind = FailureKind.OVERLOADED
    status = 503
    code = "no_channel"


class Exhausted(GatewayError):
    """`last` is the failure that tells the client most."""

    def __init__(self, last: Failure) -> None:
        super().__init__(last.message)
        self.last = last

    def failure(self) -> Failure:
        return self.last
