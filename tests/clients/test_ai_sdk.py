"""Every kind of answer of every provider, converted for every client protocol, as the AI SDK of npm reads it.

The same matrix as in tests/transformers/test_pairs.py, where the official SDKs of Python are the readers.
"""

import json
from collections.abc import Iterator

import pytest

from axonhub.transformers.hub.responses import Response
from axonhub.transformers.protocol import Undo
from axonhub.transformers.registry import discovered
from tests.clients.programs import program
from tests.judges.ai_sdk import AiSdk, Judged
from tests.transformers.answers import ERROR, Said, body_of, error_of
from tests.transformers.test_pairs import (
    ANSWERS,
    ANTHROPIC,
    BROKEN,
    CHAT,
    DIALECTS,
    GEMINI,
    PROTOCOLS,
    converted,
    expected,
    reply,
)

pytestmark = [pytest.mark.client, pytest.mark.wider]

OPENAIS_OWN = "openai/chat as OpenAI's own"
"""The package for OpenAI itself reads chat, too; it is stricter than the one for compatible servers, and knows no
reasoning."""
READERS = {**{protocol: protocol for protocol in PROTOCOLS}, OPENAIS_OWN: CHAT}
"""The SDK's readers, and the protocol that each reads."""
REASONS = {"end": "stop", "tool": "tool-calls", "length": "length", "filter": "content-filter"}

pairs = pytest.mark.parametrize(
    ("reader", "provider"), [(reader, provider) for reader in READERS for provider in PROTOCOLS]
)
answers = pytest.mark.parametrize("said", ANSWERS.values(), ids=ANSWERS.keys())


@pytest.fixture(scope="module")
def sdk() -> Iterator[AiSdk]:
    with AiSdk(program("ai-sdk").resolve()) as judge:
        yield judge


def wanted(reader: str, said: Said) -> Judged:
    seen = expected(said)
    return Judged(
        text=seen.text,
        reasoning="" if reader == OPENAIS_OWN else seen.thinking,
        calls=seen.calls,
        reason=REASONS[seen.reason],
        prompt_tokens=seen.prompt_tokens,
        cached_tokens=seen.cached_tokens,
        output_tokens=seen.output_tokens,
        error=None,
        status=None,
    )


@pairs
@answers
def test_streams_are_read(sdk: AiSdk, reader: str, provider: str, said: Said) -> None:
    assert sdk.stream(reader, converted(READERS[reader], provider, said)) == wanted(reader, said)


@pairs
@answers
def test_whole_answers_are_read(sdk: AiSdk, reader: str, provider: str, said: Said) -> None:
    response = discovered()[provider].read_response(body_of(provider, said), DIALECTS[provider], Undo())
    assert isinstance(response, Response)
    body = discovered()[READERS[reader]].write_response(response, reply(READERS[reader]))

    assert sdk.whole(reader, json.dumps(body).encode()) == wanted(reader, said)


@pairs
def test_an_error_before_the_answer_is_heard(sdk: AiSdk, reader: str, provider: str) -> None:
    failure = discovered()[provider].read_failure(*error_of(provider))
    status, body = discovered()[READERS[reader]].write_failure(failure, "req_1")

    judged = sdk.whole(reader, json.dumps(body).encode(), status)

    assert judged.status == (529 if reader == ANTHROPIC else 503)
    assert judged.error == ERROR


@pairs
@pytest.mark.parametrize("said", BROKEN.values(), ids=BROKEN.keys())
def test_an_error_in_mid_stream_is_heard(sdk: AiSdk, reader: str, provider: str, said: Said) -> None:
    judged = sdk.stream(reader, converted(READERS[reader], provider, said))

    assert_heard(judged, reader, ERROR)


@pairs
@pytest.mark.parametrize("text", ["Half of the", ""])
def test_an_end_without_a_terminator_is_heard_as_a_break(sdk: AiSdk, reader: str, provider: str, text: str) -> None:
    broken = Said(text=text, calls=() if text else (ANSWERS["parallel tools"].calls[0],), ending="cut")

    judged = sdk.stream(reader, converted(READERS[reader], provider, broken))

    assert_heard(judged, reader, "stream ended before")


def assert_heard(judged: Judged, reader: str, words: str) -> None:
    """Of Gemini's own errors, which stand outside of events, the SDK's package for it hears nothing; but a program on
    it sees that the answer did not end as it should."""
    if reader == GEMINI:
        assert (judged.reason, judged.error) == ("other", None)
    else:
        assert judged.error is not None and words in judged.error
        assert judged.reason in ("error", None)  # None: nothing that this reader knows was said before
