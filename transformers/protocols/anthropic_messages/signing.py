"""Signatures of reasoning on Anthropic's wire: Anthropic's own stay bare, everybody else's travel as carriers.

A client that speaks this protocol has one place for a signature, `thinking.signature`. What other providers sign goes
there as a carrier; what they sign without thinking (Gemini signs tool calls) goes into a thinking block of its own,
without text, directly before the signed block. Unsigned reasoning bears the carrier of nothing: clients drop thinking
with an empty signature, and some providers demand their reasoning back.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from typing import Final

from axonhub.transformers.carriers import carried, carried_back
from axonhub.transformers.hub.parts import Signature

ANTHROPIC: Final = "ant"
_NEXT: Final = "+next"
"""Ends the origin in a carrier that belongs to the block after it."""

UNSIGNED: Final = carried(Signature("", ""))


def wire_signature(signature: Signature | None) -> str:
    """What stands in `thinking.signature` towards a client."""
    if signature is None:
        return UNSIGNED
    return signature.value if signature.origin == ANTHROPIC else carried(signature)


def wire_signature_of_next(signature: Signature) -> str:
    """The same for the signature of the block that follows."""
    return carried(Signature(signature.value, signature.origin + _NEXT))


def told_signature(text: str) -> tuple[Signature | None, bool]:
    """The signature in a client's thinking block, and whether it belongs to the next block."""
    carrier = carried_back(text)
    if carrier is None:
        return (Signature(text, ANTHROPIC if _looks_own(text) else "") if text else None), False
    if not carrier.value:
        return None, False
    if carrier.origin.endswith(_NEXT):
        return Signature(carrier.value, carrier.origin.removesuffix(_NEXT)), True
    return carrier, False


def _looks_own(text: str) -> bool:
    """Anthropic's are base64 of a protocol buffer that begins with field 2; other vendors write ids or hashes."""
    try:
        head = b64decode(text[:8], validate=True)
    except (Base64Error, ValueError):
        return False
    return head[:1] == b"\x12" and len(text) >= 32 and len(text) % 4 == 0
