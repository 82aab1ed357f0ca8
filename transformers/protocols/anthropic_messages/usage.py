"""Usage on Anthropic's wire: cached tokens stand beside `input_tokens`, thinking inside `output_tokens`."""

from dataclasses import replace

from axonhub.transformers.fields import as_count, as_mapping
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import Json, JsonObject


def read_usage(value: Json) -> Usage:
    """Also from null or rubbish: then nothing is known."""
    usage = as_mapping(value)
    written = as_count(usage.get("cache_creation_input_tokens"))
    by_lifetime = as_mapping(usage.get("cache_creation"))
    one_hour = as_count(by_lifetime.get("ephemeral_1h_input_tokens"))
    five_minutes = as_count(by_lifetime.get("ephemeral_5m_input_tokens"))
    if written is not None:
        # Without lifetimes all is the default of five minutes; with them the sum may still say more.
        five_minutes = max(five_minutes or 0, written - (one_hour or 0))
    return Usage(
        fresh_tokens=as_count(usage.get("input_tokens")),
        cache_read_tokens=as_count(usage.get("cache_read_input_tokens")),
        cache_write_5m_tokens=five_minutes,
        cache_write_1h_tokens=one_hour,
        output_tokens=as_count(usage.get("output_tokens")),
        reasoning_tokens=as_count(as_mapping(usage.get("output_tokens_details")).get("thinking_tokens")),
    )


def read_delta_usage(value: Json) -> Usage:
    """The figures of message_delta. Some vendors repeat the input as zero there; that must not undo message_start."""
    usage = read_usage(value)
    return replace(
        usage,
        fresh_tokens=usage.fresh_tokens or None,
        cache_read_tokens=usage.cache_read_tokens or None,
        cache_write_5m_tokens=usage.cache_write_5m_tokens or None,
        cache_write_1h_tokens=usage.cache_write_1h_tokens or None,
    )


def write_usage(usage: Usage, estimated_input_tokens: int | None, estimated_output_tokens: int) -> JsonObject:
    """Clients add the three input figures, and break when one of the two main ones is missing: estimates fill in."""
    told_input = usage.fresh_tokens is not None or usage.cache_read_tokens is not None
    output = usage.output_tokens
    written: JsonObject = {
        "input_tokens": usage.fresh_tokens or 0 if told_input else estimated_input_tokens or 0,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens or 0,
        "output_tokens": estimated_output_tokens if output is None else output,
    }
    if usage.cache_write_tokens:
        written["cache_creation"] = {
            "ephemeral_5m_input_tokens": usage.cache_write_5m_tokens or 0,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens or 0,
        }
    if usage.reasoning_tokens is not None:
        written["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return written
