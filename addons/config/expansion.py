"""`${NAME}` and `${NAME:-default}` in the file's strings. Pure: the environment comes in.

`$${` stands for `${` itself. As in a shell, a default is used for a variable that is unset or empty; it may
hold further references. Names are letters, digits and underscores.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

REFERENCE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
PLAIN_REFERENCE = re.compile(r"(?<!\$)\$\{[A-Za-z_][A-Za-z0-9_]*(?::-[^{}\"'\\\n]*)?\}")
SHIELD = re.compile("\ue000([0-9]+)\ue001")


@dataclass(frozen=True, slots=True)
class Expansion:
    text: str
    names: tuple[str, ...] = ()
    """Every variable that was looked at."""
    unset: tuple[str, ...] = ()
    """Those that are not set and have no default; they expanded to nothing."""


def expand(text: str, environ: Mapping[str, str]) -> Expansion:
    """ValueError when a reference has no end or no proper name."""
    parts: list[Expansion] = []
    position = 0
    while (start := text.find("${", position)) >= 0:
        parts.append(Expansion(text[position:start]))
        if start > position and text[start - 1] == "$":
            parts.append(Expansion("{"))
            position = start + 2
        else:
            end = closing_brace(text, start + 2)
            parts.append(look_up(text[start + 2 : end], environ))
            position = end + 1
    return join([*parts, Expansion(text[position:])])


def look_up(reference: str, environ: Mapping[str, str]) -> Expansion:
    found = REFERENCE.fullmatch(reference)
    if found is None:
        raise ValueError("bad reference to the environment: write ${NAME}, ${NAME:-default}, or $${ for the characters")
    name, default = found.groups()
    value = environ.get(name, "")
    if default is not None and not value:
        return join([Expansion("", (name,)), expand(default, environ)])
    return Expansion(value, (name,), () if name in environ else (name,))


def closing_brace(text: str, position: int) -> int:
    depth = 1
    while position < len(text):
        if text.startswith("${", position):
            depth += 1
        elif text[position] == "}":
            depth -= 1
        if depth == 0:
            return position
        position += 1
    raise ValueError("'${' without its '}'")


def join(parts: list[Expansion]) -> Expansion:
    return Expansion(
        "".join(part.text for part in parts),
        tuple(name for part in parts for name in part.names),
        tuple(name for part in parts for name in part.unset),
    )


def shield(text: str) -> tuple[str, tuple[str, ...]]:
    """Puts a token without meaning to YAML in place of each plain reference, and returns these beside the text.

    Braces end a plain scalar inside `{…}` and `[…]`, so `{web_password: ${PASSWORD:-}}` would not be YAML. A text that
    holds such a token itself stays as it is.
    """
    if "\ue000" in text:
        return text, ()
    references: list[str] = []

    def token(found: re.Match[str]) -> str:
        references.append(found[0])
        return f"\ue000{len(references) - 1}\ue001"

    return PLAIN_REFERENCE.sub(token, text), tuple(references)


def unshield(text: str, references: tuple[str, ...]) -> str:
    return SHIELD.sub(lambda found: references[int(found[1])], text) if references else text
