"""What a conversation repeats is not looked through again, and nothing is missed for that."""

from hypothesis import given, strategies as st

from axonhub.transformers import repetition
from axonhub.transformers.carriers import may_hold_carriers
from axonhub.transformers.repetition import Unseen, changed
from axonhub.transformers.splice import may_come_again

LONG = b"x" * repetition.SMALLEST_BYTES
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


def again(body: bytes, start: int, end: int) -> bool:
    return may_come_again(body, "model", start, end)


@given(texts, st.lists(st.tuples(texts, texts, st.integers(0, 200), st.integers(0, 40)), max_size=6))
def test_the_answer_is_that_of_the_whole_body(first, edits):
    """Each body is the one before with something put in, after some of its new bytes, and something taken out."""
    unseen = Unseen(may_hold_carriers, again)
    body, beginning = first + LONG + first, b'{"model":"a","x":"'
    for put, behind, place, taken in edits:
        at = min(place, len(body)) if place % 2 else max(0, len(body) - place)
        body = body[:at] + put + body[at + taken :] + behind
        whole = beginning + body

        assert unseen.holds("talk", whole) == (may_hold_carriers(whole), again(whole, 0, len(whole)))


@given(st.integers(0, 60), st.integers(0, 60), st.booleans())
def test_white_space_without_end_hides_no_second_model(before, behind, at_the_end):
    """The body before ended within it, or began anew within it."""
    models = Unseen(again)
    start, end = b'{"model":"a","x":"' + LONG + b'","model"' + b" " * before, b" " * behind + b':"other"}'
    assert models.holds("talk", start if at_the_end else start[:-1] + b"x" + b" " * behind) == (False,)

    assert models.holds("talk", start + end) == (True,)


@given(st.integers(0, 60), st.integers(1, 60))
def test_nor_does_it_in_front_of_what_is_as_before(before, more):
    models = Unseen(again)
    start, end = b'{"model":"a","x":"', b" " * before + b':"other' + LONG
    assert models.holds("talk", start + b'y",' + end) == (False,)

    assert models.holds("talk", start + b'y","model"' + b" " * more + end) == (True,)


def test_only_what_is_new_is_looked_through():
    looked: list[tuple[int, int]] = []
    unseen = Unseen(lambda body, start, end: bool(looked.append((start, end))))
    one, two = LONG + b"one" + LONG, LONG + b"two, longer" + LONG

    unseen.holds("talk", one)
    unseen.holds("talk", two)
    unseen.holds("talk", two)
    unseen.holds("another talk", two)

    assert looked == [(0, len(one)), changed(one, two), (0, len(two))]
    assert len(LONG) - 64 < looked[1][0] < len(LONG)
    assert len(LONG) + len("two, longer") < looked[1][1] < len(LONG) + 80


def test_what_was_found_once_is_found_again():
    unseen = Unseen(lambda body, start, end: body.find(b"here", start, end) >= 0)

    assert [unseen.holds("talk", LONG + b"here"), unseen.holds("talk", LONG + b"here too")] == [(True,), (True,)]
    assert unseen.holds("talk", LONG) == (False,)


def test_no_more_is_remembered_than_may_be():
    looked: list[int] = []
    unseen = Unseen(lambda body, start, end: bool(looked.append(start)), most_bytes=3 * len(LONG))

    for talk in range(5):
        unseen.holds(talk, LONG)
    unseen.holds(4, LONG + b"x")
    unseen.holds(0, LONG)

    assert [start > 0 for start in looked] == [False] * 5 + [True, False]
