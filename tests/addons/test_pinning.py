"""Pins: what makes a request one from inside, and how that is read back."""

import pytest
from pydantic import SecretStr

from axonhub.addons.errors import BadRequest
from axonhub.addons.exchange import Pin
from axonhub.addons.pinning import pin_headers, read_pin, shown_token, without_pin

TOKEN = SecretStr("the-token")
WHOLE = Pin("replay", "канал, с запятой", "m/1:x", "me", "deepseek", 3, "req_1")


def fields(headers: dict[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.title().encode(), value.encode("ascii")) for name, value in headers.items())


@pytest.mark.parametrize("pin", [WHOLE, Pin("test"), Pin("probe", "a", credential=0)])
def test_pin_is_read_as_it_was_written_whatever_its_names(pin):
    rest, told = without_pin((*fields(pin_headers(pin, TOKEN)), (b"accept", b"*/*")))

    assert ((b"accept", b"*/*"),) == rest
    assert "the-token" == shown_token(told)
    assert pin == read_pin(told)


def test_fields_of_a_request_without_a_pin_are_left_as_they_are():
    given = ((b"X-AxonHub-Request-Id", b"1"), (b"accept", b"*/*"))

    assert (given, {}) == without_pin(given)


@pytest.mark.parametrize(
    ("told", "place"),
    [
        ({}, "source"),
        ({"source": "api"}, "source"),
        ({"source": "test", "credential": "-1"}, "credential"),
        ({"source": "test", "credential": "²"}, "credential"),
        ({"source": "test", "chanel": "a"}, "chanel"),
    ],
)
def test_what_is_no_pin_is_refused_and_named(told, place):
    with pytest.raises(BadRequest, match=f"x-axonhub-pin-{place}"):
        read_pin(told)
