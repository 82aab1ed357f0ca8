"""Sessions of the console: a cookie instead of the admin token, for a browser. Kept in memory, as digests only."""

import secrets
from collections import OrderedDict
from hashlib import sha256

COOKIE = "axonhub_session"
SESSION_HEADER = "x-axonhub-session"
"""From the doorway to the application: by which session the request came."""
LIFETIME_S = 12 * 3600.0
_MOST = 256


class Sessions:
    """Moments are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._until_s: OrderedDict[bytes, float] = OrderedDict()

    def begin(self, now_s: float) -> str:
        name = secrets.token_urlsafe(32)
        self._until_s[_digest(name)] = now_s + LIFETIME_S
        while len(self._until_s) > _MOST:
            self._until_s.popitem(last=False)
        return name

    def holds(self, name: str, now_s: float) -> bool:
        """Found by digest, so that time tells nothing of a name."""
        return self._until_s.get(_digest(name), 0.0) > now_s

    def end(self, name: str) -> None:
        self._until_s.pop(_digest(name), None)


def named(cookies: str) -> str:
    """The session in a `Cookie` header; "" when it has none (RFC 6265 §4.2)."""
    pairs = (each.strip().partition("=") for each in cookies.split(";"))
    return next((value for name, _, value in pairs if name == COOKIE), "")


def _digest(name: str) -> bytes:
    return sha256(name.encode("utf-8", "surrogateescape")).digest()
