from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from axonhub.transformers.sse import SseDecoder, SseEvent, encode


def decoded(*pieces: bytes) -> list[SseEvent]:
    decoder = SseDecoder()
    return [*(event for piece in pieces for event in decoder.feed(piece)), *decoder.flush()]


STREAM = (
    "\ufeff: OPENROUTER PROCESSING\r\n\r\n"
    'event: message_start\r\ndata: {"a":"北京 😀"}\r\n\r\n'
    "data:no space\n\n"
    "data: two\ndata: lines\nid: 7\nretry: 10\n\n"
    "event: ping\n\n"
    "data: old macs\r\r"
    '{\n  "error": {\n    "code": 503\n  }\n}\n\n'
    "data: [DONE]"
).encode()
EVENTS = [
    SseEvent('{"a":"北京 😀"}', "message_start"),
    SseEvent("no space"),
    SseEvent("two\nlines"),
    SseEvent("old macs"),
    SseEvent('{\n  "error": {\n    "code": 503\n  }\n}'),
    SseEvent("[DONE]"),
]


def test_case_039_every_form_of_an_event_is_read():
    assert decoded(STREAM) == EVENTS


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_case_038_039_pieces_of_any_size_give_the_same_events(size: int):
    assert decoded(*(STREAM[at : at + size] for at in range(0, len(STREAM), size))) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=6))
def test_any_cut_of_the_bytes_gives_the_same_events(cuts: list[int]):
    places = [0, *sorted(cuts), len(STREAM)]

    assert decoded(*(STREAM[start:end] for start, end in pairwise(places))) == EVENTS


@given(st.binary(max_size=200), st.integers(1, 9))
def test_any_bytes_at_all_are_read_the_same_in_pieces(stream: bytes, size: int):
    assert decoded(*(stream[at : at + size] for at in range(0, len(stream), size))) == decoded(stream)


def test_a_bare_line_of_json_is_an_event():
    assert decoded(b'data: {"a":1}\n\n{"error":{"code":503}}\n\n') == [
        SseEvent('{"a":1}'),
        SseEvent('{"error":{"code":503}}'),
    ]


def test_unknown_fields_are_no_events():
    assert decoded(b"foo: {}\nbar\n\n: comment\n\n") == []


@given(st.text().filter(lambda text: "\n" not in text and "\r" not in text and text))
def test_what_is_encoded_is_read_back(text: str):
    assert decoded(encode(text, "name")) == [SseEvent(text, "name")]
