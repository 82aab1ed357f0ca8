import re

from hypothesis import given, strategies as st

from axonhub.transformers.call_ids import clean_call_id, minted_call_id


def test_a_clean_id_is_left_alone():
    assert clean_call_id("toolu_01AbC-9") == "toolu_01AbC-9"


def test_case_107_a_vendor_id_becomes_clean_and_always_the_same():
    once = clean_call_id("functions.Bash:0")

    assert re.fullmatch(r"functions_Bash_0_[0-9a-f]{10}", once)
    assert clean_call_id("functions.Bash:0") == once


def test_case_108_ids_that_clean_to_the_same_text_stay_distinct():
    assert clean_call_id("a.b") != clean_call_id("a:b")


def test_case_109_a_long_id_is_cut_to_the_limit():
    assert len(clean_call_id("c" * 83)) == 64
    assert len(clean_call_id("c" * 83, limit=40)) == 40
    assert clean_call_id("c" * 83) != clean_call_id("c" * 84)


@given(st.text(), st.integers(min_value=11, max_value=128))
def test_any_id_becomes_clean_and_cleaning_twice_changes_nothing(call_id, limit):
    clean = clean_call_id(call_id, limit)

    assert re.fullmatch(r"[a-zA-Z0-9_-]+", clean)
    assert len(clean) <= limit
    assert clean_call_id(clean, limit) == clean


def test_minted_ids_depend_on_seed_and_index_alone():
    first = minted_call_id("abc", 0, "toolu_")

    assert re.fullmatch(r"toolu_[0-9a-f]{24}", first)
    assert minted_call_id("abc", 0, "toolu_") == first
    assert len({first, minted_call_id("abc", 1, "toolu_"), minted_call_id("abd", 0, "toolu_")}) == 3
