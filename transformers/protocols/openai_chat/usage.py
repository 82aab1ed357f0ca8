"""Token figures: every vendor's way of counting → Usage, and Usage → OpenAI's way.

OpenAI counts cached tokens inside `prompt_tokens`. Vendors differ in where they tell the cached share: DeepSeek in
`prompt_cache_hit_tokens`, Moonshot in `cached_tokens`, some in Anthropic's words; a few do not count it inside.
"""

from axonhub.transformers.fields import as_count, as_mapping
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import Json, JsonObject


def read_usage(value: Json) -> Usage:
    """Figures that are told; a null or a figure that is none stays unknown. Never negative."""
    told = as_mapping(value)
    if not told:
        return Usage()
    details = as_mapping(told.get("prompt_tokens_details"))
    prompt = as_count(told.get("prompt_tokens"))
    read = _first(
        details.get("cached_tokens"),
        told.get("prompt_cache_hit_tokens"),
        told.get("cached_tokens"),
        told.get("cache_read_input_tokens"),
    )
    written = _first(
        details.get("cache_write_tokens"),
        details.get("cache_creation_tokens"),
        told.get("cache_creation_input_tokens"),
    )
    if prompt is None:
        prompt = _sum(read, as_count(told.get("prompt_cache_miss_tokens")))
    return Usage(
        fresh_tokens=_fresh(prompt, read or 0, written or 0),
        cache_read_tokens=read,
        cache_write_5m_tokens=written,
        output_tokens=as_count(told.get("completion_tokens")),
        reasoning_tokens=as_count(as_mapping(told.get("completion_tokens_details")).get("reasoning_tokens")),
    )


def _first(*values: Json) -> int | None:
    return next((count for count in map(as_count, values) if count is not None), None)


def _sum(read: int | None, missed: int | None) -> int | None:
    return None if missed is None else (read or 0) + missed


def _fresh(prompt: int | None, read: int, written: int) -> int | None:
    if prompt is None:
        return None
    cached = read + written
    # More cached than prompted: this vendor counts the cached tokens beside the prompt, as Anthropic does.
    return prompt if cached > prompt else prompt - cached


def write_usage(usage: Usage) -> JsonObject:
    """OpenAI's usage object; unknown figures count as 0, which its clients demand."""
    prompt, completion = usage.input_tokens, usage.output_tokens or 0
    prompt_details: JsonObject = {"cached_tokens": usage.cache_read_tokens or 0}
    if usage.cache_write_5m_tokens is not None or usage.cache_write_1h_tokens is not None:
        prompt_details["cache_write_tokens"] = usage.cache_write_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": prompt_details,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
    }
