"""Protocols, and the dialects in which each is spoken here: by a client who may say all, by a provider as shipped."""

from dataclasses import replace
from typing import Final

import tests.conftest  # noqa: F401  makes axonhub importable
from axonhub.transformers import dialects
from axonhub.transformers.dialect import Dialect
from axonhub.transformers.protocol import Reply, WireProtocol
from axonhub.transformers.registry import discovered

NAMES: Final = {
    "anthropic/messages": "Anthropic Messages",
    "openai/chat": "OpenAI Chat",
    "openai/responses": "OpenAI Responses",
    "gemini/generate_content": "Gemini",
}

PROVIDERS: Final[dict[str, Dialect]] = {
    "anthropic/messages": dialects.ANTHROPIC,
    "openai/chat": dialects.OPENAI,
    "openai/responses": dialects.RESPONSES,
    "gemini/generate_content": dialects.GEMINI,
}

CHAT_VENDORS: Final[dict[str, Dialect]] = {
    "compatible": dialects.COMPATIBLE,
    "azure": dialects.AZURE,
    "deepseek": dialects.DEEPSEEK,
    "moonshot": dialects.MOONSHOT,
    "zai": dialects.ZAI,
    "qwen": dialects.QWEN,
    "openrouter": dialects.OPENROUTER,
    "groq": dialects.GROQ,
    "ollama": dialects.OLLAMA,
    "vllm": dialects.VLLM,
}

_ALL: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
CLIENTS: Final[dict[str, Dialect]] = {
    "anthropic/messages": replace(dialects.ANTHROPIC, strict_tools=True),
    "openai/chat": replace(
        dialects.OPENAI,
        efforts=_ALL,
        reasoning_models="",
        fixed_sampling=False,
        reasoning_replay="always",
        cache_marks=True,
        stop_limit=None,
        leading_system="developer",
    ),
    "openai/responses": replace(
        dialects.RESPONSES, efforts=_ALL, reasoning_models="", fixed_sampling=False, cache_marks=True
    ),
    "gemini/generate_content": replace(dialects.GEMINI, media_in_results=True, labels=True, part_resolution=True),
}
"""What clients of a protocol may write, models aside."""


def protocol(name: str) -> WireProtocol:
    return discovered()[name]


def reply(request: object) -> Reply:
    return Reply(id="0123456789abcdef01234567", created_s=1_700_000_000, request=request)  # type: ignore[arg-type]
