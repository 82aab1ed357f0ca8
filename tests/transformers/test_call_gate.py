"""Tool calls that wait for the end of their answer, so that a broken answer can be asked for again."""

import json

import pytest

from axonhub.transformers.gated import Gated
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.requests import Request
from axonhub.transformers.pipe import PassThrough
from axonhub.transformers.protocol import Reply
from axonhub.transformers.protocols.anthropic_messages.call_gate import CallGate
from axonhub.transformers.registry import discovered

ANTHROPIC = discovered()["anthropic/messages"]
GONE = Failure(FailureKind.NETWORK, "gone")


def event(kind: str, **more: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()


def started(index: int, **block: object) -> bytes:
    return event("content_block_start", index=index, content_block=block)


START = event("message_start", message={"id": "m", "model": "claude", "usage": {"input_tokens": 1}})
TEXT = started(0, type="text", text="") + event(
    "content_block_delta", index=0, delta={"type": "text_delta", "text": '"type":"tool_use" \n\n'}
)
TEXT_END = event("content_block_stop", index=0)
MORE_TEXT = started(1, type="text", text="")
CALL = started(1, type="tool_use", id="t", name="Edit", input={}) + event(
    "content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": "{}"}
)
CALL_END = event("content_block_stop", index=1)
PING = event("ping")
END = event("message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 9}) + event("message_stop")
OVERLOADED = event("error", error={"type": "overloaded_error", "message": "no"})


def gated() -> Gated:
    writer = ANTHROPIC.stream_writer(Reply("0" * 24, 1, Request("claude", ())))
    return Gated(PassThrough(ANTHROPIC, writer, lambda: None), CallGate())


def fed(pipe: Gated, *pieces: bytes) -> bytes:
    return b"".join(b"".join(pipe.feed(piece)) for piece in pieces)


def test_words_flow():
    assert fed(gated(), START, TEXT) == START + TEXT


def test_words_flow_after_a_part_that_is_complete():
    assert fed(gated(), START, TEXT, TEXT_END, MORE_TEXT) == START + TEXT + TEXT_END + MORE_TEXT


def test_calls_wait_for_the_end_and_with_them_the_end_of_what_stands_before():
    pipe = gated()

    assert fed(pipe, START, TEXT, TEXT_END, PING, CALL, CALL_END) == START + TEXT
    assert fed(pipe, END) == TEXT_END + PING + CALL + CALL_END + END
    assert pipe.finish() == [b""]


@pytest.mark.parametrize("size", [1, 3, 50, 10_000])
def test_the_same_bytes_leave_in_any_cut(size: int):
    whole = START + TEXT + TEXT_END + PING + CALL + CALL_END + END
    pipe = gated()
    out = fed(pipe, *(whole[at : at + size] for at in range(0, len(whole), size))) + b"".join(pipe.finish())

    assert out == whole == pipe.client_bytes


def test_broken_answer_leaves_no_part_complete():
    pipe = gated()
    out = fed(pipe, START, TEXT, TEXT_END, CALL) + b"".join(pipe.abort(GONE))

    assert out.startswith(START + TEXT + b"event: error")
    assert b"content_block_stop" not in out
    assert pipe.client_bytes == out
    assert pipe.failure == GONE


def test_providers_own_error_leaves_no_part_complete():
    assert fed(gated(), START, TEXT, TEXT_END, CALL, OVERLOADED) == START + TEXT + OVERLOADED


def test_answer_that_ends_without_a_word_is_told_as_broken():
    pipe = gated()
    out = fed(pipe, START, TEXT, TEXT_END, CALL) + b"".join(pipe.finish())

    assert out.startswith(START + TEXT + b"event: error")


def test_very_long_call_does_not_fill_the_memory():
    pipe = gated()
    long = event("content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": "x" * 600_000})
    fed(pipe, START, TEXT, TEXT_END, CALL)

    assert fed(pipe, *[long] * 8) != b""
