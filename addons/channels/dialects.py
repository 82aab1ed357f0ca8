"""The dialect of one model at one channel: its type's, with what the operator set for the channel and for the model."""

from dataclasses import replace
from typing import Any

from axonhub.addons.channels.kinds import ChannelType
from axonhub.addons.config import Channel
from axonhub.transformers.dialect import Dialect


def dialect_of(channel: Channel, kind: ChannelType, model: str) -> Dialect:
    """`model` is the upstream's name for it. Flags that do not exist and values that they do not take were refused when
    config.yml was read.
    """
    dialect, settings = kind.dialect.of_model(model), channel.settings
    flags = dict(settings.dialect)
    for each in settings.model_dialects:
        if each.fits(model):
            flags |= each.dialect
    kept = {"keep": True, "strip": False}.get(settings.strip_billing_header, dialect.billing_block)
    if not flags and kept == dialect.billing_block:
        return dialect
    changes: dict[str, Any] = {"billing_block": kept, **flags}
    return replace(dialect, **changes)
