"""Whatever is wrong with a request: the right status in the caller's own envelope, and a reason in the log."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pytest

from tests.gateway.caller import Headers, exchange_bytes
from tests.gateway.conftest import (
    ANTHROPIC_HEADERS,
    CALLER_KEY,
    CHAT_HEADERS,
    DISABLED_KEY,
    OVER_THE_LIMIT_BYTES,
    Upstreams,
    chat_body,
    messages_body,
)
from tests.gateway.process import Gateway

JSON = ("content-type", "application/json")


@dataclass(frozen=True, slots=True)
class Bad:
    target: str
    status: int
    error: str
    """`error.type`; `error.code` in OpenAI's envelope and `error.status` in Gemini's."""
    reason: str
    """A word of the line in the log."""
    method: str = "POST"
    headers: Headers = ANTHROPIC_HEADERS
    body: bytes | Iterable[bytes] = messages_body()


ANTHROPIC = "/anthropic/v1/messages"
CHAT = "/v1/chat/completions"


def with_key(key: str) -> Headers:
    return (("authorization", f"Bearer {key}"), JSON)


def many_pieces() -> list[bytes]:
    """Chunked, so nothing tells its size beforehand."""
    return [b" " * 1_000_000] * (OVER_THE_LIMIT_BYTES // 1_000_000)


BAD: Mapping[str, Bad] = {
    "broken JSON": Bad(ANTHROPIC, 400, "invalid_request_error", "json", body=b'{"model": "claude-sonnet-4-5", '),
    "broken JSON, chat": Bad(CHAT, 400, "invalid_request", "json", headers=CHAT_HEADERS, body=b"{]"),
    "not an object": Bad(ANTHROPIC, 400, "invalid_request_error", "object", body=b"[1]"),
    "empty body": Bad(ANTHROPIC, 400, "invalid_request_error", "json", body=b""),
    "invalid UTF-8": Bad(
        ANTHROPIC, 400, "invalid_request_error", "json", body=b'{"model": "\xff\xfe", "messages": []}'
    ),
    "no model": Bad(ANTHROPIC, 400, "invalid_request_error", "model", body=b'{"messages": []}'),
    "model is no text": Bad(ANTHROPIC, 400, "invalid_request_error", "model", body=b'{"model": 5, "messages": []}'),
    "no model, chat": Bad(CHAT, 400, "invalid_request", "model", headers=CHAT_HEADERS, body=b'{"messages": []}'),
    "unknown path": Bad("/anthropic/v1/complete", 404, "not_found_error", "/anthropic/v1/complete"),
    "unknown path, chat": Bad("/v1/chat", 404, "not_found_error", "/v1/chat", headers=CHAT_HEADERS),
    "unknown path, no protocol's": Bad(
        "/wp-login.php", 404, "not_found_error", "wp-login", headers=CHAT_HEADERS, method="GET"
    ),
    "unknown path, Gemini": Bad("/gemini/v1beta/nothing", 404, "NOT_FOUND", "/gemini", headers=with_key(CALLER_KEY)),
    "wrong method": Bad(ANTHROPIC, 405, "invalid_request_error", "405", method="GET", body=b""),
    "wrong method, chat": Bad(CHAT, 405, "method_not_allowed", "405", method="PUT", headers=CHAT_HEADERS),
    "no key": Bad(ANTHROPIC, 401, "authentication_error", "key", headers=ANTHROPIC_HEADERS[1:]),
    "no key, chat": Bad(CHAT, 401, "invalid_api_key", "key", headers=(JSON,), body=chat_body()),
    "no key, broken JSON": Bad(ANTHROPIC, 401, "authentication_error", "key", headers=ANTHROPIC_HEADERS[1:], body=b"{"),
    "wrong key": Bad(ANTHROPIC, 401, "authentication_error", "key", headers=with_key("ah-no-key-of-ours")),
    "key with a letter less": Bad(
        CHAT, 401, "invalid_api_key", "key", headers=with_key(CALLER_KEY[:-1]), body=chat_body()
    ),
    "key of another case": Bad(
        CHAT, 401, "invalid_api_key", "key", headers=with_key(CALLER_KEY.upper()), body=chat_body()
    ),
    "empty key": Bad(CHAT, 401, "invalid_api_key", "key", headers=with_key(""), body=chat_body()),
    "unknown model": Bad(ANTHROPIC, 404, "not_found_error", "model", body=messages_body("claude-unheard-of")),
    "unknown model, chat": Bad(
        CHAT, 404, "model_not_found", "model", headers=CHAT_HEADERS, body=chat_body("gpt-unheard-of")
    ),
    "disabled key": Bad(ANTHROPIC, 403, "permission_error", "disabled", headers=with_key(DISABLED_KEY)),
    "disabled key, chat": Bad(CHAT, 403, "forbidden", "disabled", headers=with_key(DISABLED_KEY), body=chat_body()),
    "body over the limit": Bad(ANTHROPIC, 413, "invalid_request_error", "413", body=b" " * OVER_THE_LIMIT_BYTES),
    "body over the limit, chat": Bad(
        CHAT, 413, "request_too_large", "413", headers=CHAT_HEADERS, body=b" " * OVER_THE_LIMIT_BYTES
    ),
    "body over the limit without a key": Bad(
        ANTHROPIC, 401, "authentication_error", "key", headers=with_key(""), body=b" " * OVER_THE_LIMIT_BYTES
    ),
    "body over the limit, chunked": Bad(ANTHROPIC, 413, "invalid_request_error", "413", body=many_pieces()),
    "header flood": Bad(
        ANTHROPIC, 431, "invalid_request_error", "431", headers=(*ANTHROPIC_HEADERS, *[("x-flood", "f" * 8000)] * 50)
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_request_gets_the_callers_own_error(gateway: Gateway, upstreams: Upstreams, name: str) -> None:
    bad = BAD[name]
    before = len(gateway.log())

    answer = gateway.call(bad.method, bad.target, bad.headers, bad.body)

    error = answer.error()
    assert answer.status == bad.status, answer.body
    assert bad.error in (error.get("type"), error.get("code"), error.get("status")), error
    assert isinstance(error["message"], str)
    assert answer.header("content-type") == "application/json"
    assert upstreams.were_left_alone()
    gateway.wait_until(lambda: bad.reason in gateway.log()[before:].lower(), f"{bad.reason!r} in the log")
    assert "Traceback" not in gateway.log()[before:]


@pytest.mark.parametrize("name", [name for name, bad in BAD.items() if bad.target == ANTHROPIC])
def test_anthropic_envelope_is_whole(gateway: Gateway, upstreams: Upstreams, name: str) -> None:
    bad = BAD[name]

    envelope = gateway.call(bad.method, bad.target, bad.headers, bad.body).json()

    assert isinstance(envelope, dict)
    assert envelope["type"] == "error"
    assert {"type", "message"} <= set(envelope["error"])


@pytest.mark.parametrize("name", [name for name, bad in BAD.items() if bad.target == CHAT])
def test_openai_envelope_is_whole(gateway: Gateway, upstreams: Upstreams, name: str) -> None:
    bad = BAD[name]

    error = gateway.call(bad.method, bad.target, bad.headers, bad.body).error()

    assert {"message", "type", "param", "code"} <= set(error)


def test_gemini_envelope_is_whole(gateway: Gateway, upstreams: Upstreams) -> None:
    bad = BAD["unknown path, Gemini"]

    error = gateway.call(bad.method, bad.target, bad.headers, bad.body).error()

    assert error["code"] == 404
    assert error["status"] == "NOT_FOUND"


@pytest.mark.parametrize("name", [name for name, bad in BAD.items() if bad.status == 401])
def test_refused_key_is_not_to_be_tried_again(gateway: Gateway, upstreams: Upstreams, name: str) -> None:
    """Claude Code would otherwise be silent for three minutes."""
    bad = BAD[name]

    assert gateway.call(bad.method, bad.target, bad.headers, bad.body).header("x-should-retry") == "false"


@pytest.mark.parametrize("name", [name for name, bad in BAD.items() if bad.status == 405])
def test_wrong_method_is_told_the_right_one(gateway: Gateway, upstreams: Upstreams, name: str) -> None:
    bad = BAD[name]

    assert gateway.call(bad.method, bad.target, bad.headers, bad.body).header("allow") == "POST"


GARBAGE = {
    "no HTTP": b"\x00 hello\r\n\r\n",
    "absolute address": b"GET http://127.0.0.1:1/v1/messages HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "CONNECT": b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\nConnection: close\r\n\r\n",
    "two lengths": b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}}",
    "length and chunks": (
        b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_reaches_nobody(gateway: Gateway, upstreams: Upstreams, name: str) -> None:
    try:
        answer = exchange_bytes(gateway.port, GARBAGE[name])
    except ConnectionError:
        answer = b""

    assert b" 200 " not in answer.partition(b"\r\n")[0]
    assert upstreams.were_left_alone()
    assert gateway.call("GET", "/health").status == 200


def test_host_header_is_no_way_out(gateway: Gateway, upstreams: Upstreams) -> None:
    """It is an upstream's address that the caller names here."""
    port = upstreams.anthropic.port
    headers = (("x-api-key", CALLER_KEY), ("connection", "close"))
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)

    answer = exchange_bytes(gateway.port, f"GET /anything HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{head}\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 404 ")
    assert upstreams.were_left_alone()
