"""A Document → Config, with every fault of a single value in a person's words and at its line.

What is wrong is taken out and the rest is read again, so that one look at a file finds all its problems, also those
that only the checks of the whole (check.py) can see.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from axonhub.addons.config.document import Document, Place
from axonhub.addons.config.keys import belongs_in, keys_beside, suggestion
from axonhub.addons.config.models import Config

MOST_ROUNDS = 8
"""Each round takes something out, so that a fault deeper or further out can show; nothing needs this many."""

ROUTING_KEYS = frozenset(
    {
        "name",
        "supported_models",
        "model_mappings",
        "extra_model_prefix",
        "auto_trim_model_prefixes",
        "tags",
    }
)
"""A channel's keys that decide which models it serves to whom."""

MESSAGES = {
    "missing": "required key is missing",
    "string_type": "must be text: put it in quotes",
    "path_type": "must be text: put it in quotes",
    "finite_number": "must be a number",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "holds a character that is not allowed here",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "decimal_type": "must be a number",
    "decimal_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "tuple_type": "must be a list",
    "date_type": "must be a date such as 2026-01-31",
    "date_parsing": "must be a date such as 2026-01-31",
    "date_from_datetime_parsing": "must be a date such as 2026-01-31",
    "date_from_datetime_inexact": "must be a date such as 2026-01-31",
    "model_type": "must be a section of `key: value` lines",
    "dict_type": "must be a section of `key: value` lines",
    "literal_error": "must be {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "value_error": "{error}",
}
"""By pydantic's name of the fault; the braces are its context. None quotes the value: it may be a secret."""


@dataclass(frozen=True, slots=True)
class Fault:
    kind: str
    """pydantic's name for it."""
    place: Place
    message: str
    context: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Validation:
    config: Config | None
    """What is left after the faults were taken out; None when nothing is."""
    routing_known: bool
    """Whether the channels are whole as far as routing goes, so that a model without a channel is a finding."""


def validate(document: Document) -> Validation:
    """Reports to the document, and takes out of it what cannot be used."""
    routing_known = True
    reported: set[str] = set()
    for _ in range(MOST_ROUNDS):
        try:
            config = Config.model_validate(document.data, by_alias=True, by_name=False)
        except ValidationError as error:
            faults = read_faults(error)
            routing_known &= not any(touches_routing(fault) for fault in faults)
            report(document, faults, reported)
            take_out(document, faults)
        else:
            return Validation(config, routing_known)
    return Validation(None, False)


def read_faults(error: ValidationError) -> list[Fault]:
    details = error.errors(include_url=False, include_input=False)
    return [Fault(each["type"], each["loc"], each["msg"], each.get("ctx", {})) for each in details]


def report(document: Document, faults: Sequence[Fault], reported: set[str]) -> None:
    for fault in faults:
        mark = document.mark.find(fault.place)
        if not any(is_part(path, mark.path) for path in reported):  # what was taken out is missing in the next round
            reported.add(mark.path)
            document.report(mark, message_of(fault))


def is_part(path: str, whole: str) -> bool:
    return path == whole or path.startswith((f"{whole}.", f"{whole}["))


def take_out(document: Document, faults: Sequence[Fault]) -> None:
    """Later items of a list first, so that those before them keep their index; what lacks a key goes as a whole."""
    places = {document.nearest(fault.place) for fault in faults}
    for place in sorted(places, key=lambda place: [(isinstance(key, str), key) for key in place], reverse=True):
        document.drop(place)


def message_of(fault: Fault) -> str:
    if fault.kind == "extra_forbidden":
        name = str(fault.place[-1])
        return "unknown key" + (suggestion(name, keys_beside(fault.place)) or belongs_in(name))
    words = MESSAGES.get(fault.kind)
    return words.format_map(fault.context) if words else fault.message


def touches_routing(fault: Fault) -> bool:
    place = fault.place
    if place[0] != "channels":
        return False
    if len(place) < 3 or fault.kind == "missing":
        return True
    key = str(place[2])
    if fault.kind == "extra_forbidden" and len(place) == 3:
        return any(name in suggestion(key, keys_beside(place)) for name in ROUTING_KEYS)
    return key in ROUTING_KEYS
