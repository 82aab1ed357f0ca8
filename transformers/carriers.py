"""Carriers: a provider's signature on its way through a client whose protocol has no place for it.

Text form: `gw1.<origin>.<payload>`, redacted reasoning `gw1r.<origin>.<payload>`; the payload is unpadded base64url of the
value. Gemini's SDKs accept only standard base64 in their signature field, so for them the whole text is encoded once more.
A carrier proves nothing: a client could write one. The provider that minted the value checks it; we only route it back.
"""

from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error

from axonhub.transformers.hub.parts import Signature

_SIGNATURE = "gw1."
_REDACTED = "gw1r."


def carried(signature: Signature) -> str:
    return _packed(_SIGNATURE, signature)


def carried_back(text: str) -> Signature | None:
    """The signature in a carrier; None when the text is not a whole carrier of ours (then it is somebody's own signature)."""
    return _unpacked(_SIGNATURE, text)


def carried_redacted(data: str, origin: str) -> str:
    """A carrier for reasoning that only its provider can read (Anthropic's `redacted_thinking`)."""
    return _packed(_REDACTED, Signature(data, origin))


def carried_redacted_back(text: str) -> Signature | None:
    """The unreadable reasoning and its origin; None when the text is no such carrier."""
    return _unpacked(_REDACTED, text)


def carried_base64(signature: Signature) -> str:
    """The carrier in standard base64, for Gemini's `thoughtSignature`."""
    return b64encode(carried(signature).encode()).decode()


def carried_base64_back(text: str) -> Signature | None:
    try:
        return carried_back(b64decode(text, validate=True).decode())
    except (Base64Error, ValueError):
        return None


def _packed(prefix: str, signature: Signature) -> str:
    payload = urlsafe_b64encode(signature.value.encode("utf-8", "surrogatepass")).decode().rstrip("=")
    return f"{prefix}{signature.origin}.{payload}"


def _unpacked(prefix: str, text: str) -> Signature | None:
    # The payload holds no dot, so an origin may.
    origin, dot, payload = text.removeprefix(prefix).rpartition(".")
    if not text.startswith(prefix) or not dot:
        return None
    try:
        value = urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode("utf-8", "surrogatepass")
    except (Base64Error, ValueError):
        return None
    signature = Signature(value, origin)
    return signature if _packed(prefix, signature) == text else None
