"""Several answers to one request: chat's `n` and Gemini's `candidateCount` say the same, whole and streamed."""

import json

import pytest
from openai.types.chat import ChatCompletion

from axonhub.transformers import dialects
from axonhub.transformers.hub.events import Failed
from axonhub.transformers.hub.fold import fold, unfold
from axonhub.transformers.hub.responses import Response
from axonhub.transformers.protocol import Reply, Undo, Unsupported
from axonhub.transformers.registry import discovered
from axonhub.transformers.sse import SseDecoder
from tests.judges.gemini import gemini_sdk
from tests.judges.sdk import judge_chat, judge_chat_whole

CHAT, GEMINI = (discovered()[name] for name in ("openai/chat", "gemini/generate_content"))
OTHERS = [discovered()[name] for name in ("anthropic/messages", "openai/responses")]
CHAT_ASKS = {"model": "m", "n": 2, "messages": [{"role": "user", "content": "hi"}]}
GEMINI_ASKS = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "generationConfig": {"candidateCount": 2}}
HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


def reply(protocol, body, stream=True):
    return Reply("0123456789abcdef01234567", 1_700_000_000, protocol.read_request(body, "m", stream))


CHAT_REPLY = reply(CHAT, {**CHAT_ASKS, "stream_options": {"include_usage": True}})
GEMINI_REPLY = reply(GEMINI, GEMINI_ASKS)


def sse(*chunks):
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)


def chunk(index, delta, finish_reason=None):
    return {**HEAD, "choices": [{"index": index, "delta": delta, "finish_reason": finish_reason}]}


CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "ls", "arguments": '{"a":1}'}}
CHAT_STREAM = sse(
    chunk(0, {"role": "assistant", "content": "He"}),
    chunk(1, {"role": "assistant", "content": "Wel"}),
    chunk(0, {"content": "llo"}),
    chunk(1, {"content": "come", "tool_calls": [CALL]}),
    chunk(1, {}, "tool_calls"),
    chunk(0, {}, "stop"),
    {**HEAD, "choices": [], "usage": USAGE},
)
GEMINI_STREAM = sse(
    {
        "candidates": [
            {"index": 0, "content": {"role": "model", "parts": [{"text": "He"}]}},
            {"index": 1, "content": {"role": "model", "parts": [{"text": "Wel"}]}},
        ],
        "responseId": "r",
    },
    {"candidates": [{"index": 1, "content": {"parts": [{"text": "come"}, {"functionCall": {"name": "ls"}}]}}]},
    {"candidates": [{"index": 0, "content": {"parts": [{"text": "llo"}]}, "finishReason": "STOP"}]},
    {
        "candidates": [{"index": 1, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7},
    },
)


def events(protocol, stream, dialect):
    decoder, reader = SseDecoder(), protocol.stream_reader(dialect, Undo())
    told = [*decoder.feed(stream), *decoder.flush()]
    return [*(event for each in told for event in reader.read(each)), *reader.finish()]


READ = {
    "chat": (CHAT, CHAT_STREAM + b"data: [DONE]\n\n", dialects.OPENAI),
    "gemini": (GEMINI, GEMINI_STREAM, dialects.GEMINI),
}
each_provider = pytest.mark.parametrize("provider", READ)


def texts(completion: ChatCompletion):
    return [(choice.index, choice.message.content, choice.finish_reason) for choice in completion.choices]


def gemini_texts(chunks):
    told: dict[int, str] = {}
    for each in chunks:
        for candidate in each.candidates:
            told[candidate.index or 0] = told.get(candidate.index or 0, "") + "".join(
                part.text or "" for part in candidate.content.parts
            )
    return told


@each_provider
def test_a_chat_client_streams_both_answers(provider):
    writer = CHAT.stream_writer(CHAT_REPLY)
    stream = b"".join(writer.write(event) for event in events(*READ[provider]))
    completion = judge_chat(stream)

    assert texts(completion) == [(0, "Hello", "stop"), (1, "Welcome", "tool_calls")]
    assert completion.choices[1].message.tool_calls[0].function.name == "ls"
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (3, 4)
    assert stream.count(b'"role"') == 2


@each_provider
def test_a_gemini_client_streams_both_answers(provider):
    writer = GEMINI.stream_writer(GEMINI_REPLY)
    stream = b"".join(writer.write(event) for event in events(*READ[provider]))
    chunks = list(gemini_sdk(stream, "text/event-stream").models.generate_content_stream(model="m", contents="hi"))

    assert gemini_texts(chunks) == {0: "Hello", 1: "Welcome"}
    assert [candidate.finish_reason.value for candidate in chunks[-1].candidates] == ["STOP", "STOP"]
    assert chunks[-1].usage_metadata.candidates_token_count == 4


@each_provider
def test_whole_answers_hold_both(provider):
    protocol, stream, dialect = READ[provider]
    folded = fold(events(protocol, stream, dialect))
    assert isinstance(folded, Response)

    chat = judge_chat_whole(json.dumps(CHAT.write_response(folded, CHAT_REPLY)).encode())
    gemini = json.dumps(GEMINI.write_response(folded, GEMINI_REPLY)).encode()

    assert texts(chat) == [(0, "Hello", "stop"), (1, "Welcome", "tool_calls")]
    whole = gemini_sdk(gemini, "application/json").models.generate_content(model="m", contents="hi")
    assert gemini_texts([whole]) == {0: "Hello", 1: "Welcome"}


@pytest.mark.parametrize("protocol", [CHAT, GEMINI], ids=lambda each: each.name)
def test_a_whole_answer_reads_and_unfolds_as_it_was_written(protocol):
    name, stream, dialect = READ["chat" if protocol is CHAT else "gemini"]
    folded = fold(events(name, stream, dialect))
    body = protocol.write_response(folded, CHAT_REPLY if protocol is CHAT else GEMINI_REPLY)

    again = protocol.read_response(body, dialect, Undo())

    assert [[each.stop, len(each.parts)] for each in (again, *again.alternatives)] == [
        [each.stop, len(each.parts)] for each in (folded, *folded.alternatives)
    ]
    assert fold(unfold(again)).alternatives == again.alternatives


def test_calls_of_two_answers_have_ids_of_their_own():
    called = {"content": {"parts": [{"functionCall": {"name": "ls"}}]}, "finishReason": "STOP"}
    whole = GEMINI.read_response(
        {"candidates": [called, {**called, "index": 1}], "responseId": "r"}, dialects.GEMINI, Undo()
    )

    ids = [answer.parts[0].id for answer in (whole, *whole.alternatives)]
    assert len(set(ids)) == 2


@pytest.mark.parametrize(("protocol", "stream", "dialect"), READ.values(), ids=READ)
def test_a_client_that_asked_for_one_answer_hears_one(protocol, stream, dialect):
    told = events(protocol, stream, dialect)
    single = reply(CHAT, {**CHAT_ASKS, "n": 1})
    writer = CHAT.stream_writer(single)
    completion = judge_chat(b"".join(writer.write(event) for event in told))

    assert texts(completion) == [(0, "Hello", "stop")]
    assert len(CHAT.write_response(fold(told), single)["choices"]) == 1


@pytest.mark.parametrize("client", OTHERS, ids=lambda each: each.name)
@each_provider
def test_other_clients_hear_the_first_answer_alone(client, provider):
    told = events(*READ[provider])
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], "input": "hi"}
    writer = client.stream_writer(reply(client, body))
    stream = b"".join(writer.write(event) for event in told)

    assert b"llo" in stream
    assert b"come" not in stream


@each_provider
def test_one_answer_that_is_cut_off_breaks_all(provider):
    protocol, stream, dialect = READ[provider]
    pieces = stream.split(b"\n\n")
    without = b"\n\n".join(
        each for each in pieces if b'"tool_calls"}' not in each and b'"index": 1, "finish' not in each
    )
    without = without.removesuffix(b"data: [DONE]\n\n")

    assert isinstance(events(protocol, without, dialect)[-1], Failed)


@pytest.mark.parametrize(
    ("client", "body", "provider", "dialect", "member"),
    [
        (CHAT, CHAT_ASKS, GEMINI, dialects.GEMINI, ("generationConfig", "candidateCount")),
        (GEMINI, GEMINI_ASKS, CHAT, dialects.OPENAI, ("n",)),
        (CHAT, CHAT_ASKS, CHAT, dialects.VLLM, ("n",)),
    ],
)
def test_case_155_the_number_reaches_a_provider_that_takes_it(client, body, provider, dialect, member):
    told = provider.write_request(client.read_request(body, "m", False), dialect).body
    for name in member:
        told = told[name]

    assert told == 2


@pytest.mark.parametrize(
    ("provider", "dialect"),
    [
        (discovered()["anthropic/messages"], dialects.ANTHROPIC),
        (discovered()["openai/responses"], dialects.RESPONSES),
        (CHAT, dialects.DEEPSEEK),
    ],
)
@pytest.mark.parametrize(("client", "body"), [(CHAT, CHAT_ASKS), (GEMINI, GEMINI_ASKS)])
def test_case_155_a_provider_of_single_answers_is_not_asked(provider, dialect, client, body):
    with pytest.raises(Unsupported, match="one answer"):
        provider.write_request(client.read_request(body, "m", False), dialect)
