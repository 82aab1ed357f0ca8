"""Whole Response objects and errors, read and written."""

import json

import pytest
from hypothesis import given, strategies as st
from openai.types.responses import Response as OpenAiResponse

from axonhub.transformers.dialects import RESPONSES
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.parts import Hosted, Native, Refusal, Signature, Text, Thinking, ToolCall
from axonhub.transformers.hub.requests import ToolReference
from axonhub.transformers.hub.responses import Response, StopReason
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.protocol import Undo, Unreadable
from axonhub.transformers.protocols.openai_responses import PROTOCOL
from tests.transformers.responses_wire import KNOWN_USAGE, USAGE, reply
from tests.transformers.test_openai_responses_stream_reading import json_values, odd_items

WHOLE = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "gpt-5",
    "service_tier": "flex",
    "output": [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
            "encrypted_content": "gAAA",
        },
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Hi", "annotations": []}, {"type": "refusal", "refusal": "No"}],
        },
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "n__ls", "arguments": '{"a": 1}'},
        {"type": "function_call", "id": "fc_2", "call_id": "call_2", "name": "patch", "arguments": '{"input": "x"}'},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "cats"}},
    ],
    "usage": USAGE,
}


def read(body: dict, undo: Undo | None = None) -> Response | Failure:
    return PROTOCOL.read_response(body, RESPONSES, undo or Undo())


def test_a_whole_response_is_read():
    undo = Undo({"n__ls": ToolReference("ls", "n"), "patch": ToolReference("patch", kind="freeform")})

    assert read(WHOLE, undo) == Response(
        parts=(
            Thinking("a\n\nb", Signature("gAAA", "oai"), item_id="rs_1"),
            Text("Hi"),
            Refusal("No"),
            ToolCall("call_1", "ls", '{"a": 1}', namespace="n", item_id="fc_1"),
            ToolCall("call_2", "patch", "x", "freeform", item_id="fc_2"),
            Hosted("web_search_call", Native("openai/responses", WHOLE["output"][4]), "[web search: cats]"),
        ),
        stop=StopReason.TOOL,
        usage=KNOWN_USAGE,
        id="resp_1",
        model="gpt-5",
        extensions={"openai/responses": {"service_tier": "flex"}},
    )


@pytest.mark.parametrize(
    ("members", "stop"),
    [
        ({}, StopReason.END),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, StopReason.LENGTH),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, StopReason.FILTER),
        ({"status": "incomplete", "incomplete_details": None}, StopReason.LENGTH),
    ],
)
def test_why_it_stopped(members, stop):
    assert read({"output": []} | members).stop is stop


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"status": "failed", "error": {"code": "server_error", "message": "x"}}, FailureKind.SERVER),
        (
            {"status": "failed", "error": {"code": "context_length_exceeded", "message": "x"}},
            FailureKind.CONTEXT_LENGTH,
        ),
        ({"error": {"message": "insufficient", "code": "insufficient_quota"}}, FailureKind.QUOTA),
        ({"status": "cancelled", "output": []}, FailureKind.SERVER),
    ],
)
def test_an_error_in_a_200_is_a_failure(body, kind):
    failure = read(body)

    assert isinstance(failure, Failure)
    assert failure.kind is kind


@pytest.mark.parametrize("body", [{}, {"output": None}, {"output": "x"}, {"choices": []}])
def test_what_is_no_response_is_unreadable(body):
    with pytest.raises(Unreadable):
        read(body)


@given(st.lists(odd_items | json_values, max_size=4), json_values)
def test_odd_items_never_make_the_reader_raise(output, usage):
    response = read({"output": output, "usage": usage})

    assert isinstance(response, Response)
    assert json.dumps(PROTOCOL.write_response(response, reply()))


def test_a_written_response_has_every_member_and_passes_openais_own_types():
    body = PROTOCOL.write_response(read(WHOLE), reply())

    OpenAiResponse.model_validate(body)
    assert set(body) >= set(
        "id object created_at completed_at status incomplete_details model previous_response_id instructions output "
        "error tools tool_choice truncation parallel_tool_calls text top_p presence_penalty frequency_penalty usage "
        "top_logprobs temperature reasoning max_output_tokens max_tool_calls store background service_tier metadata "
        "safety_identifier prompt_cache_key".split()
    )
    assert (body["usage"], body["status"], body["service_tier"]) == (USAGE, "completed", "flex")
    message = next(item for item in body["output"] if item["type"] == "message")
    assert message["content"][0] == {"type": "output_text", "annotations": [], "logprobs": [], "text": "Hi"}


def test_an_answer_without_content_has_no_output():
    body = PROTOCOL.write_response(Response((Text(""), Thinking("")), StopReason.END), reply())

    assert (body["output"], body["usage"]) == ([], None)


def test_case_159_and_160_cached_tokens_stand_inside_the_prompt_here():
    assert read({"output": [], "usage": USAGE}).usage == Usage(10, 4, 2, None, 9, 3)
    told = PROTOCOL.write_response(Response((), StopReason.END, Usage(7, 9000, 600, 400, 20, None)), reply())["usage"]
    assert told["input_tokens"] == 10007
    assert told["input_tokens_details"] == {"cached_tokens": 9000, "cache_write_tokens": 1000}
    assert told["total_tokens"] == 10027


def test_case_161_more_cached_than_prompt_is_never_negative():
    usage = {"input_tokens": 5, "input_tokens_details": {"cached_tokens": 9}, "output_tokens": 1}

    assert read({"output": [], "usage": usage}).usage == Usage(5, 9, None, None, 1, None)


# -- failures


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"message": "x", "type": "invalid_request_error", "code": None}}, FailureKind.INVALID_REQUEST),
        (400, {"error": {"message": "x", "code": "context_length_exceeded"}}, FailureKind.CONTEXT_LENGTH),
        (
            400,
            {"error": {"message": "Your input exceeds the context window of this model."}},
            FailureKind.CONTEXT_LENGTH,
        ),
        (401, {"error": {"message": "x", "code": "invalid_api_key"}}, FailureKind.AUTHENTICATION),
        (429, {"error": {"message": "x", "code": "rate_limit_exceeded"}}, FailureKind.RATE_LIMIT),
        (
            429,
            {"error": {"message": "x", "type": "insufficient_quota", "code": "insufficient_quota"}},
            FailureKind.QUOTA,
        ),
        (429, {"error": {"message": "x", "type": "usage_limit_reached"}}, FailureKind.QUOTA),
        (404, {"error": {"message": "x", "code": "model_not_found"}}, FailureKind.NOT_FOUND),
        (500, {"error": {"message": "context window", "type": "server_error"}}, FailureKind.SERVER),
        (503, {"detail": "busy"}, FailureKind.OVERLOADED),
        (503, {"error": {"message": "x", "type": "server_error"}}, FailureKind.OVERLOADED),
        (413, {"error": {"message": "x", "type": "invalid_request_error"}}, FailureKind.TOO_LARGE),
    ],
)
def test_what_a_provider_refuses_with(status, body, kind):
    failure = PROTOCOL.read_failure(status, json.dumps(body).encode())

    assert (failure.kind, failure.status) == (kind, status)


@given(st.integers(400, 599), st.binary(max_size=100))
def test_any_bytes_are_a_failure(status, body):
    failure = PROTOCOL.read_failure(status, body)

    assert 0 < len(failure.message) <= 2000


@pytest.mark.parametrize(
    ("failure", "status", "type", "code"),
    [
        (Failure(FailureKind.INVALID_REQUEST, "x", 422), 400, "invalid_request_error", None),
        (Failure(FailureKind.CONTEXT_LENGTH, "x", 400), 400, "invalid_request_error", "context_length_exceeded"),
        (Failure(FailureKind.AUTHENTICATION, "x", 401, ours=True), 401, "invalid_request_error", "invalid_api_key"),
        (Failure(FailureKind.AUTHENTICATION, "x", 401), 502, "server_error", "server_error"),
        (Failure(FailureKind.PERMISSION, "x", 403), 502, "server_error", "server_error"),
        (Failure(FailureKind.OVERLOADED, "x", 529), 503, "server_error", "server_is_overloaded"),
        (Failure(FailureKind.QUOTA, "x", 402), 429, "insufficient_quota", "insufficient_quota"),
        (Failure(FailureKind.RATE_LIMIT, "x", 429, "tokens"), 429, "rate_limit_error", "rate_limit_exceeded"),
        (Failure(FailureKind.SERVER, "x", 502), 502, "server_error", "server_error"),
        (Failure(FailureKind.NETWORK, "x"), 502, "server_error", "server_error"),
        (Failure(FailureKind.NOT_FOUND, "x", 404, "404"), 404, "not_found_error", "model_not_found"),
    ],
)
def test_what_a_client_is_told(failure, status, type, code):
    told, body = PROTOCOL.write_failure(failure)

    assert told == status
    assert body == {"error": {"message": "x", "type": type, "param": None, "code": code}}


def test_a_stored_response_that_nobody_has_is_told_by_the_code_that_clients_know():
    failure = Failure(FailureKind.INVALID_REQUEST, "x", param="previous_response_id", ours=True)
    _, body = PROTOCOL.write_failure(failure)

    assert (body["error"]["code"], body["error"]["param"]) == ("previous_response_not_found", "previous_response_id")
