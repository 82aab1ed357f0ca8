"""How the quotas of a configuration stand, read from a store: for commands, which may run without a gateway."""

from collections.abc import Iterator
from dataclasses import replace

from axonhub.addons.config import ApiKey, Config, Quota
from axonhub.addons.ledgers import Ledger, exhausted, window_of
from axonhub.addons.quota_text import Standing
from axonhub.addons.store.spending import Owner, Source, Want, spending


def quotas_of(key: ApiKey) -> Iterator[tuple[Owner, Quota]]:
    """All that are set for a key."""
    if key.quota.limits:
        yield Owner(key.name), key.quota
    for profile in key.profiles:
        if profile.quota.limits:
            yield Owner(key.name, profile.name), profile.quota


def standings(config: Config, store: Source, now_s: float) -> list[Standing]:
    """Of all quotas. Blocks. What is under way or not written yet is not in it."""
    limited = [each for key in config.api_keys for each in quotas_of(key)]
    ledgers = [Ledger(window_of(quota.period, config.accounting.timezone)) for _, quota in limited]
    wants = [
        Want(owner, ledger.window.since(now_s), ledger.window.step)
        for (owner, _), ledger in zip(limited, ledgers, strict=True)
    ]
    for ledger, answer in zip(ledgers, spending(store, wants), strict=True):
        ledger.add_all(answer)
    return [standing(owner, quota, ledger, now_s) for (owner, quota), ledger in zip(limited, ledgers, strict=True)]


def standing(owner: Owner, quota: Quota, ledger: Ledger, now_s: float, running: int = 0) -> Standing:
    """`running`: requests under way."""
    spent = ledger.used(now_s)
    spent = replace(spent, requests=spent.requests + running)
    kind = exhausted(quota, spent)
    free_s = ledger.free_at(now_s, lambda left: exhausted(quota, left) is None) if kind else None
    return Standing(owner, quota, spent, ledger.window, kind, free_s)
