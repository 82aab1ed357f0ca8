"""The proxies under measure as processes: mitmdump bare, mitmdump with our addons, and `axonhub serve`."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.gateway.network import MACHINE
from tests.gateway.process import BIN, base_environment, start_gateway, wait_until

KEYS = {"pass": "ah-key-of-those-who-pass", "chat": "ah-key-of-those-who-convert"}
ASKED, WANTED = "claude-asked", "claude-wanted"
"""Beginnings of model names: the profile turns the one into the other, so every pass has its rename."""
MARKS = ("", "-at-once", "-drip", "-paced")
_RESTING_S = 0.003
"""Who uses less CPU than this in a twentieth of a second rests."""

_STREAMING_ADDON = '''\
def responseheaders(flow):
    """Without this mitmproxy keeps a stream back until it has ended."""
    if flow.response.headers.get("content-type", "").startswith("text/event-stream"):
        flow.response.stream = True
'''


@dataclass(frozen=True, slots=True)
class Proxy:
    name: str
    port: int
    pid: int

    def cpu_s(self) -> float:
        """User and system time of all its threads so far: Linux's clock of that process, which ticks in nanoseconds."""
        return time.clock_gettime(~self.pid << 3 | 2)

    def settled_cpu_s(self) -> float:
        """The same once it rests: what it does after its answers, such as storing them, belongs to them."""
        before, now = -1.0, self.cpu_s()
        while now - before > _RESTING_S:
            time.sleep(0.05)
            before, now = now, self.cpu_s()
        return now


def config(upstream_port: int) -> Mapping[str, object]:
    """Two channels on the same upstream, each with a key of its own."""
    mappings = [{"from": ASKED + mark, "to": WANTED + mark} for mark in MARKS]
    models = [WANTED + mark for mark in MARKS]
    url = f"http://127.0.0.1:{upstream_port}"
    types = {"pass": ("anthropic", url), "chat": ("openai", f"{url}/v1")}
    return {
        "api_keys": [
            {
                "name": name,
                "key": key,
                "active_profile": name,
                "profiles": [{"name": name, "model_mappings": mappings, "channels": [name]}],
            }
            for name, key in KEYS.items()
        ],
        "channels": [
            {"name": name, "type": kind, "base_url": base, "api_keys": ["sk-of-nobody"], "supported_models": models}
            for name, (kind, base) in types.items()
        ],
    }


@contextmanager
def bare(folder: Path, upstream_port: int) -> Iterator[Proxy]:
    """`mitmdump --mode reverse:…`, quiet, that lets streams flow."""
    script, port = folder / "streaming.py", MACHINE.free_port()
    script.write_text(_STREAMING_ADDON)
    mode = f"reverse:http://127.0.0.1:{upstream_port}@127.0.0.1:{port}"
    with (folder / "bare.log").open("wb") as log:
        process = subprocess.Popen(
            [BIN / "mitmdump", "-q", "--mode", mode, "-s", script],
            env=base_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    with ended(process):
        wait_until(lambda: listens(port), "mitmdump listens")
        yield Proxy("mitmdump, bare", port, process.pid)


@contextmanager
def gateway(folder: Path, upstream_port: int, way: str) -> Iterator[Proxy]:
    """`way`: mitmdump (quiet like the bare one) or serve."""
    own = folder / way
    own.mkdir()
    arguments, name = {"mitmdump": (("-q",), "mitmdump -s"), "serve": ((), "axonhub serve")}[way]
    started = start_gateway(dict(config(upstream_port)), way=way, folder=own, home=folder, arguments=arguments)
    with ended(started.process):
        yield Proxy(name, started.port, started.process.pid)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def ended(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def environment() -> str:
    """What the figures depend on, in a line."""
    python = ".".join(map(str, sys.version_info[:3]))
    return f"Python {python}, mitmproxy {version('mitmproxy')}, uvloop {version('uvloop')}, {os.cpu_count()} cores"
