"""Credentials in bodies: found by their known values, and covered by as many asterisks. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

from pydantic import BaseModel, SecretStr

from axonhub.addons.config import Config
from axonhub.addons.derived import Derived

_LEAST_LENGTH = 8
"""A shorter one would be found in any text."""


def secrets_of(config: Config) -> tuple[bytes, ...]:
    """Every secret value of the configuration, the longest first; none where the operator wants to see them."""
    return _known(config)


def _read(config: Config) -> tuple[bytes, ...]:
    if not config.inspection.redact:
        return ()
    found = {each.get_secret_value() for each in _secrets(config)}
    return tuple(sorted((each.encode() for each in found if len(each) >= _LEAST_LENGTH), key=len, reverse=True))


_known: Final = Derived(_read)


def masked(body: bytes, secrets: Iterable[bytes]) -> bytes:
    """As long as before, so that no stated length changes; the very same object where nothing was found."""
    for secret in secrets:
        if secret in body:
            body = body.replace(secret, b"*" * len(secret))
    return body


def masked_text(text: str, secrets: Iterable[bytes]) -> str:
    for secret in secrets:
        word = secret.decode("utf-8", "replace")
        if word in text:
            text = text.replace(word, "*" * len(word))
    return text


def _secrets(value: object) -> Iterator[SecretStr]:
    if isinstance(value, SecretStr):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, dict):
        for each in value.values():
            yield from _secrets(each)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _secrets(each)
