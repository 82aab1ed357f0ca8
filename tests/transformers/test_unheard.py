"""What an answer says and a client's protocol does not is recorded."""

import pytest

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.hub.fold import fold, unfold
from axonhub.transformers.hub.logprobs import TokenLogprob
from axonhub.transformers.hub.parts import Hosted, Native, Text, ToolCall, Unknown
from axonhub.transformers.hub.responses import Response, StopReason
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.protocol import Undo
from axonhub.transformers.registry import discovered
from axonhub.transformers.unheard import unheard

ANTHROPIC, CHAT, RESPONSES, GEMINI = PROTOCOLS = (
    "anthropic/messages",
    "openai/chat",
    "openai/responses",
    "gemini/generate_content",
)
SEARCH = Native(ANTHROPIC, {"type": "server_tool_use", "id": "s"})
BY_THE_PAGE = {"type": "page_location", "document_index": 0, "cited_text": "x"}
ON_THE_WEB = {"type": "web_search_result_location", "url": "https://a.example", "title": "A"}
FEATURES = {
    "answer.stop_reason": (Response((), StopReason.PAUSE), {ANTHROPIC}),
    "answer.stop_sequence": (Response((), StopReason.SEQUENCE, stop_sequence="END"), {ANTHROPIC}),
    "answer.content[0]": (Response((Hosted("server_tool_use", SEARCH),), StopReason.END), {ANTHROPIC}),
    "answer.content[1]": (Response((Text("a"), Unknown("x", Native(GEMINI, {}))), StopReason.END), {GEMINI}),
    "answer.content[0].logprobs": (
        Response((Text("a", logprobs=(TokenLogprob("a", -1.0),)),), StopReason.END),
        {CHAT, RESPONSES, GEMINI},
    ),
    "answer.content[0].citations": (Response((Text("a", annotations=(BY_THE_PAGE,)),), StopReason.END), {ANTHROPIC}),
    "answer.usage": (Response((), StopReason.END, Usage(1, 0, 5)), {ANTHROPIC, CHAT, RESPONSES}),
}


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("path", FEATURES)
def test_case_063_what_a_client_cannot_hear_is_recorded(name, path):
    answer, heard_by = FEATURES[path]

    assert [loss.path for loss in unheard(answer, discovered()[name])] == ([] if name in heard_by else [path])


UNKNOWN = {
    ANTHROPIC: {"content": [], "stop_reason": "novel", "usage": {"input_tokens": 1, "output_tokens": 1}},
    CHAT: {"choices": [{"message": {"content": "a"}, "finish_reason": "novel"}]},
    GEMINI: {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "novel"}]},
}


@pytest.mark.parametrize("provider", UNKNOWN)
@pytest.mark.parametrize("client", PROTOCOLS)
def test_a_reason_of_the_future_is_a_plain_stop_and_a_recorded_loss(client, provider):
    answer = discovered()[provider].read_response(UNKNOWN[provider], Dialect(), Undo())
    [loss] = unheard(fold(unfold(answer)), discovered()[client])

    assert answer.stop is StopReason.END
    assert (loss.path, "'novel'" in loss.reason) == ("answer.stop_reason", True)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_what_everyone_hears_is_no_loss(name):
    cited = Text("a", annotations=(ON_THE_WEB,))
    answer = Response((cited, ToolCall("c", "f", "{}")), StopReason.TOOL, Usage(1, 2, None, None, 3, 1))

    assert unheard(answer, discovered()[name]) == ()
