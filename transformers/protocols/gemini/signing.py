"""Signatures: what Gemini's `thoughtSignature` means on either side of the gateway.

A provider's own signature is bound to the service that minted it (AI Studio's means nothing to Vertex). Towards clients
each travels as a carrier that tells its origin, in standard base64: Google's Python SDK refuses anything else there.
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error

from axonhub.transformers.carriers import (
    carried_base64,
    carried_base64_back,
    carried_redacted,
    carried_redacted_back,
)
from axonhub.transformers.fields import as_text
from axonhub.transformers.hub.parts import Signature, Thinking
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocols.gemini.names import NO_SIGNATURE


def client_signature(part: JsonObject) -> Signature | None:
    """From a client's history: a carrier's content, or a signature of unknown origin; the stand-in is none."""
    told = as_text(part.get("thoughtSignature"))
    if not told or told == NO_SIGNATURE:
        return None
    return carried_base64_back(told) or Signature(told, "")


def provider_signature(part: JsonObject, origin: str) -> Signature | None:
    told = as_text(part.get("thoughtSignature"))
    return Signature(told, origin) if told else None


def own_signature(signature: Signature | None, origin: str) -> str | None:
    """The signature for a provider of this origin; None when somebody else minted it."""
    return signature.value if signature and origin and signature.origin == origin else None


def signed(part: JsonObject, signature: Signature | None) -> JsonObject:
    """A part for a client, with the carrier of its signature."""
    return {**part, "thoughtSignature": carried_base64(signature)} if signature else part


def redacted_part(thinking: Thinking) -> JsonObject:
    """Reasoning that only its provider can read, for a client to keep."""
    origin = thinking.signature.origin if thinking.signature else ""
    carrier = carried_redacted(thinking.redacted or "", origin)
    return {"text": "", "thought": True, "thoughtSignature": b64encode(carrier.encode()).decode()}


def redacted_back(part: JsonObject) -> Thinking | None:
    told = as_text(part.get("thoughtSignature"))
    try:
        carrier = carried_redacted_back(b64decode(told, validate=True).decode()) if told else None
    except (Base64Error, ValueError):
        return None
    if carrier is None:
        return None
    return Thinking(redacted=carrier.value, signature=Signature("", carrier.origin) if carrier.origin else None)
