"""A request's prompt as the blocks that a provider's cache sees in order: tools, system, messages; and where two part.

Works on the bytes as they were sent, whatever the protocol: the members that make the prompt have other names in each,
and no two mean different things by one name. A mark that says "cache up to here" is no part of what is cached; nor is
it a difference whether a lone text stands as a string or as a block.
"""

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import orjson

from axonhub.transformers.places import Span, elements, members

_SECTIONS = (
    ("tools", "functions"),
    ("system", "instructions", "systemInstruction", "system_instruction"),
    ("messages", "input", "contents"),
)
_INNER = ("content", "parts", "functionDeclarations", "function_declarations")
"""Members whose elements are blocks of their own."""
_MARK = re.compile(rb',\s*"cache_control"\s*:\s*(?:\{[^{}]*\}|null)|"cache_control"\s*:\s*(?:\{[^{}]*\}|null)\s*,?\s*')
"""A quote inside a string is escaped, so this is never found within one."""
_EXCERPT_BEFORE, _EXCERPT_AFTER = 24, 72


@dataclass(frozen=True, slots=True)
class Block:
    path: str
    """Such as `tools[2]`, `system[0]`, `messages[3].content[1]`."""
    start: int
    """The byte of the body where it begins."""
    raw: bytes

    @property
    def bare(self) -> bytes:
        """Without marks for the cache."""
        return _MARK.sub(b"", self.raw) if b'"cache_control"' in self.raw else self.raw


@dataclass(frozen=True, slots=True)
class Break:
    """Where a prompt stops to be the continuation of an earlier one."""

    path: str
    """The block, in the later request; where that ends too soon, the earlier one's."""
    byte: int
    """Of the later body, as it was sent."""
    before: str
    """The earlier request's text around the place; "" where it had nothing there."""
    after: str
    blocks_kept: int
    blocks: int
    """Of the earlier request."""


def prompt_blocks(body: bytes) -> tuple[Block, ...]:
    """In the order in which a provider reads them; () for what is no JSON object."""
    try:
        top = dict(members(body))
        found = [(name, top[name]) for names in _SECTIONS for name in names if name in top]
        return tuple(block for name, span in found for block in _blocks(body, name, span))
    except ValueError:
        return ()


def _blocks(body: bytes, path: str, span: Span) -> Iterator[Block]:
    start, _ = span
    if body.startswith(b"[", start):
        for number, each in enumerate(elements(body, start)):
            yield from _element(body, f"{path}[{number}]", each)
    else:
        yield from _element(body, path, span)


def _element(body: bytes, path: str, span: Span) -> Iterator[Block]:
    inside = dict(members(body, span[0])) if body.startswith(b"{", span[0]) else {}
    if not any(name in inside for name in _INNER) or "." in path:
        yield Block(path, span[0], body[slice(*span)])
        return
    for name, (start, end) in sorted(inside.items(), key=lambda each: each[0] in _INNER):
        if name in _INNER and body.startswith(b"[", start):
            yield from _blocks(body, f"{path}.{name}", (start, end))
        elif name != "cache_control":
            shown = f"{path}.{name}[0]" if name in _INNER else f"{path}.{name}"
            yield Block(shown, start, body[start:end])


def first_break(before: Sequence[Block], after: Sequence[Block]) -> Break | None:
    """None: the later prompt begins with the whole of the earlier one."""
    for kept, (old, new) in enumerate(zip_longest(before, after)):
        if old is None:
            return None
        if new is None:
            end = after[-1].start + len(after[-1].raw) if after else 0
            return Break(old.path, end, _excerpt(old.bare, 0), "", kept, len(before))
        if old.path != new.path:
            return _reordered(old, new, {block.path for block in after}, kept, len(before))
        if not same(old, new):
            return _parted(old, new, kept, len(before))
    return None


def _reordered(old: Block, new: Block, paths: Container[str], kept: int, blocks: int) -> Break:
    """A block was taken away, or put in."""
    if old.path in paths:
        return Break(new.path, new.start, "", _excerpt(new.bare, 0), kept, blocks)
    return Break(old.path, new.start, _excerpt(old.bare, 0), "", kept, blocks)


def same(old: Block, new: Block) -> bool:
    """Do two blocks at the same place say the same to a provider?"""
    return old.raw == new.raw or old.bare == new.bare or _meaning(old) == _meaning(new)


def _meaning(block: Block) -> bytes:
    """Spacing, escapes and marks do not count, the order of members does."""
    value = orjson.loads(block.raw)
    if isinstance(value, str):
        value = {"type": "text", "text": value}
    if isinstance(value, dict):
        value.pop("cache_control", None)
    return orjson.dumps(value)


def _parted(old: Block, new: Block, kept: int, blocks: int) -> Break:
    first, second = old.bare, new.bare
    offset = common_length(first, second)
    byte = new.start + _with_marks(new.raw, offset)
    return Break(new.path, byte, _excerpt(first, offset), _excerpt(second, offset), kept, blocks)


def _with_marks(raw: bytes, offset: int) -> int:
    """An offset in the text without marks, as one in the text with them."""
    for mark in _MARK.finditer(raw):
        if mark.start() <= offset:
            offset += len(mark[0])
    return offset


def common_length(first: bytes, second: bytes) -> int:
    """Of the longest common beginning; by halves, since comparing slices is quick and comparing bytes is not."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[:middle] == second[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _excerpt(text: bytes, offset: int) -> str:
    begin = max(0, offset - _EXCERPT_BEFORE)
    shown = text[begin : offset + _EXCERPT_AFTER].decode("utf-8", "replace").strip("\ufffd")
    return f"{'…' if begin else ''}{shown}{'…' if offset + _EXCERPT_AFTER < len(text) else ''}"


def likeness(before: Sequence[Block], after: Sequence[Block]) -> float:
    """How much of the earlier prompt, by bytes, the later one holds anywhere: 0 to 1."""
    have = {block.bare for block in after}
    places = {block.path: block.bare for block in after}
    found = whole = 0
    for block in before:
        text = block.bare
        whole += len(text)
        found += len(text) if text in have else _shared(text, places.get(block.path, b""))
    return found / whole if whole else 0.0


def _shared(first: bytes, second: bytes) -> int:
    """At both ends."""
    begin = common_length(first, second)
    return begin + common_length(first[begin:][::-1], second[begin:][::-1])
