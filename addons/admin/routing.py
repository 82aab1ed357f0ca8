"""What becomes of a request and what a key has left: explained without sending anything."""

import asyncio
import time
from copy import deepcopy
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, JsonValue

from axonhub.addons.admin.backroom import ONE, Room, Text, answers
from axonhub.addons.config import ApiKey, Profile
from axonhub.addons.model_report import as_json, report
from axonhub.addons.offering import offered
from axonhub.addons.quota_reading import standings
from axonhub.addons.quota_text import shown
from axonhub.addons.runtime.merging import InForce
from axonhub.addons.runtime.refusals import NotFound
from axonhub.addons.store.reader import TraceReader

router = APIRouter(tags=["routing"])
_NONE = "-"


class Explanation(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True, extra="allow")

    asked: str
    wanted: str
    """After the profile's mappings."""
    refusal: str | None
    """Why the request would be refused; nothing when it would be tried."""
    candidates: list[JsonValue]
    """In the order in which they would be tried now, each with its scores."""
    out: list[JsonValue]
    """The other channels, and why they are out."""


class QuotaState(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True, extra="allow")

    key: str
    profile: str | None
    period: str
    exhausted: str | None
    """What of it is used up."""


@router.get("/explain", operation_id="explain", responses=answers(*ONE))
async def explain(
    room: Room,
    model: Annotated[str, Query(min_length=1, max_length=500)],
    key: Text = None,
    profile: Text = None,
    trace: Text = None,
    stream: bool = True,
) -> Explanation:
    """Each step of a model's name, the candidates and their scores. `profile`: another one of the key; `-` for none."""
    now = room.settings.now
    owner = _key(now, key) if key else None
    chosen = _profile(now, owner, profile)
    # A thread looks through all channels; the loop goes on to change the health of which it gets a copy.
    health, now_s = deepcopy(room.health), room.clock()

    def looked() -> Explanation:
        told = report(now.config, owner, chosen, model, health=health, now_s=now_s, trace_id=trace or "", stream=stream)
        return Explanation.model_validate(as_json(told))

    return await asyncio.to_thread(looked)


@router.get("/models", operation_id="listModels", responses=answers(*ONE))
def list_models(room: Room, key: Text = None, profile: Text = None) -> list[str]:
    """The names that a key may ask for and that lead to an enabled channel."""
    now = room.settings.now
    owner = _key(now, key) if key else None
    return sorted(set(offered(now.config, _profile(now, owner, profile))))


@router.get("/quotas", operation_id="listQuotas", responses=answers())
def list_quotas(room: Room, key: Text = None) -> list[QuotaState]:
    """What is used of each quota, as far as it is in the store."""
    config = room.settings.config
    reader: TraceReader = room.reader
    states = standings(config, reader, time.time())
    return [QuotaState.model_validate(shown(each)) for each in states if key in (None, each.owner.key)]


def _key(now: InForce, name: str) -> ApiKey:
    for each in now.config.api_keys:
        if each.name == name:
            return each
    raise NotFound(f"There is no API key {name!r}.")


def _profile(now: InForce, owner: ApiKey | None, name: str | None) -> Profile | None:
    if owner is None or name == _NONE:
        return None
    if name is None:
        return now.active_profile(owner)
    for each in owner.profiles:
        if each.name.lower() == name.lower():
            return each
    raise NotFound(f"The API key {owner.name!r} has no profile {name!r}.")
