"""The dialect of one channel: its type's, with the flags that the operator set in `settings.dialect`."""

from dataclasses import replace

from axonhub.addons.channels.kinds import ChannelType
from axonhub.addons.config import Channel
from axonhub.transformers.dialect import Dialect


def dialect_of(channel: Channel, kind: ChannelType) -> Dialect:
    """Flags that do not exist and values that they do not take were refused when config.yml was read."""
    flags = channel.settings.dialect
    kept = {"keep": True, "strip": False}.get(channel.settings.strip_billing_header, kind.dialect.billing_block)
    if not flags and kept == kind.dialect.billing_block:
        return kind.dialect
    return replace(kind.dialect, billing_block=kept, **flags)  # type: ignore[arg-type]  # checked by `findings`
