"""The client programs that `scripts/clients` installs, and a place of their own for each run of one."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from tests.gateway.network import Network
from tests.gateway.process import ROOT

CLIENTS = Path(os.environ.get("AXONHUB_CLIENTS", ROOT / ".clients"))
PATIENCE_S = 120.0
"""The longest that one run of a client may take."""


def program(name: str) -> Path:
    """Skips the test when it is not installed; CI forbids that."""
    found = CLIENTS / "bin" / name
    if not found.exists():
        pytest.skip(f"{name} is not installed: run scripts/clients{'' if name == 'claude' else ' --all'}")
    return found


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a client works: a home and a project folder that nothing else has touched."""

    home: Path
    project: Path
    network: Network

    @classmethod
    def inside(cls, folder: Path, network: Network) -> Self:
        for name in ("home", "project"):
            (folder / name).mkdir()
        return cls(folder / "home", folder / "project", network)

    def file(self, name: str) -> Path:
        return self.project / name

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """To its end. Nothing of the developer's own environment gets in. Several desks may run at once."""
        program = self.network.inside(
            subprocess.Popen,
            list(command),
            cwd=self.project,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.home), "TERM": "dumb", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            stdout, stderr = program.communicate(timeout=PATIENCE_S)
        except BaseException:
            os.killpg(program.pid, signal.SIGKILL)
            program.communicate()
            raise
        return subprocess.CompletedProcess(program.args, program.returncode, stdout, stderr)
