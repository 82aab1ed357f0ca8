"""A provider that speaks Anthropic Messages: refuses what Anthropic refuses, and lets a plan answer the rest."""

import json
from collections.abc import Iterable, Iterator, Sequence

from tests.upstreams.anthropic_rules import RULES, blocks, counts_tokens, messages
from tests.upstreams.plan import (
    OVERLOADED,
    Call,
    Conversation,
    Plan,
    Result,
    Round,
    Said,
    Turn,
    Usage,
    fragments,
    identifier,
    minted_signature,
)
from tests.upstreams.rules import Asked, Json, Refusal, Rule, first_refusal, mapping, sequence, text
from tests.upstreams.server import Raw, Reply, Request, Script, Step, cut_short, event_stream, json_reply

REQUEST_ID = ("request-id", "req_scripted")
ENDINGS = {"length": "max_tokens", "filter": "refusal"}
PATHS = ("/v1/messages", "/v1/messages/count_tokens")

type Event = dict[str, object]


def anthropic(plan: Plan, refusals: list[Refusal], rules: Sequence[Rule] = RULES) -> Script:
    """The script. What it refuses is also entered in `refusals`, where a test sees it behind a client's retries."""

    def script(request: Request) -> Reply | Raw:
        if request.method == "HEAD":  # a client's warm-up, when it talks to us directly
            return Reply()
        match read(request, rules):
            case Refusal() as refusal:
                refusals.append(refusal)
                return refuse(refusal)
            case Asked() as asked if counts_tokens(asked):
                return json_reply(200, {"input_tokens": counted_tokens(asked)})
            case asked:
                return answer(asked, plan(conversation(asked)))

    return script


def read(request: Request, rules: Sequence[Rule] = RULES) -> Asked | Refusal:
    if request.path not in PATHS:
        return Refusal("known_path", f"Not found: {request.path}", 404)
    if request.method != "POST":
        return Refusal("post", "Method Not Allowed", 405)
    try:
        body = request.json()
    except ValueError as error:
        return Refusal("body_is_json", f"The request body is not valid JSON: {error}", 400)
    if not isinstance(body, dict):
        return Refusal("body_is_json", "Input should be an object", 400)
    asked = Asked(request, body)
    return first_refusal(rules, asked) or asked


def refuse(refusal: Refusal) -> Reply:
    kinds = {401: "authentication_error", 404: "not_found_error", 405: "invalid_request_error"}
    error = {"type": kinds.get(refusal.status, "invalid_request_error"), "message": refusal.message}
    return json_reply(
        refusal.status,
        {"type": "error", "error": error, "request_id": "req_scripted"},
        [REQUEST_ID, ("x-scripted-rule", refusal.rule)],
    )


def counted_tokens(asked: Asked) -> int:
    return len(asked.request.body) // 4


def conversation(asked: Asked) -> Conversation:
    """What a plan sees. Text beside tool results (reminders) is part of the round's turn and is left out."""
    calls: dict[object, Call] = {}
    turns: list[Said | Round] = []
    answers: list[str] = []
    thoughts: list[str] = []
    systems = [joined_text(asked.body.get("system"))]
    for message in messages(asked):
        content = blocks(message.get("content"))
        results = [block for block in content if block.get("type") == "tool_result"]
        if message.get("role") == "assistant":
            calls |= {
                block.get("id"): Call(text(block.get("name")), mapping(block.get("input")))
                for block in content
                if block.get("type") == "tool_use"
            }
            answers += [text(block.get("text")) for block in content if block.get("type") == "text"]
            thoughts += [text(block.get("thinking")) for block in content if block.get("type") == "thinking"]
        elif message.get("role") == "system":
            systems.append(joined_text(message.get("content")))
        elif results:
            turns.append(Round(tuple(read_result(block, calls) for block in results)))
        else:
            turns.append(Said(joined_text(message.get("content"))))
    return Conversation(
        model=text(asked.body.get("model")),
        system="\n".join(systems),
        tools=tuple(text(mapping(tool).get("name")) for tool in sequence(asked.body.get("tools"))),
        turns=tuple(turns),
        answers=tuple(answers),
        thoughts=tuple(thoughts),
        wants_json="format" in mapping(asked.body.get("output_config")),
    )


def read_result(block: Json, calls: dict[object, Call]) -> Result:
    inner = blocks(block.get("content"))
    images = sum(one.get("type") == "image" for one in inner)
    return Result(
        calls[block.get("tool_use_id")], joined_text(block.get("content")), block.get("is_error") is True, images
    )


def joined_text(content: object) -> str:
    return "\n".join(text(block.get("text")) for block in blocks(content) if block.get("type") == "text")


def answer(asked: Asked, turn: Turn) -> Reply | Raw:
    content, streams = written_blocks(turn, asked), asked.body.get("stream") is True
    if turn.ending == "overloaded" and (turn.is_silent or not streams):
        return json_reply(529, overload(), [REQUEST_ID])
    if streams:
        return event_stream(stream(turn, asked, content), [REQUEST_ID])
    whole = json_reply(200, message(asked, content, stop_reason(turn), written_usage(turn.usage)), [REQUEST_ID])
    return cut_short(whole) if turn.ending == "cut" else whole


def overload() -> Event:
    error = {"type": "overloaded_error", "message": OVERLOADED}
    return {"type": "error", "error": error, "request_id": "req_scripted"}


def written_blocks(turn: Turn, asked: Asked) -> list[Json]:
    thinking = {"type": "thinking", "thinking": turn.thinking, "signature": minted_signature(turn.thinking)}
    calls = [
        {
            "type": "tool_use",
            "id": identifier("toolu_", asked.request.body, at),
            "name": call.name,
            "input": dict(call.arguments),
        }
        for at, call in enumerate(turn.calls)
    ]
    return [
        *([thinking] if turn.thinking else []),
        *([{"type": "text", "text": turn.text}] if turn.text else []),
        *calls,
    ]


def message(asked: Asked, content: Iterable[Json], stopped: str | None, usage: Json) -> Json:
    return {
        "id": identifier("msg_", asked.request.body),
        "type": "message",
        "role": "assistant",
        "model": asked.body["model"],
        "content": list(content),
        "stop_reason": stopped,
        "stop_sequence": None,
        "usage": usage,
    }


def stop_reason(turn: Turn) -> str:
    return ENDINGS.get(turn.ending, "tool_use" if turn.calls else "end_turn")


def written_usage(usage: Usage) -> Json:
    return {
        "input_tokens": usage.fresh,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation_input_tokens": usage.cache_write,
        "output_tokens": usage.out,
    }


def stream(turn: Turn, asked: Asked, content: list[Json]) -> Iterator[Step]:
    return (written_event(event) for event in events(turn, asked, content))


def events(turn: Turn, asked: Asked, content: list[Json]) -> Iterator[Event]:
    yield {
        "type": "message_start",
        "message": message(asked, [], None, {**written_usage(turn.usage), "output_tokens": 1}),
    }
    for index, block in enumerate(content):
        yield {"type": "content_block_start", "index": index, "content_block": started(block)}
        if index == 0:
            yield {"type": "ping"}
        for delta in deltas(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    if turn.ending == "overloaded":
        yield overload()
    if turn.ending in ("overloaded", "cut"):
        return
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": stop_reason(turn), "stop_sequence": None},
        "usage": {"output_tokens": turn.usage.out},
    }
    yield {"type": "message_stop"}


def started(block: Json) -> Json:
    """The block as its start event shows it: with its fields, but empty."""
    empty: Json = {"text": "", "thinking": "", "signature": "", "input": {}}
    return {name: empty.get(name, value) for name, value in block.items()}


def deltas(block: Json) -> Iterator[Json]:
    match block["type"]:
        case "text":
            yield from ({"type": "text_delta", "text": piece} for piece in fragments(text(block["text"])))
        case "thinking":
            yield from ({"type": "thinking_delta", "thinking": piece} for piece in fragments(text(block["thinking"])))
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "tool_use":
            whole = json.dumps(block["input"]) if block["input"] else ""
            yield from ({"type": "input_json_delta", "partial_json": piece} for piece in ["", *fragments(whole)])


def written_event(event: Event) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
