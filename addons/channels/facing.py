"""One channel, several protocols: how it looks to a client of one of them.

A vendor with a second address is asked there in the client's own protocol, so that nothing need be converted. This is
for the type's own addresses and for those that `endpoints` names; a base_url of the operator's own is asked as it is.
"""

from typing import Final

from axonhub.addons.channels.kinds import ChannelType
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.channels.serving import served_models
from axonhub.addons.config import Channel
from axonhub.addons.derived import Derived


class Faces:
    """Of one channel, by protocol."""

    def __init__(self, channel: Channel) -> None:
        kind = channel_types()[channel.type]
        self._by_protocol: dict[str, Channel] = {}
        own_address = channel.base_url is not None and channel.base_url.rstrip("/") != kind.base_url.rstrip("/")
        if not own_address:
            for sibling in siblings(kind):
                for protocol in sibling.protocols:
                    if protocol not in kind.protocols:
                        self._by_protocol.setdefault(protocol, _as(channel, kind, sibling, None))
        for endpoint in channel.endpoints:
            speaker = speaker_of(kind, endpoint.protocol)
            if speaker is not None:
                self._by_protocol[endpoint.protocol] = _as(channel, kind, speaker, endpoint.base_url)

    def to(self, protocol: str) -> Channel | None:
        """None: the channel as it is."""
        return self._by_protocol.get(protocol)


def siblings(kind: ChannelType) -> tuple[ChannelType, ...]:
    return tuple(channel_types()[name] for name in kind.siblings)


def speaker_of(kind: ChannelType, protocol: str) -> ChannelType | None:
    """The type, or the sibling, that speaks the protocol; None: none does."""
    return next((each for each in (kind, *siblings(kind)) if protocol in each.protocols), None)


def _as(channel: Channel, kind: ChannelType, speaker: ChannelType, base_url: str | None) -> Channel:
    models = tuple(served_models(channel, kind))
    return channel.model_copy(update={"type": speaker.name, "base_url": base_url, "supported_models": models})


_faces: Final = Derived(Faces)


def facing(channel: Channel, protocol: str) -> Channel:
    """The channel for a client of this protocol: the very object where it has one way only."""
    return _faces(channel).to(protocol) or channel
