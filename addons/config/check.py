"""What the whole file must fulfil: names used once, things named that exist, models that some channel serves.

Pure. Errors are what would make the gateway do something else than the file says; warnings what will never take effect.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from axonhub.addons.config.callers import ApiKey, Mapping, Profile
from axonhub.addons.config.channels import Channel
from axonhub.addons.config.document import Place
from axonhub.addons.config.keys import suggestion
from axonhub.addons.config.models import Config
from axonhub.addons.config.problems import Severity
from axonhub.addons.config.values import METACHARACTERS, is_loopback

DEFAULT_KEY_SHA256 = sha256(b"ah-local-dev").hexdigest()
ANY_MODEL = "*"

type Index = defaultdict[str, set[int]]


@dataclass(frozen=True, slots=True)
class Finding:
    place: Place
    message: str
    severity: Severity = "error"
    because_of: Place | None = None
    """The other place that takes part; a person gets its line."""


def check_names(
    config: Config, known_types: Collection[str] | None, known_strategies: Collection[str] | None
) -> Iterator[Finding]:
    """What does not depend on which models the channels serve. None: whatever is named counts as known."""
    yield from double_names("channels", [channel.name for channel in config.channels])
    yield from double_names("api_keys", [key.name for key in config.api_keys])
    yield from double_keys(config.api_keys)
    yield from unknown_types(config.channels, known_types)
    yield from unknown_strategies(config, known_strategies)
    for index, key in enumerate(config.api_keys):
        yield from check_key(("api_keys", index), key, config.server.host)
    for index, channel in enumerate(config.channels):
        yield from shadowed(("channels", index, "model_mappings"), channel.model_mappings)


def double_names(section: str, names: Sequence[str]) -> Iterator[Finding]:
    for index, first in doubles(names):
        yield Finding(
            (section, index, "name"), f"the name {names[index]!r} is taken", because_of=(section, first, "name")
        )


def doubles(values: Iterable[str | None]) -> Iterator[tuple[int, int]]:
    """Index of each value that was there before, and of its first appearance."""
    first: dict[str, int] = {}
    for index, value in enumerate(values):
        if value is not None and first.setdefault(value, index) != index:
            yield index, first[value]


def double_keys(keys: Sequence[ApiKey]) -> Iterator[Finding]:
    for index, first in doubles(map(digest_of, keys)):
        attribute = "key" if keys[index].key else "key_sha256"
        message = "another entry has this very key: nobody could tell them apart"
        yield Finding(("api_keys", index, attribute), message, because_of=("api_keys", first))


def digest_of(key: ApiKey) -> str | None:
    return sha256(key.key.get_secret_value().encode()).hexdigest() if key.key else key.key_sha256


def unknown_types(channels: Sequence[Channel], known: Collection[str] | None) -> Iterator[Finding]:
    for index, channel in enumerate(channels):
        if known is not None and channel.type not in known:
            message = f"unknown channel type {channel.type!r}{suggestion(channel.type, known)}"
            yield Finding(("channels", index, "type"), message)


def unknown_strategies(config: Config, known: Collection[str] | None) -> Iterator[Finding]:
    for place, name in strategies(config):
        if known is not None and name not in known:
            yield Finding(place, f"unknown strategy {name!r}: must be one of {', '.join(sorted(known))}")


def strategies(config: Config) -> Iterator[tuple[Place, str]]:
    yield ("load_balance", "strategy"), config.load_balance.strategy
    for place, profile in profiles(config):
        if profile.load_balance:
            yield (*place, "load_balance"), profile.load_balance


def profiles(config: Config) -> Iterator[tuple[Place, Profile]]:
    for index, key in enumerate(config.api_keys):
        for number, profile in enumerate(key.profiles):
            yield ("api_keys", index, "profiles", number), profile


def check_key(place: Place, key: ApiKey, host: str) -> Iterator[Finding]:
    names = [profile.name for profile in key.profiles]
    for index, first in doubles(map(str.lower, names)):
        message = f"the name {names[index]!r} is taken, whatever the case"
        yield Finding((*place, "profiles", index, "name"), message, because_of=(*place, "profiles", first, "name"))
    if key.active_profile is not None and key.active_profile.lower() not in map(str.lower, names):
        message = f"no profile {key.active_profile!r} in this key{suggestion(key.active_profile, names)}"
        yield Finding((*place, "active_profile"), message)
    if digest_of(key) == DEFAULT_KEY_SHA256 and not is_loopback(host):
        message = f"the default key is for this machine only, but server.host is {host!r}: set AXONHUB_API_KEY"
        yield Finding((*place, "key" if key.key else "key_sha256"), message)
    for index, profile in enumerate(key.profiles):
        yield from shadowed((*place, "profiles", index, "model_mappings"), profile.model_mappings)


def shadowed(place: Place, mappings: Sequence[Mapping]) -> Iterator[Finding]:
    """Mappings that never get their turn: like an earlier one, or an exact name that an earlier regex matches."""
    for index, mapping in enumerate(mappings):
        for earlier in range(index):
            if hides(mappings[earlier], mapping):
                message = f"never used: an earlier mapping matches {mapping.from_!r} first"
                yield Finding((*place, index, "from"), message, "warning", (*place, earlier))
                break


def hides(earlier: Mapping, later: Mapping) -> bool:
    return earlier.from_ == later.from_ or (looks_like_a_name(later.from_) and earlier.match(later.from_) is not None)


def looks_like_a_name(text: str) -> bool:
    """`gpt-4.1` does, though its dot makes it a regex too."""
    return (METACHARACTERS - {"."}).isdisjoint(text)


# -- which models are served


@dataclass(slots=True)
class Serving:
    """Which channels serve a model, by index. An archived one serves nothing, a disabled one may be enabled."""

    all: set[int] = field(default_factory=set)
    any_model: set[int] = field(default_factory=set)
    by_model: Index = field(default_factory=lambda: defaultdict(set))
    by_pattern: list[tuple[re.Pattern[str], int]] = field(default_factory=list)
    by_channel: Index = field(default_factory=lambda: defaultdict(set))
    by_tag: Index = field(default_factory=lambda: defaultdict(set))
    found: dict[str, set[int]] = field(default_factory=dict)

    def add(self, index: int, channel: Channel) -> None:
        self.all.add(index)
        self.by_channel[channel.name].add(index)
        for tag in channel.tags:
            self.by_tag[tag].add(index)
        if serves_any(channel):
            self.any_model.add(index)
        for name in served_names(channel):
            self.by_model[name].add(index)
        patterns = [mapping.pattern for mapping in live_mappings(channel)]
        self.by_pattern.extend((pattern, index) for pattern in patterns if pattern)

    def by(self, model: str) -> set[int]:
        if model not in self.found:
            matching = {index for pattern, index in self.by_pattern if pattern.fullmatch(model)}
            self.found[model] = self.by_model.get(model, set()) | self.any_model | matching
        return self.found[model]

    def to(self, profile: Profile) -> set[int]:
        """The channels that a profile may use."""
        if not profile.channels and not profile.channel_tags:
            return self.all
        named = (self.by_channel.get(name, set()) for name in profile.channels)
        tagged = (self.by_tag.get(tag, set()) for tag in profile.channel_tags)
        return set().union(*named, *tagged)


def serving(channels: Sequence[Channel]) -> Serving:
    table = Serving()
    for index, channel in enumerate(channels):
        if channel.status != "archived":
            table.add(index, channel)
    return table


def serves_any(channel: Channel) -> bool:
    """An empty list means the type's own models, which are not known here: rather no warning than a wrong one."""
    return not channel.supported_models or ANY_MODEL in channel.supported_models


def served_names(channel: Channel) -> Iterator[str]:
    for model in channel.supported_models:
        for name in (model, *prefixed(model, channel.extra_model_prefix), *trimmed(model, channel)):
            yield name
            if channel.settings.lowercase_model_id:
                yield name.lower()
    for mapping in live_mappings(channel):
        yield mapping.from_


def live_mappings(channel: Channel) -> Iterator[Mapping]:
    for mapping in channel.model_mappings:
        if serves_any(channel) or mapping.to in channel.supported_models:
            yield mapping


def prefixed(model: str, prefix: str) -> tuple[str, ...]:
    return (prefix + model, f"{prefix.rstrip('/')}/{model}") if prefix else ()


def trimmed(model: str, channel: Channel) -> Iterator[str]:
    for prefix in channel.auto_trim_model_prefixes:
        if model.startswith(prefix):
            yield model[len(prefix) :]
            yield model[len(prefix) :].lstrip("/")


def check_reach(config: Config) -> Iterator[Finding]:
    """Mappings and limits that lead nowhere."""
    for index, channel in enumerate(config.channels):
        yield from dead_channel_mappings(("channels", index, "model_mappings"), channel)
    table = serving(config.channels)
    for place, profile in profiles(config):
        yield from unmatched((*place, "channels"), "no channel is called", profile.channels, table.by_channel)
        yield from unmatched((*place, "channel_tags"), "no channel has the tag", profile.channel_tags, table.by_tag)
        if table.to(profile):
            yield from unserved(place, profile, table)
        else:
            yield Finding(place, "unreachable: there is no channel that this profile may use", "warning")


def dead_channel_mappings(place: Place, channel: Channel) -> Iterator[Finding]:
    live = set(map(id, live_mappings(channel)))
    for index, mapping in enumerate(channel.model_mappings):
        if id(mapping) not in live:
            guess = suggestion(mapping.to, channel.supported_models)
            message = f"dead mapping: {mapping.to!r} is not in supported_models{guess}"
            yield Finding((*place, index, "to"), message, "warning")


def unmatched(place: Place, words: str, wanted: Sequence[str], known: Collection[str]) -> Iterator[Finding]:
    for index, name in enumerate(wanted):
        if name not in known:
            yield Finding((*place, index), f"{words} {name!r}{suggestion(name, known)}", "warning")


def unserved(place: Place, profile: Profile, table: Serving) -> Iterator[Finding]:
    usable = table.to(profile)
    nobody = "no channel" if usable == table.all else "no channel of this profile"
    for index, mapping in enumerate(profile.model_mappings):
        if usable.isdisjoint(table.by(mapping.to)):
            message = f"dead mapping: {nobody} serves {mapping.to!r}"
            yield Finding((*place, "model_mappings", index, "to"), message, "warning")
    for index, model in enumerate(profile.models):
        if usable.isdisjoint(table.by(model) | table.by(renamed(profile, model))):
            yield Finding((*place, "models", index), f"{nobody} serves {model!r}", "warning")


def renamed(profile: Profile, model: str) -> str:
    return next((to for mapping in profile.model_mappings if (to := mapping.match(model))), model)
