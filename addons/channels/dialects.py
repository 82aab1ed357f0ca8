"""The dialect of one model at one channel: its type's, with what the operator set for the channel and for the model."""

from dataclasses import replace
from typing import Any, Final

from axonhub.addons.channels.kinds import ChannelType
from axonhub.addons.config import Channel
from axonhub.addons.derived import Derived
from axonhub.transformers.dialect import Dialect

_MOST_MODELS = 1000
"""Of one channel: it may serve any name."""


def dialect_of(channel: Channel, kind: ChannelType, model: str) -> Dialect:
    """`kind` is the channel's own, `model` the upstream's name for it. Flags that do not exist and values that they do
    not take were refused when config.yml was read.
    """
    known = _known(channel)
    if model not in known:
        if len(known) >= _MOST_MODELS:
            known.clear()
        known[model] = _worked_out(channel, kind, model)
    return known[model]


def _no_models(channel: Channel) -> dict[str, Dialect]:
    return {}


_known: Final = Derived(_no_models)


def _worked_out(channel: Channel, kind: ChannelType, model: str) -> Dialect:
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
