"""What schemathesis finds when it calls every route of the admin API as its document says: no crash, no surprise."""

import subprocess
from pathlib import Path

from tests.gateway.administrator import ADMIN_TOKEN, API
from tests.gateway.conftest import StartGateway, Upstreams, ask_anthropic
from tests.gateway.process import BIN
from tests.gateway.test_admin import administered

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
SECONDS = 20


def test_every_answer_is_as_the_document_says(start: StartGateway, upstreams: Upstreams, tmp_path: Path) -> None:
    gateway = start(administered(upstreams), way="serve")
    ask_anthropic(gateway)
    ran = subprocess.run(
        [
            str(BIN / "schemathesis"), "run", f"{gateway.url}{API}/openapi.json",
            "--header", f"Authorization: Bearer {ADMIN_TOKEN}",
            "--checks", CHECKS,
            "--exclude-operation-id", "listen",  # does not end
            "--exclude-operation-id", "testChannel",  # takes its time, and is tested elsewhere
            "--phases", "fuzzing",
            "--max-time", str(SECONDS),
            "--generation-deterministic",
            "--no-color",
        ],
        cwd=tmp_path,
        env={**gateway.environment, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )  # fmt: skip

    assert ran.returncode == 0, f"{ran.stdout[-6000:]}\n{ran.stderr[-2000:]}"
    assert "Test cases:" in ran.stdout
