"""What the active profile makes of a request: another model's name, fewer channels, or a refusal."""

from collections.abc import Sequence

from axonhub.addons.config import Channel, Mapping, Profile
from axonhub.addons.errors import UnknownModel


def wanted_model(profile: Profile | None, asked: str) -> str:
    """The asked name after the profile's mappings: the first match wins, and there is no chain.

    UnknownModel when the profile limits its models and neither name is among them.
    """
    if profile is None:
        return asked
    wanted = mapped(profile.model_mappings, asked)
    if profile.models and asked not in profile.models and wanted not in profile.models:
        raise UnknownModel(f"The profile {profile.name!r} does not offer the model {asked[:200]!r}.")
    return wanted


def mapped(mappings: Sequence[Mapping], asked: str) -> str:
    return next((wanted for each in mappings if (wanted := each.match(asked)) is not None), asked)


def allows(profile: Profile | None, channel: Channel) -> bool:
    """Names and tags are alternatives: either matches; a profile that lists neither allows all."""
    if profile is None or not (profile.channels or profile.channel_tags):
        return True
    return channel.name in profile.channels or not set(profile.channel_tags).isdisjoint(channel.tags)
