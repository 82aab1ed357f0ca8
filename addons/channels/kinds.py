"""What a channel type is: the kind of upstream, as data. The rows are in `rows.py`; code asks a type, never its name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from axonhub.transformers.dialect import Dialect

type AuthStyle = Literal["bearer", "x-api-key", "x-goog-api-key", "api-key", "query-key", "process-token", "none"]
"""`process-token`: an upstream inside this process, which answers only to the process's own random token."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it is about to leave, without its credential."""

    headers: Mapping[str, str]
    """By lower-case name."""
    query: str
    body: bytes


type Adapt = Callable[[Outgoing], Outgoing]


@dataclass(frozen=True, slots=True)
class ChannelType:
    name: str
    protocols: tuple[str, ...]
    """Protocol names that it speaks, the preferred one first; a client's own protocol always wins where it is listed."""
    base_url: str = ""
    """The default; "" when the operator must give one."""
    auth: AuthStyle = "bearer"
    dialect: Dialect = Dialect()
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with each request, unless the client's own protocol already set them."""
    paths: Mapping[str, str] = field(default_factory=dict)
    """Base path by protocol name, where a vendor keeps a second protocol below another one (`/anthropic`)."""
    default_models: tuple[str, ...] = ()
    counts_tokens: bool = False
    """Its own counter may be asked (`count_tokens`)."""
    native_dialect: bool = False
    """The vendor's own service: a client's bytes may pass untouched in the protocols listed."""
    credential_prefix: str = ""
    """What every credential of this type begins with; anything else is refused at load."""
    fixed_base_url: bool = False
    """The channel's own `base_url` does not count; only `settings.base_url_for_tests` does, on loopback."""
    adapt: Adapt | None = None
    """The last step before sending, for what data cannot say. It leaves alone what needs no change."""
    internal: str = ""
    """The name of an upstream inside this process; "" for all others. Its address is known at run time only."""
    title: str = ""
