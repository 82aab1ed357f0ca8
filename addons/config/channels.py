"""Where requests go: channels, with all that one of them may set for itself."""

from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, SecretStr, field_validator, model_validator

from axonhub.addons.config.callers import Mapping
from axonhub.addons.config.section import Section, Switch
from axonhub.addons.config.values import (
    HeaderName,
    LoopbackUrl,
    Name,
    Pattern,
    Seconds,
    Status,
    Url,
    compile_pattern,
    names_match,
    strip_credentials,
)


class Match(Section):
    """Elements whose member at `path` equals `eq`."""

    path: Name
    """Dotted path inside the element."""
    eq: JsonValue | None = None
    """The value that it must have."""


class BodyOperation(Section):
    """One change of the body before it is sent. Which of the other keys are needed depends on `op`."""

    op: Literal[
        "set", "set_if_absent", "delete", "rename", "copy",
        "array_append", "array_prepend", "array_insert", "array_remove",
    ]  # fmt: skip
    """What is done."""
    path: Name | None = None
    """Dotted path into the body."""
    from_: Name | None = None
    """Path that is renamed or copied."""
    to: Name | None = None
    """Its new path."""
    value: JsonValue | None = None
    """Text in it is a template; what renders to JSON is inserted as JSON."""
    condition: str | None = None
    """Template; the operation runs only if it renders `true`."""
    match: Match | None = None
    """Which elements of an array are removed."""
    index: int | None = None
    """Where to insert or what to remove; negative counts from the end."""
    splat: bool = True
    """A list as value is inserted element by element."""

    @model_validator(mode="after")
    def check_operands(self) -> Self:
        check_operands(self, self.op)
        if "stream" in (self.path, self.from_, self.to):
            raise ValueError("stream cannot be overridden: it is the client's choice")
        return self


class HeaderOperation(Section):
    """One change of the headers before they are sent."""

    op: Literal["set", "delete", "rename", "copy"]
    """What is done."""
    path: HeaderName | None = None
    """Name of the header that is set or deleted."""
    from_: HeaderName | None = None
    """Name of the header that is renamed or copied."""
    to: HeaderName | None = None
    """Its new name."""
    value: str | None = None
    """A template."""
    condition: str | None = None
    """Template; the operation runs only if it renders `true`."""

    @model_validator(mode="after")
    def check_operands(self) -> Self:
        check_operands(self, self.op)
        return self


CLEAR = "__AXONHUB_CLEAR__"
"""The original's value for what shall be gone, in the older form."""
OPERANDS = {
    "set": ("path", "value"),
    "set_if_absent": ("path", "value"),
    "delete": ("path",),
    "rename": ("from_", "to"),
    "copy": ("from_", "to"),
    "array_append": ("path", "value"),
    "array_prepend": ("path", "value"),
    "array_insert": ("path", "value", "index"),
    "array_remove": ("path",),
}


def check_operands(operation: BodyOperation | HeaderOperation, op: str) -> None:
    missing = [name.rstrip("_") for name in OPERANDS[op] if name not in operation.model_fields_set]
    if missing:
        raise ValueError(f"{op} needs {' and '.join(missing)}")
    if op == "array_remove" and operation.model_fields_set.isdisjoint({"index", "match"}):
        raise ValueError("array_remove needs index or match")


class RateLimit(Section):
    """What the channel is asked at most."""

    rpm: Annotated[int, Field(gt=0)] | None = None
    """Requests a minute."""
    tpm: Annotated[int, Field(gt=0)] | None = None
    """Tokens a minute."""
    max_concurrent: Annotated[int, Field(gt=0)] | None = None
    """Requests at a time."""
    queue_size: int = Field(default=0, ge=0)
    """Requests that may wait for their turn."""
    queue_timeout_s: Seconds = 10.0
    """How long one may wait."""


class ErrorPattern(Section):
    """Words in a provider's error that make it worth a retry; plain text stands for `{pattern: text}`."""

    pattern: Annotated[str, Field(min_length=1)]
    """The words."""
    regex: bool = False
    """Search for it as a regex; else as plain text, whatever the case."""

    @model_validator(mode="before")
    @classmethod
    def read_plain_text(cls, data: object) -> object:
        return {"pattern": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def check_regex(self) -> Self:
        if self.regex:
            compile_pattern(self.pattern)
        return self


class Proxy(Section):
    """How the provider is reached. Not possible yet: requests go to it directly, and `axonhub check` says so."""

    type: Literal["disabled", "environment", "url"] = "environment"
    """`environment`: as HTTPS_PROXY and its like say, once that is possible."""
    url: Url | None = None
    """Address of the proxy; needed with type `url`."""
    username: str | None = None
    """For the proxy; nothing: it asks for none."""
    password: SecretStr | None = None
    """For the proxy."""

    @model_validator(mode="after")
    def check_address(self) -> Self:
        if (self.type == "url") != (self.url is not None):
            raise ValueError("url is needed with type: url, and only there")
        return self


class AutoDisableRule(Section):
    """When a channel, or a credential of it, is taken out of use."""

    status_codes: tuple[Status, ...] = ()
    """The provider's answers that count; none: all failures, without answers, too."""
    keyword_patterns: tuple[Pattern, ...] = ()
    """Words or regexes in the provider's error, of which one must be there; none: whatever it says."""
    times: int = Field(default=1, ge=1, le=1000)
    """After so many such failures in a row, or within `window`."""
    window_s: Seconds | None = None
    """Nothing: a success in between begins the count anew."""
    action: Literal["temporary_disable", "permanent_disable_delete"] = "temporary_disable"
    """For a while, or for good."""
    disable_duration_s: Seconds | None = None
    """For temporary_disable; nothing: until the channel's configuration changes or the gateway starts again."""


class Aws(Section):
    region: Name
    """Such as `us-east-1`."""
    access_key_id: Name
    """Names the key that signs."""
    secret_access_key: SecretStr
    """The key itself."""
    session_token: SecretStr | None = None
    """Of temporary credentials."""
    anthropic_version: Name = "bedrock-2023-05-31"
    """What the body states."""
    refused_betas: tuple[Pattern, ...] = ()
    """Betas of clients that Bedrock does not know and that are left out: exact names, or regexes of whole names."""

    def takes_beta(self, name: str) -> bool:
        return not any(names_match(each, name) for each in self.refused_betas)


class Gcp(Section):
    project_id: Name
    """The project that pays."""
    region: Name = "global"
    """Such as `us-east5`."""
    credentials_json: SecretStr | None = None
    """A service account's key file as text; nothing: `api_keys` holds an access token."""
    anthropic_version: Name = "vertex-2023-10-16"
    """What the body states."""


class Azure(Section):
    api_version: Name | None = None
    """Nothing: the `/openai/v1` address, where the body names the model; else deployments in the path."""


type Flags = dict[str, bool | int | str | tuple[str, ...] | tuple[int, ...]]


def check_flags(data: object) -> object:
    """Only what YAML and a reader can tell apart: no mappings, and lists of one kind."""
    if isinstance(data, dict) and not all(map(_is_flag, data.values())):
        raise ValueError("values must be true, false, a whole number or text, or a list of texts or of whole numbers")
    return data


def _is_flag(value: object) -> bool:
    if isinstance(value, list | tuple):
        kinds = {type(each) for each in value}
        return kinds <= {str} or kinds <= {int}
    return isinstance(value, bool | int | str)


class ModelDialect(Section):
    """How some models of this upstream differ from the others."""

    models: Pattern
    """The upstream's exact name for a model, or a regex that matches the whole name."""
    dialect: Flags = Field(default_factory=dict)
    """Flags as in the channel's `dialect`."""

    _check_flags = field_validator("dialect", mode="before")(check_flags)

    def fits(self, model: str) -> bool:
        return names_match(self.models, model)


class ChannelSettings(Section):
    """What only some channels need."""

    body_override_operations: tuple[BodyOperation, ...] = ()
    """Changes of the body, applied last, in order."""
    header_override_operations: tuple[HeaderOperation, ...] = ()
    """Changes of the headers, applied last, in order."""
    rate_limit: RateLimit = RateLimit()
    retryable_status: tuple[Status, ...] = ()
    """Further answers (400 to 599) that are worth a retry on this channel."""
    retryable_error_patterns: tuple[ErrorPattern, ...] = ()
    """Words in an error that make it worth a retry."""
    proxy: Proxy = Proxy()
    dialect: Flags = Field(default_factory=dict)
    """How this upstream differs from its type; docs/dialects.md lists the flags."""
    model_dialects: tuple[ModelDialect, ...] = ()
    """How some of its models differ; of several that fit, the last one says it."""
    count_stream_usage: bool = False
    """Ask for the usage of Chat streams whose client does not, and keep it from him; else it is not known."""
    empty_response_detection: bool = False
    """An answer without content counts as a failure."""
    api_key_auto_disable_rules: tuple[AutoDisableRule, ...] = ()
    """When one of `api_keys` is taken out of use; without any left, the channel is."""
    auto_disable_rules: tuple[AutoDisableRule, ...] = ()
    """When the channel as a whole is."""
    base_url_for_tests: LoopbackUrl | None = None
    """For a type whose address is fixed: a loopback address instead of it."""
    aws: "Aws | None" = None
    """For the types that sign requests for AWS."""
    gcp: "Gcp | None" = None
    """For the types that use Google Cloud."""
    azure: "Azure | None" = None
    """For Azure OpenAI."""
    strip_billing_header: Literal["auto", "keep", "strip"] = "auto"
    """Claude Code's billing block in the system prompt; auto: kept by Anthropic channels, removed by all others."""
    pass_through_user_agent: bool = False
    """Send the client's User-Agent on."""
    hide_original_models: bool = False
    """List the renamed models only."""
    hide_mapped_models: bool = False
    """List the original models only."""
    lowercase_model_id: bool = False
    """Offer the models under lower-case names."""

    @field_validator("body_override_operations", "header_override_operations", mode="before")
    @classmethod
    def read_plain_values(cls, data: object) -> object:
        """`{temperature: 0.5}` is short for setting each; the original's older form."""
        if not isinstance(data, dict):
            return data
        return [
            {"op": "delete", "path": path} if value == CLEAR else {"op": "set", "path": path, "value": value}
            for path, value in data.items()
        ]

    _check_flags = field_validator("dialect", mode="before")(check_flags)


class ChannelPolicies(Section):
    """Which requests the channel takes."""

    stream: Literal["unlimited", "require", "forbid"] = "unlimited"
    """All, streaming ones only, or none that stream."""


class Endpoint(Section):
    """A further address of the channel's account, where another protocol is spoken."""

    protocol: Name
    """Such as `anthropic/messages`; the type, or one that it is related to, must speak it (`axonhub channel types`)."""
    base_url: Url
    """By the same rule as the channel's."""


class Channel(Section):
    """A configured upstream account."""

    name: Name
    """Unique."""
    type: Name
    """One of `axonhub channel types`."""
    base_url: Url | None = None
    """Nothing: the type's own. Ends with `#`: no version is appended; with `##`: used as it is."""
    endpoints: tuple[Endpoint, ...] = ()
    """Further addresses by protocol: a client whose protocol is spoken at one is asked there, without conversion."""
    api_keys: tuple[SecretStr, ...] = ()
    """Credentials; with several, a trace stays on one."""
    supported_models: tuple[Name, ...] = ()
    """What the channel serves, `"*"` is any model; empty: what its type usually serves."""
    auto_sync_supported_models: bool = False
    """Add what the provider's own list of models holds, asked for now and then (`model_sync.every`)."""
    auto_sync_model_pattern: Pattern | None = None
    """Only those whose whole name it matches, an exact name or a regex; nothing: all."""
    status: Switch = "enabled"
    """A disabled channel gets no requests but tests; an archived one is left out of lists, too."""
    weight: int = Field(default=100, ge=0, le=100)
    """Share of the traffic within its priority group."""
    priority: int = 0
    """Lower groups are tried first."""
    tags: tuple[Name, ...] = ()
    """For the profiles' channel_tags."""
    default_test_model: Name | None = None
    """Used by `axonhub channel test`; nothing: the first of supported_models."""
    model_mappings: tuple[Mapping, ...] = ()
    """The last rename, after the channel was chosen."""
    extra_model_prefix: str = ""
    """Serve the models under this prefix too."""
    auto_trim_model_prefixes: tuple[Name, ...] = ()
    """Serve the models without these prefixes too."""
    policies: ChannelPolicies = ChannelPolicies()
    settings: ChannelSettings = ChannelSettings()
    disabled_reason: str | None = None
    """Set at load, never in the file: why the channel is disabled although the file does not say so."""

    _strip_credentials = field_validator("api_keys")(strip_credentials)
