"""Members of JSON objects, read by type: strictly from clients, loosely from providers.

The strict readers take the object, the member's name and the object's own path, and raise `Unreadable` naming the
member; an absent member and a null are both None. The loose ones (`as_…`) take a value and give None for any other
type: an answer that is odd in one member is still an answer.
"""

import math

from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import Unreadable

LARGEST_INTEGER = 2**63 - 1
"""JSON has no limit, but whoever reads ours may have this one."""
_WORD = {
    str: "a string",
    bool: "true or false",
    int: "an integer",
    float: "a number",
    list: "a list",
    dict: "an object",
}


def member(path: str, key: str) -> str:
    """The path of a member: `messages[3]` and `role` make `messages[3].role`."""
    return f"{path}.{key}" if path else key


def wrong_type(value: Json, wanted: type, path: str) -> Unreadable:
    found = "null" if value is None else _WORD.get(type(value), type(value).__name__)
    return Unreadable(f"must be {_WORD[wanted]}, not {found}", path)


def text(source: JsonObject, key: str, path: str) -> str | None:
    value = source.get(key)
    if value is None or isinstance(value, str):
        return value
    raise wrong_type(value, str, member(path, key))


def number(source: JsonObject, key: str, path: str) -> float | None:
    """A finite number as the client wrote it: 1 stays an int, 1.0 a float."""
    value = source.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise wrong_type(value, float, member(path, key))
    return value


def integer(source: JsonObject, key: str, path: str) -> int | None:
    """Also from a float without a fraction, which some JSON writers make of every number; at most 64 bits."""
    value = source.get(key)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not -LARGEST_INTEGER - 1 <= value <= LARGEST_INTEGER:
        raise Unreadable(f"{value} is out of range", member(path, key))
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(value, int, member(path, key))
    return value


def flag(source: JsonObject, key: str, path: str) -> bool | None:
    value = source.get(key)
    if value is None or isinstance(value, bool):
        return value
    raise wrong_type(value, bool, member(path, key))


def items(source: JsonObject, key: str, path: str) -> list[Json] | None:
    value = source.get(key)
    if value is None or isinstance(value, list):
        return value
    raise wrong_type(value, list, member(path, key))


def mapping(source: JsonObject, key: str, path: str) -> JsonObject | None:
    value = source.get(key)
    if value is None or isinstance(value, dict):
        return value
    raise wrong_type(value, dict, member(path, key))


def texts(source: JsonObject, key: str, path: str) -> list[str] | None:
    """A list of strings."""
    values = items(source, key, path)
    if values is None:
        return None
    return [_item(value, str, f"{member(path, key)}[{index}]") for index, value in enumerate(values)]


def objects(source: JsonObject, key: str, path: str) -> list[JsonObject] | None:
    """A list of objects."""
    values = items(source, key, path)
    if values is None:
        return None
    for index, value in enumerate(values):
        if not isinstance(value, dict):
            raise wrong_type(value, dict, f"{member(path, key)}[{index}]")
    return values  # type: ignore[return-value]  # checked above; a copy of a long list costs


def needed[T](value: T | None, key: str, path: str) -> T:
    """The value of a member that must be there: `needed(text(tool, "name", path), "name", path)`."""
    if value is None:
        raise Unreadable("is required", member(path, key))
    return value


def _item[T](value: Json, wanted: type[T], path: str) -> T:
    if isinstance(value, wanted):
        return value
    raise wrong_type(value, wanted, path)


def as_text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def as_mapping(value: Json) -> JsonObject:
    """{} when it is none, so that reads can be chained."""
    return value if isinstance(value, dict) else {}


def as_items(value: Json) -> list[Json]:
    """[] when it is none."""
    return value if isinstance(value, list) else []


def as_objects(value: Json) -> list[JsonObject]:
    """The objects of a list; anything else in it is left out."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_count(value: Json) -> int | None:
    """A number of tokens: fractions cut, never negative."""
    if value is None:
        return None
    if type(value) is not int:  # a bool is none
        if not isinstance(value, float) or not math.isfinite(value):
            return None
        value = int(value)
    return value if 0 <= value <= LARGEST_INTEGER else min(max(0, value), LARGEST_INTEGER)
