"""A config.yml as it was read: plain values, and beside them where each came from."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from axonhub.addons.config.problems import Problem, Severity

type Place = Sequence[str | int]
"""Keys and list indexes from the top of the file."""


@dataclass(slots=True)
class Mark:
    """Where a value comes from."""

    path: str = ""
    line: int | None = None
    variable: str = ""
    """The environment variable that set it over the file's value; "" when none did."""
    children: dict[str | int, "Mark"] = field(default_factory=dict)

    def add(self, key: str | int, line: int | None, variable: str = "") -> "Mark":
        child = self.children[key] = Mark(join_path(self.path, key), line, variable)
        return child

    def find(self, place: Place) -> "Mark":
        """The mark of a place; what the file does not hold gets the line of what should have held it."""
        mark = self
        for key in place:
            mark = mark.children.get(key) or Mark(join_path(mark.path, key), mark.line, mark.variable)
        return mark


def join_path(path: str, key: str | int) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


@dataclass(slots=True)
class Document:
    """A file as it was read; grows by what the environment sets, shrinks by what turns out to be wrong."""

    file: str
    data: dict[str, object] = field(default_factory=dict)
    mark: Mark = field(default_factory=Mark)
    problems: list[Problem] = field(default_factory=list)
    variables: set[str] = field(default_factory=set)
    """Names that the file looks up in the environment."""

    def report(self, mark: Mark, message: str, severity: Severity = "error") -> None:
        self.problems.append(problem_at(self.file, mark, message, severity))

    def put(self, place: Sequence[str], value: object, variable: str) -> None:
        """Sets a value as if the file held it; does nothing where the file has no mapping on the way."""
        data, mark = self.data, self.mark
        for key in place[:-1]:
            inner = data.get(key)
            if inner is None:
                inner = data[key] = {}
            if not isinstance(inner, dict):
                return
            data, mark = inner, mark.children.get(key) or mark.add(key, None, variable)
        data[place[-1]] = value
        mark.add(place[-1], None, variable)

    def has(self, place: Sequence[str]) -> bool:
        """Whether there is a value at a place; nothing behind a key is no value."""
        data: object = self.data
        for key in place:
            data = data.get(key) if isinstance(data, dict) else None
        return data is not None

    def nearest(self, place: Place) -> tuple[str | int, ...]:
        """The part of a place that exists."""
        data: object = self.data
        for depth, key in enumerate(place):
            try:
                data = data[key]  # type: ignore[index]  # what has no items raises
            except (KeyError, IndexError, TypeError):
                return tuple(place[:depth])
        return tuple(place)

    def drop(self, place: Place) -> None:
        """Takes out a value that exists; the following items of a list move up, and so do their marks."""
        if not place:
            return
        data: object = self.data
        for key in place[:-1]:
            data = data[key]  # type: ignore[index]  # it exists
        mark, last = self.mark.find(place[:-1]), place[-1]
        if isinstance(data, list) and isinstance(last, int):
            marks = [mark.find([index]) for index in range(len(data)) if index != last]
            mark.children = dict(enumerate(marks))
            del data[last]
        elif isinstance(data, dict):
            data.pop(last)
            mark.children.pop(last, None)


def problem_at(file: str, mark: Mark, message: str, severity: Severity) -> Problem:
    if mark.variable:
        return Problem(mark.path, None, message, severity, mark.variable)
    return Problem(mark.path, mark.line, message, severity, file)
