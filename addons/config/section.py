"""What every section of config.yml is: frozen, closed to unknown keys, and named as in the file.

An attribute differs from its key in two cases only, and then the key is its alias (`key_of_attribute`): a Python word
(`from` is `from_`), and a quantity that would not say its unit – durations end in `_s` (seconds, float), sizes in
`_bytes` (int), so `llm_request_timeout` is `llm_request_timeout_s`. In Python both names will do; the file knows its
own only. Lists are tuples. An absent optional value is None, and a key with nothing after it counts as not written,
unless nothing has a meaning of its own there.
"""

import re
from functools import cache
from types import NoneType
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, model_validator

type Switch = Literal["enabled", "disabled", "archived"]


def key_of_attribute(attribute: str) -> str:
    """The file's name for an attribute: without its unit, without the underscore behind a Python word."""
    return re.sub(r"_(s|bytes|tokens)?$", "", attribute)


class Section(BaseModel):
    """A mapping of the file: frozen, and an unknown key in it is an error."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=key_of_attribute,
        validate_by_alias=True,
        validate_by_name=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    @model_validator(mode="before")
    @classmethod
    def leave_out_empty_keys(cls, data: object) -> object:
        if isinstance(data, dict) and None in data.values():
            nullable = nullable_keys(cls)
            return {key: value for key, value in data.items() if value is not None or key in nullable}
        return data


@cache
def nullable_keys(section: type[Section]) -> frozenset[str]:
    fields = section.model_fields.items()
    return frozenset(field.alias or name for name, field in fields if NoneType in get_args(field.annotation))
