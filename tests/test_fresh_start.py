"""What the README's first command promises: a clone, a Python, `scripts/start`, and an answer from the demo channel.

The environment is the operators' own, made from requirements.txt alone: the developers' would hide what is missing
there.
"""

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.network import MACHINE

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 600
ASKED = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 50,
    "stream": True,
    "messages": [{"role": "user", "content": "Hi"}],
}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files that git knows, as they are now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            target = tmp_path / "clone" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
            target.chmod((ROOT / name).stat().st_mode)
    return tmp_path / "clone"


@pytest.fixture
def started(clone: Path, tmp_path: Path) -> Iterator[int]:
    """The port of a gateway that `scripts/start` runs. The first line of its greeting says that it listens."""
    port = MACHINE.free_port()
    environ = {**os.environ, "HOME": str(tmp_path), "AXONHUB_SERVER_PORT": str(port)}
    process = subprocess.Popen(
        ["scripts/start"], cwd=clone, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    try:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Admin token" in line:
                break
        else:
            pytest.fail("".join(lines))
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


@pytest.mark.slow
def test_a_fresh_clone_answers_after_one_command(started: int) -> None:
    headers = {"authorization": "Bearer ah-local-dev", "content-type": "application/json"}
    request = urllib.request.Request(
        f"http://127.0.0.1:{started}/anthropic/v1/messages", json.dumps(ASKED).encode(), headers
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        text = answer.read().decode()

    assert "event: message_start" in text
    assert '"text":"Hi"' in text
    assert text.rstrip().endswith('data: {"type":"message_stop"}')
