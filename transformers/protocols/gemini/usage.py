"""usageMetadata ⇄ usage: Gemini counts cached tokens inside the prompt, and thoughts beside the answer."""

from axonhub.transformers.fields import as_count, as_mapping
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import Json, JsonObject


def read_usage(body: JsonObject) -> Usage:
    told = as_mapping(body.get("usageMetadata"))
    prompt, cached = as_count(told.get("promptTokenCount")), as_count(told.get("cachedContentTokenCount"))
    answer, thoughts = as_count(told.get("candidatesTokenCount")), as_count(told.get("thoughtsTokenCount"))
    if prompt is not None:
        # Results of the provider's own tools come into the prompt of a second pass.
        prompt += as_count(told.get("toolUsePromptTokenCount")) or 0
        # Some proxies count cached tokens beside the prompt.
        prompt -= cached if cached is not None and cached <= prompt else 0
    return Usage(
        fresh_tokens=prompt,
        cache_read_tokens=cached,
        output_tokens=None if answer is None and thoughts is None else (answer or 0) + (thoughts or 0),
        reasoning_tokens=thoughts,
    )


def write_usage(usage: Usage) -> JsonObject:
    """`usageMetadata`; {} when nothing is known."""
    if not usage.known:
        return {}
    output = usage.output_tokens or 0
    thoughts = min(usage.reasoning_tokens, output) if usage.reasoning_tokens is not None else None
    told: dict[str, Json] = {
        "promptTokenCount": usage.input_tokens,
        "cachedContentTokenCount": usage.cache_read_tokens,
        "candidatesTokenCount": output - (thoughts or 0),
        "thoughtsTokenCount": thoughts,
        "totalTokenCount": usage.input_tokens + output,
    }
    return {"usageMetadata": {name: value for name, value in told.items() if value is not None}}
