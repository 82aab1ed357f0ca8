"""The AI SDK of npm as judge: bytes of an answer go in, what a program on it has in hand comes out.

It validates each event with schemas of its own, and is the strictest reader of Anthropic's and of OpenAI's streams.
"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

JUDGE = Path(__file__).parent / "ai_sdk.cjs"
PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Judged:
    text: str
    reasoning: str
    calls: tuple[tuple[str, object], ...]
    """Name and arguments."""
    reason: str | None
    """Why the answer ended, in the SDK's words."""
    prompt_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    error: str | None
    """The message that the program hears."""
    status: int | None
    """Of the answer that the error came as."""


class AiSdk:
    """A process of Node that answers one question after another: starting it takes a second."""

    def __init__(self, packages: Path) -> None:
        self._process = subprocess.Popen(
            ["node", str(JUDGE), str(packages)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=PATIENCE_S)

    def stream(self, reader: str, body: bytes) -> Judged:
        return self._judged(reader, True, 200, "text/event-stream", body)

    def whole(self, reader: str, body: bytes, status: int = 200) -> Judged:
        return self._judged(reader, False, status, "application/json", body)

    def _judged(self, reader: str, streamed: bool, status: int, content_type: str, body: bytes) -> Judged:
        question = {
            "protocol": reader,
            "streamed": streamed,
            "status": status,
            "contentType": content_type,
            "body": body.decode(),
        }
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return read(json.loads(self._process.stdout.readline()))


def read(told: dict) -> Judged:  # type: ignore[type-arg]
    assert not any(call["invalid"] for call in told["calls"]), told
    usage, error = told["usage"] or {}, told["error"] or {}
    return Judged(
        text=told["text"],
        reasoning=told["reasoning"],
        calls=tuple((call["name"], call["input"]) for call in told["calls"]),
        reason=told["reason"],
        prompt_tokens=usage.get("inputTokens"),
        cached_tokens=usage.get("inputTokenDetails", {}).get("cacheReadTokens"),
        output_tokens=usage.get("outputTokens"),
        error=error.get("message"),
        status=error.get("status"),
    )
