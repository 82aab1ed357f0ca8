"""Addons: quotas of API keys and profiles. `Admission` asks before a request whether there is room, `Metering` adds up
what each has used.

What was used before this process, or before a quota was set, is asked of the store once for each ledger: in its
thread, in its turn behind all that had ended by then. What ends later is added here, so nothing counts twice and
nothing is missed. Who needs a ledger that is not read yet waits for it; nobody else does.

Requests under way count as requests; their tokens and cost are not known before they end.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from weakref import WeakSet

from mitmproxy import http

from axonhub.addons.answers import refuse
from axonhub.addons.config import Config, Quota
from axonhub.addons.errors import GatewayError, NotReady, QuotaExceeded
from axonhub.addons.exchange import Exchange, exchange_of
from axonhub.addons.ledgers import Ledger, Window, window_of
from axonhub.addons.prices import micro_dollars
from axonhub.addons.quota_reading import quotas_of, standing
from axonhub.addons.quota_text import Standing, refusal_text
from axonhub.addons.settings import Settings
from axonhub.addons.store.backend import TraceBackend
from axonhub.addons.store.spending import Owner, Spending, Spent, Want, spending
from axonhub.addons.store.writer import Question

logger = logging.getLogger(__name__)

_UNMETERED = frozenset(("models", "count_tokens"))
"""These reach no provider that is paid for, and have no record."""
_PATIENCE_S = 20.0
"""How long a request waits for its ledger."""
_NEVER_S = 86400.0
"""What a client is told to wait where waiting does not help."""


class Asked(Protocol):
    def ask(self, question: Question) -> None: ...


@dataclass(slots=True)
class Account:
    """An owner's ledger for one period, and the requests of that owner that are under way."""

    owner: Owner
    ledger: Ledger
    running: WeakSet[http.HTTPFlow] = field(default_factory=WeakSet)
    """Weak: a flow whose end no addon is told must not keep a place for ever."""
    known: asyncio.Event = field(default_factory=asyncio.Event)
    """What was used before is in the ledger."""


class Quotas:
    """What both addons share. Lives on the event loop."""

    def __init__(self, settings: Settings, store: Asked, clock: Callable[[], float] = time.time) -> None:
        self._settings, self._store, self.clock = settings, store, clock
        self._accounts: dict[tuple[Owner, Window], Account] = {}
        self._by_owner: defaultdict[Owner, list[Account]] = defaultdict(list)

    def open(self) -> None:
        """Has all ledgers read that the configuration needs, so that the first request need not wait long."""
        config = self._settings.config
        self._accounts_for([each for key in config.api_keys for each in quotas_of(key)], config)

    def account(self, owner: Owner, quota: Quota, config: Config) -> Account:
        return self._accounts_for([(owner, quota)], config)[0]

    def accounts_of(self, exchange: Exchange) -> Sequence[Account]:
        """All that its usage belongs to."""
        if not self._by_owner:
            return ()
        return [account for owner, _ in owned_by(exchange) for account in self._by_owner.get(owner, ())]

    def states(self) -> Iterator[Standing]:
        """Of all quotas that the configuration sets, as far as they are read."""
        config, now_s = self._settings.config, self.clock()
        for owner, quota in [each for key in config.api_keys for each in quotas_of(key)]:
            account = self.account(owner, quota, config)
            if account.known.is_set():
                yield standing(owner, quota, account.ledger, now_s, len(account.running))

    def _accounts_for(self, wanted: Sequence[tuple[Owner, Quota]], config: Config) -> list[Account]:
        found: list[Account] = []
        fresh: list[Account] = []
        for owner, quota in wanted:
            window = window_of(quota.period, config.accounting.timezone)
            account = self._accounts.get((owner, window))
            if account is None:
                account = self._accounts[owner, window] = Account(owner, Ledger(window))
                self._by_owner[owner].append(account)
                fresh.append(account)
            found.append(account)
        if fresh:
            self._read(fresh)
        return found

    def read_again(self, account: Account) -> None:
        """After an answer that did not come: a store that cannot read, or a disk that does not take what is before."""
        account.ledger = Ledger(account.ledger.window)
        self._read([account])

    def _read(self, fresh: list[Account]) -> None:
        """Asks now, on the loop: between what the store tells and what is added here lies no moment."""
        now_s, loop, ledgers = self.clock(), asyncio.get_running_loop(), [each.ledger for each in fresh]
        wants = [Want(each.owner, each.ledger.window.since(now_s), each.ledger.window.step) for each in fresh]

        def question(store: TraceBackend) -> None:
            answers = spending(store, wants)
            loop.call_soon_threadsafe(_take_over, fresh, ledgers, answers)

        self._store.ask(question)


def _take_over(accounts: list[Account], ledgers: list[Ledger], answers: list[Spending]) -> None:
    for account, ledger, answer in zip(accounts, ledgers, answers, strict=True):
        if account.ledger is ledger:  # else it has been asked for anew meanwhile
            ledger.add_all(answer)
            account.known.set()


class Admission:
    """Stands before selection."""

    def __init__(self, quotas: Quotas) -> None:
        self._quotas = quotas

    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        exchange = exchange_of(flow)
        if exchange is None or not is_limited(exchange) or flow.response or exchange.address.operation in _UNMETERED:
            return None
        limited = [
            (self._quotas.account(owner, quota, exchange.config), quota)
            for owner, quota in owned_by(exchange)
            if quota.limits
        ]
        if all(account.known.is_set() for account, _ in limited):
            self._admit(flow, exchange, limited)
            return None
        return self._admit_later(flow, exchange, limited)

    async def _admit_later(self, flow: http.HTTPFlow, exchange: Exchange, limited: list[tuple[Account, Quota]]) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                for account, _ in limited:
                    await account.known.wait()
        except TimeoutError:
            for account, _ in limited:
                if not account.known.is_set():
                    self._quotas.read_again(account)
            refuse(flow, exchange, NotReady("What this API key has used so far is not known yet."))
        else:
            self._admit(flow, exchange, limited)

    def _admit(self, flow: http.HTTPFlow, exchange: Exchange, limited: list[tuple[Account, Quota]]) -> None:
        try:
            for account, quota in limited:
                _check(account, quota, self._quotas.clock())
        except GatewayError as error:
            refuse(flow, exchange, error)
            return
        for account, _ in limited:
            account.running.add(flow)


class Metering:
    """Stands behind accounting, and behind whoever opens the store."""

    def __init__(self, quotas: Quotas) -> None:
        self._quotas = quotas

    def running(self) -> None:
        self._quotas.open()

    def response(self, flow: http.HTTPFlow) -> None:
        self._settle(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._settle(flow)

    def _settle(self, flow: http.HTTPFlow) -> None:
        """Once for each exchange that has a record."""
        exchange = exchange_of(flow)
        if exchange is None or exchange.api_key is None or exchange.metered:
            return
        exchange.metered = True
        accounts = self._quotas.accounts_of(exchange)
        for account in accounts:
            account.running.discard(flow)
        if accounts and exchange.attempts and exchange.address.operation not in _UNMETERED:
            spent = spent_by(exchange)
            for account in accounts:
                account.ledger.add(exchange.started_s, spent)


def is_limited(exchange: Exchange) -> bool:
    key, profile = exchange.api_key, exchange.profile
    return key is not None and (key.quota.limits or (profile is not None and profile.quota.limits))


def owned_by(exchange: Exchange) -> Iterator[tuple[Owner, Quota]]:
    """Whose usage an exchange's is, limited or not."""
    key, profile = exchange.api_key, exchange.profile
    if key is not None:
        yield Owner(key.name), key.quota
        if profile is not None:
            yield Owner(key.name, profile.name), profile.quota


def spent_by(exchange: Exchange) -> Spent:
    """The same as the store reckons from the exchange's record."""
    usage, cost = exchange.usage, exchange.cost
    return Spent(
        requests=1,
        tokens=(usage.fresh_tokens or 0) + usage.cache_write_tokens + (usage.output_tokens or 0),
        cache_read_tokens=usage.cache_read_tokens or 0,
        cost_micro_usd=0 if cost is None else micro_dollars(cost),
        unpriced=int(usage.known and cost is None),
    )


def _check(account: Account, quota: Quota, now_s: float) -> None:
    """QuotaExceeded."""
    now = standing(account.owner, quota, account.ledger, now_s, len(account.running))
    if now.exhausted is not None:
        wait_s = _NEVER_S if now.free_s is None else now.free_s - now_s
        raise QuotaExceeded(refusal_text(now, now_s), wait_s)
