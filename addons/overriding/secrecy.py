"""Which headers hold secrets, by name: they never enter a flow, a template or a dry run."""

import re
from typing import Final

_SECRET: Final = re.compile(r"auth|token|secret|api-?key|password|cookie|credential|signature|-key$", re.IGNORECASE)
MASK: Final = "***"


def is_secret(name: str) -> bool:
    return _SECRET.search(name) is not None


def masked(name: str, value: str) -> str:
    return MASK if is_secret(name) else value
