"""With one protocol on both sides the bytes pass: only the model's name and the credentials are exchanged."""

import gzip
import json

import pytest

from tests.gateway.conftest import (
    ANTHROPIC_CREDENTIAL,
    CALLER_KEY,
    CHAT_CREDENTIAL,
    MAPPED_KEY,
    Upstreams,
)
from tests.gateway.process import Gateway
from tests.upstreams.server import Reply, Request, event_stream, json_reply, sliced

ANTHROPIC = "/anthropic/v1/messages?beta=true"
CHAT = "/v1/chat/completions"
FIVE_MB = b'{"messages":[{"role":"user","content":"' + b"spam and eggs\\n" * 360_000 + b'"}],"max_tokens":5,"model":'
BODIES = {
    "plain": (b'{"model":', b',"max_tokens":5,"messages":[{"role":"user","content":"hi"}]}'),
    "odd spacing": (b'\r\n{ \t"max_tokens" :\t5 ,\n  "model"  :\n\n', b'  , "messages" : [ ]  }\n\n'),
    "escapes": (b'{"x":"\\u00e9\\/\\ud83d\\ude00 \xf0\x9f\x8e\x88 \\u2028","model":', b',"messages":[]}'),
    "numbers": (b'{"big":123456789012345678901234567890,"f":1.0e2,"g":1E-7,"h":-0,"model":', b',"messages":[]}'),
    "duplicate keys": (b'{"metadata":{"a":1,"a":2},"a":1,"a":2,"model":', b',"messages":[],"messages":[]}'),
    "model also elsewhere": (
        b'{"messages":[{"role":"user","content":"\\"model\\": \\"claude-sonnet-4-5\\"","model":"gpt-4.1"}],"model":',
        b',"tools":[{"input":{"model":"claude-sonnet-4-5"}}]}',
    ),
    "escaped name of the member": (b'{"mod\\u0065l":', b',"messages":[]}'),
    "unknown members": (b'{"zz":[{}],"model":', b',"messages":[],"aa":{"deep":[[[[null]]]]},"":""}'),
    "5 MB before the model": (FIVE_MB, b"}"),
}


def headers(key: str) -> tuple[tuple[str, str], ...]:
    return (
        ("Authorization", f"Bearer {key}"),
        ("Content-Type", "application/json"),
        ("anthropic-version", "2023-06-01"),
    )


def fine(request: Request) -> Reply:
    """A good answer in either protocol, whatever was asked."""
    return json_reply(200, CHAT_ANSWER if request.path.endswith("completions") else ANTHROPIC_ANSWER)


ANTHROPIC_ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [{"type": "text", "text": "fine"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
CHAT_ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4.1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "fine"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


@pytest.mark.parametrize("name", BODIES)
def test_request_passes_unchanged_when_nothing_is_renamed(gateway: Gateway, upstreams: Upstreams, name: str) -> None:
    before, after = BODIES[name]
    upstreams.anthropic.script = upstreams.chat.script = fine

    answers = [
        gateway.call("POST", ANTHROPIC, headers(CALLER_KEY), before + b'"claude-sonnet-4-5"' + after),
        gateway.call("POST", CHAT, headers(CALLER_KEY), before + b'"gpt-4.1"' + after),
    ]

    assert [answer.status for answer in answers] == [200, 200]
    assert upstreams.anthropic.only.body == before + b'"claude-sonnet-4-5"' + after
    assert upstreams.chat.only.body == before + b'"gpt-4.1"' + after


@pytest.mark.parametrize("name", BODIES)
def test_renamed_request_differs_only_in_the_model(gateway: Gateway, upstreams: Upstreams, name: str) -> None:
    before, after = BODIES[name]
    upstreams.anthropic.script = upstreams.chat.script = fine
    key = f"{MAPPED_KEY}-dated"

    answers = [
        gateway.call("POST", ANTHROPIC, headers(key), before + b'"claude-sonnet-4-5"' + after),
        gateway.call("POST", CHAT, headers(key), before + b'"gpt-4.1"' + after),
    ]

    assert [answer.status for answer in answers] == [200, 200]
    assert upstreams.anthropic.only.body == before + b'"claude-sonnet-4-5-20250929"' + after
    assert upstreams.chat.only.body == before + b'"deepseek-chat"' + after


def test_model_may_be_written_with_escapes(gateway: Gateway, upstreams: Upstreams) -> None:
    upstreams.anthropic.script = fine
    body = b'{"model":"claude-sonn\\u0065t-4-5","messages":[]}'

    gateway.call("POST", ANTHROPIC, headers(CALLER_KEY), body)

    assert upstreams.anthropic.only.body == body


def test_credentials_are_exchanged_and_the_rest_of_the_head_passes(gateway: Gateway, upstreams: Upstreams) -> None:
    upstreams.anthropic.script = fine
    more = (("anthropic-beta", "a-1,b-2"), ("X-Stainless-Lang", "js"), ("User-Agent", "claude-cli/9"), ("x-app", "cli"))

    gateway.call(
        "POST",
        ANTHROPIC,
        (*headers(CALLER_KEY), *more),
        BODIES["plain"][0] + b'"claude-sonnet-4-5"' + BODIES["plain"][1],
    )

    request = upstreams.anthropic.only
    assert request.target == "/v1/messages?beta=true"
    assert request.values("x-api-key") == (ANTHROPIC_CREDENTIAL,)
    assert request.values("authorization") == ()
    assert request.values("anthropic-version") == ("2023-06-01",)
    for name, value in more:
        assert request.values(name) == (value,)
    assert request.values("host") == (f"127.0.0.1:{upstreams.anthropic.port}",)
    assert CALLER_KEY not in repr(request.headers)


def test_chat_channel_gets_its_own_bearer(gateway: Gateway, upstreams: Upstreams) -> None:
    upstreams.chat.script = fine

    gateway.call(
        "POST",
        CHAT,
        (("x-api-key", CALLER_KEY), ("content-type", "application/json")),
        b'{"model":"gpt-4.1","messages":[]}',
    )

    request = upstreams.chat.only
    assert request.target == "/v1/chat/completions"
    assert request.values("authorization") == (f"Bearer {CHAT_CREDENTIAL}",)
    assert request.values("x-api-key") == ()


ODD_STREAM = b"".join(
    [
        b": a comment\n\n",
        b'event: message_start\r\ndata:{"type":"message_start","message":{"id":"msg_1","type":"message","content":[],',
        b'"role":"assistant","model":"claude-sonnet-4-5","usage":{"input_tokens":1,"output_tokens":1}}}\r\n\r\n',
        b'id: 7\nretry: 10\nevent: not_yet_invented\ndata: {"type": "not_yet_invented",\ndata:  "a": 1}\n\n',
        b'event: content_block_start\ndata: {"index":0,"type":"content_block_start",\n',
        b'data: "content_block":{"type":"text","text":""}}\n\n',
        b'event: content_block_delta\ndata: {"index":0,"type":"content_block_delta",',
        b'"delta":{"text":"\\u00e9 \xf0\x9f\x8e\x88","type":"text_delta"}}\n\n: ping\n\n\n\n',
        b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},',
        b'"usage":{"output_tokens":1.0}}\n\nevent: message_stop\ndata: {"type":"message_stop" }\n\n',
    ]
)
ODD_CHAT_STREAM = (
    b": OPENROUTER PROCESSING\n\n"
    b'data:{"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-4.1","choices":[{"index":0,"delta":'
    b'{"role":"assistant","content":"\\u00e9 \xf0\x9f\x8e\x88"},"finish_reason":null}],"not_yet":[1,1]}\r\n\r\n'
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-4.1","choices":[{"index":0,"delta":{},'
    b'"finish_reason":"stop"}]}\n\n: ping\n\ndata: [DONE]\n\n'
)


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_stream_passes_byte_for_byte(gateway: Gateway, upstreams: Upstreams, size: int) -> None:
    upstreams.anthropic.script = lambda request: event_stream(sliced(ODD_STREAM, size))
    upstreams.chat.script = lambda request: event_stream(sliced(ODD_CHAT_STREAM, size))

    first = gateway.call(
        "POST", ANTHROPIC, headers(CALLER_KEY), b'{"model":"claude-sonnet-4-5","messages":[],"stream":true}'
    )
    second = gateway.call("POST", CHAT, headers(CALLER_KEY), b'{"model":"gpt-4.1","messages":[],"stream":true}')

    assert first.body == ODD_STREAM
    assert second.body == ODD_CHAT_STREAM
    assert first.header("content-type") == second.header("content-type") == "text/event-stream; charset=utf-8"


def test_nothing_is_added_to_a_stream_that_came_to_its_end(gateway: Gateway, upstreams: Upstreams) -> None:
    """Not even when it leaves out what Anthropic itself would have said before."""
    stream = b'event: ping\ndata: {"type": "ping"}\n\nevent: message_stop\ndata: {"type": "message_stop"}\n\n'
    upstreams.anthropic.script = lambda request: event_stream([stream])

    answer = gateway.call("POST", ANTHROPIC, headers(CALLER_KEY), b'{"model":"claude-sonnet-4-5","stream":true}')

    assert answer.body == stream


def test_no_usage_is_asked_for_behind_the_callers_back(gateway: Gateway, upstreams: Upstreams) -> None:
    upstreams.chat.script = lambda request: event_stream([ODD_CHAT_STREAM])
    body = b'{"model":"gpt-4.1","messages":[],"stream":true,"stream_options":{"include_usage":false}}'

    gateway.call("POST", CHAT, headers(CALLER_KEY), body)

    assert upstreams.chat.only.body == body


def test_whole_answer_passes_byte_for_byte(gateway: Gateway, upstreams: Upstreams) -> None:
    body = b'{ "type":"message",\t"content":[], "usage":{"input_tokens":1,"output_tokens":1,"new":1.0} , "extra":[] }\n'
    more = (
        ("content-type", "application/json"),
        ("request-id", "req_1"),
        ("anthropic-ratelimit-tokens-remaining", "5"),
    )
    upstreams.anthropic.script = lambda request: Reply(200, more, body)

    answer = gateway.call("POST", ANTHROPIC, headers(CALLER_KEY), b'{"model":"claude-sonnet-4-5","messages":[]}')

    assert answer.body == body
    for name, value in more:
        assert answer.header(name) == value


def test_answer_that_the_gateway_does_not_understand_passes(gateway: Gateway, upstreams: Upstreams) -> None:
    """The caller's own library is the judge of it."""
    body = b'{"not": "yet invented"}'
    upstreams.anthropic.script = lambda request: Reply(body=body)

    answer = gateway.call("POST", ANTHROPIC, headers(CALLER_KEY), b'{"model":"claude-sonnet-4-5","messages":[]}')

    assert answer.status == 200
    assert answer.body == body


def test_refusal_of_the_provider_passes(gateway: Gateway, upstreams: Upstreams) -> None:
    body = b'{"type": "error", "error": {"type": "invalid_request_error", "message": "no such thing"}, "extra": [1]}'
    upstreams.anthropic.script = lambda request: Reply(400, (("content-type", "application/json"),), body)

    answer = gateway.call("POST", ANTHROPIC, headers(CALLER_KEY), b'{"model":"claude-sonnet-4-5","messages":[]}')

    assert answer.status == 400
    assert answer.body == body
    assert len(upstreams.anthropic.requests) == 1


def test_compressed_answer_is_readable(gateway: Gateway, upstreams: Upstreams) -> None:
    """Whatever the gateway asks of the provider, what a caller that takes no compression gets is plain or declared."""
    body = json.dumps(ANTHROPIC_ANSWER).encode()
    packed = (("content-type", "application/json"), ("content-encoding", "gzip"))
    upstreams.anthropic.script = lambda request: Reply(200, packed, gzip.compress(body))
    more = (("accept-encoding", "gzip"),)

    answer = gateway.call(
        "POST", ANTHROPIC, (*headers(CALLER_KEY), *more), b'{"model":"claude-sonnet-4-5","messages":[]}'
    )

    plain = gzip.decompress(answer.body) if answer.header("content-encoding") == "gzip" else answer.body
    assert plain == body


def test_answer_names_what_served_it(gateway: Gateway, upstreams: Upstreams) -> None:
    upstreams.anthropic.script = fine

    answer = gateway.call(
        "POST", ANTHROPIC, headers(f"{MAPPED_KEY}-dated"), b'{"model":"claude-sonnet-4-5","messages":[]}'
    )

    assert answer.header("x-axonhub-channel") == "first"
    assert answer.header("x-axonhub-model") == "claude-sonnet-4-5-20250929"
    assert answer.header("x-axonhub-attempts") == "1"
    assert answer.header("x-axonhub-request-id")
    assert answer.header("x-axonhub-loss") is None
    assert json.loads(answer.body)
