"""What the strictest real reader of each client protocol makes of an answer, in words common to all four.

Also what each makes of an error, and whether the bytes keep the order that the protocol demands.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anthropic
import openai
from google.genai.errors import APIError as GeminiError

from tests.judges.gemini import GeminiAnswer, gemini_sdk, judge_gemini, judge_gemini_whole
from tests.judges.grammar import anthropic_faults, chat_faults
from tests.judges.sdk import anthropic_sdk, judge_anthropic, judge_anthropic_whole, judge_chat_whole, openai_sdk
from tests.transformers.grammar import gemini_faults
from tests.transformers.responses_wire import faults as responses_faults

HI: Any = [{"role": "user", "content": "hi"}]
SSE, JSON = "text/event-stream", "application/json"


@dataclass(frozen=True)
class Seen:
    """What a client's program has in hand when the answer is over."""

    thinking: str
    text: str
    calls: tuple[tuple[str, dict], ...]
    reason: str
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int


class StreamBroke(Exception):
    """The reader told its program that the answer broke; the message is the provider's."""


@dataclass(frozen=True)
class Reader:
    stream: Callable[[bytes], Seen]
    """StreamBroke when the stream says so."""
    whole: Callable[[bytes], Seen]
    refused: Callable[[int, bytes], tuple[int, str]]
    """Status and message that the program hears of an error before the answer."""
    faults: Callable[[bytes], list[str]]


def _anthropic(message: anthropic.types.Message) -> Seen:
    usage = message.usage
    cached = usage.cache_read_input_tokens or 0
    reasons = {"end_turn": "end", "tool_use": "tool", "max_tokens": "length", "refusal": "filter"}
    return Seen(
        "".join(block.thinking for block in message.content if block.type == "thinking"),
        "".join(block.text for block in message.content if block.type == "text"),
        tuple((block.name, block.input) for block in message.content if block.type == "tool_use"),
        reasons[str(message.stop_reason)],
        usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0),
        cached,
        usage.output_tokens,
    )


def _anthropic_stream(stream: bytes) -> Seen:
    try:
        return _anthropic(judge_anthropic(stream))
    except anthropic.APIStatusError as error:
        raise StreamBroke(str(error)) from error


def _anthropic_refused(status: int, body: bytes) -> tuple[int, str]:
    try:
        anthropic_sdk(body, JSON, status).messages.create(model="m", max_tokens=9, messages=HI)
    except anthropic.APIStatusError as error:
        return error.status_code, str(error.body)
    raise AssertionError("no error was raised")


def _chat(completion: Any) -> Seen:
    (choice,), usage = completion.choices, completion.usage
    message = choice.message
    reasons = {"stop": "end", "tool_calls": "tool", "length": "length", "content_filter": "filter"}
    return Seen(
        getattr(message, "reasoning_content", None) or "",
        message.content or "",
        tuple((call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or ()),
        reasons[choice.finish_reason],
        usage.prompt_tokens,
        usage.prompt_tokens_details.cached_tokens,
        usage.completion_tokens,
    )


def _chat_stream(stream: bytes) -> Seen:
    try:
        with openai_sdk(stream, SSE).chat.completions.stream(model="m", messages=HI) as events:
            for _ in events:
                pass
            return _chat(events.current_completion_snapshot)
    except openai.APIError as error:
        raise StreamBroke(error.message) from error


def _openai_refused(status: int, body: bytes) -> tuple[int, str]:
    try:
        openai_sdk(body, JSON, status).chat.completions.create(model="m", messages=HI)
    except openai.APIStatusError as error:
        return error.status_code, error.message
    raise AssertionError("no error was raised")


def _responses(response: Any) -> Seen:
    usage = response.usage
    items = response.output
    calls = tuple((item.name, json.loads(item.arguments)) for item in items if item.type == "function_call")
    incomplete = response.incomplete_details and response.incomplete_details.reason
    reason = {"max_output_tokens": "length", "content_filter": "filter"}.get(incomplete or "")
    parts = [part for item in items if item.type == "message" for part in item.content]
    return Seen(
        "".join(part.text for item in items if item.type == "reasoning" for part in item.summary),
        "".join(part.text if part.type == "output_text" else part.refusal for part in parts),
        calls,
        reason or ("tool" if calls else "end"),
        usage.input_tokens,
        usage.input_tokens_details.cached_tokens,
        usage.output_tokens,
    )


def _responses_stream(stream: bytes) -> Seen:
    with openai_sdk(stream, SSE).responses.stream(model="m", input="hi") as events:
        *_, last = events
    if last.type == "response.failed":
        assert last.response.error is not None
        raise StreamBroke(last.response.error.message)
    assert last.type in ("response.completed", "response.incomplete")
    return _responses(last.response)


def _responses_whole(body: bytes) -> Seen:
    response = openai_sdk(body, JSON).responses.create(model="m", input="hi")
    return _responses(openai.types.responses.Response.model_validate_json(response.to_json()))


def _gemini(answer: GeminiAnswer) -> Seen:
    (reason,), usage = answer.finish_reasons, answer.usage
    assert usage is not None
    ended = "tool" if answer.calls else "end"
    return Seen(
        answer.thoughts,
        answer.text,
        tuple((str(call.name), call.args or {}) for call in answer.calls),
        {"STOP": ended, "MAX_TOKENS": "length", "SAFETY": "filter"}[reason],
        usage.prompt_token_count or 0,
        usage.cached_content_token_count or 0,
        (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
    )


def _gemini_stream(stream: bytes) -> Seen:
    try:
        return _gemini(judge_gemini(stream))
    except GeminiError as error:
        raise StreamBroke(str(error.message)) from error


def _gemini_refused(status: int, body: bytes) -> tuple[int, str]:
    try:
        gemini_sdk(body, JSON, status).models.generate_content(model="m", contents="hi")
    except GeminiError as error:
        return error.code, str(error.message)
    raise AssertionError("no error was raised")


READERS = {
    "anthropic/messages": Reader(
        _anthropic_stream,
        lambda body: _anthropic(judge_anthropic_whole(body)),
        _anthropic_refused,
        anthropic_faults,
    ),
    "openai/chat": Reader(
        _chat_stream,
        lambda body: _chat(judge_chat_whole(body)),
        _openai_refused,
        lambda stream: chat_faults(stream, usage_asked=True),
    ),
    "openai/responses": Reader(_responses_stream, _responses_whole, _openai_refused, responses_faults),
    "gemini/generate_content": Reader(
        _gemini_stream, lambda body: _gemini(judge_gemini_whole(body)), _gemini_refused, gemini_faults
    ),
}
