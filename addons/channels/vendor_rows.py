"""Vendors whose services speak known protocols, as data: most have a second address for Anthropic's protocol.

Addresses as the vendors' documentation had them, collected 2026-11. A base URL that ends with `#` gets no version.
"""

from typing import Final

from axonhub.addons.channels.kinds import ChannelType
from axonhub.transformers import dialects
from axonhub.transformers.dialect import Dialect

_CHAT: Final = ("openai/chat",)
_ANTHROPIC: Final = ("anthropic/messages",)
_VERSION_HEADER: Final = {"anthropic-version": "2023-06-01"}


def chat(
    name: str,
    base_url: str,
    title: str,
    *,
    models: tuple[str, ...] = (),
    dialect: Dialect = dialects.COMPATIBLE,
    siblings: tuple[str, ...] = (),
) -> ChannelType:
    return ChannelType(name, _CHAT, base_url, dialect=dialect, default_models=models, siblings=siblings, title=title)


def pair(
    name: str,
    base_url: str,
    anthropic_url: str,
    title: str,
    *,
    models: tuple[str, ...] = (),
    dialect: Dialect = dialects.COMPATIBLE,
    anthropic_dialect: Dialect = dialects.COMPATIBLE,
) -> tuple[ChannelType, ChannelType]:
    """One account, two protocols, each a type that may be asked for the other's clients."""
    twin = f"{name}_anthropic"
    return (
        chat(name, base_url, title, models=models, dialect=dialect, siblings=(twin,)),
        ChannelType(
            twin,
            _ANTHROPIC,
            anthropic_url,
            dialect=anthropic_dialect,
            headers=_VERSION_HEADER,
            default_models=models,
            native_dialect=True,
            siblings=(name,),
            title=f"{title}, Anthropic protocol",
        ),
    )


VENDOR_ROWS: Final[tuple[ChannelType, ...]] = (
    *pair(
        "zhipu",
        "https://open.bigmodel.cn/api/paas/v4",
        "https://open.bigmodel.cn/api/anthropic",
        "Zhipu (GLM)",
        models=("glm-4.7", "glm-4.6", "glm-4.5-air"),
        dialect=dialects.ZAI,
        anthropic_dialect=dialects.ZAI_ANTHROPIC,
    ),
    *pair(
        "doubao",
        "https://ark.cn-beijing.volces.com/api/v3",
        "https://ark.cn-beijing.volces.com/api/compatible",
        "Doubao",
        models=("doubao-seed-1.6", "doubao-seed-1.6-flash"),
    ),
    *pair(
        "volcengine",
        "https://ark.cn-beijing.volces.com/api/v3",
        "https://ark.cn-beijing.volces.com/api/coding",
        "Volcengine Ark",
        models=("doubao-seed-1.6", "doubao-seed-1.6-flash"),
    ),
    *pair(
        "minimax",
        "https://api.minimaxi.com/v1",
        "https://api.minimaxi.com/anthropic",
        "MiniMax",
        models=("MiniMax-M2",),
    ),
    *pair(
        "longcat",
        "https://api.longcat.chat/openai/v1",
        "https://api.longcat.chat/anthropic",
        "LongCat",
        models=("LongCat-Flash-Chat", "LongCat-Flash-Thinking"),
    ),
    *pair("xiaomi", "https://api.xiaomimimo.com/v1", "https://api.xiaomimimo.com/anthropic", "Xiaomi MiMo"),
    *pair("aihubmix", "https://aihubmix.com/v1", "https://aihubmix.com", "AiHubMix"),
    *pair("opencode_go", "https://opencode.ai/zen/go/v1", "https://opencode.ai/zen/go", "OpenCode Go"),
    *pair("evolink", "https://api.evolink.ai/v1", "https://api.evolink.ai", "EvoLink"),
    ChannelType(
        "moonshot_coding",
        _ANTHROPIC,
        "https://api.kimi.com/coding",
        dialect=dialects.MOONSHOT_ANTHROPIC,
        headers=_VERSION_HEADER,
        native_dialect=True,
        title="Kimi's coding plan, Anthropic protocol",
    ),
    chat(
        "gemini_openai",
        "https://generativelanguage.googleapis.com/v1beta/openai#",
        "Google AI Studio, OpenAI protocol",
        models=("gemini-2.5-pro", "gemini-2.5-flash"),
    ),
    chat("deepinfra", "https://api.deepinfra.com/v1/openai#", "DeepInfra"),
    chat("fireworks", "https://api.fireworks.ai/inference/v1", "Fireworks"),
    chat("cerebras", "https://api.cerebras.ai/v1", "Cerebras"),
    chat("siliconflow", "https://api.siliconflow.cn/v1", "SiliconFlow"),
    chat("xai", "https://api.x.ai/v1", "xAI", models=("grok-4", "grok-code-fast")),
    chat("ppio", "https://api.ppinfra.com/openai/v1", "PPIO"),
    chat("qiniu", "https://api.qnaigc.com/v1", "Qiniu"),
    chat("vercel", "https://ai-gateway.vercel.sh/v1", "Vercel AI Gateway"),
    chat("burncloud", "https://ai.burncloud.com/v1", "BurnCloud"),
    chat("modelscope", "https://api-inference.modelscope.cn/v1", "ModelScope", dialect=dialects.QWEN),
    chat("jina", "https://api.jina.ai/v1", "Jina (embeddings)", models=("jina-embeddings-v3",)),
    chat("atlascloud", "https://api.atlascloud.ai/v1", "Atlas Cloud"),
    chat("cline", "https://api.cline.bot/api/v1", "Cline"),
    chat("github", "https://models.github.ai/inference#", "GitHub Models"),
    chat("nanogpt", "https://nano-gpt.com/api/v1", "NanoGPT", siblings=("nanogpt_responses",)),
    ChannelType(
        "nanogpt_responses",
        ("openai/responses",),
        "https://nano-gpt.com/api/v1",
        dialect=dialects.RESPONSES,
        siblings=("nanogpt",),
        title="NanoGPT, Responses protocol",
    ),
)
