"""What the gateway costs: CPU and time of a request through it, against a bare mitmdump reverse proxy.

`scripts/bench gateway [--quick] [--write]`. All proxies run at the same time and take turns, round after round; a ratio
is the median of the rounds' own ratios, so a neighbour on the machine disturbs both of its sides. Upstream and client
are processes of their own. CPU is what the system's clock of the proxy's process tells, all its threads among it.

While CPU is measured all of them share one processor, or two threads of one core would slow each other down, now more
and now less; `--all-cpus` leaves them free. First tokens are measured on all processors.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import orjson
import uvloop

import tests.conftest  # noqa: F401  makes axonhub importable
from scripts.benchmarks.convert import claude_code_request
from scripts.benchmarks.wire.caller import Ask, load
from scripts.benchmarks.wire.page import write_section
from scripts.benchmarks.wire.proxies import ASKED, KEYS, Proxy, bare, environment, gateway
from scripts.benchmarks.wire.upstream import EVENTS, PACE_S, PACED_EVENTS, THINKING_S, upstream

REQUEST_BYTES = 300_000
STREAMS = 16
NUMBER = b"#number#"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"

BARE, SCRIPT, SERVE, DIRECT = "mitmdump, bare", "mitmdump -s", "axonhub serve", "direct"
PASS, CHAT = "pass", "chat"
SHOWN = {PASS: "passes", CHAT: "Anthropic → OpenAI chat"}
SPOKEN = {PASS: "Anthropic", CHAT: "OpenAI chat"}
PASS_LIMITS = {SCRIPT: 1.3, SERVE: 0.7}
CHAT_LIMIT = 2.5
FIRST_TOKEN_LIMIT_MS = 4.0


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    mark: str
    """End of the model's name, which tells the upstream how to answer."""
    requests: Mapping[int, int]
    """Connections → requests a round."""
    large: bool = False
    converted_limit: float | None = None


CASES = (
    Case("small request", "", {1: 250, 8: 500}),
    Case("300 KB request", "", {1: 80, 8: 160}, large=True, converted_limit=CHAT_LIMIT),
    Case(f"stream of {EVENTS} events, at once", "-at-once", {1: 40, 8: 80}),
    Case(f"stream of {EVENTS} events, one a ms", "-drip", {1: 8, 8: 80}),
)


@dataclass(slots=True)
class Figures:
    """One of each a round."""

    cpu_ms: list[float] = field(default_factory=list)
    whole_ms: list[float] = field(default_factory=list)
    first_ms: list[float] = field(default_factory=list)


type Key = tuple[str, str, str, int]
"""Proxy, pass or chat, case, connections."""


# -- requests


def ask(conversion: str, mark: str, large: bool) -> Ask:
    """The request as Claude Code writes it: `model` first, `stream` last."""
    return _ask("/v1/messages?beta=true", KEYS[conversion], mark, large, b'"text_delta"')


def ask_upstream(conversion: str, mark: str) -> Ask:
    """As small a request as can be, in the upstream's own protocol."""
    path, token = {PASS: ("/v1/messages", b'"text_delta"'), CHAT: ("/v1/chat/completions", b'"content":"A')}[conversion]
    return _ask(path, "sk-of-nobody", mark, False, token)


def _ask(path: str, key: str, mark: str, large: bool, token: bytes) -> Ask:
    body = orjson.dumps(large_body(mark) if large else small_body(mark))
    before, after = body.split(NUMBER)
    head = "\r\n".join(
        (
            f"POST {path} HTTP/1.1",
            "host: 127.0.0.1:8090",
            "accept: application/json",
            f"authorization: Bearer {key}",
            "content-type: application/json",
            "user-agent: claude-cli/2.1.197 (external, cli)",
            "x-claude-code-session-id: 01234567-89ab-cdef-0123-456789abcdef",
            "x-app: cli",
            "x-stainless-arch: x64",
            "x-stainless-lang: js",
            "x-stainless-os: Linux",
            "x-stainless-package-version: 0.94.0",
            "x-stainless-retry-count: 0",
            "x-stainless-runtime: node",
            "x-stainless-runtime-version: v22.18.0",
            "x-stainless-timeout: 600",
            "anthropic-beta: claude-code-20250219,interleaved-thinking-2025-05-14",
            "anthropic-dangerous-direct-browser-access: true",
            "anthropic-version: 2023-06-01",
            "connection: keep-alive",
            "accept-encoding: gzip, deflate, br, zstd",
            f"content-length: {len(body)}",
        )
    )
    begun = f"{head}\r\n\r\n".encode() + before
    return Ask(begun, after, b"0\r\n\r\n", token) if mark else Ask(begun, after, b"}")


def small_body(mark: str) -> dict[str, object]:
    messages = [{"role": "user", "content": f"Question {NUMBER.decode()}: what is a gateway?"}]
    return {"model": ASKED + mark, "max_tokens": 1024, "messages": messages} | ({"stream": True} if mark else {})


def large_body(mark: str) -> dict[str, object]:
    """A long conversation whose last words are new, as they are in a client's life."""
    body = dict(claude_code_request(REQUEST_BYTES))
    messages = body["messages"]
    assert isinstance(messages, list)
    last = {"role": "user", "content": [{"type": "text", "text": f"Go on with step {NUMBER.decode()}."}]}
    return body | {"model": ASKED + mark, "messages": [*messages, last], "stream": bool(mark)}


# -- measuring


def measure(proxies: Sequence[Proxy], rounds: int, scale: float) -> Iterator[tuple[Key, Figures]]:
    found: dict[Key, Figures] = {}
    keys = [
        (proxy, conversion, case, connections)
        for case in CASES
        for connections in case.requests
        for proxy in proxies
        for conversion in (PASS, CHAT)
        if (proxy.name, conversion) != (BARE, CHAT)
    ]
    for number in range(rounds + 1):
        for proxy, conversion, case, connections in keys:
            wanted = ask(conversion, case.mark, case.large)
            requests = max(connections, round(case.requests[connections] * (scale if number else 0.1)))
            begun_s = proxy.settled_cpu_s()
            times = asyncio.run(load(proxy.port, wanted, requests, connections))
            cpu_s = proxy.settled_cpu_s() - begun_s
            if number == 0:
                continue  # the first turn warms up
            figures = found.setdefault((proxy.name, conversion, case.name, connections), Figures())
            figures.cpu_ms.append(cpu_s / requests * 1e3)
            figures.whole_ms.append(median(times.whole_ms))
            figures.first_ms.append(median(times.first_ms))
        progress(f"round {number} of {rounds}")
    yield from found.items()


def first_tokens(
    proxies: Sequence[Proxy], port: int, rounds: int, spread_s: float
) -> dict[tuple[str, str], list[float]]:
    """Median time to the first token of 16 paced streams, by proxy and conversion, one a round."""
    direct = Proxy(DIRECT, port, 0)
    found: dict[tuple[str, str], list[float]] = {}
    for number in range(rounds + 1):
        for proxy in (direct, *proxies):
            for conversion in (PASS,) if proxy.name == BARE else (PASS, CHAT):
                asks = ask_upstream(conversion, "-paced") if proxy is direct else ask(conversion, "-paced", large=False)
                times = asyncio.run(load(proxy.port, asks, STREAMS * 2, STREAMS, spread_s=spread_s))
                if number:
                    found.setdefault((proxy.name, conversion), []).append(median(times.first_ms))
        progress(f"paced streams, round {number} of {rounds}")
    return found


def progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text}   ")


# -- the table


def cpu_table(found: Mapping[Key, Figures]) -> Iterator[tuple[str, bool]]:
    """Rows, and whether each keeps its limit."""
    for (proxy, conversion, case, connections), figures in sorted(found.items(), key=lambda item: order(item[0])):
        bare_ones = found[BARE, PASS, case, connections]
        times = median(map(float.__truediv__, figures.cpu_ms, bare_ones.cpu_ms))
        limit = limit_of(proxy, conversion, case)
        holds = limit is None or times <= limit
        goal = "" if limit is None else f"≤ {limit} × {'✓' if holds else '✗'}"
        way = proxy if proxy == BARE else f"{proxy}, {SHOWN[conversion]}"
        yield (
            f"| {case} | {connections} | {way} | {median(figures.cpu_ms):.2f} | {times:.2f} × | {goal} "
            f"| {median(figures.whole_ms):.1f} | {median(figures.first_ms):.1f} |",
            holds,
        )


def order(key: Key) -> tuple[int, int, int, int]:
    proxy, conversion, case, connections = key
    names = [each.name for each in CASES]
    return names.index(case), connections, conversion == CHAT, (BARE, SCRIPT, SERVE).index(proxy)


def limit_of(proxy: str, conversion: str, case: str) -> float | None:
    if conversion == PASS:
        return PASS_LIMITS.get(proxy)
    return next(each.converted_limit for each in CASES if each.name == case)


def first_token_table(
    what: str, found: Mapping[tuple[str, str], Sequence[float]], limit_ms: float | None
) -> Iterator[tuple[str, bool]]:
    for (proxy, conversion), firsts in found.items():
        later = median(map(float.__sub__, firsts, found[DIRECT, conversion]))
        limited = limit_ms is not None and proxy in PASS_LIMITS
        holds = limit_ms is None or not limited or later <= limit_ms
        goal = f"≤ {limit_ms} ms {'✓' if holds else '✗'}" if limited else ""
        way = f"{proxy}, {(SHOWN if proxy in PASS_LIMITS else SPOKEN)[conversion]}"
        yield f"| {what} | {way} | {median(firsts):.1f} | {later:.1f} | {goal} |", holds


@contextmanager
def running(folder: Path) -> Iterator[tuple[int, Sequence[Proxy]]]:
    """The upstream's port, and the proxies before it."""
    folder.mkdir()
    with ExitStack() as stack:
        port = stack.enter_context(upstream())
        yield (
            port,
            [
                stack.enter_context(bare(folder, port)),
                stack.enter_context(gateway(folder, port, "mitmdump")),
                stack.enter_context(gateway(folder, port, "serve")),
            ],
        )


@contextmanager
def on_one_cpu() -> Iterator[None]:
    """For this process and those that it starts meanwhile."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def table(folder: Path, rounds: int, scale: float, *, all_cpus: bool) -> tuple[str, bool]:
    with ExitStack() as stack:
        if not all_cpus:
            stack.enter_context(on_one_cpu())
        _, proxies = stack.enter_context(running(folder / "cpu"))
        rows = list(cpu_table(dict(measure(proxies, rounds, scale))))
    with running(folder / "first-tokens") as (port, proxies):
        spread_s = THINKING_S + PACED_EVENTS * PACE_S
        spread = list(first_token_table("spread", first_tokens(proxies, port, rounds, spread_s), FIRST_TOKEN_LIMIT_MS))
        burst = list(first_token_table("all in one moment", first_tokens(proxies, port, rounds, 0.0), None))
    where = "on all processors" if all_cpus else "client, proxies and upstream on one processor"
    lines = [
        f"{environment()}; {rounds} rounds, {where}. CPU is user and system time of the proxy's process, its store "
        "included.",
        "",
        "| case | connections | proxy | CPU ms a request | of bare | goal | p50 ms | first token p50 ms |",
        "|---|---|---|---|---|---|---|---|",
        *(row for row, _ in rows),
        "",
        f"First token of {STREAMS} streams at a time, one event each {PACE_S * 1e3:.0f} ms, on all processors:",
        "",
        "| streams begin | way | first token p50 ms | later than direct, ms | goal |",
        "|---|---|---|---|---|",
        *(row for row, _ in (*spread, *burst)),
    ]
    return "\n".join(lines), all(holds for _, holds in (*rows, *spread, *burst))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="about a minute: fewer requests, fewer rounds")
    parser.add_argument("--rounds", type=int, help="rounds of everything")
    parser.add_argument("--all-cpus", action="store_true", help="do not keep all processes on one processor")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    wanted = parser.parse_args()
    rounds, scale = wanted.rounds or (3 if wanted.quick else 7), 0.3 if wanted.quick else 1.0
    uvloop.install()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        text, holds = table(Path(name), rounds, scale, all_cpus=wanted.all_cpus)
    print(text)
    if wanted.write:
        write_section(PAGE, "Gateway", text)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
