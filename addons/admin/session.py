"""Sessions: a cookie for a browser, given for the admin token."""

from fastapi import APIRouter, Request, Response

from axonhub.addons.admin.backroom import Room, answers
from axonhub.addons.sessions import COOKIE, LIFETIME_S, SESSION_HEADER

router = APIRouter(prefix="/session", tags=["session"])


@router.post("", operation_id="beginSession", status_code=204, responses=answers())
async def begin(room: Room, response: Response) -> None:
    """Asked with the admin token; afterwards the cookie will do, for pages of this very origin."""
    base_path = room.settings.config.server.base_path
    response.set_cookie(
        COOKIE,
        room.sessions.begin(room.clock()),
        max_age=round(LIFETIME_S),
        path=f"{base_path}/admin",
        httponly=True,
        samesite="strict",
    )


@router.delete("", operation_id="endSession", status_code=204, responses=answers())
async def end(room: Room, request: Request, response: Response) -> None:
    """The session that asks; with the token, nothing happens."""
    room.sessions.end(request.headers.get(SESSION_HEADER, ""))
    response.delete_cookie(COOKIE, path=f"{room.settings.config.server.base_path}/admin")
