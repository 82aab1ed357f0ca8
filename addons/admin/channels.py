"""Channels: made disabled, tested, enabled, archived. Credentials go in and never come out."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.json_schema import SkipJsonSchema

from axonhub.addons.admin.backroom import (
    ONE,
    WRITE,
    Cursor,
    IfMatch,
    Limit,
    Page,
    Room,
    answers,
    shown_page,
    told,
    version_of,
)
from axonhub.addons.admin.idempotency import IdempotencyKey
from axonhub.addons.config import Channel, Switch
from axonhub.addons.runtime import views
from axonhub.addons.runtime.refusals import NotFound
from axonhub.addons.runtime.views import ChannelView, TypeView
from axonhub.addons.trials import PROMPT, Trial, TrialRequest

router = APIRouter(prefix="/channels", tags=["channels"])
_MOST_PROMPT = 10_000


class ChannelDraft(Channel):
    """A channel as config.yml has it; disabled until it is enabled."""

    status: Switch = "disabled"
    disabled_reason: SkipJsonSchema[None] = None


class TestDraft(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    model: str | None = None
    """Nothing: the channel's default_test_model, else the first that it serves."""
    all_keys: bool = False
    """Each of its credentials by itself."""
    prompt: str = Field(PROMPT, min_length=1, max_length=_MOST_PROMPT)
    stream: bool | None = None
    """Nothing: only where the channel takes nothing but streams."""


class TestResult(BaseModel):
    success: bool
    results: list[Trial]


@router.get("", operation_id="listChannels", responses=answers())
def list_channels(
    room: Room,
    limit: Limit = 50,
    cursor: Cursor = None,
    status: Annotated[Switch | None, Query(description="Archived ones are shown only when asked for.")] = None,
    type: str | None = None,
    tag: str | None = None,
    q: Annotated[str | None, Query(max_length=200, description="Part of a name.")] = None,
) -> Page[ChannelView]:
    now = room.settings.now
    found = (
        each
        for each in now.config.channels
        if (each.status == status if status else each.status != "archived")
        and type in (None, each.type)
        and (tag is None or tag in each.tags)
        and (q or "").lower() in each.name.lower()
    )
    return shown_page(found, lambda each: views.channel_view(each, now), limit, cursor)


@router.post("", operation_id="createChannel", status_code=201, responses=answers(409))
async def create_channel(
    room: Room, request: Request, response: Response, draft: ChannelDraft, idempotency_key: IdempotencyKey = None
) -> ChannelView:
    given = draft.model_dump(by_alias=True, exclude_unset=True)
    made = await room.once.made(
        idempotency_key, request, lambda: room.changed(lambda: room.changes.create_channel(given))
    )
    return told(response, made)


@router.get("/types", operation_id="listChannelTypes", responses=answers())
def list_types() -> list[TypeView]:
    """What a channel's `type` may be."""
    return list(views.types())


@router.get("/{name}", operation_id="getChannel", responses=answers(*ONE))
def get_channel(room: Room, response: Response, name: str) -> ChannelView:
    return told(response, views.channel_view(_named(room, name), room.settings.now))


@router.patch("/{name}", operation_id="changeChannel", responses=answers(*WRITE))
async def change_channel(
    room: Room, response: Response, name: str, patch: dict[str, JsonValue], if_match: IfMatch = None
) -> ChannelView:
    """A JSON merge patch (RFC 7396): what is left out stays, `null` goes back to the default.

    A masked credential in `api_keys` stands for the one that it was made of.
    """
    version = version_of(if_match)
    return told(response, await room.changed(lambda: room.changes.change_channel(name, patch, version)))


@router.delete("/{name}", operation_id="deleteChannel", status_code=204, responses=answers(*WRITE))
async def delete_channel(room: Room, name: str, if_match: IfMatch = None) -> None:
    """Its credentials are gone with it; records of its requests stay."""
    await room.changed(lambda: room.changes.delete_channel(name, version_of(if_match)))


@router.post("/{name}/enable", operation_id="enableChannel", responses=answers(*WRITE))
async def enable_channel(room: Room, response: Response, name: str, if_match: IfMatch = None) -> ChannelView:
    return await _switched(room, response, name, "enabled", if_match)


@router.post("/{name}/disable", operation_id="disableChannel", responses=answers(*WRITE))
async def disable_channel(room: Room, response: Response, name: str, if_match: IfMatch = None) -> ChannelView:
    return await _switched(room, response, name, "disabled", if_match)


@router.post("/{name}/archive", operation_id="archiveChannel", responses=answers(*WRITE))
async def archive_channel(room: Room, response: Response, name: str, if_match: IfMatch = None) -> ChannelView:
    return await _switched(room, response, name, "archived", if_match)


@router.post("/{name}/test", operation_id="testChannel", responses=answers(*ONE))
async def try_channel(room: Room, name: str, draft: TestDraft | None = None) -> TestResult:
    """One small request through the whole pipeline, pinned to this channel; it may be disabled."""
    _named(room, name)
    wanted = TrialRequest(channel=name, **(draft or TestDraft()).model_dump())
    results = list(await room.try_out(wanted))
    return TestResult(success=all(each.success for each in results), results=results)


def _named(room: Room, name: str) -> Channel:
    for each in room.settings.config.channels:
        if each.name == name:
            return each
    raise NotFound(f"There is no channel {name!r}.")


async def _switched(room: Room, response: Response, name: str, status: Switch, if_match: str | None) -> ChannelView:
    version = version_of(if_match)
    return told(response, await room.changed(lambda: room.changes.switch_channel(name, status, version)))
