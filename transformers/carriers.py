"""Carriers: a provider's signature on its way through a client whose protocol has no place for it.

Text form: `gw1.<origin>.<payload>`, redacted reasoning `gw1r.<origin>.<payload>`, the signature of a tool call
`gw1c.<origin>.<call id>.<payload>`; payload and call id are unpadded base64url. Gemini's SDKs accept only standard
base64 in their signature field, so for them the whole text is encoded once more.
A carrier proves nothing: a client could write one. The provider that minted the value checks it; we only route it back.
"""

import sys
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error

from axonhub.transformers.hub.parts import Signature

_SIGNATURE = "gw1."
_REDACTED = "gw1r."
_CALL = "gw1c."
_TEXT_MARKS = tuple(f'"{prefix}'.encode() for prefix in (_SIGNATURE, _REDACTED, _CALL))
"""How a JSON string that is a carrier begins: inside a string the quote would be escaped."""
_TEXT_MARK = b'"gw1'
_BASE64_MARK = b'"' + b64encode(b"gw1")


def may_hold_carriers(body: bytes, start: int = 0, end: int = sys.maxsize) -> bool:
    """Does this JSON text, read byte by byte, hold from `start` to `end` a string that begins as a carrier does?"""
    # A search for a few bytes in a long body is what this costs, so there are two and not four.
    begun = body.find(_TEXT_MARK, start, end)
    if begun >= 0 and any(body.find(mark, begun, end) >= 0 for mark in _TEXT_MARKS):
        return True
    return body.find(_BASE64_MARK, start, end) >= 0


def carried(signature: Signature) -> str:
    return _packed(_SIGNATURE, signature)


def carried_back(text: str) -> Signature | None:
    """The signature in a carrier; None when the text is no whole carrier of ours (then it is somebody's own
    signature)."""
    return _unpacked(_SIGNATURE, text)


def carried_redacted(data: str, origin: str) -> str:
    """A carrier for reasoning that only its provider can read (Anthropic's `redacted_thinking`)."""
    return _packed(_REDACTED, Signature(data, origin))


def carried_redacted_back(text: str) -> Signature | None:
    """The unreadable reasoning and its origin; None when the text is no such carrier."""
    return _unpacked(_REDACTED, text)


def carried_call(call_id: str, signature: Signature) -> str:
    """A carrier for the signature of a tool call, where only reasoning has a place for one; call id "" is a text's."""
    origin = f"{signature.origin}.{_encoded(call_id)}"
    return _packed(_CALL, Signature(signature.value, origin))


def carried_call_back(text: str) -> tuple[str, Signature] | None:
    """The call's id and its signature; None when the text is no such carrier."""
    found = _unpacked(_CALL, text)
    if found is None:
        return None
    origin, dot, call_id = found.origin.rpartition(".")
    decoded = _decoded(call_id)
    return (decoded, Signature(found.value, origin)) if dot and decoded is not None else None


def carried_base64(signature: Signature) -> str:
    """The carrier in standard base64, for Gemini's `thoughtSignature`."""
    return b64encode(carried(signature).encode()).decode()


def carried_base64_back(text: str) -> Signature | None:
    try:
        return carried_back(b64decode(text, validate=True).decode())
    except (Base64Error, ValueError):
        return None


def _packed(prefix: str, signature: Signature) -> str:
    return f"{prefix}{signature.origin}.{_encoded(signature.value)}"


def _unpacked(prefix: str, text: str) -> Signature | None:
    # The payload holds no dot, so an origin may.
    origin, dot, payload = text.removeprefix(prefix).rpartition(".")
    if not text.startswith(prefix) or not dot:
        return None
    value = _decoded(payload)
    return None if value is None else Signature(value, origin)


def _encoded(text: str) -> str:
    return urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")


def _decoded(payload: str) -> str | None:
    """None unless `payload` is exactly what `_encoded` makes of some text."""
    try:
        text = urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode("utf-8", "surrogatepass")
    except (Base64Error, ValueError):
        return None
    return text if _encoded(text) == payload else None
