"""The peer's side of `scripts/bench convert --peer`: runs in the peer's own environment, knows nothing of this project.

Times the same two things: an Anthropic request to OpenAI chat from JSON bytes to JSON bytes, and OpenAI chunks to
Anthropic events from bytes to bytes. Only its converters are called, none of what its gateway does around them. What
the peer has no decoder of its own for (JSON, lines of a stream) is done here in the fastest way, to its favour.
"""

import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import orjson
from litellm.llms.anthropic.pass_through.adapters.transformation import AnthropicAdapter
from litellm.types.utils import ModelResponseStream


def cpu_s(work: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        before = time.process_time()
        work()
        times.append(time.process_time() - before)
    return min(times)


def request(body: bytes) -> bytes:
    translated, _ = AnthropicAdapter().translate_completion_input_params_with_tool_mapping(orjson.loads(body))
    return orjson.dumps(translated)


def stream(pieces: list[str]) -> list[bytes]:
    told = AnthropicAdapter().translate_completion_output_params_streaming(chunks(pieces), model="m", is_async=False)
    return list(told or ())


def chunks(pieces: list[str]) -> Iterator[ModelResponseStream]:
    for piece in pieces:
        data = piece.removeprefix("data: ").strip()
        if data != "[DONE]":
            yield ModelResponseStream(**orjson.loads(data))


def main() -> None:
    home, rounds = Path(sys.argv[1]), int(sys.argv[2])
    body = (home / "request.json").read_bytes()
    pieces = orjson.loads((home / "stream.json").read_bytes())
    assert len(request(body)) > len(body) / 2
    assert len(stream(pieces)) > len(pieces) / 2
    figures = {
        "version": version("litellm"),
        "request_ms": cpu_s(lambda: request(body), rounds) * 1e3,
        "event_us": cpu_s(lambda: stream(pieces), rounds) / len(pieces) * 1e6,
    }
    print(orjson.dumps(figures).decode())


if __name__ == "__main__":
    main()
