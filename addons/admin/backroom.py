"""What the routes of the admin API stand on, handed in once; and the steps that they share."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Protocol

from fastapi import Depends, Header, Query, Request, Response
from pydantic import BaseModel

from axonhub.addons.admin.idempotency import Once
from axonhub.addons.health import Health
from axonhub.addons.live_events import LiveEvents
from axonhub.addons.replaying import Changes as Differences, Replayed
from axonhub.addons.runtime.changes import Changes
from axonhub.addons.runtime.refusals import Invalid
from axonhub.addons.runtime.views import View
from axonhub.addons.sessions import Sessions
from axonhub.addons.settings import Settings
from axonhub.addons.store.reader import TraceReader
from axonhub.addons.trials import Trial, TrialRequest

MOST_ITEMS = 200


class Tries(Protocol):
    """One test of a channel, through the gateway's own door."""

    async def __call__(self, wanted: TrialRequest) -> Sequence[Trial]: ...


class Repeats(Protocol):
    """A stored request once more, through the gateway's own door. ReplayFailed."""

    async def __call__(self, request_id: str, changes: Differences) -> Replayed: ...


@dataclass(frozen=True, slots=True)
class Backroom:
    settings: Settings
    changes: Changes
    sessions: Sessions
    events: LiveEvents
    health: Health
    try_out: Tries
    repeat: Repeats
    clock: Callable[[], float]
    """Monotonic seconds: those of health and sessions."""
    once: Once
    readers: dict[str, TraceReader] = field(default_factory=dict)

    @property
    def reader(self) -> TraceReader:
        """Blocks when it is used: in threads only."""
        path = self.settings.config.store.path
        return self.readers.setdefault(str(path), TraceReader.open(path))

    async def changed[T](self, change: Callable[[], T]) -> T:
        """Writes in a thread, and returns when the next request lives under it. Refused."""
        result = await asyncio.to_thread(change)
        await self.settings.look()
        self.events.publish("configuration", {})
        return result


def backroom(request: Request) -> Backroom:
    found: Backroom = request.app.state.backroom
    return found


type Room = Annotated[Backroom, Depends(backroom)]


class ErrorBody(BaseModel):
    code: str
    message: str


class Problem(BaseModel):
    """Every answer that is no success."""

    error: ErrorBody


class Page[T](BaseModel):
    items: list[T]
    cursor: str | None = None
    """For the next page; nothing at the end."""


type Limit = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="Items of a page.")]
type Cursor = Annotated[str | None, Query(max_length=200, description="Of the page before.")]
type Text = Annotated[str | None, Query(max_length=500)]
type IfMatch = Annotated[str | None, Header(max_length=200, description="The version that the change is meant for.")]


def paged[T](items: Iterator[T], limit: int, cursor: str | None) -> Page[T]:
    return shown_page(items, lambda item: item, limit, cursor)


def shown_page[S, T](items: Iterator[S], show: Callable[[S], T], limit: int, cursor: str | None) -> Page[T]:
    """Of a list in memory, of which only this page is made fit to be shown; the cursor is where the next begins.

    Invalid.
    """
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):
        raise Invalid("cursor: not one of ours")
    start = int(cursor or 0)
    found = list(items)
    rest = start + limit < len(found)
    items_shown = [show(each) for each in found[start : start + limit]]
    return Page(items=items_shown, cursor=str(start + limit) if rest else None)


def version_of(if_match: str | None) -> str | None:
    """`"abc"`, `W/"abc"` or plain `abc` (RFC 9110 §13.1.1)."""
    return None if if_match is None else if_match.removeprefix("W/").strip().strip('"')


def told[V: View](response: Response, view: V) -> V:
    response.headers["etag"] = view.etag
    return view


_DOCUMENTED: Mapping[int, str] = {
    400: "The body cannot be decoded.",
    401: "No token, or a wrong one.",
    403: "Sent by another site.",
    404: "There is no such thing.",
    409: "The name is taken, something still uses it, or config.yml declares it.",
    412: "It was changed since (If-Match).",
    413: "The body is too large.",
    422: "What was given cannot be used.",
    429: "Too many wrong tokens.",
    502: "The application did not answer.",
}
COMMON = (400, 401, 403, 413, 422, 429, 502)
ONE = (404,)
WRITE = (404, 409, 412)


def answers(*statuses: int) -> dict[int | str, dict[str, object]]:
    """What the document says of errors; the common ones are there for every route."""
    return {status: {"model": Problem, "description": _DOCUMENTED[status]} for status in sorted({*COMMON, *statuses})}
