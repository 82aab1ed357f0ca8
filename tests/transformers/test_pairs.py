"""Every client protocol over every provider protocol: each kind of answer, read by the client's own strict reader.

The provider's bytes are written by hand (answers.py), the client's are read by the official SDK (readers.py): nothing
of ours judges itself. The pairs of one protocol with itself are converted here too; the gateway passes their bytes on.
"""

import json

import pytest

from axonhub.transformers import dialects
from axonhub.transformers.hub.events import Event, Failed
from axonhub.transformers.hub.failures import Failure
from axonhub.transformers.hub.fold import fold
from axonhub.transformers.hub.requests import Request
from axonhub.transformers.hub.responses import Response
from axonhub.transformers.protocol import Reply, Undo
from axonhub.transformers.registry import discovered
from axonhub.transformers.sse import SseDecoder
from tests.transformers.answers import CACHED, ERROR, FRESH, OUT, Call, Said, body_of, error_of, stream_of
from tests.transformers.grammar import hub_faults
from tests.transformers.readers import READERS, Seen, StreamBroke

ANTHROPIC, CHAT, RESPONSES, GEMINI = PROTOCOLS = (
    "anthropic/messages",
    "openai/chat",
    "openai/responses",
    "gemini/generate_content",
)
DIALECTS = {
    ANTHROPIC: dialects.ANTHROPIC,
    CHAT: dialects.DEEPSEEK,
    RESPONSES: dialects.RESPONSES,
    GEMINI: dialects.GEMINI,
}
REQUESTS: dict[str, dict] = {
    ANTHROPIC: {
        "model": "asked",
        "max_tokens": 4000,
        "messages": [{"role": "user", "content": "hi"}],
        "thinking": {"type": "adaptive"},
        "stream": True,
    },
    CHAT: {
        "model": "asked",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "reasoning_effort": "high",
    },
    RESPONSES: {"model": "asked", "input": "hi", "reasoning": {"effort": "high", "summary": "auto"}, "stream": True},
    GEMINI: {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "generationConfig": {"thinkingConfig": {"includeThoughts": True}},
    },
}
"""A client who wants to see everything."""

READ, WRITE = Call("read", '{"path":"/tmp/ä","lines":[1,2]}', "call_1"), Call("write", '{"to":"x"}', "call_2")
ANSWERS = {
    "text": Said(text="Hello, 北京 😀!"),
    "thinking": Said(thinking="Let me think.", text="Done."),
    "parallel tools": Said(text="Both.", calls=(READ, WRITE), reason="tool"),
    "thinking and tools": Said(thinking="Hm.", calls=(READ, WRITE), reason="tool"),
    "zero-argument tool": Said(calls=(Call("now"),), reason="tool"),
    "length": Said(text="It goes on and", reason="length"),
    "filter": Said(text="This is", reason="filter"),
}
pairs = pytest.mark.parametrize(
    ("client", "provider"), [(client, provider) for client in PROTOCOLS for provider in PROTOCOLS]
)
answers = pytest.mark.parametrize("said", ANSWERS.values(), ids=ANSWERS.keys())


def asked(client: str) -> Request:
    return discovered()[client].read_request(REQUESTS[client], "asked", True)


def reply(client: str) -> Reply:
    return Reply("0123456789abcdef01234567", 1_700_000_000, asked(client), 1500)


def read(provider: str, stream: bytes) -> list[Event]:
    """The provider's bytes as hub events."""
    decoder, reader = SseDecoder(), discovered()[provider].stream_reader(DIALECTS[provider], Undo())
    told = [*decoder.feed(stream), *decoder.flush()]
    return [*(event for each in told for event in reader.read(each)), *reader.finish()]


def converted(client: str, provider: str, said: Said) -> bytes:
    """The client's stream. As in the gateway, nothing is written after the end."""
    events = read(provider, stream_of(provider, said))
    assert hub_faults(events) == []
    writer = discovered()[client].stream_writer(reply(client))
    return b"".join(writer.write(event) for event in events)


def expected(said: Said) -> Seen:
    calls = tuple((call.name, call.value) for call in said.calls)
    return Seen(said.thinking, said.text, calls, said.reason, FRESH + CACHED, CACHED, OUT)


@pairs
@answers
def test_streams_are_read_by_the_clients_own_reader(client: str, provider: str, said: Said):
    stream = converted(client, provider, said)

    assert READERS[client].faults(stream) == []
    assert READERS[client].stream(stream) == expected(said)


@pairs
@answers
def test_whole_answers_are_read_by_the_clients_own_reader(client: str, provider: str, said: Said):
    response = discovered()[provider].read_response(body_of(provider, said), DIALECTS[provider], Undo())
    assert isinstance(response, Response)
    body = discovered()[client].write_response(response, reply(client))

    assert READERS[client].whole(json.dumps(body).encode()) == expected(said)


@pytest.mark.parametrize("provider", PROTOCOLS)
@answers
def test_a_stream_folds_to_what_the_whole_answer_says(provider: str, said: Said):
    folded = fold(read(provider, stream_of(provider, said)))

    assert folded == discovered()[provider].read_response(body_of(provider, said), DIALECTS[provider], Undo())


@pairs
def test_an_error_before_the_answer_is_heard(client: str, provider: str):
    failure = discovered()[provider].read_failure(*error_of(provider))
    status, body = discovered()[client].write_failure(failure, "req_1")

    status_heard, message = READERS[client].refused(status, json.dumps(body).encode())
    assert status_heard == (529 if client == ANTHROPIC else 503)
    assert ERROR in message


BROKEN = {
    "while it speaks": Said(text="Half of the", ending="error"),
    "while it thinks": Said(thinking="Half of", ending="error"),
    "after a call": Said(text="Well,", calls=(READ, WRITE), ending="error"),
}


@pairs
@pytest.mark.parametrize("said", BROKEN.values(), ids=BROKEN.keys())
def test_an_error_in_mid_stream_is_heard(client: str, provider: str, said: Said):
    stream = converted(client, provider, said)

    assert READERS[client].faults(stream) == []
    with pytest.raises(StreamBroke, match=ERROR):
        READERS[client].stream(stream)


@pairs
@pytest.mark.parametrize("text", ["Half of the", ""])
def test_an_end_without_a_terminator_is_heard_as_a_break(client: str, provider: str, text: str):
    stream = converted(client, provider, Said(text=text, calls=() if text else (READ,), ending="cut"))

    assert READERS[client].faults(stream) == []
    with pytest.raises(StreamBroke):
        READERS[client].stream(stream)


@pytest.mark.parametrize("provider", PROTOCOLS)
def test_a_stream_of_no_bytes_at_all_is_a_failure(provider: str):
    (event,) = read(provider, b"")

    assert isinstance(event, Failed)
    assert isinstance(fold([event]), Failure)


@pytest.mark.parametrize("provider", PROTOCOLS)
@pytest.mark.parametrize("size", [1, 5, 64])
def test_case_038_039_pieces_of_any_size_give_the_same_events(provider: str, size: int):
    stream = stream_of(provider, Said("Hm 北京.", "😀 yes", (READ, WRITE), "tool"))
    decoder, reader = SseDecoder(), discovered()[provider].stream_reader(DIALECTS[provider], Undo())
    told = [each for at in range(0, len(stream), size) for each in decoder.feed(stream[at : at + size])]
    events = [event for each in (*told, *decoder.flush()) for event in reader.read(each)]

    assert [*events, *reader.finish()] == read(provider, stream)
