import pytest
from hypothesis import given, strategies as st

from axonhub.transformers.hub.parts import Image, Inline, Signature, Text, Thinking, ToolCall, ToolResult
from axonhub.transformers.hub.requests import Turn
from axonhub.transformers.pairing import NO_RESULT, paired
from axonhub.transformers.protocol import Unsupported


def user(*parts):
    return Turn("user", parts)


def assistant(*parts):
    return Turn("assistant", parts)


def call(call_id):
    return ToolCall(call_id, "look", "{}")


def result(call_id, words="done"):
    return ToolResult(call_id, (Text(words),))


def test_a_regular_history_is_left_alone():
    turns = (user(Text("hi")), assistant(Text("a"), call("1")), user(result("1"), Text("b")), assistant(Text("c")))
    losses = []

    assert paired(turns, losses) is turns
    assert losses == []


def test_empty_parts_and_empty_turns_go():
    turns = (user(Text(""), Text("hi")), assistant(Thinking()), user(Text("there")))

    assert paired(turns, []) == (user(Text("hi"), Text("there")),)


def test_blank_text_goes_on_demand_only():
    turns = (user(Text("hi")), assistant(Text(" \n"), call("1")), user(result("1")))

    assert paired(turns, [])[1] == assistant(Text(" \n"), call("1"))
    assert paired(turns, [], drop_blank_text=True)[1] == assistant(call("1"))


def test_signed_empty_parts_stay():
    signed = (Text("", signature=Signature("s", "gem-vertex")), Thinking("", Signature("s", "ant")))

    assert paired((user(Text("q")), assistant(*signed)), [])[1] == assistant(*signed)


def test_case_103_results_in_two_turns_become_one_turn():
    turns = (user(Text("q")), assistant(call("1"), call("2")), user(result("1")), user(result("2")))

    assert paired(turns, [])[2:] == (user(result("1"), result("2")),)


def test_case_101_results_come_before_the_text_of_their_turn():
    turns = (user(Text("q")), assistant(call("1")), user(Text("and"), result("1")))

    assert paired(turns, [])[2] == user(result("1"), Text("and"))


def test_case_102_results_across_two_turns_are_regrouped_after_their_calls():
    turns = (
        user(Text("q")),
        assistant(call("1"), call("2")),
        user(result("2")),
        assistant(Text("wait")),
        user(result("1"), Text("go on")),
    )
    losses = []

    expected = (*turns[:2], user(result("1"), result("2")), assistant(Text("wait")), user(Text("go on")))
    assert paired(turns, losses) == expected
    assert losses == []


def test_a_system_turn_between_call_and_result_moves_behind_the_result():
    reminder = Turn("system", (Text("note"),))
    turns = (user(Text("q")), assistant(call("1")), reminder, user(result("1"), Text("more")))

    assert paired(turns, [])[2:] == (user(result("1")), reminder, user(Text("more")))


def test_case_105_an_orphan_result_becomes_text_with_a_loss():
    image = Image(Inline("image/png", "AAAA"))
    turns = (user(ToolResult("9", (Text("found"), image)), Text("so?")),)
    losses = []

    words = (Text("[result of unknown tool call 9]"), Text("found"), image, Text("so?"))
    assert paired(turns, losses) == (user(*words),)
    assert [loss.path for loss in losses] == ["messages[0]"]


def test_case_105_an_orphan_call_gets_a_result_that_says_so():
    turns = (user(Text("q")), assistant(call("1"), call("2")), user(result("2"), Text("stop")))
    losses = []

    missing = ToolResult("1", (Text(NO_RESULT),), is_error=True)
    assert paired(turns, losses)[2] == user(missing, result("2"), Text("stop"))
    assert len(losses) == 1


def test_case_105_an_id_that_each_round_uses_again_pairs_in_order():
    turns = (
        user(Text("q")),
        assistant(call("0")),
        user(result("0", "one")),
        assistant(call("0")),
        user(result("0", "two")),
    )
    losses = []

    assert paired(turns, losses) == (*turns[:3], assistant(call("0_2")), user(result("0_2", "two")))
    assert paired(turns, losses, unique_ids=False) == turns
    assert losses == []


def test_case_105_an_unanswered_round_does_not_take_the_result_of_a_later_round():
    turns = (user(Text("q")), assistant(call("0")), user(Text("no")), assistant(call("0")), user(result("0", "two")))

    again = paired(turns, [])

    assert again[2].parts[0] == ToolResult("0", (Text(NO_RESULT),), is_error=True)
    assert again[4] == user(result("0_2", "two"))


def test_two_calls_of_one_turn_with_one_id_pair_in_order():
    turns = (user(Text("q")), assistant(call("0"), call("0")), user(result("0", "a"), result("0", "b")))

    assert paired(turns, [])[2] == user(result("0", "a"), result("0_2", "b"))


def test_a_second_result_of_one_call_becomes_text():
    turns = (user(Text("q")), assistant(call("1")), user(result("1", "a"), result("1", "b")))
    losses = []

    expected = user(result("1", "a"), Text("[result of unknown tool call 1]"), Text("b"))
    assert paired(turns, losses)[2] == expected
    assert len(losses) == 1


def test_unanswered_calls_at_the_end_are_refused():
    with pytest.raises(Unsupported, match=r"messages\[1\].*'7'"):
        paired((user(Text("q")), assistant(call("7"))), [])


def test_unanswered_calls_at_the_end_are_stripped_on_demand():
    losses = []

    assert paired((user(Text("q")), assistant(Text("a"), call("7"))), losses, trailing="strip") == (
        user(Text("q")),
        assistant(Text("a")),
    )
    assert len(losses) == 1


def test_turns_of_different_speakers_stay_apart():
    turns = (Turn("user", (Text("a"),), "ann"), Turn("user", (Text("b"),), "bob"))

    assert paired(turns, []) == turns


_IDS = st.sampled_from(["a", "b", "c"])
_ASSISTANT = st.lists(st.one_of(st.builds(call, _IDS), st.builds(Text, st.sampled_from(["", " ", "x"]))), max_size=3)
_USER = st.lists(st.one_of(st.builds(result, _IDS), st.builds(Text, st.sampled_from(["", " ", "x"]))), max_size=3)
_TURNS = st.lists(
    st.one_of(
        st.builds(lambda parts: Turn("assistant", tuple(parts)), _ASSISTANT),
        st.builds(lambda parts: Turn("user", tuple(parts)), _USER),
        st.just(Turn("system", (Text("note"),))),
    ),
    max_size=8,
)


@given(_TURNS)
def test_any_history_comes_out_paired_and_pairing_again_changes_nothing(turns):
    history = paired(tuple(turns), [], trailing="strip", drop_blank_text=True)

    asked = []
    for turn in history:
        answered = [part.call_id for part in turn.parts if isinstance(part, ToolResult)]
        assert answered == asked
        assert all(isinstance(part, ToolResult) for part in turn.parts[: len(answered)])
        asked = [part.id for part in turn.parts if isinstance(part, ToolCall)]
        assert not asked or turn.role == "assistant"
    assert asked == []
    assert paired(history, [], trailing="strip", drop_blank_text=True) is history
