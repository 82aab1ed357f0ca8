"""The dialects of known vendors, as data. A channel type holds one; an operator may change single fields of it.

Each states only what differs from the conservative defaults of `Dialect`. Sources: docs/protocols.md.
"""

from typing import Final

from axonhub.transformers.dialect import Dialect

_ALWAYS_THINKING: Final = r"(?:^|/)(?:o\d|gpt-(?:[5-9]|\d\d)(?!.*chat))"
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
    tools_tokens=12,
    long_tools_models=_ALWAYS_THINKING,
    long_tools_tokens=87,
    tool_tokens=4,
    call_tokens=5,
    candidates=True,
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
    tools_tokens=12,
    long_tools_models=_ALWAYS_THINKING,
    long_tools_tokens=87,
    tool_tokens=4,
    call_tokens=5,
    candidates=True,
)
DEEPSEEK: Final = Dialect(
    reasoning_replay="tool_loop",
    reasoning_control="thinking_type",
    text_only_content=True,
    images=False,
    json_schema=False,
    extra_sampling=False,
    stop_limit=16,
    vocabulary="deepseek_v3",
    tools_tokens=220,
)
MOONSHOT: Final = Dialect(
    reasoning_replay="always",
    reasoning_control="thinking_type",
    json_schema=False,
    extra_sampling=False,
    stop_limit=5,
    vocabulary="kimi_k2",
)
ZAI: Final = Dialect(
    reasoning_replay="always",
    reasoning_control="thinking_type",
    json_schema=False,
    extra_sampling=False,
    stop_limit=4,
    vocabulary="glm4",
)
QWEN: Final = Dialect(reasoning_control="enable_thinking", cache_marks=True, vocabulary="qwen3")
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
VLLM: Final = Dialect(reasoning_field="reasoning", reasoning_control="template", candidates=True)

ANTHROPIC: Final = Dialect(
    signature_origin="ant",
    billing_block=True,
    efforts=("low", "medium", "high", "xhigh", "max"),
    tool_name_length=128,
    own_web_search="web_search_20250305",
    token_percent=118,
    tools_tokens=330,
    long_tools_models=r"claude-[a-z]+-(?:4[-.][5-9]|[5-9])",
    long_tools_tokens=500,
    tool_tokens=45,
    call_tokens=25,
    format_tokens=130,
)
# Second protocols of vendors above: nothing else is known to differ.
DEEPSEEK_ANTHROPIC: Final = Dialect(vocabulary="deepseek_v3", reasoning_replay="always")
MOONSHOT_ANTHROPIC: Final = Dialect(vocabulary="kimi_k2", reasoning_replay="always")
ZAI_ANTHROPIC: Final = Dialect(vocabulary="glm4", reasoning_replay="always")

GEMINI: Final = Dialect(
    signature_origin="gem-aistudio", candidates=True, token_percent=105, tools_tokens=0, tool_tokens=20
)
GEMINI_VERTEX: Final = Dialect(
    signature_origin="gem-vertex", candidates=True, gemini_schema="message", labels=True, count_wrapped=False
)
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
    tools_tokens=12,
    long_tools_models=_ALWAYS_THINKING,
    long_tools_tokens=87,
    tool_tokens=4,
    call_tokens=5,
)
