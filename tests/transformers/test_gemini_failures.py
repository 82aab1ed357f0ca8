import json

import pytest
from hypothesis import given, strategies as st

from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.protocols.gemini import PROTOCOL


def read(status: int, code: int, word: str, message: str = "why", *details: dict) -> Failure:
    error = {"code": code, "message": message, "status": word, "details": list(details)}
    return PROTOCOL.read_failure(status, json.dumps({"error": error}).encode())


@pytest.mark.parametrize(
    ("status", "word", "kind"),
    [
        (400, "INVALID_ARGUMENT", FailureKind.INVALID_REQUEST),
        (400, "FAILED_PRECONDITION", FailureKind.INVALID_REQUEST),
        (401, "UNAUTHENTICATED", FailureKind.AUTHENTICATION),
        (403, "PERMISSION_DENIED", FailureKind.PERMISSION),
        (404, "NOT_FOUND", FailureKind.NOT_FOUND),
        (429, "RESOURCE_EXHAUSTED", FailureKind.RATE_LIMIT),
        (500, "INTERNAL", FailureKind.SERVER),
        (503, "UNAVAILABLE", FailureKind.OVERLOADED),
        (504, "DEADLINE_EXCEEDED", FailureKind.TIMEOUT),
        (418, "NOVEL", FailureKind.INVALID_REQUEST),
    ],
)
def test_statuses_tell_the_kind(status, word, kind):
    assert read(status, status, word) == Failure(kind, "why", status, word)


def test_a_bad_key_is_an_authentication_failure_although_google_says_400():
    assert read(400, 400, "INVALID_ARGUMENT", "bad", {"reason": "API_KEY_INVALID"}).kind is FailureKind.AUTHENTICATION


def test_a_full_context_is_told_apart():
    message = "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."

    assert read(400, 400, "INVALID_ARGUMENT", message).kind is FailureKind.CONTEXT_LENGTH


def test_the_wait_is_read_from_the_details():
    detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37.5s"}

    assert read(429, 429, "RESOURCE_EXHAUSTED", "slow down", detail).retry_after_s == 37.5


def test_case_167_a_list_of_errors_is_unwrapped():
    body = json.dumps([{"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}]).encode()

    assert PROTOCOL.read_failure(429, body) == Failure(FailureKind.RATE_LIMIT, "slow", 429, "RESOURCE_EXHAUSTED")


@pytest.mark.parametrize("body", [b"", b"<html><title>502 Bad Gateway</title></html>", b"[]", b"null", b"\xff\xfe"])
def test_case_166_any_body_gives_a_message(body):
    failure = PROTOCOL.read_failure(502, body)

    assert failure.kind is FailureKind.SERVER and 0 < len(failure.message) <= 2000


@given(st.integers(400, 599), st.binary(max_size=300))
def test_any_bytes_at_all_are_a_failure(status, body):
    assert len(PROTOCOL.read_failure(status, body).message) <= 2000
