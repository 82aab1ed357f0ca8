"""The request headers that say what was asked for, and so are kept: a replay needs them, and no secret is one.

A list of what is kept, not of what is not: nobody knows all the names under which companies send their tokens.
"""

from axonhub.addons.header_fields import Fields, by_name

_KEPT = frozenset(
    b"accept anthropic-beta anthropic-dangerous-direct-browser-access anthropic-version content-type openai-beta "
    b"originator session-id thread-id user-agent x-app x-claude-code-agent-id x-claude-code-session-id "
    b"x-goog-api-client".split()
)
_LONGEST = 1000


def telling(fields: Fields) -> dict[str, str]:
    """By lower-case name; what is too long or not text is left out."""
    kept = by_name(tuple([field for field in fields if field[0].lower() in _KEPT and len(field[1]) <= _LONGEST]))
    return {name: value for name, value in kept.items() if value.isprintable()}
