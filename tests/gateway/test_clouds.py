"""Models behind the doors of clouds: Vertex, Bedrock and Azure, played by a fake that takes only their own form."""

import base64
import binascii
import json
import struct
from collections.abc import Iterator

import pytest

from tests.gateway.caller import Answer
from tests.gateway.conftest import (
    ANTHROPIC_HEADERS,
    CALLER_KEY,
    StartGateway,
    ask_anthropic,
    ask_chat,
    chat_body,
    config_of,
    messages_body,
)
from tests.gateway.process import Gateway
from tests.judges.gemini import judge_gemini
from tests.judges.grammar import anthropic_faults
from tests.judges.sdk import judge_anthropic, judge_anthropic_whole, judge_chat
from tests.upstreams.server import Reply, Request, Upstream, event_stream, json_reply

TOKEN = "ya29.a-token-of-google"
GCP = {"project_id": "proj", "region": "us-east5"}
AWS = {
    "region": "eu-central-1",
    "access_key_id": "AKIDEXAMPLE",
    "secret_access_key": "wJalr-a-secret-of-aws",
    "refused_betas": ["unheard-of-.*"],
}
GOOGLE = "/v1/projects/proj/locations/us-east5/publishers/google/models/gemini-2.5-pro"
ANTHROPIC = "/v1/projects/proj/locations/us-east5/publishers/anthropic/models"
GEMINI_ANSWER = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Said by Gemini."}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 4, "totalTokenCount": 11},
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "Said by Claude."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 7, "output_tokens": 4},
}
EVENTS = [
    {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Said by Claude."}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 4},
    },
    {"type": "message_stop"},
]
FILTERED = {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": []}
HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4.1"}


def frame(kind: str, payload: object) -> bytes:
    """One message of AWS's event stream, put together by hand."""
    headers = {":message-type": "event", ":event-type": kind, ":content-type": "application/json"}
    block = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in headers.items()
    )
    data = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(block) + len(data), len(block))
    whole = prelude + struct.pack(">I", binascii.crc32(prelude)) + block + data
    return whole + struct.pack(">I", binascii.crc32(whole))


def framed(event: object) -> bytes:
    return frame("chunk", {"bytes": base64.b64encode(json.dumps(event).encode()).decode()})


def named(event: dict[str, object]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def unnamed(*chunks: object) -> list[bytes]:
    return [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks]


def azure_stream() -> list[bytes]:
    delta = {"role": "assistant", "content": "Said by GPT."}
    said = {**HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    end = {**HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    usage = {**HEAD, "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}}
    return [*unnamed(FILTERED, said, end, usage), b"data: [DONE]\n\n"]


def cloud(request: Request) -> Reply:
    """All of them at one address; what is asked in another way is not found."""
    answers = {
        f"{GOOGLE}:generateContent": lambda: json_reply(200, GEMINI_ANSWER),
        f"{GOOGLE}:streamGenerateContent": lambda: event_stream(unnamed(GEMINI_ANSWER)),
        f"{GOOGLE}:countTokens": lambda: json_reply(200, {"totalTokens": 4711}),
        f"{ANTHROPIC}/claude-on-vertex:rawPredict": lambda: json_reply(200, MESSAGE),
        f"{ANTHROPIC}/claude-on-vertex:streamRawPredict": lambda: event_stream(map(named, EVENTS)),
        f"{ANTHROPIC}/count-tokens:rawPredict": lambda: json_reply(200, {"input_tokens": 4712}),
        "/model/claude-on-bedrock/invoke": lambda: json_reply(200, MESSAGE),
        "/model/claude-on-bedrock/invoke-with-response-stream": lambda: Reply(
            200, (("content-type", "application/vnd.amazon.eventstream"),), [framed(event) for event in EVENTS]
        ),
        "/openai/deployments/gpt-on-azure/chat/completions": lambda: event_stream(azure_stream()),
        "/v1/responses/input_tokens": lambda: json_reply(
            200, {"object": "response.input_tokens", "input_tokens": 4713}
        ),
    }
    answer = answers.get(request.path)
    return answer() if answer else json_reply(404, {"error": {"message": f"nothing at {request.path}"}})


@pytest.fixture(scope="module")
def provider() -> Iterator[Upstream]:
    with Upstream(cloud) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def clouds(provider: Upstream, start_for_module: StartGateway) -> Gateway:
    def channel(kind: str, model: str, key: str = TOKEN, **settings: object) -> dict[str, object]:
        named_ = {"name": kind, "type": kind, "base_url": provider.url, "api_keys": [key]}
        return {**named_, "supported_models": [model], "settings": settings}

    channels = [
        channel("gemini_vertex", "gemini-2.5-pro", gcp=GCP),
        channel("anthropic_gcp", "claude-on-vertex", gcp=GCP),
        channel("anthropic_aws", "claude-on-bedrock", aws=AWS),
        channel("azure", "gpt-on-azure", azure={"api_version": "2024-10-21"}),
        channel("openai_responses", "gpt-4.1", "sk-openai-credential"),
    ]
    return start_for_module(config_of(channels))


def last(provider: Upstream) -> Request:
    return provider.requests[-1]


def ask_gemini(gateway: Gateway, method: str, body: object, query: str = "") -> Answer:
    path = f"/gemini/v1beta/models/gemini-2.5-pro:{method}{query}"
    headers = (("x-goog-api-key", CALLER_KEY), ("content-type", "application/json"))
    return gateway.call("POST", path, headers, json.dumps(body).encode())


HI = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


# -- Gemini on Vertex


def test_gemini_on_vertex_answers_its_own_clients_untouched(clouds: Gateway, provider: Upstream) -> None:
    answer = ask_gemini(clouds, "generateContent", HI)

    assert (answer.status, answer.json()) == (200, GEMINI_ANSWER)
    assert last(provider).json() == HI
    assert last(provider).values("authorization") == (f"Bearer {TOKEN}",)
    assert last(provider).header("x-goog-api-key") is None


def test_gemini_on_vertex_streams_to_its_own_clients(clouds: Gateway, provider: Upstream) -> None:
    answer = ask_gemini(clouds, "streamGenerateContent", HI, "?alt=sse")

    assert judge_gemini(answer.body).text == "Said by Gemini."
    assert last(provider).target == f"{GOOGLE}:streamGenerateContent?alt=sse"


def test_gemini_on_vertex_is_asked_in_the_older_form_of_schemas(clouds: Gateway, provider: Upstream) -> None:
    tool = {"type": "function", "function": {"name": "ls", "parameters": {"type": "object", "properties": {"a": {}}}}}
    answer = ask_chat(clouds, body=chat_body("gemini-2.5-pro", stream=True, tools=[tool], metadata={"team": "a"}))

    sent = last(provider).json()
    assert isinstance(sent, dict)
    assert judge_chat(answer.body).choices[0].message.content == "Said by Gemini."
    assert "parameters" in sent["tools"][0]["functionDeclarations"][0]
    assert sent["labels"] == {"team": "a"}
    assert last(provider).target == f"{GOOGLE}:streamGenerateContent?alt=sse"


@pytest.mark.parametrize("body", [HI, {"generateContentRequest": {"model": "models/gemini-2.5-pro", **HI}}])
def test_gemini_on_vertex_counts_the_bare_request(clouds: Gateway, provider: Upstream, body: object) -> None:
    answer = ask_gemini(clouds, "countTokens", body)

    assert answer.json() == {"totalTokens": 4711}
    assert last(provider).json() == HI


def test_gemini_on_vertex_counts_for_claude_code(clouds: Gateway, provider: Upstream) -> None:
    body = messages_body("gemini-2.5-pro", system="Be brief.")
    answer = clouds.call("POST", "/v1/messages/count_tokens", ANTHROPIC_HEADERS, body)

    sent = last(provider).json()
    assert answer.json() == {"input_tokens": 4711}
    assert isinstance(sent, dict)
    assert sent["systemInstruction"] == {"parts": [{"text": "Be brief."}]}


# -- Claude on Vertex and Bedrock


@pytest.mark.parametrize("model", ["claude-on-vertex", "claude-on-bedrock"])
def test_claude_in_a_cloud_answers_whole(clouds: Gateway, provider: Upstream, model: str) -> None:
    answer = ask_anthropic(clouds, body=messages_body(model))

    sent = last(provider).json()
    assert judge_anthropic_whole(answer.body).content[0].to_dict()["text"] == "Said by Claude."
    assert isinstance(sent, dict)
    assert "model" not in sent
    assert str(sent["anthropic_version"]).startswith(("vertex-", "bedrock-"))
    assert CALLER_KEY not in str(last(provider).headers)


@pytest.mark.parametrize("model", ["claude-on-vertex", "claude-on-bedrock"])
def test_claude_in_a_cloud_streams(clouds: Gateway, model: str) -> None:
    answer = ask_anthropic(clouds, body=messages_body(model, stream=True))

    assert answer.body == b"".join(map(named, EVENTS))
    assert judge_anthropic(answer.body).content[0].to_dict()["text"] == "Said by Claude."
    assert str(answer.header("content-type")).startswith("text/event-stream")


@pytest.mark.parametrize("model", ["claude-on-vertex", "claude-on-bedrock"])
def test_claude_in_a_cloud_streams_to_a_chat_client(clouds: Gateway, model: str) -> None:
    answer = ask_chat(clouds, body=chat_body(model, stream=True))

    assert judge_chat(answer.body).choices[0].message.content == "Said by Claude."


def test_bedrock_is_asked_with_a_signature_and_without_the_betas_that_it_refuses(
    clouds: Gateway, provider: Upstream
) -> None:
    headers = (("x-api-key", CALLER_KEY), ("anthropic-beta", "known-1,unheard-of-2"), *ANTHROPIC_HEADERS[1:])
    clouds.call("POST", "/v1/messages", headers, messages_body("claude-on-bedrock"))

    sent = last(provider)
    [signed] = sent.values("authorization")
    body = sent.json()
    assert isinstance(body, dict)
    assert body["anthropic_beta"] == ["known-1"]
    assert signed.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "wJalr" not in str(sent)


def test_claude_on_vertex_is_counted_there_and_on_bedrock_here(clouds: Gateway, provider: Upstream) -> None:
    on_vertex = clouds.call("POST", "/v1/messages/count_tokens", ANTHROPIC_HEADERS, messages_body("claude-on-vertex"))
    asked = len(provider.requests)
    on_bedrock = clouds.call("POST", "/v1/messages/count_tokens", ANTHROPIC_HEADERS, messages_body("claude-on-bedrock"))

    estimate = on_bedrock.json()
    assert on_vertex.json() == {"input_tokens": 4712}
    assert isinstance(estimate, dict)
    assert 0 < estimate["input_tokens"] < 100
    assert len(provider.requests) == asked


# -- Azure


def test_case_057_azures_first_chunk_without_choices_is_no_part_of_the_answer(
    clouds: Gateway, provider: Upstream
) -> None:
    answer = ask_anthropic(clouds, body=messages_body("gpt-on-azure", stream=True))

    assert anthropic_faults(answer.body) == []
    message = judge_anthropic(answer.body)
    assert message.content[0].to_dict()["text"] == "Said by GPT."
    assert message.usage.output_tokens == 4
    assert last(provider).query == "api-version=2024-10-21"
    assert last(provider).values("api-key") == (TOKEN,)


# -- OpenAI's own counter


@pytest.mark.parametrize("path", ["/v1/messages/count_tokens", "/v1/responses/input_tokens"])
def test_case_170_a_responses_channel_counts_by_its_provider(clouds: Gateway, provider: Upstream, path: str) -> None:
    tool = {"name": "ls", "input_schema": {"type": "object", "properties": {}}}
    as_anthropic = {"messages": [{"role": "user", "content": "hi"}], "system": "Be brief.", "tools": [tool]}
    asked = {"/v1/messages/count_tokens": as_anthropic, "/v1/responses/input_tokens": {"input": "hi"}}[path]
    answer = clouds.call("POST", path, ANTHROPIC_HEADERS, json.dumps({"model": "gpt-4.1", **asked}).encode())

    counted, sent = answer.json(), last(provider)
    assert isinstance(counted, dict)
    assert counted["input_tokens"] == 4713
    body = sent.json()
    assert isinstance(body, dict)
    assert sent.path == "/v1/responses/input_tokens"
    assert sorted(body) == (["input", "model"] if "input" in asked else ["input", "instructions", "model", "tools"])


# -- several answers


def test_case_155_several_answers_are_asked_for_where_they_are_given(clouds: Gateway, provider: Upstream) -> None:
    given = ask_chat(clouds, body=chat_body("gemini-2.5-pro", n=2))
    asked = last(provider).json()
    refused = ask_chat(clouds, body=chat_body("claude-on-vertex", n=2))

    assert isinstance(asked, dict)
    assert asked["generationConfig"]["candidateCount"] == 2
    assert given.status == 200
    assert (refused.status, refused.error()["type"]) == (400, "invalid_request_error")
    assert "one answer" in str(refused.error()["message"])
