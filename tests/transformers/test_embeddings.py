"""Embeddings: OpenAI's words towards clients, Gemini's towards providers."""

import base64
import math
import struct

import pytest
from hypothesis import given, strategies as st

from axonhub.transformers.hub.embeddings import EmbeddingRequest, EmbeddingResponse
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.protocol import Unreadable, Unsupported
from axonhub.transformers.protocols.gemini.embeddings import GeminiEmbeddings
from axonhub.transformers.protocols.openai_chat.embeddings import ChatEmbeddings
from axonhub.transformers.registry import discovered

CLIENT, PROVIDER = ChatEmbeddings(), GeminiEmbeddings()


def test_protocols_tell_who_takes_part():
    clients = {name for name, protocol in discovered().items() if protocol.embeddings_client}
    providers = {name for name, protocol in discovered().items() if protocol.embeddings_provider}

    assert clients == {"openai/chat"}
    assert providers == {"gemini/generate_content"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"input": "one"}, EmbeddingRequest("m", ("one",))),
        ({"input": ["one", "two"], "dimensions": 256}, EmbeddingRequest("m", ("one", "two"), 256)),
        ({"input": "one", "encoding_format": "base64"}, EmbeddingRequest("m", ("one",), None, "base64")),
        ({"input": "one", "user": "me"}, EmbeddingRequest("m", ("one",), rest={"user": "me"})),
    ],
)
def test_request_is_read(body, expected):
    assert expected == CLIENT.read_request({"model": "m", **body})


@pytest.mark.parametrize(
    ("body", "error", "path"),
    [
        ({"input": [1, 2, 3]}, Unsupported, "input[0]"),
        ({"input": [[1, 2], [3]]}, Unsupported, "input[0]"),
        ({"input": ["one", 2]}, Unsupported, "input[1]"),
        ({"input": []}, Unreadable, "input"),
        ({"input": {"text": "one"}}, Unreadable, "input"),
        ({"input": [True]}, Unreadable, "input[0]"),
        ({}, Unreadable, "input"),
        ({"input": "one", "encoding_format": "int8"}, Unreadable, "encoding_format"),
        ({"input": "one", "dimensions": "many"}, Unreadable, "dimensions"),
    ],
)
def test_what_cannot_be_said_is_refused_with_its_place(body, error, path):
    with pytest.raises(error) as caught:
        CLIENT.read_request({"model": "m", **body})

    assert path == caught.value.path


def test_request_goes_to_gemini_as_a_batch():
    written = PROVIDER.write_request(EmbeddingRequest("gemini-embedding-001", ("one", "two"), 256, rest={"user": "me"}))

    shared = {"model": "models/gemini-embedding-001", "outputDimensionality": 256}
    assert written.body == {
        "requests": [
            {**shared, "content": {"parts": [{"text": "one"}]}},
            {**shared, "content": {"parts": [{"text": "two"}]}},
        ]
    }
    assert ["user"] == [loss.path for loss in written.losses]


def test_vectors_come_from_gemini_with_usage_where_it_tells():
    body = {"embeddings": [{"values": [0.6, 0.8]}, {"values": [1, 0]}]}

    assert PROVIDER.read_response(body) == EmbeddingResponse(((0.6, 0.8), (1, 0)))
    assert PROVIDER.read_response({**body, "usageMetadata": {"promptTokenCount": 7}}).usage == Usage(7)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"embeddings": [{}]},
        {"embeddings": ["x"]},
        {"embeddings": [{"values": ["x"]}]},
        {"embeddings": [{"values": [1e300]}]},
    ],
)
def test_odd_answer_of_gemini_is_unreadable(body):
    with pytest.raises(Unreadable):
        PROVIDER.read_response(body)


def test_answer_is_a_list_of_floats_or_base64():
    response = EmbeddingResponse(((0.6, 0.8),), Usage(7))

    floats = CLIENT.write_response(response, EmbeddingRequest("m", ("one",)))
    packed = CLIENT.write_response(response, EmbeddingRequest("m", ("one",), encoding="base64"))

    assert floats == {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.6, 0.8]}],
        "model": "m",
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    }
    assert packed["data"][0]["embedding"] == base64.b64encode(struct.pack("<2f", 0.6, 0.8)).decode()


@given(st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=20))
def test_vectors_have_the_length_that_openais_have(vector):
    response = EmbeddingResponse((tuple(vector),))

    written = CLIENT.write_response(response, EmbeddingRequest("m", ("one",)))["data"][0]["embedding"]

    assert math.hypot(*written) == pytest.approx(1, abs=2e-3) or math.hypot(*vector) < 1e-300


@pytest.mark.parametrize(
    ("body", "usage"),
    [({"usage": {"prompt_tokens": 5, "total_tokens": 5}}, Usage(5)), ({}, Usage()), ({"usage": 5}, Usage())],
)
def test_usage_of_an_untouched_answer_is_read(body, usage):
    assert usage == CLIENT.read_usage(body)
