"""The whole of config.yml as one frozen value: `Config`, and the sections beside callers and channels.

The models know what one section can know; what takes the whole file (dead mappings, double names) is check.py's.
docs/config.md is made from the defaults and docstrings here.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from axonhub.addons.config.callers import ApiKey
from axonhub.addons.config.cards import ModelCard
from axonhub.addons.config.channels import Channel
from axonhub.addons.config.pricing import Price
from axonhub.addons.config.section import Section
from axonhub.addons.config.values import BasePath, Bytes, HeaderName, Name, Port, Seconds, TimeZone


class Trace(Section):
    """What joins requests to traces, and traces to threads."""

    thread_header: HeaderName = "AH-Thread-Id"
    """Header in which a client names its conversation."""
    trace_header: HeaderName = "AH-Trace-Id"
    """Header in which a client names its trace."""
    extra_trace_headers: tuple[HeaderName, ...] = ()
    """Further headers that may hold a trace id; the first non-empty one wins."""
    extra_trace_body_fields: tuple[Name, ...] = ()
    """Dotted paths into the body that may hold one; the last resort."""
    claude_code_trace_enabled: bool = False
    """Take the trace id of Claude Code's requests from its session."""
    codex_trace_enabled: bool = True
    """Take the trace id of Codex's requests from its session."""
    fallback: Literal["none", "connection", "first-message"] = "none"
    """What makes a trace when no id was found."""


class Admin(Section):
    """Who may manage the gateway."""

    token: SecretStr = SecretStr("")
    """For `/admin` and `/metrics`. Empty: made at first start and kept in the store's folder."""
    allowed_hosts: tuple[Name, ...] = ()
    """Names under which `/admin` may be called, beside addresses, `localhost` and `server.host`."""


class Server(Section):
    """The one port, and what is the same for all who call."""

    host: str = "127.0.0.1"
    """Address to listen on; another one than loopback only by choice."""
    port: Port = 8090
    """Port to listen on."""
    base_path: BasePath = ""
    """Path in front of all addresses, such as `/ai`."""
    llm_request_timeout_s: Seconds = Field(default=600.0, gt=0)
    """Longest wait for an answer from one channel; once a request has taken so long, no channel is tried twice."""
    max_request_body_bytes: Bytes = Field(default=64_000_000, gt=0)
    """A longer request body is refused with 413."""
    drain_timeout_s: Seconds = 30.0
    """How long running streams may go on after a stop was asked for."""
    trace: Trace = Trace()
    admin: Admin = Admin()


class Retry(Section):
    """What happens when a channel fails before the first byte of its answer."""

    enabled: bool = True
    """False: the first channel's answer is the answer."""
    max_channel_retries: int = Field(default=3, ge=0)
    """Other channels that one request may try."""
    max_same_channel_retries: int = Field(default=2, ge=0)
    """Further tries on the same channel."""
    delay_s: Seconds = 1.0
    """Pause before the same channel is tried again."""
    first_event_timeout_s: Seconds = 60.0
    """Longest wait for a stream's first event, three times as long for a whole answer while another channel is left;
    0: no limit but that of the request."""
    idle_timeout_s: Seconds = 120.0
    """Longest silence within a stream; 0: no limit."""
    connect_timeout_s: Seconds = Field(default=10.0, gt=0)
    """Longest wait for a connection to the provider."""
    drain_on_disconnect_s: Seconds = 0.0
    """How long a stream is read on for its usage when the client has left; 0: the provider is told within a second."""
    hold_tool_calls: Literal["auto", "always", "never"] = "auto"
    """Send an Anthropic stream's tool calls once the answer is complete: a client that asks again by itself after a
    broken stream can do so only while no part is complete. `auto`: for Claude Code."""


class LoadBalance(Section):
    """How the channels that serve a model are put in order."""

    strategy: Name = "adaptive"
    """`adaptive`, `failover` or `circuit-breaker`."""
    affinity_ttl_s: Seconds = 3600.0
    """How long a trace stays on its channel after its last request."""


class Retention(Section):
    """What is older is deleted."""

    requests_s: Seconds | None = 30 * 86400.0
    """How long records are kept; `null`: for ever."""
    bodies_s: Seconds | None = 7 * 86400.0
    """How long bodies are kept; `null`: as long as their records."""


class Store(Section):
    """Where records of requests go, and how long they stay."""

    path: Path = Path("data")
    """Folder of the store; relative to the working directory."""
    retention: Retention = Retention()
    request_bodies: bool = True
    """Keep what clients sent."""
    response_bodies: bool = True
    """Keep what they got."""
    ack: Literal["written", "durable"] = "written"
    """A record counts as kept once the system has it, or once it is on the disk."""


class Accounting(Section):
    """What holds for all costs and quotas."""

    timezone: TimeZone = "UTC"
    """Where a day and a month begin, for quotas by the calendar and for schedules of prices."""


class Inspection(Section):
    """mitmweb, the window into live requests."""

    web_host: str = "127.0.0.1"
    """Address of mitmweb."""
    web_port: Port = 8091
    """Port of mitmweb."""
    web_password: SecretStr = SecretStr("")
    """Empty: made at start and printed."""
    keep_flows: int = Field(default=1000, ge=0)
    """Flows that stay in the list; live, marked and intercepted ones always do."""
    keep_bytes: Bytes = Field(default=256_000_000, alias="keep_bytes")
    """Memory for their bodies."""
    redact: bool = True
    """Hide credentials in what is shown."""
    faults: bool = False
    """Let people make channels misbehave, to see that failover works (docs/inspect.md)."""


class Metrics(Section):
    """Prometheus text at `/metrics`."""

    enabled: bool = True
    """Serve `/metrics`."""
    public: bool = False
    """Without the admin token."""


class Probe(Section):
    """Tests of channels that nobody asks for."""

    interval_s: Seconds = 0.0
    """How often each enabled channel gets a small request; 0: never."""


class ModelSync(Section):
    """Channels that take their models from the provider's list (`auto_sync_supported_models`)."""

    every_s: Seconds = Field(default=3600.0, ge=1)
    """How often each is asked."""


class Config(Section):
    server: Server = Server()
    api_keys: tuple[ApiKey, ...] = ()
    channels: tuple[Channel, ...] = ()
    retry: Retry = Retry()
    load_balance: LoadBalance = LoadBalance()
    store: Store = Store()
    prices: tuple[Price, ...] = ()
    models: tuple[ModelCard, ...] = ()
    model_sync: ModelSync = ModelSync()
    accounting: Accounting = Accounting()
    inspection: Inspection = Inspection()
    metrics: Metrics = Metrics()
    probe: Probe = Probe()
