"""A channel's overrides on a request that is about to be sent, as bytes. Nothing that no operation changes moves."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import orjson

from axonhub.addons.config import Channel
from axonhub.addons.overriding.conditions import Asked
from axonhub.addons.overriding.operations import Field, Fields, Overrides, Step, applied, overrides_of
from axonhub.addons.overriding.secrecy import is_secret
from axonhub.addons.overriding.templates import Facts
from axonhub.transformers.json_types import Json
from axonhub.transformers.splice import spliced


@dataclass(frozen=True, slots=True)
class Outgoing:
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    secret_headers: Mapping[str, str] = field(default_factory=dict)
    """Merged at send time; by lower-case name."""


def has_overrides(channel: Channel) -> bool:
    return bool(channel.settings.body_override_operations or channel.settings.header_override_operations)


def overridden(
    channel: Channel, outgoing: Outgoing, facts: Facts, asked: Asked, *, with_body: bool = True
) -> tuple[Outgoing, list[Step]]:
    """`with_body` False: only the headers, for a request whose body is of another kind (a count of tokens)."""
    overrides = overrides_of(channel)
    body, steps = _body(overrides, outgoing.body, facts, asked) if with_body else (outgoing.body, [])
    fields = _read_fields(outgoing)
    changed, header_steps = applied(overrides.headers, fields, facts, asked)
    sent = outgoing if body is outgoing.body else replace(outgoing, body=body)
    return sent if changed is fields else _with_fields(sent, changed), [*steps, *header_steps]


def _body(overrides: Overrides, body: bytes, facts: Facts, asked: Asked) -> tuple[bytes, list[Step]]:
    if not overrides.body:
        return body, []
    before: Json = orjson.loads(body)
    after, steps = applied(overrides.body, before, facts, asked)
    if after is before or not isinstance(before, dict) or not isinstance(after, dict):
        return body, steps
    changed = {name: value for name, value in after.items() if name not in before or before[name] is not value}
    return spliced(body, changed, before.keys() - after.keys()), steps


def _read_fields(outgoing: Outgoing) -> Fields:
    plain = (Field(_text(name).lower(), _text(value)) for name, value in outgoing.headers)
    return (*plain, *(Field(name.lower(), value, True) for name, value in outgoing.secret_headers.items()))


def _with_fields(outgoing: Outgoing, fields: Fields) -> Outgoing:
    """What bears a secret's name is kept out of the flow, too, whoever said it."""
    secret = {each.name: each.value for each in fields if each.secret or is_secret(each.name)}
    plain = tuple((_bytes(each.name), _bytes(each.value)) for each in fields if each.name not in secret)
    return replace(outgoing, headers=plain, secret_headers=secret)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
