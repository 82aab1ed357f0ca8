"""What a channel type is: the kind of upstream, as data. Rows are in `rows.py`; code asks a type, never its name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import SecretStr

from axonhub.addons.config import Channel
from axonhub.addons.provider_quota import ProviderQuota
from axonhub.transformers.dialect import Dialect
from axonhub.transformers.hub.failures import FailureKind

type AuthStyle = Literal["bearer", "x-api-key", "x-goog-api-key", "api-key", "query-key", "process-token", "none"]
"""`process-token`: an upstream inside this process, which answers only to the process's own random token."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it is about to leave, without its credential."""

    url: str
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes
    model: str
    """The upstream's name for it."""
    stream: bool = False
    counting: bool = False
    """It asks for a count of tokens only."""
    secret_headers: Mapping[str, str] = field(default_factory=dict)
    """Merged at send time, so that they never enter a flow: signatures."""


type Adapt = Callable[[Outgoing, Channel], Outgoing]
"""Must not block. ProtocolError when the upstream cannot be asked this."""
type FetchToken = Callable[[Channel], SecretStr]
"""A short-lived credential for the channel. Blocks; called in a thread. OSError when it cannot be had."""


type ReadQuota = Callable[[Mapping[str, str], float], ProviderQuota | None]
"""From an answer's headers by lower-case name, and the Unix time; None when they tell nothing."""


@dataclass(frozen=True, slots=True)
class ChannelType:
    name: str
    protocols: tuple[str, ...]
    """Names of those that it speaks, the preferred one first; a client's own protocol wins where it is listed."""
    base_url: str = ""
    """The default; "" when the operator must give one."""
    auth: AuthStyle = "bearer"
    dialect: Dialect = Dialect()
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with each request, unless the client's own protocol already set them."""
    paths: Mapping[str, str] = field(default_factory=dict)
    """Base path by protocol name, where a vendor keeps a second protocol below another one (`/anthropic`)."""
    siblings: tuple[str, ...] = ()
    """Types that speak other protocols for the same account, at addresses of their own."""
    default_models: tuple[str, ...] = ()
    counts_tokens: bool = False
    """Its own counter may be asked (`count_tokens`)."""
    native_dialect: bool = False
    """The vendor's own service: a client's bytes may pass untouched in the protocols listed."""
    credential_prefix: str = ""
    """What every credential of this type begins with; anything else is refused at load."""
    needs: Literal["", "aws", "gcp"] = ""
    """The part of `settings` without which nothing can be asked."""
    fixed_base_url: bool = False
    """The channel's own `base_url` does not count; only `settings.base_url_for_tests` does, on loopback."""
    adapt: Adapt | None = None
    """The last step before sending, for what data cannot say. It leaves alone what needs no change."""
    sign: Adapt | None = None
    """After all else, also the operator's overrides, since nothing may change any more. Adds secret headers only."""
    fetch_token: FetchToken | None = None
    """Where the credential is not in `api_keys` but made from what is in `settings`."""
    decode_stream: Callable[[], Callable[[bytes], bytes]] | None = None
    """For one stream that comes in another framing than events: pieces of it → text of events."""
    read_quota: ReadQuota | None = None
    """For an account with an allowance of its own that its answers tell."""
    advice: Mapping[FailureKind, str] = field(default_factory=dict)
    """What a person may do about a failure, where this type knows more than `troubleshooting.py`."""
    prepare: Callable[[], None] | None = None
    """Imports what takes long. Called wherever a configuration with such a channel is read, off the event loop."""
    internal: str = ""
    """The name of an upstream inside this process; "" for all others. Its address is known at run time only."""
    title: str = ""
