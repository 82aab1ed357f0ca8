"""Profiles: sets of renamings and limits, made once and assigned to any number of keys."""

from fastapi import APIRouter, Request, Response
from pydantic import JsonValue

from axonhub.addons.admin.backroom import (
    ONE,
    WRITE,
    Cursor,
    IfMatch,
    Limit,
    Page,
    Room,
    answers,
    paged,
    told,
    version_of,
)
from axonhub.addons.admin.idempotency import IdempotencyKey
from axonhub.addons.config import Profile
from axonhub.addons.runtime import views
from axonhub.addons.runtime.refusals import NotFound
from axonhub.addons.runtime.views import ProfileView

router = APIRouter(prefix="/profiles", tags=["profiles"])


@router.get("", operation_id="listProfiles", responses=answers())
def list_profiles(room: Room, limit: Limit = 50, cursor: Cursor = None, key: str | None = None) -> Page[ProfileView]:
    """Those made at run time, and those of config.yml's keys; `key`: of this one only."""
    found = (each for each in views.profiles(room.settings.now) if key is None or key in each.keys)
    return paged(found, limit, cursor)


@router.post("", operation_id="createProfile", status_code=201, responses=answers(409))
async def create_profile(
    room: Room, request: Request, response: Response, draft: Profile, idempotency_key: IdempotencyKey = None
) -> ProfileView:
    given = draft.model_dump(by_alias=True, exclude_unset=True)
    made = await room.once.made(
        idempotency_key, request, lambda: room.changed(lambda: room.changes.create_profile(given))
    )
    return told(response, made)


@router.get("/{name}", operation_id="getProfile", responses=answers(*ONE))
def get_profile(room: Room, response: Response, name: str) -> ProfileView:
    for each in views.profiles(room.settings.now):
        if each.name == name:
            return told(response, each)
    raise NotFound(f"There is no profile {name!r}.")


@router.patch("/{name}", operation_id="changeProfile", responses=answers(*WRITE))
async def change_profile(
    room: Room, response: Response, name: str, patch: dict[str, JsonValue], if_match: IfMatch = None
) -> ProfileView:
    """A JSON merge patch (RFC 7396): what is left out stays, `null` goes back to the default."""
    version = version_of(if_match)
    return told(response, await room.changed(lambda: room.changes.change_profile(name, patch, version)))


@router.delete("/{name}", operation_id="deleteProfile", status_code=204, responses=answers(*WRITE))
async def delete_profile(room: Room, name: str, if_match: IfMatch = None) -> None:
    """Refused while a key uses it."""
    await room.changed(lambda: room.changes.delete_profile(name, version_of(if_match)))
