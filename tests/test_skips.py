"""CI can trust that real clients were driven: `tests/skips.py`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

CLIENT_TESTS = """
import pytest

@pytest.fixture
def client():
    pytest.skip("no npm")

@pytest.mark.client
def test_skips_itself():
    pytest.skip("no npm")

@pytest.mark.client
@pytest.mark.skipif(True, reason="no npm")
def test_skipped_by_mark(): ...

@pytest.mark.client
def test_skipped_by_fixture(client): ...
"""
SKIPPED_MODULE = "import pytest\npytest.skip('no npm', allow_module_level=True)"
MODULE_WITHOUT_IMPORT = "import pytest\npytest.importorskip('no_npm')"
OTHER_TESTS = """
import pytest

def test_of_no_client():
    pytest.skip("not on this system")

@pytest.mark.client
@pytest.mark.xfail
def test_expected_to_fail():
    raise AssertionError

@pytest.mark.client
def test_passes(): ...
"""


def outcome(folder: Path, *modules: str, required: str) -> tuple[int, str]:
    """Exit status and output of pytest over test modules of these texts."""
    for index, source in enumerate(modules):
        (folder / f"test_{index}.py").write_text(source, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = client\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "tests.skips", "-p", "no:cacheprovider", "-rA", folder]
    env = os.environ | {"AXONHUB_REQUIRE_CLIENTS": required, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    return run.returncode, run.stdout


def test_skipped_client_test_fails_where_clients_are_required(tmp_path: Path):
    status, output = outcome(tmp_path, CLIENT_TESTS, required="1")

    assert status == 1
    assert "= 1 failed, 2 errors in" in output
    assert output.count("no npm (AXONHUB_REQUIRE_CLIENTS=1 forbids skipping it)") >= 3


def test_skipped_module_fails_where_clients_are_required(tmp_path: Path):
    status, output = outcome(tmp_path, SKIPPED_MODULE, MODULE_WITHOUT_IMPORT, required="1")

    assert status != 0
    assert "= 2 errors in" in output


@pytest.mark.parametrize("required", ["", "0"])
def test_client_tests_may_be_skipped_elsewhere(tmp_path: Path, required: str):
    status, output = outcome(tmp_path, CLIENT_TESTS, SKIPPED_MODULE, required=required)

    assert status == 0
    assert "= 4 skipped in" in output


def test_other_outcomes_stay_where_clients_are_required(tmp_path: Path):
    status, output = outcome(tmp_path, OTHER_TESTS, required="1")

    assert status == 0
    assert "= 1 passed, 1 skipped, 1 xfailed in" in output
