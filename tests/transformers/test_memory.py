"""What a client drops is put back, for the same caller and call only, within bounds."""

from axonhub.transformers.call_ids import clean_call_id
from axonhub.transformers.hub.parts import Part, Signature, Text, Thinking, ToolCall, ToolResult
from axonhub.transformers.hub.requests import Turn
from axonhub.transformers.memory import SignatureMemory

THOUGHT = Thinking("I must look.", Signature("sealed", "ant"))
CALL = ToolCall("call_1", "read", '{"path":"a","n":1}')
SIGNED = ToolCall("call_2", "write", "{}", signature=Signature("proof", "gem-aistudio"))


def history(*parts: Part) -> tuple[Turn, ...]:
    return (
        Turn("user", (Text("go"),)),
        Turn("assistant", parts),
        Turn("user", (ToolResult("call_1", (Text("ok"),)),)),
    )


def test_reasoning_comes_back_before_the_words_and_the_call_that_it_led_to() -> None:
    memory = SignatureMemory()
    memory.remember("anna", (THOUGHT, Text("Let me see."), CALL), 0.0)

    restored = memory.restored("anna", history(Text("Let me see."), CALL), 1.0)

    assert restored == history(THOUGHT, Text("Let me see."), CALL)


def test_the_signature_of_a_call_comes_back_and_its_sibling_stays_unsigned() -> None:
    memory = SignatureMemory()
    memory.remember("anna", (SIGNED, CALL), 0.0)
    unsigned = ToolCall("call_2", "write", "{ }")

    restored = memory.restored("anna", history(unsigned, CALL), 1.0)

    assert restored[1].parts == (ToolCall("call_2", "write", "{ }", signature=SIGNED.signature), CALL)


def test_an_id_that_was_cleaned_for_the_client_is_found() -> None:
    memory = SignatureMemory()
    memory.remember("anna", (THOUGHT, ToolCall("functions.Bash:0", "Bash", "{}")), 0.0)

    restored = memory.restored("anna", history(ToolCall(clean_call_id("functions.Bash:0"), "Bash", "{}")), 1.0)

    assert restored[1].parts[0] == THOUGHT


def test_the_same_id_with_other_arguments_is_another_call() -> None:
    memory = SignatureMemory()
    memory.remember("anna", (THOUGHT, CALL), 0.0)
    later = Thinking("Now the other.", Signature("second", "ant"))
    memory.remember("anna", (later, ToolCall("call_1", "read", '{"path":"b"}')), 1.0)

    restored = memory.restored("anna", history(ToolCall("call_1", "read", '{"n": 1, "path": "a"}')), 2.0)

    assert restored[1].parts[0] == THOUGHT


def test_another_caller_gets_nothing() -> None:
    memory = SignatureMemory()
    memory.remember("anna", (THOUGHT, CALL), 0.0)

    assert memory.restored("berta", history(CALL), 1.0) == history(CALL)


def test_reasoning_that_came_back_signed_stays() -> None:
    memory = SignatureMemory()
    memory.remember("anna", (THOUGHT, CALL), 0.0)
    own = Thinking("mine", Signature("other", "oai"))

    assert memory.restored("anna", history(own, CALL), 1.0) == history(own, CALL)


def test_reasoning_that_came_back_unsigned_is_replaced() -> None:
    memory = SignatureMemory()
    memory.remember("anna", (THOUGHT, CALL), 0.0)

    assert memory.restored("anna", history(Thinking("I must look."), CALL), 1.0) == history(THOUGHT, CALL)


def test_an_answer_without_calls_is_known_by_its_text() -> None:
    memory = SignatureMemory()
    memory.remember("anna", (THOUGHT, Text("Done.\n")), 0.0)

    assert memory.restored("anna", history(Text("Done.")), 1.0)[1].parts == (THOUGHT, Text("Done."))


def test_an_entry_is_forgotten_after_its_lifetime_and_use_makes_it_young() -> None:
    memory = SignatureMemory(lifetime_s=10)
    memory.remember("anna", (THOUGHT, CALL), 0.0)
    memory.restored("anna", history(CALL), 9.0)

    assert memory.restored("anna", history(CALL), 18.0)[1].parts[0] == THOUGHT
    assert memory.restored("anna", history(CALL), 29.0) == history(CALL)
    assert (len(memory), memory.size_bytes) == (0, 0)


def test_the_longest_unused_goes_first_when_there_are_too_many() -> None:
    memory = SignatureMemory(entries=2)
    calls = [ToolCall(f"call_{index}", "read", "{}") for index in range(3)]
    memory.remember("anna", (THOUGHT, calls[0]), 0.0)
    memory.remember("anna", (THOUGHT, calls[1]), 1.0)
    memory.restored("anna", history(calls[0]), 2.0)
    memory.remember("anna", (THOUGHT, calls[2]), 3.0)

    known = [memory.restored("anna", history(call), 4.0) != history(call) for call in calls]

    assert known == [True, False, True]


def test_size_is_bounded() -> None:
    memory = SignatureMemory(size_bytes=10_000)
    for index in range(50):
        memory.remember("anna", (Thinking("x" * 1000, None), ToolCall(f"call_{index}", "read", "{}")), float(index))

    assert 0 < memory.size_bytes <= 10_000
    assert 0 < len(memory) < 10


def test_an_entry_larger_than_the_memory_is_not_kept() -> None:
    memory = SignatureMemory(size_bytes=1_000)
    memory.remember("anna", (Thinking("x" * 5_000, None), CALL), 0.0)

    assert (len(memory), memory.size_bytes) == (0, 0)


def test_turns_without_anything_remembered_are_the_same_objects() -> None:
    memory = SignatureMemory()
    memory.remember("anna", (THOUGHT, CALL), 0.0)
    turns = history(ToolCall("call_9", "read", "{}"))

    restored = memory.restored("anna", turns, 1.0)

    assert all(old is new for old, new in zip(turns, restored, strict=True))
