"""The import names hold however the project is there: a bare checkout, an editable install, a wheel."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("addons", "transformers")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

LOAD_AS_MITMPROXY_DOES = """
import json, sys
from mitmproxy.addons.script import load_script
first, second = load_script(sys.argv[1]), load_script(sys.argv[1])
import profile, transformers
import axonhub.transformers.hub, axonhub.addons.main
print(json.dumps({
    "loaded": [type(module.addons).__name__ for module in (first, second)],
    "addons": axonhub.addons.main.__file__,
    "transformers": axonhub.transformers.__file__,
    "other transformers": transformers.__file__,
    "profile": profile.__file__,
}))
"""
"""Twice, because mitmproxy loads the script again whenever it changes."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A Python with our dependencies, but without us until something is installed."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        return Path(sysconfig.get_path("purelib", vars={"base": str(self.folder)}))

    def run(self, arguments: Sequence[str | Path], cwd: Path) -> str:
        return run([self.python, "-P", *arguments], cwd)

    def install(self, *arguments: str | Path) -> None:
        pip = [sys.executable, "-m", "pip", "--python", self.python, "--disable-pip-version-check", "install"]
        run([*pip, "--no-index", "--no-deps", "--no-build-isolation", *arguments], self.folder)


def run(command: Sequence[str | Path], cwd: Path) -> str:
    outcome = subprocess.run(command, cwd=cwd, env=clean_environment(), capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return outcome.stdout


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """Beside our dependencies, as they are in the environment of the tests, another package called transformers."""
    made = Environment(tmp_path / "environment")
    run([sys.executable, "-m", "venv", "--without-pip", made.folder], tmp_path)
    # A folder named in a .pth is searched, but the .pth files in it are not read: our own editable install stays out.
    (made.packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    (made.packages / "transformers.py").touch()
    return made


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what an install needs, so that building leaves nothing behind."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    for name in FOLDERS:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    (copy / "README.md").touch()
    return copy


def build_wheel(checkout: Path) -> Path:
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    run([sys.executable, "-c", build, checkout.parent], checkout)
    return next(checkout.parent.glob("*.whl"))


def load_script(environment: Environment, script: Path | str, cwd: Path) -> dict[str, object]:
    loaded: dict[str, object] = json.loads(
        environment.run(["-c", LOAD_AS_MITMPROXY_DOES, script], cwd).splitlines()[-1]
    )
    return loaded


def test_packages_of_the_wheel_are_the_folders_with_modules():
    listed = set(PROJECT["tool"]["setuptools"]["packages"])
    modules = [file.relative_to(ROOT) for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    folders = {f"axonhub.{'.'.join(module.parent.parts)}" for module in modules}

    assert folders - listed == set(), "add them to [tool.setuptools] packages in pyproject.toml"
    assert listed - folders == set(), "take them out of [tool.setuptools] packages in pyproject.toml"


@pytest.mark.slow
@pytest.mark.parametrize(("cwd", "script"), [(".", "addons/axonhub.py"), ("addons", "axonhub.py"), ("..", None)])
def test_script_loads_from_a_bare_checkout(environment: Environment, checkout: Path, cwd: str, script: str | None):
    loaded = load_script(environment, script or checkout / "addons" / "axonhub.py", checkout / cwd)

    assert loaded == {
        "loaded": ["list", "list"],
        "addons": str(checkout / "addons" / "main.py"),
        "transformers": str(checkout / "transformers" / "__init__.py"),
        "other transformers": str(environment.packages / "transformers.py"),
        "profile": sysconfig.get_path("stdlib") + "/profile.py",
    }


@pytest.mark.slow
def test_editable_install_leads_to_the_checkout(environment: Environment, checkout: Path):
    environment.install("--editable", checkout)

    main = environment.run(["-c", "import axonhub.addons.main as main; print(main.__file__)"], environment.folder)
    loaded = load_script(environment, checkout / "addons" / "axonhub.py", environment.folder)

    assert main.strip() == loaded["addons"] == str(checkout / "addons" / "main.py")
    assert (environment.folder / "bin" / "axonhub").exists()


@pytest.mark.slow
def test_checkout_in_use_wins_over_another_that_is_installed(environment: Environment, checkout: Path, tmp_path: Path):
    shutil.copytree(checkout, tmp_path / "other")
    environment.install("--editable", tmp_path / "other")

    loaded = load_script(environment, checkout / "addons" / "axonhub.py", tmp_path)

    assert loaded["addons"] == str(checkout / "addons" / "main.py")


@pytest.mark.slow
def test_wheel_holds_every_file_of_the_packages_and_nothing_else(checkout: Path):
    (checkout / "addons" / "console" / "pages" / "inner").mkdir(parents=True)
    for name in ("style.css", "page.html", "page.js", "inner/mark.svg", "inner/prices.yml", "inner/words.json"):
        (checkout / "addons" / "console" / "pages" / name).touch()
    files = [file for folder in FOLDERS for file in (checkout / folder).rglob("*") if file.is_file()]

    with zipfile.ZipFile(build_wheel(checkout)) as wheel:
        held = [name for name in wheel.namelist() if ".dist-info/" not in name]

    assert sorted(held) == sorted(f"axonhub/{file.relative_to(checkout)}" for file in files)


@pytest.mark.slow
def test_wheel_runs_as_script_and_as_package(environment: Environment, checkout: Path):
    wheel = build_wheel(checkout)
    shutil.rmtree(checkout)
    environment.install(wheel)
    installed = environment.packages / "axonhub"

    main = environment.run(["-c", "import axonhub.addons.main as main; print(main.__file__)"], environment.folder)
    loaded = load_script(environment, installed / "addons" / "axonhub.py", environment.folder)

    assert main.strip() == loaded["addons"] == str(installed / "addons" / "main.py")
    assert loaded["other transformers"] == str(environment.packages / "transformers.py")
    assert (environment.folder / "bin" / "axonhub").exists()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_lock_pins_and_hashes_everything_and_names_no_place(name: str):
    requirement = re.compile(r"[a-z0-9-]+==[0-9a-z.]+( ; [^#@:/]+)?( --hash=sha256:[0-9a-f]{64})+")
    lines = (ROOT / name).read_text(encoding="utf-8").replace(" \\\n   ", "").splitlines()

    assert [line for line in lines if not requirement.fullmatch(line)] == []
    assert {line.split("==")[0] for line in lines} >= {named(one) for one in PROJECT["project"]["dependencies"]}


def test_lock_of_the_developers_adds_to_that_of_the_operators():
    operators, developers = (
        {line for line in (ROOT / name).read_text(encoding="utf-8").splitlines() if "==" in line}
        for name in ("requirements.txt", "requirements-dev.txt")
    )

    assert operators < developers


def named(requirement: str) -> str:
    return re.split("[^a-z0-9-]", requirement, maxsplit=1)[0]
