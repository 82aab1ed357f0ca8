"""Live events: what happens now, as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import orjson
from fastapi import APIRouter
from fastapi.responses import Response

from axonhub.addons.admin.backroom import Room, answers
from axonhub.addons.internal import Message, Receive, Send
from axonhub.addons.live_events import LiveEvents
from axonhub.addons.runtime.refusals import Conflict

router = APIRouter(tags=["live"])
_QUIET_S = 15.0
_STREAM: dict[int | str, dict[str, object]] = {
    200: {"content": {"text/event-stream": {}}, "description": "Events until the caller leaves."}
}


class EventStream(Response):
    """Without the task group of Starlette's own: that does not stand tasks which begin at once, as mitmproxy's do."""

    media_type = "text/event-stream"

    def __init__(self, events: LiveEvents) -> None:
        super().__init__(headers={"cache-control": "no-cache"})
        del self.headers["content-length"]
        self._events = events

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        gone = asyncio.ensure_future(_left(receive))
        try:
            async with aclosing(_told(self._events, gone)) as pieces:
                async for piece in pieces:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        finally:
            gone.cancel()


async def _told(events: LiveEvents, gone: asyncio.Future[None]) -> AsyncGenerator[bytes]:
    with events.listening() as queue:
        yield b": listening\n\n"
        while True:
            next_one = asyncio.ensure_future(queue.get())
            await asyncio.wait((gone, next_one), timeout=_QUIET_S, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                next_one.cancel()
                return
            if not next_one.done():
                next_one.cancel()
                yield b": still here\n\n"
                continue
            event = next_one.result()
            yield b"id: %d\nevent: %s\ndata: %s\n\n" % (event.number, event.kind.encode(), orjson.dumps(event.data))


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@router.get("/events", operation_id="listen", response_class=Response, responses={**answers(409), **_STREAM})
async def listen(room: Room) -> Response:
    """`request.started`, `request.finished` and `configuration`, each with JSON data."""
    if room.events.is_full:
        raise Conflict("Too many listeners.")
    return EventStream(room.events)
