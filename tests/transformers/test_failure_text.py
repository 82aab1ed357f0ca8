"""The innermost message of an error body, bounded, without credentials."""

import json

import pytest
from hypothesis import given, strategies as st

from axonhub.transformers.failure_text import (
    MESSAGE_LIMIT,
    bounded,
    failure_from_json,
    retry_after_in,
    says_context_length,
)

OPENAI = {
    "error": {"message": "No such model", "type": "invalid_request_error", "param": "model", "code": "model_not_found"}
}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (OPENAI, ("No such model", "invalid_request_error", "model_not_found")),
        (
            {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
            ("Overloaded", "overloaded_error", None),
        ),
        ({"error": {"code": 503, "message": "Busy", "status": "UNAVAILABLE"}}, ("Busy", "UNAVAILABLE", "503")),
        (
            {"detail": [{"loc": ["body", "model"], "msg": "field required", "type": "value_error"}]},
            ("field required", "value_error", None),
        ),
        ({"detail": "Not Found"}, ("Not Found", None, None)),
        ({"error": "Bad Request", "message": "model is missing", "statusCode": 400}, ("model is missing", None, None)),
        ({"error": "invalid_grant", "error_description": "Token expired"}, ("Token expired", None, "invalid_grant")),
        ({"base_resp": {"status_code": 1004, "status_msg": "login fail"}}, ("login fail", None, "1004")),
        ({"error": "model 'x' not found"}, ("model 'x' not found", None, None)),
        (
            {"object": "error", "message": "too long", "type": "BadRequestError", "code": 400},
            ("too long", "BadRequestError", "400"),
        ),
        ({"error": {}}, ("", None, None)),
        ({}, ("", None, None)),
        ([], ("", None, None)),
    ],
)
def test_vendor_forms(body: object, expected: tuple[str, str | None, str | None]) -> None:
    assert failure_from_json(json.dumps(body).encode()) == expected


def test_case_166_an_html_page_gives_its_title_and_is_bounded() -> None:
    page = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title><style>p{}</style></head><body>" + b"x" * 9000

    assert failure_from_json(page) == ("502 Bad Gateway", None, None)


def test_case_166_an_html_page_without_title_gives_its_words() -> None:
    assert (
        failure_from_json(b"<html><body><h1>Bad&nbsp;gateway</h1><script>x()</script></body></html>")[0]
        == "Bad gateway"
    )


def test_case_166_an_empty_body_gives_an_empty_message() -> None:
    assert failure_from_json(b"") == ("", None, None)


def test_case_166_a_long_text_is_bounded() -> None:
    assert len(failure_from_json(b"word " * 10_000)[0]) == MESSAGE_LIMIT


def test_case_167_a_list_is_unwrapped() -> None:
    body = [{"error": {"code": 400, "message": "API key not valid", "status": "INVALID_ARGUMENT"}}]

    assert failure_from_json(json.dumps(body).encode()) == ("API key not valid", "INVALID_ARGUMENT", "400")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner: {"error": {"message": inner, "type": "upstream_error", "code": None}},
        lambda inner: {"error": {"message": f"litellm.BadRequestError: OpenAIException - {inner}", "code": "400"}},
        lambda inner: {
            "error": {
                "message": "Provider returned error",
                "code": 404,
                "metadata": {"raw": inner, "provider_name": "X"},
            }
        },
        lambda inner: {"error": inner},
        lambda inner: {"message": f"upstream status 404, body: {inner} (request 1)"},
    ],
)
def test_case_168_the_innermost_message_is_shown_once(wrap) -> None:
    body = json.dumps(wrap(json.dumps(OPENAI))).encode()

    assert failure_from_json(body) == ("No such model", "invalid_request_error", "model_not_found")


def test_case_168_an_error_in_an_sse_frame() -> None:
    frame = b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"broke"}}\n\n'

    assert failure_from_json(frame) == ("broke", "api_error", None)


def test_a_message_that_quotes_other_json_stays_whole() -> None:
    message = 'Invalid schema: {"type": "object", "title": "X"} is not allowed'

    assert failure_from_json(json.dumps({"error": {"message": message}}).encode())[0] == message


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcDEF123456789",
        "sk-ant-api03-abcdefgh_ijkl-AA",
        "AIzaSyA1234567890abcdef",
        "gsk_abcdefghijklmnop",
        "sk-abcd***********wxyz",
    ],
)
def test_case_165_a_key_never_shows(secret: str) -> None:
    shown = bounded(f"Incorrect API key provided: {secret}. See the docs.")

    assert secret not in shown
    assert secret[-8:] not in shown
    assert shown.startswith("Incorrect API key provided: [hidden]")


@given(st.binary(max_size=300))
def test_any_bytes_give_a_bounded_message(body: bytes) -> None:
    message, _, _ = failure_from_json(body)

    assert len(message) <= MESSAGE_LIMIT


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "message", "type", "code", "detail", "metadata", "raw", "status"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(json_values)
def test_any_json_gives_a_bounded_message(value: object) -> None:
    message, _, _ = failure_from_json(json.dumps(value).encode())

    assert len(message) <= MESSAGE_LIMIT


def test_json_nested_without_end_is_survived() -> None:
    message, _, _ = failure_from_json(b'{"error":' * 100_000)

    assert len(message) <= MESSAGE_LIMIT


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Rate limit reached. Please try again in 1.5s. Visit", 1.5),
        ("Please try again in 250ms.", 0.25),
        ("Please retry after 20 seconds", 20.0),
        ("try again in 6m0s", 360.0),
        ("resets in 3 minutes", 180.0),
        ("retry after 200 milliseconds", 0.2),
        ("try again later", None),
    ],
)
def test_seconds_in_a_message(message: str, expected: float | None) -> None:
    assert retry_after_in(message) == expected


@pytest.mark.parametrize(
    "message",
    [
        "prompt is too long: 210000 tokens > 200000 maximum",
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        "Your input exceeds the context window of this model. Please adjust your input and try again.",
        "context_length_exceeded",
    ],
)
def test_vendors_words_for_a_prompt_that_is_too_long(message: str) -> None:
    assert says_context_length(message)


def test_other_messages_do_not_speak_of_the_context() -> None:
    assert not says_context_length("max_tokens is too large: 9000", None, "")
