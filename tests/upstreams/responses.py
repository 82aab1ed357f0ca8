"""A provider that speaks OpenAI's Responses: refuses what OpenAI refuses, and lets a plan answer the rest.

What the model thought travels in the encrypted content of reasoning items, and nowhere else: a client that loses it, or
a gateway that changes it, makes the model forget (`Conversation.thoughts`) or the request fail.
"""

import json
from collections.abc import Iterator

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
    sealed,
    unsealed,
)
from tests.upstreams.responses_rules import CALLS, RULES, counts_tokens, items, tools
from tests.upstreams.rules import Asked, Json, Refusal, first_refusal, mapping, sequence, text
from tests.upstreams.server import Raw, Reply, Request, Script, Step, cut_short, event_stream, json_reply

PATHS = ("/v1/responses", "/responses", "/v1/responses/input_tokens")
INCOMPLETE = {"length": "max_output_tokens", "filter": "content_filter"}
REQUEST_ID = ("x-request-id", "req_scripted")

type Event = dict[str, object]


def responses(plan: Plan, refusals: list[Refusal]) -> Script:
    """The script. What it refuses is also entered in `refusals`, where a test sees it behind a client's retries."""

    def script(request: Request) -> Reply | Raw:
        match read(request):
            case Refusal() as refusal:
                refusals.append(refusal)
                return refuse(refusal)
            case Asked() as asked if counts_tokens(asked):
                return json_reply(
                    200, {"object": "response.input_tokens", "input_tokens": len(asked.request.body) // 4}
                )
            case asked:
                return answer(asked, plan(conversation(asked)))

    return script


def read(request: Request) -> Asked | Refusal:
    if request.path not in PATHS:
        return Refusal("known_path", f"Invalid URL ({request.method} {request.path})", 404)
    if request.method != "POST":
        return Refusal("post", "Method Not Allowed", 405)
    try:
        body = request.json()
    except ValueError:
        return Refusal("body_is_json", "We could not parse the JSON body of your request.", 400)
    if not isinstance(body, dict):
        return Refusal("body_is_json", "Invalid type for the body: expected an object.", 400)
    asked = Asked(request, body)
    return first_refusal(RULES, asked) or asked


def refuse(refusal: Refusal) -> Reply:
    code = {401: "invalid_api_key"}.get(refusal.status)
    error = {"message": refusal.message, "type": "invalid_request_error", "param": None, "code": code}
    return json_reply(refusal.status, {"error": error}, [REQUEST_ID, ("x-scripted-rule", refusal.rule)])


# -- what is asked


def conversation(asked: Asked) -> Conversation:
    """What a plan sees."""
    given = items(asked)
    calls = {
        item.get("call_id"): Call(text(item.get("name")), read_arguments(item))
        for item in given
        if item.get("type") in CALLS
    }
    spoken = [joined_text(item) for item in given if item.get("role") == "assistant"]
    systems = [joined_text(item) for item in given if item.get("role") in ("system", "developer")]
    return Conversation(
        model=text(asked.body.get("model")),
        system="\n".join([text(asked.body.get("instructions")), *systems]),
        tools=tuple(text(tool.get("name")) or text(tool.get("type")) for _, tool in tools(asked)),
        turns=tuple(read_turns(given, calls)),
        answers=tuple(filter(None, spoken)),
        thoughts=tuple(thought for item in given for thought in read_thoughts(item)),
        wants_json=mapping(mapping(asked.body.get("text")).get("format")).get("type") == "json_schema",
    )


def read_turns(given: list[Json], calls: dict[object, Call]) -> Iterator[Said | Round]:
    results: dict[object, Result] = {}
    for item in [*given, {}]:
        if item.get("type") in CALLS.values():
            results[item.get("call_id")] = read_result(item, calls)
            continue
        if results:
            yield Round(tuple(results[call_id] for call_id in calls if call_id in results))
            results = {}
        if item.get("role") == "user":
            yield Said(joined_text(item))


def read_arguments(item: Json) -> Json:
    """Those of a custom tool are its free text, under the name that its wrapping as a function has."""
    if item.get("type") == "custom_tool_call":
        return {"input": item.get("input")}
    return mapping(json.loads(text(item.get("arguments"))))


def read_result(item: Json, calls: dict[object, Call]) -> Result:
    output = item.get("output")
    images = sum(mapping(part).get("type") == "input_image" for part in sequence(output))
    return Result(calls[item.get("call_id")], text(output) or joined_text({"content": output}), False, images)


def read_thoughts(item: Json) -> tuple[str, ...]:
    return unsealed(text(item.get("encrypted_content"))) or () if item.get("type") == "reasoning" else ()


def joined_text(item: Json) -> str:
    content = item.get("content")
    said = [text(mapping(part).get("text")) for part in sequence(content)]
    return text(content) or "\n".join(filter(None, said))


# -- what is answered


def answer(asked: Asked, turn: Turn) -> Reply | Raw:
    streams = asked.body.get("stream") is True
    if turn.ending == "overloaded" and (turn.is_silent or not streams):
        error = {"message": OVERLOADED, "type": "server_error", "param": None, "code": "server_is_overloaded"}
        return json_reply(503, {"error": error}, [REQUEST_ID])
    if streams:
        return event_stream(written_events(asked, turn), [REQUEST_ID])
    whole = json_reply(200, response(asked, turn), [REQUEST_ID])
    return cut_short(whole) if turn.ending == "cut" else whole


def response(asked: Asked, turn: Turn) -> Json:
    reason = INCOMPLETE.get(turn.ending)
    return {
        **envelope(asked),
        "completed_at": None if reason else 1790000001,
        "status": "incomplete" if reason else "completed",
        "incomplete_details": {"reason": reason} if reason else None,
        "output": written_items(asked, turn),
        "usage": written_usage(turn.usage),
    }


def envelope(asked: Asked) -> Json:
    """A response that has just begun, with all its members."""
    given = asked.body
    return {
        "id": identifier("resp_", asked.request.body),
        "object": "response",
        "created_at": 1790000000,
        "completed_at": None,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": given.get("instructions"),
        "max_output_tokens": given.get("max_output_tokens"),
        "max_tool_calls": None,
        "model": given["model"],
        "output": [],
        "parallel_tool_calls": given.get("parallel_tool_calls", True),
        "previous_response_id": None,
        "prompt_cache_key": given.get("prompt_cache_key"),
        "reasoning": {"effort": None, "summary": None, **mapping(given.get("reasoning"))},
        "safety_identifier": None,
        "service_tier": "default",
        "store": given.get("store", True),
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": given.get("tool_choice", "auto"),
        "tools": given.get("tools", []),
        "top_logprobs": 0,
        "top_p": 0.98,
        "truncation": "disabled",
        "usage": None,
        "user": None,
        "metadata": {},
    }


def written_items(asked: Asked, turn: Turn) -> list[Json]:
    """Ids have one stem; those of what reasoning led to say so, see `responses_rules.REASONED`."""
    stem = identifier("", asked.request.body)
    led = "r" if turn.thinking else ""
    custom = {tool.get("name") for _, tool in tools(asked) if tool.get("type") == "custom"}
    written: list[Json] = []
    if turn.thinking:
        written.append(written_reasoning(asked, turn, stem))
    if turn.text:
        written.append({"id": f"msg_{stem}{led}", "type": "message", "status": "completed", **written_text(turn)})
    for at, call in enumerate(turn.calls):
        call_id = identifier("call_", asked.request.body, at)
        written.append(written_call(call, call.name in custom, f"{stem}{led}{at}", call_id, asked))
    return written


def written_reasoning(asked: Asked, turn: Turn, stem: str) -> Json:
    asks_summary = mapping(asked.body.get("reasoning")).get("summary") is not None
    summary = [{"type": "summary_text", "text": turn.thinking}] if asks_summary else []
    item: Json = {"id": f"rs_{stem}", "type": "reasoning", "summary": summary}
    if "reasoning.encrypted_content" in sequence(asked.body.get("include")):
        return {**item, "encrypted_content": sealed(turn.thinking)}
    return item


def written_text(turn: Turn) -> Json:
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": turn.text}
    return {"role": "assistant", "content": [part]}


def written_call(call: Call, custom: bool, stem: str, call_id: str, asked: Asked) -> Json:
    told = {"status": "completed", "call_id": call_id, "name": call.name}
    if custom:
        return {"id": f"ctc_{stem}", "type": "custom_tool_call", **told, "input": call.arguments["input"]}
    arguments = json.dumps(dict(call.arguments), ensure_ascii=False)
    space = namespace(asked, call.name)
    within = {"namespace": space} if space else {}
    return {"id": f"fc_{stem}", "type": "function_call", **told, **within, "arguments": arguments}


def namespace(asked: Asked, name: str) -> str | None:
    groups = [group for _, group in tools(asked) if group.get("type") == "namespace"]
    holding = [group for group in groups if name in {mapping(tool).get("name") for tool in sequence(group["tools"])}]
    return text(holding[0].get("name")) if holding else None


def written_usage(usage: Usage) -> Json:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.out,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.out,
    }


def written_events(asked: Asked, turn: Turn) -> Iterator[Step]:
    for number, event in enumerate(events(asked, turn)):
        data = json.dumps({"sequence_number": number, **event}, ensure_ascii=False)
        yield f"event: {event['type']}\ndata: {data}\n\n".encode()


def events(asked: Asked, turn: Turn) -> Iterator[Event]:
    begun = envelope(asked)
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(written_items(asked, turn)):
        yield from item_events(index, item)
    if turn.ending == "overloaded":
        error = {"code": "server_is_overloaded", "message": OVERLOADED}
        yield {"type": "response.failed", "response": {**begun, "status": "failed", "error": error}}
    elif turn.ending != "cut":
        kind = "incomplete" if turn.ending in INCOMPLETE else "completed"
        yield {"type": f"response.{kind}", "response": response(asked, turn)}


EMPTY: Json = {"summary": [], "content": [], "arguments": "", "input": "", "status": "in_progress"}


def item_events(index: int, item: Json) -> Iterator[Event]:
    # The encrypted content of the item as it is added is not yet the final one: who keeps that one keeps nonsense.
    early = {"encrypted_content": "gAAAAABnot-yet"} if "encrypted_content" in item else {}
    started = {name: EMPTY.get(name, value) for name, value in item.items()} | early
    place = {"output_index": index, "item_id": item["id"]}
    yield {"type": "response.output_item.added", "output_index": index, "item": started}
    match item["type"]:
        case "reasoning":
            for at, part in enumerate(map(mapping, sequence(item["summary"]))):
                yield from part_events("reasoning_summary", {**place, "summary_index": at}, part)
        case "message":
            for at, part in enumerate(map(mapping, sequence(item["content"]))):
                yield from part_events("output", {**place, "content_index": at}, part)
        case "custom_tool_call":
            yield from input_events("custom_tool_call_input", "input", place, item)
        case _:
            yield from input_events("function_call_arguments", "arguments", place, item)
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def part_events(prefix: str, place: Json, part: Json) -> Iterator[Event]:
    frame = "content_part" if prefix == "output" else f"{prefix}_part"
    more = {"logprobs": []} if prefix == "output" else {}
    yield {"type": f"response.{frame}.added", **place, "part": {**part, "text": ""}}
    for piece in fragments(text(part["text"])):
        yield {"type": f"response.{prefix}_text.delta", **place, "delta": piece, **more, "obfuscation": "x" * 5}
    yield {"type": f"response.{prefix}_text.done", **place, "text": part["text"], **more}
    yield {"type": f"response.{frame}.done", **place, "part": part}


def input_events(kind: str, member: str, place: Json, item: Json) -> Iterator[Event]:
    for piece in fragments(text(item[member])):
        yield {"type": f"response.{kind}.delta", **place, "delta": piece, "obfuscation": "x" * 5}
    yield {"type": f"response.{kind}.done", **place, member: item[member]}
