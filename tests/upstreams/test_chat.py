"""The Chat-Completions-speaking upstream: each of its rules refuses what it is for, and what it says is good Chat."""

import json
from collections.abc import Mapping

import pytest

from tests.upstreams.chat import chat
from tests.upstreams.chat_rules import DEEPSEEK, OPENAI, TEMPLATED, Dialect, chat_rules
from tests.upstreams.plan import OVERLOADED, Call, Conversation, Ending, Plan, Turn
from tests.upstreams.plans import say
from tests.upstreams.rules import Refusal
from tests.upstreams.server import Raw, Reply, Request

HEADERS = (("authorization", "Bearer k"), ("content-type", "application/json"))
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
FUNCTION = {"name": "read", "description": "Reads", "parameters": SCHEMA}
CALL = {"id": "call_1", "type": "function", "function": {"name": "read", "arguments": '{"path": "a"}'}}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "text of a"}
PIXEL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
HELLO = {"role": "user", "content": "hello"}
GRAMMAR = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /a+/"}}
CUSTOM = {"type": "custom", "custom": {"name": "patch", "description": "Patches", "format": GRAMMAR}}
CUSTOM_CALL = {"id": "call_1", "type": "custom", "custom": {"name": "patch", "input": "aaa"}}
CUSTOM_CHOICE = {"type": "custom", "custom": {"name": "patch"}}

FINE = say("fine")


def calling(*calls: object, **more: object) -> dict[str, object]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls), **more}


def user(*parts: object) -> dict[str, object]:
    return {"role": "user", "content": list(parts)}


def body(**changes: object) -> dict[str, object]:
    """A good request with tools in use, changed; a change to `...` takes the field away."""
    whole: dict[str, object] = {
        "model": "gpt-4.1",
        "messages": [{"role": "system", "content": "You are a test."}, HELLO, calling(CALL), RESULT],
        "tools": [{"type": "function", "function": FUNCTION}],
    } | changes
    return {name: value for name, value in whole.items() if value is not ...}


def function(**changes: object) -> list[object]:
    return [{"type": "function", "function": {**FUNCTION, **changes}}]


def call_of(**changes: object) -> dict[str, object]:
    return {**CALL, "function": {**CALL["function"], **changes}}  # type: ignore[dict-item]


def request(
    value: object,
    headers: tuple[tuple[str, str], ...] = HEADERS,
    target: str = "/v1/chat/completions",
    method: str = "POST",
) -> Request:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Request(1, method, target, headers, data)


def ask(asked: Request, plan: Plan = FINE, dialect: Dialect = OPENAI) -> tuple[Reply, list[Refusal]]:
    refusals: list[Refusal] = []
    reply = chat(plan, refusals, dialect)(asked)
    assert isinstance(reply, Reply)
    return reply, refusals


GOOD: Mapping[str, object] = {
    "tools in use": body(),
    "plain text": body(messages=[HELLO], tools=...),
    "parts": body(messages=[user({"type": "text", "text": "see"}, PIXEL)]),
    "a file": body(
        messages=[
            user({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}})
        ]
    ),
    "tool content as parts": body(
        messages=[HELLO, calling(CALL), {**RESULT, "content": [{"type": "text", "text": "a"}]}]
    ),
    "parallel calls answered in another order": body(
        messages=[HELLO, calling(CALL, {**CALL, "id": "call_2"}), {**RESULT, "tool_call_id": "call_2"}, RESULT]
    ),
    "system in the middle": body(messages=[HELLO, {"role": "system", "content": "Mind the gap."}]),
    "forced tool": body(tool_choice={"type": "function", "function": {"name": "read"}}),
    "stream with usage": body(stream=True, stream_options={"include_usage": True}),
    "strict": body(
        tools=function(strict=True, parameters={**SCHEMA, "additionalProperties": False, "required": ["path"]})
    ),
    "a custom tool": body(
        messages=[HELLO, calling(CUSTOM_CALL), RESULT], tools=[*function(), CUSTOM], tool_choice=CUSTOM_CHOICE
    ),
    "new name of the limit": body(model="gpt-5", max_completion_tokens=5),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_request_is_answered(name: str) -> None:
    reply, refusals = ask(request(GOOD[name]))

    assert refusals == []
    assert reply.status == 200


def messages_of(*messages: object) -> Request:
    return request(body(messages=list(messages)))


BAD: Mapping[str, list[Request]] = {
    "known_path": [request(body(), target="/v1/v1/chat/completions"), request(body(), target="/v1/messages")],
    "post": [request(b"", method="GET")],
    "body_is_json": [request(b'{"model": '), request([1])],
    "bearer_key": [request(body(), HEADERS[1:]), request(body(), (("x-api-key", "k"), HEADERS[1]))],
    "body_is_declared_json": [request(body(), HEADERS[:1])],
    "known_fields": [
        request(body(**{name: value}))
        for name, value in {
            "system": "x",
            "thinking": {"type": "adaptive"},
            "stop_sequences": [],
            "top_k": 5,
            "context_management": {},
            "output_config": {},
            "cache_control": {},
            "max_output_tokens": 5,
        }.items()
    ],
    "model_is_named": [request(body(model=...)), request(body(model=None))],
    "there_are_messages": [request(body(messages=value)) for value in (..., [], "hi", ["hi"])],
    "known_roles": [messages_of({"role": "model", "content": "x"}), messages_of({"content": "x"})],
    "known_message_fields": [
        messages_of({**HELLO, "cache_control": {"type": "ephemeral"}}),
        messages_of(HELLO, calling(CALL, reasoning_content="hm"), RESULT),
        messages_of(HELLO, calling(CALL), {**RESULT, "is_error": True}),
    ],
    "content_is_there": [
        messages_of({"role": "user"}),
        messages_of({"role": "user", "content": None}),
        messages_of({"role": "user", "content": []}),
        messages_of({"role": "user", "content": {"text": "x"}}),
        messages_of(HELLO, {"role": "assistant", "content": None}),
        messages_of(HELLO, calling(CALL), {**RESULT, "content": None}),
    ],
    "known_parts": [
        messages_of(user({"type": "image", "source": {}})),
        messages_of(user({"type": "tool_result", "tool_use_id": "x"})),
        messages_of(HELLO, calling(CALL), {**RESULT, "content": [PIXEL]}),
        messages_of({"role": "system", "content": [PIXEL]}),
        messages_of(HELLO, {"role": "assistant", "content": [PIXEL]}),
    ],
    "known_part_fields": [messages_of(user({"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}))],
    "parts_are_well_formed": [
        messages_of(user({"type": "text"})),
        messages_of(user({"type": "image_url", "image_url": {"url": "iVBORw0KGgo="}})),
        messages_of(user({"type": "image_url", "image_url": {"url": "data:image/bmp;base64,AAAA"}})),
        messages_of(user({"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERg=="}})),
        messages_of(user({"type": "file", "file": {"filename": "a.pdf", "file_data": "JVBERg=="}})),
    ],
    "names_are_plain": [messages_of({**HELLO, "name": "two words"})],
    "calls_are_not_an_empty_list": [messages_of(HELLO, {"role": "assistant", "content": "x", "tool_calls": []})],
    "calls_are_well_formed": [
        messages_of(HELLO, calling(call), {**RESULT, "tool_call_id": call.get("id", "")})
        for call in (
            {**CALL, "id": "c" * 65},
            {**CALL, "type": "tool_use"},
            {**CALL, "index": 0},
            call_of(name="mcp.read"),
            call_of(name="r" * 65),
            call_of(input={}),
            {**CUSTOM_CALL, "custom": {"name": "patch", "arguments": "{}"}},
        )
    ],
    "arguments_are_a_json_object": [
        messages_of(HELLO, calling(call_of(arguments=value)), RESULT)
        for value in ({"path": "a"}, "", "[]", '{"path":', None)
    ],
    "call_ids_are_unique_in_a_message": [messages_of(HELLO, calling(CALL, CALL), RESULT)],
    "tool_message_follows_its_call": [
        messages_of(HELLO, RESULT),
        messages_of(HELLO, calling(CALL), RESULT, HELLO, RESULT),
        messages_of(HELLO, calling(CALL), RESULT, RESULT),
        messages_of(
            HELLO, calling(CALL, {**CALL, "id": "call_2"}), RESULT, HELLO, {**RESULT, "tool_call_id": "call_2"}
        ),
    ],
    "every_call_is_answered": [
        messages_of(HELLO, calling(CALL)),
        messages_of(HELLO, calling(CALL), HELLO),
        messages_of(HELLO, calling(CALL, {**CALL, "id": "call_2"}), RESULT, HELLO),
    ],
    "somebody_else_than_system_speaks": [messages_of({"role": "system", "content": "x"})],
    "tools_are_not_an_empty_list": [request(body(tools=[])), request(body(tools=None))],
    "tools_are_well_formed": [
        request(body(tools=value))
        for value in (
            [FUNCTION],
            [{"type": "function", **FUNCTION}],
            [{"type": "custom", "function": FUNCTION}],
            [{"type": "custom", "custom": {"name": "patch", "format": {"type": "grammar", "syntax": "lark"}}}],
            [{"type": "custom", "custom": {"name": "patch", "parameters": {}}}],
            [{"type": "function", "function": FUNCTION, "cache_control": {}}],
            function(name="r" * 65),
            function(name="a.b"),
            function(description=None),
            function(input_schema=SCHEMA),
        )
    ],
    "parameters_are_a_schema": [
        request(body(tools=function(parameters=value)))
        for value in (None, {}, {"type": "string"}, {"type": "object", "properties": {"a": {"type": "array"}}})
    ],
    "strict_schema_is_strict": [
        request(body(tools=function(strict=True))),
        request(body(tools=function(strict=True, parameters={**SCHEMA, "additionalProperties": False}))),
    ],
    "tool_names_are_unique": [request(body(tools=function() * 2))],
    "tool_choice_can_be_met": [
        request(body(tools=..., tool_choice="auto")),
        request(body(tool_choice="any")),
        request(body(tool_choice={"type": "auto"})),
        request(body(tool_choice={"type": "function", "function": {"name": "write"}})),
    ],
    "parallel_tool_calls_needs_tools": [
        request(body(tools=..., parallel_tool_calls=False)),
        request(body(parallel_tool_calls="no")),
    ],
    "limits_are_counts": [request(body(max_tokens=value)) for value in ("5", 5.0, 0, True, None)]
    + [request(body(n=0))],
    "one_limit_of_the_right_name": [
        request(body(max_tokens=5, max_completion_tokens=5)),
        request(body(model="gpt-5", max_tokens=5)),
        request(body(model="o3-mini", max_tokens=5)),
    ],
    "sampling_is_in_range": [
        request(body(temperature=3)),
        request(body(top_p="1")),
        request(body(model="gpt-5", temperature=0)),
    ],
    "stop_is_short": [request(body(stop=list("abcde"))), request(body(stop=[""])), request(body(stop=5))],
    "stream_is_a_switch": [
        request(body(stream="true")),
        request(body(stream_options={"include_usage": True})),
        request(body(stream=True, stream_options={"usage": True})),
    ],
    "effort_is_known": [request(body(reasoning_effort="max"))],
    "response_format_is_known": [
        request(body(response_format=value))
        for value in (
            {"type": "json"},
            {"type": "json_schema", "json_schema": {"schema": SCHEMA}},
            {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA, "strict": True}},
        )
    ],
    "labels_are_short": [
        request(body(user="u" * 65)),
        request(body(metadata={"a": 1})),
        request(body(prompt_cache_key="")),
    ],
}
BAD_IN_DIALECT: Mapping[str, tuple[Dialect, list[Request]]] = {
    "system_stands_first": (TEMPLATED, [messages_of(HELLO, {"role": "system", "content": "x"})]),
    "tool_content_form": (
        DEEPSEEK,
        [
            messages_of(
                HELLO, calling(CALL, reasoning_content=""), {**RESULT, "content": [{"type": "text", "text": "a"}]}
            )
        ],
    ),
    "thinking_comes_back_with_its_calls": (DEEPSEEK, [messages_of(HELLO, calling(CALL), RESULT)]),
    "one_limit_of_the_right_name": (DEEPSEEK, [request(body(messages=[HELLO], max_completion_tokens=5))]),
    "bearer_key": (DEEPSEEK, [request(body(), HEADERS[1:])]),
    "tools_are_well_formed": (DEEPSEEK, [request(body(messages=[HELLO], tools=[CUSTOM]))]),
    "calls_are_well_formed": (TEMPLATED, [messages_of(HELLO, calling(CUSTOM_CALL), RESULT)]),
}
CASES = [(rule, OPENAI, asked) for rule, requests in BAD.items() for asked in requests] + [
    (rule, dialect, asked) for rule, (dialect, requests) in BAD_IN_DIALECT.items() for asked in requests
]


@pytest.mark.parametrize(("rule", "dialect", "asked"), CASES)
def test_broken_rule_is_the_reason_for_refusal(rule: str, dialect: Dialect, asked: Request) -> None:
    reply, refusals = ask(asked, dialect=dialect)

    assert [refusal.rule for refusal in refusals] == [rule]
    assert isinstance(reply.body, bytes)
    assert reply.status >= 400
    assert json.loads(reply.body)["error"]["message"] == refusals[0].message


def test_every_rule_has_a_request_that_breaks_it() -> None:
    assert {rule.name for rule in chat_rules(OPENAI)} <= {*BAD, *BAD_IN_DIALECT}


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [[]], [{}], [None]])
def test_no_rule_stumbles_over_odd_json(value: object) -> None:
    """A converter gone wrong must be told what is wrong."""
    for field in body():
        _, refusals = ask(
            request(body(**{field: value}) | {"tool_choice": value, "stop": value, "response_format": value})
        )
        assert len(refusals) <= 1


@pytest.mark.parametrize("stream", [False, True])
def test_custom_tool_is_called_with_free_text(stream: bool) -> None:
    asked = body(messages=[HELLO], tools=[CUSTOM], stream=stream)

    reply, refusals = ask(request(asked), lambda conversation: Turn(calls=(Call("patch", {"input": "a" * 30}),)))

    said = reply.body if isinstance(reply.body, bytes) else b"".join(p for p in reply.body if isinstance(p, bytes))
    assert refusals == []
    assert said.count(b'"name": "patch"') == 1
    assert said.count(b"a" * 11) == 2
    assert b"arguments" not in said


def test_dialect_takes_its_thinking_back() -> None:
    asked = body(messages=[HELLO, calling(CALL, reasoning_content="hm"), RESULT], thinking={"type": "enabled"})
    seen: list[Conversation] = []

    def plan(conversation: Conversation) -> Turn:
        seen.append(conversation)
        return Turn(text="fine")

    _, refusals = ask(request(asked), plan, DEEPSEEK)

    assert refusals == []
    assert seen[0].thoughts == ("hm",)


def test_plan_sees_calls_with_their_results() -> None:
    second = {**CALL, "id": "call_2", "function": {"name": "read", "arguments": '{"path": "b"}'}}
    seen: list[Conversation] = []

    def plan(conversation: Conversation) -> Turn:
        seen.append(conversation)
        return Turn(text="fine")

    ask(
        messages_of(HELLO, calling(CALL, second), {**RESULT, "tool_call_id": "call_2", "content": "text of b"}, RESULT),
        plan,
    )

    assert seen[0].last is not None
    assert [(result.call.arguments, result.text) for result in seen[0].last.results] == [
        ({"path": "a"}, "text of a"),
        ({"path": "b"}, "text of b"),
    ]


def test_its_own_turn_may_be_sent_back() -> None:
    reply, _ = ask(
        messages_of(HELLO), lambda conversation: Turn("deep", "aloud", (Call("read", {"path": "b"}),)), DEEPSEEK
    )
    assert isinstance(reply.body, bytes)
    message = json.loads(reply.body)["choices"][0]["message"]
    del message["refusal"]

    _, refusals = ask(
        messages_of(HELLO, message, {**RESULT, "tool_call_id": message["tool_calls"][0]["id"]}), dialect=DEEPSEEK
    )

    assert message["reasoning_content"] == "deep"
    assert refusals == []


def test_usage_chunk_comes_only_when_asked_for() -> None:
    asked = body(stream=True)
    with_usage, without = (
        b"".join(piece for piece in ask(request(one))[0].body if isinstance(piece, bytes))
        for one in ({**asked, "stream_options": {"include_usage": True}}, asked)
    )

    assert with_usage.count(b'"total_tokens"') == 1
    assert b"usage" not in without
    assert with_usage.endswith(b"data: [DONE]\n\n")
    assert without.endswith(b"data: [DONE]\n\n")


ENDINGS: Mapping[Ending, bytes] = {
    "length": b'"finish_reason": "length"',
    "filter": b'"finish_reason": "content_filter"',
    "overloaded": OVERLOADED.encode(),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_turn_ends_as_it_shall(ending: Ending) -> None:
    turn = Turn(text="Half of it", ending=ending)

    stream = b"".join(
        piece for piece in ask(request(body(stream=True)), lambda _: turn)[0].body if isinstance(piece, bytes)
    )
    whole, _ = ask(request(body()), lambda _: turn)

    assert ENDINGS[ending] in stream
    assert isinstance(whole.body, bytes) and ENDINGS[ending] in whole.body
    assert whole.status == (503 if ending == "overloaded" else 200)
    assert (b"[DONE]" in stream) == (ending != "overloaded")


def test_turn_can_be_cut() -> None:
    turn = Turn(text="Half of it", ending="cut")

    reply, _ = ask(request(body(stream=True)), lambda _: turn)

    assert b'finish_reason": "' not in b"".join(piece for piece in reply.body if isinstance(piece, bytes))
    assert isinstance(chat(lambda _: turn, [])(request(body())), Raw)
