"""A carrier gives back what was put in, and nothing else is taken for one."""

from base64 import b64decode

import pytest
from hypothesis import given, strategies as st

from axonhub.transformers.carriers import (
    carried,
    carried_back,
    carried_base64,
    carried_base64_back,
    carried_call,
    carried_call_back,
    carried_redacted,
    carried_redacted_back,
)
from axonhub.transformers.hub.parts import Signature

origins = st.text("abcdefghijklmnopqrstuvwxyz0123456789-.", max_size=30)


@given(st.text(st.characters(), max_size=200), origins)
def test_a_carrier_gives_back_its_signature(value: str, origin: str) -> None:
    signature = Signature(value, origin)

    assert carried_back(carried(signature)) == signature


@given(st.text(max_size=200), origins)
def test_the_base64_form_is_standard_base64_and_gives_back_its_signature(value: str, origin: str) -> None:
    signature = Signature(value, origin)
    text = carried_base64(signature)

    assert b64decode(text, validate=True)
    assert carried_base64_back(text) == signature


def test_a_redacted_carrier_is_no_signature() -> None:
    text = carried_redacted("EmwKAhgB", "ant")

    assert carried_redacted_back(text) == Signature("EmwKAhgB", "ant")
    assert carried_back(text) is None


@given(st.text(max_size=80), st.text(max_size=200), origins)
def test_the_signature_of_a_call_comes_back_with_its_call(call_id: str, value: str, origin: str) -> None:
    text = carried_call(call_id, Signature(value, origin))

    assert carried_call_back(text) == (call_id, Signature(value, origin))
    assert carried_back(text) is None


@given(st.text(max_size=80))
def test_other_texts_are_not_carriers(text: str) -> None:
    assert carried_back(text) is None
    assert carried_base64_back(text) is None
    assert carried_call_back(text) is None


@pytest.mark.parametrize(
    "text", ["gw1.", "gw1.ant", "gw1.ant.!!!", "gw1.ant.YQ==", "gw1.ant.YR", "gw2.ant.YQ", " gw1.ant.YQ"]
)
def test_a_damaged_carrier_is_none(text: str) -> None:
    assert carried_back(text) is None


def test_a_carrier_names_its_origin_in_clear_text() -> None:
    assert carried(Signature("a", "gem-vertex")) == "gw1.gem-vertex.YQ"
