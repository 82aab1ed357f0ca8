"""Run-time state: saved by one process, seen by the other with its next look, never torn."""

import subprocess
import sys
from pathlib import Path

from axonhub.addons.store.state import RuntimeState

ROOT = Path(__file__).parents[2]


def test_saved_value_is_seen_by_another_holder_of_the_folder(tmp_path: Path) -> None:
    gateway, command = RuntimeState(tmp_path / "data"), RuntimeState(tmp_path / "data")
    assert gateway.load() == {}

    command.save("profile:me", "deepseek")
    command.save("admin_token", {"sha256": "00"})
    assert gateway.load() == {"profile:me": "deepseek", "admin_token": {"sha256": "00"}}

    command.save("profile:me", "anthropic")
    command.save("admin_token", None)
    assert gateway.load() == {"profile:me": "anthropic"}


def test_unchanged_state_is_not_read_again(tmp_path: Path) -> None:
    state = RuntimeState(tmp_path)
    state.save("a", 1)

    assert state.load() is state.load()


def test_what_was_loaded_does_not_change_under_its_reader(tmp_path: Path) -> None:
    state = RuntimeState(tmp_path)
    state.save("a", 1)
    kept = state.load()
    state.save("a", 2)
    state.load()

    assert kept == {"a": 1}


def test_files_are_private(tmp_path: Path) -> None:
    RuntimeState(tmp_path / "data").save("a", 1)

    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert {each.stat().st_mode & 0o777 for each in (tmp_path / "data").iterdir()} == {0o600}


SAVE_MANY = """
import sys
import tests.conftest
from pathlib import Path
from axonhub.addons.store.state import RuntimeState
for n in range(20):
    RuntimeState(Path(sys.argv[1])).save(f"{sys.argv[2]}-{n}", n)
"""


def test_processes_that_save_at_once_lose_nothing(tmp_path: Path) -> None:
    savers = [
        subprocess.Popen([sys.executable, "-c", SAVE_MANY, str(tmp_path), name], cwd=ROOT) for name in ("a", "b", "c")
    ]
    state = RuntimeState(tmp_path)
    while any(saver.poll() is None for saver in savers):
        state.load()  # never torn: a part of a file would not parse

    assert [saver.returncode for saver in savers] == [0, 0, 0]
    assert state.load() == {f"{name}-{n}": n for name in ("a", "b", "c") for n in range(20)}
