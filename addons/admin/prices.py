"""Prices that an operator sets at run time; they go before config.yml's, and those before the shipped ones."""

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
from axonhub.addons.config import Price
from axonhub.addons.runtime import views
from axonhub.addons.runtime.refusals import NotFound
from axonhub.addons.runtime.views import PriceView

router = APIRouter(prefix="/prices", tags=["prices"])


@router.get("", operation_id="listPrices", responses=answers())
def list_prices(
    room: Room, limit: Limit = 50, cursor: Cursor = None, model: str | None = None, channel: str | None = None
) -> Page[PriceView]:
    found = (
        each
        for each in views.prices(room.settings.now)
        if model in (None, each.model) and channel in (None, each.channel)
    )
    return paged(found, limit, cursor)


@router.post("", operation_id="createPrice", status_code=201, responses=answers(409))
async def create_price(
    room: Room, request: Request, response: Response, draft: Price, idempotency_key: IdempotencyKey = None
) -> PriceView:
    given = draft.model_dump(by_alias=True, exclude_unset=True)
    made = await room.once.made(
        idempotency_key, request, lambda: room.changed(lambda: room.changes.create_price(given))
    )
    return told(response, made)


@router.get("/{id}", operation_id="getPrice", responses=answers(*ONE))
def get_price(room: Room, response: Response, id: str) -> PriceView:
    for each in views.prices(room.settings.now):
        if each.id == id:
            return told(response, each)
    raise NotFound(f"There is no price {id!r}.")


@router.patch("/{id}", operation_id="changePrice", responses=answers(*WRITE))
async def change_price(
    room: Room, response: Response, id: str, patch: dict[str, JsonValue], if_match: IfMatch = None
) -> PriceView:
    """A JSON merge patch. Requests of before keep the price that they were reckoned with."""
    version = version_of(if_match)
    return told(response, await room.changed(lambda: room.changes.change_price(id, patch, version)))


@router.delete("/{id}", operation_id="deletePrice", status_code=204, responses=answers(*WRITE))
async def delete_price(room: Room, id: str, if_match: IfMatch = None) -> None:
    await room.changed(lambda: room.changes.delete_price(id, version_of(if_match)))
