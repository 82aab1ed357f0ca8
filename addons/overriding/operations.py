"""The operations of a channel, compiled once, and what they make of a request's body and headers.

Values and conditions are compiled when config.yml is read; a bad value is then used as it stands, a bad condition
refuses the file. An operation that fails for one request (nothing to walk through, a template that breaks) is left out.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

import orjson

from axonhub.addons.config import BodyOperation, Channel, HeaderOperation, Match
from axonhub.addons.derived import Derived
from axonhub.addons.overriding.conditions import Asked, BadFilter, Condition, read_condition
from axonhub.addons.overriding.paths import (
    ABSENT,
    Absent,
    BadPath,
    Path,
    read_path,
    value_at,
    with_value,
    without_value,
)
from axonhub.addons.overriding.templates import BadTemplate, Facts, RenderError, Text, as_json, read_text
from axonhub.transformers.json_types import Json

type Outcome = Literal["applied", "no effect", "condition is false", "failed"]
type Change[Subject] = Callable[[Subject, Facts], Subject]
"""Gives back the very object when there is nothing to change. BadPath, RenderError."""
type Value = Callable[[Facts], Json]

GATEWAYS_OWN: Final = frozenset(
    "host content-length content-encoding transfer-encoding connection keep-alive te trailer upgrade expect "
    "proxy-connection".split()
)
"""Headers that say how a message is framed and where it goes."""


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    value: str
    secret: bool = False
    """It is merged at send time and shown to nobody."""


type Fields = tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Operation[Subject]:
    label: str
    """What it does, without its value: `set temperature`."""
    condition: Condition | None
    change: Change[Subject]


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one operation."""

    label: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Overrides:
    body: tuple[Operation[Json], ...]
    headers: tuple[Operation[Fields], ...]


def applied[Subject](
    operations: Sequence[Operation[Subject]], subject: Subject, facts: Facts, asked: Asked
) -> tuple[Subject, list[Step]]:
    """One after the other; the very subject when nothing changed."""
    steps = []
    for each in operations:
        changed, step = _stepped(each, subject, facts, asked)
        subject = changed
        steps.append(step)
    return subject, steps


def _stepped[Subject](
    operation: Operation[Subject], subject: Subject, facts: Facts, asked: Asked
) -> tuple[Subject, Step]:
    try:
        if operation.condition is not None and not operation.condition(facts, asked):
            return subject, Step(operation.label, "condition is false")
        changed = operation.change(subject, facts)
    except (BadPath, RenderError) as error:
        return subject, Step(operation.label, "failed", str(error))
    return changed, Step(operation.label, "no effect" if changed is subject else "applied")


# -- compiling


def _compiled(channel: Channel) -> Overrides:
    settings = channel.settings
    return Overrides(
        tuple(_body_operation(each) for each in settings.body_override_operations),
        tuple(_header_operation(each) for each in settings.header_override_operations),
    )


overrides_of: Final = Derived(_compiled)
"""A channel's operations. BadTemplate, BadFilter or BadPath for what `faults` names as an error."""


@dataclass(frozen=True, slots=True)
class Fault:
    place: tuple[str | int, ...]
    """Within the channel."""
    message: str
    fatal: bool


def faults(channel: Channel) -> Iterator[Fault]:
    for index, operation in enumerate(channel.settings.body_override_operations):
        place = ("settings", "body_override_operations", index)
        yield from _condition_faults(place, operation.condition)
        yield from _path_faults(place, operation)
        yield from (Fault((*place, "value"), words, False) for words in _value_faults(operation.value))
    for index, header in enumerate(channel.settings.header_override_operations):
        place = ("settings", "header_override_operations", index)
        yield from _condition_faults(place, header.condition)
        yield from (Fault((*place, "value"), words, False) for words in _value_faults(header.value))
        yield from _header_faults(place, header)


def _condition_faults(place: tuple[str | int, ...], condition: str | None) -> Iterator[Fault]:
    try:
        if condition is not None:
            read_condition(condition)
    except (BadTemplate, BadFilter) as error:
        yield Fault((*place, "condition"), str(error), True)


def _path_faults(place: tuple[str | int, ...], operation: BodyOperation) -> Iterator[Fault]:
    paths = {"path": operation.path, "from": operation.from_, "to": operation.to}
    if operation.match is not None:
        paths["match"] = operation.match.path
    for key, text in paths.items():
        try:
            if text is not None and read_path(text)[0] == "stream" and key != "match":
                yield Fault((*place, key), "stream cannot be overridden: it is the client's choice", True)
        except BadPath as error:
            yield Fault((*place, key), str(error), True)


def _value_faults(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        try:
            read_text(value)
        except BadTemplate as error:
            yield f"{error}; it is used as it stands"
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _value_faults(each)


def _header_faults(place: tuple[str | int, ...], operation: HeaderOperation) -> Iterator[Fault]:
    for key, name in (("path", operation.path), ("from", operation.from_), ("to", operation.to)):
        if name is not None and name.lower() in GATEWAYS_OWN:
            yield Fault((*place, key), f"{name.lower()} is for the gateway to say", True)


def _condition(text: str | None) -> Condition | None:
    return None if text is None else read_condition(text)


def _text(source: str) -> Text:
    try:
        return read_text(source)
    except BadTemplate:  # `faults` has told
        return Text(source, None)


def _value(value: Json) -> Value:
    """Every text in it is a template."""
    match value:
        case str():
            template = _text(value)
            return lambda facts: as_json(template.rendered(facts))
        case dict():
            members = {name: _value(each) for name, each in value.items()}
            return lambda facts: {name: read(facts) for name, read in members.items()}
        case list():
            items = [_value(each) for each in value]
            return lambda facts: [read(facts) for read in items]
        case _:
            return lambda facts: value


# -- the body


def _body_operation(operation: BodyOperation) -> Operation[Json]:
    shown = operation.path if operation.path is not None else f"{operation.from_} to {operation.to}"
    return Operation(f"{operation.op} {shown}", _condition(operation.condition), _BODY[operation.op](operation))


def _set(operation: BodyOperation) -> Change[Json]:
    path, value = _path(operation.path), _value(operation.value)
    return lambda document, facts: _put(document, path, value(facts))


def _set_if_absent(operation: BodyOperation) -> Change[Json]:
    path, put = _path(operation.path), _set(operation)
    return lambda document, facts: document if value_at(document, path) is not ABSENT else put(document, facts)


def _delete(operation: BodyOperation) -> Change[Json]:
    path = _path(operation.path)
    return lambda document, facts: without_value(document, path)


def _copy(operation: BodyOperation) -> Change[Json]:
    source, target = _path(operation.from_), _path(operation.to)

    def change(document: Json, facts: Facts) -> Json:
        value = value_at(document, source)
        return document if isinstance(value, Absent) else _put(document, target, value)

    return change


def _rename(operation: BodyOperation) -> Change[Json]:
    source, target = _path(operation.from_), _path(operation.to)

    def change(document: Json, facts: Facts) -> Json:
        value = value_at(document, source)
        if isinstance(value, Absent) or source == target:
            return document
        return _put(without_value(document, source), target, value)

    return change


def _add(operation: BodyOperation, where: Callable[[list[Json]], int]) -> Change[Json]:
    path, value = _path(operation.path), _value(operation.value)

    def change(document: Json, facts: Facts) -> Json:
        items = _items(document, path)
        new = value(facts)
        added = new if operation.splat and isinstance(new, list) else [new]
        index = where(items)
        return with_value(document, path, [*items[:index], *added, *items[index:]]) if added else document

    return change


def _append(operation: BodyOperation) -> Change[Json]:
    return _add(operation, len)


def _prepend(operation: BodyOperation) -> Change[Json]:
    return _add(operation, lambda items: 0)


def _insert(operation: BodyOperation) -> Change[Json]:
    index = operation.index or 0
    return _add(operation, lambda items: min(max(index + (len(items) if index < 0 else 0), 0), len(items)))


def _remove(operation: BodyOperation) -> Change[Json]:
    """By match: every element that fits; by index: that element; by both: that one of those that fit."""
    path, index = _path(operation.path), operation.index
    fits = _fitting(operation.match)

    def change(document: Json, facts: Facts) -> Json:
        items = _items(document, path)
        found = [place for place, item in enumerate(items) if fits(item)]
        gone = set(found if index is None else found[index:][:1])
        return (
            with_value(document, path, [item for at, item in enumerate(items) if at not in gone]) if gone else document
        )

    return change


def _fitting(match: Match | None) -> Callable[[Json], bool]:
    if match is None:
        return lambda item: True
    path, wanted = _path(match.path), match.eq
    return lambda item: not isinstance(found := value_at(item, path), Absent) and _same(found, wanted)


_BODY: Final[Mapping[str, Callable[[BodyOperation], Change[Json]]]] = {
    "set": _set,
    "set_if_absent": _set_if_absent,
    "delete": _delete,
    "rename": _rename,
    "copy": _copy,
    "array_append": _append,
    "array_prepend": _prepend,
    "array_insert": _insert,
    "array_remove": _remove,
}


def _path(text: str | None) -> Path:
    return read_path(text or "")


def _put(document: Json, path: Path, value: Json) -> Json:
    found = value_at(document, path)
    return document if not isinstance(found, Absent) and _same(found, value) else with_value(document, path, value)


def _items(document: Json, path: Path) -> list[Json]:
    """None there counts as an empty list. BadPath for anything else but a list."""
    found = value_at(document, path)
    if isinstance(found, Absent):
        return []
    if not isinstance(found, list):
        raise BadPath(f"{'.'.join(path)!r} is no list")
    return found


def _same(one: Json, other: Json) -> bool:
    """As JSON: 1, 1.0 and true differ."""
    return orjson.dumps(one) == orjson.dumps(other)


# -- the headers


def _header_operation(operation: HeaderOperation) -> Operation[Fields]:
    shown = operation.path if operation.path is not None else f"{operation.from_} to {operation.to}"
    return Operation(f"{operation.op} {shown}", _condition(operation.condition), _header_change(operation))


def _header_change(operation: HeaderOperation) -> Change[Fields]:
    if operation.op == "set":
        text = _text(operation.value or "")
        return lambda fields, facts: _placed(fields, _name(operation.path), [_one_line(text.rendered(facts))])
    if operation.op == "delete":
        return lambda fields, facts: _left(fields, _name(operation.path))
    return partial(_moved, _name(operation.from_), _name(operation.to), operation.op == "rename")


def _moved(source: str, target: str, removes: bool, fields: Fields, facts: Facts) -> Fields:
    found = [each for each in fields if each.name == source]
    if not found or source == target:
        return fields
    secret = any(each.secret for each in found)
    return _placed(_left(fields, source) if removes else fields, target, [each.value for each in found], secret)


def _placed(fields: Fields, name: str, values: Sequence[str], secret: bool = False) -> Fields:
    """In the place of the first field of that name, or at the end."""
    secret = secret or any(each.secret for each in fields if each.name == name)
    new = tuple(Field(name, value, secret) for value in values)
    if tuple(each for each in fields if each.name == name) == new:
        return fields
    at = next((index for index, each in enumerate(fields) if each.name == name), len(fields))
    return (*fields[:at], *new, *_left(fields[at:], name))


def _left(fields: Fields, name: str) -> Fields:
    left = tuple(each for each in fields if each.name != name)
    return fields if len(left) == len(fields) else left


def _name(name: str | None) -> str:
    return (name or "").lower()


def _one_line(text: str) -> str:
    """What a caller said must not become a header of its own."""
    return "".join(letter if letter >= " " and letter != "\x7f" else " " for letter in text).strip()
