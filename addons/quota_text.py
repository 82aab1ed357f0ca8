"""How a quota stands: as a value, in a sentence for who is refused, and in a row for who looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import cast

from axonhub.addons.config import Period, Quota
from axonhub.addons.ledgers import Kind, Window, amount, limits
from axonhub.addons.store.report import Report, table
from axonhub.addons.store.spending import Owner, Spent
from axonhub.transformers.json_types import Json

_UNITS_S = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


@dataclass(frozen=True, slots=True)
class Standing:
    owner: Owner
    quota: Quota
    spent: Spent
    """With the requests that are under way."""
    window: Window
    exhausted: Kind | None
    """The limit that leaves no room."""
    free_s: float | None
    """When there will be room again (Unix time); None: there is, or there never will be by itself."""


def refusal_text(state: Standing, now_s: float) -> str:
    """For the caller, of an exhausted quota."""
    kind = state.exhausted or "requests"
    limit = limits(state.quota)[kind]
    whose = f"API key {state.owner.key!r}"
    if state.owner.profile:
        whose = f"profile {state.owner.profile!r} of the {whose}"
    used = f"{figure(kind, limit)} {in_period(state.quota.period)}"
    return f"The quota of the {whose} is used up: {used}. {_room(state, now_s)}"


def _room(state: Standing, now_s: float) -> str:
    if state.free_s is None:
        return "Only the operator can change that."
    moment = datetime.fromtimestamp(state.free_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"There is room again in {span(max(1.0, state.free_s - now_s))} ({moment})."


def shown(state: Standing) -> dict[str, Json]:
    """For `--json`."""
    quota, owner = state.quota, state.owner
    return {
        "key": owner.key,
        "profile": owner.profile or None,
        "period": in_period(quota.period),
        "limits": {kind: _plain(limit) for kind, limit in limits(quota).items()},
        "used": {kind: _plain(amount(kind, state.spent, quota)) for kind in limits(quota)},
        "unpriced": state.spent.unpriced,
        "exhausted": state.exhausted,
        "free_at": state.free_s,
    }


def in_short(state: Standing) -> str:
    """`3/10 requests, 0.2/5 USD this month`, for a table."""
    quota = state.quota
    parts = [
        f"{_plain(amount(kind, state.spent, quota))}/{figure(kind, limit)}" for kind, limit in limits(quota).items()
    ]
    unpriced = f" (+{state.spent.unpriced} unpriced)" if quota.cost_usd is not None and state.spent.unpriced else ""
    return ", ".join(parts) + unpriced + f" {in_period(quota.period)}"


def with_quotas(usage: Report, standings: Sequence[Standing]) -> Report:
    """Sums by key or profile, each row with its quotas; the quotas as a table of their own behind the text's."""
    rows = cast(Sequence[Mapping[str, Json]], usage.data)
    data = [
        {**row, "quotas": [shown(each) for each in standings if row["value"] in (each.owner.value, each.owner.key)]}
        for row in rows
    ]
    if not standings:
        return replace(usage, data=data)
    heads = ("key", "profile", "quota", "")
    lines = [
        (each.owner.key, each.owner.profile, in_short(each), "used up" if each.exhausted else "") for each in standings
    ]
    return replace(usage, data=data, text=f"{usage.text}\n\n{table(heads, lines)}")


def figure(kind: Kind, value: Decimal) -> str:
    names: Mapping[Kind, str] = {"requests": "requests", "tokens": "tokens", "cost_usd": "USD"}
    return f"{_plain(value)} {names[kind]}"


def in_period(period: Period) -> str:
    if period.calendar is not None:
        return {"day": "today", "month": "this month"}[period.calendar]
    return "in all" if period.past_s is None else f"in the past {span(period.past_s)}"


def span(seconds: float) -> str:
    """The two largest units, rounded up: `1 h 5 min`."""
    left, parts = -int(-seconds // 1) if seconds >= 1 else seconds, list[str]()
    for unit, size in _UNITS_S:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count:g} {unit}")
    return " ".join(parts[:2]) or f"{seconds:g} s"


def _plain(value: Decimal) -> Json:
    """A whole number where it is one, else text that stays exact."""
    return int(value) if value == value.to_integral_value() else format(value.normalize(), "f")
