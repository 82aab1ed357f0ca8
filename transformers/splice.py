"""Splicing: the value of a top-level member changes, or a member is added; every other byte stays.

Never parse-and-print: key order, spacing, escapes, duplicate keys and big numbers are the client's, and provider prompt
caches and signatures depend on them.
"""

import re
import sys
from collections.abc import Collection, Iterator, Mapping
from functools import cache

import orjson

from axonhub.transformers.json_types import Json
from axonhub.transformers.places import STRING, Span, raw_members

_FIRST_MEMBER = re.compile(rb"\s*\{\s*(" + STRING + rb")\s*:\s*(" + STRING + rb")", re.DOTALL)
_ESCAPED_LETTER = re.compile(rb"\\u00(?:4[1-9a-fA-F]|5[0-9aA]|6[1-9a-fA-F]|7[0-9aA])")


def replace_string(body: bytes, member: str, value: str, *, may_come_again: bool = True) -> bytes:
    """`body`, a JSON object, with every top-level string `member` set to `value`; unchanged where it is equal already.

    A member that stands twice is replaced twice: which one counts is the reader's choice, and no reader shall choose a
    model that was not checked here. The body must be valid JSON. O(len(body)).
    `may_come_again` False: `may_come_again` has said so.
    """
    pieces: list[bytes | memoryview] = []
    view, end = memoryview(body), 0
    for start, stop in _value_spans(body, member, may_come_again):
        if orjson.loads(body[start:stop]) != value:
            pieces += (view[end:start], orjson.dumps(value))
            end = stop
    return body if not pieces else b"".join((*pieces, view[end:]))


def added_member(body: bytes, member: str, value: Json) -> bytes:
    """`body`, a JSON object without that `member`, with it as the last one. O(len(body)) for the copy."""
    end = body.rindex(b"}")
    comma = b"" if body[:end].rstrip().endswith(b"{") else b","
    return b"".join((body[:end], comma, orjson.dumps(member), b":", orjson.dumps(value), body[end:]))


def spliced(body: bytes, changed: Mapping[str, Json], dropped: Collection[str] = ()) -> bytes:
    """`body`, a JSON object, with these top-level members changed or added at its end, and those dropped.

    A member that stands twice is changed or dropped twice. The body must be valid JSON. O(len(body)).
    """
    members = [_whole_member(body, key, span) for key, span in raw_members(body)]
    kept = [each for each in members if each[0] not in dropped]
    if len(kept) < len(members):
        body = _without_members(body, members, dropped)
        return spliced(body, changed)
    pieces: list[bytes] = []
    done = 0
    for name, _, value, end in members:
        if name in changed:
            pieces += (body[done:value], orjson.dumps(changed[name]))
            done = end
    body = b"".join((*pieces, body[done:]))
    names = {name for name, _, _, _ in members}
    for name, value_ in changed.items():
        if name not in names:
            body = added_member(body, name, value_)
    return body


def _whole_member(body: bytes, key: bytes, span: Span) -> tuple[str, int, int, int]:
    """Its name; where its key starts, its value starts, its value ends."""
    return orjson.loads(key), body.rindex(key, 0, span[0]), *span


def _without_members(body: bytes, members: list[tuple[str, int, int, int]], dropped: Collection[str]) -> bytes:
    """The first kept member follows the brace; every other keeps what stood between it and the one before it."""
    if not members:
        return body
    pieces = [body[: members[0][1]]]
    for index, (name, start, _, end) in enumerate(members):
        if name not in dropped:
            between = body[members[index - 1][3] : start] if len(pieces) > 1 else b""
            pieces.append(between + body[start:end])
    return b"".join((*pieces, body[members[-1][3] :]))


def may_come_again(body: bytes, member: str, start: int = 0, end: int = sys.maxsize) -> bool:
    """Might a string member of this name stand behind the body's first one, between `start` and `end`?

    At any depth, or spelled with escaped letters; True also where the first member has another name. Fixed bytes are
    found ten times as fast as what a pattern says exactly, and most bodies hold neither.
    """
    first = _first_string(body, member)
    if first is None:
        return True
    if start < first[1]:  # What stood in the first one, in the body that was looked through, may stand behind it here.
        start, end = first[1], sys.maxsize
    again = body.find(orjson.dumps(member), start, end) >= 0 and _string_member(member).search(body, start, end)
    escaped = body.find(b"\\u00", start, end) >= 0 and _ESCAPED_LETTER.search(body, start, end)
    return bool(again or escaped)


def _value_spans(body: bytes, member: str, again: bool) -> list[tuple[int, int]]:
    """Where the string values of the top-level member stand. `again` False: it is known that there is but the first."""
    # Claude Code and most SDKs write `model` first, which saves the walk over the whole body.
    first = _first_string(body, member)
    if first and not (again and may_come_again(body, member)):
        return [first]
    return [span for key, span in _string_members(body) if orjson.loads(key) == member]


def _first_string(body: bytes, member: str) -> Span | None:
    """The place of the body's first value when it is a string of that name."""
    first = _FIRST_MEMBER.match(body)
    return first.span(2) if first and first[1] == orjson.dumps(member) else None


@cache
def _string_member(member: str) -> re.Pattern[bytes]:
    return re.compile(re.escape(orjson.dumps(member)) + rb"\s*:\s*\"")


def _string_members(body: bytes) -> Iterator[tuple[bytes, Span]]:
    """Key and place of each top-level value that is a string."""
    return ((key, span) for key, span in raw_members(body) if body.startswith(b'"', span[0]))
