"""Takes credentials out of bytes: those that this gateway knows, and what looks like somebody's.

A body may hold what a person or a tool pasted into a conversation. What is spread over the events of a stream piece by
piece is found by nobody; leave the bodies out where that matters.
"""

import json
import re
from collections.abc import Callable, Iterable

REDACTED = b"[redacted]"
_LOOKS_SECRET = re.compile(
    rb"\bsk-[A-Za-z0-9_-]{16,}"  # OpenAI, Anthropic, DeepSeek, …
    rb"|\bAIza[A-Za-z0-9_-]{30,}"  # Google
    rb"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"  # AWS
    rb"|\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{30,}"
    rb"|\bxox[abprs]-[A-Za-z0-9-]{10,}"  # Slack
    rb"|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"  # JWT
    rb"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----"
    rb"|(?i:\bbearer\s+)[A-Za-z0-9._~+/-]{16,}=*",
    re.DOTALL,
)

type Scrub = Callable[[bytes], bytes]


def scrubber(known: Iterable[str]) -> Scrub:
    """`known`: credentials by letter; they are found as they are and as JSON writes them."""
    forms = {form for each in known if each for form in (each, json.dumps(each)[1:-1], each.replace("/", "\\/"))}
    longest_first = sorted(forms, key=len, reverse=True)
    exact = re.compile(b"|".join(re.escape(each.encode()) for each in longest_first)) if forms else None

    def scrub(data: bytes) -> bytes:
        data = exact.sub(REDACTED, data) if exact else data
        return _LOOKS_SECRET.sub(REDACTED, data)

    return scrub


def as_it_is(data: bytes) -> bytes:
    """For an operator who asked for everything."""
    return data
