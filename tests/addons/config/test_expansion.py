import pytest
from hypothesis import given, strategies as st

from axonhub.addons.config.expansion import Expansion, expand, shield, unshield


@pytest.mark.parametrize(
    ("text", "environ", "expanded"),
    [
        ("${A}", {"A": "1"}, "1"),
        ("x${A}y${B}z", {"A": "1", "B": "2"}, "x1y2z"),
        ("${A:-d}", {}, "d"),
        ("${A:-d}", {"A": ""}, "d"),
        ("${A:-d}", {"A": "1"}, "1"),
        ("${A:-}", {}, ""),
        ("${A:-${B:-c}}", {}, "c"),
        ("${A:-${B:-c}}", {"B": "b"}, "b"),
        ("${A:-http://${B}/v1}", {"B": "host"}, "http://host/v1"),
        ("${A:-a:-b}", {}, "a:-b"),
        ("$${A}", {"A": "1"}, "${A}"),
        ("x$${A}${A}", {"A": "1"}, "x${A}1"),
        ("$A $ {A} $", {"A": "1"}, "$A $ {A} $"),
        ("${A}", {"A": "${B}", "B": "2"}, "${B}"),
        ("", {}, ""),
    ],
)
def test_references_are_replaced(text: str, environ: dict[str, str], expanded: str) -> None:
    assert expand(text, environ).text == expanded


def test_unset_variables_are_named_and_those_with_a_default_are_not() -> None:
    assert expand("${A}-${B:-x}-${C:-${D}}", {}) == Expansion("-x-", ("A", "B", "C", "D"), ("A", "D"))


def test_an_empty_variable_is_set() -> None:
    assert expand("${A}", {"A": ""}) == Expansion("", ("A",), ())


@pytest.mark.parametrize("text", ["${A", "${", "${A:-${B}", "x${"])
def test_a_reference_without_end_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="without its"):
        expand(text, {})


@pytest.mark.parametrize("text", ["${}", "${1A}", "${A B}", "${A-x}", "${A:x}", "${ä}"])
def test_a_reference_without_a_proper_name_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="bad reference"):
        expand(text, {"A": "1"})


@given(st.text(alphabet="${}:-AB \n'\"\\", max_size=30))
def test_shielding_is_undone_exactly(text: str) -> None:
    shielded, references = shield(text)

    assert unshield(shielded, references) == text
    assert shielded.count("\n") == text.count("\n")


@given(st.text(max_size=30).filter(lambda text: "${" not in text))
def test_text_without_references_stays_as_it_is(text: str) -> None:
    assert expand(text, {}).text == text
