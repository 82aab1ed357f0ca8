from axonhub.transformers.hub.parts import CacheMark, Text
from axonhub.transformers.hub.requests import Turn
from axonhub.transformers.reminders import is_billing_block, reminded, reminder


def test_case_110_system_turns_become_user_reminders_in_place():
    turns = (
        Turn("user", (Text("a"),)),
        Turn("system", (Text("mind this", cache=CacheMark()),)),
        Turn("assistant", (Text("b"),)),
    )
    told = reminded(turns)

    reminded_text = Text("<system-reminder>\nmind this\n</system-reminder>", cache=CacheMark())
    assert [turn.role for turn in told] == ["user", "assistant"]
    assert told[0].parts == (Text("a"), reminded_text)


def test_a_reminder_after_the_assistant_is_a_turn_of_its_own():
    told = reminded((Turn("assistant", (Text("a"),)), Turn("system", (Text("mind this"),))))

    assert [turn.role for turn in told] == ["assistant", "user"]


def test_turns_without_system_are_the_same_object():
    turns = (Turn("user", (Text("a"),)),)

    assert reminded(turns) is turns


def test_a_wrapped_reminder_is_not_wrapped_twice():
    wrapped = reminder("x")

    assert reminder(wrapped) == wrapped


def test_billing_block_is_known_by_its_start():
    assert is_billing_block("x-anthropic-billing-header: cc_version=1")
    assert not is_billing_block("see x-anthropic-billing-header: …")
