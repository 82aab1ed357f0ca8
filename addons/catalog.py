"""Addon: the list of models that a caller's key may use, in the shape that its client knows."""

from collections.abc import Iterator

from mitmproxy import http

from axonhub.addons.answers import json_answer
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.channels.serving import listed_models, upstream_model
from axonhub.addons.config import Config, Profile
from axonhub.addons.config.values import is_exact
from axonhub.addons.exchange import exchange_of
from axonhub.addons.remapping import allows, mapped
from axonhub.transformers.model_list import model_list


class Catalog:
    def request(self, flow: http.HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if exchange is None or flow.response or exchange.address.operation != "models":
            return
        names = sorted(set(offered(exchange.config, exchange.profile)))
        flow.response = json_answer(200, model_list(exchange.address.protocol.name, names), exchange.headers)


def offered(config: Config, profile: Profile | None) -> Iterator[str]:
    """The names that this profile may ask for and that lead to an enabled channel."""
    channels = [each for each in config.channels if each.status == "enabled" and allows(profile, each)]
    served = {name for each in channels for name in listed_models(each, channel_types()[each.type])}
    if profile is None:
        yield from served
        return
    sources = [each.from_ for each in profile.model_mappings if is_exact(each.from_)]
    for name in [*served, *sources, *profile.models]:
        wanted = mapped(profile.model_mappings, name)
        allowed = not profile.models or name in profile.models or wanted in profile.models
        if allowed and any(upstream_model(each, channel_types()[each.type], wanted) for each in channels):
            yield name
