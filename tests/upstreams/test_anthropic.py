"""The Anthropic-speaking upstream: each of its rules refuses what it is for, and what it says is good Anthropic."""

import json
from collections.abc import Callable, Mapping

import pytest

from tests.upstreams.anthropic import anthropic
from tests.upstreams.anthropic_rules import RULES
from tests.upstreams.plan import OVERLOADED, Call, Conversation, Ending, Turn, minted_signature
from tests.upstreams.rules import Refusal
from tests.upstreams.server import Raw, Reply, Request

HEADERS = (("x-api-key", "k"), ("anthropic-version", "2023-06-01"), ("content-type", "application/json"))
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "a"}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "text of a"}
PIXEL = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": minted_signature("hm")}


def user(*content: object) -> dict[str, object]:
    return {"role": "user", "content": list(content)}


def assistant(*content: object) -> dict[str, object]:
    return {"role": "assistant", "content": list(content)}


def text(value: str = "hello", **more: object) -> dict[str, object]:
    return {"type": "text", "text": value, **more}


def body(**changes: object) -> dict[str, object]:
    """A good request with tools in use, changed; a change to `...` takes the field away."""
    whole: dict[str, object] = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 4096,
        "system": [text("You are a test.")],
        "messages": [user(text()), assistant(THOUGHT, text("I read."), CALL), user(RESULT, text("And?"))],
        "tools": [{"name": "read", "description": "Reads", "input_schema": SCHEMA}],
    } | changes
    return {name: value for name, value in whole.items() if value is not ...}


def request(
    value: object,
    headers: tuple[tuple[str, str], ...] = HEADERS,
    target: str = "/v1/messages?beta=true",
    method: str = "POST",
) -> Request:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Request(1, method, target, headers, data)


def ask(
    asked: Request, plan: Callable[[Conversation], Turn] = lambda conversation: Turn(text="fine")
) -> tuple[Reply, list[Refusal]]:
    refusals: list[Refusal] = []
    reply = anthropic(plan, refusals)(asked)
    assert isinstance(reply, Reply)
    return reply, refusals


GOOD: Mapping[str, object] = {
    "tools in use": body(),
    "plain text": body(messages=[{"role": "user", "content": "hi"}], tools=...),
    "thinking with a budget": body(thinking={"type": "enabled", "budget_tokens": 1024}),
    "an image in a tool result": body(
        messages=[user(text()), assistant(THOUGHT, CALL), user({**RESULT, "content": [text(), PIXEL]})]
    ),
    "a failed tool": body(messages=[user(text()), assistant(CALL), user({**RESULT, "is_error": True})]),
    "four cache marks": body(system=[text("a", cache_control={"type": "ephemeral"})] * 4),
    "a hosted tool": body(tools=[{"type": "web_search_20250305", "name": "web_search"}]),
    "two user messages in a row": body(messages=[user(text()), user(text())]),
    "forced tool": body(tool_choice={"type": "tool", "name": "read"}),
    "a JSON schema for the answer": body(
        output_config={"effort": "low", "format": {"type": "json_schema", "schema": {}}}
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_request_is_answered(name: str) -> None:
    reply, refusals = ask(request(GOOD[name]))

    assert refusals == []
    assert reply.status == 200


def without(name: str) -> tuple[tuple[str, str], ...]:
    return tuple(header for header in HEADERS if header[0] != name)


LAST = [user(text()), assistant(CALL)]
BAD: Mapping[str, list[Request]] = {
    "known_path": [request(body(), target="/v1/complete")],
    "post": [request(b"", method="GET")],
    "body_is_json": [request(b'{"model": '), request([1])],
    "one_credential": [
        request(body(), without("x-api-key")),
        request(body(), (*HEADERS, ("authorization", "Bearer k"))),
        request(body(), (*without("x-api-key"), ("authorization", "Bearer "))),
    ],
    "anthropic_version_header": [request(body(), without("anthropic-version"))],
    "body_is_declared_json": [request(body(), without("content-type"))],
    "known_fields": [
        request(body(reasoning_effort="low")),
        request(body(max_completion_tokens=5)),
        request(body(), target="/v1/messages/count_tokens"),
    ],
    "beta_fields_need_their_header": [request(body(context_management={"edits": []}))],
    "model_is_named": [request(body(model=...)), request(body(model=None))],
    "max_tokens_is_given": [request(body(max_tokens=value)) for value in (..., 0, "5", 5.0, True)],
    "there_are_messages": [request(body(messages=value)) for value in (..., [], "hi", ["hi"])],
    "known_message_fields": [request(body(messages=[{**user(text()), "name": "bob"}]))],
    "known_roles": [
        request(body(messages=[user(text()), {"role": "system", "content": "x"}])),
        request(body(messages=[user(text()), {"role": "tool", "content": "x"}])),
    ],
    "user_speaks_first": [request(body(messages=[assistant(text()), user(text())]))],
    "messages_are_not_empty": [
        request(body(messages=[user(), user(text())])),
        request(body(messages=[{"role": "user"}])),
    ],
    "texts_are_not_empty": [
        request(body(messages=[user(text(""))])),
        request(body(messages=[user(text(" \n"))])),
        request(body(system=[text("")])),
        request(body(messages=[*LAST, user({**RESULT, "content": [text("")]})])),
    ],
    "final_assistant_text_has_no_trailing_space": [request(body(messages=[user(text()), assistant(text("So "))]))],
    "known_blocks": [
        request(body(messages=[user({"type": "image_url", "image_url": {"url": "x"}})])),
        request(body(messages=[user(CALL)])),
        request(body(messages=[user(text()), assistant(PIXEL)])),
    ],
    "known_block_fields": [request(body(messages=[user(text(annotations=[]))]))],
    "system_is_text": [request(body(system=[PIXEL])), request(body(system={"text": "x"}))],
    "images_can_be_read": [
        request(body(messages=[user({"type": "image", "source": {**PIXEL["source"], **change}})]))
        for change in ({"media_type": "image/bmp"}, {"data": "data:image/png;base64,AA"}, {"type": "file"})
    ],
    "tool_use_is_well_formed": [
        request(
            body(
                messages=[
                    user(text()),
                    assistant({**CALL, **change}),
                    user({**RESULT, "tool_use_id": change.get("id", "toolu_1")}),
                ]
            )
        )
        for change in ({"id": "functions.read:0"}, {"input": "{}"}, {"name": "a.b"})
    ],
    "tool_use_ids_are_unique": [request(body(messages=[*LAST, user(RESULT), assistant(CALL), user(RESULT)]))],
    "every_tool_use_is_answered_next": [
        request(body(messages=LAST)),
        request(body(messages=[*LAST, user(text())])),
        request(body(messages=[*LAST, user(text()), assistant(text()), user(RESULT)])),
    ],
    "every_tool_result_has_its_tool_use": [request(body(messages=[user(RESULT)]))],
    "one_result_for_each_tool_use": [request(body(messages=[*LAST, user(RESULT, RESULT)]))],
    "tool_results_come_first": [request(body(messages=[*LAST, user(text(), RESULT)]))],
    "tool_results_hold_content": [
        request(body(messages=[*LAST, user({**RESULT, **change})]))
        for change in (
            {"content": {"a": 1}},
            {"content": [THOUGHT]},
            {"is_error": "yes"},
            {"is_error": True, "content": [PIXEL]},
        )
    ],
    "thinking_is_as_it_was_given": [
        request(body(messages=[user(text()), assistant({**THOUGHT, "thinking": "Hm"}, text())])),
        request(body(messages=[user(text()), assistant({**THOUGHT, "signature": ""}, text())])),
    ],
    "tool_loop_keeps_its_thinking": [
        request(body(thinking={"type": "enabled", "budget_tokens": 1024}, messages=[*LAST, user(RESULT)]))
    ],
    "thinking_is_set_up": [
        request(body(thinking=value))
        for value in ({"type": "on"}, {"type": "enabled"}, {"type": "enabled", "budget_tokens": 4096}, "high")
    ],
    "thinking_goes_with_the_rest": [
        request(body(thinking={"type": "adaptive"}, **change))
        for change in ({"temperature": 0}, {"top_k": 5}, {"tool_choice": {"type": "any"}})
    ],
    "sampling_is_in_range": [request(body(temperature=1.5)), request(body(top_p=2)), request(body(top_k="5"))],
    "stop_sequences_are_texts": [request(body(stop_sequences=["\n"])), request(body(stop_sequences="END"))],
    "stream_is_a_switch": [request(body(stream="true"))],
    "metadata_holds_only_the_user": [request(body(metadata={"team": "a"})), request(body(metadata="a"))],
    "tools_are_well_formed": [
        request(body(tools=value))
        for value in (
            [{"name": "a b", "input_schema": SCHEMA}],
            [{"name": "read"}],
            [{"name": "read", "type": "function", "input_schema": SCHEMA}],
            {},
        )
    ],
    "known_tool_fields": [request(body(tools=[{"name": "read", "input_schema": SCHEMA, "parameters": {}}]))],
    "tool_names_are_unique": [request(body(tools=[{"name": "read", "input_schema": SCHEMA}] * 2))],
    "tool_choice_can_be_met": [
        request(body(tools=..., tool_choice={"type": "auto"})),
        request(body(tool_choice={"type": "required"})),
        request(body(tool_choice={"type": "tool", "name": "write"})),
    ],
    "cache_marks_are_valid": [
        request(body(system=[text("a", cache_control={"type": "ephemeral"})] * 5)),
        request(body(system=[text("a", cache_control={"type": "forever"})])),
        request(body(system=[text("a", cache_control={"type": "ephemeral", "ttl": "1d"})])),
    ],
    "output_config_is_known": [
        request(body(output_config=value))
        for value in ({"effort": "maximal"}, {"format": {"type": "json"}}, {"style": 1})
    ],
}


@pytest.mark.parametrize(("rule", "asked"), [(rule, asked) for rule, requests in BAD.items() for asked in requests])
def test_broken_rule_is_the_reason_for_refusal(rule: str, asked: Request) -> None:
    reply, refusals = ask(asked)

    assert [refusal.rule for refusal in refusals] == [rule]
    assert isinstance(reply.body, bytes)
    envelope = json.loads(reply.body)
    assert reply.status >= 400
    assert envelope["type"] == "error"
    assert envelope["error"]["message"] == refusals[0].message


def test_every_rule_has_a_request_that_breaks_it() -> None:
    assert {rule.name for rule in RULES} <= set(BAD)


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [[]], [{}], [None]])
def test_no_rule_stumbles_over_odd_json(value: object) -> None:
    """A converter gone wrong must be told what is wrong."""
    for field in body():
        _, refusals = ask(
            request(body(**{field: value}) | {"tool_choice": value, "thinking": value, "output_config": value})
        )
        assert len(refusals) <= 1


def test_mid_conversation_system_needs_its_beta() -> None:
    asked = body(messages=[user(text()), {"role": "system", "content": "Mind the gap."}])
    seen: list[Conversation] = []

    def plan(conversation: Conversation) -> Turn:
        seen.append(conversation)
        return Turn(text="fine")

    _, refusals = ask(request(asked, (*HEADERS, ("anthropic-beta", "x-1,mid-conversation-system-2026-04-07"))), plan)

    assert refusals == []
    assert seen[0].system == "You are a test.\nMind the gap."


def test_plan_sees_calls_results_and_thoughts() -> None:
    seen: list[Conversation] = []

    def plan(conversation: Conversation) -> Turn:
        seen.append(conversation)
        return Turn(text="fine")

    ask(request(body()), plan)

    (conversation,) = seen
    assert conversation.last is not None
    assert conversation.last.results[0].call == Call("read", {"path": "a"})
    assert conversation.last.results[0].text == "text of a"
    assert conversation.said == ("hello",)
    assert conversation.thoughts == ("hm",)
    assert conversation.answers == ("I read.",)
    assert conversation.tools == ("read",)


def test_tokens_are_counted_without_max_tokens() -> None:
    reply, refusals = ask(request(body(max_tokens=...), target="/v1/messages/count_tokens?beta=true"))

    assert refusals == []
    assert isinstance(reply.body, bytes)
    assert list(json.loads(reply.body)) == ["input_tokens"]


def test_its_own_turn_may_be_sent_back() -> None:
    """What it says it accepts as history: ids, signatures, block fields."""
    reply, _ = ask(request(body()), lambda conversation: Turn("deep", "aloud", (Call("read", {"path": "b"}),)))
    assert isinstance(reply.body, bytes)
    content = json.loads(reply.body)["content"]
    result = {"type": "tool_result", "tool_use_id": content[-1]["id"], "content": "ok"}

    _, refusals = ask(request(body(messages=[user(text()), assistant(*content), user(result)])))

    assert [block["type"] for block in content] == ["thinking", "text", "tool_use"]
    assert refusals == []


ENDINGS: Mapping[Ending, str] = {"length": "max_tokens", "filter": "refusal", "overloaded": OVERLOADED}


@pytest.mark.parametrize("ending", ENDINGS)
def test_turn_ends_as_it_shall(ending: Ending) -> None:
    turn = Turn(text="Half of it", ending=ending)

    stream = b"".join(
        piece for piece in ask(request(body(stream=True)), lambda _: turn)[0].body if isinstance(piece, bytes)
    )
    whole, _ = ask(request(body()), lambda _: turn)

    assert f'"{ENDINGS[ending]}"'.encode() in stream
    assert isinstance(whole.body, bytes) and f'"{ENDINGS[ending]}"'.encode() in whole.body
    assert whole.status == (529 if ending == "overloaded" else 200)
    assert (b"message_stop" in stream) == (ending != "overloaded")


def test_turn_can_be_cut() -> None:
    turn = Turn(text="Half of it", ending="cut")

    reply, _ = ask(request(body(stream=True)), lambda _: turn)

    assert b"message_delta" not in b"".join(piece for piece in reply.body if isinstance(piece, bytes))
    assert isinstance(anthropic(lambda _: turn, [])(request(body())), Raw)
