"""A trace made up of Anthropic exchanges, as the store would give it back."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from axonhub.addons.analysis.conversations import Stored
from axonhub.addons.store.backend import BodyUnavailable

START_S = 1_767_225_600.0

type Block = dict[str, Any]


def exchange(
    number: int,
    messages: Sequence[Mapping[str, Any]],
    answer: Sequence[Block] = (),
    *,
    at_s: float = 0.0,
    took_s: float = 1.0,
    agent: str | None = None,
    bodies: Mapping[str, bytes] | None = None,
    request: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Stored:
    """`bodies` replaces what the conversation would give; `request` adds members to the client's body."""
    body = {"model": "claude-sonnet-4-5", "max_tokens": 64, "messages": list(messages), **(request or {})}
    whole = {"request": json.dumps(body).encode(), "response": whole_answer(answer)} if bodies is None else bodies
    record = {
        "id": f"req_{number}",
        "ts": START_S + at_s,
        "ended_ts": START_S + at_s + took_s,
        "duration_ms": round(took_s * 1000),
        "trace_id": "t",
        "agent_id": agent,
        "protocol": "anthropic/messages",
        "path": "/v1/messages",
        "asked_model": "claude-sonnet-4-5",
        "used_model": "claude-sonnet-4-5",
        "channel": "first",
        "stream": False,
        "status": 200,
        "outcome": "ok",
        "usage": {
            "input": 100,
            "cache_read": 0,
            "cache_write_5m": 0,
            "cache_write_1h": 0,
            "output": 10,
            "reasoning": None,
        },
        "cost_micro_usd": 1000,
        "bodies": {name: name for name in whole},
        "attempts": [{"channel": "first", "protocol": "anthropic/messages", "model": "claude-sonnet-4-5"}],
        **fields,
    }
    return Stored(record, lambda ref: found(whole, ref))


def found(bodies: Mapping[str, bytes], ref: str) -> bytes:
    if ref not in bodies:
        raise BodyUnavailable(ref)
    return bodies[ref]


def whole_answer(content: Sequence[Block]) -> bytes:
    answer = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": list(content),
        "stop_reason": "tool_use" if any(block["type"] == "tool_use" for block in content) else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 100, "output_tokens": 10},
    }
    return json.dumps(answer).encode()


def user(*content: Block | str) -> Block:
    blocks = [{"type": "text", "text": each} if isinstance(each, str) else each for each in content]
    return {"role": "user", "content": blocks}


def said(*content: Block) -> Block:
    return {"role": "assistant", "content": list(content)}


def call(name: str, number: int, **arguments: Any) -> Block:
    return {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": arguments}


def result(number: int, text: str = "done", **more: Any) -> Block:
    return {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": text, **more}
