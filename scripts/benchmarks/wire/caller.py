"""A client that costs next to nothing: keep-alive connections that ask, one request after the other, and note times."""

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Ask:
    """A request in bytes, of which a number of fixed width is new each time, as no two requests of a client are
    alike."""

    before: bytes
    after: bytes
    expected: bytes
    """How an answer must end."""
    token: bytes = b""
    """Stands in the first piece of an answer that holds some of what the model says; b"": in its first byte."""

    def pieces(self, number: int) -> tuple[bytes, bytes, bytes]:
        return self.before, b"%08d" % number, self.after


@dataclass(slots=True)
class Times:
    """One figure a request, in milliseconds from the moment that it was sent."""

    first_ms: list[float] = field(default_factory=list)
    """To the first token."""
    whole_ms: list[float] = field(default_factory=list)


class Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._done: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    async def ask(self, pieces: Sequence[bytes], token: bytes) -> bytes:
        """The answer, head and all."""
        self._seen, self._token = bytearray(), token
        self._end: int | None = None
        """Where the answer ends; -1: where its last chunk does; None: its head has not come."""
        self.first_s = 0.0
        self._done = asyncio.get_running_loop().create_future()
        self._transport.writelines(pieces)
        async with asyncio.timeout(PATIENCE_S):
            await self._done
        return bytes(self._seen)

    def data_received(self, data: bytes) -> None:
        self._seen += data
        if self._end is None:
            self._read_head()
        if self._end is None or self._done is None:
            return
        if not self.first_s and self._token in self._seen:
            self.first_s = time.perf_counter()
        if self._seen.endswith(b"\r\n0\r\n\r\n") if self._end < 0 else len(self._seen) >= self._end:
            self._done.set_result(None)
            self._done = None

    def _read_head(self) -> None:
        head_end = self._seen.find(b"\r\n\r\n")
        if head_end < 0 or len(self._seen) == head_end + 4:
            return
        _, _, stated = bytes(self._seen[:head_end]).lower().partition(b"\r\ncontent-length:")
        self._end = head_end + 4 + int(stated.partition(b"\r\n")[0]) if stated else -1

    def connection_lost(self, error: Exception | None) -> None:
        if self._done:
            self._done.set_exception(error or ConnectionError("the proxy hung up"))
            self._done = None


_numbers = itertools.count()


async def load(port: int, ask: Ask, requests: int, connections: int, *, spread_s: float = 0.0) -> Times:
    """So many requests over so many connections. `spread_s` is the time over which the connections begin."""
    times, left = Times(), iter(range(requests))
    starts = [spread_s * number / connections for number in range(connections)]
    await asyncio.gather(*(_connection(port, ask, left, start_s, times) for start_s in starts))
    return times


async def _connection(port: int, ask: Ask, left: Iterator[int], start_s: float, times: Times) -> None:
    transport, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    await asyncio.sleep(start_s)
    for _ in left:
        pieces = ask.pieces(next(_numbers))
        sent_s = time.perf_counter()
        answer = await connection.ask(pieces, ask.token)
        times.whole_ms.append((time.perf_counter() - sent_s) * 1e3)
        times.first_ms.append((connection.first_s - sent_s) * 1e3)
        if not answer.startswith(b"HTTP/1.1 200") or ask.expected not in answer[-4000:]:
            raise AssertionError(f"not the answer that was expected: {answer[:1500]!r} … {answer[-300:]!r}")
    transport.close()
