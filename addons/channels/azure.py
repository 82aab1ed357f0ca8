"""Channel type `azure`: OpenAI's models on Azure.

With `settings.azure.api_version` the deployment (the model's name at this channel) stands in the path, as Azure's
classic API wants it; without, the body names it below `/openai/v1`.
Source: Microsoft, "Azure OpenAI in Azure AI Foundry Models REST API reference", read 2026-11.
"""

from dataclasses import replace
from urllib.parse import quote, urlsplit

from axonhub.addons.channels.kinds import ChannelType, Outgoing
from axonhub.addons.config import Channel
from axonhub.transformers.dialects import AZURE


def adapt(outgoing: Outgoing, channel: Channel) -> Outgoing:
    azure = channel.settings.azure
    operation = urlsplit(outgoing.url).path.partition("/v1/")[2]
    root = (channel.settings.base_url_for_tests or channel.base_url or "").rstrip("/#").removesuffix("/v1")
    root = root.removesuffix("/openai")
    if azure is None or azure.api_version is None:
        return replace(outgoing, url=f"{root}/openai/v1/{operation}")
    place = f"openai/deployments/{quote(outgoing.model, safe='')}/{operation}"
    return replace(outgoing, url=f"{root}/{place}?api-version={quote(azure.api_version)}")


CHANNEL_TYPE = ChannelType(
    "azure",
    ("openai/chat",),
    auth="api-key",
    dialect=AZURE,
    native_dialect=True,
    adapt=adapt,
    title="OpenAI's models on Azure (base_url is the resource's address; settings.azure)",
)
