"""Whole chat completions both ways, usage, failures and skimming. Cases: the hard cases' numbers."""

import json

import orjson
import pytest

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.dialects import COMPATIBLE, OPENAI, OPENROUTER
from axonhub.transformers.hub.events import Failed, Start, Stop, UsageTold
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.parts import Refusal, Signature, Text, Thinking, ToolCall
from axonhub.transformers.hub.requests import Request, ToolReference
from axonhub.transformers.hub.responses import Response, StopReason
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.protocol import Undo
from axonhub.transformers.protocols.anthropic_messages import PROTOCOL as ANTHROPIC
from axonhub.transformers.protocols.gemini import PROTOCOL as GEMINI
from axonhub.transformers.protocols.openai_chat import PROTOCOL
from axonhub.transformers.protocols.openai_chat.usage import read_usage, write_usage
from axonhub.transformers.sse import SseEvent
from tests.judges.sdk import judge_chat_whole, openai_sdk
from tests.transformers.chat_wire import USAGE, call, chunk, finish, reply, text

ASKED = Request("asked-model", ())


def body(message=None, finish="stop", **members):
    choice = {"index": 0, "message": {"role": "assistant", "content": None} | (message or {}), "finish_reason": finish}
    return {"id": "chatcmpl-7", "object": "chat.completion", "created": 7, "model": "m", "choices": [choice]} | members


def read(body, dialect=COMPATIBLE, undo=None):
    return PROTOCOL.read_response(body, dialect, undo or Undo())


def write(*parts, stop=StopReason.END, **members):
    whole = PROTOCOL.write_response(Response(parts, stop, **members), reply(ASKED))
    judge_chat_whole(json.dumps(whole).encode())
    return whole


def function(id, name, arguments, **members):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}} | members


# -- reading


def test_everything_in_one_message():
    response = read(
        body(
            {"content": "Hi", "reasoning_content": "hm", "tool_calls": [function("a", "ls", '{"x":1}')]},
            "tool_calls",
            usage=USAGE,
        )
    )

    assert response == Response(
        (Thinking("hm"), Text("Hi"), ToolCall("a", "ls", '{"x":1}')),
        StopReason.TOOL,
        Usage(11, output_tokens=5),
        "chatcmpl-7",
        "m",
    )


def test_calls_of_a_whole_answer_are_each_their_own_whatever_their_index():
    calls = [function("a", "ls", "{}", index=0), function("b", "ls", "{}", index=0), function("", "ls", "{}")]
    response = read(body({"tool_calls": calls}, "tool_calls"))

    assert [each.id for each in response.parts][:2] == ["a", "b"]
    assert len({each.id for each in response.parts}) == 3


def test_a_missing_finish_reason_is_a_plain_end():
    assert read(body({"content": "Hi"}, None)).stop is StopReason.END
    assert read(body({"tool_calls": [function("a", "ls", "{}")]}, None)).stop is StopReason.TOOL


@pytest.mark.parametrize("content", ["", None])
def test_an_answer_that_says_nothing_is_empty(content):
    assert read(body({"content": content})).parts == ()


def test_case_107_ids_of_vendors_come_as_they_are():
    assert read(body({"tool_calls": [function("functions.Bash:0", "ls", "{}")]})).parts[0].id == "functions.Bash:0"


def test_names_are_undone():
    undo = Undo({"p": ToolReference("patch", kind="freeform"), "ns__y": ToolReference("y", "ns")})
    calls = [function("a", "p", '{"input":"*** Begin"}'), function("b", "ns__y", "{}")]

    assert read(body({"tool_calls": calls}), undo=undo).parts == (
        ToolCall("a", "patch", "*** Begin", "freeform"),
        ToolCall("b", "y", "{}", namespace="ns"),
    )


def test_refusal_and_reasoning_details():
    details = [{"type": "reasoning.encrypted", "data": "xx", "index": 0}]
    response = read(body({"refusal": "No.", "reasoning": "hm", "reasoning_details": details}), OPENROUTER)

    signature = Signature(json.dumps(details, separators=(",", ":")), "orouter")
    assert response.parts == (Thinking("hm", signature), Refusal("No."))


def test_think_tags():
    assert read(body({"content": "<think>hm</think>\nHi"}), Dialect(think_tags=True)).parts == (
        Thinking("hm"),
        Text("Hi"),
    )


@pytest.mark.parametrize(
    "broken",
    [
        {"error": {"message": "no", "code": 500}},
        {"error": "no"},
        {"object": "error", "message": "no"},
        {"base_resp": {"status_code": 1004, "status_msg": "no"}, "choices": None},
        {"detail": "x"},
        body({"content": "Hal"}, "error"),
    ],
)
def test_a_good_status_with_an_error_inside_is_a_failure(broken):
    failure = read(broken)

    assert isinstance(failure, Failure)
    assert failure.message


def test_members_that_only_chat_knows_survive_between_dialects():
    answer = read(body({"content": "Hi"}, system_fingerprint="fp", service_tier="default"))
    whole = PROTOCOL.write_response(answer, reply(ASKED))

    assert (whole["system_fingerprint"], whole["service_tier"]) == ("fp", "default")


# -- writing


def test_a_whole_answer():
    whole = write(Text("a"), Text("b"), usage=Usage(1, output_tokens=2))

    assert whole["id"] == "chatcmpl-0123456789abcdef01234567"
    assert (whole["object"], whole["created"], whole["model"]) == ("chat.completion", 7, "asked-model")
    assert whole["choices"][0]["message"]["content"] == "ab"
    assert whole["choices"][0]["finish_reason"] == "stop"
    assert write(Text("a"), id="chatcmpl-x")["id"] == "chatcmpl-x"
    assert write(Text("a"), id="msg_x")["id"] == "chatcmpl-0123456789abcdef01234567"


def test_content_is_null_only_beside_calls():
    whole = write(ToolCall("a", "ls", ""), stop=StopReason.TOOL)

    assert whole["choices"][0]["message"]["content"] is None
    assert whole["choices"][0]["message"]["tool_calls"] == [function("a", "ls", "{}")]
    assert write()["choices"][0]["message"]["content"] == ""


def test_reading_what_was_written_gives_the_same_answer():
    parts = (Thinking("hm"), Text("Hi"), ToolCall("a", "ls", '{"x":1}'))
    response = Response(parts, StopReason.TOOL, Usage(1, 2, 3, output_tokens=4, reasoning_tokens=1), "chatcmpl-x", "m")

    again = read(PROTOCOL.write_response(response, reply(Request("m", ()))), OPENAI)
    assert again == response


def test_annotations_of_several_texts_are_placed_in_the_joined_content():
    citation = {"type": "url_citation", "url": "https://x.test", "title": "X", "start_index": 0, "end_index": 1}
    own = {"type": "url_citation", "url_citation": {"url": "https://y.test"}}
    parts = (Text("abc"), Text("d", annotations=(citation, own, {"type": "page_location"})))
    message = write(*parts)["choices"][0]["message"]

    first, second = message["annotations"]
    assert (first["url_citation"]["start_index"], first["url_citation"]["end_index"]) == (3, 4)
    assert second["url_citation"] == {"url": "https://y.test", "title": "", "start_index": 0, "end_index": 4}


# -- usage


def test_case_159_cached_tokens_are_taken_out_of_the_prompt():
    usage = read_usage({"prompt_tokens": 150000, "prompt_tokens_details": {"cached_tokens": 149900}})

    assert (usage.fresh_tokens, usage.cache_read_tokens) == (100, 149900)


def test_case_160_cached_tokens_are_put_into_the_prompt():
    told = write_usage(Usage(7, 9000, 600, 400, 5))

    assert (told["prompt_tokens"], told["total_tokens"]) == (10007, 10012)
    assert told["prompt_tokens_details"] == {"cached_tokens": 9000, "cache_write_tokens": 1000}


def test_case_161_more_cached_than_prompted_is_counted_beside_it():
    usage = read_usage({"prompt_tokens": 7, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 9000}})

    assert (usage.fresh_tokens, usage.cache_read_tokens) == (7, 9000)


def test_case_162_reasoning_is_a_share_of_the_output():
    details = {"completion_tokens_details": {"reasoning_tokens": 90}}
    usage = read_usage({"prompt_tokens": 1, "completion_tokens": 100} | details)
    gemini = {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 10, "thoughtsTokenCount": 90},
    }
    converted = PROTOCOL.write_response(GEMINI.read_response(gemini, Dialect(), Undo()), reply(ASKED))["usage"]

    assert (usage.output_tokens, usage.reasoning_tokens) == (100, 90)
    assert converted["completion_tokens"] == 100
    assert converted["completion_tokens_details"] == {"reasoning_tokens": 90}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (
            {"prompt_tokens": 10, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 6, "completion_tokens": 2},
            Usage(6, 4, output_tokens=2),
        ),
        ({"prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 6}, Usage(6, 4)),
        ({"prompt_tokens": 10.0, "completion_tokens": 2.0}, Usage(10, output_tokens=2)),
        ({"prompt_tokens": None, "completion_tokens": None, "prompt_tokens_details": None}, Usage()),
        ({"prompt_tokens": 10, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 1}, Usage(5, 4, 1)),
        ({"prompt_tokens": -3, "completion_tokens": "many"}, Usage(0)),
        (None, Usage()),
        ([], Usage()),
    ],
)
def test_case_163_figures_of_all_vendors(told, expected):
    assert read_usage(told) == expected


# -- failures


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, {"message": "bad", "type": "invalid_request_error"}, FailureKind.INVALID_REQUEST),
        (400, {"message": "too long", "code": "context_length_exceeded"}, FailureKind.CONTEXT_LENGTH),
        (400, {"message": "This model's maximum context length is 8192 tokens"}, FailureKind.CONTEXT_LENGTH),
        (
            401,
            {"message": "no", "type": "invalid_request_error", "code": "invalid_api_key"},
            FailureKind.AUTHENTICATION,
        ),
        (402, {"message": "Insufficient Balance"}, FailureKind.QUOTA),
        (403, {"message": "no"}, FailureKind.PERMISSION),
        (404, {"message": "no", "code": "model_not_found"}, FailureKind.NOT_FOUND),
        (413, {"message": "big"}, FailureKind.TOO_LARGE),
        (429, {"message": "slow", "type": "rate_limit_error"}, FailureKind.RATE_LIMIT),
        (429, {"message": "money", "type": "insufficient_quota", "code": "insufficient_quota"}, FailureKind.QUOTA),
        (429, {"message": "busy", "type": "engine_overloaded_error"}, FailureKind.OVERLOADED),
        (500, {"message": "oops", "type": "server_error"}, FailureKind.SERVER),
        (503, {"message": "busy"}, FailureKind.OVERLOADED),
        (529, {"message": "busy", "type": "overloaded_error"}, FailureKind.OVERLOADED),
    ],
)
def test_kinds_of_failures(status, error, kind):
    failure = PROTOCOL.read_failure(status, json.dumps({"error": error}).encode())

    assert (failure.kind, failure.status, failure.message) == (kind, status, error["message"])


def test_the_wait_is_read_from_the_message():
    error = {"error": {"message": "Rate limit reached. Please try again in 1.5s."}}

    assert PROTOCOL.read_failure(429, json.dumps(error).encode()).retry_after_s == 1.5


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"<html><title>Bad gateway</title></html>", b"[]", b"null"])
def test_case_166_any_body_is_a_failure_with_a_bounded_message(content):
    failure = PROTOCOL.read_failure(502, content + b" " * 9000)

    assert failure.kind is FailureKind.SERVER
    assert 0 < len(failure.message) <= 2000


@pytest.mark.parametrize(
    ("failure", "status", "type_", "code"),
    [
        (Failure(FailureKind.OVERLOADED, "busy", 529), 503, "server_error", "overloaded"),
        (Failure(FailureKind.CONTEXT_LENGTH, "long"), 400, "invalid_request_error", "context_length_exceeded"),
        (Failure(FailureKind.RATE_LIMIT, "slow", 429), 429, "rate_limit_error", "rate_limit_exceeded"),
        (Failure(FailureKind.QUOTA, "money", 402), 429, "insufficient_quota", "insufficient_quota"),
        (Failure(FailureKind.AUTHENTICATION, "no", 401), 502, "server_error", None),
        (Failure(FailureKind.PERMISSION, "no", 403), 502, "server_error", None),
        (Failure(FailureKind.AUTHENTICATION, "no", 401, ours=True), 401, "invalid_request_error", "invalid_api_key"),
        (Failure(FailureKind.SERVER, "oops", 502), 502, "server_error", None),
        (Failure(FailureKind.SERVER, "oops", 418), 500, "server_error", None),
        (Failure(FailureKind.NETWORK, "gone"), 502, "server_error", None),
        (Failure(FailureKind.INVALID_REQUEST, "bad", 422), 400, "invalid_request_error", None),
        (Failure(FailureKind.INVALID_REQUEST, "bad", 405, ours=True), 405, "invalid_request_error", None),
    ],
)
def test_case_164_165_169_statuses_and_types_that_clients_know(failure, status, type_, code):
    told_status, told = PROTOCOL.write_failure(failure)

    assert told_status == status
    assert told == {"error": {"message": failure.message, "type": type_, "param": None, "code": code}}


def test_openai_python_raises_the_failure():
    status, told = PROTOCOL.write_failure(Failure(FailureKind.RATE_LIMIT, "slow down"))
    sdk = openai_sdk(json.dumps(told).encode(), "application/json", status)

    with pytest.raises(Exception, match="slow down") as caught:
        sdk.chat.completions.create(model="m", messages=[])
    assert caught.value.code == "rate_limit_exceeded"


# -- skimming


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (chunk({"role": "assistant", "content": ""}), [Start("chatcmpl-7", "m")]),
        (text("Hi"), []),
        (text('she said "usage": {"error"} and "finish_reason":"stop"'), []),
        (call(0, "a", "ls", "{}"), []),
        (finish("tool_calls"), [Stop(StopReason.TOOL)]),
        (finish("length", usage=USAGE), [Stop(StopReason.LENGTH), UsageTold(Usage(11, output_tokens=5))]),
        (chunk(usage=USAGE), [UsageTold(Usage(11, output_tokens=5))]),
        (chunk({"content": "x"}, usage=None), []),
        (SseEvent("[DONE]"), []),
        (SseEvent("{broken"), []),
        (SseEvent('"error"'), []),
    ],
)
def test_skimming_tells_only_what_accounting_needs(event, expected):
    assert list(PROTOCOL.skim(event)) == expected


@pytest.mark.parametrize(
    "event",
    [
        SseEvent('{"error":{"message":"no"}}'),
        SseEvent('{"message":"no"}', "error"),
        SseEvent('{"object":"error","message":"no"}'),
    ],
)
def test_skimming_sees_errors(event):
    (failed,) = PROTOCOL.skim(event)

    assert isinstance(failed, Failed)
    assert failed.failure.message == "no"


# -- A → C


def test_case_147_anthropics_wish_for_single_calls():
    tool = {"name": "ls", "input_schema": {"type": "object", "properties": {}}}
    asked = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}], "tools": [tool]}
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    request = ANTHROPIC.read_request(asked | {"tool_choice": choice})

    assert PROTOCOL.write_request(request, OPENAI).body["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in PROTOCOL.write_request(ANTHROPIC.read_request(asked), OPENAI).body


def test_case_157_numbers_in_anthropics_arguments_stay_as_they_were():
    said = b'{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"ls","input":%s}]}'
    numbers = b'{"big":9223372036854775808,"whole":1,"real":1.0}'
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "x"}]}
    messages = [{"role": "user", "content": "x"}, orjson.loads(said % numbers), result]
    request = ANTHROPIC.read_request({"model": "m", "max_tokens": 9, "messages": messages})

    written = PROTOCOL.write_request(request, OPENAI).body["messages"][1]["tool_calls"][0]
    assert written["function"]["arguments"].encode() == numbers


def test_case_161_exclusive_usage_of_a_provider_is_never_negative_for_a_client():
    usage = read_usage({"prompt_tokens": 7, "completion_tokens": 1, "cached_tokens": 9000})

    assert write_usage(usage)["prompt_tokens"] == 9007


def test_endpoints():
    assert PROTOCOL.endpoint("generate", "m", True).path == "/chat/completions"
    assert PROTOCOL.endpoint("count_tokens", "m", False) is None
    assert PROTOCOL.count_request(Request("m", ()), OPENAI) is None
