"""Dotted paths into JSON: `a.b.0.c`. A number is an index of a list, negative ones count from its end.

`\\.` is a dot within a name. Nothing is changed in place: what lies on the way is copied, all else is shared.
"""

import re
from typing import Final

from axonhub.transformers.json_types import Json

type Path = tuple[str, ...]

_DOT: Final = re.compile(r"(?<!\\)\.")
_INDEX: Final = re.compile(r"-?\d{1,9}")


class Absent:
    """No value, not even null."""


ABSENT: Final = Absent()


class BadPath(ValueError):
    """Why a path cannot be walked in this document."""


def read_path(text: str) -> Path:
    """BadPath for an empty step."""
    steps = tuple(step.replace("\\.", ".") for step in _DOT.split(text))
    if not all(steps):
        raise BadPath(f"bad path {text!r}: a step is empty")
    return steps


def value_at(document: Json, path: Path) -> Json | Absent:
    value = document
    for step in path:
        if isinstance(value, dict):
            if step not in value:
                return ABSENT
            value = value[step]
        elif isinstance(value, list) and (index := _index(value, step)) is not None:
            value = value[index]
        else:
            return ABSENT
    return value


def with_value(document: Json, path: Path, value: Json) -> Json:
    """Objects that are missing on the way are made. BadPath where something else is in the way."""
    if not path:
        return value
    step, *rest = path
    if isinstance(document, dict):
        return {**document, step: with_value(document.get(step, {}), tuple(rest), value)}
    if isinstance(document, list) and (index := _index(document, step)) is not None:
        return [*document[:index], with_value(document[index], tuple(rest), value), *document[index + 1 :]]
    raise BadPath(f"{step!r}: there is neither an object nor such an element")


def without_value(document: Json, path: Path) -> Json:
    """The very object when there is nothing at the path."""
    if value_at(document, path) is ABSENT:
        return document
    step, *rest = path
    if isinstance(document, dict):
        if not rest:
            return {name: value for name, value in document.items() if name != step}
        return {**document, step: without_value(document[step], tuple(rest))}
    assert isinstance(document, list)  # or there were nothing at the path
    index = _index(document, step)
    assert index is not None
    inner = [] if not rest else [without_value(document[index], tuple(rest))]
    return [*document[:index], *inner, *document[index + 1 :]]


def _index(items: list[Json], step: str) -> int | None:
    if not _INDEX.fullmatch(step):
        return None
    index = int(step)
    index = index + len(items) if index < 0 else index
    return index if 0 <= index < len(items) else None
