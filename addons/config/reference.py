"""The tables of docs/config.md, made from the models. Run as a program with that file as argument, it renews them."""

import inspect
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, TypeAliasType, get_args, get_origin

from pydantic import SecretStr

from axonhub.addons.config.keys import Key, all_keys, join_keys, resolve
from axonhub.addons.config.section import Section

BEGIN = "<!-- begin: made from the models by addons/config/reference.py -->"
END = "<!-- end -->"

UNITS: Mapping[str, Mapping[str, int]] = {
    "duration": {"d": 86400, "h": 3600, "s": 1},
    "size": {"MB": 10**6, "KB": 10**3, "B": 1},
    "count": {"M": 10**6, "k": 10**3, "": 1},
}


def renew(text: str) -> str:
    """A document with the tables between its marks made anew. ValueError when it has no marks."""
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{render_reference()}\n{END}{after}"


def render_reference() -> str:
    return "\n".join(render_section(path, section) for path, section in sections())


def sections() -> Iterator[tuple[tuple[str, ...], type[Section]]]:
    """Path and type of each; the path of a list's items ends with `[]`."""
    for key in all_keys():
        if key.section:
            yield ((*key.path, "[]") if key.is_list else key.path), key.section


def render_section(path: tuple[str, ...], section: type[Section]) -> str:
    keys = [key for key in all_keys() if key.path[:-1] == path and not key.section]
    lines = [f"### `{join_keys(path)}`", "", inspect.cleandoc(section.__doc__ or ""), ""]
    if keys:
        lines += ["| key | default | value | meaning |", "|---|---|---|---|", *map(render_key, keys), ""]
    return "\n".join(lines)


def render_key(key: Key) -> str:
    cells = (f"`{key.path[-1]}`", render_default(key), kind_of(key.field.annotation), key.field.description or "")
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def render_default(key: Key) -> str:
    if key.field.is_required():
        return "**required**"
    value = key.field.get_default(call_default_factory=True)
    match value:
        case None:
            return ""
        case bool():
            return f"`{str(value).lower()}`"
        case tuple():
            return "`[]`"
        case SecretStr():
            return '`""`'
        case Mapping():
            return "`{}`"
        case int() | float():
            return f"`{in_unit(value, key)}`"
        case _:
            return f"`{value}`" if str(value) else '`""`'


def in_unit(value: float, key: Key) -> str:
    """In the largest unit that leaves a whole number."""
    units = UNITS.get(kind_of(key.field.annotation), {"": 1})
    unit = next((unit for unit, size in units.items() if value >= size and value % size == 0), "")
    return f"{value / units.get(unit, 1):g}{unit}"


KINDS = {
    "Seconds": "duration",
    "Bytes": "size",
    "Count": "count",
    "Pattern": "name or regex",
    "Url": "address",
    "LoopbackUrl": "address",
    "Digest": "64 hexadecimal digits",
    "TimeZone": "time zone",
    "Hours": "hours",
    "date": "date",
    "bool": "true or false",
    "int": "whole number",
    "Decimal": "number",
    "str": "text",
    "Path": "folder",
    "SecretStr": "secret",
    "dict": "flags",
    "Flags": "flags",
    "JsonValue": "anything",
}


def kind_of(annotation: object) -> str:
    if isinstance(annotation, TypeAliasType):
        return KINDS.get(annotation.__name__) or kind_of(annotation.__value__)
    bare, _, _ = resolve(annotation)
    if get_origin(bare) is Literal:
        return ", ".join(f"`{option}`" for option in get_args(bare))
    if get_origin(annotation) is tuple:
        return "list: " + kind_of(get_args(annotation)[0])
    inner = next((each for each in get_args(annotation) if isinstance(each, TypeAliasType)), None)
    if inner is not None:
        return kind_of(inner)
    return KINDS[getattr(get_origin(bare) or bare, "__name__", str(bare))]


if __name__ == "__main__":
    document = Path(sys.argv[1])
    document.write_text(renew(document.read_text(encoding="utf-8")), encoding="utf-8")
