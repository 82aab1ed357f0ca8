"""API keys: made, switched, given profiles, deleted. A key's text is told once, in the answer that made it."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict

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
from axonhub.addons.config import Quota, Switch
from axonhub.addons.config.values import Name
from axonhub.addons.runtime import views
from axonhub.addons.runtime.refusals import Invalid, NotFound
from axonhub.addons.runtime.views import KeyView, MadeKey

router = APIRouter(prefix="/keys", tags=["keys"])


class KeyDraft(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    name: Name
    status: Switch = "enabled"
    profiles: list[Name] = []
    """Profiles made at run time that it gets."""
    active_profile: Name | None = None
    """The one of them that it uses."""
    quota: Quota | None = None
    """What the key may use up in a period, whatever its profile."""


class KeyPatch(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    status: Switch | None = None
    active_profile: str | None = None
    """`null` or empty: none."""
    quota: Quota | None = None
    """Instead of the one of before; `null`: none. Only of keys made at run time."""


class Assignment(BaseModel):
    model_config = ConfigDict(extra="forbid")

    profile: Name


class ProfileChoice(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    profile: str | None
    """`null`: no remapping and no limits."""


@router.get("", operation_id="listKeys", responses=answers())
def list_keys(
    room: Room,
    limit: Limit = 50,
    cursor: Cursor = None,
    status: Annotated[Switch | None, Query(description="Archived ones are shown only when asked for.")] = None,
    q: Annotated[str | None, Query(max_length=200, description="Part of a name.")] = None,
) -> Page[KeyView]:
    now, state = room.settings.now, room.settings.state
    found = (
        each
        for each in now.config.api_keys
        if (each.status == status if status else each.status != "archived") and (q or "").lower() in each.name.lower()
    )
    return shown_page(found, lambda each: views.key_view(each, now, state), limit, cursor)


@router.post("", operation_id="createKey", status_code=201, responses=answers(404, 409))
async def create_key(
    room: Room, request: Request, response: Response, draft: KeyDraft, idempotency_key: IdempotencyKey = None
) -> MadeKey:
    """The answer holds the key itself, this once."""
    given = draft.model_dump(by_alias=True, exclude_unset=True, exclude_none=True)
    made = await room.once.made(idempotency_key, request, lambda: room.changed(lambda: room.changes.create_key(given)))
    return told(response, made)


@router.get("/{name}", operation_id="getKey", responses=answers(*ONE))
def get_key(room: Room, response: Response, name: str) -> KeyView:
    now = room.settings.now
    for each in now.config.api_keys:
        if each.name == name:
            return told(response, views.key_view(each, now, room.settings.state))
    raise NotFound(f"There is no API key {name!r}.")


@router.patch("/{name}", operation_id="changeKey", responses=answers(*WRITE))
async def change_key(room: Room, response: Response, name: str, patch: KeyPatch, if_match: IfMatch = None) -> KeyView:
    """Status, active profile, quota, or some of them."""
    version, given = version_of(if_match), patch.model_fields_set
    if patch.status is None and not given & {"active_profile", "quota"}:
        raise Invalid("status, active_profile or quota is needed")
    quota = patch.quota.model_dump(by_alias=True, exclude_unset=True) if patch.quota else None

    def change() -> KeyView:
        shown, expected = None, version
        if "quota" in given:
            shown = room.changes.limit_key(name, quota, expected)
            expected = shown.version
        if "active_profile" in given:
            shown = room.changes.use_profile(name, patch.active_profile, expected)
            expected = shown.version
        if patch.status is not None:
            shown = room.changes.switch_key(name, patch.status, expected)
        assert shown is not None  # one of them was given
        return shown

    return told(response, await room.changed(change))


@router.delete("/{name}", operation_id="deleteKey", status_code=204, responses=answers(*WRITE))
async def delete_key(room: Room, name: str, if_match: IfMatch = None) -> None:
    await room.changed(lambda: room.changes.delete_key(name, version_of(if_match)))


@router.post("/{name}/enable", operation_id="enableKey", responses=answers(*WRITE))
async def enable_key(room: Room, response: Response, name: str, if_match: IfMatch = None) -> KeyView:
    return await _switched(room, response, name, "enabled", if_match)


@router.post("/{name}/disable", operation_id="disableKey", responses=answers(*WRITE))
async def disable_key(room: Room, response: Response, name: str, if_match: IfMatch = None) -> KeyView:
    return await _switched(room, response, name, "disabled", if_match)


@router.post("/{name}/archive", operation_id="archiveKey", responses=answers(*WRITE))
async def archive_key(room: Room, response: Response, name: str, if_match: IfMatch = None) -> KeyView:
    return await _switched(room, response, name, "archived", if_match)


@router.post("/{name}/profiles", operation_id="assignProfile", responses=answers(*WRITE))
async def assign_profile(
    room: Room, response: Response, name: str, assignment: Assignment, if_match: IfMatch = None
) -> KeyView:
    """From now on the key may be switched to this profile."""
    version = version_of(if_match)
    return told(response, await room.changed(lambda: room.changes.assign(name, assignment.profile, version)))


@router.delete("/{name}/profiles/{profile}", operation_id="unassignProfile", responses=answers(*WRITE))
async def unassign_profile(
    room: Room, response: Response, name: str, profile: str, if_match: IfMatch = None
) -> KeyView:
    version = version_of(if_match)
    return told(response, await room.changed(lambda: room.changes.unassign(name, profile, version)))


@router.put("/{name}/active_profile", operation_id="useProfile", responses=answers(*WRITE))
async def use_profile(
    room: Room, response: Response, name: str, choice: ProfileChoice, if_match: IfMatch = None
) -> KeyView:
    version = version_of(if_match)
    return told(response, await room.changed(lambda: room.changes.use_profile(name, choice.profile, version)))


async def _switched(room: Room, response: Response, name: str, status: Switch, if_match: str | None) -> KeyView:
    version = version_of(if_match)
    return told(response, await room.changed(lambda: room.changes.switch_key(name, status, version)))
