"""Creation once: a POST with an `Idempotency-Key` that was seen before gets the answer that the first one got.

As in draft-ietf-httpapi-idempotency-key-header-07. Kept in memory for a day or until the process ends, and never in a
file: the answer may hold a key that is told only once. The same key with another body is refused.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Header, Request
from pydantic import BaseModel

from axonhub.addons.runtime.refusals import Conflict

LIFETIME_S = 86400.0
_MOST = 1000

type IdempotencyKey = Annotated[
    str | None, Header(min_length=1, max_length=255, description="The same again gives the same answer, made once.")
]


@dataclass(slots=True)
class _Entry:
    digest: bytes
    """Of address and body."""
    until_s: float
    making: asyncio.Future[Any]


class Once:
    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` in monotonic seconds."""
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    async def made[V: BaseModel](self, key: str | None, request: Request, make: Callable[[], Awaitable[V]]) -> V:
        """What `make` gives, or gave before. Conflict when the key was used for something else."""
        if key is None:
            return await make()
        self._trim()
        digest = sha256(request.url.path.encode() + b"\0" + await request.body()).digest()
        entry = self._entries.get(key)
        if entry is None:
            return await self._first(key, digest, make)
        if entry.digest != digest:
            raise Conflict("This Idempotency-Key was used for another request.")
        result: V = await asyncio.shield(entry.making)
        return result

    async def _first[V: BaseModel](self, key: str, digest: bytes, make: Callable[[], Awaitable[V]]) -> V:
        making: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._entries[key] = _Entry(digest, self._clock() + LIFETIME_S, making)
        try:
            result = await make()
        except BaseException as error:
            # Whatever it was: nothing was made, so the same may be asked again, and who waits hears of it.
            del self._entries[key]
            making.set_exception(error if isinstance(error, Exception) else Conflict("The first request was given up."))
            making.exception()  # nobody need be waiting
            raise
        making.set_result(result)
        return result

    def _trim(self) -> None:
        now_s = self._clock()
        while self._entries:
            first = next(iter(self._entries))
            entry = self._entries[first]
            if not entry.making.done() or (entry.until_s > now_s and len(self._entries) < _MOST):
                return
            del self._entries[first]
