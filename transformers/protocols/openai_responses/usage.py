"""Token figures of the wire, which count cached tokens inside the prompt, ⇄ hub usage, which holds them apart."""

from axonhub.transformers.fields import as_count, as_mapping
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import Json, JsonObject


def read_usage(value: Json) -> Usage:
    """Nothing known when there is no object. Chat's names are read too: some servers answer with those."""
    told = as_mapping(value)
    prompt = _first(told, "input_tokens", "prompt_tokens")
    details = as_mapping(told.get("input_tokens_details") or told.get("prompt_tokens_details"))
    output_details = as_mapping(told.get("output_tokens_details") or told.get("completion_tokens_details"))
    read, written = as_count(details.get("cached_tokens")), as_count(details.get("cache_write_tokens"))
    cached = (read or 0) + (written or 0)
    # A few proxies count cached tokens beside the prompt; then they can be more than it.
    fresh = prompt if prompt is None or cached > prompt else prompt - cached
    return Usage(
        fresh_tokens=fresh,
        cache_read_tokens=read,
        cache_write_5m_tokens=written,
        output_tokens=_first(told, "output_tokens", "completion_tokens"),
        reasoning_tokens=as_count(output_details.get("reasoning_tokens")),
    )


def write_usage(usage: Usage) -> JsonObject | None:
    """None when nothing is known; otherwise whole, as clients refuse a half one."""
    if not usage.known:
        return None
    output = usage.output_tokens or 0
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_tokens or 0,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": usage.input_tokens + output,
    }


def _first(told: JsonObject, *names: str) -> int | None:
    return next((count for name in names if (count := as_count(told.get(name))) is not None), None)
