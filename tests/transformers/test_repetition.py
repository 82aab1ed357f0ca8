"""What a conversation repeats is not looked through again, and nothing is missed for that."""

from hypothesis import given, strategies as st

from axonhub.transformers import repetition
from axonhub.transformers.carriers import may_hold_carriers
from axonhub.transformers.repetition import Unseen, safe_start
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


def again(body: bytes, start: int) -> bool:
    return may_come_again(body, "model", start)


@given(texts, st.lists(texts, max_size=6))
def test_the_answer_is_that_of_the_whole_body(first, later):
    carriers, models = Unseen(may_hold_carriers), Unseen(again)
    body = b'{"model":"a","x":"' + LONG + first
    for piece in later:
        body += piece

        assert carriers.holds("talk", body) == may_hold_carriers(body)
        assert models.holds("talk", body) == again(body, 0)


@given(st.integers(0, 60), st.integers(0, 60))
def test_white_space_without_end_hides_no_second_model(before, behind):
    """The body before ended within it."""
    models = Unseen(again)
    start = b'{"model":"a","x":"' + LONG + b'","model"' + b" " * before
    assert not models.holds("talk", start)

    assert models.holds("talk", start + b" " * behind + b':"other"}')


def test_only_what_is_new_is_looked_through():
    looked: list[int] = []
    unseen = Unseen(lambda body, start: bool(looked.append(start)))

    unseen.holds("talk", LONG + b"one")
    unseen.holds("talk", LONG + b"two")
    unseen.holds("another talk", LONG + b"two")

    assert looked == [0, safe_start(LONG + b"two", len(LONG)), 0]
    assert len(LONG) - 64 < looked[1] < len(LONG)


def test_what_was_found_once_is_found_again():
    unseen = Unseen(lambda body, start: body.find(b"here", start) >= 0)

    assert [unseen.holds("talk", LONG + b"here"), unseen.holds("talk", LONG + b"here too")] == [True, True]
    assert not unseen.holds("talk", LONG)


def test_no_more_is_remembered_than_may_be():
    looked: list[int] = []
    unseen = Unseen(lambda body, start: bool(looked.append(start)), most_bytes=3 * len(LONG))

    for talk in range(5):
        unseen.holds(talk, LONG)
    unseen.holds(4, LONG)
    unseen.holds(0, LONG)

    assert [start > 0 for start in looked] == [False] * 5 + [True, False]
