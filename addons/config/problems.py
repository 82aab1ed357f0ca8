"""What is wrong with a config.yml: one `Problem` a finding, `ConfigError` when it cannot be used."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

type Severity = Literal["error", "warning"]
"""An error refuses the file; a warning is for `axonhub check` and the start-up log."""


@dataclass(frozen=True, slots=True)
class Problem:
    path: str
    """Where in the configuration, as a person writes it: `channels[0].weight`; "" is the whole file."""
    line: int | None
    """Counted from 1; None when no line is to blame (an environment variable, a file that cannot be read)."""
    message: str
    """Never quotes a secret, a credential or a whole line of the file."""
    severity: Severity = "error"
    file: str = "config.yml"
    """The file's name as it was found, or the environment variable's name."""


class ConfigError(Exception):
    """config.yml cannot be used. Raised at load only, with every problem that was found and not just the first."""

    def __init__(self, problems: Iterable[Problem], digest: str = "") -> None:
        self.problems = tuple(problems)
        self.digest = digest
        """SHA-256 of the refused file in hex: a watcher reports a bad edit once; "" when it could not be read."""
        super().__init__(render_problems(self.problems))


def render_problems(problems: Iterable[Problem]) -> str:
    """One line each, `config.yml:12: error: channels[0].typ: …`, in the form that editors can jump to."""
    return "\n".join(render_problem(problem) for problem in problems)


def render_problem(problem: Problem) -> str:
    place = problem.file if problem.line is None else f"{problem.file}:{problem.line}"
    return ": ".join(part for part in (place, problem.severity, problem.path, problem.message) if part)
