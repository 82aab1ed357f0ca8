"""What a conversation repeats is not looked through again, and nothing is missed for that."""

import re

import pytest
from hypothesis import given, strategies as st

from axonhub.transformers.carriers import may_hold_carriers
from axonhub.transformers.repetition import Unseen, compared, safe_end, safe_start, shared_prefix, shared_suffix
from axonhub.transformers.splice import may_come_again

LONG = b"x" * 100
"""Longer than what is looked through again on both sides of a difference."""
PIECES = [
    b'"gw1r.',
    b'"gw',
    b"1s.",
    b'"Z3cx',
    b'"Z3',
    b"cx",
    b'"model"',
    b'"mod',
    b'el"',
    b" ",
    b":",
    b' : \n"',
    b'"',
    b"\\u00",
    b"6d",
    b"y" * 20,
]

texts = st.lists(st.sampled_from(PIECES), max_size=8).map(b"".join)


@given(texts, texts, texts, texts)
def test_what_is_alike_on_both_sides_never_overlaps(first, old, new, last):
    earlier = compared(first + old + last, None)
    found = compared(first + new + last, earlier)

    assert (found.earlier, earlier.earlier) == (earlier.mark, None)
    assert found.mark is not earlier.mark
    assert found.body[: found.prefix] == earlier.body[: found.prefix]
    assert found.body[len(found.body) - found.suffix :] == earlier.body[len(earlier.body) - found.suffix :]
    assert found.prefix + found.suffix <= min(len(found.body), len(earlier.body))
    assert found.prefix >= len(first)


def again(body: bytes, start: int, end: int) -> bool:
    return may_come_again(body, "model", start, end)


def following(unseen: Unseen, before: bytes, body: bytes) -> Unseen:
    """That of the body after it."""
    prefix = shared_prefix(before, body)
    return Unseen(unseen, prefix, shared_suffix(before, body, min(len(before), len(body)) - prefix))


@given(texts, texts, st.lists(st.tuples(texts, st.integers(0, 300), st.integers(0, 30)), max_size=6))
def test_the_answer_is_that_of_the_whole_body(first, last, later):
    """Each body is the one before, with something else in one place."""
    body = b'{"model":"a","x":"' + LONG + first + LONG + last
    unseen = Unseen()
    for piece, place, fewer in [(b"", 0, 0), *later]:
        before, body = body, body[:place] + piece + body[place + fewer :]
        unseen = following(unseen, before, body)

        assert unseen.holds(may_hold_carriers, body) == may_hold_carriers(body)
        assert unseen.holds(again, body) == may_come_again(body, "model")


@given(texts, st.lists(texts, max_size=6))
def test_what_is_added_is_looked_through(first, later):
    body, unseen = b'{"model":"a","x":"' + LONG + first, Unseen()
    for piece in [b"", *later]:
        before, body = body, body + piece
        unseen = following(unseen, before, body)

        assert unseen.holds(may_hold_carriers, body) == may_hold_carriers(body)
        assert unseen.holds(again, body) == may_come_again(body, "model")


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_white_space_without_end_hides_no_second_model(before, between, behind):
    """What was new stands among it."""
    start, end = b'{"model":"a","x":"' + LONG + b'","model' + b'"' * (between > 30) + b" " * before, b" " * behind
    old, new = start + end + b':"other"}', start + b'"' * (between <= 30) + b" " * between + end + b':"other"}'
    unseen = Unseen()
    unseen.holds(again, old)

    assert following(unseen, old, new).holds(again, new) == may_come_again(new, "model")


def test_what_stood_in_the_first_model_is_seen_behind_it():
    bodies = [b'{"model":"a' + between + LONG + b'\\u006d"}' for between in (b"", b'","b":"')]
    unseen = Unseen()
    assert not unseen.holds(again, bodies[0])

    assert following(unseen, *bodies).holds(again, bodies[1])


@given(st.integers(0, 60), st.integers(0, 60))
def test_white_space_at_the_end_hides_no_second_model(before, behind):
    """The body before ended within it."""
    start = b'{"model":"a","x":"' + LONG + b'","model"' + b" " * before
    unseen, body = Unseen(), start + b" " * behind + b':"other"}'
    assert not unseen.holds(again, start)

    assert following(unseen, start, body).holds(again, body)


@pytest.mark.parametrize("between", [0, 1, 40])
def test_the_longest_thing_is_found_wherever_the_difference_is(between: int):
    thing = b"a" * 16 + b" " * between + b"b" * 16

    def finds(body: bytes, start: int, end: int) -> bool:
        return re.compile(rb"a{16}[ :]*b{16}").search(body, start, end) is not None

    for place in range(len(thing)):
        old, new = LONG + thing[:place] + b"-" + thing[place + 1 :] + LONG, LONG + thing + LONG
        unseen = Unseen()
        assert not unseen.holds(finds, old)

        assert following(unseen, old, new).holds(finds, new)


def test_only_what_is_new_is_looked_through():
    looked: list[tuple[int, int]] = []

    def look(body: bytes, start: int, end: int) -> bool:
        return bool(looked.append((start, end)))

    bodies = [LONG + b"one" + LONG, LONG + b"two" + LONG]
    first = Unseen()
    first.holds(look, bodies[0])
    following(first, *bodies).holds(look, bodies[1])
    Unseen().holds(look, bodies[1])

    new = safe_start(bodies[1], len(LONG)), safe_end(bodies[1], len(LONG) + 3)
    assert looked == [(0, 203), new, (0, 203)]
    assert len(LONG) - 64 < new[0] < len(LONG) < len(LONG) + 3 < new[1] < len(LONG) + 67


def test_what_was_found_once_is_found_again():
    def finds(body: bytes, start: int, end: int) -> bool:
        return body.find(b"here", start, end) >= 0

    bodies = [LONG + b"here", LONG + b"here too", LONG]
    unseen, found = Unseen(), []
    for before, body in zip([b"", *bodies], bodies, strict=False):
        unseen = following(unseen, before, body)
        found.append(unseen.holds(finds, body))

    assert found == [True, True, False]


def test_what_nobody_looked_for_is_not_known():
    unseen = following(Unseen(), LONG, LONG)

    assert unseen.holds(lambda body, start, end: (start, end) == (0, len(body)), LONG)
