"""The Responses-speaking upstream: each of its rules refuses what it is for, and what it says is good Responses."""

import json
from collections.abc import Mapping

import pytest

from tests.judges.sdk import openai_sdk
from tests.transformers.responses_wire import faults
from tests.upstreams.plan import OVERLOADED, Call, Conversation, Ending, Plan, Turn, sealed
from tests.upstreams.plans import say
from tests.upstreams.responses import responses
from tests.upstreams.responses_rules import RULES
from tests.upstreams.rules import Refusal
from tests.upstreams.server import Raw, Reply, Request

HEADERS = (("authorization", "Bearer k"), ("content-type", "application/json"))
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
CLOSED = {**SCHEMA, "additionalProperties": False, "required": ["path"]}
FUNCTION = {"type": "function", "name": "read", "description": "Reads", "parameters": SCHEMA, "strict": False}
CUSTOM = {"type": "custom", "name": "patch", "format": {"type": "grammar", "syntax": "lark", "definition": "a"}}
GROUP = {"type": "namespace", "name": "space", "description": "More", "tools": [FUNCTION]}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "read", "arguments": '{"path": "a"}'}
RESULT = {"type": "function_call_output", "call_id": "call_1", "output": "text of a"}
CUSTOM_CALL = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_1", "name": "patch", "input": "aaa"}
CUSTOM_RESULT = {"type": "custom_tool_call_output", "call_id": "call_1", "output": "done"}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": sealed("deep")}
HELLO = {"role": "user", "content": "hello"}
PIXEL = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "auto"}
PAPER = {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}
STEM = "0123456789abcdef01234567"

FINE = say("fine")


def user(*parts: object) -> dict[str, object]:
    return {"type": "message", "role": "user", "content": list(parts)}


def assistant(*parts: object, **more: object) -> dict[str, object]:
    return {"type": "message", "role": "assistant", "content": list(parts), **more}


def body(**changes: object) -> dict[str, object]:
    """A good request with tools in use, changed; a change to `...` takes the field away."""
    whole: dict[str, object] = {
        "model": "gpt-5.5",
        "instructions": "You are a test.",
        "input": [HELLO, REASONING, CALL, RESULT],
        "tools": [FUNCTION],
        "store": False,
    } | changes
    return {name: value for name, value in whole.items() if value is not ...}


def request(
    value: object,
    headers: tuple[tuple[str, str], ...] = HEADERS,
    target: str = "/v1/responses",
    method: str = "POST",
) -> Request:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Request(1, method, target, headers, data)


def with_input(*items: object) -> Request:
    return request(body(input=list(items), tools=[FUNCTION, CUSTOM]))


def ask(asked: Request, plan: Plan = FINE) -> tuple[Reply, list[Refusal]]:
    refusals: list[Refusal] = []
    reply = responses(plan, refusals)(asked)
    assert isinstance(reply, Reply)
    return reply, refusals


def said(reply: Reply) -> bytes:
    if isinstance(reply.body, bytes):
        return reply.body
    return b"".join(piece for piece in reply.body if isinstance(piece, bytes))


GOOD: Mapping[str, Request] = {
    "tools in use": request(body()),
    "a string": request(body(input="hello", tools=...)),
    "parts": with_input(user({"type": "input_text", "text": "see"}, PIXEL, PAPER)),
    "files in a result": with_input(HELLO, CALL, {**RESULT, "output": [{"type": "input_text", "text": "a"}, PIXEL]}),
    "a custom tool": with_input(HELLO, CUSTOM_CALL, CUSTOM_RESULT),
    "parallel calls answered in another order": with_input(
        HELLO, CALL, {**CALL, "id": "fc_2", "call_id": "call_2"}, {**RESULT, "call_id": "call_2"}, RESULT
    ),
    "an answer before": with_input(
        HELLO, assistant({"type": "output_text", "text": "yes", "annotations": []}, id="msg_1"), HELLO
    ),
    "a developer in the middle": with_input(HELLO, {"role": "developer", "content": "Mind the gap."}),
    "reasoning and what it led to": with_input(
        HELLO, {**REASONING, "id": f"rs_{STEM}"}, {**CALL, "id": f"fc_{STEM}r0"}, RESULT
    ),
    "forced tool": request(body(tool_choice={"type": "function", "name": "read"})),
    "allowed tools": request(
        body(tool_choice={"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "read"}]})
    ),
    "a namespace": request(body(tools=[GROUP, {"type": "web_search"}])),
    "strict": request(body(tools=[{**FUNCTION, "strict": True, "parameters": CLOSED}])),
    "a format": request(body(text={"format": {"type": "json_schema", "name": "a", "schema": CLOSED, "strict": True}})),
    "thinking": request(body(reasoning={"effort": "high", "summary": "auto"}, include=["reasoning.encrypted_content"])),
    "as Codex asks": request(
        body(stream=True, prompt_cache_key="k", client_metadata={"session_id": "s"}, parallel_tool_calls=True)
    ),
    "counting": request(body(store=...), target="/v1/responses/input_tokens"),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_request_is_answered(name: str) -> None:
    reply, refusals = ask(GOOD[name])

    assert refusals == []
    assert reply.status == 200


BAD: Mapping[str, list[Request]] = {
    "known_path": [request(body(), target="/v1/v1/responses"), request(body(), target="/v1/messages")],
    "post": [request(b"", method="GET")],
    "body_is_json": [request(b'{"model": '), request([1])],
    "bearer_key": [request(body(), HEADERS[1:])],
    "body_is_declared_json": [request(body(), HEADERS[:1])],
    "known_fields": [
        *(request(body(**{name: 1})) for name in ("messages", "max_tokens", "stop", "seed", "n", "thinking", "system")),
        request(body(), target="/v1/responses/input_tokens"),
    ],
    "model_is_named": [request(body(model=...))],
    "there_is_input": [request(body(input=value)) for value in (..., "", [], ["hi"])],
    "nothing_stored_is_asked_for": [
        request(body(previous_response_id="resp_1")),
        request(body(conversation="conv_1")),
        request(body(prompt={"id": "p"})),
        with_input(HELLO, {"type": "item_reference", "id": "msg_1"}),
    ],
    "known_items": [
        with_input(HELLO, {"type": "tool_use", "id": "x"}),
        with_input(HELLO, {"content": "x"}),
    ],
    "known_roles": [with_input({"role": "tool", "content": "x"}), with_input({"role": "model", "content": "x"})],
    "known_item_fields": [
        with_input({**HELLO, "cache_control": {}}),
        with_input(HELLO, {**CALL, "input": {}}, RESULT),
        with_input(HELLO, CALL, {**RESULT, "is_error": True}),
        with_input(HELLO, {**REASONING, "signature": "x"}, CALL, RESULT),
    ],
    "item_ids_are_of_their_type": [
        with_input(HELLO, {**CALL, "id": "call_1"}, RESULT),
        with_input(HELLO, assistant({"type": "output_text", "text": "x"}, id="chatcmpl-1")),
        with_input(HELLO, {**REASONING, "id": "msg_1"}, CALL, RESULT),
        with_input(HELLO, {**CALL, "id": "fc_" + "1" * 62}, RESULT),
    ],
    "item_ids_are_unique": [with_input(HELLO, CALL, {**CALL, "call_id": "call_2"}, RESULT)],
    "content_is_there": [with_input({"role": "user", "content": value}) for value in (None, [], {"text": "x"})],
    "known_parts": [
        with_input(user({"type": "text", "text": "x"})),
        with_input(user({"type": "output_text", "text": "x"})),
        with_input(HELLO, assistant({"type": "input_text", "text": "x"})),
        with_input(HELLO, CALL, {**RESULT, "output": [{"type": "output_text", "text": "x"}]}),
    ],
    "known_part_fields": [with_input(user({"type": "input_text", "text": "x", "cache_control": {}}))],
    "parts_are_well_formed": [
        with_input(user({"type": "input_text"})),
        with_input(user({"type": "input_image", "image_url": {"url": "https://example.org/a.png"}})),
        with_input(user({"type": "input_image", "image_url": "iVBORw0KGgo="})),
        with_input(user({"type": "input_file", "file_data": PAPER["file_data"]})),
        with_input(user({**PAPER, "file_data": "JVBERg=="})),
        with_input(HELLO, assistant({"type": "refusal"})),
    ],
    "calls_are_well_formed": [
        with_input(HELLO, {**CALL, **change}, {**RESULT, "call_id": change.get("call_id", "call_1")})
        for change in (
            {"call_id": "c" * 65},
            {"call_id": ""},
            {"name": "mcp.read"},
            {"name": "r" * 65},
            {"arguments": {"path": "a"}},
            {"arguments": ""},
            {"arguments": "[1]"},
        )
    ]
    + [with_input(HELLO, {**CUSTOM_CALL, "input": {"input": "x"}}, CUSTOM_RESULT)],
    "outputs_are_there": [with_input(HELLO, CALL, {**RESULT, "output": value}) for value in (None, [], {"a": 1})],
    "outputs_follow_their_calls": [
        with_input(HELLO, RESULT),
        with_input(HELLO, CALL),
        with_input(HELLO, CALL, RESULT, RESULT),
        with_input(HELLO, CALL, CUSTOM_RESULT),
        with_input(HELLO, RESULT, CALL),
    ],
    "call_ids_are_unique": [with_input(HELLO, CALL, RESULT, {**CALL, "id": "fc_2"}, RESULT)],
    "reasoning_is_well_formed": [
        with_input(HELLO, {name: value for name, value in REASONING.items() if name != "summary"}, CALL, RESULT),
        with_input(HELLO, {**REASONING, "summary": [{"type": "text", "text": "x"}]}, CALL, RESULT),
        with_input(HELLO, {**REASONING, "content": [{"type": "summary_text", "text": "x"}]}, CALL, RESULT),
    ],
    "reasoning_was_kept_by_the_caller": [with_input(HELLO, {**REASONING, "encrypted_content": None}, CALL, RESULT)],
    "reasoning_is_our_own": [
        with_input(HELLO, {**REASONING, "encrypted_content": value}, CALL, RESULT)
        for value in ("gAAAA", sealed("deep")[:-4] + "AAAA", "gw1.ant.c2ln")
    ],
    "reasoning_is_followed_by_what_it_led_to": [
        with_input(HELLO, REASONING),
        with_input(HELLO, REASONING, HELLO),
        with_input(HELLO, CALL, REASONING, RESULT),
    ],
    "what_reasoning_led_to_has_it": [with_input(HELLO, {**CALL, "id": f"fc_{STEM}r0"}, RESULT)],
    "tools_are_well_formed": [
        request(body(tools=[tool]))
        for tool in (
            {"type": "function", "function": {"name": "read"}},
            {"name": "read", "input_schema": SCHEMA},
            {**FUNCTION, "name": None},
            {**FUNCTION, "name": "r" * 65},
            {**FUNCTION, "cache_control": {}},
            {**FUNCTION, "description": 5},
            {"type": "web_search_20250305", "name": "web_search"},
            {**GROUP, "tools": [{**FUNCTION, "name": "a.b"}]},
        )
    ],
    "formats_of_custom_tools_are_known": [
        request(body(tools=[{**CUSTOM, "format": value}]))
        for value in ({"type": "grammar", "grammar": {"syntax": "lark"}}, {"type": "grammar", "syntax": "lark"})
    ],
    "parameters_are_a_schema": [
        request(body(tools=[{**FUNCTION, "parameters": value}]))
        for value in ({}, {"type": "string"}, {"type": "object", "properties": {"a": {"type": "array"}}})
    ],
    "strict_schema_is_strict": [request(body(tools=[{**FUNCTION, "strict": True}]))],
    "tool_names_are_unique": [request(body(tools=[FUNCTION, FUNCTION]))],
    "tool_choice_can_be_met": [
        request(body(tools=..., tool_choice="required")),
        request(body(tool_choice="any")),
        request(body(tool_choice={"type": "function", "name": "write"})),
        request(body(tool_choice={"type": "function", "function": {"name": "read"}})),
        request(body(tool_choice={"type": "allowed_tools", "tools": [{"type": "function", "name": "read"}]})),
    ],
    "limits_are_counts": [
        *(request(body(max_output_tokens=value)) for value in ("50", 15, True)),
        request(body(max_tool_calls=0)),
    ],
    "sampling_is_in_range": [
        request(body(model="gpt-4.1", temperature=3)),
        request(body(temperature=0)),
        request(body(top_p=0.9)),
    ],
    "reasoning_can_be_asked_for": [
        request(body(reasoning={"effort": "huge"})),
        request(body(reasoning={"budget_tokens": 5})),
        request(body(reasoning={"effort": "low", "summary": "long"})),
        request(body(model="gpt-4.1", reasoning={"effort": "high"})),
        request(body(model="gpt-4.1", reasoning={"summary": "auto"})),
    ],
    "includes_are_known": [
        request(body(include="reasoning.encrypted_content")),
        request(body(include=["everything"])),
        request(body(model="gpt-4.1", include=["reasoning.encrypted_content"])),
    ],
    "switches_are_booleans": [
        request(body(stream="true")),
        request(body(stream=True, stream_options={"include_usage": True})),
        request(body(stream_options={"include_obfuscation": False})),
    ],
    "text_format_is_known": [
        request(body(text={"format": value}))
        for value in (
            {"type": "json"},
            {"type": "json_schema", "schema": SCHEMA},
            {"type": "json_schema", "name": "a", "json_schema": {"schema": SCHEMA}},
            {"type": "json_schema", "name": "a", "schema": SCHEMA},
        )
    ]
    + [request(body(text={"verbosity": "some"})), request(body(text={"type": "text"}))],
    "labels_are_short": [request(body(user="u" * 65)), request(body(metadata={"a": 1}))],
}


@pytest.mark.parametrize(("rule", "asked"), [(rule, asked) for rule, requests in BAD.items() for asked in requests])
def test_broken_rule_is_the_reason_for_refusal(rule: str, asked: Request) -> None:
    reply, refusals = ask(asked)

    assert [refusal.rule for refusal in refusals] == [rule]
    assert reply.status >= 400
    assert json.loads(said(reply))["error"]["message"] == refusals[0].message


def test_every_rule_has_a_request_that_breaks_it() -> None:
    assert {rule.name for rule in RULES} <= {*BAD}


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [[]], [{}], [None], [{"type": "function_call"}]])
def test_no_rule_stumbles_over_odd_json(value: object) -> None:
    """A converter gone wrong must be told what is wrong."""
    odd = {"tool_choice": value, "reasoning": value, "text": value, "include": value}
    for field in body():
        _, refusals = ask(request(body(**{field: value}) | odd))
        assert len(refusals) <= 1


TURNS = {
    "all": Turn("It thinks so.", "It speaks: ü 北京.", (Call("read", {"path": "b"}), Call("patch", {"input": "a\nb"}))),
    "text": Turn(text="Just words."),
    "no arguments": Turn(calls=(Call("read", {}),)),
    "length": Turn(text="It goes on and", ending="length"),
    "filter": Turn(text="This is", ending="filter"),
}
ALL = body(
    input=[HELLO],
    tools=[FUNCTION, CUSTOM],
    reasoning={"effort": "high", "summary": "auto"},
    include=["reasoning.encrypted_content"],
)


@pytest.mark.parametrize("name", TURNS)
def test_stream_says_what_the_whole_answer_says_and_the_sdk_reads_it(name: str) -> None:
    turn = TURNS[name]
    whole = json.loads(said(ask(request(ALL), lambda _: turn)[0]))
    stream = said(ask(request({**ALL, "stream": True}), lambda _: turn)[0])

    with openai_sdk(stream, "text/event-stream").responses.stream(model="m", input="hi") as events:
        *_, last = events

    assert faults(stream) == []
    assert last.type == ("response.incomplete" if turn.ending in ("length", "filter") else "response.completed")
    assert [item.type for item in last.response.output] == [item["type"] for item in whole["output"]]
    assert last.response.usage.to_dict() == whole["usage"]
    assert whole["status"] == last.response.status


@pytest.mark.parametrize("ending", ["overloaded", "cut"])
def test_stream_that_breaks_was_begun_and_has_no_proper_end(ending: Ending) -> None:
    turn = Turn(text="Half of it", ending=ending)

    stream = said(ask(request({**ALL, "stream": True}), lambda _: turn)[0])

    assert b"Half of it" in stream
    assert b"response.completed" not in stream
    assert (b"response.failed" in stream and OVERLOADED.encode() in stream) == (ending == "overloaded")


def test_overload_before_the_answer_is_a_status() -> None:
    for streams in (False, True):
        reply, _ = ask(request({**ALL, "stream": streams}), lambda _: Turn(ending="overloaded"))
        assert reply.status == 503
        assert json.loads(said(reply))["error"]["message"] == OVERLOADED


def test_whole_answer_can_be_cut() -> None:
    reply = responses(lambda _: Turn(text="Half of it", ending="cut"), [])(request(ALL))

    assert isinstance(reply, Raw)


def seen_by_plan(asked: Request) -> Conversation:
    seen: list[Conversation] = []

    def plan(conversation: Conversation) -> Turn:
        seen.append(conversation)
        return Turn(text="fine")

    assert ask(asked, plan)[1] == []
    return seen[0]


def test_its_own_turn_may_be_sent_back_and_is_remembered() -> None:
    first = json.loads(said(ask(request(ALL), lambda _: TURNS["all"])[0]))
    results = [
        {"type": f"{item['type']}_output", "call_id": item["call_id"], "output": "done"}
        for item in first["output"]
        if item["type"] in ("function_call", "custom_tool_call")
    ]

    seen = seen_by_plan(request({**ALL, "input": [HELLO, *first["output"], *results]}))

    assert seen.thoughts == ("It thinks so.",)
    assert seen.answers == ("It speaks: ü 北京.",)
    assert seen.last is not None
    assert [result.call for result in seen.last.results] == list(TURNS["all"].calls)


def test_plan_sees_all_that_was_said() -> None:
    second = {**CALL, "id": "fc_2", "call_id": "call_2", "arguments": '{"path": "b"}'}
    seen = seen_by_plan(
        with_input(
            {"role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]},
            HELLO,
            CALL,
            second,
            {**RESULT, "call_id": "call_2", "output": [{"type": "input_text", "text": "text of b"}, PIXEL]},
            RESULT,
            {"role": "user", "content": "and?"},
        )
    )

    assert seen.system == "You are a test.\nBe brief."
    assert seen.tools == ("read", "patch")
    assert seen.said == ("hello", "and?")
    assert seen.last is not None
    assert [(result.call.arguments, result.text, result.images) for result in seen.last.results] == [
        ({"path": "a"}, "text of a", 0),
        ({"path": "b"}, "text of b", 1),
    ]


def test_thinking_is_shown_and_sealed_only_for_who_asks() -> None:
    bare = json.loads(said(ask(request(body(input=[HELLO])), lambda _: TURNS["all"])[0]))
    full = json.loads(said(ask(request(ALL), lambda _: TURNS["all"])[0]))

    assert bare["output"][0]["summary"] == []
    assert "encrypted_content" not in bare["output"][0]
    assert full["output"][0]["summary"] == [{"type": "summary_text", "text": "It thinks so."}]
    assert full["output"][0]["encrypted_content"] == sealed("It thinks so.")
