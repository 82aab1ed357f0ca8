"""Usage that a client did not ask for: how it is asked for, what is its answer, and what of it the client sees."""

import json

import pytest

from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.requests import Request
from axonhub.transformers.pipe import PassThrough
from axonhub.transformers.protocol import Reply
from axonhub.transformers.registry import discovered
from axonhub.transformers.sse import SseEvent

CHAT = discovered()["openai/chat"]
USAGE = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}


def chunk(**more: object) -> str:
    return json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt", **more})


FIRST = chunk(choices=[{"index": 0, "delta": {"role": "assistant", "content": "Hi"}}], usage=None)
LAST = chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}], usage=None)
ANSWER = chunk(choices=[], usage=USAGE)


def stream(*data: str) -> bytes:
    return b"".join(f"data: {each}\n\n".encode() for each in data)


def hiding() -> PassThrough:
    on_request = CHAT.usage_on_request
    assert on_request
    writer = CHAT.stream_writer(Reply("0" * 24, 1, Request("gpt", ())))
    return PassThrough(CHAT, writer, lambda: None, hides=on_request.is_answer)


def test_only_chat_must_be_asked() -> None:
    assert [name for name, each in discovered().items() if each.usage_on_request] == [CHAT.name]


@pytest.mark.parametrize("options", [{"include_usage": True}, {"include_usage": False}, {}, None])
def test_who_has_said_what_he_wants_is_left_alone(options: object) -> None:
    document = {"stream": True, "stream_options": options}
    body = json.dumps(document).encode()
    assert CHAT.usage_on_request

    assert CHAT.usage_on_request.asking(body, document) is body


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (ANSWER, True),
        (ANSWER.replace(" ", ""), True),
        (FIRST, False),
        (chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}], usage=USAGE), False),
        # Azure's first chunk
        (chunk(choices=[], prompt_filter_results=[{"prompt_index": 0}]), False),
        (chunk(choices=[], usage=None), False),
        (chunk(choices=[{"index": 0, "delta": {"content": '"choices": [] "usage": {}'}}]), False),
        ('{"choices": [], "usage"', False),
        ("[DONE]", False),
    ],
)
def test_the_answer_to_asking_is_told_from_all_else(data: str, expected: bool) -> None:
    assert CHAT.usage_on_request

    assert CHAT.usage_on_request.is_answer(SseEvent(data)) is expected


@pytest.mark.parametrize("size", [1, 5, 10_000])
def test_what_nobody_asked_for_is_counted_and_not_shown(size: int) -> None:
    told, shown = stream(FIRST, LAST, ANSWER, "[DONE]"), stream(FIRST, LAST, "[DONE]")
    pipe = hiding()

    sent = [each for start in range(0, len(told), size) for each in pipe.feed(told[start : start + size])]
    sent += pipe.finish()

    assert b"".join(sent) == shown == pipe.client_bytes
    assert pipe.provider_bytes == told
    assert (pipe.fold.usage.fresh_tokens, pipe.fold.usage.output_tokens) == (9, 5)


def test_a_torn_event_is_not_shown_before_our_own_end() -> None:
    pipe = hiding()
    sent = pipe.feed(stream(FIRST) + b'data: {"choi')

    sent += pipe.abort(Failure(FailureKind.NETWORK, "gone"))

    assert b"".join(sent) == pipe.client_bytes
    assert pipe.client_bytes.startswith(stream(FIRST))
    assert b'{"choi\n' not in pipe.client_bytes
    assert b"gone" in pipe.client_bytes
