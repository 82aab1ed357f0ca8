"""What an operator changes at run time. Each change reads the state anew under its lock, checks the whole, writes once.

Blocks for some milliseconds: the gateway calls it in a thread. A change of what is not as the operator saw it
(`version`) is refused, and so is one that would leave something unusable; nothing is written then.
"""

import secrets as randomness
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from axonhub.addons.channels.checking import findings
from axonhub.addons.channels.credentials import tail
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.config import ApiKey, Channel, Config, Finding, Price, Profile, Section, Switch
from axonhub.addons.config.check import check_names, check_reach
from axonhub.addons.config.document import Place
from axonhub.addons.config.validation import Fault, message_of, read_faults
from axonhub.addons.runtime import merging, views
from axonhub.addons.runtime.merging import InForce, in_force, item_of
from axonhub.addons.runtime.patching import Given, patched, refuse_masks, unmasked, without_name
from axonhub.addons.runtime.refusals import Conflict, Declared, Invalid, NotFound, Stale
from axonhub.addons.runtime.sealing import opened, sealed
from axonhub.addons.runtime.views import ChannelView, KeyView, MadeKey, PriceView, ProfileView, View
from axonhub.addons.store.backend import Json
from axonhub.addons.store.state import RuntimeState
from axonhub.addons.strategies.registry import STRATEGIES

KEY_PREFIX = "ah-"


@dataclass(slots=True)
class Desk:
    """State and secrets while one change is made to them."""

    declared: Config
    values: dict[str, Json]
    secrets: MutableMapping[str, str]
    now_s: float

    def in_force(self) -> InForce:
        return read(self.declared, self.values, self.secrets)

    def table(self, name: str) -> dict[str, Any]:
        found = self.values.setdefault(name, {})
        assert isinstance(found, dict)
        return found

    def put(self, table: str, name: str, section: Section, **more: Json) -> None:
        created_s = item_of(self.values, table, name).get("created_s", self.now_s)
        document = sealed(section.model_dump(by_alias=True, exclude_unset=True), self.secrets)
        item = {"document": document, "created_s": created_s, "updated_s": self.now_s, **more}
        self.table(table)[name] = item

    def drop(self, name: str, *tables: str) -> None:
        for table in tables:
            self.table(table).pop(name, None)


def read(declared: Config, state: merging.State, secrets: Mapping[str, str]) -> InForce:
    return in_force(declared, state, secrets, lambda name: name in channel_types())


class Changes:
    def __init__(
        self, declared: Callable[[], Config], folder: Callable[[], Path], clock: Callable[[], float] = time.time
    ) -> None:
        """`declared` gives config.yml as it is now, without what was made at run time."""
        self._declared, self._folder, self._clock = declared, folder, clock

    def _change[T](self, edit: Callable[[Desk], T]) -> T:
        def edited(values: dict[str, Json], secrets: MutableMapping[str, str]) -> T:
            return edit(Desk(self._declared(), values, secrets, self._clock()))

        return RuntimeState(self._folder()).update(edited)

    # -- API keys

    def create_key(self, given: Given) -> MadeKey:
        """With the key itself, for this once. `profiles` are names."""

        def edit(desk: Desk) -> MadeKey:
            secret = KEY_PREFIX + randomness.token_urlsafe(32)
            digest = sha256(secret.encode()).hexdigest()
            wanted = dict(given)
            profiles, active = _names(wanted.pop("profiles", None)), wanted.pop("active_profile", None)
            made = _valid(ApiKey, {**wanted, "key_sha256": digest})
            _refuse_taken("API key", made.name, (each.name for each in desk.in_force().config.api_keys))
            desk.put(merging.KEYS, made.name, made, tail=tail(SecretStr(secret)))
            for name in profiles:
                _assign(desk, made.name, name)
            if active is not None:
                _use(desk, made.name, str(active))
            return MadeKey(**_key(desk, made.name).model_dump(), key=secret)

        return self._change(edit)

    def switch_key(self, name: str, status: Switch, version: str | None = None) -> KeyView:
        def edit(desk: Desk) -> KeyView:
            now = desk.in_force()
            _match(views.key_view(_named(now.config.api_keys, name, "API key"), now, desk.values), version)
            _switch(desk, desk.declared.api_keys, (merging.KEYS, merging.SWITCHED_KEYS), name, status)
            return _key(desk, name)

        return self._change(edit)

    def limit_key(self, name: str, quota: Given | None, version: str | None = None) -> KeyView:
        """None: no limit of the key's own. Only of keys made at run time."""

        def edit(desk: Desk) -> KeyView:
            _match(_key(desk, name), version)
            _refuse_declared(desk.declared.api_keys, name, "API key")
            item = item_of(desk.values, merging.KEYS, name)
            changed = _valid(ApiKey, patched(item["document"], {"quota": None}) | ({"quota": quota} if quota else {}))
            desk.put(merging.KEYS, name, changed, tail=str(item.get("tail", "")))
            return _key(desk, name)

        return self._change(edit)

    def delete_key(self, name: str, version: str | None = None) -> None:
        def edit(desk: Desk) -> None:
            _match(_key(desk, name), version)
            _refuse_declared(desk.declared.api_keys, name, "API key")
            desk.drop(name, merging.KEYS, merging.ASSIGNED, merging.ACTIVE_PROFILES)

        self._change(edit)

    def use_profile(self, key: str, profile: str | None, version: str | None = None) -> KeyView:
        """None: no remapping and no limits."""

        def edit(desk: Desk) -> KeyView:
            _match(_key(desk, key), version)
            _use(desk, key, profile or "")
            return _key(desk, key)

        return self._change(edit)

    def assign(self, key: str, profile: str, version: str | None = None) -> KeyView:
        def edit(desk: Desk) -> KeyView:
            _match(_key(desk, key), version)
            _assign(desk, key, profile)
            return _key(desk, key)

        return self._change(edit)

    def unassign(self, key: str, profile: str, version: str | None = None) -> KeyView:
        def edit(desk: Desk) -> KeyView:
            shown = _key(desk, key)
            _match(shown, version)
            assigned = desk.table(merging.ASSIGNED).get(key) or []
            if profile not in assigned:
                raise NotFound(f"The profile {profile!r} is not assigned to the API key {key!r}.")
            if shown.active_profile == profile:
                raise Conflict(f"The API key {key!r} uses the profile {profile!r}: switch it first.")
            desk.table(merging.ASSIGNED)[key] = [each for each in assigned if each != profile]
            return _key(desk, key)

        return self._change(edit)

    # -- profiles

    def create_profile(self, given: Given) -> ProfileView:
        def edit(desk: Desk) -> ProfileView:
            made = _valid(Profile, given)
            now = desk.in_force()
            taken = {*now.profiles, *(each.name for key in now.config.api_keys for each in key.profiles)}
            _refuse_taken("profile", made.name, taken)
            desk.put(merging.PROFILES, made.name, made)
            return _profile(desk, made.name)

        return self._change(edit)

    def change_profile(self, name: str, patch: Given, version: str | None = None) -> ProfileView:
        def edit(desk: Desk) -> ProfileView:
            _match(_profile(desk, name), version)
            current = item_of(desk.values, merging.PROFILES, name)["document"]
            desk.put(merging.PROFILES, name, _valid(Profile, patched(current, without_name(patch, name))))
            return _profile(desk, name)

        return self._change(edit)

    def delete_profile(self, name: str, version: str | None = None) -> None:
        def edit(desk: Desk) -> None:
            shown = _profile(desk, name)
            _match(shown, version)
            if shown.active_for:
                raise Conflict(f"The profile {name!r} is in use by {', '.join(shown.active_for)}: switch that first.")
            desk.drop(name, merging.PROFILES)
            assigned = desk.table(merging.ASSIGNED)
            assigned.update({key: [each for each in names if each != name] for key, names in assigned.items()})

        self._change(edit)

    # -- channels

    def create_channel(self, given: Given) -> ChannelView:
        """Disabled, unless its status is given: it shall be tested first."""

        def edit(desk: Desk) -> ChannelView:
            made = _valid(Channel, {"status": "disabled", **given})
            refuse_masks(made)
            _refuse_taken("channel", made.name, (each.name for each in desk.in_force().config.channels))
            desk.put(merging.CHANNELS, made.name, made)
            return _channel(desk, made.name)

        return self._change(edit)

    def change_channel(self, name: str, patch: Given, version: str | None = None) -> ChannelView:
        """`patch` is a JSON merge patch (RFC 7396). A masked credential stands for the one that it was made of."""

        def edit(desk: Desk) -> ChannelView:
            _match(_channel(desk, name, look=False), version)
            if set(patch) == {"status"}:
                status: Any = patch["status"]
                _switch(desk, desk.declared.channels, (merging.CHANNELS, merging.SWITCHED_CHANNELS), name, status)
                return _channel(desk, name)
            _refuse_declared(desk.declared.channels, name, "channel")
            item = item_of(desk.values, merging.CHANNELS, name)
            current = opened(item["document"], desk.secrets)
            wanted = patched(current, without_name(patch, name))
            changed = _valid(Channel, unmasked(wanted, current))
            refuse_masks(changed)
            desk.put(merging.CHANNELS, name, changed)
            return _channel(desk, name)

        return self._change(edit)

    def switch_channel(self, name: str, status: Switch, version: str | None = None) -> ChannelView:
        return self.change_channel(name, {"status": status}, version)

    def delete_channel(self, name: str, version: str | None = None) -> None:
        def edit(desk: Desk) -> None:
            _refuse_declared(desk.declared.channels, name, "channel")
            if name not in desk.table(merging.CHANNELS) or any(
                each.name == name for each in desk.in_force().config.channels
            ):
                _match(_channel(desk, name, look=False), version)
            desk.drop(name, merging.CHANNELS)  # also one that cannot be used any more

        self._change(edit)

    # -- prices

    def create_price(self, given: Given) -> PriceView:
        def edit(desk: Desk) -> PriceView:
            name = f"price_{randomness.token_hex(6)}"
            desk.put(merging.PRICES, name, _valid(Price, given))
            return _price(desk, name)

        return self._change(edit)

    def change_price(self, name: str, patch: Given, version: str | None = None) -> PriceView:
        def edit(desk: Desk) -> PriceView:
            _match(_price(desk, name), version)
            current = item_of(desk.values, merging.PRICES, name)["document"]
            desk.put(merging.PRICES, name, _valid(Price, patched(current, patch)))
            return _price(desk, name)

        return self._change(edit)

    def delete_price(self, name: str, version: str | None = None) -> None:
        def edit(desk: Desk) -> None:
            _match(_price(desk, name), version)
            desk.drop(name, merging.PRICES)

        self._change(edit)


# -- what a change leaves behind, looked at as a whole


def _key(desk: Desk, name: str) -> KeyView:
    now = desk.in_force()
    index, found = _place(now.config.api_keys, name, "API key")
    _refuse_findings(_looked(now.config), ("api_keys", index))
    return views.key_view(found, now, desk.values)


def _profile(desk: Desk, name: str) -> ProfileView:
    now = desk.in_force()
    found = now.profiles.get(name)
    if found is None:
        if any(each.name == name for key in now.config.api_keys for each in key.profiles):
            raise Declared(f"The profile {name!r} is from config.yml: edit it there.")
        raise NotFound(f"There is no profile {name!r}.")
    if found.load_balance and found.load_balance not in STRATEGIES:
        raise Invalid(f"load_balance: unknown strategy {found.load_balance!r}: one of {', '.join(sorted(STRATEGIES))}")
    return views.profile_view(found, now)


def _channel(desk: Desk, name: str, *, look: bool = True) -> ChannelView:
    now = desk.in_force()
    if found := next((each for each in now.faults if each.startswith("channel ") and repr(name) in each), None):
        raise Invalid(found)
    index, channel = _place(now.config.channels, name, "channel")
    if not look or name not in now.made_channels:
        return views.channel_view(channel, now)
    place = ("channels", index)
    _refuse_findings(_looked(now.config), place)
    odd = [_words(each, place) for each in check_reach(now.config) if tuple(each.place[:2]) == place]
    return views.channel_view(channel, now).model_copy(update={"warnings": odd})


def _price(desk: Desk, name: str) -> PriceView:
    now = desk.in_force()
    if name in now.prices:
        return views.price_view(name, now.prices[name])
    if any(each.id == name for each in views.prices(now)):
        raise Declared(f"The price {name!r} is from config.yml: edit it there.")
    raise NotFound(f"There is no price {name!r}.")


def _looked(config: Config) -> Iterator[Finding]:
    yield from check_names(config, channel_types(), STRATEGIES)
    yield from findings(config)


def _refuse_findings(found: Iterator[Finding], place: Place) -> None:
    errors = [each for each in found if each.severity == "error" and tuple(each.place[: len(place)]) == tuple(place)]
    if errors:
        raise Invalid("; ".join(_words(each, place) for each in errors))


def _words(finding: Finding, place: Place) -> str:
    return f"{'.'.join(map(str, finding.place[len(place) :]))}: {finding.message}".removeprefix(": ")


# -- steps


def _valid[S: Section](section: type[S], given: object) -> S:
    """Invalid, with every fault in a person's words; never with a value, which may be a secret."""
    if isinstance(given, Mapping) and "disabled_reason" in given:
        raise Invalid("disabled_reason: unknown key")
    try:
        made = section.model_validate(given, by_alias=True, by_name=False)
    except ValidationError as error:
        raise Invalid("; ".join(_fault_words(section, each) for each in read_faults(error))) from error
    name = getattr(made, "name", "")
    if "/" in name or name in (".", "..", "-"):
        raise Invalid("name: must not hold a slash, nor be a dot or a dash: it is part of addresses")
    return made


_PLACES: Mapping[type[Section], Place] = {
    ApiKey: ("api_keys", 0),
    Profile: ("api_keys", 0, "profiles", 0),
    Channel: ("channels", 0),
    Price: ("prices", 0),
}
"""Where config.yml has such a section."""


def _fault_words(section: type[Section], fault: Fault) -> str:
    in_file = replace(fault, place=(*_PLACES[section], *fault.place))
    return f"{'.'.join(map(str, fault.place))}: {message_of(in_file)}"


def _names(given: object) -> list[str]:
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise Invalid("profiles: must be a list of names")
    return given


def _match(shown: View, version: str | None) -> None:
    if version not in (None, "*", shown.version):
        raise Stale("It was changed meanwhile: get it again, and repeat the change if it is still wanted.")


def _refuse_taken(what: str, name: str, taken: Iterator[str] | set[str]) -> None:
    if name in taken:
        raise Conflict(f"There is already one {what} of the name {name!r}.")


def _refuse_declared[S: (ApiKey, Channel)](declared: tuple[S, ...], name: str, what: str) -> None:
    if any(each.name == name for each in declared):
        raise Declared(f"The {what} {name!r} is from config.yml: edit it there. Its status can be switched here.")


def _place[S: (ApiKey, Channel)](found: tuple[S, ...], name: str, what: str) -> tuple[int, S]:
    for index, each in enumerate(found):
        if each.name == name:
            return index, each
    raise NotFound(f"There is no {what} {name!r}.")


def _named[S: (ApiKey, Channel)](found: tuple[S, ...], name: str, what: str) -> S:
    return _place(found, name, what)[1]


def _switch[S: (ApiKey, Channel)](
    desk: Desk, declared: tuple[S, ...], tables: tuple[str, str], name: str, status: object
) -> None:
    """Of what config.yml declares, only a difference to it is kept."""
    made, switched = tables
    if status not in ("enabled", "disabled", "archived"):
        raise Invalid("status: must be 'enabled', 'disabled' or 'archived'")
    own = next((each for each in declared if each.name == name), None)
    if own is None:
        item = desk.table(made)[name]
        item["document"] = {**item["document"], "status": status}
        item["updated_s"] = desk.now_s
    elif own.status == status:
        desk.drop(name, switched)
    elif status == "enabled" and own.disabled_reason:
        raise Conflict(f"{name!r} cannot be enabled: {own.disabled_reason}.")
    else:
        desk.table(switched)[name] = status


def _assign(desk: Desk, key: str, profile: str) -> None:
    now = desk.in_force()
    owner = _named(now.config.api_keys, key, "API key")
    if profile not in now.profiles:
        raise NotFound(f"There is no profile {profile!r} to assign; create it first.")
    if all(each.name.lower() != profile.lower() for each in owner.profiles):
        assigned = desk.table(merging.ASSIGNED)
        assigned[key] = [*(assigned.get(key) or []), profile]


def _use(desk: Desk, key: str, profile: str) -> None:
    """ "" for none."""
    owner = _named(desk.in_force().config.api_keys, key, "API key")
    found = next((each.name for each in owner.profiles if each.name.lower() == profile.lower()), "")
    if profile and not found:
        there = ", ".join(each.name for each in owner.profiles) or "none"
        raise NotFound(f"The API key {key!r} has no profile {profile!r}; it has: {there}.")
    desk.table(merging.ACTIVE_PROFILES)[key] = found
