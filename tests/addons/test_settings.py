"""Whose key it is, in the configuration that is in force now."""

import asyncio
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import orjson
import pytest

from axonhub.addons import settings as module
from axonhub.addons.settings import Settings

PLAIN, HIDDEN, OTHER = "ah-key-that-is-written", "ah-key-that-is-hidden", "ah-another-key-of-somebody"
KEYS = [
    {"name": "plain", "key": PLAIN},
    {"name": "hidden", "key_sha256": sha256(HIDDEN.encode()).hexdigest().upper()},
    {"name": "disabled", "key": OTHER, "status": "disabled"},
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.yml"


def write(path: Path, keys: list[dict[str, str]]) -> None:
    path.write_bytes(orjson.dumps({"api_keys": keys, "store": {"path": str(path.parent / "store")}}))


@pytest.fixture
def settings(path: Path) -> Settings:
    write(path, KEYS)
    settings = Settings()
    settings.open(path)
    return settings


def owners(settings: Settings, *keys: str) -> list[str | None]:
    return [owner.name if (owner := settings.owner(key)) else None for key in keys]


EXPECTED: Mapping[str, str | None] = {
    PLAIN: "plain",
    HIDDEN: "hidden",
    OTHER: "disabled",
    PLAIN[:-1]: None,
    PLAIN.upper(): None,
    "": None,
    "käse": None,
    "\udcff": None,
    str(KEYS[1]["key_sha256"]): None,
}


def test_a_key_has_its_owner(settings: Settings):
    assert list(EXPECTED.values()) == owners(settings, *EXPECTED)


def test_what_hashes_alike_is_not_the_same_key(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "hash", lambda key: 1, raising=False)
    write(path, KEYS)
    settings = Settings()
    settings.open(path)

    assert list(EXPECTED.values()) == owners(settings, *EXPECTED)


def test_after_an_edit_only_the_new_keys_are_known(settings: Settings, path: Path):
    write(path, [{"name": "again", "key": OTHER}, {"name": "plain", "key": "ah-key-that-is-new-here"}])
    asyncio.run(settings.look())

    assert [None, None, "again", "plain"] == owners(settings, PLAIN, HIDDEN, OTHER, "ah-key-that-is-new-here")
    assert "enabled" == settings.owner(OTHER).status


def test_no_key_is_known_before_there_is_a_configuration():
    assert [None, None] == owners(Settings(), PLAIN, "")
