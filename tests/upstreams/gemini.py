"""A provider that speaks Gemini's generateContent: refuses what Gemini refuses, and lets a plan answer the rest.

What the model thought travels in its signatures: a client that loses them, or a gateway that changes them, makes the
model forget (`Conversation.thoughts`) or the request fail. Function calls bear no ids, as Gemini's do not.
"""

import json
from collections.abc import Iterator

from tests.upstreams.gemini_rules import (
    METHODS,
    RULES,
    body,
    calls,
    config,
    contents,
    counts_tokens,
    declarations,
    method,
    model,
    parts,
    responses,
)
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
from tests.upstreams.rules import Asked, Json, Refusal, first_refusal, mapping, text
from tests.upstreams.server import Raw, Reply, Request, Script, Step, cut_short, event_stream, json_reply

REASONS = {"length": "MAX_TOKENS", "filter": "SAFETY"}
PIECE, WHOLE = 11, 1 << 30
"""Characters of a text in one part."""
STATUSES = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 405: "UNIMPLEMENTED"}


def gemini(plan: Plan, refusals: list[Refusal]) -> Script:
    """The script. What it refuses is also entered in `refusals`, where a test sees it behind a client's retries."""

    def script(request: Request) -> Reply | Raw:
        match read(request):
            case Refusal() as refusal:
                refusals.append(refusal)
                return refuse(refusal)
            case Asked() as asked if counts_tokens(asked):
                return json_reply(200, {"totalTokens": len(asked.request.body) // 4})
            case asked:
                return answer(asked, plan(conversation(asked)))

    return script


def read(request: Request) -> Asked | Refusal:
    version, _, rest = request.path.removeprefix("/").partition("/models/")
    name, _, asked_method = rest.rpartition(":")
    if version not in ("v1beta", "v1") or not name or asked_method not in METHODS:
        return Refusal("known_path", f"Requested entity was not found: {request.path}", 404)
    if request.method != "POST":
        return Refusal("post", "Method Not Allowed", 405)
    try:
        given = request.json()
    except ValueError:
        return Refusal("body_is_json", "Invalid JSON payload received. Unexpected token.", 400)
    if not isinstance(given, dict):
        return Refusal("body_is_json", "Invalid JSON payload received. Unexpected token.", 400)
    asked = Asked(request, given)
    return first_refusal(RULES, asked) or asked


def refuse(refusal: Refusal) -> Reply:
    status = STATUSES.get(refusal.status, "INVALID_ARGUMENT")
    return failed(refusal.status, refusal.message, status, [("x-scripted-rule", refusal.rule)])


def failed(code: int, message: str, status: str, headers: list[tuple[str, str]]) -> Reply:
    return json_reply(code, error(code, message, status), headers)


def error(code: int, message: str, status: str) -> Json:
    return {"error": {"code": code, "message": message, "status": status}}


# -- what is asked


def conversation(asked: Asked) -> Conversation:
    """What a plan sees."""
    given = contents(asked)
    spoken = [joined_text(content) for content in given if content.get("role") == "model"]
    return Conversation(
        model=model(asked),
        system=joined_text(mapping(body(asked).get("systemInstruction"))),
        tools=tuple(text(one.get("name")) for one in declarations(asked)),
        turns=tuple(read_turns(given)),
        answers=tuple(filter(None, spoken)),
        thoughts=tuple(thought for content in given for part in parts(content) for thought in read_thought(part)),
        wants_json=config(asked).get("responseMimeType") == "application/json",
    )


def read_turns(given: list[Json]) -> Iterator[Said | Round]:
    before: Json = {}
    for content in given:
        if responses(content):
            yield Round(tuple(read_results(content, calls(before))))
        elif content.get("role", "user") == "user":
            yield Said(joined_text(content))
        before = content


def read_results(content: Json, called: list[Json]) -> Iterator[Result]:
    """In the order of the calls; those of one function answer its calls in their order. Files beside the responses
    count for the last one."""
    left, beside = responses(content), sum("inlineData" in part for part in parts(content))
    for at, call in enumerate(called):
        told = next(one for one in left if (one.get("name"), one.get("id")) == (call.get("name"), call.get("id")))
        left.remove(told)
        response = mapping(told.get("response"))
        images = len(told.get("parts", ())) + (beside if at == len(called) - 1 else 0)  # type: ignore[arg-type]
        said = Call(text(call.get("name")), mapping(call.get("args")))
        yield Result(said, response_text(response), "error" in response, images)


def response_text(response: Json) -> str:
    """The one text in it, else its JSON."""
    only = next(iter(response.values()), "") if len(response) == 1 else None
    return only if isinstance(only, str) else json.dumps(response, ensure_ascii=False)


def read_thought(part: Json) -> tuple[str, ...]:
    thought = (unsealed(text(part.get("thoughtSignature"))) or ("",))[0]
    return (thought,) if thought else ()


def joined_text(content: Json) -> str:
    said = [text(part.get("text")) for part in parts(content) if not part.get("thought")]
    return "\n".join(filter(None, said))


# -- what is answered


def answer(asked: Asked, turn: Turn) -> Reply | Raw:
    streams = method(asked) == "streamGenerateContent"
    if turn.ending == "overloaded" and (turn.is_silent or not streams):
        return failed(503, OVERLOADED, "UNAVAILABLE", [])
    if not streams:
        said = [*written_parts(asked, turn, WHOLE), *last_parts(turn)]
        whole = json_reply(200, chunk(asked, turn, said, ended=True))
        return cut_short(whole) if turn.ending == "cut" else whole
    if "alt=sse" in asked.request.query:
        return event_stream(b"data: " + one + b"\r\n\r\n" if is_chunk(one) else one for one in chunks(asked, turn))
    return Reply(body=as_array(chunks(asked, turn)))


def is_chunk(written: bytes) -> bool:
    """An error in mid-stream stands bare, without the frame of an event."""
    return not written.startswith(b'{"error"')


def as_array(written: Iterator[bytes]) -> Iterator[Step]:
    """The stream of whoever did not ask for events."""
    yield b"["
    for at, one in enumerate(written):
        yield (b",\r\n" if at else b"") + one
    yield b"]"


def chunks(asked: Asked, turn: Turn) -> Iterator[bytes]:
    for part in written_parts(asked, turn, PIECE):
        yield json.dumps(chunk(asked, turn, [part], ended=False), ensure_ascii=False).encode()
    if turn.ending == "overloaded":
        yield json.dumps(error(503, OVERLOADED, "UNAVAILABLE")).encode() + b"\r\n"
    elif turn.ending != "cut":
        yield json.dumps(chunk(asked, turn, last_parts(turn), ended=True), ensure_ascii=False).encode()


def chunk(asked: Asked, turn: Turn, said: list[Json], ended: bool) -> Json:
    content = {"content": {"parts": said, "role": "model"}} if said else {"content": {"role": "model"}}
    reason = {"finishReason": REASONS.get(turn.ending, "STOP")} if ended else {}
    return {
        "candidates": [{**content, **reason, "index": 0}],
        "usageMetadata": written_usage(turn.usage, ended),
        "modelVersion": model(asked),
        "responseId": identifier("", asked.request.body),
    }


def written_parts(asked: Asked, turn: Turn, size: int) -> Iterator[Json]:
    """Thoughts (if asked for) and text in pieces of this size, then each call whole, of which the first is signed."""
    if mapping(config(asked).get("thinkingConfig")).get("includeThoughts") is True:
        yield from ({"text": piece, "thought": True} for piece in fragments(turn.thinking, size))
    yield from ({"text": piece} for piece in fragments(turn.text, size))
    for at, call in enumerate(turn.calls):
        signature = {"thoughtSignature": sealed(turn.thinking, call.name)} if not at else {}
        yield {"functionCall": {"name": call.name, "args": dict(call.arguments)}, **signature}


def last_parts(turn: Turn) -> list[Json]:
    """A text is signed behind itself, on a part that says nothing."""
    if turn.thinking and not turn.calls:
        return [{"text": "", "thoughtSignature": sealed(turn.thinking, "")}]
    return []


def written_usage(usage: Usage, ended: bool) -> Json:
    prompt = {"promptTokenCount": usage.prompt}
    if usage.cache_read:
        prompt["cachedContentTokenCount"] = usage.cache_read
    if not ended:
        return {**prompt, "totalTokenCount": usage.prompt}
    thoughts = {"thoughtsTokenCount": usage.reasoning} if usage.reasoning else {}
    return {
        **prompt,
        "candidatesTokenCount": usage.out - usage.reasoning,
        **thoughts,
        "totalTokenCount": usage.prompt + usage.out,
    }
