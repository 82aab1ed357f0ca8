"""System messages where a provider takes none: as a user's reminder, in place, so that the cached prefix stays."""

from typing import Final

from axonhub.transformers.hub.parts import Part, Text
from axonhub.transformers.hub.requests import Turn

_BILLING: Final = "x-anthropic-billing-header:"


def is_billing_block(text: str) -> bool:
    """Claude Code's attribution block: it differs in every request and would spoil a foreign provider's prompt cache."""
    return text.startswith(_BILLING)


def reminder(text: str) -> str:
    """System words in the mouth of a user; text that is wrapped already stays as it is."""
    wrapped = text.lstrip().startswith("<system-reminder>")
    return text if wrapped else f"<system-reminder>\n{text}\n</system-reminder>"


def reminded(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """Every mid-conversation system turn as a user turn at the same place; never an assistant's (providers refuse that last)."""
    if all(turn.role != "system" for turn in turns):
        return turns
    return tuple(
        Turn("user", tuple(map(_reminder_part, turn.parts))) if turn.role == "system" else turn for turn in turns
    )


def _reminder_part(part: Part) -> Part:
    return Text(reminder(part.text), cache=part.cache) if isinstance(part, Text) else part
