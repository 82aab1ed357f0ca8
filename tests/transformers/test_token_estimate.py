"""Requirement H3, edge case 170. The counts are those that the providers' own answers stated, 2024 to 2026."""

import base64
import struct
from dataclasses import replace

import pytest

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.dialects import ANTHROPIC, DEEPSEEK, OPENAI
from axonhub.transformers.hub.parts import (
    Audio,
    Document,
    FileReference,
    Hosted,
    Image,
    Inline,
    Link,
    Native,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
    Video,
)
from axonhub.transformers.hub.requests import FunctionTool, OutputFormat, Request, ToolChoice, Turn
from axonhub.transformers.token_estimate import estimated_tokens

WORDS = "the quick brown fox jumps over the lazy dog " * 20
"""180 words, each one token in every vocabulary."""


def asked(*parts, model="gpt-4o", **members):
    return Request(model, (Turn("user", parts or (Text("Hello"),)),), **members)


def png(width, height):
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IHDR" + struct.pack(">II", width, height)).decode()


def base64_of(text):
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("text", "dialect", "official"),
    [
        ("Hello", OPENAI, 8),
        ("Hello!", OPENAI, 9),
        ("Say hello", OPENAI, 9),
        ("What is 1+1?", OPENAI, 14),
        ("Count from 1 to 5", OPENAI, 14),
        ("Tell me a short joke", OPENAI, 12),
        ("Hello, how are you?", OPENAI, 13),
        ("What is 4200 + 42?", OPENAI, 16),
        ("Say hello", ANTHROPIC, 9),
        ("What is 2+2?", ANTHROPIC, 14),
        ("Count from 1 to 10", ANTHROPIC, 15),
        ("What is 4200 + 42?", ANTHROPIC, 17),
    ],
)
def test_estimate_is_near_the_official_count(text, dialect, official):
    assert official * 0.85 <= estimated_tokens(asked(Text(text)), dialect) <= official * 1.15


def tokens(*parts):
    return estimated_tokens(asked(*parts), Dialect())


RICHER = {
    "system": asked(system=(Text(WORDS),)),
    "second system block": asked(system=(Text("Be kind."), Text(WORDS))),
    "mid-conversation system": Request("m", (Turn("user", (Text("Hello"),)), Turn("system", (Text(WORDS),)))),
    "tool's description": asked(tools=(FunctionTool("read", WORDS),)),
    "description inside a schema": asked(
        tools=(FunctionTool("read", schema={"type": "object", "properties": {"a": {"description": WORDS}}}),)
    ),
    "answer's schema": asked(output_format=OutputFormat({"type": "object", "description": WORDS})),
    "text": asked(Text(WORDS)),
    "refusal": asked(Refusal(WORDS)),
    "call": asked(ToolCall("1", "read", '{"a": "' + WORDS + '"}')),
    "result": asked(ToolResult("1", (Text(WORDS),))),
    "document inside a result": asked(ToolResult("1", (Document((Text(WORDS),)),))),
    "document of text parts": asked(Document((Text(WORDS),))),
    "document's title": asked(Document((), title=WORDS)),
    "text file": asked(Document(Inline("text/plain", base64_of(WORDS)))),
    "hosted tool's result": asked(Hosted("web_search_tool_result", Native("x", {}), WORDS)),
}


@pytest.mark.parametrize("where", RICHER)
@pytest.mark.parametrize("dialect", [Dialect(), OPENAI, ANTHROPIC, DEEPSEEK])
def test_words_count_wherever_they_stand(where, dialect):
    poor = estimated_tokens(asked(), dialect)

    assert estimated_tokens(RICHER[where], dialect) >= poor + 180


def test_conversation_costs_more_than_its_words_but_not_much():
    turn = Turn("user", (Text("word"),))
    request = Request("gpt-4o", (turn,) * 100)

    assert 400 <= estimated_tokens(request, OPENAI) <= 600


def test_thinking_counts_where_the_provider_reads_it():
    thinking = asked(Thinking(WORDS, Signature("c2ln", "ant")), Text("Hello"))

    assert estimated_tokens(thinking, ANTHROPIC) >= estimated_tokens(asked(), ANTHROPIC) + 180
    assert estimated_tokens(thinking, DEEPSEEK) >= estimated_tokens(asked(), DEEPSEEK) + 180
    assert estimated_tokens(thinking, OPENAI) == estimated_tokens(asked(), OPENAI)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image(Inline("image/png", png(640, 480))), 409),
        (Image(Inline("image/png", png(1000, 1000))), 1333),
        (Image(Inline("image/png", png(4000, 3000))), 1600),
        (Image(Inline("image/png", "iVBORw0KGgo=")), 1600),
        (Image(Link("https://example.test/a.png")), 1600),
        (Image(FileReference("file_1")), 1600),
    ],
)
def test_image_counts_by_its_pixels(image, expected):
    """640 × 480: Anthropic counted 453 with a prompt of 10 words."""
    assert tokens(image, Text("Hello")) == tokens() + expected
    assert tokens(ToolResult("1", (image,))) > expected


def test_pdf_counts_by_its_pages():
    """One page: Anthropic counted 1598 to 1658."""
    pages = b"%PDF-1.4\n/Type /Pages\n" + b"/Type /Page\n" * 3
    compressed = b"%PDF-1.7\n" + bytes(120_000)

    def pdf(content):
        return Document(Inline("application/pdf", base64.b64encode(content).decode()))

    assert 4800 <= tokens(pdf(pages)) <= 4820
    assert 4800 <= tokens(pdf(compressed)) <= 4820
    assert 1600 <= tokens(Document(Link("https://example.test/a.pdf"))) <= 1620


def test_sound_and_film_count_by_their_length():
    minute = Inline("audio/mpeg", base64.b64encode(bytes(960_000)).decode())

    assert 1500 <= tokens(Audio(minute)) <= 2500
    assert 1500 <= tokens(Video(minute)) <= 2500
    assert tokens(Video(Link("https://example.test/a.mp4"))) >= 1600


def test_unknown_part_and_broken_file_do_no_harm():
    parts = (Unknown("hologram", Native("x", {"type": "hologram"})), Document(Inline("application/pdf", "?")))

    assert tokens(*parts) < 1700


def test_models_that_are_told_more_of_tools_cost_more():
    old = asked(tools=(FunctionTool("read"),), tool_choice=ToolChoice("auto"))

    assert estimated_tokens(replace(old, model="gpt-5.4"), OPENAI) == estimated_tokens(old, OPENAI) + 75


def test_text_that_looks_like_a_special_token_is_text():
    assert estimated_tokens(asked(Text("<|endoftext|>" * 100)), OPENAI) > 500


@pytest.mark.parametrize(
    "text", ["\x00" * 9000, "🎈" * 9000, " " * 9000, "a" * 9000, "北京" * 5000, "\u0301" * 9000, "```"]
)
def test_odd_text_is_counted(text):
    assert 1 <= tokens(Text(text)) <= 4 * len(text) + 20


def test_long_text_counts_like_its_pieces():
    one, many = tokens(Text(WORDS)), tokens(Text(WORDS * 50))

    assert 50 * 180 <= many <= 50 * one
