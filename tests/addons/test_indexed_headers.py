"""Headers with a table say the same as mitmproxy's own, also after a change."""

from collections.abc import Callable
from copy import copy

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from axonhub.addons.indexed_headers import IndexedHeaders

SINGLE = ((b"Host", b"gateway"), (b"X-Odd", b"caf\xe9"), (b"accept", b"a, b"))
DOUBLE = (*SINGLE, (b"ACCEPT", b"c"), (b"set-cookie", b"1"), (b"Set-Cookie", b"2"))

QUESTIONS: dict[str, Callable[[http.Headers], object]] = {
    "get": lambda headers: [headers.get(name) for name in ("host", "HOST", "x-odd", "Accept", "none", b"host")],
    "get with a default": lambda headers: headers.get("none", ""),
    "get_all": lambda headers: [headers.get_all(name) for name in ("Accept", "set-cookie", "none")],
    "in": lambda headers: ["Host" in headers, b"accept" in headers, "none" in headers],
    "items": lambda headers: list(headers.items()),
    "bytes": bytes,
}
CHANGES: dict[str, Callable[[http.Headers], object]] = {
    "none": lambda headers: None,
    "set": lambda headers: headers.__setitem__("host", "other"),
    "set new": lambda headers: headers.__setitem__("X-New", "caf\udce9"),
    "set new in bytes": lambda headers: headers.__setitem__(b"X-New", b"1"),
    "set two": lambda headers: [headers.__setitem__(name, "3") for name in ("x-new", "ACCEPT", "X-NEW")],
    "add": lambda headers: headers.add("host", "second"),
    "delete": lambda headers: headers.__delitem__("Accept"),
    "pop": lambda headers: headers.pop("x-odd", None),
    "insert": lambda headers: headers.insert(0, "x-new", "1"),
    "fields": lambda headers: setattr(headers, "fields", ((b"x-odd", b"only"),)),
}


@pytest.mark.parametrize("fields", [SINGLE, DOUBLE], ids=["single", "double"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("question", QUESTIONS)
def test_answers_are_those_of_mitmproxy(fields: tuple[tuple[bytes, bytes], ...], change: str, question: str) -> None:
    ours, theirs = IndexedHeaders.of(fields), http.Headers(fields)
    assert ours.get("host") == theirs.get("host")  # the table is made before the change
    twin, before = copy(ours), QUESTIONS[question](theirs)
    for headers in (ours, theirs):
        CHANGES[change](headers)

    assert QUESTIONS[question](theirs) == QUESTIONS[question](ours)
    assert before == QUESTIONS[question](twin)


@pytest.mark.parametrize("fields", [SINGLE, DOUBLE, ()], ids=["single", "double", "none"])
@pytest.mark.parametrize("names", [(b"accept",), (b"x-odd", b"none", b"host"), (b"none",), (b"set-cookie",), ()])
@pytest.mark.parametrize("question", QUESTIONS)
def test_what_was_taken_out_is_in_nobody_elses_headers_missing(
    fields: tuple[tuple[bytes, bytes], ...], names: tuple[bytes, ...], question: str
) -> None:
    ours, theirs = IndexedHeaders.of(fields), http.Headers(fields)
    ours.get("host")
    twin = copy(ours)
    taken = ours.take(names)

    assert [value for name in names for value in twin.values_of(name)] == taken
    assert QUESTIONS[question](theirs) == QUESTIONS[question](twin)
    for name in names:
        theirs.pop(name.decode(), None)
    assert QUESTIONS[question](theirs) == QUESTIONS[question](ours)
    assert ours.fields == theirs.fields


def test_values_of_one_name_are_folded() -> None:
    assert "a, b, c" == IndexedHeaders.of(DOUBLE)["Accept"]
    assert "a, b" == IndexedHeaders.of(SINGLE)["Accept"]


def test_name_that_is_not_there_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        IndexedHeaders.of(SINGLE)["none"]


def test_flow_with_such_headers_can_be_copied_and_saved() -> None:
    flow = tflow.tflow(resp=True)
    flow.request.headers = IndexedHeaders.of(SINGLE)
    flow.request.headers.get("host")

    again = flow.copy()

    assert SINGLE == again.request.headers.fields
    assert {"headers": SINGLE}.items() <= flow.get_state()["request"].items()
