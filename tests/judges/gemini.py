"""google-genai as judge: recorded bytes of an answer go in, the chunks that it reads come out.

It knows no final object of a stream, so `judge_gemini` puts the increments together, as its callers do.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

import httpx2
from google import genai
from google.genai import types

from tests.judges.sdk import NOT_ASKED


@dataclass
class GeminiAnswer:
    """What a caller of google-genai knows when the stream is over."""

    text: str = ""
    thoughts: str = ""
    calls: list[types.FunctionCall] = field(default_factory=list)
    parts: list[types.Part] = field(default_factory=list)
    finish_reasons: list[str] = field(default_factory=list)
    usage: types.GenerateContentResponseUsageMetadata | None = None
    grounding: types.GroundingMetadata | None = None


@dataclass
class Desk:
    """What the next request is answered with."""

    body: bytes = b""
    content_type: str = ""
    status: int = 200


@cache
def sdk_and_desk() -> tuple[genai.Client, Desk]:
    """One client for all: building one takes a tenth of a second."""
    desk = Desk()

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(desk.status, headers={"content-type": desk.content_type}, content=desk.body)

    client = httpx2.Client(transport=httpx2.MockTransport(answer))
    options = types.HttpOptions(base_url=NOT_ASKED, httpx_client=client)
    return genai.Client(api_key="k", http_options=options), desk


def gemini_sdk(body: bytes, content_type: str, status: int = 200) -> genai.Client:
    """The client, whose next request is answered with these bytes."""
    client, desk = sdk_and_desk()
    desk.body, desk.content_type, desk.status = body, content_type, status
    return client


def judge_gemini(stream: bytes) -> GeminiAnswer:
    """An event stream, by `models.generate_content_stream()`; an error in it raises `google.genai.errors.APIError`."""
    return collected(gemini_sdk(stream, "text/event-stream").models.generate_content_stream(model="m", contents="hi"))


def judge_gemini_whole(body: bytes) -> GeminiAnswer:
    return collected([gemini_sdk(body, "application/json").models.generate_content(model="m", contents="hi")])


def collected(chunks: Iterable[types.GenerateContentResponse]) -> GeminiAnswer:
    answer = GeminiAnswer()
    for chunk in chunks:
        answer.usage = chunk.usage_metadata or answer.usage
        for candidate in chunk.candidates or []:
            answer.grounding = candidate.grounding_metadata or answer.grounding
            if candidate.finish_reason is not None:
                answer.finish_reasons.append(candidate.finish_reason.value)
            for part in (candidate.content and candidate.content.parts) or []:
                note(part, answer)
    return answer


def note(part: types.Part, answer: GeminiAnswer) -> None:
    answer.parts.append(part)
    if part.function_call is not None:
        answer.calls.append(part.function_call)
    elif part.thought:
        answer.thoughts += part.text or ""
    else:
        answer.text += part.text or ""
