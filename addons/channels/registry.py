"""The channel types by name: the rows, and every module here that defines a `CHANNEL_TYPE`, or `CHANNEL_TYPES`."""

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType

from axonhub.addons import channels
from axonhub.addons.channels.kinds import ChannelType
from axonhub.addons.channels.rows import ROWS


@cache
def channel_types() -> Mapping[str, ChannelType]:
    found = {row.name: row for row in ROWS}
    for module in pkgutil.iter_modules(channels.__path__):
        loaded = import_module(f"{channels.__name__}.{module.name}")
        own = getattr(loaded, "CHANNEL_TYPE", None)
        found |= {
            each.name: each for each in (own, *getattr(loaded, "CHANNEL_TYPES", ())) if isinstance(each, ChannelType)
        }
    return MappingProxyType(found)
