"""Streams of OpenAI Responses: made as a provider sends them, and checked as the strictest client reads them."""

import json
from collections.abc import Iterator

from axonhub.transformers.dialects import RESPONSES
from axonhub.transformers.hub.events import Event
from axonhub.transformers.hub.fold import unfold
from axonhub.transformers.hub.parts import Part
from axonhub.transformers.hub.requests import Request
from axonhub.transformers.hub.responses import Response, StopReason
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.protocol import Reply, Undo
from axonhub.transformers.protocols.openai_responses import PROTOCOL
from axonhub.transformers.sse import SseDecoder, SseEvent
from tests.judges.sdk import openai_sdk

USAGE = {
    "input_tokens": 16,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
    "output_tokens": 9,
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 25,
}
KNOWN_USAGE = Usage(10, 4, 2, None, 9, 3)
TERMINAL = {"response.completed", "response.incomplete", "response.failed"}


# -- a provider's side


def event(type: str, **members: object) -> SseEvent:
    return SseEvent(json.dumps({"type": type, "sequence_number": 0} | members), type)


def created() -> SseEvent:
    return event("response.created", response={"id": "resp_1", "model": "gpt-5", "output": []})


def added(index: int, **item: object) -> SseEvent:
    return event("response.output_item.added", output_index=index, item=item)


def done(index: int, **item: object) -> SseEvent:
    return event("response.output_item.done", output_index=index, item=item)


def delta(kind: str, index: int, text: str, **members: object) -> SseEvent:
    return event(f"response.{kind}.delta", output_index=index, item_id=f"i{index}", delta=text, **members)


def text(words: str, index: int = 0) -> SseEvent:
    return delta("output_text", index, words, content_index=0)


def call(index: int, name: str = "ls", call_id: str | None = None, **members: object) -> SseEvent:
    return added(
        index, type="function_call", id=f"fc_{index}", call_id=call_id or f"call_{index}", name=name, **members
    )


def ended(type: str = "response.completed", status: str = "completed", **response: object) -> SseEvent:
    whole = {"id": "resp_1", "model": "gpt-5", "status": status, "output": [], "usage": USAGE}
    return event(type, response=whole | response)


def read(*events: SseEvent, dialect=RESPONSES, undo: Undo | None = None) -> list[Event]:
    """Everything that a reader makes of the events, the end of the bytes included."""
    reader = PROTOCOL.stream_reader(dialect, undo or Undo())
    told = [each for one in events for each in reader.read(one)]
    return [*told, *reader.finish()]


# -- the client's side


def reply(request: Request | None = None, **members: object) -> Reply:
    told = {"id": "0123456789abcdef01234567", "created_s": 1_700_000_000, "request": request or Request("gpt-5", ())}
    return Reply(**(told | members))  # type: ignore[arg-type]


def written(events, request: Request | None = None) -> bytes:
    writer = PROTOCOL.stream_writer(reply(request))
    return b"".join(writer.write(each) for each in events)


def streamed(*parts: Part, stop: StopReason = StopReason.END, request: Request | None = None) -> bytes:
    """The client's stream of a whole answer."""
    return written(unfold(Response(parts, stop, KNOWN_USAGE)), request)


def events_of(stream: bytes) -> list[dict]:
    decoder = SseDecoder()
    return [json.loads(each.data) for each in [*decoder.feed(stream), *decoder.flush()]]


def types(stream: bytes) -> list[str]:
    return [each["type"] for each in events_of(stream)]


def items(stream: bytes) -> list[dict]:
    """What Codex goes by: the items as they are done."""
    return [each["item"] for each in events_of(stream) if each["type"] == "response.output_item.done"]


def final(stream: bytes) -> dict:
    last = events_of(stream)[-1]
    assert last["type"] in TERMINAL
    return last["response"]


def judged(stream: bytes):
    """The response that openai-python's stream helper ends with; raises where it finds fault."""
    with openai_sdk(stream, "text/event-stream").responses.stream(model="m", input="hi") as told:
        for _ in told:
            pass
        return told.get_final_response()


def faults(stream: bytes) -> list[str]:
    """Every departure from the order of events; none for a good stream, however it ends."""
    decoder = SseDecoder()
    raw = [*decoder.feed(stream), *decoder.flush()]
    return list(_faults([(each.name, json.loads(each.data)) for each in raw]))


def _faults(events: list[tuple[str, dict]]) -> Iterator[str]:
    if [each for each, _ in events[:2]] != ["response.created", "response.in_progress"]:
        yield f"begins with {[each for each, _ in events[:2]]}"
    if [name for name, _ in events if name in TERMINAL] != [events[-1][0]]:
        yield "not one terminal event at the end"
    ids = {body["response"]["id"] for _, body in events if "response" in body}
    if len(ids) != 1 or not next(iter(ids)).startswith("resp_"):
        yield f"response ids {ids}"
    checker = _Items()
    for number, (name, body) in enumerate(events):
        if name != body["type"]:
            yield f"event {name!r} carries type {body['type']!r}"
        if body["sequence_number"] != number:
            yield f"sequence number {body['sequence_number']} at {number}"
        yield from checker.faults(name, body)
    last = events[-1][1]["response"]
    if checker.open is not None and events[-1][0] != "response.failed":
        yield "an item is open at the end"
    if [each["id"] for each in last["output"]] != [each["id"] for each in checker.finished]:
        yield "output differs from the items that were done"
    if events[-1][0] == "response.completed" and last["output"] != checker.finished:
        yield "output differs from what the done events said"


PREFIXES = {"message": "msg_", "reasoning": "rs_", "function_call": "fc_", "custom_tool_call": "ctc_"}


class _Items:
    def __init__(self) -> None:
        self.open: dict | None = None
        self.part: str | None = None
        self.said = ""
        self.parts = 0
        self.finished: list[dict] = []

    def faults(self, name: str, body: dict) -> Iterator[str]:
        kind = name.removeprefix("response.")
        if "output_index" in body and body["output_index"] != len(self.finished):
            yield f"{kind} of output_index {body['output_index']} while {len(self.finished)} is due"
        if "item_id" in body and (self.open is None or body["item_id"] != self.open["id"]):
            yield f"{kind} of item {body['item_id']}, which is not open"
        if "content_index" in body and body["content_index"] != self.parts:
            yield f"{kind} of content_index {body['content_index']} while {self.parts} is due"
        match kind:
            case "output_item.added":
                yield from self._added(body["item"])
            case "output_item.done":
                yield from self._done(body["item"])
            case "content_part.added" | "reasoning_summary_part.added":
                if self.part is not None:
                    yield "a part begins in an open one"
                self.part, self.said = body["part"]["type"], ""
            case "content_part.done" | "reasoning_summary_part.done":
                if self.part != body["part"]["type"]:
                    yield f"part {self.part} ends as {body['part']['type']}"
                if self.said != body["part"].get("text", body["part"].get("refusal")):
                    yield f"part says {body['part']}, its deltas {self.said!r}"
                self.part = None
                self.parts += 1
            case _ if kind.endswith(".delta"):
                yield from self._delta(kind, body)
            case _ if kind.endswith(".done"):
                told = next((body[key] for key in ("text", "refusal", "arguments", "input") if key in body), None)
                if told != self.said:
                    yield f"{kind} says {told!r}, the deltas {self.said!r}"

    def _added(self, item: dict) -> Iterator[str]:
        if self.open is not None:
            yield "an item is added in an open one"
        if not item["id"].startswith(PREFIXES.get(item["type"], "")) or len(item["id"]) > 64:
            yield f"{item['type']} has id {item['id']}"
        self.open, self.part, self.parts, self.said = item, None, 0, ""

    def _done(self, item: dict) -> Iterator[str]:
        if self.open is None or item["id"] != self.open["id"] or self.part is not None:
            yield f"item {item['id']} is done out of turn"
        self.finished.append(item)
        self.open = None

    def _delta(self, kind: str, body: dict) -> Iterator[str]:
        wanted = {"output_text.delta": "output_text", "refusal.delta": "refusal"}.get(kind)
        if wanted is not None and self.part != wanted:
            yield f"{kind} in a part {self.part}"
        if not body["delta"]:
            yield f"empty {kind}"
        if kind == "output_text.delta" and body.get("logprobs") != []:
            yield "text delta without logprobs"
        self.said += body["delta"]
