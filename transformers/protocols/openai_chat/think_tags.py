"""Think tags: reasoning that a server without a reasoning parser leaves at the start of the text."""

from typing import Final

_OPEN: Final = "<think>"
_CLOSE: Final = "</think>"

type Piece = tuple[bool, str]
"""Is it reasoning, and its text."""


class TagSplitter:
    """Feed it text with `<think>…</think>` as it comes, cut anywhere.

    Tags count only at the start: later ones are the answer's own words.
    """

    def __init__(self) -> None:
        self._held = ""
        self._thinking = False
        self._settled = False
        """No more tags are looked for."""
        self._fresh = False
        """Reasoning has just ended: line breaks before the answer are no part of it."""

    def feed(self, text: str) -> list[Piece]:
        if self._settled:
            return self._answer(text)
        self._held += text
        return self._inside() if self._thinking else self._before()

    def flush(self) -> list[Piece]:
        """What was held back when the text ended."""
        held, self._held = self._held, ""
        return [(self._thinking, held)] if held else []

    def _before(self) -> list[Piece]:
        begun = self._held.lstrip()
        if begun.startswith(_OPEN):
            self._thinking = True
            self._held = begun.removeprefix(_OPEN)
            return self._inside()
        if _OPEN.startswith(begun):
            return []
        self._settled = True
        return self._answer(self._take())

    def _inside(self) -> list[Piece]:
        thought, tag, answer = self._held.partition(_CLOSE)
        if tag:
            self._thinking, self._settled, self._fresh, self._held = False, True, True, ""
            return [*_piece(True, thought), *self._answer(answer)]
        sure = len(self._held) - _overlap(self._held)
        thought, self._held = self._held[:sure], self._held[sure:]
        return _piece(True, thought)

    def _answer(self, text: str) -> list[Piece]:
        if self._fresh:
            text = text.lstrip()
            self._fresh = not text
        return _piece(False, text)

    def _take(self) -> str:
        held, self._held = self._held, ""
        return held


def _piece(is_thought: bool, text: str) -> list[Piece]:
    return [(is_thought, text)] if text else []


def _overlap(text: str) -> int:
    """How many characters at the end of `text` may be the start of a closing tag."""
    return next((size for size in range(len(_CLOSE) - 1, 0, -1) if text.endswith(_CLOSE[:size])), 0)
