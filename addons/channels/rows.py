"""The channel types that differ from each other in data only. A new OpenAI-compatible provider is one row here."""

from axonhub.addons.channels.kinds import ChannelType
from axonhub.transformers import dialects

_CHAT = ("openai/chat",)
_RESPONSES = ("openai/responses",)
_ANTHROPIC = ("anthropic/messages",)
_GEMINI = ("gemini/generate_content",)
_VERSION_HEADER = {"anthropic-version": "2023-06-01"}
_CLAUDE = ("claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5")

ROWS: tuple[ChannelType, ...] = (
    ChannelType(
        "openai",
        _CHAT,
        "https://api.openai.com/v1",
        dialect=dialects.OPENAI,
        native_dialect=True,
        title="OpenAI chat completions, or any compatible server by base_url",
    ),
    ChannelType(
        "openai_responses",
        _RESPONSES,
        "https://api.openai.com/v1",
        dialect=dialects.RESPONSES,
        counts_tokens=True,
        native_dialect=True,
        title="OpenAI Responses",
    ),
    ChannelType(
        "anthropic",
        _ANTHROPIC,
        "https://api.anthropic.com",
        auth="x-api-key",
        dialect=dialects.ANTHROPIC,
        headers=_VERSION_HEADER,
        default_models=_CLAUDE,
        counts_tokens=True,
        native_dialect=True,
        title="Anthropic Messages",
    ),
    ChannelType(
        "gemini",
        _GEMINI,
        "https://generativelanguage.googleapis.com/v1beta",
        auth="x-goog-api-key",
        dialect=dialects.GEMINI,
        counts_tokens=True,
        native_dialect=True,
        title="Google AI Studio",
    ),
    ChannelType(
        "deepseek",
        _CHAT,
        "https://api.deepseek.com/v1",
        dialect=dialects.DEEPSEEK,
        default_models=("deepseek-chat", "deepseek-reasoner"),
        title="DeepSeek, OpenAI protocol",
    ),
    ChannelType(
        "deepseek_anthropic",
        _ANTHROPIC,
        "https://api.deepseek.com/anthropic",
        auth="x-api-key",
        dialect=dialects.DEEPSEEK_ANTHROPIC,
        headers=_VERSION_HEADER,
        default_models=("deepseek-chat", "deepseek-reasoner"),
        native_dialect=True,
        title="DeepSeek, Anthropic protocol",
    ),
    ChannelType("moonshot", _CHAT, "https://api.moonshot.cn/v1", dialect=dialects.MOONSHOT, title="Moonshot (Kimi)"),
    ChannelType(
        "moonshot_anthropic",
        _ANTHROPIC,
        "https://api.moonshot.cn/anthropic",
        dialect=dialects.MOONSHOT_ANTHROPIC,
        headers=_VERSION_HEADER,
        native_dialect=True,
        title="Moonshot (Kimi), Anthropic protocol",
    ),
    ChannelType("zai", _CHAT, "https://api.z.ai/api/paas/v4", dialect=dialects.ZAI, title="Z.ai (GLM)"),
    ChannelType(
        "zai_anthropic",
        _ANTHROPIC,
        "https://api.z.ai/api/anthropic",
        dialect=dialects.ZAI_ANTHROPIC,
        headers=_VERSION_HEADER,
        native_dialect=True,
        title="Z.ai (GLM), Anthropic protocol",
    ),
    ChannelType(
        "bailian",
        _CHAT,
        "https://dashscope.aliyuncs.com/compatible-mode/v1",
        dialect=dialects.QWEN,
        title="Alibaba Bailian (Qwen)",
    ),
    ChannelType("openrouter", _CHAT, "https://openrouter.ai/api/v1", dialect=dialects.OPENROUTER, title="OpenRouter"),
    ChannelType("groq", _CHAT, "https://api.groq.com/openai/v1", dialect=dialects.GROQ, title="Groq"),
    ChannelType("ollama", _CHAT, "http://127.0.0.1:11434/v1", dialect=dialects.OLLAMA, title="Ollama"),
    ChannelType("vllm", _CHAT, "http://127.0.0.1:8000/v1", dialect=dialects.VLLM, title="vLLM"),
    ChannelType("xai", _CHAT, "https://api.x.ai/v1", dialect=dialects.COMPATIBLE, title="xAI"),
    ChannelType(
        "siliconflow", _CHAT, "https://api.siliconflow.cn/v1", dialect=dialects.COMPATIBLE, title="SiliconFlow"
    ),
    ChannelType(
        "deepinfra", _CHAT, "https://api.deepinfra.com/v1/openai", dialect=dialects.COMPATIBLE, title="DeepInfra"
    ),
    ChannelType("fireworks", _CHAT, "https://api.fireworks.ai/inference/v1", title="Fireworks"),
    ChannelType("cerebras", _CHAT, "https://api.cerebras.ai/v1", title="Cerebras"),
    ChannelType(
        "demo",
        (*_ANTHROPIC, *_CHAT, *_RESPONSES, *_GEMINI),
        auth="process-token",
        headers=_VERSION_HEADER,
        default_models=("*",),
        counts_tokens=True,
        native_dialect=True,
        internal="demo",
        title="Answers inside this process, without any model or account",
    ),
)
