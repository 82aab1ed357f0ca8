"""Bedrock, Vertex and Azure: paths, bodies, signatures, frames."""

import base64
import binascii
import json
import struct

import orjson
import pytest
from pydantic import SecretStr

from axonhub.addons.channels import azure, bedrock, vertex
from axonhub.addons.channels.kinds import Outgoing
from axonhub.addons.config import Aws, Azure, Channel, ChannelSettings, Gcp
from axonhub.transformers.protocol import Unreadable, Unsupported
from axonhub.transformers.sse import SseDecoder

AWS = Aws(region="eu-central-1", access_key_id="AKIDEXAMPLE", secret_access_key=SecretStr("wJalr-secret"))
MODEL = "anthropic.claude-sonnet-4-5-v1:0"


def channel(kind: str, **settings: object) -> Channel:
    return Channel(name="c", type=kind, settings=ChannelSettings(**settings))


def outgoing(stream: bool = False, counting: bool = False, **headers: str) -> Outgoing:
    body = orjson.dumps({"model": MODEL, "stream": stream, "max_tokens": 5, "messages": []})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Outgoing("http://x.test/v1/messages?beta=true", named, body, MODEL, stream, counting)


# -- Bedrock


@pytest.mark.parametrize(("stream", "operation"), [(False, "invoke"), (True, "invoke-with-response-stream")])
def test_bedrock_names_model_and_stream_in_the_path(stream: bool, operation: str):
    sent = bedrock.adapt(outgoing(stream), channel("anthropic_aws", aws=AWS))

    assert f"https://bedrock-runtime.eu-central-1.amazonaws.com/model/{MODEL}/{operation}" == sent.url
    assert {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 5, "messages": []} == orjson.loads(sent.body)


def test_bedrock_takes_betas_in_the_body():
    sent = bedrock.adapt(
        outgoing(anthropic_beta="a-1, b-2", anthropic_version="2023-06-01"), channel("anthropic_aws", aws=AWS)
    )

    assert ["a-1", "b-2"] == orjson.loads(sent.body)["anthropic_beta"]
    assert not [name for name in sent.headers if name.startswith("anthropic-")]


def test_bedrocks_signature_covers_what_is_sent_and_is_kept_apart():
    aws = channel("anthropic_aws", aws=AWS)
    one = bedrock.sign(bedrock.adapt(outgoing(), aws), aws)
    other_body = bedrock.sign(bedrock.adapt(outgoing(anthropic_beta="x"), aws), aws)
    day = one.secret_headers["x-amz-date"][:8]

    assert f"Credential=AKIDEXAMPLE/{day}/eu-central-1/bedrock/aws4_request" in one.secret_headers["authorization"]
    assert one.secret_headers["authorization"] != other_body.secret_headers["authorization"]
    assert "authorization" not in one.headers
    assert "wJalr-secret" not in repr(one)


def test_bedrock_counts_no_tokens():
    with pytest.raises(Unsupported, match="counts no tokens"):
        bedrock.adapt(outgoing(counting=True), channel("anthropic_aws", aws=AWS))


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    """One AWS event-stream message, put together by hand."""
    block = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    head = prelude + struct.pack(">I", binascii.crc32(prelude))
    return head + block + payload + struct.pack(">I", binascii.crc32(head + block + payload))


def chunk(event: dict) -> bytes:
    held = base64.b64encode(json.dumps(event).encode()).decode()
    return frame({":message-type": "event", ":event-type": "chunk"}, json.dumps({"bytes": held}).encode())


def test_frames_become_events_however_they_are_cut():
    events = [{"type": "message_start", "message": {}}, {"type": "ping"}, {"type": "message_stop"}]
    data = b"".join(map(chunk, events))
    decode = bedrock.decode_stream()

    text = b"".join(decode(data[at : at + 7]) for at in range(0, len(data), 7))

    read = SseDecoder().feed(text)
    assert [event["type"] for event in events] == [each.name for each in read]
    assert events == [json.loads(each.data) for each in read]


def test_an_exception_frame_becomes_an_error_event():
    decode = bedrock.decode_stream()
    text = decode(
        frame({":message-type": "exception", ":exception-type": "throttlingException"}, b'{"message":"slow"}')
    )

    error = json.loads(SseDecoder().feed(text)[0].data)["error"]
    assert {"type": "overloaded_error", "message": "throttlingException: slow"} == error


def test_a_broken_frame_is_unreadable():
    with pytest.raises(Unreadable):
        bedrock.decode_stream()(b"\x00" * 40)


# -- Vertex


@pytest.mark.parametrize(
    ("region", "host"), [("global", "aiplatform.googleapis.com"), ("us-east5", "us-east5-aiplatform.googleapis.com")]
)
@pytest.mark.parametrize(("stream", "method"), [(False, "rawPredict"), (True, "streamRawPredict")])
def test_vertex_names_project_region_and_model_in_the_path(region: str, host: str, stream: bool, method: str):
    to = channel("anthropic_gcp", gcp=Gcp(project_id="proj", region=region))
    sent = vertex.adapt(outgoing(stream), to)

    assert sent.url == (
        f"https://{host}/v1/projects/proj/locations/{region}/publishers/anthropic/models/{MODEL}:{method}"
    )
    assert "model" not in orjson.loads(sent.body)
    assert "vertex-2023-10-16" == orjson.loads(sent.body)["anthropic_version"]


def test_vertex_counts_with_the_model_in_the_body():
    sent = vertex.adapt(outgoing(counting=True), channel("anthropic_gcp", gcp=Gcp(project_id="p")))

    assert sent.url.endswith("/models/count-tokens:rawPredict")
    assert MODEL == orjson.loads(sent.body)["model"]


def test_vertex_takes_a_given_token_and_says_when_a_key_file_is_broken():
    given = Channel(
        name="c",
        type="anthropic_gcp",
        api_keys=(SecretStr("ya29.token"),),
        settings=ChannelSettings(gcp=Gcp(project_id="p")),
    )
    broken = channel("anthropic_gcp", gcp=Gcp(project_id="p", credentials_json=SecretStr('{"type": "nothing"}')))

    assert "ya29.token" == vertex.fetch_token(given).get_secret_value()
    with pytest.raises(OSError, match="no access token"):
        vertex.fetch_token(broken)


# -- Azure


def test_azure_names_the_deployment_in_the_path():
    to = Channel(
        name="c",
        type="azure",
        base_url="https://res.openai.azure.com",
        settings=ChannelSettings(azure=Azure(api_version="2024-10-21")),
    )
    sent = azure.adapt(Outgoing("https://res.openai.azure.com/v1/chat/completions", {}, b"{}", "my gpt"), to)

    assert (
        "https://res.openai.azure.com/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21" == sent.url
    )


@pytest.mark.parametrize("base_url", ["https://res.openai.azure.com", "https://res.openai.azure.com/openai/v1/"])
def test_azures_newer_address_keeps_the_model_in_the_body(base_url: str):
    to = Channel(name="c", type="azure", base_url=base_url)
    sent = azure.adapt(Outgoing("https://res.openai.azure.com/v1/chat/completions", {}, b"{}", "gpt"), to)

    assert "https://res.openai.azure.com/openai/v1/chat/completions" == sent.url


@pytest.mark.parametrize("module", [bedrock, vertex])
def test_missing_settings_are_told(module):
    with pytest.raises(Unsupported, match=r"settings\."):
        module.adapt(outgoing(), channel("openai"))
