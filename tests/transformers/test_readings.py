"""What a conversation's last request said is not read again, and the next one means what it would mean by itself."""

from weakref import ref

import pytest
from hypothesis import given, strategies as st

from axonhub.transformers.protocol import Unreadable
from axonhub.transformers.protocols.anthropic_messages import PROTOCOL
from axonhub.transformers.readings import Readings

CALL = {"type": "tool_use", "id": "1", "name": "Read", "input": {"path": "a"}, "caller": {"type": "code"}}
RESULT = {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "found", "new": 1}]}
SIGNED = {"type": "thinking", "thinking": "so", "signature": "gw1c.oai.MQ.c2ln"}
"""The envelope of a signature, for the call behind it."""
MESSAGES = [
    {"role": "user", "content": "hi"},
    {"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]},
    {"role": "assistant", "content": [SIGNED]},
    {"role": "assistant", "content": [SIGNED, CALL]},
    {"role": "assistant", "content": [CALL], "name": "unknown"},
    {"role": "user", "content": [RESULT]},
    {"role": "system", "content": "Be brief."},
    {"role": "nobody", "content": "hi"},
    {"role": "user", "content": [{"type": "image"}]},
]
TOOLS = [
    {"name": "Read", "input_schema": {"type": "object"}, "defer_loading": True},
    {"name": "Write", "description": "Writes."},
    {"type": "web_search_20250305", "name": "web_search"},
    {"description": "It has no name."},
]

bodies = st.fixed_dictionaries(
    {"messages": st.lists(st.sampled_from(MESSAGES), max_size=6), "tools": st.lists(st.sampled_from(TOOLS), max_size=3)}
)


def said(body: object, readings: Readings | None) -> str:
    """All that the request means, in the order in which it is said, or what is wrong with it."""
    try:
        return repr(PROTOCOL.read_request(body, "m", True, readings))
    except Unreadable as error:
        return f"{error.path}: {error}"


@given(st.lists(bodies, max_size=6))
def test_a_request_means_what_it_means_by_itself(conversation):
    """Of these bodies each has messages and tools that are the very objects of others."""
    readings = None
    for body in conversation:
        readings = Readings(readings)

        assert said(body, readings) == said(body, None)


def test_what_stands_at_its_place_again_is_not_read_again():
    first = PROTOCOL.read_request({"messages": MESSAGES[:4], "tools": TOOLS[:2]}, "m", True, before := Readings())
    now = {"messages": [*MESSAGES[:2], dict(MESSAGES[2]), MESSAGES[4]], "tools": TOOLS[:3]}
    second = PROTOCOL.read_request(now, "m", True, Readings(before))

    assert [one is other for one, other in zip(first.turns, second.turns, strict=True)] == [True, True, False, False]
    assert [one is other for one, other in zip(first.tools, second.tools, strict=False)] == [True, True]


def test_what_is_gone_for_one_request_is_forgotten():
    values, read = [[1], [2]], []

    def look(readings: Readings, value: list[int]) -> Readings:
        readings.of("place", value, lambda: read.append(value))
        return readings

    first = look(Readings(), values[0])
    again = look(Readings(first), values[0])
    other = look(Readings(again), values[1])
    look(Readings(other), values[0])

    assert read == [values[0], values[1], values[0]]


def test_what_could_not_be_read_is_read_again():
    readings = Readings()
    for _ in range(2):
        with pytest.raises(Unreadable):
            PROTOCOL.read_request({"messages": [MESSAGES[7]]}, "m", True, readings)
        readings = Readings(readings)


def test_once_a_request_is_read_what_is_gone_lives_no_longer():
    """A conversation that was cut short is remembered, and must weigh no more than its last body."""

    class Turn: ...

    before = Readings()
    gone = ref(before.of("messages[1]", {}, Turn))
    now = Readings(before)
    del before
    assert gone()
    now.settled()

    assert gone() is None
