"""Claude Code without a terminal."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from tests.clients.programs import Desk, program

QUIET = {
    "IS_SANDBOX": "1",  # lets root skip the questions for permission
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
}


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one run."""

    events: tuple[dict[str, object], ...]
    status: int
    stderr: str

    @property
    def result(self) -> dict[str, object]:
        found = [event for event in self.events if event["type"] == "result"]
        assert len(found) == 1, f"exit status {self.status}, {self.stderr[-2000:]}, {self.events}"
        return found[0]

    @property
    def answer(self) -> str:
        return str(self.result["result"])

    @property
    def session(self) -> str:
        return str(self.result["session_id"])

    @property
    def retries(self) -> list[dict[str, object]]:
        """Requests that Claude Code had to send again."""
        return [event for event in self.events if event.get("subtype") == "api_retry"]


def claude(desk: Desk, base_url: str, key: str, prompt: str, *flags: str, model: str | None = None) -> Run:
    chosen: Sequence[str] = () if model is None else ("--model", model)
    command = [str(program("claude")), "-p", "--output-format", "stream-json", "--verbose"]
    ran: subprocess.CompletedProcess[str] = desk.run(
        [*command, "--dangerously-skip-permissions", *chosen, *flags, "--", prompt],
        {**QUIET, "ANTHROPIC_BASE_URL": base_url, "ANTHROPIC_AUTH_TOKEN": key},
    )
    lines = [line for line in ran.stdout.splitlines() if line.startswith("{")]
    return Run(tuple(json.loads(line) for line in lines), ran.returncode, ran.stderr)
