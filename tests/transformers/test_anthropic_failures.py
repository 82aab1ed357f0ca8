import json

import pytest
from hypothesis import given, strategies as st

from axonhub.transformers.hub.failures import STATUS, Failure, FailureKind
from axonhub.transformers.protocols.anthropic_messages import PROTOCOL
from axonhub.transformers.protocols.openai_chat import PROTOCOL as CHAT


def error(kind, message="broke"):
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}).encode()


def sent(failure):
    status, body = PROTOCOL.write_failure(failure)
    return status, body["error"]["type"], body["error"]["message"]


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (400, "invalid_request_error", FailureKind.INVALID_REQUEST),
        (401, "authentication_error", FailureKind.AUTHENTICATION),
        (402, "billing_error", FailureKind.QUOTA),
        (403, "permission_error", FailureKind.PERMISSION),
        (404, "not_found_error", FailureKind.NOT_FOUND),
        (409, "conflict_error", FailureKind.CONFLICT),
        (413, "request_too_large", FailureKind.TOO_LARGE),
        (429, "rate_limit_error", FailureKind.RATE_LIMIT),
        (500, "api_error", FailureKind.SERVER),
        (500, "overloaded_error", FailureKind.OVERLOADED),
        (502, "", FailureKind.SERVER),
        (503, "", FailureKind.OVERLOADED),
        (504, "timeout_error", FailureKind.TIMEOUT),
        (529, "overloaded_error", FailureKind.OVERLOADED),
        (400, "billing_error", FailureKind.QUOTA),
        (429, "invalid_request_error", FailureKind.RATE_LIMIT),
        (418, "api_error", FailureKind.INVALID_REQUEST),
    ],
)
def test_status_and_type_tell_the_kind(status, kind, expected):
    failure = PROTOCOL.read_failure(status, error(kind))

    assert (failure.kind, failure.message, failure.status) == (expected, "broke", status)


def test_a_success_with_an_error_in_it_has_no_status():
    failure = PROTOCOL.read_failure(200, error("overloaded_error"))

    assert (failure.kind, failure.status) == (FailureKind.OVERLOADED, None)
    assert PROTOCOL.read_failure(200, b"{}").kind is FailureKind.SERVER


def test_an_empty_credit_is_a_matter_of_quota_whatever_its_status():
    low = error("invalid_request_error", "Your credit balance is too low to access the API.")

    assert PROTOCOL.read_failure(400, low).kind is FailureKind.QUOTA


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Failure(FailureKind.INVALID_REQUEST, "m", 422), (400, "invalid_request_error", "m")),
        (Failure(FailureKind.TOO_LARGE, "m", 413), (413, "invalid_request_error", "m")),
        (Failure(FailureKind.NOT_FOUND, "m", 404), (404, "not_found_error", "m")),
        (Failure(FailureKind.CONFLICT, "m", 409), (409, "conflict_error", "m")),
        (Failure(FailureKind.RATE_LIMIT, "m", 429), (429, "rate_limit_error", "m")),
        (Failure(FailureKind.QUOTA, "m", 429), (402, "billing_error", "m")),
        (Failure(FailureKind.TIMEOUT, "m", 408), (504, "timeout_error", "m")),
        (Failure(FailureKind.SERVER, "m", 500), (500, "api_error", "m")),
        (Failure(FailureKind.SERVER, "m", 502), (502, "api_error", "m")),
        (Failure(FailureKind.SERVER, "m"), (500, "api_error", "m")),
        (Failure(FailureKind.SERVER, "m", 200), (500, "api_error", "m")),
        (Failure(FailureKind.NETWORK, "m"), (502, "api_error", "m")),
    ],
)
def test_what_a_client_is_told_of_a_providers_failure(failure, expected):
    assert sent(failure) == expected


@pytest.mark.parametrize("status", [503, 529, None])
def test_case_164_an_overloaded_provider_is_529_to_the_client(status):
    assert sent(Failure(FailureKind.OVERLOADED, "busy", status)) == (529, "overloaded_error", "busy")


@pytest.mark.parametrize(("status", "kind"), [(401, FailureKind.AUTHENTICATION), (403, FailureKind.PERMISSION)])
def test_case_165_a_refused_key_of_the_gateway_is_502_and_not_in_the_text(status, kind):
    refused = error("authentication_error", "invalid x-api-key sk-ant-api03-abcdefghijklmnop")
    failure = PROTOCOL.read_failure(status, refused)

    assert failure.kind is kind
    told = sent(failure)
    assert told[:2] == (502, "api_error")
    assert "invalid x-api-key" in told[2]
    assert "abcdefghijklmnop" not in told[2]


@pytest.mark.parametrize(
    ("kind", "status", "name"),
    [
        (FailureKind.AUTHENTICATION, 401, "authentication_error"),
        (FailureKind.PERMISSION, 403, "permission_error"),
        (FailureKind.INVALID_REQUEST, 405, "invalid_request_error"),
        (FailureKind.TOO_LARGE, 431, "invalid_request_error"),
        (FailureKind.RATE_LIMIT, 429, "rate_limit_error"),
        (FailureKind.QUOTA, 429, "rate_limit_error"),
        (FailureKind.OVERLOADED, 503, "overloaded_error"),
    ],
)
def test_the_gateways_own_refusals_keep_their_status(kind, status, name):
    assert sent(Failure(kind, "m", status, ours=True)) == (status, name, "m")


@pytest.mark.parametrize(
    "body", [b"<html><title>502 Bad Gateway</title>" + b"x" * 9000, b"", b"\xff\xfe", b"[]", b"{}"]
)
def test_case_166_any_body_makes_a_valid_bounded_envelope(body):
    status, envelope = PROTOCOL.write_failure(PROTOCOL.read_failure(502, body), "req_9")

    assert status == 502
    assert envelope["type"] == "error"
    assert envelope["request_id"] == "req_9"
    assert 0 < len(envelope["error"]["message"]) <= 2000


def test_case_168_the_innermost_message_is_told_once():
    inner = json.dumps({"error": {"message": "model is busy", "type": "overloaded_error"}})
    failure = PROTOCOL.read_failure(500, error("api_error", f"upstream said: {inner}"))

    assert failure.message == "model is busy"


def test_case_169_a_context_overflow_says_the_words_that_clients_compact_on():
    told = {
        "message": "This model's maximum context length is 128000 tokens. However, your messages resulted in "
        "130,512 tokens. Please reduce the length of the messages.",
        "type": "invalid_request_error",
        "code": "context_length_exceeded",
    }
    status, kind, message = sent(CHAT.read_failure(400, json.dumps({"error": told}).encode()))

    assert (status, kind) == (400, "invalid_request_error")
    assert message.startswith("prompt is too long: 130512 tokens > 128000 maximum (This model's")


def test_case_169_without_numbers_the_words_stand_alone():
    assert sent(Failure(FailureKind.CONTEXT_LENGTH, "too much"))[2] == "prompt is too long: too much"


def test_case_169_anthropics_own_overflow_is_the_kind_and_passes_unchanged():
    own = "prompt is too long: 210000 tokens > 200000 maximum"
    failure = PROTOCOL.read_failure(400, error("invalid_request_error", own))

    assert failure.kind is FailureKind.CONTEXT_LENGTH
    assert sent(failure)[2] == own
    assert CHAT.write_failure(failure)[1]["error"]["code"] == "context_length_exceeded"


@given(st.integers(100, 599), st.binary(max_size=200))
def test_any_status_and_body_make_a_failure_that_can_be_told(status, body):
    failure = PROTOCOL.read_failure(status, body)
    told, envelope = PROTOCOL.write_failure(failure)

    assert 400 <= told < 600
    assert envelope["error"]["message"]


def test_every_kind_can_be_told():
    for kind in FailureKind:
        assert sent(Failure(kind, "m"))[0] in {*STATUS.values(), 402, 529}
