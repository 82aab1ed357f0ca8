"""The demo says back what it was told, and calls a tool when asked to."""

from axonhub.addons.demo import answer, in_words, last_words
from axonhub.transformers.hub.fold import fold
from axonhub.transformers.hub.parts import Text, ToolCall, ToolResult
from axonhub.transformers.hub.requests import FunctionTool, Request, Turn
from axonhub.transformers.hub.responses import StopReason
from axonhub.transformers.hub.usage import Usage

PROMPT = Usage(fresh_tokens=3)


def asked(text: str, *tools: str) -> Request:
    return Request("m", (Turn("user", (Text(text),)),), tools=tuple(FunctionTool(name) for name in tools))


def test_it_says_back_what_it_was_told():
    said = answer(asked("How are you?"), PROMPT)

    assert "How are you?" in said.parts[0].text
    assert StopReason.END == said.stop
    assert 3 == said.usage.fresh_tokens


def test_it_calls_an_offered_tool():
    said = answer(asked('call Write {"path": "a"}', "Write"), PROMPT)

    assert [("Write", '{"path": "a"}')] == [(each.name, each.arguments) for each in said.parts]
    assert StopReason.TOOL == said.stop


def test_it_calls_no_tool_that_is_not_offered():
    assert isinstance(answer(asked("call Write {}", "Read"), PROMPT).parts[0], Text)


def test_a_tools_result_counts_as_said():
    turns = (
        Turn("user", (Text("first"),)),
        Turn("assistant", (ToolCall("1", "T", "{}"),)),
        Turn("user", (ToolResult("1", (Text("the result"),)),)),
    )

    assert "the result" == last_words(Request("m", turns))


def test_streamed_in_words_it_is_the_same_answer():
    whole = answer(asked("one two  three\nfour"), PROMPT)

    assert whole == fold(in_words(whole))
