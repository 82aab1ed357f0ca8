"""Finding, loading and re-reading config.yml. With the environment handed in, the only code that reads either."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from axonhub.addons.config.check import Finding, check_names, check_reach
from axonhub.addons.config.document import Mark, Place, problem_at
from axonhub.addons.config.keys import apply_environment
from axonhub.addons.config.models import Config
from axonhub.addons.config.problems import ConfigError, Problem, Severity
from axonhub.addons.config.source import read_document
from axonhub.addons.config.validation import Validation, validate

SHIPPED = Path(__file__).resolve().parents[2] / "config.yml"
"""The file that the project ships: at the root of a checkout, and at the same place seen from here in a wheel."""

SYSTEM_WIDE = Path("/etc/axonhub/config.yml")

type Check = Callable[[Config], Iterable[Finding]]


def no_findings(config: Config) -> Iterable[Finding]:
    return ()


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a cheap look at a file tells; all zero when there is none."""

    inode: int = 0
    size_bytes: int = 0
    modified_ns: int = 0


@dataclass(frozen=True, slots=True)
class Loaded:
    config: Config
    problems: tuple[Problem, ...]
    """Warnings only: an error would have been a ConfigError."""
    path: Path
    digest: str
    """SHA-256 of the file in hex."""
    stamp: Stamp
    mark: Mark
    """The lines of the file, for `problem`."""

    def problem(self, place: Place, message: str, severity: Severity = "error") -> Problem:
        """A finding of someone else's, such as a channel type's about its flags; `place` is keys and list indexes."""
        return problem_at(str(self.path), self.mark.find(place), message, severity)


def find_config(
    explicit: Path | None, environ: Mapping[str, str], cwd: Path, system_wide: Path = SYSTEM_WIDE
) -> Path | None:
    """The file to load; None: none was named and none is in the usual places, so the built-in one serves.

    A file that was named (by option or by $AXONHUB_CONFIG) is returned even if it does not exist: to take another one
    instead would be a surprise.
    """
    home = Path(environ.get("HOME") or environ.get("USERPROFILE") or "/")
    named = str(explicit) if explicit else environ.get("AXONHUB_CONFIG", "")
    if named:
        return home / named[2:] if named.startswith("~/") else cwd / named
    places = (cwd / "config.yml", cwd / "conf" / "config.yml", system_wide, home / ".config" / "axonhub" / "config.yml")
    return next((place for place in places if place.is_file()), None)


def load_config(
    path: Path | None,
    environ: Mapping[str, str],
    *,
    known_types: Collection[str] | None = None,
    known_strategies: Collection[str] | None = None,
    check: Check = no_findings,
) -> Loaded:
    """Reads, checks and completes a file; None loads the one that the project ships. Blocks on the file.

    `known_types` and `known_strategies` are the names that channels and profiles may use; None accepts any. `check`
    adds what channel types know (flags, forms of credentials). Raises ConfigError with all problems, warnings as well.
    """
    path = path or SHIPPED
    try:
        stamp = stamp_of(path)
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError([Problem("", None, f"cannot be read: {error.strerror}", file=str(path))]) from error
    digest = sha256(content).hexdigest()
    document = read_document(content, str(path), environ)
    if isinstance(document, Problem):
        raise ConfigError([document], digest)
    apply_environment(document, environ)
    validation = validate(document)
    for finding in findings_about(validation, known_types, known_strategies, check):
        document.report(document.mark.find(finding.place), in_words(finding, document.mark), finding.severity)
    problems = tuple(sorted(document.problems, key=order))
    if validation.config is None or any(problem.severity == "error" for problem in problems):
        raise ConfigError(problems, digest)
    return Loaded(validation.config, problems, path, digest, stamp, document.mark)


def findings_about(
    validation: Validation, known_types: Collection[str] | None, known_strategies: Collection[str] | None, check: Check
) -> Iterator[Finding]:
    if validation.config is not None:
        yield from check_names(validation.config, known_types, known_strategies)
        yield from check(validation.config)
    if validation.config is not None and validation.routing_known:
        yield from check_reach(validation.config)


def in_words(finding: Finding, mark: Mark) -> str:
    if finding.because_of is None:
        return finding.message
    return f"{finding.message} (line {mark.find(finding.because_of).line})"


def order(problem: Problem) -> tuple[bool, int, str]:
    return problem.line is None, problem.line or 0, problem.path


def stamp_of(path: Path) -> Stamp:
    status = os.stat(path)
    return Stamp(status.st_ino, status.st_size, status.st_mtime_ns)


def read_if_changed(
    loaded: Loaded,
    environ: Mapping[str, str],
    refused: ConfigError | None = None,
    *,
    known_types: Collection[str] | None = None,
    known_strategies: Collection[str] | None = None,
    check: Check = no_findings,
) -> Loaded | ConfigError | None:
    """The file as it is now; a ConfigError when it cannot be used; None while there is nothing new. Blocks on the file.

    Ask now and then, off the event loop, and hand in the last refusal, so that a bad edit is told once. A file that
    vanished or is being written is news only once it is there again and at rest.
    """
    try:
        stamp = stamp_of(loaded.path)
        if stamp == loaded.stamp:
            return None
        digest = sha256(loaded.path.read_bytes()).hexdigest()
        if stamp != stamp_of(loaded.path):
            return None
    except OSError:
        return None
    if digest == loaded.digest or (refused and digest == refused.digest):
        return None
    try:
        return load_config(
            loaded.path, environ, known_types=known_types, known_strategies=known_strategies, check=check
        )
    except ConfigError as error:
        return error
