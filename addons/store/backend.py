"""What the gateway asks of a trace store, whichever engine answers: contracts, and the frozen values that cross them.

Three narrow contracts, so that each can move to another engine alone: `TraceBackend` (records, their order and sums),
`BlobBackend` (bodies) and `SharedState` (what several gateways must agree on while requests run). The embedded answer
to the first two is `embedded.Embedded`, to the third `shared.LocalState`. Nothing here knows TinyDB or a file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol

from axonhub.transformers.repetition import Likeness

type Json = None | bool | int | float | str | Sequence[Json] | Mapping[str, Json]
type Scalar = None | bool | int | float | str
type Record = Mapping[str, Json]
"""One finished exchange as it is stored; the fields are listed in docs/store.md."""

INTERRUPTED = "interrupted"
"""The `error_kind` of a request that had begun when the gateway was killed."""

type Durability = Literal["written", "durable"]
"""`written`: the operating system has it, a killed process loses nothing. `durable`: the disk has it."""

type Dimension = Literal["all", "channel", "model", "key", "profile"]
type Step = Literal["hour", "day", "all"]


class Finished(NamedTuple):
    """One finished exchange on its way to the store. Whoever builds it must not change it afterwards."""

    document: Record
    bodies: Mapping[str, bytes] = MappingProxyType({})
    """Name → bytes as they went over the wire; the store puts `bodies: {name: ref}` in the document."""
    likeness: Likeness | None = None
    """Of one of the bodies, where somebody has compared it with an earlier one; so it need not be done again."""


@dataclass(frozen=True, slots=True)
class Ack:
    """These many records will survive what `durability` says."""

    records: int
    durability: Durability


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records to look for: every named field equals its value, and the exchange began within the bounds."""

    equal: Mapping[str, Scalar] = field(default_factory=dict)
    since_s: float | None = None
    """Unix time, inclusive."""
    until_s: float | None = None
    """Unix time, exclusive."""


@dataclass(frozen=True, slots=True)
class Page:
    records: tuple[Record, ...]
    cursor: str | None
    """Where the next page begins; None when this one reached the end."""


@dataclass(frozen=True, slots=True)
class Counters:
    """Sums over some exchanges. Money in millionths of a dollar, because integers add up the same in any order."""

    requests: int = 0
    errors: int = 0
    canceled: int = 0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost_micro_usd: int = 0
    unpriced: int = 0
    """Exchanges with usage but without a price: their cost is missing from the sum."""
    duration_ms: int = 0
    tried: int = 0
    """Exchanges that reached a channel: what quotas count as requests."""


@dataclass(frozen=True, slots=True)
class UsageRow:
    start_s: int
    """Start of the hour or day, Unix time; 0 when the sum is over all time."""
    value: str
    """The channel, model or key name; for `profile` the key's name, a tab and the profile's."""
    counters: Counters


@dataclass(frozen=True, slots=True)
class Dropped:
    """What one run of retention removed."""

    partitions: int = 0
    records: int = 0
    body_packs: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Health:
    ok: bool
    records: int
    size_bytes: int
    notes: tuple[str, ...] = ()
    """One line for each thing that is wrong or damaged, fit for a person's eyes."""


class StoreError(Exception):
    """Anything the store could not do; the parent of the errors below."""


class StoreBusy(StoreError):
    """Another process already writes to this folder."""


class WriteFailed(StoreError):
    """Nothing of the batch was stored; trying again later is safe. The cause is the `OSError`."""


class SyncFailed(StoreError):
    """The disk refused to confirm: the batch may or may not be there, and must not be acknowledged."""


class BodyUnavailable(StoreError):
    """The reference is good, the bytes are not there: expired, shed or damaged, as the message says."""


class TraceBackend(Protocol):
    """Records in commit order. Methods block: call them from a thread, never from the event loop."""

    def append(self, batch: Sequence[Record]) -> Ack:
        """Store all or nothing, in order. Raises WriteFailed or SyncFailed."""

    def get(self, request_id: str) -> Record | None: ...

    def search(self, wanted: Filter, limit: int, cursor: str | None = None) -> Page:
        """Newest first. A cursor goes on where the page before ended, also after newer records came in."""

    def trace(self, trace_id: str) -> Sequence[Record]:
        """All records of one trace, oldest first."""

    def rollup(
        self, by: Dimension, since_s: float | None = None, until_s: float | None = None, step: Step = "all"
    ) -> Sequence[UsageRow]:
        """Sums from counters kept with the data, never from a scan; bounds are widened to whole hours."""

    def retain(self, records_before_s: float, bodies_before_s: float) -> Dropped:
        """Drop what ended before; may keep more than asked (a whole partition goes at once), never less."""

    def follow(self, cursor: str | None, limit: int) -> Page:
        """Oldest first, from the cursor on: how a shipper reads the store as an outbox. The cursor is never None."""

    def health(self) -> Health: ...


class BlobBackend(Protocol):
    """Bodies by reference. Same threads as TraceBackend."""

    def put(self, trace: str, bodies: Mapping[str, bytes]) -> Mapping[str, str]:
        """Name → reference. `trace` names the conversation, whose bodies grow a little each time. Raises
        WriteFailed."""

    def body(self, ref: str) -> bytes:
        """The exact bytes that were put. Raises BodyUnavailable."""


class SharedState(Protocol):
    """What gateways that serve the same keys must agree on. Keys are opaque; calls are quick."""

    def take(self, key: str, amount: int, limit: int, window_s: float) -> bool:
        """Take from a budget of `limit` in a sliding window; False, and nothing taken, when it does not fit."""

    def affinity(self, key: str) -> str | None: ...

    def set_affinity(self, key: str, channel: str, ttl_s: float) -> None: ...

    def add(self, counter: str, amount: int) -> int:
        """Add and return the new sum."""
