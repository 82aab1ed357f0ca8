"""What the store tells: requests, bodies, traces, threads, usage. Each route reads files, and so runs in a thread."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, JsonValue

from axonhub.addons.admin.backroom import ONE, Cursor, Limit, Page, Room, Text, answers
from axonhub.addons.runtime.refusals import Invalid, NotFound
from axonhub.addons.store.backend import BodyUnavailable, Filter, Record, Scalar
from axonhub.addons.store.reader import TraceReader

router = APIRouter(tags=["records"])
_MICRO = Decimal(1_000_000)
_MOST_READ = 2000
"""Records looked through for one page of traces."""

type Bound = Annotated[float | None, Query(ge=0, le=1e11, description="Unix time.")]
type Stored = dict[str, JsonValue]
"""A record; docs/store.md lists its fields."""


class TraceSummary(BaseModel):
    trace_id: str
    thread_id: str | None = None
    requests: int = 0
    errors: int = 0
    first_ts: float = 0
    last_ts: float = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: str = "0"
    channels: list[str] = []


class TraceDetail(BaseModel):
    trace_id: str
    requests: list[Stored]


class Usage(BaseModel):
    model_config = ConfigDict(extra="allow")

    start_s: int
    """Start of the hour or day; 0 when the sum is over all time."""
    value: str
    requests: int
    cost_usd: str
    unpriced: int
    """Requests whose cost nobody knows: missing from `cost_usd`."""


@router.get("/requests", operation_id="listRequests", responses=answers())
def list_requests(
    room: Room,
    limit: Limit = 50,
    cursor: Cursor = None,
    trace_id: Text = None,
    thread_id: Text = None,
    key: Text = None,
    channel: Text = None,
    model: Annotated[str | None, Query(max_length=500, description="As the provider was asked for it.")] = None,
    source: Literal["api", "test", "probe", "replay", "observed"] | None = None,
    outcome: Literal["ok", "error", "canceled"] | None = None,
    status: Annotated[int | None, Query(ge=100, le=599)] = None,
    since: Bound = None,
    until: Bound = None,
) -> Page[Stored]:
    """Newest first."""
    wanted: dict[str, Scalar] = {
        "trace_id": trace_id,
        "thread_id": thread_id,
        "key_name": key,
        "channel": channel,
        "used_model": model,
        "source": source,
        "outcome": outcome,
        "status": status,
    }
    equal = {name: value for name, value in wanted.items() if value is not None}
    try:
        page = room.reader.search(Filter(equal, since, until), limit, cursor)
    except ValueError as error:
        raise Invalid("cursor: not one of ours") from error
    return Page(items=[_stored(each) for each in page.records], cursor=page.cursor)


@router.get("/requests/{id}", operation_id="getRequest", responses=answers(*ONE))
def get_request(room: Room, id: str) -> Stored:
    """With its attempts, their scores, and references to its bodies."""
    return _stored(_record(room.reader, id))


@router.get(
    "/requests/{id}/bodies/{body}",
    operation_id="getBody",
    responses={**answers(*ONE), 200: {"content": {"application/octet-stream": {}}, "description": "The exact bytes."}},
    response_class=Response,
)
def get_body(
    room: Room, id: str, body: Literal["request", "upstream_request", "response", "upstream_response"]
) -> Response:
    """The bytes as they went over the wire. 404 when they were not kept, or not for so long."""
    reader = room.reader
    held = _record(reader, id).get("bodies")
    reference = held.get(body) if isinstance(held, Mapping) else None
    if not isinstance(reference, str):
        raise NotFound(f"The request {id!r} has no body {body!r}.")
    try:
        return Response(reader.body(reference), media_type="application/octet-stream")
    except BodyUnavailable as error:
        raise NotFound(str(error)) from error


@router.get("/traces", operation_id="listTraces", responses=answers())
def list_traces(
    room: Room, limit: Limit = 50, thread_id: Text = None, key: Text = None, since: Bound = None, until: Bound = None
) -> Page[TraceSummary]:
    """The traces of the latest requests, newest first. For older ones set `until` to the oldest `first_ts`."""
    return Page(items=_traces(_latest(room.reader, _filter(since, until, thread_id=thread_id, key_name=key)))[:limit])


@router.get("/traces/{id}", operation_id="getTrace", responses=answers(*ONE))
def get_trace(room: Room, id: str) -> TraceDetail:
    """All requests of a trace, oldest first."""
    found = room.reader.trace(id)
    if not found:
        raise NotFound(f"There is no trace {id!r}.")
    return TraceDetail(trace_id=id, requests=[_stored(each) for each in found])


@router.get("/threads/{id}", operation_id="getThread", responses=answers(*ONE))
def get_thread(room: Room, id: str) -> Page[TraceSummary]:
    """The traces of one conversation, newest first."""
    found = _traces(_latest(room.reader, _filter(None, None, thread_id=id)))
    if not found:
        raise NotFound(f"There is no thread {id!r}.")
    return Page(items=found)


@router.get("/usage", operation_id="getUsage", responses=answers())
def get_usage(
    room: Room,
    by: Literal["all", "channel", "model", "key", "profile"] = "all",
    step: Literal["hour", "day", "all"] = "all",
    since: Bound = None,
    until: Bound = None,
) -> list[Usage]:
    """Sums of what was used; bounds are widened to whole hours. Of a profile, `value` is key, tab, name."""
    rows = room.reader.rollup(by, since, until, step)
    return [
        Usage(
            start_s=each.start_s,
            value=each.value,
            cost_usd=str(each.counters.cost_micro_usd / _MICRO),
            **{name: value for name, value in asdict(each.counters).items() if name != "cost_micro_usd"},
        )
        for each in rows
    ]


def _record(reader: TraceReader, request_id: str) -> Record:
    found = reader.get(request_id)
    if found is None:
        raise NotFound(f"There is no request {request_id!r}.")
    return found


def _stored(record: Record) -> Stored:
    return cast(Stored, dict(record))


def _filter(since: float | None, until: float | None, **equal: str | None) -> Filter:
    return Filter({name: value for name, value in equal.items() if value is not None}, since, until)


def _latest(reader: TraceReader, wanted: Filter) -> Iterator[Record]:
    return iter(reader.search(wanted, _MOST_READ).records)


def _traces(records: Iterator[Record]) -> list[TraceSummary]:
    """From newest to oldest, as they come."""
    found: dict[str, TraceSummary] = {}
    micro: dict[str, int] = {}
    for each in records:
        if not isinstance(name := each.get("trace_id"), str):
            continue
        trace = found.setdefault(name, TraceSummary(trace_id=name, last_ts=_number(each.get("ts"))))
        trace.requests += 1
        trace.errors += each.get("outcome") == "error"
        trace.first_ts = _number(each.get("ts"))
        thread, channel, used = each.get("thread_id"), each.get("channel"), each.get("usage")
        trace.thread_id = trace.thread_id or (thread if isinstance(thread, str) else None)
        if isinstance(channel, str) and channel not in trace.channels:
            trace.channels.append(channel)
        if isinstance(used, Mapping):
            kinds = ("input", "cache_read", "cache_write_5m", "cache_write_1h")
            trace.input_tokens += round(sum(_number(used.get(kind)) for kind in kinds))
            trace.output_tokens += round(_number(used.get("output")))
        micro[name] = micro.get(name, 0) + round(_number(each.get("cost_micro_usd")))
        trace.cost_usd = str(micro[name] / _MICRO)
    return list(found.values())


def _number(value: object) -> float:
    return value if isinstance(value, int | float) else 0
