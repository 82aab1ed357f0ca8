"""Header fields: found, joined and taken out whatever their case, and otherwise left as they came."""

from axonhub.addons.header_fields import by_name, without

FIELDS = (
    (b"Host", b"gateway"),
    (b"X-Api-Key", b"one"),
    (b"accept", b"text/html"),
    (b"Accept", b"*/*"),
    (b"authorization", b"Bearer two"),
    (b"x-api-key", b"three"),
    (b"x-odd", b"caf\xe9"),
)


def test_values_of_one_name_are_joined_in_order() -> None:
    found = by_name(FIELDS)

    assert "text/html, */*" == found["accept"]
    assert "one, three" == found["x-api-key"]
    assert ["host", "x-api-key", "accept", "authorization", "x-odd"] == list(found)


def test_bytes_that_are_no_utf8_come_back_as_they_were() -> None:
    assert b"caf\xe9" == by_name(FIELDS)["x-odd"].encode("utf-8", "surrogateescape")


def test_fields_are_taken_out_by_name_and_prefix_and_the_rest_is_untouched() -> None:
    left = without(FIELDS, (b"accept", b"host"), (b"x-api", b"auth"))

    assert ((b"x-odd", b"caf\xe9"),) == left


def test_without_prefixes_only_names_count() -> None:
    assert FIELDS[:1] + FIELDS[2:5] + FIELDS[6:] == without(FIELDS, frozenset((b"x-api-key",)))
