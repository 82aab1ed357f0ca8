"""What a gateway would store, made up: conversations that grow as Claude Code's do, and records to go with them."""

import json
import random
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from axonhub.addons.store.backend import Finished

MODELS = ("claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5", "deepseek-chat", "gpt-5.1")
CHANNELS = ("anthropic", "anthropic-backup", "deepseek", "openai", "local", "gemini")
KEYS = tuple(f"key-{n}" for n in range(20))
START_S = 1_767_225_600.0
"""2026-01-01T00:00Z."""


def prose() -> str:
    """Source text of this Python's standard library: as repetitive as what coding agents send."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    names = (
        "argparse",
        "asyncio/base_events",
        "tarfile",
        "typing",
        "inspect",
        "turtle",
        "doctest",
        "subprocess",
        "ast",
    )
    return "".join((folder / f"{name}.py").read_text(encoding="utf-8") for name in names)


def conversation(seed: int, turns: int, turn_bytes: int = 2_200) -> Iterator[dict[str, bytes]]:
    """`request` and `response` of each turn: 75 kB of tools and system text, and `turn_bytes` new bytes a turn."""
    dice, text = random.Random(seed), prose()

    def some(length: int) -> str:
        start = dice.randrange(len(text) - length)
        return text[start : start + length]

    tools = [{"name": f"Tool{n}", "description": some(2000), "input_schema": {"type": "object"}} for n in range(25)]
    system = [{"type": "text", "text": some(20_000), "cache_control": {"type": "ephemeral"}}]
    messages: list[dict[str, Any]] = []
    for turn in range(turns):
        block = tool_result(turn - 1, some(turn_bytes - 800)) if turn else {"type": "text", "text": some(300)}
        messages.append({"role": "user", "content": [block]})
        answer = some(dice.randrange(100, 700))
        yield {"request": request_body(messages, system, tools), "response": answer_stream(turn, answer)}
        call = {"type": "tool_use", "id": f"toolu_{turn:024d}", "name": "Tool3", "input": {"path": f"/a/{turn}.py"}}
        messages.append({"role": "assistant", "content": [{"type": "text", "text": answer}, call]})


def tool_result(turn: int, text: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": f"toolu_{turn:024d}", "content": text}


def request_body(messages: list[dict[str, Any]], system: list[dict[str, Any]], tools: list[dict[str, Any]]) -> bytes:
    """Claude Code marks the last block of the last user message as the end of what is worth caching."""
    *earlier, last = messages
    marked = {
        **last,
        "content": [*last["content"][:-1], {**last["content"][-1], "cache_control": {"type": "ephemeral"}}],
    }
    body = {
        "model": "claude-sonnet-4-5",
        "messages": [*earlier, marked],
        "system": system,
        "tools": tools,
        "metadata": {"user_id": "user_0_account__session_0"},
        "max_tokens": 32000,
        "stream": True,
    }
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def answer_stream(turn: int, text: str) -> bytes:
    """The answer as Anthropic streams it: an event for every few words."""
    pieces = [text[at : at + 24] for at in range(0, len(text), 24)]
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": f"msg_{turn:024d}", "role": "assistant", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": each}}
            for each in pieces
        ),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": len(pieces) * 6}},
        {"type": "message_stop"},
    ]
    return b"".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events)


def record(number: int, dice: random.Random) -> dict[str, Any]:
    """One record of about the size and shape that a gateway writes, `number` seconds / 2 after the start."""
    model, channel, key = dice.choice(MODELS), dice.choice(CHANNELS), dice.choice(KEYS)
    failed = dice.random() < 0.02
    started = START_S + number / 2
    trace = number // 60
    attempt = {
        "channel": channel,
        "credential_tail": "a1b2",
        "protocol": "anthropic/messages",
        "model": model,
        "status": 529 if failed else 200,
        "kind": "overloaded" if failed else None,
        "reason": "first of its priority group, healthy, conversation stays with its channel",
        "started_ms": 3,
        "first_event_ms": 812,
        "duration_ms": 9214,
        "score": [{"name": "affinity", "points": 100}, {"name": "latency", "points": 41.5}],
    }
    return {
        "id": f"req_{number:016x}{dice.getrandbits(40):010x}",
        "ts": started,
        "ended_ts": started + 9.2,
        "trace_id": f"trace-{trace:08d}-7d2e-4c1a",
        "thread_id": f"session-{trace // 8:08d}-91aa-4f7d",
        "agent_id": "main",
        "trace_source": "claude-code",
        "key_name": key,
        "key_hash": "9f86d081884c7d65",
        "key_last4": "x7Qz",
        "profile": "default",
        "protocol": "anthropic/messages",
        "path": "/v1/messages",
        "asked_model": "claude-sonnet-4-5",
        "wanted_model": model,
        "used_model": model,
        "channel": channel,
        "channel_type": "anthropic",
        "source": "api",
        "stream": True,
        "status": 529 if failed else 200,
        "outcome": "error" if failed else "ok",
        "error_kind": "overloaded" if failed else None,
        "error_message": "Overloaded" if failed else None,
        "first_event_ms": 812,
        "duration_ms": 9214,
        "attempts": [attempt] * dice.choice((1, 1, 1, 2)),
        "usage": None
        if failed
        else {
            "input": dice.randrange(2000),
            "cache_read": 90_000,
            "cache_write_5m": 1200,
            "cache_write_1h": 0,
            "output": dice.randrange(4000),
            "reasoning": None,
        },
        "cost": None if failed else "0.0421870000",
        "cost_micro_usd": None if failed else dice.randrange(90_000),
        "price_version": "2026-01-01",
        "losses": [],
    }


def exchanges(conversations: int, turns: int, turn_bytes: int = 2_200) -> Iterator[Finished]:
    """Turns of several conversations, interleaved."""
    dice, number = random.Random(7), 0
    talks = [conversation(seed, turns, turn_bytes) for seed in range(conversations)]
    for _ in range(turns):
        for which, talk in enumerate(talks):
            document = record(number, dice) | {"trace_id": f"trace-{which}", "thread_id": f"session-{which}"}
            yield Finished(document, next(talk))
            number += 1
