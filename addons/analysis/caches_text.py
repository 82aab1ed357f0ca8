"""What the prompt-cache doctor found, as a person reads it in a terminal."""

from collections.abc import Iterator, Mapping, Sequence

from axonhub.addons.analysis.agents_text import counted
from axonhub.addons.analysis.caches import Finding
from axonhub.addons.store.backend import UsageRow
from axonhub.addons.store.report import moment, printable, table

_SAID: Mapping[str, str] = {
    "first": "begins",
    "kept": "ok",
    "broken": "BROKEN",
    "moved": "MOVED",
    "expired": "EXPIRED",
    "unknown": "MISSED",
}


def findings_text(findings: Sequence[Finding]) -> str:
    rows = [
        (moment(each.ts), each.request_id, each.agent, each.model, each.input_tokens, each.read_tokens,
         each.written_tokens, each.lost_tokens or None, money(each.lost_micro_usd) if each.lost_tokens else "",
         _said(each))
        for each in findings
    ]  # fmt: skip
    heads = ("time", "id", "agent", "model", "in", "read", "written", "lost", "cost $", "cache")
    if not rows:
        return "No request of this trace was answered and has its body still."
    told = [line for each in findings if each.cause not in ("first", "kept") for line in _explained(each)]
    return "\n".join([table(heads, rows), "", *map(printable, told), _total(findings)])


def _said(finding: Finding) -> str:
    changed = finding.cause == "broken" and not finding.lost_tokens
    return "changed" if changed else _SAID[finding.cause]


def _explained(finding: Finding) -> Iterator[str]:
    lost = f": {counted(finding.lost_tokens, 'token')} not read again" if finding.lost_tokens else ": nothing lost"
    yield f"{finding.request_id} after {finding.previous_id}{lost}"
    if finding.note:
        yield f"  {finding.note}"
    if change := finding.change:
        kept = f"{change.blocks_kept} of {change.blocks} blocks are as before"
        yield f"  the {finding.by} changed {change.path}, at byte {change.byte} of the body sent ({kept})"
        yield f"  - {change.before or '(nothing)'}"
        yield f"  + {change.after or '(nothing)'}"
    yield ""


def _total(findings: Sequence[Finding]) -> str:
    lost = sum(each.lost_tokens for each in findings)
    whole, read = sum(each.input_tokens for each in findings), sum(each.read_tokens for each in findings)
    share = f"{read / whole:.0%} of {whole:,} input tokens were read from the cache" if whole else "no tokens were told"
    if not lost:
        return f"{share}; none that could have been was paid for again."
    unpriced = any(each.lost_micro_usd is None for each in findings)
    cost = sum(each.lost_micro_usd or 0 for each in findings)
    return (
        f"{share}; {counted(lost, 'token')} more could have been: ${money(cost)}{' and what has no price' * unpriced}."
    )


def money(micro_usd: int | None) -> str:
    return "no price" if micro_usd is None else f"{micro_usd / 1e6:.4f}"


def hit_rates(rows: Sequence[UsageRow]) -> list[dict[str, str | int | float | None]]:
    """By channel: the share of input tokens that its provider read from a cache; None: it told of no input."""
    found: list[dict[str, str | int | float | None]] = []
    for row in rows:
        sums = row.counters
        written = sums.cache_write_5m_tokens + sums.cache_write_1h_tokens
        whole = sums.input_tokens + sums.cache_read_tokens + written
        found.append(
            {
                "channel": row.value,
                "requests": sums.requests,
                "input_tokens": whole,
                "cache_read_tokens": sums.cache_read_tokens,
                "cache_write_tokens": written,
                "hit_rate": round(sums.cache_read_tokens / whole, 4) if whole else None,
            }
        )
    return found


def hit_rates_text(rows: Sequence[Mapping[str, str | int | float | None]]) -> str:
    heads = ("channel", "requests", "in", "read", "written", "read from cache")
    lines = [
        (*(each[name] for name in ("channel", "requests", "input_tokens", "cache_read_tokens", "cache_write_tokens")),
         f"{each['hit_rate']:.1%}" if each["hit_rate"] is not None else "")
        for each in rows
    ]  # fmt: skip
    return table(heads, lines) if lines else "No usage is stored for that time."
