"""What failover costs: the layer where nothing fails, and a try that fails before another channel answers.

`scripts/bench failover [--quick] [--write]`. The layer alone, in an addon that does nothing but aim, stands against the
same mitmdump without it. A failed try stands against the same gateway whose first channel answers. All of them take
turns, round after round; a time is that of the quietest round, which neighbours on the machine disturbed least.
"""

import argparse
import asyncio
import socket
import subprocess
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
from scripts.benchmarks.wire.caller import Ask, load
from scripts.benchmarks.wire.page import write_section
from scripts.benchmarks.wire.proxies import Proxy, bare, ended, environment, listens
from scripts.benchmarks.wire.upstream import EVENTS, FAILING, upstream
from tests.gateway.network import MACHINE
from tests.gateway.process import BIN, base_environment, start_gateway, wait_until

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
NUMBER = b"#number#"
WHOLE, STREAM = "small request", f"stream of {EVENTS} events, at once"
MARKS = {WHOLE: "", STREAM: "-at-once"}
REQUESTS = {WHOLE: 250, STREAM: 60}
FATES = ("first channel answers", "first one refuses the connection", "first one answers 500")
LAYER_LIMIT = 1.5
"""Times the CPU of mitmproxy's own layer, which holds no request back, keeps none and watches no stream."""
TRY_LIMIT_MS = 10.0

_LAYER_ADDON = """\
import sys
sys.path.insert(0, {root!r})
import tests.conftest
from axonhub.addons import failover


class Through:
    begun = committed = rejected = closed = False
    progress = 0

    def feed(self, piece):
        self.committed = True
        self.progress += 1
        return [piece]

    def show(self): self.committed = True
    def finish(self): return []
    def abort(self, failure): return []
    def keepalive(self): return b""


def next_layer(data):
    failover.install(data)


def attempt(flow):
    if flow.response is None:
        flow.request.host, flow.request.port, flow.request.scheme = "127.0.0.1", {port}, "http"
        failover.aim(flow, failover.Try({{}}, 10.0, 60.0, 60.0))


def responseheaders(flow):
    if flow.response.headers.get("content-type", "").startswith("text/event-stream"):
        failover.last_try(flow).pipe = Through()
"""


@dataclass(slots=True)
class Figures:
    """One of each a round."""

    cpu_ms: list[float] = field(default_factory=list)
    whole_ms: list[float] = field(default_factory=list)


type Key = tuple[str, str]
"""Proxy or fate, and case."""


@contextmanager
def layer_only(folder: Path, upstream_port: int) -> Iterator[Proxy]:
    script, port = folder / "layer.py", MACHINE.free_port()
    script.write_text(_LAYER_ADDON.format(root=str(ROOT), port=upstream_port))
    mode = f"reverse:http://127.0.0.1:{upstream_port}@127.0.0.1:{port}"
    with (folder / "layer.log").open("wb") as log:
        process = subprocess.Popen(
            [BIN / "mitmdump", "-q", "--mode", mode, "--set", "connection_strategy=lazy", "-s", script],
            env=base_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    with ended(process):
        wait_until(lambda: listens(port), "mitmdump listens")
        yield Proxy("mitmdump with the layer", port, process.pid)


@contextmanager
def gateway(folder: Path, upstream_port: int) -> Iterator[Proxy]:
    """One key a fate. Channels that fail serve all models, and each request names another: no breaker opens."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        refusing = f"http://127.0.0.1:{gone.getsockname()[1]}"
    url = f"http://127.0.0.1:{upstream_port}"
    channels = {"good": url, "refused": refusing, "500": f"{url}{FAILING}"}
    tried = {FATES[0]: ["good"], FATES[1]: ["refused", "good"], FATES[2]: ["500", "good"]}
    config = {
        "api_keys": [
            {"name": fate, "key": key_of(fate), "active_profile": "own", "profiles": [{"name": "own", "channels": own}]}
            for fate, own in tried.items()
        ],
        "channels": [
            {
                "name": name,
                "type": "anthropic",
                "base_url": base,
                "api_keys": ["sk-of-nobody"],
                "supported_models": ["*"],
                "priority": int(name == "good"),
            }
            for name, base in channels.items()
        ],
    }
    started = start_gateway(config, way="serve", folder=folder, home=folder)
    with ended(started.process):
        yield Proxy("axonhub serve", started.port, started.process.pid)


def key_of(fate: str) -> str:
    return f"ah-key-{FATES.index(fate)}"


def ask(case: str, key: str = "nobody") -> Ask:
    messages = [{"role": "user", "content": "What is a gateway?"}]
    body = {"model": f"m{NUMBER.decode()}{MARKS[case]}", "max_tokens": 1024, "messages": messages}
    before, after = orjson.dumps(body | ({"stream": True} if case == STREAM else {})).split(NUMBER)
    length = len(before) + 8 + len(after)
    head = "\r\n".join(
        (
            "POST /v1/messages HTTP/1.1",
            "host: 127.0.0.1",
            f"x-api-key: {key}",
            "anthropic-version: 2023-06-01",
            "content-type: application/json",
            f"content-length: {length}",
        )
    )
    return Ask(f"{head}\r\n\r\n".encode() + before, after, b"0\r\n\r\n" if case == STREAM else b"}")


def measure(turns: Sequence[tuple[str, Proxy, str]], rounds: int, scale: float) -> Mapping[Key, Figures]:
    """`turns`: name, proxy and key."""
    found: dict[Key, Figures] = {}
    for number in range(rounds + 1):
        for case in MARKS:
            for name, proxy, key in turns:
                requests = max(10, round(REQUESTS[case] * (scale if number else 0.1)))
                begun_s = proxy.settled_cpu_s()
                times = asyncio.run(load(proxy.port, ask(case, key), requests, 1))
                cpu_s = proxy.settled_cpu_s() - begun_s
                if number:  # the first turn warms up
                    figures = found.setdefault((name, case), Figures())
                    figures.cpu_ms.append(cpu_s / requests * 1e3)
                    figures.whole_ms.append(median(times.whole_ms))
    return found


def layer_rows(found: Mapping[Key, Figures], plain: str, ours: str) -> Iterator[tuple[str, bool]]:
    for case in MARKS:
        times = min(found[ours, case].cpu_ms) / min(found[plain, case].cpu_ms)
        holds = times <= LAYER_LIMIT
        for name in (plain, ours):
            figures = found[name, case]
            told = f"{times:.2f} × | ≤ {LAYER_LIMIT} × {'✓' if holds else '✗'}" if name == ours else "1.00 × |"
            yield f"| {case} | {name} | {min(figures.cpu_ms):.2f} | {told} | {min(figures.whole_ms):.2f} |", holds


def try_rows(found: Mapping[Key, Figures]) -> Iterator[tuple[str, bool]]:
    for case in MARKS:
        good = found[FATES[0], case]
        for fate in FATES:
            figures = found[fate, case]
            added_ms = min(figures.whole_ms) - min(good.whole_ms)
            added_cpu_ms = min(figures.cpu_ms) - min(good.cpu_ms)
            holds = added_ms <= TRY_LIMIT_MS
            told = f"{added_ms:.2f} | ≤ {TRY_LIMIT_MS:g} ms {'✓' if holds else '✗'}" if fate != FATES[0] else " | "
            cpu = f"{added_cpu_ms:.2f}" if fate != FATES[0] else ""
            yield f"| {case} | {fate} | {min(figures.whole_ms):.2f} | {told} | {cpu} |", holds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="half a minute: fewer requests, fewer rounds")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    wanted = parser.parse_args()
    rounds, scale = (3, 0.3) if wanted.quick else (9, 1.0)
    uvloop.install()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name, ExitStack() as stack:
        folder = Path(name)
        port = stack.enter_context(upstream())
        plain = stack.enter_context(bare(folder, port))
        ours = stack.enter_context(layer_only(folder, port))
        whole = stack.enter_context(gateway(folder, port))
        turns = [(plain.name, plain, ""), (ours.name, ours, ""), *((fate, whole, key_of(fate)) for fate in FATES)]
        found = measure(turns, rounds, scale)
    layer, tries = list(layer_rows(found, plain.name, ours.name)), list(try_rows(found))
    text = "\n".join(
        (
            f"{environment()}; {rounds} rounds, one connection. The layer where nothing fails:",
            "",
            "| case | proxy | CPU ms a request | of bare | goal | p50 ms |",
            "|---|---|---|---|---|---|",
            *(row for row, _ in layer),
            "",
            f"One try that fails, in `{whole.name}`:",
            "",
            "| case | what happens | p50 ms | added, ms | goal | added CPU, ms |",
            "|---|---|---|---|---|---|",
            *(row for row, _ in tries),
        )
    )
    print(text)
    if wanted.write:
        write_section(PAGE, "Failover", text)
    return 0 if all(holds for _, holds in (*layer, *tries)) else 1


if __name__ == "__main__":
    sys.exit(main())
