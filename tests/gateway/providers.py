"""The providers in whose place a scripted one stands: how each speaks, and the channel that leads to it."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.upstreams.anthropic import anthropic
from tests.upstreams.chat import chat
from tests.upstreams.chat_rules import DEEPSEEK
from tests.upstreams.gemini import gemini
from tests.upstreams.plan import Plan
from tests.upstreams.responses import responses
from tests.upstreams.rules import Refusal
from tests.upstreams.server import Script

type Speaker = Callable[[Plan, list[Refusal]], Script]


def deepseek(plan: Plan, refusals: list[Refusal]) -> Script:
    return chat(plan, refusals, DEEPSEEK)


@dataclass(frozen=True, slots=True)
class Provider:
    name: str
    protocol: str
    speaker: Speaker
    channel_type: str
    path: str
    """The end of its base address."""
    model: str | None = None
    """What it is asked whatever the client asks; None: what the client asks."""
    shows_thinking: bool = True
    """In plain or sealed, so that it can be brought back."""

    def channel(self, name: str, url: str, **more: object) -> dict[str, object]:
        renamed = {} if self.model is None else {"model_mappings": [{"from": ".*", "to": self.model}]}
        return {
            "name": name,
            "type": self.channel_type,
            "base_url": url + self.path,
            "api_keys": ["sk-scripted"],
            "supported_models": ["*"],
            **renamed,
            **more,
        }


ANTHROPIC = Provider("anthropic", "anthropic/messages", anthropic, "anthropic", "")
CHAT = Provider("chat", "openai/chat", chat, "openai", "/v1", shows_thinking=False)
DEEPSEEK_CHAT = Provider("deepseek", "openai/chat", deepseek, "deepseek", "/v1", "deepseek-reasoner")
RESPONSES = Provider("responses", "openai/responses", responses, "openai_responses", "/v1", "gpt-5.5")
GEMINI = Provider("gemini", "gemini/generate_content", gemini, "gemini", "/v1beta", "gemini-3-pro-preview")
PROVIDERS = (ANTHROPIC, CHAT, DEEPSEEK_CHAT, RESPONSES, GEMINI)
