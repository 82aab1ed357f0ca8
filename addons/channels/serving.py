"""Which models a channel serves, and under which name its upstream knows them.

A name is looked up in this order: as the channel lists it, behind the extra prefix, in front of a trimmed prefix,
through the channel's own mappings. `"*"` in the list stands for any model.
"""

from collections.abc import Iterator, Sequence

from axonhub.addons.channels.kinds import ChannelType
from axonhub.addons.config import Channel
from axonhub.addons.config.values import is_exact

ANY = "*"


def served_models(channel: Channel, kind: ChannelType) -> Sequence[str]:
    return channel.supported_models or kind.default_models


def upstream_model(channel: Channel, kind: ChannelType, model: str) -> str | None:
    """The name to ask the upstream for; None when the channel does not serve this model."""
    served = frozenset(served_models(channel, kind))
    lowered = {name.lower(): name for name in served} if channel.settings.lowercase_model_id else {}
    for name in _names(channel, model, served):
        if name in served:
            return name
        if name in lowered:
            return lowered[name]
    if ANY in served:
        return _mapped(channel, model) or model
    return None


def _names(channel: Channel, model: str, served: frozenset[str]) -> Iterator[str]:
    yield model
    prefix = channel.extra_model_prefix
    if prefix and model.startswith(prefix):
        yield model.removeprefix(prefix)
    for trimmed in channel.auto_trim_model_prefixes:
        yield trimmed + model
        yield f"{trimmed.rstrip('/')}/{model}"
    if mapped := _mapped(channel, model):
        yield mapped


def _mapped(channel: Channel, model: str) -> str | None:
    return next((wanted for each in channel.model_mappings if (wanted := each.match(model))), None)


def listed_models(channel: Channel, kind: ChannelType) -> list[str]:
    """The names that clients may ask this channel for, as far as they can be listed."""
    plain = [name for name in served_models(channel, kind) if name != ANY]
    mapped = [each.from_ for each in channel.model_mappings if is_exact(each.from_)]
    names = [] if channel.settings.hide_original_models else plain
    names = names if channel.settings.hide_mapped_models else [*names, *mapped]
    prefixed = [channel.extra_model_prefix + name for name in names] if channel.extra_model_prefix else []
    return [name.lower() if channel.settings.lowercase_model_id else name for name in [*names, *prefixed]]
