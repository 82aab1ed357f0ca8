"""System messages where a provider takes none: as a user's reminder, in place, so that the cached prefix stays."""

from typing import Final

from axonhub.transformers.hub.parts import Part, Text
from axonhub.transformers.hub.requests import Turn

_BILLING: Final = "x-anthropic-billing-header:"
BILLING_MARK: Final = f'"{_BILLING}'.encode()
"""How a JSON string that is a billing block begins."""


def is_billing_block(text: str) -> bool:
    """Claude Code's attribution block: different in every request, it would spoil a foreign provider's prompt cache."""
    return text.startswith(_BILLING)


def reminder(text: str) -> str:
    """System words in the mouth of a user; text that is wrapped already stays as it is."""
    wrapped = text.lstrip().startswith("<system-reminder>")
    return text if wrapped else f"<system-reminder>\n{text}\n</system-reminder>"


def reminded(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """Every mid-conversation system turn as a user's words, in place: in the user's turn before it if there is one.

    Never an assistant's: providers refuse that as the last message. Never a last turn of its own behind the user's
    words: models then answer the reminder only.
    """
    if all(turn.role != "system" for turn in turns):
        return turns
    told: list[Turn] = []
    for turn in turns:
        if turn.role != "system":
            told.append(turn)
            continue
        parts = tuple(map(_reminder_part, turn.parts))
        if told and told[-1].role == "user":
            before = told.pop()
            told.append(Turn("user", before.parts + parts, before.name))
        else:
            told.append(Turn("user", parts))
    return tuple(told)


def _reminder_part(part: Part) -> Part:
    return Text(reminder(part.text), cache=part.cache) if isinstance(part, Text) else part
