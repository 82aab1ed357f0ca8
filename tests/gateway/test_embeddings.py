"""Embeddings asked in OpenAI's words, of an OpenAI channel and of a Gemini channel; the official SDK is the judge."""

import base64
import json
import struct
from collections.abc import Iterator

import openai
import pytest

from tests.gateway.conftest import (
    CALLER_KEY,
    CHAT_CREDENTIAL,
    CHAT_HEADERS,
    StartGateway,
    Upstreams,
    anthropic_channel,
    chat_channel,
    config_of,
)
from tests.gateway.process import Gateway
from tests.upstreams.server import Reply, Request, Upstream, json_reply

GEMINI_CREDENTIAL = "AIza-credential-of-the-channel"
VECTORS = [[0.6, 0.8, 0.0], [0.0, 3.0, 4.0]]
"""The second one as Gemini gives it when it cut one short."""


def gemini(request: Request) -> Reply:
    """Refuses what Gemini refuses: members that it does not know, models that differ from the path's."""
    body = request.json()
    assert isinstance(body, dict)
    asked = body.get("requests")
    if set(body) != {"requests"} or not isinstance(asked, list) or not asked:
        return json_reply(400, {"error": {"code": 400, "message": "requests", "status": "INVALID_ARGUMENT"}})
    for each in asked:
        if set(each) - {"model", "content", "outputDimensionality"} or each["model"] != "models/embed-g":
            return json_reply(400, {"error": {"code": 400, "message": "odd request", "status": "INVALID_ARGUMENT"}})
    return json_reply(200, {"embeddings": [{"values": values} for values in VECTORS[: len(asked)]]})


def openais(request: Request) -> Reply:
    packed = base64.b64encode(struct.pack("<3f", *VECTORS[0])).decode()
    data = [{"object": "embedding", "index": 0, "embedding": packed}]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return json_reply(200, {"object": "list", "data": data, "model": "embed-o", "usage": usage, "more": "kept"})


@pytest.fixture(scope="module")
def google() -> Iterator[Upstream]:
    with Upstream(gemini) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def shared(start_for_module: StartGateway, standing_upstreams: Upstreams, google: Upstream) -> Gateway:
    gemini_channel = {
        "name": "third",
        "type": "gemini",
        "base_url": f"{google.url}/v1beta",
        "api_keys": [GEMINI_CREDENTIAL],
        "supported_models": ["embed-g"],
    }
    channels = [
        anthropic_channel(standing_upstreams.anthropic),
        chat_channel(standing_upstreams.chat, supported_models=["embed-o"]),
        chat_channel(standing_upstreams.chat, name="vendor", type="siliconflow", supported_models=["embed-v"]),
        gemini_channel,
    ]
    return start_for_module(config_of(channels))


@pytest.fixture
def client(shared: Gateway, google: Upstream, upstreams: Upstreams) -> Iterator[openai.OpenAI]:
    google.forget()
    upstreams.chat.script = openais
    with openai.OpenAI(api_key=CALLER_KEY, base_url=f"{shared.url}/v1", max_retries=0) as client:
        yield client


@pytest.mark.parametrize("model", ["embed-o", "embed-v"])
def test_openais_channels_get_the_clients_bytes(
    shared: Gateway, client: openai.OpenAI, upstreams: Upstreams, model: str
) -> None:
    """Also token lists, which only they understand, and vendors of dialects, who have none of embeddings."""
    body = b'{"model" : "' + model.encode() + b'", "input":[1,2,3], "later_member":{"b":1,"a":1.0}}'

    answer = shared.call("POST", "/v1/embeddings", CHAT_HEADERS, body)

    assert answer.status == 200
    assert upstreams.chat.only.body == body
    assert upstreams.chat.only.path == "/v1/embeddings"
    assert upstreams.chat.only.header("authorization") == f"Bearer {CHAT_CREDENTIAL}"
    parsed = answer.json()
    assert isinstance(parsed, dict)
    assert parsed["more"] == "kept"


def test_sdk_reads_an_untouched_answer(client: openai.OpenAI) -> None:
    answer = client.embeddings.create(model="embed-o", input="one")

    assert answer.data[0].embedding == pytest.approx(VECTORS[0])
    assert answer.usage.prompt_tokens == 3


@pytest.mark.parametrize("encoding", [None, "float", "base64"])
def test_gemini_channel_answers_openais_sdk(client: openai.OpenAI, google: Upstream, encoding: str | None) -> None:
    """The SDK asks for base64 unless told otherwise, and unpacks it itself then."""
    more = {"encoding_format": encoding} if encoding else {}

    answer = client.embeddings.create(model="embed-g", input=["one", "two"], dimensions=3, **more)  # type: ignore[arg-type]

    asked = google.only
    assert asked.path == "/v1beta/models/embed-g:batchEmbedContents"
    assert asked.header("x-goog-api-key") == GEMINI_CREDENTIAL
    assert asked.json() == {
        "requests": [
            {"model": "models/embed-g", "outputDimensionality": 3, "content": {"parts": [{"text": text}]}}
            for text in ("one", "two")
        ]
    }
    vectors = [
        list(struct.unpack("<3f", base64.b64decode(each.embedding))) if encoding == "base64" else each.embedding  # type: ignore[arg-type]
        for each in answer.data
    ]
    assert [each.index for each in answer.data] == [0, 1]
    assert vectors == [pytest.approx([0.6, 0.8, 0.0]), pytest.approx([0.0, 0.6, 0.8])]
    assert answer.model == "embed-g"
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (0, 0)


def test_token_lists_are_refused_where_text_is_needed(client: openai.OpenAI, google: Upstream) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model="embed-g", input=[[1, 2], [3]])

    assert caught.value.param == "input[0]"
    assert google.requests == []


def test_channel_without_embeddings_says_so(client: openai.OpenAI, upstreams: Upstreams) -> None:
    with pytest.raises(openai.BadRequestError, match="no embeddings"):
        client.embeddings.create(model="claude-sonnet-4-5", input="one")

    assert upstreams.anthropic.requests == []


def test_failure_of_gemini_comes_in_openais_envelope(client: openai.OpenAI, google: Upstream) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model="embed-g", input="one", extra_body={"input": []})
    assert google.requests == []
    assert caught.value.param == "input"

    error = {"error": {"code": 400, "message": "at most 100 requests", "status": "INVALID_ARGUMENT"}}
    google.script = lambda request: json_reply(400, error)
    try:
        with pytest.raises(openai.BadRequestError, match="at most 100 requests"):
            client.embeddings.create(model="embed-g", input="one")
    finally:
        google.script = gemini


def test_what_gemini_cannot_hear_is_a_told_loss(shared: Gateway, client: openai.OpenAI) -> None:
    body = json.dumps({"model": "embed-g", "input": "one", "user": "me"}).encode()

    answer = shared.call("POST", "/v1/embeddings", CHAT_HEADERS, body)

    assert answer.status == 200
    assert answer.header("x-axonhub-loss") == "user"
