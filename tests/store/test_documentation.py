"""The examples of docs/store.md do what they say."""

import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from axonhub.addons.store.embedded import Embedded
from axonhub.addons.store.reader import TraceReader
from tests.store.traffic import START_S, record

PAGE = (Path(__file__).parents[2] / "docs" / "store.md").read_text(encoding="utf-8")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    store, dice = Embedded(tmp_path / "data", "written", lambda: START_S), random.Random(1)
    for number in range(300):
        document = record(number, dice)
        store.append([document | {"bodies": store.put("t", {"request": document["id"].encode()})}])
    store.close()
    return tmp_path


def examples(language: str) -> str:
    return "\n".join(re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL))


@pytest.mark.skipif(not (shutil.which("jq") and shutil.which("perl")), reason="needs jq and perl")
def test_shell_examples_read_the_journal(root: Path) -> None:
    stored = TraceReader.open(root / "data").latest(1000)

    ran = subprocess.run(["sh", "-e"], input=examples("sh"), cwd=root, capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stderr) == (0, "")
    failed = [line for line in ran.stdout.splitlines() if line.endswith("\t529\toverloaded")]
    assert len(failed) == sum(each["outcome"] == "error" for each in stored) > 0
    by_model = dict(line.split()[:2] for line in ran.stdout.splitlines() if "\t" not in line)
    assert int(by_model["gpt-5.1"]) == sum(each["used_model"] == "gpt-5.1" for each in stored)
    assert "damaged" not in ran.stdout


def test_python_examples_run(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    partition = next((root / "data").glob("2*-*"))
    shutil.copy(partition / "records.journal", root / "copy.journal")
    monkeypatch.chdir(root)
    names: dict[str, object] = {}

    exec(examples("python").replace("20260307-0001", partition.name).replace("opus", "sonnet"), names)

    found = names["record"]
    assert isinstance(found, dict) and "sonnet" in found["asked_model"]


def test_every_field_that_is_written_here_is_described() -> None:
    described = set(re.findall(r"`(\w+)`", PAGE))

    assert set(record(1, random.Random(1))) <= described
