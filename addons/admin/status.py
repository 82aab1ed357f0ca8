"""How the gateway does: what is configured, what the store holds, how each channel answers."""

import asyncio
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from axonhub.addons.admin.backroom import Room, answers

router = APIRouter(tags=["health"])


class StoreHealth(BaseModel):
    ok: bool
    records: int
    size_bytes: int
    notes: list[str]


class ModelHealth(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)

    channel: str
    model: str
    breaker: Literal["closed", "half-open", "open", "due"]
    failures: int
    """In a row."""
    recent: int
    """Outcomes of the last five minutes."""
    recent_successes: int
    first_event_ms: int | None
    duration_ms: int | None
    tokens_per_s: float | None
    in_flight: int
    cooling_s: float
    """How much longer the channel is left alone."""


class HealthReport(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)

    ok: bool
    state: str
    """Another one whenever something was changed at run time."""
    faults: list[str]
    """What was made at run time and cannot be used any more."""
    channels: list[ModelHealth]
    """Those that were asked since the start."""
    store: StoreHealth


@router.get("/health", operation_id="getHealth", responses=answers())
async def get_health(room: Room) -> HealthReport:
    stored = await asyncio.to_thread(lambda: room.reader.health())
    faults = list(room.settings.now.faults)
    return HealthReport(
        ok=stored.ok and not faults,
        state=room.settings.state_digest,
        faults=faults,
        channels=_channels(room),
        store=StoreHealth(ok=stored.ok, records=stored.records, size_bytes=stored.size_bytes, notes=list(stored.notes)),
    )


def _channels(room: Room) -> list[ModelHealth]:
    now_s, found = room.clock(), []
    for channel, model in room.health.known():
        vitals = room.health.vitals(channel, model, now_s)
        found.append(
            ModelHealth(
                channel=channel,
                model=model,
                breaker=vitals.breaker.value,
                failures=vitals.failures,
                recent=vitals.recent,
                recent_successes=vitals.recent_successes,
                first_event_ms=_ms(vitals.first_event_s),
                duration_ms=_ms(vitals.duration_s),
                tokens_per_s=vitals.tokens_per_s,
                in_flight=vitals.in_flight,
                cooling_s=round(vitals.cooling_s, 3),
            )
        )
    return found


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
