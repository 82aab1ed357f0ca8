"""The dialects of known vendors, as data. A channel type holds one; an operator may change single fields of it.

Each states only what differs from the conservative defaults of `Dialect`. Sources: docs/protocols.md.
"""

from typing import Final

from axonhub.transformers.dialect import Dialect, models

# Names that stand behind a vendor's prefix count too: `openai/gpt-5`, `anthropic.claude-opus-4-6-v1:0`.
_ALWAYS_THINKING: Final = r"(?:^|/)(?:o\d|gpt-(?:[5-9]|\d\d)(?!.*chat))"
"""OpenAI's models that think whatever they are asked, and refuse sampling."""
_OPENAI_MODELS: Final = (
    models(r"(?:^|/)gpt-5(?!\.)", efforts=("minimal", "low", "medium", "high")),
    models(r"(?:^|/)gpt-5\.1", efforts=("none", "low", "medium", "high")),
    models(r"(?:^|/)gpt-(?:5\.[2-9]|[6-9]|\d\d)", efforts=("none", "low", "medium", "high", "xhigh")),
    models(r"(?:^|/)gpt-5(?:\.1)?-codex", efforts=("low", "medium", "high")),
    models(r"(?:^|/)gpt-5\.1-codex-max", efforts=("low", "medium", "high", "xhigh")),
    models(r"(?:^|/)gpt-5-pro", efforts=("high",)),
)
"""Which levels of effort a model takes: OpenAI's model pages, read 2026-11; a level not named goes to the nearest."""
_BUDGETED_CLAUDE: Final = r"claude-(?:[123]|instant|[a-z]+-4(?!\d)(?![-.](?:[6-9]|\d\d)(?!\d)))"
"""Claude up to 4.5: thinks by a budget of tokens, and knows no system message in mid-conversation."""
_CLAUDE_MODELS: Final = (
    models(_BUDGETED_CLAUDE, adaptive_thinking=False, system_in_messages=False),
    models(r"claude-[a-z]+-4[-.]6(?!\d)", system_in_messages=False),
    models(r"claude-[a-z]+-(?:4[-.](?:[7-9]|\d\d)(?!\d)|[5-9](?!\d))", sampling=False),
)
_GEMINI_MODELS: Final = (
    models(r"gemini-(?:1|2\.0)", thinking_control="none"),
    models(r"gemini-2\.5-flash", thinking_off_tokens=0),
    models(r"gemini-2\.5-pro", thinking_most_tokens=32768),
    models(
        r"gemini-(?:[3-9]|\d\d)",
        thinking_control="level",
        media_in_results=True,
        part_resolution=True,
        hosted_with_functions=True,
        format_with_functions=True,
    ),
    models(r"gemini-3-pro", efforts=("low", "high")),
)

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
    models=_OPENAI_MODELS,
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
    models=_OPENAI_MODELS,
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
    system_in_messages=True,
    adaptive_thinking=True,
    models=_CLAUDE_MODELS,
    efforts=("low", "medium", "high", "xhigh", "max"),
    tool_name_length=128,
    own_web_search="web_search_20250305",
    token_percent=118,
    tools_tokens=330,
    long_tools_models=r"claude-[a-z]+-(?:4[-.](?:[5-9]|\d\d(?!\d))|[5-9])",
    long_tools_tokens=500,
    tool_tokens=45,
    call_tokens=25,
    format_tokens=130,
)
# Second protocols of vendors above: nothing else is known to differ.
DEEPSEEK_ANTHROPIC: Final = Dialect(vocabulary="deepseek_v3", reasoning_replay="always")
MOONSHOT_ANTHROPIC: Final = Dialect(vocabulary="kimi_k2", reasoning_replay="always")
ZAI_ANTHROPIC: Final = Dialect(vocabulary="glm4", reasoning_replay="always")

_GEMINI_LEVELS: Final = ("minimal", "low", "medium", "high")
GEMINI: Final = Dialect(
    signature_origin="gem-aistudio",
    efforts=_GEMINI_LEVELS,
    candidates=True,
    models=_GEMINI_MODELS,
    token_percent=105,
    tools_tokens=0,
    tool_tokens=20,
)
GEMINI_VERTEX: Final = Dialect(
    signature_origin="gem-vertex",
    efforts=_GEMINI_LEVELS,
    candidates=True,
    models=_GEMINI_MODELS,
    gemini_schema="message",
    labels=True,
    count_wrapped=False,
    token_percent=105,
    tools_tokens=0,
    tool_tokens=20,
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
    models=_OPENAI_MODELS,
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
