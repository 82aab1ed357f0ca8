"""What only the channel types can tell about config.yml: credentials that cannot be right, flags that do not exist."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, get_type_hints

from pydantic import TypeAdapter, ValidationError

from axonhub.addons.channels.facing import siblings
from axonhub.addons.channels.kinds import ChannelType
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.config import Channel, Config, Finding
from axonhub.transformers.dialect import Dialect

_OURS: Final = frozenset(("models",))
"""Fields of a dialect that the operator says otherwise: `settings.model_dialects`."""
_FLAGS: Final[Mapping[str, TypeAdapter[Any]]] = {
    name: TypeAdapter(hint) for name, hint in get_type_hints(Dialect).items() if name not in _OURS
}


def findings(config: Config) -> Iterator[Finding]:
    for index, channel in enumerate(config.channels):
        if kind := channel_types().get(channel.type):
            if kind.prepare:
                kind.prepare()
            yield from _findings(index, channel, kind)


def _findings(index: int, channel: Channel, kind: ChannelType) -> Iterator[Finding]:
    yield from _flag_findings(channel.settings.dialect, ("channels", index, "settings", "dialect"))
    for number, each in enumerate(channel.settings.model_dialects):
        yield from _flag_findings(each.dialect, ("channels", index, "settings", "model_dialects", number, "dialect"))
    for number, credential in enumerate(channel.api_keys):
        if not credential.get_secret_value().startswith(kind.credential_prefix):
            place = ("channels", index, "api_keys", number)
            yield Finding(place, f"a credential of type {kind.name} begins with {kind.credential_prefix}")
    yield from _override_findings(index, channel)
    if channel.auto_sync_supported_models and (kind.internal or kind.adapt or kind.fetch_token):
        message = f"type {kind.name} has no list of models that could be asked for"
        yield Finding(("channels", index, "auto_sync_supported_models"), message)
    spoken = {protocol for each in (kind, *siblings(kind)) for protocol in each.protocols}
    for number, endpoint in enumerate(channel.endpoints):
        if endpoint.protocol not in spoken:
            message = f"type {kind.name} has no way to speak it: one of {', '.join(sorted(spoken))}"
            yield Finding(("channels", index, "endpoints", number, "protocol"), message)
    if channel.settings.proxy.type == "url":
        yield Finding(("channels", index, "settings", "proxy"), "not possible yet: requests go there directly")
    if kind.needs and getattr(channel.settings, kind.needs) is None:
        yield Finding(("channels", index, "settings"), f"type {kind.name} needs settings.{kind.needs}")
    if not (kind.base_url or kind.internal or channel.base_url):
        yield Finding(
            ("channels", index, "base_url"), f"type {kind.name} has no address of its own: base_url is needed"
        )


def _override_findings(index: int, channel: Channel) -> Iterator[Finding]:
    settings = channel.settings
    if not (settings.body_override_operations or settings.header_override_operations):
        return
    # The template engine is not needed by most files, and takes its time to import.
    from axonhub.addons.overriding.operations import faults

    for fault in faults(channel):
        yield Finding(("channels", index, *fault.place), fault.message, "error" if fault.fatal else "warning")


def _flag_findings(flags: Mapping[str, object], place: tuple[str | int, ...]) -> Iterator[Finding]:
    for flag, value in flags.items():
        if fault := _flag_fault(flag, value):
            yield Finding((*place, flag), fault)


def _flag_fault(flag: str, value: object) -> str:
    if flag not in _FLAGS:
        return "no such flag"
    try:
        _FLAGS[flag].validate_python(value, strict=True)
    except ValidationError as error:
        return error.errors()[0]["msg"]
    return ""
