"""Every member of an SDK's request types, as pairs of JSON values that differ in that one member.

The types say what a client may send: TypedDicts of anthropic and openai, pydantic models of google-genai.
"""

import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, Literal, Required, Union, get_args, get_origin

from pydantic import BaseModel
from typing_extensions import get_type_hints, is_typeddict

DEPTH = 7
"""Members deeper than this repeat what is tested above them."""


ABSENT = object()
"""Where a whole value is the member in question: nothing instead of it."""


@dataclass(frozen=True)
class Member:
    """One member somewhere inside a value: the value without it and with it."""

    path: str
    before: object
    after: object


class Walker:
    """Walks one SDK's types."""

    def __init__(self, hints: Mapping[str, object]) -> None:
        """`hints` are sample values that make sense, by `member` or `Type.member`; see `hint`."""
        self.hints = hints

    # -- the members of a type

    def members(self, kind: object, path: str, stack: tuple[object, ...] = ()) -> Iterator[Member]:
        """Each optional member of each object inside, each arm of each union, one at a time."""
        kind = plain(kind)
        if len(stack) > DEPTH or kind in stack:
            return
        if fields := fields_of(kind):
            yield from self._object(kind, fields, path, (*stack, kind))
        elif is_union(kind):
            yield from self._union(kind, path, (*stack, kind))
        elif is_list(kind):
            for member in self.members(get_args(kind)[0], f"{path}[]", (*stack, kind)):
                yield Member(member.path, [] if member.before is ABSENT else [member.before], [member.after])

    def _object(self, kind: object, fields: "list[Field]", path: str, stack: tuple[object, ...]) -> Iterator[Member]:
        whole = self.sample(kind)
        for field in fields:
            name = field.name
            place = f"{path}.{name}" if path else name
            if not field.required:
                yield Member(place, without(whole, name), whole | {name: self._sample_member(kind, field)})
            if self.hint(kind, field.name) is not None:
                continue
            for member in self.members(field.kind, place, stack):
                if member.before is ABSENT and field.required:
                    continue  # one of several ways to say what must be said
                before = without(whole, name) if member.before is ABSENT else whole | {name: member.before}
                yield Member(member.path, before, whole | {name: member.after})

    def _union(self, kind: object, path: str, stack: tuple[object, ...]) -> Iterator[Member]:
        arms = [arm for arm in get_args(kind) if arm is not type(None)]
        for arm in arms:
            told = self.sample(arm)
            place = f"{path}<{discriminator(told) or name_of(arm)}>" if len(arms) > 1 else path
            if len(arms) > 1:
                yield Member(place, ABSENT, told)
            yield from self.members(arm, place, stack)

    # -- samples

    def sample(self, kind: object, stack: tuple[object, ...] = ()) -> object:
        """The smallest value of a type."""
        kind = plain(kind)
        if fields := fields_of(kind):
            needed = (
                field for field in fields if field.required or self.hint(kind, field.name, always=True) is not None
            )
            return {field.name: self._sample_member(kind, field, (*stack, kind)) for field in needed}
        if is_union(kind):
            arms = [arm for arm in get_args(kind) if arm is not type(None) and plain(arm) not in stack]
            return self.sample(arms[0], stack)
        if is_list(kind):
            return [self.sample(get_args(kind)[0], stack)]
        return simple(kind)

    def _sample_member(self, kind: object, field: "Field", stack: tuple[object, ...] = ()) -> object:
        hint = self.hint(kind, field.name)
        if hint is None:
            hint = self.hint(kind, field.name, always=True)
        return self.sample(field.kind, stack) if hint is None else hint

    def hint(self, kind: object, name: str, *, always: bool = False) -> object:
        """`!` before a hint's name: the member is always there, required or not."""
        mark = "!" if always else ""
        exact = self.hints.get(f"{mark}{name_of(kind)}.{name}")
        return self.hints.get(f"{mark}{name}") if exact is None else exact


@dataclass(frozen=True)
class Field:
    name: str
    kind: object
    required: bool


def fields_of(kind: object) -> list[Field]:
    if is_typeddict(kind):
        hints = get_type_hints(kind, include_extras=True)
        # The classes' own lists of required keys are wrong: their annotations are strings when the class is made.
        return [Field(aliased(name, each), each, get_origin(each) is Required) for name, each in hints.items()]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [Field(name, each.annotation, each.is_required()) for name, each in kind.model_fields.items()]
    return []


def without(whole: Mapping[str, object], name: str) -> dict[str, object]:
    return {each: value for each, value in whole.items() if each != name}


def aliased(name: str, annotation: object) -> str:
    """anthropic and openai annotate members whose Python name differs from the wire's."""
    for extra in getattr(annotation, "__metadata__", ()):
        if alias := getattr(extra, "alias", None):
            return str(alias)
    inner = get_args(annotation)
    return aliased(name, inner[0]) if inner and get_origin(annotation) in (Required, typing.NotRequired) else name


def plain(kind: object) -> object:
    """The type below Required, Annotated and type aliases."""
    while True:
        origin = get_origin(kind)
        if origin in (Required, typing.NotRequired, Annotated) or getattr(origin, "__name__", "") in (
            "Required",
            "NotRequired",
        ):
            kind = get_args(kind)[0]
        elif isinstance(kind, typing.TypeAliasType):
            kind = kind.__value__
        else:
            return kind


def is_union(kind: object) -> bool:
    return get_origin(kind) in (Union, types.UnionType)


def is_list(kind: object) -> bool:
    origin = get_origin(kind)
    return (
        isinstance(origin, type)
        and issubclass(origin, Iterable)
        and not issubclass(origin, Mapping)
        and bool(get_args(kind))
    )


def name_of(kind: object) -> str:
    return getattr(plain(kind), "__name__", str(kind))


def discriminator(value: object) -> str | None:
    told = value.get("type") if isinstance(value, dict) else None
    return told if isinstance(told, str) else None


def simple(kind: object) -> object:
    kind = plain(kind)
    origin = get_origin(kind)
    if origin is Literal or getattr(origin, "__name__", "") == "Literal":
        return get_args(kind)[0]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(each.value for each in kind if "UNSPECIFIED" not in each.name)
    if kind is bool:
        return True
    if kind is int:
        return 7
    if kind is float:
        return 0.5
    if kind is str or kind is datetime:
        return "words"
    if kind is bytes:
        return "aGk="
    return {"k": "v"}
