"""Whatever clients can say, no provider refuses when it is converted: hypothesis asks, the strict rules judge."""

import json
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, strategies as st

from axonhub.transformers import dialects
from axonhub.transformers.dialect import Dialect
from axonhub.transformers.protocol import Unsupported
from axonhub.transformers.registry import discovered
from tests.transformers.hub_values import requests
from tests.transformers.nightly import searching
from tests.transformers.test_pairs import ANTHROPIC, CHAT, GEMINI, PROTOCOLS, RESPONSES
from tests.transformers.test_round_trips import CAN
from tests.upstreams.anthropic_rules import RULES as ANTHROPIC_RULES
from tests.upstreams.chat_rules import DEEPSEEK, OPENAI, chat_rules
from tests.upstreams.gemini_rules import RULES as GEMINI_RULES
from tests.upstreams.responses_rules import RULES as RESPONSES_RULES
from tests.upstreams.rules import Asked, Rule, all_refusals
from tests.upstreams.server import Request as Arrived

MINTED = {
    "thinking_is_as_it_was_given",
    "reasoning_is_our_own",
    "signatures_are_our_own",
    "item_ids_are_unique",
}
"""Rules of what only a provider can make: here nobody has made it, and all reasoning items have one id."""


@dataclass(frozen=True)
class Provider:
    protocol: str
    dialect: Dialect
    model: str
    rules: list[Rule]
    path: str
    headers: tuple[tuple[str, str], ...]

    def refusals(self, body: dict) -> list[str]:
        asked = Asked(Arrived(1, "POST", self.path, self.headers, json.dumps(body).encode()), body)
        return [f"{each.rule}: {each.message}" for each in all_refusals(self.rules, asked) if each.rule not in MINTED]


_JSON = ("content-type", "application/json")
_BEARER = (_JSON, ("authorization", "Bearer k"))
_ANTHROPIC = (_JSON, ("x-api-key", "k"), ("anthropic-version", "2023-06-01"))


def _gemini(model: str, **flags: object) -> Provider:
    dialect = replace(dialects.GEMINI, **flags)  # type: ignore[arg-type]
    path = f"/v1beta/models/{model}:generateContent"
    return Provider(GEMINI, dialect, model, GEMINI_RULES, path, (_JSON, ("x-goog-api-key", "k")))


def _chat(dialect: Dialect, model: str, rules: list[Rule]) -> Provider:
    return Provider(CHAT, dialect, model, rules, "/v1/chat/completions", _BEARER)


def _responses(model: str) -> Provider:
    return Provider(RESPONSES, dialects.RESPONSES, model, RESPONSES_RULES, "/v1/responses", _BEARER)


PROVIDERS = {
    "Claude": Provider(ANTHROPIC, dialects.ANTHROPIC, "claude-sonnet-4-5", ANTHROPIC_RULES, "/v1/messages", _ANTHROPIC),
    "GPT by chat": _chat(dialects.OPENAI, "gpt-5.5", chat_rules(OPENAI)),
    "GPT 4 by chat": _chat(dialects.OPENAI, "gpt-4.1", chat_rules(OPENAI)),
    "DeepSeek": _chat(dialects.DEEPSEEK, "deepseek-reasoner", chat_rules(DEEPSEEK)),
    "GPT": _responses("gpt-5.5"),
    "GPT 4": _responses("gpt-4.1"),
    "Gemini 3": _gemini("gemini-3-pro-preview"),
    "Gemini 2.5": _gemini("gemini-2.5-pro"),
    "Gemini 2.5 by the older schema": _gemini("gemini-2.5-flash", gemini_schema="message"),
}


@pytest.mark.parametrize("client", PROTOCOLS)
@given(st.data())
@searching(20)
def test_no_provider_refuses_what_a_client_can_say(client: str, data: st.DataObject):
    asked = data.draw(requests(CAN[client]))
    for name, provider in PROVIDERS.items():
        try:
            written = discovered()[provider.protocol].write_request(
                replace(asked, model=provider.model), provider.dialect
            )
        except Unsupported:  # test_fates.py holds us to account for what we refuse ourselves
            continue
        assert provider.refusals(json.loads(json.dumps(written.body))) == [], name
