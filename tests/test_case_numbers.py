"""Each hard case has a test that names its number, or a reason in docs/protocols.md why it is not met in full."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CASES = frozenset(range(1, 176))
TITLE = "## Hard cases that are not met in full"


def in_tests() -> set[int]:
    """Numbers in the names of tests and of their parameters: `test_case_097_098_…`, `case_006_null`."""
    text = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    named = re.findall(r"case((?:_(?:and_|to_)?\d{3})+)", text)
    return {int(number) for each in named for number in re.findall(r"\d{3}", each)}


def not_met() -> dict[int, str]:
    """Number → reason."""
    page = (ROOT / "docs" / "protocols.md").read_text(encoding="utf-8")
    section = page.partition(TITLE)[2].partition("\n## ")[0]
    return {int(number): reason for number, reason in re.findall(r"^- \*\*(\d+)\*\* (.+)$", section, re.MULTILINE)}


def test_every_case_has_a_test_or_a_reason():
    assert sorted(CASES - in_tests() - not_met().keys()) == []


def test_no_test_names_a_case_that_does_not_exist():
    assert sorted(in_tests() - CASES) == []


def test_the_list_of_what_is_not_met_gives_reasons():
    assert not_met()
    assert not_met().keys() <= CASES
    assert [number for number, reason in not_met().items() if len(reason.split()) < 5] == []
