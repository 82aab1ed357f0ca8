"""Gemini CLI 0.61 in the middle of a tool loop, as it was recorded; only words and the list of tools are shortened."""

import json
from pathlib import Path

import pytest

from axonhub.transformers.hub.requests import Reasoning
from axonhub.transformers.protocols.gemini import PROTOCOL
from axonhub.transformers.registry import discovered
from tests.transformers.gemini_wire import written
from tests.transformers.refusals import REFUSALS
from tests.transformers.test_pairs import PROTOCOLS
from tests.transformers.test_request_pairs import DIALECTS

CLI = json.loads((Path(__file__).parent.parent / "conversations/gemini/gemini_cli.json").read_text())


def asked():
    return PROTOCOL.read_request(CLI, "models/gemini-2.5-pro", True)


def test_it_is_read_whole():
    request = asked()

    assert [turn.role for turn in request.turns] == ["user", "assistant", "user"]
    assert request.reasoning == Reasoning("budget", budget_tokens=8192, visible=True)
    assert [tool.name for tool in request.tools] == [each["name"] for each in CLI["tools"][0]["functionDeclarations"]]
    assert request.extensions == {}


def test_it_goes_to_another_google_service_nearly_as_it_came():
    body = written(asked()).body

    assert body["tools"] == CLI["tools"]
    assert body["generationConfig"] == CLI["generationConfig"]
    assert body["systemInstruction"]["parts"] == CLI["systemInstruction"]["parts"]
    assert [content["role"] for content in body["contents"]] == ["user", "model", "user"]
    assert body["contents"][1]["parts"] == CLI["contents"][1]["parts"]


@pytest.mark.parametrize("provider", PROTOCOLS)
def test_no_provider_refuses_it(provider: str):
    body = discovered()[provider].write_request(asked(), DIALECTS[provider]).body

    assert REFUSALS[provider](json.loads(json.dumps(body))) == []


def test_its_losses_towards_others_are_few_and_known():
    losses = {
        name: {loss.path for loss in discovered()[name].write_request(asked(), DIALECTS[name]).losses}
        for name in PROTOCOLS
    }

    assert losses == {
        "gemini/generate_content": set(),
        "openai/chat": {"top_k", "reasoning"},
        "openai/responses": {"top_k", "reasoning"},
        # The CLI keeps no thoughts; the gateway's memory of calls brings them back where it has them.
        "anthropic/messages": {"top_p", "reasoning"},
    }
