"""Replay: a request that was made once is sent to the gateway again, pinned to another channel, model or profile.

It is an ordinary request to the gateway's own port (see pinning.py), so streaming, failover, conversion, accounting and
the record are those of any; the record says whose repetition it is (`replay_of`). `send` blocks.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from pydantic import SecretStr

from axonhub.addons.analysis.conversations import Stored, text_of
from axonhub.addons.exchange import Exchange, Pin
from axonhub.addons.pinning import pin_headers
from axonhub.addons.store.reader import TraceReader
from axonhub.addons.telling_headers import telling

_FRAMING = frozenset(("content-length", "host", "transfer-encoding", "connection", "accept-encoding"))


class ReplayFailed(Exception):
    """With words for the person who asked for it."""


@dataclass(frozen=True, slots=True)
class Again:
    """What is sent again."""

    id: str
    target: str
    """Path and query."""
    headers: Mapping[str, str]
    body: bytes
    key: str
    """The name of the API key that it was sent with; "" for none."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be different; "" is as it was."""

    channel: str = ""
    model: str = ""
    key: str = ""
    profile: str = ""
    """Of the key; `-` for none."""


@dataclass(frozen=True, slots=True)
class Replayed:
    request_id: str
    """Of the new record."""
    status: int
    channel: str
    body: bytes


def replay_stored(
    reader: TraceReader, request_id: str, changes: Changes, keys: Collection[str], base_url: str, token: SecretStr
) -> Replayed:
    """For whoever has an id: a command, or the admin API in a thread. `keys` as in `pin_of`. ReplayFailed."""
    record = reader.get(request_id)
    if record is None:
        raise ReplayFailed(f"there is no request {request_id!r}")
    again = stored_again(Stored(record, reader.body))
    return send(again, pin_of(again, changes, keys), base_url, token)


def stored_again(stored: Stored) -> Again:
    """ReplayFailed when the store has not kept what the client sent."""
    if stored.asked is None:
        raise ReplayFailed(f"the body of {stored.id} is not stored, or no longer")
    record = stored.record
    query, kept = text_of(record, "query"), record.get("headers")
    headers = {name: str(value) for name, value in kept.items()} if isinstance(kept, Mapping) else {}
    target = text_of(record, "path") + (f"?{query}" if query else "")
    return Again(stored.id, target, headers, stored.asked, text_of(record, "key_name"))


def live_again(exchange: Exchange) -> Again:
    target = exchange.path + (f"?{exchange.query}" if exchange.query else "")
    return Again(exchange.id, target, telling(exchange.client_headers), exchange.body, exchange.owner)


def pin_of(again: Again, changes: Changes, keys: Collection[str]) -> Pin:
    """`keys`: names of those that there are now. ReplayFailed for a profile without its key."""
    key = changes.key or (again.key if again.key in keys else "")
    if changes.profile and not key:
        raise ReplayFailed("a profile is a key's: name the key, too")
    return Pin("replay", changes.channel, changes.model, key, changes.profile, replay_of=again.id)


def send(again: Again, pin: Pin, base_url: str, token: SecretStr, timeout_s: float = 600.0) -> Replayed:
    """To the end of the answer, whatever its status. ReplayFailed when no gateway answers."""
    address = urlsplit(base_url)
    kept = {name: value for name, value in again.headers.items() if name not in _FRAMING}
    headers = {"content-type": "application/json", **kept, **pin_headers(pin, token)}
    connection = HTTPConnection(address.hostname or "", address.port or 80, timeout=timeout_s)
    try:
        connection.request("POST", address.path.rstrip("/") + again.target, again.body, headers)
        answer = connection.getresponse()
        told = answer.headers.get("x-axonhub-request-id", ""), answer.headers.get("x-axonhub-channel", "")
        return Replayed(told[0], answer.status, told[1], answer.read())
    except (OSError, HTTPException) as error:
        raise ReplayFailed(f"no gateway answers at {base_url}: {type(error).__name__}") from error
    finally:
        connection.close()
