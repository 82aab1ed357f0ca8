"""A journal may be cut or damaged anywhere: every other record stays readable, and what does not check is reported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tinydb import where

from axonhub.addons.store.backend import StoreBusy
from axonhub.addons.store.tables import JournalDB


def filled(path: Path, records: int) -> bytes:
    with JournalDB(path) as db:
        for n in range(records):
            db.insert({"n": n, "text": f"record {n} " + "x" * (n % 50)})
    return path.read_bytes()


def line_ends(data: bytes) -> list[int]:
    return [at for at, byte in enumerate(data) if byte == 10]


def numbers(path: Path) -> list[int]:
    with JournalDB(path, read_only=True) as db:
        return [each["n"] for each in db.all()]


def test_cut_at_each_of_the_last_200_bytes_costs_only_the_cut_record(tmp_path: Path) -> None:
    path = tmp_path / "j"
    whole = filled(path, 20)
    for cut in range(1, 201):
        path.write_bytes(whole[: len(whole) - cut])
        complete = sum(end <= len(whole) - cut for end in line_ends(whole)) - 1

        with JournalDB(path) as db:
            db.insert({"n": 999})

        assert [*range(complete), 999] == numbers(path)


def test_any_flipped_byte_is_reported_and_costs_at_most_its_own_record(tmp_path: Path) -> None:
    path = tmp_path / "j"
    whole = filled(path, 12)
    header_end = whole.index(b"\n") + 1
    for at in range(header_end - 1, len(whole) - 1):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << (at % 8)
        path.write_bytes(damaged)
        own = whole.count(b"\n", 0, at) - 1  # of the header's newline: none

        with JournalDB(path, read_only=True) as db:
            found = {each["n"] for each in db.all()}
            reported = db.journal.journal.damaged

        assert found >= set(range(12)) - {own}
        assert reported, f"byte {at}"


def test_damage_that_happens_while_open_hides_only_that_document(tmp_path: Path) -> None:
    path = tmp_path / "j"
    filled(path, 5)
    with JournalDB(path, indexed=("n",)) as db:
        with path.open("r+b") as file:
            file.seek(path.read_bytes().index(b"record 2"))
            file.write(b"RECORD")

        assert [each["n"] for each in db.all()] == [0, 1, 3, 4]
        assert db.search(where("n") == 2) == []
        assert db.get(doc_id=3) is None


def test_file_reads_with_cut_and_a_json_reader(tmp_path: Path) -> None:
    filled(tmp_path / "j", 3)

    lines = subprocess.run(["cut", "-c10-", tmp_path / "j"], capture_output=True, check=True).stdout.splitlines()

    header, *records = [json.loads(line) for line in lines]
    assert header[:3] == ["h", "axonhub-journal", 1]
    assert [["i", "_default", n + 1] for n in range(3)] == [each[:3] for each in records]


def test_second_writer_is_refused(tmp_path: Path) -> None:
    with JournalDB(tmp_path / "j"), pytest.raises(StoreBusy):
        JournalDB(tmp_path / "j")


def test_files_are_private(tmp_path: Path) -> None:
    filled(tmp_path / "j", 1)

    assert (tmp_path / "j").stat().st_mode & 0o777 == 0o600


FILL_THE_DISK = """
import resource, signal, sys
sys.path[:0] = sys.argv[2:]
import tests.conftest
from axonhub.addons.store.backend import WriteFailed
from axonhub.addons.store.tables import JournalDB
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
db = JournalDB(sys.argv[1])
stored = refused = 0
for n in range(400):
    try:
        db.insert({"n": n, "text": "x" * 90})
        stored += 1
    except WriteFailed:
        refused += 1
assert [each["n"] for each in db.all()] == list(range(stored)), "readable while full"
print(stored, refused)
"""


def test_full_disk_leaves_all_acknowledged_records_readable(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, tmp_path / "j", root], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    stored, refused = map(int, done.stdout.split())

    assert stored > 100 and refused > 100
    assert list(range(stored)) == numbers(tmp_path / "j")
    with JournalDB(tmp_path / "j") as db:
        db.insert({"n": stored})
    assert list(range(stored + 1)) == numbers(tmp_path / "j")


def test_document_that_json_cannot_carry_changes_nothing(tmp_path: Path) -> None:
    with JournalDB(tmp_path / "j") as db:
        db.insert({"n": 1})
        with pytest.raises(TypeError):
            db.insert_multiple([{"n": 2}, {"n": 2**70}])

        assert [each["n"] for each in db.all()] == [1]
    assert (tmp_path / "j").read_bytes().count(b"\n") == 2
