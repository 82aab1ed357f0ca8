"""What was acknowledged is there after a SIGKILL at any moment, with its bodies, its sums, and once."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TRIALS = 105
"""For each durability; the two run side by side."""


def killing(durability: str, folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.store.killing", durability, str(TRIALS), "1", str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_killed_writers_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    running = [killing(durability, tmp_path) for durability in ("written", "durable")]
    for program in running:
        out, err = program.communicate()
        assert not err
        counted = json.loads(out)

        assert counted["trials"] == TRIALS
        assert counted["acknowledged"] > 1000 and counted["bodies checked"] > 1000 and counted["interrupted"] > 0
        assert {
            wrong: counted.get(wrong, 0) for wrong in ("lost", "twice", "bodies wrong", "sums wrong", "damage reported")
        } == {"lost": 0, "twice": 0, "bodies wrong": 0, "sums wrong": 0, "damage reported": 0}
