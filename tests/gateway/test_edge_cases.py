"""Hard cases that only a whole gateway can show; the others' numbers stand in the names of tests of the converters."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator

import openai
import pytest
import zstandard

from tests.gateway.caller import Answer, calling
from tests.gateway.conftest import (
    ANTHROPIC_HEADERS,
    CALLER_KEY,
    CHAT_HEADERS,
    StartGateway,
    Upstreams,
    ask_anthropic,
    ask_chat,
    chat_body,
    config_of,
    messages_body,
)
from tests.gateway.process import Gateway
from tests.gateway.test_traces import record_of
from tests.judges.sdk import judge_anthropic, judge_anthropic_whole, judge_chat, judge_chat_whole
from tests.upstreams.chat import chat
from tests.upstreams.plan import Turn
from tests.upstreams.server import Cut, Hold, Reply, Request, Upstream, event_stream, json_reply

KEY = ("authorization", f"Bearer {CALLER_KEY}")
HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4.1"}


def said(text: str, finish: str | None = None) -> bytes:
    choices = [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]
    return b"data: " + json.dumps({**HEAD, "choices": choices}).encode() + b"\n\n"


def test_case_042_a_caller_who_leaves_lets_the_provider_go_and_is_in_the_records(
    gateway: Gateway, upstreams: Upstreams
) -> None:
    never = threading.Event()
    upstreams.chat.script = lambda request: event_stream([said("Hello"), Hold(never)])

    with calling(
        gateway.port, "POST", "/v1/messages", ANTHROPIC_HEADERS, messages_body("gpt-4.1", stream=True)
    ) as live:
        live.until(b"Hello")
        head = Answer(live.status, live.headers, b"")
        live.response.close()

    assert upstreams.chat.only.client_left.wait(10)
    record = record_of(gateway, head)
    assert record["outcome"] == "canceled"


def test_case_043_a_stream_that_broke_is_asked_again_as_a_whole(gateway: Gateway, upstreams: Upstreams) -> None:
    """As Claude Code does, with the same body."""
    upstreams.chat.script = lambda request: event_stream([said("Half"), Cut()])
    broken = ask_anthropic(gateway, body=messages_body("gpt-4.1", stream=True))
    upstreams.chat.script = chat(lambda conversation: Turn(text="All of it."), upstreams.refusals)
    whole = ask_anthropic(gateway, body=messages_body("gpt-4.1", stream=False))

    assert b"event: error" in broken.body
    assert b"message_stop" not in broken.body
    assert str(whole.header("content-type")).startswith("application/json")
    assert judge_anthropic_whole(whole.body).content[0].to_dict()["text"] == "All of it."


@pytest.mark.parametrize("stream", [False, True])
def test_case_063_a_pause_is_a_stop_to_a_chat_caller_and_its_loss_is_recorded(
    gateway: Gateway, upstreams: Upstreams, stream: bool
) -> None:
    start = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": []}
    whole = {**start, "content": [{"type": "text", "text": "Wait."}], "stop_reason": "pause_turn", "usage": {}}
    events = [
        {"type": "message_start", "message": {**start, "usage": {"input_tokens": 1, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Wait."}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "pause_turn"}, "usage": {"output_tokens": 4}},
        {"type": "message_stop"},
    ]
    pieces = [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events]
    upstreams.anthropic.script = lambda request: event_stream(pieces) if stream else json_reply(200, whole)

    answer = ask_chat(gateway, body=chat_body("claude-sonnet-4-5", stream=stream))

    completion = judge_chat(answer.body) if stream else judge_chat_whole(answer.body)
    assert completion.choices[0].finish_reason == "stop"
    assert "answer.stop_reason" in str(record_of(gateway, answer)["losses"])
    assert ("answer.stop_reason" in str(answer.header("x-axonhub-loss"))) is not stream


THINKING = (
    b'{"type":"thinking","thinking":"a < b \\u003c c \xf0\x9f\x8e\x88  ","signature":"EqoBCkgIARABGAIiQJ1m"}'
    b',{"type":"redacted_thinking","data":"EmwKAhgB"}'
)


def test_case_120_thinking_of_earlier_turns_reaches_anthropic_byte_for_byte(
    gateway: Gateway, upstreams: Upstreams
) -> None:
    body = (
        b'{"model":"claude-sonnet-4-5","max_tokens":2000,"messages":[{"role":"user","content":"hi"},'
        b'{"role":"assistant","content":[' + THINKING + b',{"type":"text","text":"so"}]},'
        b'{"role":"user","content":"go on"}]}'
    )
    upstreams.anthropic.script = lambda request: json_reply(200, {"type": "message", "content": []})
    gateway.call("POST", "/v1/messages", ANTHROPIC_HEADERS, body)

    assert upstreams.anthropic.only.body == body


def test_case_121_a_history_of_another_providers_reaches_anthropic_with_the_callers_betas(
    gateway: Gateway, upstreams: Upstreams
) -> None:
    """Its body is converted for the foreign signature in it; what the caller says beside the body still holds."""
    foreign = {"type": "thinking", "thinking": "because", "signature": "gw1.gem-aistudio.CiQB"}
    said = {"role": "assistant", "content": [foreign, {"type": "text", "text": "so"}]}
    asked = [{"role": "user", "content": "hi"}, said, {"role": "user", "content": "go on"}]
    headers = (*ANTHROPIC_HEADERS, ("anthropic-beta", "one-1,two-2"), ("openai-organization", "org"))
    answer = gateway.call("POST", "/v1/messages?beta=true", headers, messages_body(messages=asked))

    sent = upstreams.anthropic.only
    assert (answer.status, upstreams.refusals) == (200, [])
    assert b"because" not in sent.body
    assert sent.header("anthropic-beta") == "one-1,two-2"
    assert len(sent.values("anthropic-version")) == 1
    assert sent.query == "beta=true"
    assert CALLER_KEY not in str(sent.headers)


UNREADABLE = {
    "a byte order mark": b"\xef\xbb\xbf" + messages_body("gpt-4.1"),
    "invalid UTF-8": messages_body("gpt-4.1").replace(b"hello", b"\xff\xfe"),
    "half a surrogate pair": messages_body("gpt-4.1").replace(b"hello", b"\\ud800"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_case_158_what_is_no_json_is_refused_in_the_callers_envelope(
    gateway: Gateway, upstreams: Upstreams, name: str
) -> None:
    answer = gateway.call("POST", "/v1/messages", ANTHROPIC_HEADERS, UNREADABLE[name])

    assert answer.status == 400
    assert answer.error()["type"] == "invalid_request_error"
    assert upstreams.were_left_alone()


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
@pytest.mark.parametrize("model", ["gpt-4.1", "claude-sonnet-4-5"])
def test_case_158_a_packed_request_is_unpacked(
    gateway: Gateway, upstreams: Upstreams, model: str, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    """Codex may pack its requests."""
    headers = (*ANTHROPIC_HEADERS, ("content-encoding", encoding))
    answer = gateway.call("POST", "/v1/messages", headers, pack(messages_body(model)))

    asked = (upstreams.chat if model == "gpt-4.1" else upstreams.anthropic).only
    sent = asked.json()
    assert answer.status == 200
    assert isinstance(sent, dict)
    assert sent["model"] == model
    assert asked.header("content-encoding") is None


def test_case_171_models_are_listed_in_each_shape_and_the_doors_answer_head(
    gateway: Gateway, upstreams: Upstreams
) -> None:
    plain = gateway.call("GET", "/v1/models", (KEY,)).json()
    versioned = gateway.call("GET", "/v1/models", (KEY, ("anthropic-version", "2023-06-01"))).json()
    heads = [gateway.call("HEAD", path).status for path in ("/", "/anthropic")]

    assert isinstance(plain, dict)
    assert isinstance(versioned, dict)
    assert plain["object"] == "list"
    assert {"id", "object", "created", "owned_by"} <= plain["data"][0].keys()
    assert {"has_more", "first_id", "last_id"} <= versioned.keys()
    assert {"id", "type", "display_name", "created_at"} <= versioned["data"][0].keys()
    assert heads == [200, 200]


def test_case_173_only_the_models_own_member_is_replaced(start: StartGateway, upstreams: Upstreams) -> None:
    messages = b'[{"role":"user","content":"\\"model\\": \\"old\\""},{"model":"old","input":{"model":"old"}}]'
    before = (
        b'{"tools":[{"model":"old"}], "messages" : ' + messages + b', "pad":"' + b"x" * 5_000_000 + b'", "mod\\u0065l"'
    )
    channel = {
        "name": "c",
        "type": "anthropic",
        "base_url": upstreams.anthropic.url,
        "api_keys": ["sk-ant-1"],
        "supported_models": ["new"],
        "model_mappings": [{"from": "old", "to": "new"}],
    }
    upstreams.anthropic.script = lambda request: json_reply(200, {"type": "message", "content": []})
    start(config_of([channel])).call("POST", "/v1/messages", ANTHROPIC_HEADERS, before + b':"old"}')

    assert upstreams.anthropic.only.body == before + b':"new"}'


# -- case 172: four protocols, each passed on as it came

ODD = b': a comment\n\nid: 7\nevent: not_yet_invented\ndata: {"type": "not_yet_invented",\ndata:  "a": 1}\n\n'
STREAMS = {
    "/v1/messages": b"".join(
        [
            b'event: message_start\ndata: {"message":{"usage":{"input_tokens":1,"output_tokens":1}},',
            b'"type":"message_start"}\n\n',
            b'event: content_block_start\ndata: {"type":"content_block_start","index":0,',
            b'"content_block":{"text":"","type":"text"}}\n\n',
            b'event: content_block_delta\r\ndata:{"index":0,"delta":{"type":"text_delta","text":"\\u00e9"},',
            b'"type":"content_block_delta"}\r\n\r\n',
            ODD,
            b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{}}\n\n',
            b'event: message_stop\ndata: {"type":"message_stop" }\n\n',
        ]
    ),
    "/v1/chat/completions": said("\u00e9") + ODD + said("", "stop") + b"data: [DONE]\n\n",
    "/v1/responses": b"".join(
        [
            b'event: response.created\ndata: {"response":{"id":"resp_1"},"type":"response.created"}\n\n',
            b'event: response.output_text.delta\ndata: {"delta":"\\u00e9","type":"response.output_text.delta"}\n\n',
            ODD,
            b'event: response.completed\ndata: {"response":{"id":"resp_1","output":[],"status":"completed"},',
            b'"type":"response.completed"}\n\n',
        ]
    ),
    "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse": (
        b'data: {"candidates": [{"content": {"parts": [{"text": "\\u00e9"}]}}],"not_yet": [1,1]}\r\n\r\n'
        b'data: {"candidates": [{"finishReason": "STOP"}]}\n\n'
    ),
}
ASKED = {
    "/v1/messages": {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
    "/v1/chat/completions": {"model": "gpt", "messages": [{"role": "user", "content": "hi"}]},
    "/v1/responses": {"model": "gpt-r", "input": "hi"},
    "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse": {"contents": [{"parts": [{"text": "hi"}]}]},
}


@pytest.fixture(scope="module")
def native(start_for_module: StartGateway) -> Iterator[Gateway]:
    def stream(request: Request) -> Reply:
        return event_stream([STREAMS[request.target]], [("x-of-the-provider", "kept")])

    def channel(kind: str, model: str, root: str = "") -> dict[str, object]:
        address = {"name": kind, "type": kind, "base_url": f"{upstream.url}{root}", "api_keys": ["sk-1"]}
        return {**address, "supported_models": [model]}

    with Upstream(stream) as upstream:
        types = [
            channel("anthropic", "claude"),
            channel("openai", "gpt", "/v1"),
            channel("openai_responses", "gpt-r", "/v1"),
            channel("gemini", "gemini-2.5-pro", "/v1beta"),
        ]
        yield start_for_module(config_of(types))


@pytest.mark.parametrize("target", STREAMS)
def test_case_172_an_answer_of_the_same_protocol_passes_byte_for_byte(native: Gateway, target: str) -> None:
    headers = ANTHROPIC_HEADERS if target == "/v1/messages" else CHAT_HEADERS
    body = ASKED[target] if "alt=sse" in target else {**ASKED[target], "stream": True}
    answer = native.call("POST", target, headers, json.dumps(body).encode())

    assert answer.body == STREAMS[target]
    assert answer.header("x-of-the-provider") == "kept"


def test_case_174_no_usage_is_forced_on_a_caller_who_said_no(native: Gateway) -> None:
    body = {**ASKED["/v1/chat/completions"], "stream": True, "stream_options": {"include_usage": False}}
    with openai.OpenAI(api_key=CALLER_KEY, base_url=f"{native.url}/v1", max_retries=0) as sdk:
        chunks = list(sdk.chat.completions.create(**body))  # type: ignore[call-overload]

    assert all(each.usage is None for each in chunks)


def test_case_006_a_usage_chunk_without_choices_reaches_a_caller(gateway: Gateway, upstreams: Upstreams) -> None:
    usage = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}
    last = b"data: " + json.dumps({**HEAD, "choices": None, "usage": usage}).encode() + b"\n\n"
    upstreams.chat.script = lambda request: event_stream([said("Hi"), said("", "stop"), last, b"data: [DONE]\n\n"])

    message = judge_anthropic(ask_anthropic(gateway, body=messages_body("gpt-4.1", stream=True)).body)

    assert (message.usage.input_tokens, message.usage.output_tokens) == (11, 5)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_packed_stream_of_the_same_protocol_arrives_unpacked_and_otherwise_untouched(
    gateway: Gateway, upstreams: Upstreams, encoding: str
) -> None:
    """The provider was asked not to pack; some do."""
    packed = {"gzip": gzip.compress, "zstd": zstandard.compress}[encoding](STREAMS["/v1/messages"])
    headers = (("content-type", "text/event-stream"), ("content-encoding", encoding))
    upstreams.anthropic.script = lambda request: Reply(200, headers, [packed[:40], packed[40:]])

    answer = ask_anthropic(gateway, body=messages_body(stream=True))

    assert answer.body == STREAMS["/v1/messages"]
    assert answer.header("content-encoding") is None
