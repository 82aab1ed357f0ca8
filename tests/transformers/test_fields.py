import pytest

from axonhub.transformers import fields
from axonhub.transformers.protocol import Unreadable


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (fields.text, "words"),
        (fields.number, 0.5),
        (fields.integer, 3),
        (fields.flag, False),
        (fields.items, [1]),
        (fields.mapping, {"a": 1}),
        (fields.texts, ["a", "b"]),
        (fields.objects, [{}]),
    ],
)
def test_a_member_of_the_right_type_is_given_as_it_is(read, value):
    assert read({"x": value}, "x", "") == value


@pytest.mark.parametrize(
    "read",
    [
        fields.text,
        fields.number,
        fields.integer,
        fields.flag,
        fields.items,
        fields.mapping,
        fields.texts,
        fields.objects,
    ],
)
@pytest.mark.parametrize("source", [{}, {"x": None}])
def test_an_absent_member_and_a_null_are_none(read, source):
    assert read(source, "x", "") is None


@pytest.mark.parametrize(
    ("read", "value", "message"),
    [
        (fields.text, 1, "a[0].x: must be a string, not an integer"),
        (fields.number, True, "a[0].x: must be a number, not true or false"),
        (fields.number, "1", "a[0].x: must be a number, not a string"),
        (fields.number, float("inf"), "a[0].x: must be a number, not a number"),
        (fields.integer, 1.5, "a[0].x: must be an integer, not a number"),
        (fields.integer, False, "a[0].x: must be an integer, not true or false"),
        (fields.flag, 0, "a[0].x: must be true or false, not an integer"),
        (fields.items, {}, "a[0].x: must be a list, not an object"),
        (fields.mapping, [], "a[0].x: must be an object, not a list"),
        (fields.texts, ["a", None], "a[0].x[1]: must be a string, not null"),
        (fields.objects, [{}, "a"], "a[0].x[1]: must be an object, not a string"),
    ],
)
def test_a_member_of_another_type_is_unreadable_and_named(read, value, message):
    with pytest.raises(Unreadable) as caught:
        read({"x": value}, "x", "a[0]")

    assert message == str(caught.value)


def test_an_integer_may_be_written_as_a_float():
    assert fields.integer({"x": 4096.0}, "x", "") == 4096


def test_a_needed_member_that_is_absent_is_unreadable():
    with pytest.raises(Unreadable, match=r"^tools\[1\]\.name: is required$"):
        fields.needed(None, "name", "tools[1]")


def test_loose_readers_give_nothing_for_another_type():
    assert fields.as_text(1) is None
    assert fields.as_mapping([]) == {}
    assert fields.as_items("ab") == []
    assert fields.as_objects([1, {"a": 1}, None]) == [{"a": 1}]


@pytest.mark.parametrize(
    ("value", "count"), [(3, 3), (3.9, 3), (-2, 0), (None, None), ("3", None), (True, None), (float("nan"), None)]
)
def test_a_count_of_tokens_is_a_whole_number_and_never_negative(value, count):
    assert fields.as_count(value) == count


@pytest.mark.parametrize("value", [2.0**64, -(2.0**70), 2**63])
def test_an_integer_beyond_64_bits_is_unreadable(value: float) -> None:
    with pytest.raises(Unreadable, match="out of range"):
        fields.integer({"max_tokens": value}, "max_tokens", "")


def test_a_count_beyond_64_bits_is_the_largest() -> None:
    assert fields.as_count(1e30) == 2**63 - 1
