"""The registry: every protocol in `transformers.protocols`, found by looking, by the name that its object bears."""

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType

from axonhub.transformers import protocols
from axonhub.transformers.protocol import WireProtocol


@cache
def discovered() -> Mapping[str, WireProtocol]:
    """`vendor/api` → protocol object."""
    found: dict[str, WireProtocol] = {}
    for module in pkgutil.iter_modules(protocols.__path__):
        protocol: WireProtocol | None = getattr(import_module(f"{protocols.__name__}.{module.name}"), "PROTOCOL", None)
        if protocol is not None:
            found[protocol.name] = protocol
    return MappingProxyType(found)
