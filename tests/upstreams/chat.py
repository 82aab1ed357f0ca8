"""A provider that speaks OpenAI's Chat Completions: refuses what those refuse, and lets a plan answer the rest."""

import json
from collections.abc import Iterator

from tests.upstreams.chat_rules import OPENAI, Dialect, chat_rules, is_custom, messages, tool_name, tools
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
)
from tests.upstreams.rules import Asked, Json, Refusal, Rule, first_refusal, mapping, sequence, text
from tests.upstreams.server import Raw, Reply, Request, Script, Step, cut_short, event_stream, json_reply

REQUEST_ID = ("x-request-id", "req_scripted")
ENDINGS = {"length": "length", "filter": "content_filter"}
PATHS = ("/v1/chat/completions", "/chat/completions")


def chat(plan: Plan, refusals: list[Refusal], dialect: Dialect = OPENAI) -> Script:
    """The script. What it refuses is also entered in `refusals`, where a test sees it behind a client's retries."""
    rules = chat_rules(dialect)

    def script(request: Request) -> Reply | Raw:
        match read(request, rules):
            case Refusal() as refusal:
                refusals.append(refusal)
                return refuse(refusal)
            case asked:
                return answer(asked, plan(conversation(asked, dialect)), dialect)

    return script


def read(request: Request, rules: list[Rule]) -> Asked | Refusal:
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
    return first_refusal(rules, asked) or asked


def refuse(refusal: Refusal) -> Reply:
    code = "invalid_api_key" if refusal.status == 401 else None
    error = {"message": refusal.message, "type": "invalid_request_error", "param": None, "code": code}
    return json_reply(refusal.status, {"error": error}, [REQUEST_ID, ("x-scripted-rule", refusal.rule)])


def conversation(asked: Asked, dialect: Dialect) -> Conversation:
    """What a plan sees."""
    calls: dict[object, Call] = {}
    turns: list[Said | Round] = []
    given = messages(asked)
    for at, message in enumerate(given):
        for call in map(mapping, sequence(message.get("tool_calls"))):
            calls[call.get("id")] = Call(tool_name(call), read_arguments(call))
        if message.get("role") == "user":
            turns.append(Said(joined_text(message)))
        elif message.get("role") == "tool" and given[at - 1].get("role") != "tool":
            turns.append(read_round(given[at:], calls))
    spoken = [message for message in given if message.get("role") == "assistant"]
    return Conversation(
        model=text(asked.body.get("model")),
        system="\n".join(joined_text(message) for message in given if message.get("role") in ("system", "developer")),
        tools=tuple(tool_name(tool) for tool in tools(asked)),
        turns=tuple(turns),
        answers=tuple(joined_text(message) for message in spoken if joined_text(message)),
        thoughts=tuple(text(message.get(text(dialect.reasoning_field))) for message in spoken),
        wants_json=mapping(asked.body.get("response_format")).get("type") == "json_schema",
    )


def read_arguments(call: Json) -> Json:
    """Those of a custom tool are its free text, under the name that its wrapping as a function has."""
    if is_custom(call):
        return {"input": mapping(call.get("custom")).get("input")}
    return mapping(json.loads(text(mapping(call.get("function")).get("arguments"))))


def read_round(following: list[Json], calls: dict[object, Call]) -> Round:
    """The tool messages at the head of `following`, in the order of their calls."""
    count = next((at for at, message in enumerate(following) if message.get("role") != "tool"), len(following))
    order = {one: at for at, one in enumerate(calls)}
    answers = sorted(following[:count], key=lambda message: order[message.get("tool_call_id")])
    return Round(
        tuple(Result(calls[message.get("tool_call_id")], joined_text(message), failed=False) for message in answers)
    )


def joined_text(message: Json) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(
        text(mapping(part).get("text")) for part in sequence(content) if mapping(part).get("type") == "text"
    )


def answer(asked: Asked, turn: Turn, dialect: Dialect) -> Reply | Raw:
    streams = asked.body.get("stream") is True
    if turn.ending == "overloaded" and (turn.is_silent or not streams):
        return json_reply(503, overload(), [REQUEST_ID])
    if streams:
        return event_stream(stream(asked, turn, dialect), [REQUEST_ID])
    message: Json = {
        "role": "assistant",
        "content": turn.text or (None if turn.calls else ""),
        **({dialect.reasoning_field: turn.thinking} if dialect.reasoning_field and turn.thinking else {}),
        **({"tool_calls": written_calls(asked, turn)} if turn.calls else {}),
        "refusal": None,
    }
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason(turn)}
    said = {**envelope(asked, "chat.completion"), "choices": [choice], "usage": written_usage(turn.usage)}
    whole = json_reply(200, said, [REQUEST_ID])
    return cut_short(whole) if turn.ending == "cut" else whole


def overload() -> Json:
    return {"error": {"message": OVERLOADED, "type": "server_error", "param": None, "code": "overloaded"}}


def envelope(asked: Asked, kind: str) -> Json:
    return {
        "id": identifier("chatcmpl-", asked.request.body),
        "object": kind,
        "created": 1790000000,
        "model": asked.body["model"],
        "system_fingerprint": None,
    }


def finish_reason(turn: Turn) -> str:
    return ENDINGS.get(turn.ending, "tool_calls" if turn.calls else "stop")


def written_calls(asked: Asked, turn: Turn) -> list[Json]:
    custom = {tool_name(tool) for tool in tools(asked) if is_custom(tool)}
    return [
        {"id": identifier("call_", asked.request.body, at), **written_call(call, call.name in custom)}
        for at, call in enumerate(turn.calls)
    ]


def written_call(call: Call, custom: bool) -> Json:
    if custom:
        return {"type": "custom", "custom": {"name": call.name, "input": call.arguments["input"]}}
    arguments = json.dumps(dict(call.arguments), ensure_ascii=False)
    return {"type": "function", "function": {"name": call.name, "arguments": arguments}}


def written_usage(usage: Usage) -> Json:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.out,
        "total_tokens": usage.prompt + usage.out,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning, "audio_tokens": 0},
    }


def stream(asked: Asked, turn: Turn, dialect: Dialect) -> Iterator[Step]:
    asks_usage = mapping(asked.body.get("stream_options")).get("include_usage") is True
    head = envelope(asked, "chat.completion.chunk")
    no_usage_yet: Json = {"usage": None} if asks_usage else {}
    for delta in deltas(asked, turn, dialect):
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
        yield written_chunk({**head, "choices": [choice], **no_usage_yet})
    if turn.ending == "overloaded":
        yield written_chunk(overload())
    if turn.ending in ("overloaded", "cut"):
        return
    last = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": finish_reason(turn)}
    yield written_chunk({**head, "choices": [last], **no_usage_yet})
    if asks_usage:
        yield written_chunk({**head, "choices": [], "usage": written_usage(turn.usage)})
    yield b"data: [DONE]\n\n"


def deltas(asked: Asked, turn: Turn, dialect: Dialect) -> Iterator[Json]:
    """Thinking, text, then the calls one after another, each argument string in fragments."""
    yield {"role": "assistant", "content": None if turn.calls and not turn.text else "", "refusal": None}
    if dialect.reasoning_field:
        yield from ({dialect.reasoning_field: piece} for piece in fragments(turn.thinking))
    yield from ({"content": piece} for piece in fragments(turn.text))
    for index, call in enumerate(written_calls(asked, turn)):
        kind, member = ("custom", "input") if is_custom(call) else ("function", "arguments")
        yield {"tool_calls": [{"index": index, **call, kind: {"name": tool_name(call), member: ""}}]}
        for piece in fragments(text(mapping(call[kind])[member])):
            yield {"tool_calls": [{"index": index, kind: {member: piece}}]}


def written_chunk(chunk: Json) -> bytes:
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"
