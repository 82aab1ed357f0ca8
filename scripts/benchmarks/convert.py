"""CPU of conversion: a 300 KB request of Claude Code's shape, and a stream event, for each pair of protocols.

`scripts/bench convert [--peer]`. Everything counts that a converted request costs: JSON in, reading, writing, JSON out.
`--peer` installs a peer converter from PyPI into an environment of its own, which is thrown away, and times it on the
same bytes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import orjson

import tests.conftest  # noqa: F401  makes axonhub importable
from axonhub.transformers import dialects
from axonhub.transformers.dialect import Dialect
from axonhub.transformers.hub.events import ArgumentsDelta, Event, TextDelta
from axonhub.transformers.hub.fold import unfold
from axonhub.transformers.hub.parts import Text, Thinking, ToolCall
from axonhub.transformers.hub.requests import Request
from axonhub.transformers.hub.responses import Response, StopReason
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import Reply, Undo, WireProtocol
from axonhub.transformers.registry import discovered
from axonhub.transformers.sse import SseDecoder

REQUEST_BYTES = 300_000
LIMIT_MS = 4.0
"""For the pair that matters most: Claude Code to a provider of OpenAI's chat."""
LIMIT_US = 25.0
"""For an event of any pair."""
ROUNDS = 30
PEER = "litellm"

CLIENT, PROVIDER = "anthropic/messages", "openai/chat"
DIALECTS: Mapping[str, Dialect] = {
    "anthropic/messages": dialects.ANTHROPIC,
    "openai/chat": dialects.OPENAI,
    "openai/responses": dialects.RESPONSES,
    "gemini/generate_content": dialects.GEMINI,
}

type Figures = dict[tuple[str, str], float]


# -- inputs


def claude_code_request(size_bytes: int = REQUEST_BYTES) -> JsonObject:
    """A conversation of tool rounds as Claude Code sends it, grown to the size; the words are filler."""
    messages: list[Json] = [{"role": "user", "content": [text("<system-reminder>\nCONTEXT\n</system-reminder>")]}]
    body: JsonObject = {
        "model": "claude-opus-4-8",
        "messages": messages,
        "system": [
            text("x-anthropic-billing-header: cc_version=2.1.197.abc; cc_entrypoint=sdk-cli;"),
            text("You are the agent of a benchmark.") | marked(),
            text("Rule of the house. " * 700) | marked(),
        ],
        "tools": [tool(number) for number in range(26)],
        "metadata": {"user_id": json.dumps({"device_id": "d" * 64, "account_uuid": "", "session_id": "s" * 36})},
        "max_tokens": 64_000,
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "high"},
        "stream": True,
    }
    size, number = len(orjson.dumps(body)), 0
    while size < size_bytes:
        added = list(tool_round(number))
        messages += added
        size += len(orjson.dumps(added))
        number += 1
    return body


def text(words: str) -> JsonObject:
    return {"type": "text", "text": words}


def marked() -> JsonObject:
    return {"cache_control": {"type": "ephemeral"}}


def tool(number: int) -> JsonObject:
    properties: JsonObject = {
        f"argument_{place}": {"type": "string", "description": "What this argument is for. " * 4} for place in range(6)
    }
    schema: JsonObject = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": ["argument_0"],
        "additionalProperties": False,
    }
    return {"name": f"Tool{number}", "description": "What the tool does, at length. " * 40, "input_schema": schema}


def tool_round(number: int) -> Iterator[JsonObject]:
    call_id = f"toolu_{number:024d}"
    file = "".join(f"{line:5}\tdef line_{line}(argument: str) -> None: ...\n" for line in range(40))
    yield {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "Let me look at that file first. " * 6, "signature": "EqQBCkYIAhgC" * 20},
            text("I read the file."),
            {"type": "tool_use", "id": call_id, "name": "Tool3", "input": {"argument_0": f"/src/{number}.py"}},
        ],
    }
    result: JsonObject = {"type": "tool_result", "tool_use_id": call_id, "content": file}
    yield {"role": "user", "content": [result, text("<system-reminder>\nThe list is empty.\n</system-reminder>")]}


def long_answer() -> Response:
    """Half a thousand words of each kind of delta."""
    words = "word " * 500
    arguments = orjson.dumps({"command": words}).decode()
    parts = (Thinking(words), Text(words), ToolCall("call_1", "Tool1", arguments))
    return Response(parts, StopReason.TOOL, Usage(1000, 200, output_tokens=1500), "id_1", "m")


# -- measuring


def cpu_s(work: Callable[[], object], rounds: int) -> float:
    """CPU seconds of the least disturbed of the calls; on a shared machine the others measure the neighbours."""
    times: list[float] = []
    for _ in range(rounds):
        before = time.process_time()
        work()
        times.append(time.process_time() - before)
    return min(times)


def request_ms(client: WireProtocol, provider: WireProtocol, body: bytes) -> float:
    dialect = DIALECTS[provider.name]

    def convert() -> bytes:
        request = client.read_request(orjson.loads(body), "m", True)
        return orjson.dumps(provider.write_request(request, dialect).body)

    return cpu_s(convert, ROUNDS) * 1e3


def event_us(client: WireProtocol, provider: WireProtocol, stream: list[bytes], reply: Reply) -> float:
    """Per event of the provider's stream, from its bytes to the client's bytes."""

    def convert() -> None:
        decoder = SseDecoder()
        reader, writer = provider.stream_reader(DIALECTS[provider.name], Undo()), client.stream_writer(reply)
        for piece in stream:
            for event in decoder.feed(piece):
                for told in reader.read(event):
                    writer.write(told)

    return cpu_s(convert, ROUNDS) / len(stream) * 1e6


def stream_of(provider: WireProtocol, reply: Reply) -> list[bytes]:
    """The answer as this protocol's provider would stream it, an event a piece, the deltas cut small."""
    writer = provider.stream_writer(reply)
    pieces = (writer.write(each) for event in unfold(long_answer()) for each in cut(event))
    return [event + b"\n\n" for piece in pieces for event in piece.split(b"\n\n") if event]


def cut(event: Event) -> Iterator[Event]:
    if isinstance(event, TextDelta | ArgumentsDelta):
        for start in range(0, len(event.text), 5):
            yield type(event)(event.index, event.text[start : start + 5])
    else:
        yield event


def requests_of(protocols: Mapping[str, WireProtocol]) -> dict[str, bytes]:
    """The same conversation in each protocol."""
    body = claude_code_request()
    hub = protocols[CLIENT].read_request(body)
    return {
        name: orjson.dumps(body if name == CLIENT else written(protocol, hub)) for name, protocol in protocols.items()
    }


def written(protocol: WireProtocol, request: Request) -> JsonObject:
    return protocol.write_request(request, DIALECTS[protocol.name]).body


# -- the peer


def peer_figures(request: bytes, stream: list[bytes]) -> JsonObject:
    """Milliseconds a request and microseconds an event of the peer, in an environment that exists for this only."""
    with tempfile.TemporaryDirectory(prefix="bench-peer-") as folder:
        home = Path(folder)
        venv.create(home / "env", with_pip=True)
        python = home / "env" / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "-qq", PEER, "orjson"], check=True)
        (home / "request.json").write_bytes(request)
        (home / "stream.json").write_bytes(orjson.dumps([piece.decode() for piece in stream]))
        program = Path(__file__).parent / "peers" / "litellm_convert.py"
        told = subprocess.run([python, program, home, str(ROUNDS)], check=True, capture_output=True, env=peer_env(home))
        figures: JsonObject = orjson.loads(told.stdout.splitlines()[-1])
        return figures


def peer_env(home: Path) -> dict[str, str]:
    # Without it the peer asks the network for its list of prices when it is imported.
    return {"HOME": str(home), "PATH": "/usr/bin:/bin", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}


# -- the report


def table(title: str, unit: str, figures: Figures, names: list[str]) -> Iterator[str]:
    yield f"| {title}, {unit} | " + " | ".join(names) + " |"
    yield "|---" * (len(names) + 1) + "|"
    for client in names:
        row = (f"{figures[client, provider]:.2f}" for provider in names)
        yield f"| {client} | " + " | ".join(row) + " |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="store_true", help=f"also time {PEER}, newly installed from PyPI")
    options = parser.parse_args()
    protocols = {name: protocol for name, protocol in discovered().items() if name in DIALECTS}
    names = list(protocols)
    bodies = requests_of(protocols)
    reply = Reply("0123456789abcdef01234567", 7, protocols[CLIENT].read_request(orjson.loads(bodies[CLIENT])))
    streams = {name: stream_of(protocol, reply) for name, protocol in protocols.items()}
    pairs = [(client, provider) for client in names for provider in names]
    requests = {pair: request_ms(protocols[pair[0]], protocols[pair[1]], bodies[pair[0]]) for pair in pairs}
    events = {pair: event_us(protocols[pair[0]], protocols[pair[1]], streams[pair[1]], reply) for pair in pairs}
    size_kb = len(bodies[CLIENT]) / 1000
    print(f"Python {sys.version.split()[0]}; request of {size_kb:.0f} kB; best of {ROUNDS}.")
    print("Rows: the client's protocol; columns: the provider's.\n")
    print(*table("CPU a request", "ms", requests, names), sep="\n")
    print()
    print(*table("CPU a stream event", "µs", events, names), sep="\n")
    if options.peer:
        report_peer(peer_figures(bodies[CLIENT], streams[PROVIDER]), requests, events)
    return verdict(requests[CLIENT, PROVIDER], max(events.values()))


def report_peer(told: JsonObject, requests: Figures, events: Figures) -> None:
    ours_ms, ours_us = requests[CLIENT, PROVIDER], events[CLIENT, PROVIDER]
    peer_ms, peer_us = float(str(told["request_ms"])), float(str(told["event_us"]))
    print(f"\n| {CLIENT} client, {PROVIDER} provider | here | {PEER} {told['version']} | ratio |\n|---|---|---|---|")
    print(f"| request, ms | {ours_ms:.2f} | {peer_ms:.2f} | {peer_ms / ours_ms:.1f} |")
    print(f"| stream event, µs | {ours_us:.1f} | {peer_us:.1f} | {peer_us / ours_us:.1f} |")


def verdict(slowest_ms: float, slowest_us: float) -> int:
    kept = slowest_ms <= LIMIT_MS and slowest_us <= LIMIT_US
    print(
        f"\n{CLIENT} → {PROVIDER}: {slowest_ms:.2f} ms of {LIMIT_MS}; slowest event: {slowest_us:.1f} µs of {LIMIT_US}"
    )
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
