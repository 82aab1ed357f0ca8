"""Console command `axonhub`."""

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status; `argv` without the program's name, None for the process's own arguments."""
    raise NotImplementedError
