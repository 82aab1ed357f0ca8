"""Usage of Chat streams whose client does not ask for it: counted where the operator wants it, seen by nobody else."""

import json

import pytest

from tests.gateway.conftest import StartGateway, Upstreams, ask_chat, chat_body, chat_channel, config_of
from tests.gateway.process import Gateway
from tests.gateway.test_traces import record_of
from tests.upstreams.chat import chat
from tests.upstreams.plan import Turn, Usage

TURN = Turn(text="Nobody asked.", usage=Usage(fresh=901, cache_read=99, out=42))
ASKING = {"stream_options": {"include_usage": True}}


@pytest.fixture(scope="module")
def counting(start_for_module: StartGateway, standing_upstreams: Upstreams) -> Gateway:
    return start_for_module(config_of([chat_channel(standing_upstreams.chat, settings={"count_stream_usage": True})]))


@pytest.fixture(autouse=True)
def speaks(upstreams: Upstreams) -> None:
    upstreams.chat.script = chat(lambda conversation: TURN, upstreams.refusals)


def test_usage_is_counted_and_the_client_does_not_see_it(counting: Gateway, upstreams: Upstreams) -> None:
    body = chat_body(stream=True)

    answer = ask_chat(counting, body=body)

    assert upstreams.refusals == []
    assert upstreams.chat.only.body == body[:-1] + b',"stream_options":{"include_usage":true}}'
    chunks = [json.loads(line[6:]) for line in answer.body.splitlines() if line.startswith(b"data: {")]
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks) == TURN.text
    assert not any(chunk.get("usage") for chunk in chunks)
    assert answer.body.endswith(b"data: [DONE]\n\n")
    record = record_of(counting, answer)
    assert record["usage"]["input"] == 901  # type: ignore[index]
    assert record["usage"]["output"] == 42  # type: ignore[index]
    assert record["cost"]


@pytest.mark.parametrize("more", [{"stream": True, **ASKING}, {"stream": True, "stream_options": {}}, {}])
def test_a_client_that_says_what_it_wants_gets_it(
    counting: Gateway, upstreams: Upstreams, more: dict[str, object]
) -> None:
    body = chat_body(**more)

    answer = ask_chat(counting, body=body)

    assert upstreams.chat.only.body == body
    assert (b'"usage"' in answer.body) == ("stream" not in more or more["stream_options"] != {})
