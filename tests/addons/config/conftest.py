"""Configuration files as text in a test."""

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from axonhub.addons.config import ConfigError, Loaded, load_config

TYPES = ("anthropic", "demo", "openai")
STRATEGIES = ("adaptive", "failover")


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "config.yml"
        path.write_text(dedent(text), encoding="utf-8")
        return path

    return write


@pytest.fixture
def load(write: Callable[[str], Path]) -> Callable[..., Loaded]:
    def load(text: str, environ: Mapping[str, str] | None = None) -> Loaded:
        return load_config(write(text), environ or {}, known_types=TYPES, known_strategies=STRATEGIES)

    return load


@pytest.fixture
def problems(load: Callable[..., Loaded]) -> Callable[..., list[str]]:
    """Each as `line: severity: path: message`; a line that is not known is the variable's name."""

    def problems(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
        try:
            found = load(text, environ).problems
        except ConfigError as error:
            found = error.problems
        return [f"{each.line or each.file}: {each.severity}: {each.path}: {each.message}" for each in found]

    return problems
