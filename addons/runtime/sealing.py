"""Secrets inside documents: taken out before a document is stored, put back when it is read, masked when it is shown.

A stored document holds `{"credential": "cred_…"}` in the place of each secret; what that stands for is in another file.
"""

import secrets as randomness
from collections.abc import Mapping, MutableMapping
from datetime import date, time
from decimal import Decimal

from pydantic import SecretStr

from axonhub.transformers.json_types import Json

_REFERENCE = "credential"
_MASK = "****"
_LONG_ENOUGH = 16
"""A shorter secret would be half told by its ends."""


def sealed(value: object, secrets: MutableMapping[str, str]) -> Json:
    """As JSON, with each secret put away in `secrets` under a new name."""
    match value:
        case SecretStr():
            name = f"cred_{randomness.token_hex(8)}"
            secrets[name] = value.get_secret_value()
            return {_REFERENCE: name}
        case Mapping():
            return {str(key): sealed(each, secrets) for key, each in value.items()}
        case list() | tuple():
            return [sealed(each, secrets) for each in value]
    return plain(value)


def opened(document: object, secrets: Mapping[str, str]) -> object:
    """The document with its secrets. KeyError when one is missing."""
    match document:
        case {"credential": str(name), **rest} if not rest:
            return secrets[name]
        case Mapping():
            return {key: opened(each, secrets) for key, each in document.items()}
        case list():
            return [opened(each, secrets) for each in document]
    return document


def masked(value: object) -> Json:
    """As JSON, fit for a person's eyes."""
    match value:
        case SecretStr():
            return mask(value)
        case Mapping():
            return {str(key): masked(each) for key, each in value.items()}
        case list() | tuple():
            return [masked(each) for each in value]
    return plain(value)


def mask(secret: SecretStr) -> str:
    """First and last four characters, for people to tell secrets apart; nothing of a short one."""
    text = secret.get_secret_value()
    return f"{text[:4]}{_MASK}{text[-4:]}" if len(text) >= _LONG_ENOUGH else _MASK


def is_mask(text: str) -> bool:
    return _MASK in text and len(text) <= len(_MASK) + 8


def plain(value: object) -> Json:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Decimal():
            return str(value)
        case date() | time():
            return value.isoformat()
    return str(value)
