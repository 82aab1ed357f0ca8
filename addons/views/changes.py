"""What differs between two JSON documents, in lines that a person reads: `~ model: "a" → "b"`.

Equal members are not mentioned; long values are folded. Pure.
"""

from collections.abc import Iterator

import orjson

from axonhub.addons.views.folding import one_line
from axonhub.transformers.json_types import Json, JsonObject

_MOST_LINES = 60
DEEP, SHALLOW = 6, 0
"""Below this depth two values are shown as a whole."""
_VALUE = 90
_SEEN = 2000
"""Characters of a value that are looked at to show it."""


def changes(before: JsonObject, after: JsonObject, depth: int = DEEP) -> list[str]:
    """Members that went (`-`), came (`+`) or became something else (`~`). `depth`: of the objects that are entered."""
    lines: list[str] = []
    for line in _of_objects(before, after, "", depth):
        if len(lines) == _MOST_LINES:
            lines.append("⋯ and more")
            break
        lines.append(line)
    return lines


def _of_objects(before: JsonObject, after: JsonObject, path: str, depth: int) -> Iterator[str]:
    for name, value in before.items():
        where = f"{path}.{name}" if path else name
        if name not in after:
            yield f"- {where}: {brief(value)}"
        elif value != after[name]:
            yield from _of_values(value, after[name], where, depth)
    yield from (f"+ {f'{path}.{name}' if path else name}: {brief(after[name])}" for name in after if name not in before)


def _of_values(before: Json, after: Json, path: str, depth: int) -> Iterator[str]:
    if depth and isinstance(before, dict) and isinstance(after, dict):
        yield from _of_objects(before, after, path, depth - 1)
    elif depth and isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(before, after, path, depth - 1)
    elif isinstance(before, list) and isinstance(after, list):
        yield f"~ {path}: {len(before)} items → {len(after)} items, said in other words"
    else:
        yield f"~ {path}: {brief(before)} → {brief(after)}"


def _of_lists(before: list[Json], after: list[Json], path: str, depth: int) -> Iterator[str]:
    if len(before) != len(after):
        yield f"~ {path}: {len(before)} items → {len(after)} items"
    for at, (old, new) in enumerate(zip(before, after, strict=False)):
        if old != new:
            yield from _of_values(old, new, f"{path}[{at}]", depth)


def brief(value: Json) -> str:
    """One line of JSON."""
    if isinstance(value, str) and len(value) > _SEEN:
        value = value[:_SEEN] + "…"
    if isinstance(value, list) and len(value) > 20:
        return f"[{len(value)} items]"
    try:
        return one_line(orjson.dumps(value).decode(), _VALUE)
    except orjson.JSONEncodeError:  # nested deeper than it writes, though it reads it
        return "(nested too deep to be shown)"
