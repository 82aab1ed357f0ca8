"""The gateway as a process: starts it in each of its ways, and sees that it ends well."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.gateway import caller
from tests.gateway.caller import Answer, Headers
from tests.gateway.network import MACHINE, Network

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
PATIENCE_S = 30.0
FAULTS = (
    "Traceback (most recent call last)",
    "has crashed",
    "Addon error",
    "was never retrieved",
    "was never awaited",
    "Unexpected event",
)
"""What must never be in a log."""

type Config = dict[str, object]

CONSOLE_COMMAND = (
    "import runpy, sys; runpy.run_path('addons/axonhub.py'); from axonhub.addons.main import main; sys.exit(main())"
)
"""`axonhub` from a checkout whose own environment this is not."""


def axonhub_command(*arguments: str, checkout: Path = ROOT) -> list[str]:
    installed = BIN / "axonhub"
    if installed.exists() and BIN.is_relative_to(checkout):
        return [str(installed), *arguments]
    return [sys.executable, "-c", CONSOLE_COMMAND, *arguments]


WAYS: Mapping[str, Sequence[str]] = {
    "mitmdump": (str(BIN / "mitmdump"), "-s", "addons/axonhub.py"),
    "mitmweb": (str(BIN / "mitmweb"), "-s", "addons/axonhub.py"),
    "serve": axonhub_command("serve"),
    "web": axonhub_command("web"),
}
HEADLESS_WAYS = ("mitmdump", "serve")


@dataclass(slots=True)
class Gateway:
    """A running gateway."""

    process: subprocess.Popen[bytes]
    port: int
    web_port: int
    folder: Path
    """Its config.yml, its log and (by default) its store are here."""
    network: Network
    environment: Mapping[str, str]
    checkout: Path = ROOT
    terminated: bool = False
    expected_faults: list[str] = field(default_factory=list)
    """What this test brings into the log on purpose, out of `FAULTS`."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def config_file(self) -> Path:
        return self.folder / "config.yml"

    @property
    def log_file(self) -> Path:
        return self.folder / "gateway.log"

    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def call(self, method: str, target: str, headers: Headers = (), body: bytes | Iterable[bytes] = b"") -> Answer:
        return self.network.inside(caller.call, self.port, method, target, headers, body)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs `axonhub …` beside it, with the same config."""
        return run_command(*arguments, environment=self.environment, checkout=self.checkout, network=self.network)

    def edit(self, **sections: object) -> None:
        """Replaces top-level sections of its config.yml while it runs."""
        write_config(self.config_file, {**yaml.safe_load(self.config_file.read_text("utf-8")), **sections})

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        wait_until(condition, what, lambda: f"log:\n{self.log()[-4000:]}")

    def terminate(self) -> None:
        """Sends the signal, once: a second one means that somebody is out of patience."""
        if self.process.poll() is None and not self.terminated:
            self.terminated = True
            self.process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """Ends it as an operator does; fails when it does not end by itself, in order, and with a clean log."""
        self.terminate()
        try:
            status = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"SIGTERM did not end it in {PATIENCE_S} s; log:\n{self.log()[-4000:]}") from None
        faults = [fault for fault in FAULTS if fault in self.log() and fault not in self.expected_faults]
        assert faults == [], f"{faults} in the log:\n{self.log()[-6000:]}"
        assert status == 0, f"exit status {status}; log:\n{self.log()[-4000:]}"


def wait_until(condition: Callable[[], bool], what: str, more: Callable[[], str] = str) -> None:
    """Polls: the condition is in another process."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"not in {PATIENCE_S} s: {what}. {more()}"
        time.sleep(0.02)


def run_command(
    *arguments: str, environment: Mapping[str, str], checkout: Path = ROOT, network: Network = MACHINE
) -> subprocess.CompletedProcess[str]:
    return network.inside(
        subprocess.run,
        axonhub_command(*arguments, checkout=checkout),
        cwd=checkout,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def base_environment(home: Path) -> dict[str, str]:
    """Nothing of the developer's own environment gets in. `home` holds mitmproxy's certificate authority, made once."""
    return {
        "PATH": os.pathsep.join([str(BIN), "/usr/local/bin", "/usr/bin", "/bin"]),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",  # a log in a file would come in blocks
    }


def write_config(file: Path, config: Config) -> None:
    """In one step, as editors do: the gateway never sees half a file."""
    fresh = file.with_suffix(".new")
    fresh.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    fresh.replace(file)


def start_gateway(
    config: Config,
    *,
    way: str,
    folder: Path,
    home: Path,
    network: Network = MACHINE,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    checkout: Path = ROOT,
    port: int | None = None,
    ready: Callable[[Gateway], bool] | None = None,
) -> Gateway:
    """Runs until `stop`. Port, web port and the store's folder are filled in where the config leaves them open.

    `port` is where it is expected to listen, when that is not what the config says; `ready` what is waited for, when
    that is not its health.
    """
    free_port, web_port = network.free_port(), network.free_port()
    open_ends: dict[str, Config] = {
        "server": {"port": free_port},
        "store": {"path": str(folder / "store")},
        "inspection": {"web_port": web_port},
    }
    whole = {**config, **{name: {**section, **config.get(name, {})} for name, section in open_ends.items()}}  # type: ignore[dict-item]
    write_config(folder / "config.yml", whole)
    full_environment = {
        **base_environment(home),
        "AXONHUB_CONFIG": str(folder / "config.yml"),
        **(environment or {}),
    }
    with (folder / "gateway.log").open("wb") as log:
        process = network.inside(
            subprocess.Popen,
            [*WAYS[way], *arguments],
            cwd=checkout,
            env=full_environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    listening = port or whole["server"]["port"]  # type: ignore[index]
    gateway = Gateway(process, listening, web_port, folder, network, full_environment, checkout)
    try:
        gateway.wait_until(lambda: (ready or is_healthy)(gateway), "GET /health answers 200")
    except BaseException:
        process.kill()
        process.wait()
        raise
    return gateway


def is_healthy(gateway: Gateway) -> bool:
    assert gateway.process.poll() is None, f"it ended with {gateway.process.returncode}; log:\n{gateway.log()[-4000:]}"
    try:
        return gateway.call("GET", "/health").status == 200
    except OSError:
        return False
