"""`scripts/setup` with stand-ins for Python: which one it takes, and when it installs again."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("bash", "cat", "cksum", "cut", "dirname", "find", "flock", "mkdir", "cp", "rm", "sed", "sort")

# Makes environments that hold a copy of itself, and notes instead of installing; the rest is left to a real Python.
STAND_IN = """#!/bin/sh
case "$*" in
    "-m venv --clear .venv") rm -rf .venv && mkdir -p .venv/bin && cp "$0" .venv/bin/python && echo {name} >> made ;;
    "-m pip "*) echo "$*" >> installed ;;
    *) exec {python} "$@" ;;
esac
"""
OTHER_VERSION = STAND_IN.replace("    *)", "    *python_version*) echo 3.99.0 ;;\n    *)")
TOO_OLD = "#!/bin/sh\nexit 1\n"
NO_VENV = """#!/bin/sh
case "$*" in *ensurepip*) exit 1 ;; *) exec {python} "$@" ;; esac
"""


class Checkout:
    """A folder with `scripts/setup`, on a machine that has nothing but TOOLS and the Pythons put there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.path = folder / "bin"
        self.root = folder / "checkout"
        (self.root / "scripts").mkdir(parents=True)
        self.path.mkdir()
        shutil.copy(ROOT / "scripts" / "setup", self.root / "scripts")
        for name in ("requirements.txt", "requirements-dev.txt", "pyproject.toml"):
            (self.root / name).write_text(name, encoding="utf-8")
        for tool in TOOLS:
            if found := shutil.which(tool):
                (self.path / tool).symlink_to(found)

    def put(self, python: Path, text: str = STAND_IN) -> Path:
        python.parent.mkdir(parents=True, exist_ok=True)
        python.write_text(text.format(name=python, python=sys.executable), encoding="utf-8")
        python.chmod(0o755)
        return python

    def set_up(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [self.path / "bash", self.root / "scripts" / "setup", *arguments]
        env = {"HOME": str(self.home), "PATH": str(self.path)} | environment
        return subprocess.run(
            command, cwd=self.folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )

    def lines(self, name: str) -> list[str]:
        file = self.root / name
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

    @property
    def pythons_taken(self) -> list[str]:
        return self.lines("made")

    @property
    def installs(self) -> list[str]:
        """The lock files installed from, in order."""
        return [line.split()[-1] for line in self.lines("installed") if "--requirement" in line]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_without_a_python_it_says_what_to_do(checkout: Checkout):
    checkout.put(checkout.path / "python3", TOO_OLD)

    outcome = checkout.set_up()

    assert outcome.returncode == 1
    assert "no Python 3.12 or newer was found" in outcome.stderr
    assert "PYTHON=/path/to/python3 scripts/setup" in outcome.stderr
    assert not (checkout.root / ".venv").exists()


def test_newest_name_on_the_path_is_taken(checkout: Checkout):
    checkout.put(checkout.path / "python3")
    newest = checkout.put(checkout.path / "python3.13")
    checkout.put(checkout.path / "python3.12")

    assert checkout.set_up().returncode == 0
    assert checkout.pythons_taken == [str(newest)]


def test_named_python_comes_first(checkout: Checkout):
    checkout.put(checkout.path / "python3.13")
    named = checkout.put(checkout.folder / "elsewhere" / "python")

    assert checkout.set_up(PYTHON=str(named)).returncode == 0
    assert checkout.pythons_taken == [str(named)]


def test_named_python_that_is_too_old_is_passed_over_aloud(checkout: Checkout):
    found = checkout.put(checkout.path / "python3")
    old = checkout.put(checkout.folder / "elsewhere" / "python", TOO_OLD)

    outcome = checkout.set_up(PYTHON=str(old))

    assert outcome.returncode == 0
    assert f"PYTHON={old} is not a Python 3.12 or newer" in outcome.stderr
    assert checkout.pythons_taken == [str(found)]


@pytest.mark.parametrize("where", ["home", "PYENV_ROOT"])
def test_pyenv_is_searched_newest_first_though_not_on_the_path(checkout: Checkout, where: str):
    root = checkout.home / ".pyenv" if where == "home" else checkout.folder / "pyenv"
    checkout.put(root / "versions" / "3.9.18" / "bin" / "python3", TOO_OLD)
    checkout.put(root / "versions" / "3.12.1" / "bin" / "python3")
    newest = checkout.put(root / "versions" / "3.13.0" / "bin" / "python3")

    assert checkout.set_up(PYENV_ROOT=str(root)).returncode == 0
    assert [Path(taken).resolve() for taken in checkout.pythons_taken] == [newest]


def test_python_without_venv_is_passed_over_aloud(checkout: Checkout):
    checkout.put(checkout.path / "python3.13", NO_VENV)
    found = checkout.put(checkout.path / "python3")

    outcome = checkout.set_up()

    assert "python3.13 is new enough but lacks the venv module" in outcome.stderr
    assert checkout.pythons_taken == [str(found)]


def test_second_time_does_and_says_nothing(checkout: Checkout):
    checkout.put(checkout.path / "python3")
    checkout.set_up()

    outcome = checkout.set_up()

    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", "")
    assert checkout.installs == ["requirements.txt"]


def test_what_tests_the_gateway_also_runs_it(checkout: Checkout):
    checkout.put(checkout.path / "python3")

    for arguments in (["--dev"], [], ["--dev"]):
        assert checkout.set_up(*arguments).returncode == 0

    assert checkout.installs == ["requirements-dev.txt"]


def test_what_runs_the_gateway_does_not_test_it(checkout: Checkout):
    checkout.put(checkout.path / "python3")

    for arguments in ([], ["--dev"]):
        assert checkout.set_up(*arguments).returncode == 0

    assert checkout.installs == ["requirements.txt", "requirements-dev.txt"]
    assert len(checkout.pythons_taken) == 1


@pytest.mark.parametrize("changed", ["requirements.txt", "pyproject.toml"])
def test_changed_requirements_are_installed(checkout: Checkout, changed: str):
    checkout.put(checkout.path / "python3")
    checkout.set_up()

    (checkout.root / changed).write_text("changed", encoding="utf-8")

    assert checkout.set_up().returncode == 0
    assert checkout.installs == ["requirements.txt", "requirements.txt"]
    assert len(checkout.pythons_taken) == 1


def test_failed_install_is_tried_again(checkout: Checkout):
    python = checkout.path / "python3"
    checkout.put(
        python, STAND_IN.replace('"-m pip "*)', '*--require-hashes*) echo "$*" >> installed; exit 1 ;;\n"-m pip "*)')
    )

    outcomes = [checkout.set_up(), checkout.set_up()]

    assert [outcome.returncode for outcome in outcomes] == [1, 1]
    assert "pip could not install requirements.txt" in outcomes[0].stderr
    assert len(checkout.installs) == 2


def test_moved_checkout_gets_a_new_environment(checkout: Checkout):
    """The programs of an environment name its Python by the full path."""
    checkout.put(checkout.path / "python3")
    checkout.set_up()

    checkout.root = checkout.root.rename(checkout.folder / "moved")

    assert checkout.set_up().returncode == 0
    assert len(checkout.pythons_taken) == 2
    assert checkout.installs == ["requirements.txt", "requirements.txt"]


def test_another_python_gets_a_new_environment(checkout: Checkout):
    checkout.put(checkout.path / "python3")
    checkout.set_up()
    other = checkout.put(checkout.folder / "other" / "python", OTHER_VERSION)

    assert checkout.set_up(PYTHON=str(other)).returncode == 0
    assert checkout.pythons_taken[1:] == [str(other)]
    assert checkout.set_up().returncode == 0
    assert len(checkout.pythons_taken) == 2


def test_unknown_argument_shows_the_usage(checkout: Checkout):
    outcome = checkout.set_up("--production")

    assert outcome.returncode == 2
    assert "scripts/setup --dev" in outcome.stderr
