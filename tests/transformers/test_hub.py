"""Folding, unfolding, bookkeeping of parts, and putting overlapping parts in sequence."""

from dataclasses import fields

import pytest

from axonhub.transformers.hub.events import (
    ArgumentsDelta,
    End,
    Failed,
    PartEnded,
    PartStarted,
    Ping,
    SignatureTold,
    Start,
    Stop,
    TextDelta,
    UsageTold,
)
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.fold import Fold, fold, unfold
from axonhub.transformers.hub.ledger import Ledger
from axonhub.transformers.hub.parts import Image, Link, Signature, Text, Thinking, ToolCall
from axonhub.transformers.hub.responses import Response, StopReason
from axonhub.transformers.hub.sequencer import Sequencer
from axonhub.transformers.hub.usage import Usage

SIGNED = Signature("sig", "ant")
ANSWER = Response(
    (
        Thinking("why", SIGNED),
        Text("because", annotations=({"url": "u"},)),
        ToolCall("c1", "Write", '{"path": 1}'),
        ToolCall("c2", "Noop", ""),
        Image(Link("https://x.test/i.png")),
        Text(""),
    ),
    StopReason.TOOL,
    Usage(fresh_tokens=7, cache_read_tokens=3, output_tokens=5, reasoning_tokens=2),
    id="a1",
    model="m",
)


def test_what_is_unfolded_folds_to_the_same():
    assert ANSWER == fold(unfold(ANSWER))


def test_a_broken_stream_folds_to_its_failure():
    failure = Failure(FailureKind.OVERLOADED, "too much")

    assert failure == fold([Start("a"), PartStarted(0, Text("")), TextDelta(0, "par"), Failed(failure)])


def test_a_fold_tells_what_came_so_far():
    collected = Fold()
    for event in (Start("a", "m", Usage(fresh_tokens=4)), PartStarted(0, Text("")), TextDelta(0, "par"), Ping()):
        collected.add(event)

    assert (Text("par"),) == collected.response().parts
    assert 4 == collected.response().usage.fresh_tokens
    assert not collected.ended


def test_later_usage_overrides_what_it_tells_and_nothing_else():
    events = [Start(usage=Usage(fresh_tokens=4, output_tokens=1)), UsageTold(Usage(output_tokens=9)), End()]
    answer = fold(events)

    assert isinstance(answer, Response)
    assert Usage(fresh_tokens=4, output_tokens=9) == answer.usage


def test_usage_sums_its_disjoint_kinds():
    usage = Usage(fresh_tokens=1, cache_read_tokens=2, cache_write_5m_tokens=3, cache_write_1h_tokens=4)

    assert (10, 7) == (usage.input_tokens, usage.cache_write_tokens)
    assert usage.known
    assert not Usage().known
    assert all(Usage(**{each.name: 0}).known for each in fields(Usage))


# -- the ledger


def test_indexes_are_dense_in_order_of_first_appearance():
    ledger = Ledger()
    events = [
        *ledger.text("t", "a", Text("")),
        *ledger.start("call-7", ToolCall("c", "n", "")),
        *ledger.arguments("call-7", "{}"),
        *ledger.text("t", "b", Text("")),
        *ledger.end("t"),
        *ledger.whole(Text("whole")),
        *ledger.end_all(),
    ]

    assert [
        PartStarted(0, Text("")),
        TextDelta(0, "a"),
        PartStarted(1, ToolCall("c", "n", "")),
        ArgumentsDelta(1, "{}"),
        TextDelta(0, "b"),
        PartEnded(0),
        PartStarted(2, Text("whole")),
        PartEnded(2),
        PartEnded(1),
    ] == events


def test_empty_deltas_open_nothing():
    ledger = Ledger()

    assert [] == ledger.text("t", "", Text(""))
    assert not ledger.is_open("t")
    assert [] == ledger.end("t")


def test_an_open_key_is_not_opened_again():
    ledger = Ledger()
    ledger.start("k", Text(""))

    with pytest.raises(KeyError):
        ledger.start("k", Text(""))


# -- the sequencer


def call(index: int) -> PartStarted:
    return PartStarted(index, ToolCall(f"c{index}", "n", ""))


def test_overlapping_parts_come_one_after_the_other():
    overlapping = [
        call(0),
        ArgumentsDelta(0, "a"),
        call(1),
        ArgumentsDelta(1, "x"),
        ArgumentsDelta(0, "b"),
        call(2),
        PartEnded(1),
        ArgumentsDelta(2, "y"),
        PartEnded(0),
        ArgumentsDelta(2, "z"),
        PartEnded(2),
    ]
    sequencer = Sequencer()
    sequence = [event for each in overlapping for event in sequencer.feed(each)]

    assert [
        *(call(0), ArgumentsDelta(0, "a"), ArgumentsDelta(0, "b"), PartEnded(0)),
        *(call(1), ArgumentsDelta(1, "x"), PartEnded(1)),
        *(call(2), ArgumentsDelta(2, "y"), ArgumentsDelta(2, "z"), PartEnded(2)),
    ] == sequence


def test_the_first_open_part_is_not_held_back():
    sequencer = Sequencer()

    assert [call(0)] == sequencer.feed(call(0))
    assert [ArgumentsDelta(0, "a")] == sequencer.feed(ArgumentsDelta(0, "a"))


def test_what_waits_is_not_lost_at_a_stop():
    sequencer = Sequencer()
    events = [call(0), call(1), ArgumentsDelta(1, "x"), SignatureTold(1, SIGNED), Stop(StopReason.TOOL)]
    sequence = [event for each in events for event in sequencer.feed(each)]

    assert [
        *(call(0), PartEnded(0), call(1), ArgumentsDelta(1, "x"), SignatureTold(1, SIGNED), PartEnded(1)),
        Stop(StopReason.TOOL),
    ] == sequence


def test_a_failure_passes_at_once():
    sequencer = Sequencer()
    sequencer.feed(call(0))
    failed = Failed(Failure(FailureKind.SERVER, "x"))

    assert [failed] == sequencer.feed(failed)
