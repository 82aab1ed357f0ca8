"""How a credential is shown to a provider: one header in its channel type's style; and which one a trace takes."""

import hashlib
from collections.abc import Mapping, Sequence

from pydantic import SecretStr

from axonhub.addons.channels.kinds import AuthStyle

CLIENT_HEADERS = frozenset(("authorization", "x-api-key", "x-goog-api-key", "api-key", "proxy-authorization", "cookie"))
"""Where callers put their own keys; none of these ever goes upstream."""

_HEADER: Mapping[AuthStyle, str] = {
    "bearer": "authorization",
    "x-api-key": "x-api-key",
    "x-goog-api-key": "x-goog-api-key",
    "api-key": "api-key",
    "process-token": "x-axonhub-process-token",
}


def auth_headers(style: AuthStyle, credential: SecretStr | None) -> dict[str, str]:
    """Exactly one header, or none when the style or the channel has no credential."""
    if credential is None or style not in _HEADER:
        return {}
    secret = credential.get_secret_value()
    return {_HEADER[style]: f"Bearer {secret}" if style == "bearer" else secret}


def rotated(credentials: Sequence[SecretStr], affinity: str) -> tuple[SecretStr, ...]:
    """All of them, each trace's own first: always the same one, so that the provider's cache is hit."""
    if len(credentials) < 2:
        return tuple(credentials)
    digest = hashlib.sha256(affinity.encode()).digest()
    first = int.from_bytes(digest[:8]) % len(credentials)
    return (*credentials[first:], *credentials[:first])


def tail(credential: SecretStr | None) -> str:
    """The last four characters, for people to tell keys apart; "" for short ones."""
    secret = credential.get_secret_value() if credential else ""
    return secret[-4:] if len(secret) >= 12 else ""
