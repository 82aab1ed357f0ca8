"""Ids of tool calls that every protocol can take.

Anthropic demands `^[a-zA-Z0-9_-]+$`, OpenAI at most 64 characters. Other vendors mint `functions.Bash:0` or two ids
joined by a line feed; one such id in a client's transcript breaks every later call of the session. Both functions are
pure, so a call and its result agree, and later turns repeat the same bytes.
"""

import re
from hashlib import sha256

_CLEAN = re.compile(r"[a-zA-Z0-9_-]+")
_OTHER = re.compile(r"[^a-zA-Z0-9_-]")
_HASH_DIGITS = 10


def clean_call_id(call_id: str, limit: int = 64) -> str:
    """The id itself when it is clean and at most `limit` long; else its clean start and a hash of the whole."""
    if len(call_id) <= limit and _CLEAN.fullmatch(call_id):
        return call_id
    head = _OTHER.sub("_", call_id)[: max(0, limit - _HASH_DIGITS - 1)]
    return f"{head}_{_hex(call_id)[:_HASH_DIGITS]}"


def minted_call_id(seed: str, index: int, prefix: str) -> str:
    """An id for a call that came without one: `prefix` and 24 hex digits that depend on seed and index alone."""
    return f"{prefix}{_hex(f'{seed}:{index}')[:24]}"


def _hex(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
