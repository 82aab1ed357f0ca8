"""A prompt as blocks, and where two prompts part: the names and bytes that a person is told."""

import json
from typing import Any

import pytest

from axonhub.addons.analysis.prompts import first_break, likeness, prompt_blocks

MARK = {"cache_control": {"type": "ephemeral"}}
TOOLS = [{"name": "Read", "input_schema": {"type": "object"}}, {"name": "Bash", "input_schema": {"type": "object"}}]


def body(**members: Any) -> bytes:
    whole = {
        "model": "m",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
        "system": [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "It is Monday."}],
        "tools": TOOLS,
        **members,
    }
    return json.dumps(whole).encode()


def parted(before: bytes, after: bytes) -> str | None:
    found = first_break(prompt_blocks(before), prompt_blocks(after))
    return found.path if found else None


def test_blocks_come_in_the_order_in_which_providers_cache_them() -> None:
    paths = [block.path for block in prompt_blocks(body())]

    assert ["tools[0]", "tools[1]", "system[0]", "system[1]", "messages[0].role", "messages[0].content[0]"] == paths


def test_every_block_is_its_bytes_of_the_body() -> None:
    text = body(system='ünïcödé " \\ [ {')

    assert all(text[each.start :].startswith(each.raw) for each in prompt_blocks(text))
    assert b'"\\u00fcn\\u00efc\\u00f6d\\u00e9 \\" \\\\ [ {"' == prompt_blocks(text)[2].raw


def test_conversation_that_grows_is_not_broken() -> None:
    more = [*json.loads(body())["messages"], {"role": "assistant", "content": "hi"}, {"role": "user", "content": "go"}]

    assert parted(body(), body(messages=more)) is None


def test_marks_and_lone_texts_are_no_difference() -> None:
    marked = [{"role": "user", "content": [{**MARK, "type": "text", "text": "hello"}]}]
    moved = [{"role": "user", "content": [{"type": "text", "text": "hello", **MARK}]}]
    plain = [{"role": "user", "content": "hello"}]

    assert parted(body(messages=marked), body(messages=moved)) is None
    assert parted(body(messages=moved), body(messages=plain)) is None
    assert parted(body(messages=plain), body(messages=marked)) is None


def test_spacing_and_escapes_are_no_difference_but_the_order_of_members_is() -> None:
    compact = json.dumps(json.loads(body()), separators=(",", ":"), ensure_ascii=False).encode()
    turned = [dict(reversed(TOOLS[0].items())), TOOLS[1]]

    assert parted(body(), compact) is None
    assert "tools[0]" == parted(body(), body(tools=turned))


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"tools": TOOLS[:1]}, "tools[1]"),
        ({"tools": [*TOOLS, TOOLS[0]]}, "tools[2]"),
        ({"system": [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "It is Tuesday."}]}, "system[1]"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "help"}]}]}, "messages[0].content[0]"),
        ({"messages": []}, "messages[0].role"),
    ],
)  # fmt: skip
def test_first_block_that_differs_is_named(change: dict[str, Any], path: str) -> None:
    assert path == parted(body(), body(**change))


def test_byte_and_excerpts_show_the_very_change() -> None:
    blocks = [{"type": "text", "text": "Be brief.", **MARK}, {"type": "text", **MARK, "text": "It is Tuesday."}]
    after = body(system=blocks)

    found = first_break(prompt_blocks(body()), prompt_blocks(after))

    assert found is not None
    assert b"Tuesday" == after[found.byte :][:7]
    assert ('… "text", "text": "It is Monday."}', (3, 6)) == (found.before, (found.blocks_kept, found.blocks))
    assert "It is Tuesday." in found.after


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        (
            {"messages": [{"role": "assistant", "content": None, "tool_calls": [{"id": "c"}]}]},
            ["messages[0].role", "messages[0].tool_calls", "messages[0].content[0]"],
        ),
        ({"instructions": "Be.", "input": [{"type": "call", "arguments": "{}"}]}, ["instructions", "input[0]"]),
        ({"instructions": "Be.", "input": "hello"}, ["instructions", "input"]),
        (
            {"systemInstruction": {"parts": [{"text": "a"}]}, "contents": [{"role": "user", "parts": [{"text": "b"}]}]},
            ["systemInstruction.parts[0]", "contents[0].role", "contents[0].parts[0]"],
        ),
    ],
    ids=["chat", "responses", "responses with a text", "gemini"],
)  # fmt: skip
def test_every_protocol_has_blocks(text: dict[str, Any], paths: list[str]) -> None:
    assert paths == [block.path for block in prompt_blocks(json.dumps(text).encode())]


@pytest.mark.parametrize("text", [b"", b"[]", b"not json", b'{"messages": [', b'{"messages": 3}'])
def test_what_is_no_prompt_has_few_blocks_and_no_crash(text: bytes) -> None:
    assert len(prompt_blocks(text)) <= 1


def test_likeness_is_the_share_that_comes_again() -> None:
    one, other = prompt_blocks(body()), prompt_blocks(body(tools=[], system="A title, please."))

    assert 1.0 == likeness(one, one)
    assert likeness(one, other) < 0.3
