"""Log probabilities of an answer's tokens, in the words of the three protocols that have them."""

import json

import pytest

from axonhub.transformers import dialects
from axonhub.transformers.hub.fold import fold, unfold
from axonhub.transformers.hub.logprobs import TokenLogprob
from axonhub.transformers.hub.parts import Refusal, Text
from axonhub.transformers.hub.responses import Response, StopReason
from axonhub.transformers.protocol import Reply, Undo
from axonhub.transformers.registry import discovered
from axonhub.transformers.sse import SseDecoder
from tests.judges.gemini import judge_gemini_whole
from tests.judges.sdk import judge_chat, openai_sdk

CHAT, RESPONSES, GEMINI, ANTHROPIC = (
    discovered()[name] for name in ("openai/chat", "openai/responses", "gemini/generate_content", "anthropic/messages")
)
DIALECTS = {CHAT: dialects.OPENAI, RESPONSES: dialects.RESPONSES, GEMINI: dialects.GEMINI}
HI = {
    CHAT: {"model": "m", "messages": [{"role": "user", "content": "hi"}], "logprobs": True, "top_logprobs": 2},
    RESPONSES: {"model": "m", "input": "hi", "include": ["message.output_text.logprobs"], "top_logprobs": 2},
    GEMINI: {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "generationConfig": {"responseLogprobs": True, "logprobs": 2},
    },
}
each_of_three = pytest.mark.parametrize("protocol", DIALECTS, ids=lambda each: each.name)


def token(text, logprob, *others, octets=True):
    return TokenLogprob(text, logprob, tuple(text.encode()) if octets else None, others)


def tokens(octets=True):
    other = token("Hi", -2.5, octets=octets)
    return (
        token("Hel", -0.25, token("Hel", -0.25, octets=octets), other, octets=octets),
        token("lo ü", -0.5, octets=octets),
    )


def reply(protocol):
    return Reply("0123456789abcdef01234567", 1_700_000_000, protocol.read_request(HI[protocol], "m", True))


def answer(told):
    return Response((Text("Hello ü", logprobs=told),), StopReason.END, id="r", model="m")


@each_of_three
def test_whole_answers_keep_them(protocol):
    told = tokens(octets=protocol is not GEMINI)
    body = protocol.write_response(answer(told), reply(protocol))
    again = protocol.read_response(body, DIALECTS[protocol], Undo())

    assert again.parts == answer(told).parts


@each_of_three
def test_streams_keep_them(protocol):
    told = tokens(octets=protocol is not GEMINI)
    writer, decoder = protocol.stream_writer(reply(protocol)), SseDecoder()
    reader = protocol.stream_reader(DIALECTS[protocol], Undo())
    frames = decoder.feed(b"".join(writer.write(event) for event in unfold(answer(told))))
    again = fold([*(event for frame in frames for event in reader.read(frame)), *reader.finish()])

    assert again.parts == answer(told).parts


@pytest.mark.parametrize("client", DIALECTS, ids=lambda each: each.name)
@pytest.mark.parametrize("provider", DIALECTS, ids=lambda each: each.name)
def test_the_wish_for_them_reaches_every_provider_that_has_them(client, provider):
    written = provider.write_request(client.read_request(HI[client], "m", False), DIALECTS[provider])
    again = provider.read_request(written.body, "m", False)

    assert (again.sampling.logprobs, again.sampling.top_logprobs) == (True, 2)
    assert written.losses == ()


@pytest.mark.parametrize("client", DIALECTS, ids=lambda each: each.name)
def test_anthropic_has_none_and_the_loss_is_recorded(client):
    written = ANTHROPIC.write_request(client.read_request(HI[client], "m", False), dialects.ANTHROPIC)

    assert {"logprobs", "top_logprobs"} <= {loss.path for loss in written.losses}


@pytest.mark.parametrize("provider", [CHAT, GEMINI], ids=lambda each: each.name)
def test_a_number_of_likely_tokens_without_the_wish_for_any_is_left_out(provider):
    """A Responses client may send the number alone; the others refuse it without the wish."""
    body = {"model": "m", "input": "hi", "top_logprobs": 3}
    written = provider.write_request(RESPONSES.read_request(body, None, False), DIALECTS[provider])

    assert provider.read_request(written.body, "m", False).sampling.top_logprobs is None
    assert [loss.path for loss in written.losses] == ["top_logprobs"]


def test_openai_python_reads_those_of_gemini():
    told = {"token": "Hel", "logProbability": -0.25, "tokenId": 7}
    other = {"token": "Hi", "logProbability": -2.5, "tokenId": 8}
    candidate = {
        "content": {"role": "model", "parts": [{"text": "Hel"}]},
        "logprobsResult": {"chosenCandidates": [told], "topCandidates": [{"candidates": [told, other]}]},
        "finishReason": "STOP",
    }
    stream = b"data: " + json.dumps({"candidates": [candidate]}).encode() + b"\n\n"
    reader, writer = GEMINI.stream_reader(dialects.GEMINI, Undo()), CHAT.stream_writer(reply(CHAT))
    events = [*(event for frame in SseDecoder().feed(stream) for event in reader.read(frame)), *reader.finish()]

    [choice] = judge_chat(b"".join(writer.write(event) for event in events)).choices

    [read] = choice.logprobs.content
    assert (read.token, read.logprob, read.bytes) == ("Hel", -0.25, [72, 101, 108])
    assert [(each.token, each.logprob) for each in read.top_logprobs] == [("Hel", -0.25), ("Hi", -2.5)]


def test_openai_pythons_responses_stream_reads_those_of_chat():
    writer = RESPONSES.stream_writer(reply(RESPONSES))
    stream = b"".join(writer.write(event) for event in unfold(answer(tokens())))
    with openai_sdk(stream, "text/event-stream").responses.stream(model="m", input="hi") as events:
        *_, last = events

    [part] = last.response.output[0].content
    assert [(each.token, each.logprob) for each in part.logprobs] == [("Hel", -0.25), ("lo ü", -0.5)]
    assert b'"delta":"Hello \xc3\xbc","logprobs":[{"token":"Hel"' in stream


def test_google_genai_reads_them():
    body = GEMINI.write_response(answer(tokens()), reply(GEMINI))

    assert judge_gemini_whole(json.dumps(body).encode()).text == "Hello ü"
    result = body["candidates"][0]["logprobsResult"]
    assert [each["token"] for each in result["chosenCandidates"]] == ["Hel", "lo ü"]
    assert [len(each["candidates"]) for each in result["topCandidates"]] == [2, 0]


def test_those_of_a_refusal_stay_those_of_a_refusal():
    told = Response((Refusal("No.", tokens()),), StopReason.FILTER, id="r", model="m")
    body = CHAT.write_response(told, reply(CHAT))

    assert body["choices"][0]["logprobs"]["content"] is None
    assert CHAT.read_response(body, dialects.OPENAI, Undo()).parts == told.parts


@pytest.mark.parametrize("odd", [None, 7, [], {"content": 7}, {"content": [None, {"token": 1}, {"token": "a"}]}])
def test_odd_ones_of_a_provider_are_passed_over(odd):
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop", "logprobs": odd}
    read = CHAT.read_response({"choices": [choice]}, dialects.OPENAI, Undo())

    assert read.parts == (Text("Hi"),)
