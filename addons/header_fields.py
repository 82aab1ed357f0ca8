"""Header fields as they came over the wire, gone through once.

mitmproxy's Headers walks over all fields for each name that is asked for or taken out, which adds up: clients send
twenty fields, and a gateway asks for as many.
"""

from collections.abc import Container

type Fields = tuple[tuple[bytes, bytes], ...]
"""Names and values, in order; `Headers.fields` of mitmproxy."""


def by_name(fields: Fields) -> dict[str, str]:
    """Values by lower-case name; those of one name are joined by a comma and a space (RFC 9110 §5.3)."""
    found: dict[str, str] = {}
    for name, value in fields:
        key, text = text_of(name).lower(), text_of(value)
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def without(fields: Fields, names: Container[bytes], prefixes: tuple[bytes, ...] = ()) -> Fields:
    """All others; names and prefixes in lower case."""
    if not prefixes:
        return tuple([field for field in fields if field[0].lower() not in names])
    return tuple(
        [field for field in fields if (name := field[0].lower()) not in names and not name.startswith(prefixes)]
    )


def text_of(raw: bytes) -> str:
    # As mitmproxy reads them; any bytes come back as they were.
    return raw.decode("utf-8", "surrogateescape")
