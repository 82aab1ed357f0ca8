"""Places: where the values of a JSON text stand, byte by byte, without parsing it. The text must be valid JSON.

For whoever must name or change single bytes of a text whose every other byte is somebody else's.
"""

import re
from collections.abc import Iterator

import orjson

STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_WHOLE_STRING = re.compile(STRING, re.DOTALL)
_KEY = re.compile(rb"[\s,]*+(" + STRING + rb")\s*:\s*", re.DOTALL)
_WORD = re.compile(rb"[^\s,}\]]+")
_BETWEEN = re.compile(rb"[\s,]*+")
_TO_BRACKET = re.compile(rb'(?:[^"{}\[\]]++|' + STRING + rb")*+([{}\[\]])", re.DOTALL)

type Span = tuple[int, int]
"""First byte, and the one after the last."""


def raw_members(text: bytes, start: int = 0) -> Iterator[tuple[bytes, Span]]:
    """Key, as written with its quotes, and place of each value of the object that begins at or after `start`."""
    place = text.index(b"{", start) + 1
    while key := _KEY.match(text, place):
        place = value_end(text, key.end())
        yield key[1], (key.end(), place)


def members(text: bytes, start: int = 0) -> Iterator[tuple[str, Span]]:
    return ((orjson.loads(key), span) for key, span in raw_members(text, start))


def elements(text: bytes, start: int) -> Iterator[Span]:
    """Of the array whose bracket is the byte at `start`."""
    place = start + 1
    while (begin := _end_of(_BETWEEN, text, place)) < len(text) and text[begin : begin + 1] != b"]":
        place = value_end(text, begin)
        yield begin, place


def value_end(text: bytes, start: int) -> int:
    if not text.startswith((b"{", b"["), start):
        return _end_of(_WHOLE_STRING if text.startswith(b'"', start) else _WORD, text, start)
    depth = 0
    for bracket in _TO_BRACKET.finditer(text, start):
        depth += 1 if bracket[1] in b"{[" else -1
        if not depth:
            return bracket.end()
    raise ValueError("not valid JSON")


def _end_of(pattern: re.Pattern[bytes], text: bytes, start: int) -> int:
    found = pattern.match(text, start)
    if found is None:
        raise ValueError("not valid JSON")
    return found.end()
