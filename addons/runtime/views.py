"""How keys, profiles, channels and prices are shown: JSON with masked secrets, where each is from, and its version."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from axonhub.addons.channels.credentials import tail
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.channels.serving import served_models
from axonhub.addons.config import ApiKey, Channel, Price, Profile, Section, Switch
from axonhub.addons.runtime.merging import KEYS, InForce, State, item_of
from axonhub.addons.runtime.sealing import masked

type Origin = Literal["config.yml", "run time"]
"""What config.yml declares is edited there; at run time only its status and its active profile."""


class View(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)

    version: str = ""
    """Changes with each change; what `If-Match` takes and `ETag` says."""

    @property
    def etag(self) -> str:
        return f'"{self.version}"'


class ProfileView(View):
    model_config = ConfigDict(extra="allow")

    name: str
    model_mappings: list[dict[str, JsonValue]] = []
    keys: list[str] = []
    """The API keys that it is assigned to."""
    active_for: list[str] = []
    """Those that use it now."""
    origin: Origin = "run time"
    key: str | None = None
    """Of a profile that config.yml declares: the one key that it belongs to."""


class KeyView(View):
    name: str
    status: Switch
    reason: str = ""
    """Why it is disabled, when nobody disabled it by hand."""
    tail: str = ""
    """Its last characters, for people to tell keys apart."""
    active_profile: str | None = None
    profiles: list[str] = []
    quota: dict[str, JsonValue] = {}
    """The key's own, as far as it is set; its profiles have theirs."""
    origin: Origin = "run time"
    created_s: float | None = None
    """Unix time; nothing for a key of config.yml."""


class MadeKey(KeyView):
    key: str
    """The key itself: told this once, and kept nowhere."""


class ChannelView(View):
    model_config = ConfigDict(extra="allow")

    name: str
    type: str
    status: Switch
    reason: str = ""
    """Why it is disabled, when nobody disabled it by hand."""
    base_url: str | None = None
    api_keys: list[str] = []
    """Masked."""
    supported_models: list[str] = []
    """As configured; empty: what its type usually serves."""
    models: list[str] = []
    """What it serves."""
    weight: int = 100
    priority: int = 0
    tags: list[str] = []
    default_test_model: str | None = None
    settings: dict[str, JsonValue] = {}
    """What differs from the defaults, with secrets masked."""
    origin: Origin = "run time"
    warnings: list[str] = []
    """What is odd about it, told by the change that brought it."""


class PriceView(View):
    model_config = ConfigDict(extra="allow")

    id: str
    channel: str | None = None
    model: str
    origin: Origin = "run time"


class TypeView(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)

    type: str
    title: str
    protocols: list[str]
    base_url: str
    default_models: list[str] = Field(default=[])


def keys(now: InForce, state: State) -> Iterator[KeyView]:
    return (key_view(each, now, state) for each in now.config.api_keys)


def key_view(each: ApiKey, now: InForce, state: State) -> KeyView:
    made = item_of(state, KEYS, each.name) if each.name in now.made_keys else {}
    profile = now.active_profile(each)
    created_s = made.get("created_s")
    return _versioned(
        KeyView(
            name=each.name,
            status=each.status,
            reason=each.disabled_reason or "",
            tail=str(made.get("tail") or tail(each.key)),
            active_profile=profile.name if profile else None,
            profiles=[one.name for one in each.profiles],
            quota=_quota(each),
            origin="run time" if made else "config.yml",
            created_s=created_s if isinstance(created_s, int | float) else None,
        )
    )


def _quota(each: ApiKey) -> dict[str, JsonValue]:
    told = masked(each.quota.model_dump(by_alias=True, exclude_unset=True))
    return dict(told) if isinstance(told, dict) else {}


def profiles(now: InForce) -> Iterator[ProfileView]:
    """Those made at run time, then those of each key of config.yml."""
    yield from (profile_view(each, now) for each in now.profiles.values())
    for key in now.config.api_keys:
        for each in key.profiles:
            if now.profiles.get(each.name) is not each:
                active = [key.name] if now.active_profile(key) is each else []
                yield _profile(each, [key.name], active, "config.yml", key.name)


def profile_view(each: Profile, now: InForce) -> ProfileView:
    holders = [key for key in now.config.api_keys if any(one is each for one in key.profiles)]
    active = [key.name for key in holders if now.active_profile(key) is each]
    return _profile(each, [key.name for key in holders], active, "run time", None)


def _profile(each: Profile, keys: list[str], active: list[str], origin: Origin, key: str | None) -> ProfileView:
    told = {**_told(each), "keys": keys, "active_for": active, "origin": origin, "key": key}
    return _versioned(ProfileView.model_validate(told))


def channels(now: InForce) -> Iterator[ChannelView]:
    return (channel_view(each, now) for each in now.config.channels)


def channel_view(each: Channel, now: InForce) -> ChannelView:
    told: dict[str, Any] = {
        **_told(each),
        "reason": each.disabled_reason or "",
        "models": list(served_models(each, channel_types()[each.type])),
        "settings": masked(each.settings.model_dump(by_alias=True, exclude_defaults=True)),
        "origin": "run time" if each.name in now.made_channels else "config.yml",
    }
    del told["disabled_reason"]
    return _versioned(ChannelView.model_validate(told))


def prices(now: InForce) -> Iterator[PriceView]:
    yield from (price_view(name, each) for name, each in now.prices.items())
    declared = now.config.prices[len(now.prices) :]
    yield from (price_view(f"config.yml-{number}", each, "config.yml") for number, each in enumerate(declared))


def price_view(name: str, each: Price, origin: Origin = "run time") -> PriceView:
    return _versioned(PriceView.model_validate({**_told(each), "id": name, "origin": origin}))


def types() -> Iterator[TypeView]:
    for each in channel_types().values():
        yield TypeView(
            type=each.name,
            title=each.title,
            protocols=list(each.protocols),
            base_url=each.base_url,
            default_models=list(each.default_models),
        )


def _told(section: Section) -> dict[str, Any]:
    shown = masked(section.model_dump(by_alias=True))
    assert isinstance(shown, Mapping)
    return dict(shown)


def _versioned[V: View](view: V) -> V:
    whole = orjson.dumps(view.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
    return view.model_copy(update={"version": sha256(whole).hexdigest()[:16]})
