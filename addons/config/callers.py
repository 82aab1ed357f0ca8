"""Who may call: API keys, their profiles, and the mappings and quotas of these."""

import re
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, SecretStr, field_validator, model_validator

from axonhub.addons.config.section import Section, Switch
from axonhub.addons.config.values import (
    LONGEST_MATCHED_NAME,
    Digest,
    Name,
    Pattern,
    Seconds,
    TimeZone,
    check_api_key,
    compile_pattern,
    is_exact,
)


class Mapping(Section):
    """One rule from an asked model to a wanted one. The first match wins; there is no chain."""

    from_: Pattern
    """A model's exact name, or a regex that matches the whole name."""
    to: Name
    """The model's name instead."""
    _pattern: re.Pattern[str] | None = PrivateAttr(None)

    def model_post_init(self, context: object) -> None:
        if not is_exact(self.from_):
            self._pattern = compile_pattern(self.from_)

    def match(self, model: str) -> str | None:
        """The wanted name, or None when the rule does not apply. Equality first: the dot of `gpt-4.1` is a dot, too."""
        if model == self.from_:
            return self.to
        pattern = self.pattern
        if pattern is None or len(model) > LONGEST_MATCHED_NAME or not pattern.fullmatch(model):
            return None
        return self.to

    @property
    def pattern(self) -> re.Pattern[str] | None:
        """None when `from` can match itself only."""
        return self._pattern


class Period(Section):
    """What a quota counts over: a calendar day or month, the past so many seconds, or (neither set) all time."""

    calendar: Literal["day", "month"] | None = None
    """Begins anew with each day or month."""
    past_s: Seconds | None = Field(default=None, gt=0)
    """Rolling."""
    timezone: TimeZone | None = None
    """Of the calendar; nothing: `accounting.timezone`."""

    @model_validator(mode="before")
    @classmethod
    def read_all_time(cls, data: object) -> object:
        if isinstance(data, str):
            if data != "all_time":
                raise ValueError("must be all_time, {calendar: day}, {calendar: month} or {past: 5h}")
            return {}
        return data

    @model_validator(mode="after")
    def check_one_kind(self) -> Self:
        if self.calendar is not None and self.past_s is not None:
            raise ValueError("calendar and past exclude each other")
        if self.timezone is not None and self.calendar is None:
            raise ValueError("timezone is for calendar")
        return self


class Quota(Section):
    """What may be used up in a period. What is used up already is known before a request; what it will use is not."""

    requests: Annotated[int, Field(ge=0)] | None = None
    """Requests in the period that reached a channel; nothing: no limit."""
    tokens: Annotated[int, Field(ge=0)] | None = None
    """Tokens in the period, input and output; nothing: no limit."""
    cache_read_weight: Annotated[Decimal, Field(ge=0, le=1)] = Decimal(1)
    """What a token read from the provider's cache counts."""
    cost_usd: Annotated[Decimal, Field(ge=0)] | None = None
    """US dollars in the period; nothing: no limit. What has no price does not count."""
    period: Period = Period(calendar="month")
    """`{calendar: day}`, `{calendar: month}`, `{past: 5h}` or `all_time`."""

    @property
    def limits(self) -> bool:
        """Is there any limit at all?"""
        return not (self.requests is None and self.tokens is None and self.cost_usd is None)


class Profile(Section):
    """A named set of renamings and limits."""

    name: Name
    """Unique within the key, whatever the case."""
    model_mappings: tuple[Mapping, ...] = ()
    """Tried in order, the first match wins."""
    channels: tuple[Name, ...] = ()
    """Names of the channels that may be used; with channel_tags either will do; both empty: all channels."""
    channel_tags: tuple[Name, ...] = ()
    """Tags of the channels that may be used."""
    models: tuple[Name, ...] = ()
    """What this profile may use and list; empty: all."""
    load_balance: Name | None = None
    """Strategy for this profile; nothing: `load_balance.strategy`."""
    quota: Quota = Quota()
    """For this profile of this key."""


class ApiKey(Section):
    """A caller's credential at our door."""

    name: Name
    """Unique."""
    key: SecretStr | None = None
    """The key itself; either this or key_sha256."""
    key_sha256: Digest | None = Field(default=None, repr=False)
    """SHA-256 of the key in hex, for a file that must not hold it."""
    status: Switch = "enabled"
    """A disabled or archived key is refused like an unknown one; archived ones are left out of lists."""
    active_profile: Name | None = None
    """Profile in use; nothing: no remapping and no limits."""
    profiles: tuple[Profile, ...] = ()
    """Sets of renamings and limits, of which one is in use."""
    quota: Quota = Quota()
    """For the key as a whole, whatever its profile."""
    disabled_reason: str | None = None
    """Set at load, never in the file: why the key is disabled although the file does not say so."""

    _check_key = field_validator("key")(check_api_key)

    @model_validator(mode="after")
    def check_one_key(self) -> Self:
        if self.key is not None and self.key_sha256 is not None:
            raise ValueError("key and key_sha256 exclude each other")
        if self.key is None and self.key_sha256 is None and self.disabled_reason is None:
            raise ValueError("needs key or key_sha256")
        return self
