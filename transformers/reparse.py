"""Reparsing: a conversation's next body differs from the one before it in places near each other. Only what lies
between the first and the last of them is parsed; the values around it are those of the body before.

    {"model":"m","messages":[{…},{…},{…}],"system":[{…},{…}],"tools":[…],"stream":true}
    |- as before ----------------|  parsed         |- as before ----------------------|

The document is always what `orjson.loads(body)` gives, or its error is raised. That stands on one condition: of a body
something is kept only when it is byte for byte what orjson writes, as the JSON of JavaScript, serde and the SDKs for
Python nearly always is. Then the lengths of written values are their places. What was parsed between two places is held
to the same, so it cannot end earlier than it seems to: `],"x":[` is a member more, and read as one. Of two members with
one key the later counts, as it does for orjson.
"""

from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Hashable
from itertools import accumulate
from typing import NamedTuple

import orjson

from axonhub.transformers.json_types import Json
from axonhub.transformers.readings import Readings
from axonhub.transformers.repetition import SMALLEST_BYTES, Likeness, Unseen, compared

_MOST_VALUES = 4096
"""No conversation has so many messages; to look at each number of a long array costs more than to parse it."""


class Member(NamedTuple):
    """One of the top-level object."""

    key: str
    value: Json
    size: int
    """In bytes, from the brace or comma before the key on."""
    places: array[int] = array("Q")
    """Of the bracket or comma before each element, and of the closing bracket, counted likewise; none: it is no array
    that can be cut."""


class Parsed(NamedTuple):
    body: bytes
    document: Json
    members: tuple[Member, ...]
    """Of the document; (): nothing of it can be used for another body."""
    readings: Readings
    """Of the document."""
    unseen: Unseen
    """Of the body."""
    likeness: Likeness
    """Of the body and the one before."""


class _Side(NamedTuple):
    """What a body has in common with the one before, on one side of a place between two values."""

    place: int
    """In the body before."""
    members: tuple[Member, ...]
    part: Member | None = None
    """The array in which the place is, with the elements on this side; None: it is between members."""


class Reparsing:
    """Remembers the last body of each conversation and what it was parsed to. **Not** thread-safe."""

    def __init__(self, most_bytes: int = 16 << 20) -> None:
        """`most_bytes` of bodies; what they were parsed to takes up to three times as much again."""
        self._most_bytes, self._bytes = most_bytes, 0
        self._parsed: OrderedDict[Hashable, Parsed] = OrderedDict()

    def last(self, conversation: Hashable) -> Parsed | None:
        return self._parsed.get(conversation)

    def keep(self, conversation: Hashable, parsed: Parsed) -> None:
        """Nothing short: beside a conversation's bodies there are others, for its title."""
        if len(parsed.body) < SMALLEST_BYTES:
            return
        self._forget(conversation)
        self._parsed[conversation] = parsed if parsed.members else parsed._replace(document=None)
        self._bytes += len(parsed.body)
        while self._bytes > self._most_bytes:
            self._forget(next(iter(self._parsed)))

    def _forget(self, conversation: Hashable) -> None:
        if before := self._parsed.pop(conversation, None):
            self._bytes -= len(before.body)


def reparsed(before: Parsed | None, body: bytes) -> Parsed:
    """`before` may be of any body; best it is the last of the same conversation. Both documents share values, so
    neither may be changed. orjson.JSONDecodeError."""
    if before is None or len(body) < SMALLEST_BYTES:
        return _parsed(body, Unseen(), compared(body, None))
    likeness = compared(body, before.likeness)
    prefix, suffix = likeness.prefix, likeness.suffix
    unseen = Unseen(before.unseen, prefix, suffix)
    same = prefix == len(body) == len(before.body)
    if members := before.members if same else _members_like(before, body, prefix, suffix):
        document: Json = {each.key: each.value for each in members}
        return Parsed(body, document, members, Readings(before.readings), unseen, likeness)
    return _parsed(body, unseen, likeness)


def _parsed(body: bytes, unseen: Unseen, likeness: Likeness) -> Parsed:
    document = orjson.loads(body)
    members = () if len(body) < SMALLEST_BYTES else _members(body, document)
    return Parsed(body, document, members, Readings(), unseen, likeness)


# -- what is as before


def _members_like(before: Parsed, body: bytes, prefix: int, suffix: int) -> tuple[Member, ...]:
    """Those of a body most of which may have been parsed before; () on any doubt."""
    ends = list(accumulate([each.size for each in before.members]))
    left, right = _left(before.members, ends, prefix), _right(before.members, ends, len(before.body) - suffix)
    if left is None or right is None:
        return ()
    return _joined(left, _between(left, right, body, len(body) - len(before.body)), right)


def _left(members: tuple[Member, ...], ends: list[int], most: int) -> _Side | None:
    """Up to the last place in `most` bytes where a member or an element begins, with the comma or bracket before it."""
    index = bisect_left(ends, most)
    if not most or index == len(members):
        return None
    member, start = members[index], ends[index] - members[index].size
    if member.places and member.places[0] < most - start:
        count = min(bisect_left(member.places, most - start), len(member.places) - 1) - 1
        return _Side(start + member.places[count] + 1, members[:index], _part(member, 0, count))
    return _Side(start + 1, members[:index])


def _right(members: tuple[Member, ...], ends: list[int], least: int) -> _Side | None:
    """From the first place on, at `least` or later, where a member or an element ends."""
    index = bisect_left(ends, least)
    if index == len(members):
        return None
    member, start = members[index], ends[index] - members[index].size
    if member.places and least - start <= member.places[-1]:
        count = bisect_left(member.places, least - start, 1)
        part = _part(member, count, len(member.places) - 1)
        return _Side(start + member.places[count], members[index + 1 :], part)
    return _Side(ends[index], members[index + 1 :])


def _part(member: Member, begin: int, end: int) -> Member:
    """Its elements from one to another, as if the closing bracket stood behind them."""
    assert isinstance(member.value, list)
    return _array(member.key, member.value[begin:end], member.places[begin : end + 1])


def _array(key: str, elements: list[Json], places: array[int]) -> Member:
    return Member(key, elements, places[-1] + 1, places)


# -- what is new


def _between(left: _Side, right: _Side, body: bytes, longer: int) -> tuple[Member, ...]:
    """The members, or the parts of arrays, between the sides. `longer`: by so many bytes than the body before."""
    begin = b"{" if left.part is None else b"{%b:[" % orjson.dumps(left.part.key)
    end = b"}" if right.part is None else b"]}"
    text = begin + body[left.place : right.place + longer] + end
    try:
        return _members(text, orjson.loads(text))
    except orjson.JSONDecodeError:
        return ()


def _joined(left: _Side, new: tuple[Member, ...], right: _Side) -> tuple[Member, ...]:
    """() where nothing stands between two commas, or no array is where one was cut."""
    if not new or (left.part and not new[0].places) or (right.part and not new[-1].places):
        return ()
    if left.part:
        new = (_extended(left.part, new[0]), *new[1:])
    if right.part:
        new = (*new[:-1], _extended(new[-1], right.part))
    return left.members + new + right.members


def _extended(front: Member, more: Member) -> Member:
    """`more` stands where the closing bracket of `front` did. Takes over the list of `front`, which nobody else has."""
    assert isinstance(front.value, list) and isinstance(more.value, list)
    if not more.value:
        return front
    front.value.extend(more.value)
    further = front.places[-1] - more.places[0]
    places = array("Q", [further + each for each in more.places]) if further else more.places
    return _array(front.key, front.value, front.places[:-1] + places)


# -- places


def _members(body: bytes, document: Json) -> tuple[Member, ...]:
    """() unless the body is what orjson writes of the document."""
    if not isinstance(document, dict) or len(document) > _MOST_VALUES:
        return ()
    members: list[Member] = []
    place = 0
    for key, value in document.items():
        member = _member_at(body, place, key, value)
        if member is None:
            return ()
        members.append(member)
        place += member.size
    return tuple(members) if body[place:] == b"}" else ()


def _member_at(body: bytes, place: int, key: str, value: Json) -> Member | None:
    """None unless it is written there."""
    lead = b"%b%b:" % (b"," if place else b"{", orjson.dumps(key))
    if not body.startswith(lead, place):
        return None
    try:
        if isinstance(value, list) and 0 < len(value) <= _MOST_VALUES:
            return _array_at(body, place, len(lead), key, value)
        text = orjson.dumps(value)
    except orjson.JSONEncodeError:  # nested deeper than orjson writes
        return None
    return Member(key, value, len(lead) + len(text)) if body.startswith(text, place + len(lead)) else None


def _array_at(body: bytes, place: int, lead: int, key: str, value: list[Json]) -> Member | None:
    """`lead`: bytes before the bracket. orjson.JSONEncodeError."""
    texts = list(map(orjson.dumps, value))
    places = array("Q", accumulate((len(each) + 1 for each in texts), initial=lead))
    texts[0] = b"[" + texts[0]
    texts[-1] += b"]"
    return _array(key, value, places) if body.startswith(b",".join(texts), place + lead) else None
