"""Every client protocol to every provider protocol: a conversation with tools, and what each provider refuses in it."""

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from axonhub.transformers import dialects
from axonhub.transformers.dialect import Dialect
from axonhub.transformers.protocol import Written
from axonhub.transformers.registry import discovered
from tests.transformers import asked
from tests.transformers.refusals import REFUSALS
from tests.transformers.test_pairs import ANTHROPIC, CHAT, GEMINI, PROTOCOLS, RESPONSES, pairs

DIALECTS: dict[str, Dialect] = {
    ANTHROPIC: dialects.ANTHROPIC,
    CHAT: dialects.OPENAI,
    RESPONSES: dialects.RESPONSES,
    GEMINI: dialects.GEMINI,
}
CONVERSATION = {ANTHROPIC: "messages", CHAT: "messages", RESPONSES: "input", GEMINI: "contents"}


def written(client: str, provider: str, *more: dict) -> Written:
    request = discovered()[client].read_request(asked.CLIENTS[client](*more), "asked", True)
    return discovered()[provider].write_request(request, DIALECTS[provider])


def strings(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            yield from (text for each in value for text in strings(each))
        case dict():
            yield from (text for each in value.values() for text in strings(each))


def call_ids(value: object) -> Counter[str]:
    return Counter(text for text in strings(value) if text in ("call_1", "call_2"))


@pairs
def test_no_provider_refuses_a_conversation_with_tools_and_an_image(client: str, provider: str):
    body = written(client, provider).body

    assert REFUSALS[provider](json.loads(json.dumps(body))) == []


@pairs
def test_whatever_was_said_arrives_once(client: str, provider: str):
    said = list(strings(written(client, provider).body))

    for words in (asked.ASKED, asked.RESULT, asked.ERROR, asked.NEXT, "I look.", "Be brief.", "Takes one.", asked.PNG):
        assert sum(text.count(words) for text in said) == 1, words
    assert "__invalid_json" not in json.dumps(written(client, provider).body)


@pairs
def test_calls_and_results_keep_their_ids(client: str, provider: str):
    body = written(client, provider).body

    # A placeholder text in a tool's message may name the call whose image follows.
    assert call_ids(body[CONVERSATION[provider]]) == Counter(call_1=2, call_2=2)


@pairs
def test_the_same_beginning_gives_the_same_bytes(client: str, provider: str):
    """Prompt caches live on equal prefixes."""
    short, long = written(client, provider).body, written(client, provider, *asked.LATER[client]).body
    name = CONVERSATION[provider]

    assert json.dumps(long[name][: len(short[name])]) == json.dumps(short[name])
    assert {key: value for key, value in short.items() if key != name} == {
        key: value for key, value in long.items() if key != name
    }
    assert json.dumps(written(client, provider).body) == json.dumps(short)


@pairs
def test_writing_changes_nothing_of_what_was_read(client: str, provider: str):
    body = asked.CLIENTS[client]()
    before = json.dumps(body)
    request = discovered()[client].read_request(body, "asked", True)
    first = json.dumps(discovered()[provider].write_request(request, DIALECTS[provider]).body)

    assert json.dumps(body) == before
    assert json.dumps(discovered()[provider].write_request(request, DIALECTS[provider]).body) == first


@pytest.mark.parametrize("client", PROTOCOLS)
def test_counting_takes_the_same_conversation(client: str):
    request = discovered()[client].read_request(asked.CLIENTS[client](), "asked", False)

    for provider in (ANTHROPIC, RESPONSES, GEMINI):
        counted = discovered()[provider].count_request(request, DIALECTS[provider])
        assert counted is not None and asked.RESULT in json.dumps(counted.body)


BROKEN = {
    ANTHROPIC: {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": ""}]},
    CHAT: {"model": "m", "messages": [{"role": "tool", "tool_call_id": "c", "content": "x"}]},
    RESPONSES: {"model": "m", "input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]},
    GEMINI: {"contents": [{"role": "model", "parts": [{"text": "x", "cache_control": {}}]}]},
}


@pytest.mark.parametrize("provider", PROTOCOLS)
def test_the_checkers_see_what_is_broken(provider: str):
    assert REFUSALS[provider](BROKEN[provider])
    assert REFUSALS[provider]({**asked.CLIENTS[provider](), CONVERSATION[provider]: [{"role": "nobody", "parts": []}]})
