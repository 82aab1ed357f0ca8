"""The models that a profile may use and see: what its channels list, under the names that it gives them."""

from collections.abc import Iterator
from typing import Final

from axonhub.addons.channels.registry import channel_types
from axonhub.addons.channels.serving import Names, names_of
from axonhub.addons.config import Channel, Config, Profile
from axonhub.addons.config.check import looks_like_a_name
from axonhub.addons.derived import Derived
from axonhub.addons.remapping import allows, mapped


def _read_names(config: Config) -> tuple[tuple[Channel, Names], ...]:
    return tuple((each, names_of(each, channel_types()[each.type])) for each in config.channels)


_names: Final = Derived(_read_names)


def offered(config: Config, profile: Profile | None) -> Iterator[str]:
    """The names that this profile may ask for and that lead to an enabled channel; a name may come twice."""
    usable = [names for each, names in _names(config) if each.status == "enabled" and allows(profile, each)]
    listed = dict.fromkeys(name for names in usable for name in names.listed())
    if profile is None:
        yield from listed
        return
    servable = set().union(*(names.exact() for names in usable)) if usable else set()
    sources = [each.from_ for each in profile.model_mappings if looks_like_a_name(each.from_)]
    for name in [*listed, *sources, *profile.models]:
        wanted = mapped(profile.model_mappings, name)
        allowed = not profile.models or name in profile.models or wanted in profile.models
        if allowed and (wanted in servable or any(names.find(wanted) is not None for names in usable)):
            yield name
