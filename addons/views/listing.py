"""What the flow list says of an exchange: a comment, a mark, and a line of metadata that filters find it by. Pure."""

import re
from collections.abc import Iterator
from decimal import Decimal

from axonhub.addons.exchange import Exchange
from axonhub.addons.prices import dollars

METADATA = "axonhub"
"""Where a flow keeps its line."""
FAILED, FAILED_OVER, CACHE_MISSED = ":x:", ":warning:", ":snowflake:"
"""mitmproxy's names of the marks: ❌ ⚠ ❄."""
MARKS = (FAILED, FAILED_OVER, CACHE_MISSED)
_BLANK = re.compile(r"\s+")


def comment(exchange: Exchange) -> str:
    """One line, such as `me · claude-sonnet-4-5 → deepseek-reasoner · deepseek · 12 in, 34 out · $0.0012 · 0.41 s`."""
    return " · ".join(filter(None, _comment(exchange)))


def _comment(exchange: Exchange) -> Iterator[str]:
    attempt = exchange.attempt
    yield exchange.owner
    used = attempt.candidate.model if attempt else exchange.wanted_model
    yield exchange.asked_model + (f" → {used}" if used and used != exchange.asked_model else "")
    yield attempt.candidate.channel.name if attempt else ""
    yield f"{len(exchange.attempts)} tries" if len(exchange.attempts) > 1 else ""
    yield "edited" if exchange.sent_body else ""
    yield f"replay of {exchange.pin.replay_of}" if exchange.pin and exchange.pin.replay_of else ""
    yield "held: not streamed" if exchange.held else ""
    yield _tokens(exchange)
    yield f"{exchange.cache_lost_tokens:,} lost from cache" if exchange.cache_lost_tokens else ""
    yield money(exchange.cost) if exchange.cost else ""
    yield f"first {exchange.first_byte_s - exchange.started_s:.2f} s" if exchange.first_byte_s else ""
    yield f"✗ {exchange.failure.kind.value}" if exchange.failure else ""
    yield "client left" if exchange.canceled else ""


def _tokens(exchange: Exchange) -> str:
    usage = exchange.usage
    if not usage.known:
        return ""
    cached = f" ({usage.cache_read_tokens:,} cached)" if usage.cache_read_tokens else ""
    return f"{usage.input_tokens:,} in{cached}, {usage.output_tokens or 0:,} out"


def money(cost: Decimal) -> str:
    """US dollars, as exact as somebody looking over a list wants them."""
    return f"${cost:.2f}" if cost >= 1 else f"${dollars(cost.quantize(Decimal('0.000001')))}"


def mark(exchange: Exchange) -> str:
    """The worst that happened; "" for nothing."""
    if exchange.failure:
        return FAILED
    if any(each.failure for each in exchange.attempts):
        return FAILED_OVER
    return CACHE_MISSED if exchange.cache_lost_tokens else ""


def findable(exchange: Exchange) -> str:
    """Words of the form `name:value`, for filters such as `~meta channel:deepseek`."""
    attempt, trace = exchange.attempt, exchange.trace
    words = {
        "id": exchange.id,
        "key": exchange.owner,
        "profile": exchange.profile.name if exchange.profile else "",
        "trace": trace.trace_id,
        "thread": trace.thread_id,
        "agent": trace.agent_id,
        "protocol": exchange.address.protocol.name,
        "operation": exchange.address.operation,
        "source": exchange.source,
        "asked": exchange.asked_model,
        "model": attempt.candidate.model if attempt else "",
        "channel": attempt.candidate.channel.name if attempt else "",
        "type": attempt.candidate.channel.type if attempt else "",
        "attempts": str(len(exchange.attempts)),
        "tried": ",".join(dict.fromkeys(each.candidate.channel.name for each in exchange.attempts)),
        "outcome": _outcome(exchange),
        "failure": exchange.failure.kind.value if exchange.failure else "",
        "cache": "miss" if exchange.cache_lost_tokens else "hit" if exchange.usage.cache_read_tokens else "",
        "edited": "yes" if exchange.sent_body else "",
    }
    return " ".join(f"{name}:{_BLANK.sub('_', value)[:200]}" for name, value in words.items() if value)


def _outcome(exchange: Exchange) -> str:
    if exchange.ended_s is None:
        return "running"
    return "canceled" if exchange.canceled else "error" if exchange.failure else "ok"
