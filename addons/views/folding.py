"""Long texts for a reader: their beginning, their end, and how much lies between."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_WIDTH = 76
_BLANK = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Fold:
    """How much of one part is shown."""

    lines: int
    characters: int

    @property
    def tail_lines(self) -> int:
        return self.lines // 4

    @property
    def tail_characters(self) -> int:
        return self.characters // 4


WIDE = Fold(lines=120, characters=12_000)
"""For what a reader most likely came for."""
NARROW = Fold(lines=16, characters=1_600)
"""For what went before."""


def folded(text: str, fold: Fold) -> str:
    """Whole when it fits. The middle of a long text gives way, because its end often says most."""
    if len(text) > fold.characters:
        head, tail = text[: fold.characters - fold.tail_characters], text[-fold.tail_characters :]
        return _within(head, fold.lines - fold.tail_lines) + _gap(text, head, tail) + _last(tail, fold.tail_lines)
    lines = text.split("\n")
    if len(lines) <= fold.lines:
        return text
    head, tail = "\n".join(lines[: fold.lines - fold.tail_lines]), "\n".join(lines[-fold.tail_lines :])
    return head + _gap(text, head, tail) + tail


def one_line(text: str, most: int = _WIDTH) -> str:
    """The first words, on one line."""
    words = _BLANK.sub(" ", text[: most * 4]).strip()
    return words if len(words) <= most and len(text) <= most * 4 else words[: most - 1].rstrip() + "…"


def indented(text: str, by: int = 2) -> str:
    blank = " " * by
    return blank + text.replace("\n", "\n" + blank)


def rule(title: str) -> str:
    return f"── {title} " + "─" * max(3, _WIDTH - len(title) - 4)


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines, each column as wide as its widest cell."""
    columns = max(map(len, rows), default=0)
    widths = [max((len(row[at]) for row in rows if at < len(row)), default=0) for at in range(columns)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()


def size(count: float) -> str:
    """Bytes, as people say them."""
    if count < 1000:
        return f"{count:.0f} B"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def _within(text: str, lines: int) -> str:
    """At most so many lines of the beginning."""
    return "\n".join(text.split("\n")[:lines])


def _last(text: str, lines: int) -> str:
    return "\n".join(text.split("\n")[-max(1, lines) :])


def _gap(text: str, head: str, tail: str) -> str:
    left_out = len(text) - len(head) - len(tail)
    return f"\n  ⋯ {left_out:,} of {len(text):,} characters folded ⋯\n"
