"""What was made at run time, read from its documents and put beside config.yml's: one Config, and what is from where.

The file wins where both have a name: whoever edits it means it. What cannot be used any more is left out and told as a
fault; it must not keep the gateway from serving the rest.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from axonhub.addons.config import ApiKey, Channel, Config, Price, Profile, Section
from axonhub.addons.config.check import digest_of
from axonhub.addons.config.validation import message_of, read_faults
from axonhub.addons.runtime.sealing import opened

KEYS, PROFILES, CHANNELS, PRICES = "made_keys", "made_profiles", "made_channels", "made_prices"
"""Keys of the state: name (of prices: id) → {"document": …, "created_s": …, "updated_s": …, "tail": …}."""
ASSIGNED = "assigned_profiles"
"""API key's name → names of profiles that were made at run time."""
SWITCHED_KEYS, SWITCHED_CHANNELS = "switched_keys", "switched_channels"
"""Name → status, of what config.yml declares."""
ACTIVE_PROFILES = "active_profiles"
"""API key's name → profile's name; "" for none."""
SYNCED_MODELS = "synced_models"
"""Channel's name → what its provider's list of models held last."""
ADMIN_TOKEN = "admin_token"

type State = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class InForce:
    """What holds now. `made_*` are those of its parts that config.yml does not declare."""

    config: Config = Config()
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    """Made at run time, by name, for any key."""
    prices: Mapping[str, Price] = field(default_factory=dict)
    """Made at run time, by id."""
    made_keys: frozenset[str] = frozenset()
    made_channels: frozenset[str] = frozenset()
    active: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    def active_profile(self, api_key: ApiKey) -> Profile | None:
        """The one switched to at run time, else the file's; None: no remapping and no limits."""
        name = (self.active.get(api_key.name, api_key.active_profile) or "").lower()
        if name:
            for each in api_key.profiles:
                if each.name.lower() == name:
                    return each
        return None


def in_force(
    declared: Config, state: State, secrets: Mapping[str, str], known_type: Callable[[str], bool] = lambda name: True
) -> InForce:
    """`declared` is config.yml alone. Never raises for what is in the state."""
    faults: list[str] = []
    profiles = dict(_made(Profile, state, PROFILES, {}, faults))
    prices = dict(_made(Price, state, PRICES, {}, faults))
    made_channels = _beside(
        {each.name for each in declared.channels}, _made(Channel, state, CHANNELS, secrets, faults), "channel", faults
    )
    for name in [name for name, each in made_channels.items() if not known_type(each.type)]:
        faults.append(f"channel {name!r}: unknown channel type {made_channels.pop(name).type!r}")
    made_keys = _beside(
        {each.name for each in declared.api_keys}, _made(ApiKey, state, KEYS, {}, faults), "key", faults
    )
    _drop_double_keys(declared, made_keys, faults)
    keys = [*_switched(declared.api_keys, _table(state, SWITCHED_KEYS)), *made_keys.values()]
    assigned = _table(state, ASSIGNED)
    config = declared.model_copy(
        update={
            "api_keys": tuple(_with_profiles(each, assigned.get(each.name), profiles) for each in keys),
            "channels": tuple(
                _with_synced(each, _table(state, SYNCED_MODELS).get(each.name))
                for each in (*_switched(declared.channels, _table(state, SWITCHED_CHANNELS)), *made_channels.values())
            ),
            "prices": (*prices.values(), *declared.prices),
        }
    )
    active = {key: name for key, name in _table(state, ACTIVE_PROFILES).items() if isinstance(name, str)}
    return InForce(
        config, profiles, prices, frozenset(made_keys), frozenset(made_channels), active, tuple(faults)
    )  # fmt: skip


def item_of(state: State, table: str, name: str) -> Mapping[str, object]:
    """Its document and what else is kept of it; {} when there is none."""
    found = _table(state, table).get(name)
    return found if isinstance(found, Mapping) else {}


def _made[S: Section](
    section: type[S], state: State, table: str, secrets: Mapping[str, str], faults: list[str]
) -> Iterator[tuple[str, S]]:
    for name in _table(state, table):
        try:
            document = opened(item_of(state, table, name).get("document"), secrets)
            yield name, section.model_validate(document, by_alias=True, by_name=False)
        except ValidationError as error:
            first = read_faults(error)[0]
            place = ".".join(map(str, first.place))
            faults.append(f"{section.__name__.lower()} {name!r}: {place}: {message_of(first)}")
        except KeyError:
            faults.append(f"{section.__name__.lower()} {name!r}: a credential of it is lost; give it again")


def _beside[S: Section](
    taken: set[str], made: Iterator[tuple[str, S]], what: str, faults: list[str]
) -> dict[str, S]:  # fmt: skip
    found = dict(made)
    for name in sorted(taken & set(found)):
        del found[name]
        faults.append(
            f"{what} {name!r} was made at run time, and config.yml declares one of that name: the file's serves"
        )
    return found


def _drop_double_keys(declared: Config, made: dict[str, ApiKey], faults: list[str]) -> None:
    seen = {digest_of(each) for each in declared.api_keys}
    for name, each in list(made.items()):
        if digest_of(each) in seen:
            del made[name]
            faults.append(f"key {name!r}: another entry has this very key")
        seen.add(digest_of(each))


def _switched[S: (ApiKey, Channel)](declared: tuple[S, ...], switches: Mapping[str, object]) -> Iterator[S]:
    """What waits for a variable cannot be enabled by a switch."""
    for each in declared:
        status = switches.get(each.name)
        if status not in ("enabled", "disabled", "archived") or (status == "enabled" and each.disabled_reason):
            yield each
        else:
            yield each.model_copy(update={"status": status})


def _with_synced(channel: Channel, names: object) -> Channel:
    """What the file lists comes first."""
    if not channel.auto_sync_supported_models or not isinstance(names, list):
        return channel
    found = (name for name in names if isinstance(name, str))
    return channel.model_copy(update={"supported_models": tuple(dict.fromkeys((*channel.supported_models, *found)))})


def _with_profiles(api_key: ApiKey, assigned: object, profiles: Mapping[str, Profile]) -> ApiKey:
    names = [name for name in assigned if name in profiles] if isinstance(assigned, list) else []
    own = {each.name.lower() for each in api_key.profiles}
    added = tuple(profiles[name] for name in names if name.lower() not in own)
    return api_key.model_copy(update={"profiles": (*api_key.profiles, *added)}) if added else api_key


def _table(state: State, name: str) -> Mapping[str, object]:
    found = state.get(name)
    return found if isinstance(found, Mapping) else {}
