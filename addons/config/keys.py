"""Every key of config.yml, read from the models: for environment variables, suggestions and the reference."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, TypeAliasType, Union, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from axonhub.addons.config.document import Document, Mark, Place
from axonhub.addons.config.expansion import expand
from axonhub.addons.config.models import Config
from axonhub.addons.config.problems import Problem
from axonhub.addons.config.section import Section

PREFIX = "AXONHUB_"
NOT_OVERRIDES = frozenset({"AXONHUB_CONFIG", "AXONHUB_API_KEY", "AXONHUB_ADMIN_TOKEN", "AXONHUB_WEB_PASSWORD"})
"""Names with a use of their own: where the file is, and what the shipped file and the defaults below refer to."""

DEFAULTS_FROM_ENVIRONMENT = {
    ("server", "admin", "token"): "${AXONHUB_ADMIN_TOKEN:-}",
    ("inspection", "web_password"): "${AXONHUB_WEB_PASSWORD:-}",
}

HIDDEN = frozenset({"disabled_reason"})
"""Attributes that are no keys: loading sets them."""


@dataclass(frozen=True, slots=True)
class Key:
    path: tuple[str, ...]
    """`[]` follows the name of a list of sections."""
    attribute: str
    field: FieldInfo
    section: type[Section] | None
    """What the key holds when it holds keys of its own; for a list, what each item holds."""
    is_list: bool
    nullable: bool

    @property
    def variable(self) -> str | None:
        """Its environment variable; single values and lists of them have one, unless they are inside a list."""
        if self.section or "[]" in self.path:
            return None
        return PREFIX + "_".join(self.path).upper()


@cache
def all_keys() -> tuple[Key, ...]:
    return tuple(walk(Config, ()))


def walk(section: type[Section], above: tuple[str, ...]) -> Iterator[Key]:
    for name, field in section.model_fields.items():
        if name in HIDDEN:
            continue
        inner, is_list, nullable = resolve(field.annotation)
        nested = inner if isinstance(inner, type) and issubclass(inner, Section) else None
        path = (*above, field.alias or name)
        yield Key(path, name, field, nested, is_list, nullable)
        if nested:
            yield from walk(nested, (*path, "[]") if is_list else path)


def resolve(annotation: object) -> tuple[object, bool, bool]:
    """The bare type of an annotation, whether it is a list of that, and whether it may be None."""
    is_list = nullable = False
    while True:
        origin = get_origin(annotation)
        if isinstance(annotation, TypeAliasType):
            annotation = annotation.__value__
        elif origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin is tuple:
            annotation, is_list = get_args(annotation)[0], True
        elif origin in (Union, UnionType) and NoneType in get_args(annotation):
            annotation, nullable = next(arg for arg in get_args(annotation) if arg is not NoneType), True
        else:
            return annotation, is_list, nullable


def keys_beside(place: Place) -> list[str]:
    """The names that the section around a place knows."""
    above = tuple(["[]" if isinstance(key, int) else key for key in place[:-1]])
    return [key.path[-1] for key in all_keys() if key.path[:-1] == above]


def suggestion(name: str, known: Iterable[str]) -> str:
    """`, did you mean "x"?` or nothing."""
    close = get_close_matches(name, list(known), 1)
    return f', did you mean "{close[0]}"?' if close else ""


def belongs_in(name: str) -> str:
    """`, it belongs in server.trace`, or nothing when no section or several know the name."""
    sections = [key.path[:-1] for key in all_keys() if key.path[-1] == name]
    return f", it belongs in {join_keys(sections[0])}" if len(sections) == 1 and sections[0] else ""


def join_keys(path: Sequence[str]) -> str:
    return ".".join(path).replace(".[]", "[]")


# -- what the environment sets


def apply_environment(document: Document, environ: Mapping[str, str]) -> None:
    """Lets the environment override the file, and supplies the defaults that stand in the environment."""
    for place, reference in DEFAULTS_FROM_ENVIRONMENT.items():
        expansion = expand(reference, environ)
        if expansion.text and not document.has(place):
            document.put(place, expansion.text, expansion.names[0])
    settable = {key.variable: key for key in all_keys() if key.variable}
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in NOT_OVERRIDES or name in document.variables:
            continue
        if key := settable.get(name):
            override(document, key, environ[name], name)
        else:
            document.problems.append(stray(name, settable))


def override(document: Document, key: Key, text: str, variable: str) -> None:
    bare, _, _ = resolve(key.field.annotation)
    if not text.strip() and not (key.is_list or bare is str or key.path in DEFAULTS_FROM_ENVIRONMENT):
        return  # an empty variable is how container files leave one unset
    try:
        value = read_list(text) if key.is_list else None if key.nullable and text in {"null", "~"} else text
    except ValueError as error:
        document.report(Mark(".".join(key.path), variable=variable), str(error))
    else:
        document.put(key.path, value, variable)


def read_list(text: str) -> Sequence[object]:
    """`a, b` or a YAML or JSON list."""
    if not text.lstrip().startswith("["):
        return [item.strip() for item in text.split(",") if item.strip()]
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = None
    if not isinstance(value, list):
        raise ValueError("must be a list: a, b or [a, b]")
    return value


def stray(name: str, settable: Iterable[str]) -> Problem:
    sections = {PREFIX + "_".join(key.path).upper() for key in all_keys() if not key.variable and "[]" not in key.path}
    if name in sections:
        message = "sets nothing: the environment can set single values and lists of them"
    else:
        message = "matches no setting" + suggestion(name, settable)
    return Problem("", None, message, "warning", name)
