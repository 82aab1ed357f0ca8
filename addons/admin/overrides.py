"""The dry run of a channel's overrides: what they make of a request, before and after. Nothing is sent."""

from typing import Annotated

import orjson
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from axonhub.addons.admin.backroom import ONE, Room, answers
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.channels.serving import upstream_model
from axonhub.addons.config.values import HeaderName
from axonhub.addons.overriding.conditions import Asked
from axonhub.addons.overriding.dry_run import as_json, rehearse
from axonhub.addons.overriding.sending import has_overrides
from axonhub.addons.overriding.templates import Facts, Headers
from axonhub.addons.runtime.refusals import Invalid, NotFound

router = APIRouter(prefix="/channels", tags=["channels"])


class DryRunDraft(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    body: dict[str, JsonValue] = {"messages": [{"role": "user", "content": "Hello"}]}
    """As it would go to the channel, in its protocol."""
    headers: dict[HeaderName, Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$")]] = {}
    """The client's."""
    model: str = "any-model"
    """The name that the client asks for."""
    key: str = ""
    """Name of its API key, for templates."""
    path: Annotated[str, Field(pattern=r"^/[!-~]*$")] = "/v1/chat/completions"
    effort: str = ""


class DryRun(BaseModel):
    steps: list[JsonValue]
    body: dict[str, JsonValue]
    headers: dict[str, JsonValue]


@router.post("/{name}/dry-run", operation_id="dryRunOverrides", responses=answers(*ONE))
def dry_run(room: Room, name: str, draft: DryRunDraft) -> DryRun:
    config = room.settings.config
    channel = next((each for each in config.channels if each.name == name), None)
    if channel is None:
        raise NotFound(f"There is no channel {name!r}.")
    if not has_overrides(channel):
        raise Invalid(f"The channel {name!r} has no overrides.")
    model = upstream_model(channel, channel_types()[channel.type], draft.model) or draft.model
    headers = {name.lower(): value for name, value in draft.headers.items()}
    metadata = draft.body.get("metadata")
    facts = Facts(
        request_model=draft.model,
        model=model,
        request_header=Headers(headers),
        metadata=metadata if isinstance(metadata, dict) else {},
        key=draft.key,
        channel=channel.name,
        stream=draft.body.get("stream") is True,
        find_effort=lambda: draft.effort,
    )
    url = f"http://{config.server.host}:{config.server.port}{draft.path}"
    asked = Asked("POST", url, headers, orjson.dumps({**draft.body, "model": draft.model}))
    found = rehearse(channel, orjson.dumps({**draft.body, "model": model}), headers, facts, asked)
    return DryRun.model_validate(as_json(found))
