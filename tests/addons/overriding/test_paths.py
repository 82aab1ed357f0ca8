"""Dotted paths lead to values, and changes leave everything else as it was."""

import pytest

from axonhub.addons.overriding.paths import ABSENT, BadPath, read_path, value_at, with_value, without_value

DOCUMENT = {"a": {"b": [1, {"c": None}]}, "x.y": 2}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b.0", 1),
        ("a.b.-1.c", None),
        (r"x\.y", 2),
        ("a.b.2", ABSENT),
        ("a.b.-3", ABSENT),
        ("a.b.c", ABSENT),
        ("a.z", ABSENT),
        ("a.b.0.c", ABSENT),
        ("x.y", ABSENT),
    ],
)
def test_value_is_found(path: str, value: object):
    assert value == value_at(DOCUMENT, read_path(path))


@pytest.mark.parametrize("path", ["", ".a", "a.", "a..b"])
def test_empty_step_is_refused(path: str):
    with pytest.raises(BadPath, match="a step is empty"):
        read_path(path)


def test_change_shares_what_it_does_not_touch():
    document = {"a": {"b": 1}, "kept": [1, 2]}
    changed = with_value(document, ("a", "new", "deep"), 3)

    assert {"a": {"b": 1, "new": {"deep": 3}}, "kept": [1, 2]} == changed
    assert {"a": {"b": 1}, "kept": [1, 2]} == document
    assert changed["kept"] is document["kept"]


def test_element_of_a_list_is_replaced():
    assert {"a": {"b": [1, {"c": 7}]}, "x.y": 2} == with_value(DOCUMENT, read_path("a.b.-1.c"), 7)


@pytest.mark.parametrize("path", ["a.b.5", "a.b.0.c", "a.b.word"])
def test_what_is_in_the_way_is_told(path: str):
    with pytest.raises(BadPath, match="neither an object nor such an element"):
        with_value(DOCUMENT, read_path(path), 1)


def test_value_is_taken_out():
    assert {"a": {"b": [{"c": None}]}, "x.y": 2} == without_value(DOCUMENT, read_path("a.b.0"))
    assert {"a": {"b": [1, {}]}, "x.y": 2} == without_value(DOCUMENT, read_path("a.b.1.c"))
    assert DOCUMENT is without_value(DOCUMENT, read_path("a.b.9"))
