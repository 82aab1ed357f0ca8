"""The request headers that say what was asked for, and so are kept: a replay needs them, and no secret is one.

A list of what is kept, not of what is not: nobody knows all the names under which companies send their tokens.
"""

from axonhub.addons.header_fields import Fields, text_of

_NAMES = (
    "accept anthropic-beta anthropic-dangerous-direct-browser-access anthropic-version content-type openai-beta "
    "originator session-id thread-id user-agent x-app x-claude-code-agent-id x-claude-code-session-id x-goog-api-client"
)
_KEPT = {name.encode(): name for name in _NAMES.split()}
_LONGEST = 1000


def telling(fields: Fields) -> dict[str, str]:
    """By lower-case name; what is too long or not text is left out."""
    kept: dict[str, str] = {}
    for field, value in fields:
        name = _KEPT.get(field.lower())
        if name is not None and len(value) <= _LONGEST:
            kept[name] = f"{kept[name]}, {text_of(value)}" if name in kept else text_of(value)
    return {name: value for name, value in kept.items() if value.isprintable()}
