"""The dialects of known vendors, as data. A channel type holds one; an operator may change single fields of it.

Each states only what differs from the conservative defaults of `Dialect`. Sources: docs/protocols.md.
"""

from typing import Final

from axonhub.transformers.dialect import Dialect

_ALWAYS_THINKING: Final = r"(?:^|/)(?:o\d|gpt-5(?!.*chat))"
"""OpenAI's models that think whatever they are asked, and refuse sampling."""

COMPATIBLE: Final = Dialect()
"""A plain OpenAI-compatible server of which nothing is known."""

OPENAI: Final = Dialect(
    max_tokens_field="max_completion_tokens",
    files=True,
    middle_system="system",
    strict_tools=True,
    extra_sampling=False,
    reasoning_models=_ALWAYS_THINKING,
    fixed_sampling=True,
    freeform_tools=True,
    allowed_tools=True,
    web_search=True,
    openai_fields=True,
    stop_limit=4,
)
AZURE: Final = Dialect(
    max_tokens_field="max_completion_tokens",
    files=True,
    middle_system="system",
    strict_tools=True,
    extra_sampling=False,
    reasoning_models=_ALWAYS_THINKING,
    fixed_sampling=True,
    stop_limit=4,
)
DEEPSEEK: Final = Dialect(
    reasoning_replay="tool_loop",
    reasoning_control="thinking_type",
    text_only_content=True,
    images=False,
    json_schema=False,
    extra_sampling=False,
    stop_limit=16,
)
MOONSHOT: Final = Dialect(
    reasoning_replay="always",
    reasoning_control="thinking_type",
    json_schema=False,
    extra_sampling=False,
    stop_limit=5,
)
ZAI: Final = Dialect(
    reasoning_replay="always",
    reasoning_control="thinking_type",
    json_schema=False,
    extra_sampling=False,
    stop_limit=4,
)
QWEN: Final = Dialect(reasoning_control="enable_thinking", cache_marks=True)
OPENROUTER: Final = Dialect(
    signature_origin="orouter",
    reasoning_field="reasoning",
    reasoning_replay="always",
    reasoning_control="reasoning_object",
    reasoning_details=True,
    efforts=("none", "minimal", "low", "medium", "high", "xhigh"),
    files=True,
    strict_tools=True,
    cache_marks=True,
)
GROQ: Final = Dialect(
    reasoning_field="reasoning",
    reasoning_models="gpt-oss",
    max_tokens_field="max_completion_tokens",
    text_only_content=True,
    extra_sampling=False,
    stop_limit=4,
)
OLLAMA: Final = Dialect(
    reasoning_field="reasoning",
    efforts=("none", "low", "medium", "high"),
    text_only_content=True,
)
VLLM: Final = Dialect(reasoning_field="reasoning", reasoning_control="template")

ANTHROPIC: Final = Dialect(
    signature_origin="ant",
    billing_block=True,
    efforts=("low", "medium", "high", "xhigh", "max"),
    tool_name_length=128,
    own_web_search="web_search_20250305",
)
GEMINI: Final = Dialect(signature_origin="gem-aistudio")
GEMINI_VERTEX: Final = Dialect(signature_origin="gem-vertex", gemini_schema="message", labels=True, count_wrapped=False)
RESPONSES: Final = Dialect(
    signature_origin="oai",
    files=True,
    leading_system="developer",
    middle_system="developer",
    strict_tools=True,
    extra_sampling=False,
    reasoning_models=_ALWAYS_THINKING,
    fixed_sampling=True,
    freeform_tools=True,
    allowed_tools=True,
    web_search=True,
    openai_fields=True,
    namespaces=True,
)
