"""The official Python SDKs as judges: recorded bytes of an answer go in, their final object comes out.

What an SDK does not like about the bytes it says as an exception of its own; nothing is caught here.
"""

from collections.abc import Callable

import anthropic
import httpx2
import openai
from anthropic.types import Message
from openai.types.chat import ChatCompletion

NOT_ASKED = "http://127.0.0.1:1"
"""The transport never connects."""


def answering(body: bytes, content_type: str, status: int) -> httpx2.Client:
    """A client to whom every request is answered with these bytes."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, headers={"content-type": content_type}, content=body)

    return httpx2.Client(transport=httpx2.MockTransport(answer))


def anthropic_sdk(body: bytes, content_type: str, status: int = 200) -> anthropic.Anthropic:
    client = answering(body, content_type, status)
    return anthropic.Anthropic(api_key="k", base_url=NOT_ASKED, http_client=client, max_retries=0)


def openai_sdk(body: bytes, content_type: str, status: int = 200) -> openai.OpenAI:
    client = answering(body, content_type, status)
    return openai.OpenAI(api_key="k", base_url=NOT_ASKED, http_client=client, max_retries=0)


def judge_anthropic(stream: bytes) -> Message:
    """The final message of an Anthropic event stream, by `messages.stream()`."""
    sdk = anthropic_sdk(stream, "text/event-stream")
    with sdk.messages.stream(model="m", max_tokens=64, messages=[{"role": "user", "content": "hi"}]) as events:
        for _ in events:
            pass
        return events.get_final_message()


def judge_anthropic_whole(body: bytes) -> Message:
    """The message of an answer that is not streamed; raises when a field is of a wrong type, which the SDK allows."""
    sdk = anthropic_sdk(body, "application/json")
    message = sdk.messages.create(model="m", max_tokens=64, messages=[{"role": "user", "content": "hi"}])
    return strictly(message.to_json(), Message.model_validate_json)


def judge_chat(stream: bytes) -> ChatCompletion:
    """The final completion of a Chat Completions event stream, by `chat.completions.stream()`.

    That helper raises `LengthFinishReasonError` or `ContentFilterFinishReasonError` when the answer ended so.
    """
    sdk = openai_sdk(stream, "text/event-stream")
    with sdk.chat.completions.stream(model="m", messages=[{"role": "user", "content": "hi"}]) as events:
        for _ in events:
            pass
        return events.get_final_completion()


def judge_chat_whole(body: bytes) -> ChatCompletion:
    """The completion of an answer that is not streamed; raises when a field is of a wrong type."""
    sdk = openai_sdk(body, "application/json")
    completion = sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    return strictly(completion.to_json(), ChatCompletion.model_validate_json)


def strictly[Parsed](text: str, validate: Callable[[str], Parsed]) -> Parsed:
    """Reads again with validation: the SDKs build their objects from whatever the JSON holds."""
    return validate(text)
