"""Splicing: the value of a top-level member changes, or a member is added; every other byte stays.

Never parse-and-print: key order, spacing, escapes, duplicate keys and big numbers are the client's, and provider prompt
caches and signatures depend on them.
"""

import re
from collections.abc import Iterator
from functools import cache

import orjson

from axonhub.transformers.json_types import Json

_STRING = rb'"(?:[^"\\]|\\.)*"'
_FIRST_MEMBER = re.compile(rb"\s*\{\s*(" + _STRING + rb")\s*:\s*(" + _STRING + rb")", re.DOTALL)
_TOKEN = re.compile(_STRING + rb"|[{}\[\]:,]", re.DOTALL)
_OPEN, _CLOSE = frozenset((b"{", b"[")), frozenset((b"}", b"]"))


def replace_string(body: bytes, member: str, value: str) -> bytes:
    """`body`, a JSON object, with every top-level string `member` set to `value`; unchanged where it is equal already.

    A member that stands twice is replaced twice: which one counts is the reader's choice, and no reader shall choose a
    model that was not checked here. The body must be valid JSON. O(len(body)).
    """
    pieces: list[bytes] = []
    end = 0
    for start, stop in _value_spans(body, member):
        if orjson.loads(body[start:stop]) != value:
            pieces += (body[end:start], orjson.dumps(value))
            end = stop
    return body if not pieces else b"".join((*pieces, body[end:]))


def added_member(body: bytes, member: str, value: Json) -> bytes:
    """`body`, a JSON object without that `member`, with it as the last one. O(len(body)) for the copy."""
    end = body.rindex(b"}")
    comma = b"" if body[:end].rstrip().endswith(b"{") else b","
    return b"".join((body[:end], comma, orjson.dumps(member), b":", orjson.dumps(value), body[end:]))


def _value_spans(body: bytes, member: str) -> list[tuple[int, int]]:
    """Where the string values of the top-level member stand."""
    first = _FIRST_MEMBER.match(body)
    # Claude Code and most SDKs write `model` first, which saves the walk over the whole body.
    if first and first[1] == orjson.dumps(member) and not _repeatable(member).search(body, first.end(2)):
        return [first.span(2)]
    return list(_scan(body, member))


@cache
def _repeatable(member: str) -> re.Pattern[bytes]:
    """What a second string member of this name would look like, at any depth, also spelled with escaped letters."""
    letter = rb"\\u00(?:4[1-9a-fA-F]|5[0-9aA]|6[1-9a-fA-F]|7[0-9aA])"
    return re.compile(re.escape(orjson.dumps(member)) + rb"\s*:\s*\"|" + letter)


def _scan(body: bytes, member: str) -> Iterator[tuple[int, int]]:
    """Walks over the tokens of the body, counting depth; strings are skipped whole."""
    depth, key, at_key = 0, b"", False
    for token in _TOKEN.finditer(body):
        mark = token[0][:1]
        if mark in _OPEN:
            depth += 1
            at_key = depth == 1
        elif mark in _CLOSE:
            depth -= 1
        elif depth != 1:
            continue
        elif mark == b",":
            at_key = True
        elif mark == b'"' and at_key:
            key, at_key = token[0], False
        elif mark == b'"' and orjson.loads(key) == member:
            yield token.span()
