"""Client habits: what client programs are known to do by themselves, by what they say they are."""

from axonhub.addons.header_fields import Fields

_ASK_AGAIN = (b"claude-cli/",)
"""User agents that ask again after a stream that broke off before any part of it was complete."""


def holds_calls(wanted: str, client_headers: Fields) -> bool:
    """Shall this client get tool calls only when the answer is complete? `wanted`: the operator's word."""
    if wanted != "auto":
        return wanted == "always"
    agents = (value for name, value in client_headers if name.lower() == b"user-agent")
    return any(agent.startswith(_ASK_AGAIN) for agent in agents)
