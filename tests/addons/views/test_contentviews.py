"""What the content views show of requests and answers, and that nothing makes them fail."""

import json
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings, strategies as st
from mitmproxy import contentviews
from mitmproxy.contentviews import Metadata
from mitmproxy.http import HTTPFlow, Response
from mitmproxy.test.taddons import context
from mitmproxy.test.tflow import tflow

from axonhub.addons.views.contentviews import Chat, Json, Rewrite, register
from axonhub.addons.views.story import METADATA, as_text, story
from axonhub.transformers.registry import discovered
from tests.addons.views.exchanges import ASKED, finished, shown_in

RECORDINGS = Path(__file__).resolve().parents[2] / "conversations"
PATHS = {
    "anthropic": "/v1/messages",
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "gemini": "/v1beta/models/m:generateContent",
}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
TOOL = {"name": "read", "description": "Reads a file.", "input_schema": {"type": "object", "properties": {"path": {}}}}


def plain_flow(
    path: str, request: bytes = b"", response: bytes = b"", content_type: str = "application/json"
) -> HTTPFlow:
    """Of mitmproxy without a gateway: only the address tells the protocol."""
    flow = tflow(resp=True)
    flow.request.method, flow.request.path, flow.request.content = "POST", path, request
    flow.request.headers["content-type"] = "application/json"
    flow.response = Response.make(200, response, {"content-type": content_type})
    return flow


def shown(flow: HTTPFlow, *, answer: bool = False, view: str = "auto") -> tuple[str, str | None]:
    """The text, and the view that made it."""
    register()
    with context():
        message = flow.response if answer else flow.request
        assert message is not None
        result = contentviews.prettify_message(message, flow, view)
    return result.text, result.view_name


def anthropic_stream() -> bytes:
    return (RECORDINGS / "anthropic" / "thinking_and_parallel_tools.sse").read_bytes()


# -- the conversation


def test_request_reads_as_a_conversation() -> None:
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "look"}, _image()]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "read", "input": {"path": "a.py"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "print(1)"}]},
    ]
    asked = {"model": "m", "max_tokens": 7, "system": "Be brief.", "tools": [TOOL], "messages": messages}

    text, view = shown(plain_flow("/v1/messages", json.dumps(asked).encode()))

    assert "llm-chat" == view
    assert "asks m" in text
    assert "Be brief." in text
    assert "read(path?) – Reads a file." in text
    assert "image · image/png · 70 B · 1×1" in text
    assert '▸ calls read  t1\n  path: "a.py"' in text
    assert "▸ result of read  t1\n  print(1)" in text


def _image() -> dict[str, object]:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}


def test_streamed_answer_is_reassembled_with_thinking_calls_and_usage() -> None:
    text, view = shown(plain_flow("/v1/messages", b"{}", anthropic_stream(), "text/event-stream"), answer=True)

    assert "llm-chat" == view
    assert "▸ thinking" in text
    assert "I read both." in text
    assert 'file_path: "a.py"' in text
    assert "stopped: tool" in text
    assert "9,107 tokens in (9,000 from cache, 100 written to cache), 89 out (40 thinking)" in text


@pytest.mark.parametrize("file", sorted(RECORDINGS.rglob("*.sse")), ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_every_recorded_stream_is_read(file: Path) -> None:
    flow = plain_flow(PATHS[file.parent.name], b"{}", file.read_bytes(), "text/event-stream")

    text, _ = shown(flow, answer=True)

    assert "answers ──" in text
    assert "re-assembled from" in text


def test_broken_stream_shows_what_came_and_that_it_broke() -> None:
    cut = anthropic_stream()[:1500]

    text, _ = shown(plain_flow("/v1/messages", b"{}", cut, "text/event-stream"), answer=True)

    assert "Zwei Dateien" in text
    assert "✗" in text


def test_provider_error_is_shown_as_an_error() -> None:
    flow = plain_flow("/v1/messages")
    error = {"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down."}}
    flow.response = Response.make(429, json.dumps(error).encode(), {"content-type": "application/json"})

    text, _ = shown(flow, answer=True)

    assert "── error 429" in text
    assert "✗ rate_limit (rate_limit_error): Slow down." in text


def test_long_parts_are_folded_and_keep_their_end() -> None:
    long = "\n".join(f"line {number}" for number in range(5000))
    asked = {"model": "m", "max_tokens": 7, "messages": [{"role": "user", "content": long}]}

    text, _ = shown(plain_flow("/v1/messages", json.dumps(asked).encode()))

    assert "line 0\n" in text
    assert "line 4999" in text
    assert "line 2500" not in text
    assert "folded" in text
    assert text.count("\n") < 200


def test_request_that_was_converted_is_read_in_the_channel_s_protocol() -> None:
    text, view = shown(shown_in(finished()))

    assert "llm-chat" == view
    assert "asks deepseek-chat" in text


def test_other_traffic_is_left_to_mitmproxy_s_own_views() -> None:
    flow = plain_flow("/api/things", b'{"a": 1}', b'{"b": 2}')

    assert "JSON" == shown(flow)[1]
    assert "JSON" == shown(flow, answer=True)[1]


@pytest.mark.parametrize("view", ["llm-chat", "llm-rewrite", "llm-json"])
def test_view_by_name_says_what_it_cannot_show(view: str) -> None:
    text, _ = shown(plain_flow("/things", b"\xff\x00 no JSON"), view=view)

    assert "Traceback" not in text
    assert len(text) > 10


# -- the rewrite


def test_rewrite_tells_each_step_and_why_this_channel() -> None:
    text, _ = shown(shown_in(finished()), view="llm-rewrite")

    assert "req_1 · key me\ntrace trace-1" in text
    assert "cheap: claude-haiku-4-5 → deepseek-chat" in text
    assert "anthropic/messages → openai/chat" in text
    assert "top_k: not known there" in text
    assert '~ model: "claude-haiku-4-5" → "deepseek-chat"' in text
    assert "- top_k: 3" in text
    assert "deepseek: weight 50.0, errors -8.0 (2 of late)" in text
    assert "✓ status 200" in text


def test_rewrite_of_a_saved_flow_says_the_same_as_of_a_live_one() -> None:
    exchange = finished()
    flow = shown_in(exchange)
    saved = shown_in(exchange).copy()
    saved.metadata[METADATA] = as_text(story(exchange))

    assert shown(flow, view="llm-rewrite")[0] == shown(saved, view="llm-rewrite")[0]


def test_rewrite_of_a_flow_from_elsewhere_says_that_nothing_is_known() -> None:
    assert "did not pass the gateway" in shown(plain_flow("/v1/messages", b"{}"), view="llm-rewrite")[0]


def test_no_credential_is_in_the_story() -> None:
    assert "sk-a-credential" not in as_text(story(finished()))


# -- editing


def test_json_view_gives_back_what_was_edited_as_compact_json() -> None:
    view, metadata = Json(), Metadata()
    body = orjson.dumps(ASKED)

    edited = view.prettify(body, metadata).replace("hello", "bye, 北京")

    assert orjson.dumps({**ASKED, "messages": [{"role": "user", "content": "bye, 北京"}]}) == view.reencode(
        edited, metadata
    )
    assert body == view.reencode(view.prettify(body, metadata), metadata)


def test_json_view_refuses_what_is_no_json() -> None:
    with pytest.raises(Exception, match="line 1"):
        Json().reencode('{"model": ', Metadata())


# -- whatever comes


@st.composite
def odd_bodies(draw: st.DrawFn) -> bytes:
    """Recordings cut, spliced and with bytes changed; and any bytes at all."""
    files = sorted(file for file in RECORDINGS.rglob("*") if file.is_file())
    body = bytearray(draw(st.sampled_from(files)).read_bytes())
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(body)))
        body[at : at + draw(st.integers(0, 40))] = draw(st.binary(max_size=12))
    return draw(st.one_of(st.just(bytes(body)), st.binary(max_size=200)))


@settings(max_examples=300, deadline=None)
@given(odd_bodies(), st.sampled_from(sorted(PATHS.values())), st.sampled_from([200, 400, 529]))
def test_no_bytes_make_a_view_raise(body: bytes, path: str, status: int) -> None:
    flow = plain_flow(path, body, body, "text/event-stream")
    assert flow.response is not None
    flow.response.status_code = status
    for message in (flow.request, flow.response, None):
        metadata = Metadata(flow=flow, http_message=message, content_type="application/json")
        for view in (Chat(), Rewrite(), Json()):
            view.render_priority(body, metadata)
            assert isinstance(view.prettify(body, metadata), str)


@pytest.mark.parametrize("depth", [200, 900])
def test_deeply_nested_arguments_are_no_fault(depth: int) -> None:
    deep = "[" * depth + "]" * depth
    content = f'[{{"type":"tool_use","id":"t","name":"n","input":{{"a":{deep}}}}}]'
    body = f'{{"model":"m","max_tokens":1,"messages":[{{"role":"assistant","content":{content}}}]}}'.encode()

    text, view = shown(plain_flow("/v1/messages", body))

    assert "llm-chat" == view
    assert "▸ calls n" in text or text.startswith("(anthropic/messages: ")


def test_protocols_have_an_address_each() -> None:
    assert {type(each) for each in map(_protocol, PATHS.values())} == {type(each) for each in discovered().values()}


def _protocol(path: str) -> object:
    from axonhub.addons.views.reading import protocol_by_path

    return protocol_by_path(path)
