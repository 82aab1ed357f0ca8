"""The Gemini-speaking upstream: each of its rules refuses what it is for, and what it says is good Gemini."""

import json
from collections.abc import Mapping

import pytest

from tests.judges.gemini import judge_gemini, judge_gemini_whole
from tests.upstreams.gemini import gemini
from tests.upstreams.gemini_rules import NO_SIGNATURE, RULES
from tests.upstreams.plan import OVERLOADED, Call, Conversation, Ending, Plan, Turn, sealed
from tests.upstreams.plans import say
from tests.upstreams.rules import Refusal
from tests.upstreams.server import Raw, Reply, Request

HEADERS = (("x-goog-api-key", "k"), ("content-type", "application/json"))
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
FUNCTION = {"name": "read", "description": "Reads", "parametersJsonSchema": SCHEMA}
CALL = {"functionCall": {"name": "read", "args": {"path": "a"}}}
SIGNED = {**CALL, "thoughtSignature": sealed("deep", "read")}
RESULT = {"functionResponse": {"name": "read", "response": {"result": "text of a"}}}
PIXEL = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
GEMINI_3, PRO = "gemini-3-pro-preview", "gemini-2.5-pro"

FINE = say("fine")


def user(*parts: object) -> dict[str, object]:
    return {"role": "user", "parts": list(parts)}


def said_by_model(*parts: object) -> dict[str, object]:
    return {"role": "model", "parts": list(parts)}


HELLO = user({"text": "hello"})


def body(**changes: object) -> dict[str, object]:
    """A good request with tools in use, changed; a change to `...` takes the field away."""
    whole: dict[str, object] = {
        "systemInstruction": {"parts": [{"text": "You are a test."}]},
        "contents": [HELLO, said_by_model(SIGNED), user(RESULT)],
        "tools": [{"functionDeclarations": [FUNCTION]}],
    } | changes
    return {name: value for name, value in whole.items() if value is not ...}


def request(
    value: object,
    model: str = GEMINI_3,
    asked: str = "generateContent",
    headers: tuple[tuple[str, str], ...] = HEADERS,
    method: str = "POST",
) -> Request:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    query = "?alt=sse" if asked == "streamGenerateContent" else ""
    return Request(1, method, f"/v1beta/models/{model}:{asked}{query}", headers, data)


def with_contents(*contents: object, model: str = GEMINI_3) -> Request:
    return request(body(contents=list(contents)), model)


def with_config(model: str = GEMINI_3, **config: object) -> Request:
    return request(body(generationConfig=config), model)


def with_tools(*functions: object) -> Request:
    return request(body(tools=[{"functionDeclarations": list(functions)}]))


def ask(asked: Request, plan: Plan = FINE) -> tuple[Reply, list[Refusal]]:
    refusals: list[Refusal] = []
    reply = gemini(plan, refusals)(asked)
    assert isinstance(reply, Reply)
    return reply, refusals


def said(reply: Reply) -> bytes:
    if isinstance(reply.body, bytes):
        return reply.body
    return b"".join(piece for piece in reply.body if isinstance(piece, bytes))


GOOD: Mapping[str, Request] = {
    "tools in use": request(body()),
    "plain text": request({"contents": [{"parts": [{"text": "hello"}]}]}),
    "names in snake case": request(
        {"contents": [HELLO], "system_instruction": {"parts": [{"text": "x"}]}, "generation_config": {"top_k": 3}}
    ),
    "key in the query": Request(
        1, "POST", "/v1/models/gemini-3-pro:generateContent?key=k", HEADERS[1:], json.dumps(body()).encode()
    ),
    "parts": with_contents(user({"text": "see"}, PIXEL, {"inline_data": {"mime_type": "image/png", "data": "aa=="}})),
    "parallel calls of which the first is signed": with_contents(
        HELLO, said_by_model({"text": "so"}, SIGNED, CALL), user(RESULT, RESULT, PIXEL), user({"text": "and?"})
    ),
    "ids on both sides": with_contents(
        HELLO,
        said_by_model({**SIGNED, "functionCall": {**CALL["functionCall"], "id": "x"}}),
        user({"functionResponse": {**RESULT["functionResponse"], "id": "x", "parts": [PIXEL]}}),
    ),
    "a stand-in": with_contents(HELLO, said_by_model({**CALL, "thoughtSignature": NO_SIGNATURE}), user(RESULT)),
    "earlier turns without signatures": with_contents(HELLO, said_by_model(CALL), user(RESULT), user({"text": "and?"})),
    "no signatures before Gemini 3": with_contents(HELLO, said_by_model(CALL), user(RESULT), model=PRO),
    "a signature that says nothing else": with_contents(
        HELLO, said_by_model({"text": "so"}, {"text": "", "thoughtSignature": sealed("deep", "")}), HELLO
    ),
    "a function without parameters": with_tools({"name": "stop"}),
    "a schema message": with_tools(
        {"name": "read", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True}}}}
    ),
    "forced function": request(
        body(toolConfig={"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["read"]}})
    ),
    "thinking": with_config(PRO, thinkingConfig={"includeThoughts": True, "thinkingBudget": 128}),
    "thinking by level": with_config(thinkingConfig={"thinkingLevel": "low"}),
    "a format": with_config(responseMimeType="application/json", responseJsonSchema=SCHEMA),
    "counting": request({"contents": [HELLO]}, asked="countTokens"),
    "counting all": request({"generateContentRequest": {"model": "models/m", **body()}}, asked="countTokens"),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_request_is_answered(name: str) -> None:
    reply, refusals = ask(GOOD[name])

    assert refusals == []
    assert reply.status == 200


def renamed(part: Mapping[str, object], name: str) -> dict[str, object]:
    return {kind: {**value, "name": name} for kind, value in part.items() if isinstance(value, dict)}


BAD: Mapping[str, list[Request]] = {
    "known_path": [request(body(), asked="embedContent"), Request(1, "POST", "/v1/messages", HEADERS, b"{}")],
    "post": [request(b"", method="GET")],
    "body_is_json": [request(b'{"contents": '), request([1])],
    "there_is_a_key": [request(body(), headers=HEADERS[1:]), request(body(), headers=(("authorization", "Bearer k"),))],
    "known_names": [
        *(request(body(**{name: value})) for name, value in {"messages": [], "stream": True, "labels": {}}.items()),
        with_contents({**HELLO, "cache_control": {}}),
        with_contents(user({"text": "x", "type": "text"})),
        with_contents(user({"text": 5})),
        with_contents("hello"),
        request(body(contents=HELLO)),
        with_contents(HELLO, said_by_model({**SIGNED, "functionCall": {"name": "read", "args": "{}"}}), user(RESULT)),
        with_contents(HELLO, said_by_model({**CALL, "thoughtSignature": "not base64!"}), user(RESULT)),
        with_config(max_tokens=5),
        with_config(maxOutputTokens="many"),
        with_config(thinkingConfig={"effort": "low"}),
        with_tools({**FUNCTION, "strict": True}),
        with_tools({"name": "read", "parameters": {**SCHEMA, "additionalProperties": False}}),
        with_tools({"name": "read", "parameters": {"type": "object", "properties": {"a": {"const": 1}}}}),
        request({"contents": [HELLO], "systemInstruction": {"parts": []}}, asked="countTokens"),
    ],
    "there_are_contents": [request(body(contents=value)) for value in (..., [])],
    "known_roles": [
        with_contents({"role": "assistant", "parts": [{"text": "x"}]}),
        with_contents(HELLO, {"parts": [{"text": "x"}]}),
    ],
    "there_are_parts": [with_contents(user()), request(body(systemInstruction={"parts": []}))],
    "parts_hold_one_thing": [
        with_contents(user({"text": ""})),
        with_contents(user({})),
        with_contents(user({"thought": True})),
        with_contents(user({"text": "x", **PIXEL})),
    ],
    "system_instruction_is_text": [request(body(systemInstruction={"parts": [PIXEL]}))],
    "files_are_well_formed": [
        with_contents(user({"inlineData": {"mimeType": "image/bmp", "data": "AAAA"}})),
        with_contents(user({"inlineData": {"mimeType": "image/png", "data": ""}})),
        with_contents(user({"fileData": {"fileUri": "https://example.org/a.png"}})),
    ],
    "calls_and_responses_are_well_formed": [
        with_contents(HELLO, said_by_model(renamed(CALL, "a b")), user(renamed(RESULT, "a b"))),
        with_contents(HELLO, said_by_model(SIGNED), user({"functionResponse": {"name": "read"}})),
    ],
    "roles_say_what_is_theirs": [
        with_contents(user(SIGNED)),
        with_contents(HELLO, said_by_model(RESULT)),
    ],
    "function_turns_follow_one_another": [
        with_contents(HELLO, said_by_model({"text": "so"}), said_by_model(SIGNED), user(RESULT)),
        with_contents(HELLO, user(RESULT)),
    ],
    "every_call_has_its_response": [
        with_contents(HELLO, said_by_model(SIGNED, CALL), user(RESULT)),
        with_contents(HELLO, said_by_model(SIGNED), user(RESULT, RESULT)),
        with_contents(HELLO, said_by_model(SIGNED), user({"text": "well?"})),
    ],
    "responses_are_of_those_calls": [
        with_contents(HELLO, said_by_model(SIGNED), user(renamed(RESULT, "write"))),
        with_contents(
            HELLO, said_by_model(SIGNED), user({"functionResponse": {**RESULT["functionResponse"], "id": "x"}})
        ),
    ],
    "responses_stand_alone": [with_contents(HELLO, said_by_model(SIGNED), user(RESULT, {"text": "and?"}))],
    "the_user_speaks_first_and_last": [
        with_contents(said_by_model({"text": "so"}), HELLO),
        with_contents(HELLO, said_by_model({"text": "so"})),
    ],
    "current_calls_are_signed": [
        with_contents(HELLO, said_by_model(CALL), user(RESULT)),
        with_contents(HELLO, said_by_model(SIGNED), user(RESULT), said_by_model(CALL), user(RESULT)),
        with_contents(HELLO, said_by_model(CALL, SIGNED), user(RESULT, RESULT)),
    ],
    "signatures_are_our_own": [
        with_contents(HELLO, said_by_model({**CALL, "thoughtSignature": value}), user(RESULT))
        for value in ("c2ln", sealed("deep", "write"), sealed("deep", ""))
    ],
    "only_first_parallel_call_is_signed": [with_contents(HELLO, said_by_model(SIGNED, SIGNED), user(RESULT, RESULT))],
    "tools_are_well_formed": [
        with_tools({**FUNCTION, "name": "1read"}),
        with_tools({**FUNCTION, "name": "r" * 65}),
        with_tools({**FUNCTION, "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}}),
        with_tools({"name": "read", "parameters": {"type": "OBJECT", "properties": {}}}),
        with_tools({"name": "read", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "ARRAY"}}}}),
        with_tools({"name": "read", "parameters": {**SCHEMA, "required": ["b"]}}),
        with_tools({**FUNCTION, "parametersJsonSchema": {"$ref": "https://example.org/schema"}}),
        with_tools(FUNCTION, FUNCTION),
        request(body(tools=[{"functionDeclarations": []}])),
    ],
    "hosted_tools_stand_alone": [
        request(
            body(contents=[HELLO], tools=[{"functionDeclarations": [FUNCTION]}, {"googleSearch": {}}]), "gemini-2.5-pro"
        )
    ],
    "calling_can_be_met": [
        request(body(toolConfig={"functionCallingConfig": value}))
        for value in (
            {"mode": "required"},
            {"mode": "AUTO", "allowedFunctionNames": ["read"]},
            {"mode": "ANY", "allowedFunctionNames": ["write"]},
        )
    ]
    + [request(body(contents=[HELLO], tools=..., toolConfig={"functionCallingConfig": {"mode": "ANY"}}))],
    "limits_are_counts": [
        with_config(maxOutputTokens=0),
        with_config(maxOutputTokens=100_000),
        with_config(stopSequences=list("abcdef")),
    ],
    "sampling_is_in_range": [with_config(temperature=3), with_config(topP=2)],
    "thinking_can_be_asked_for": [
        request(body(contents=[HELLO], generationConfig={"thinkingConfig": value}), model)
        for model, value in (
            (PRO, {"thinkingBudget": 0}),
            (PRO, {"thinkingBudget": 40000}),
            ("gemini-2.5-flash", {"thinkingBudget": 30000}),
            (PRO, {"thinkingLevel": "LOW"}),
            (GEMINI_3, {"thinkingLevel": "LOW", "thinkingBudget": 128}),
            (GEMINI_3, {"thinkingLevel": "XHIGH"}),
        )
    ],
    "answers_format_can_be_met": [
        with_config(responseMimeType="text/html"),
        with_config(responseJsonSchema=SCHEMA),
        with_config(responseMimeType="application/json", responseJsonSchema=SCHEMA, responseSchema={"type": "STRING"}),
        request(body(contents=[HELLO], generationConfig={"responseMimeType": "application/json"}), PRO),
    ],
}


@pytest.mark.parametrize(("rule", "asked"), [(rule, asked) for rule, requests in BAD.items() for asked in requests])
def test_broken_rule_is_the_reason_for_refusal(rule: str, asked: Request) -> None:
    reply, refusals = ask(asked)

    assert [refusal.rule for refusal in refusals] == [rule]
    error = json.loads(said(reply))["error"]
    assert (error["code"], error["message"]) == (reply.status, refusals[0].message)
    assert reply.status >= 400


def test_every_rule_has_a_request_that_breaks_it() -> None:
    assert {rule.name for rule in RULES} <= {*BAD}


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [[]], [{}], [None], [{"parts": [{"functionCall": 1}]}]])
def test_no_rule_stumbles_over_odd_json(value: object) -> None:
    """A converter gone wrong must be told what is wrong."""
    for field in ("systemInstruction", "contents", "tools", "toolConfig", "generationConfig"):
        _, refusals = ask(request(body(**{field: value})))
        assert len(refusals) <= 1
    assert len(ask(request(body(contents=[{"role": "user", "parts": value}])))[1]) <= 1
    assert len(ask(with_tools(value))[1]) <= 1


TURNS = {
    "all": Turn("It thinks so.", "It speaks: ü 北京.", (Call("read", {"path": "b"}), Call("stop", {}))),
    "text": Turn(text="Just words."),
    "thinking": Turn("It thinks so.", "And speaks."),
    "length": Turn(text="It goes on and", ending="length"),
    "filter": Turn(text="This is", ending="filter"),
}
ALL = body(contents=[HELLO], generationConfig={"thinkingConfig": {"includeThoughts": True}})


@pytest.mark.parametrize("name", TURNS)
def test_stream_says_what_the_whole_answer_says_and_the_sdk_reads_it(name: str) -> None:
    turn = TURNS[name]
    whole = judge_gemini_whole(said(ask(request(ALL), lambda _: turn)[0]))

    streamed = judge_gemini(said(ask(request(ALL, asked="streamGenerateContent"), lambda _: turn)[0]))

    assert (streamed.text, streamed.thoughts) == (turn.text, turn.thinking) == (whole.text, whole.thoughts)
    assert streamed.calls == whole.calls
    assert [(call.name, call.args) for call in whole.calls] == [(call.name, call.arguments) for call in turn.calls]
    assert streamed.finish_reasons == whole.finish_reasons
    assert whole.finish_reasons == [{"length": "MAX_TOKENS", "filter": "SAFETY"}.get(turn.ending, "STOP")]
    assert streamed.usage == whole.usage


def test_stream_of_who_asks_for_no_events_is_an_array() -> None:
    asked = request(ALL, asked="streamGenerateContent")
    bare = Request(1, "POST", asked.path, HEADERS, asked.body)

    chunks = json.loads(said(ask(bare, lambda _: TURNS["text"])[0]))

    assert "".join(chunk["candidates"][0]["content"].get("parts", [{}])[0].get("text", "") for chunk in chunks) == (
        "Just words."
    )


@pytest.mark.parametrize("ending", ["overloaded", "cut"])
def test_stream_that_breaks_was_begun_and_has_no_proper_end(ending: Ending) -> None:
    turn = Turn(text="Half of it", ending=ending)

    stream = said(ask(request(ALL, asked="streamGenerateContent"), lambda _: turn)[0])

    assert b"Half of it" in stream
    assert b"finishReason" not in stream
    assert (b'\n{"error"' in stream and OVERLOADED.encode() in stream) == (ending == "overloaded")


def test_overload_before_the_answer_is_a_status() -> None:
    for asked in ("generateContent", "streamGenerateContent"):
        reply, _ = ask(request(ALL, asked=asked), lambda _: Turn(ending="overloaded"))
        assert reply.status == 503
        assert json.loads(said(reply))["error"]["status"] == "UNAVAILABLE"


def test_whole_answer_can_be_cut() -> None:
    reply = gemini(lambda _: Turn(text="Half of it", ending="cut"), [])(request(ALL))

    assert isinstance(reply, Raw)


def seen_by_plan(asked: Request) -> Conversation:
    seen: list[Conversation] = []

    def plan(conversation: Conversation) -> Turn:
        seen.append(conversation)
        return Turn(text="fine")

    assert ask(asked, plan)[1] == []
    return seen[0]


def test_its_own_turn_may_be_sent_back_and_is_remembered() -> None:
    first = json.loads(said(ask(request(ALL), lambda _: TURNS["all"])[0]))["candidates"][0]["content"]
    results = user(RESULT, {"functionResponse": {"name": "stop", "response": {"result": ""}}})

    seen = seen_by_plan(request({**ALL, "contents": [HELLO, first, results]}))

    assert seen.thoughts == ("It thinks so.",)
    assert seen.answers == ("It speaks: ü 北京.",)
    assert seen.last is not None
    assert [result.call for result in seen.last.results] == list(TURNS["all"].calls)


def test_plan_sees_all_that_was_said() -> None:
    failed = {"functionResponse": {"name": "read", "response": {"error": "no such file"}}}
    seen = seen_by_plan(
        with_contents(HELLO, said_by_model(SIGNED, CALL), user(RESULT, failed, PIXEL), user({"text": "and?"}))
    )

    assert (seen.model, seen.system, seen.tools) == (GEMINI_3, "You are a test.", ("read",))
    assert seen.said == ("hello", "and?")
    assert seen.last is not None
    assert [(result.text, result.failed, result.images) for result in seen.last.results] == [
        ("text of a", False, 0),
        ("no such file", True, 1),
    ]


def test_thinking_is_shown_only_to_who_asks_and_signed_for_all() -> None:
    bare = said(ask(request(body(contents=[HELLO])), lambda _: TURNS["all"])[0])
    full = said(ask(request(ALL), lambda _: TURNS["all"])[0])

    assert b"It thinks" not in bare
    assert b"It thinks" in full
    for answer in (bare, full):
        assert answer.count(sealed("It thinks so.", "read").encode()) == answer.count(b"thoughtSignature") == 1
