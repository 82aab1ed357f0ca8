"""Stored requests again: sent once more elsewhere, and two of them side by side."""

import asyncio

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from axonhub.addons.admin.backroom import ONE, Room, answers
from axonhub.addons.analysis.comparing import Comparison, compared
from axonhub.addons.analysis.conversations import Stored
from axonhub.addons.replaying import Changes, ReplayFailed
from axonhub.addons.runtime.refusals import Invalid, NotFound
from axonhub.addons.store.reader import TraceReader

router = APIRouter(tags=["records"])


class ReplayDraft(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    channel: str | None = None
    """Only this one is tried, also when it is disabled. Nothing: as for any request."""
    model: str | None = None
    key: str | None = None
    """Act as this API key. Nothing: the one of the first request, where there still is one."""
    profile: str | None = None
    """Another one of the key; `-` for none."""


class ReplayResult(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)

    request_id: str
    """Of the new record, which the store has a moment later."""
    replay_of: str
    status: int
    """HTTP status of the answer, which is in the new record."""
    channel: str


@router.post("/requests/{id}/replay", operation_id="replayRequest", responses=answers(*ONE))
async def replay_request(room: Room, id: str, draft: ReplayDraft | None = None) -> ReplayResult:
    """The stored request through the whole pipeline again. Answers when the model's answer is complete."""
    await asyncio.to_thread(_stored, room, id)
    wanted = (draft or ReplayDraft()).model_dump()
    try:
        done = await room.repeat(id, Changes(**{name: value or "" for name, value in wanted.items()}))
    except ReplayFailed as error:
        raise Invalid(str(error)) from error
    return ReplayResult(request_id=done.request_id, replay_of=id, status=done.status, channel=done.channel)


@router.get("/requests/{id}/compare/{other}", operation_id="compareRequests", responses=answers(*ONE))
def compare_requests(room: Room, id: str, other: str) -> Comparison:
    """Texts, tool calls, tokens, cost and times of two requests."""
    return compared(_stored(room, id), _stored(room, other))


def _stored(room: Room, name: str) -> Stored:
    reader: TraceReader = room.reader
    record = reader.get(name)
    if record is None:
        raise NotFound(f"There is no request {name!r}.")
    return Stored(record, reader.body)
