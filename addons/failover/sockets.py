"""The sockets of one client connection and of its upstreams: to be read or not, and what waits in them."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from mitmproxy.connection import Connection
from mitmproxy.proxy.server import ConnectionHandler

from axonhub.addons.failover.contract import limits

_READ_BYTES = 1 << 20
"""More than ever waits: a reader stops its transport long before."""

type Read = Callable[[int], Coroutine[Any, Any, bytes]]


class Sockets(Protocol):
    """What mitmproxy keeps from its layers."""

    def widen(self, connection: Connection) -> None:
        """Lets a read bring all that is there; mitmproxy takes 64 KB at a time, each of which costs as much."""
        ...

    def read(self, connection: Connection, on: bool) -> None:
        """Begins or ceases to take bytes from a connection; the kernel then tells its peer to wait."""
        ...

    def unsent(self, connection: Connection) -> int:
        """Bytes that the kernel has not taken, because the peer does not."""
        ...

    def forget(self, connection: Connection) -> None:
        """Lets go of a connection that is closed."""
        ...

    def write_off(self, connection: Connection) -> None:
        """Nobody reads there any more, which must not disturb the other connections."""
        ...


class HandlerSockets:
    """The sockets of one client connection and of its upstreams."""

    def __init__(self, handler: ConnectionHandler) -> None:
        self._handler = handler
        self._gates: WeakKeyDictionary[Connection, tuple[asyncio.Event, Read]] = WeakKeyDictionary()
        """Of connections that are not read, with what reads them else."""
        handler.max_conns = defaultdict(lambda: asyncio.Semaphore(limits.upstream_connections))

    def widen(self, connection: Connection) -> None:
        if reader := self._reader(connection):
            reader.read = _widened(reader.read)  # type: ignore[assignment, method-assign]

    def read(self, connection: Connection, on: bool) -> None:
        reader = self._reader(connection)
        if reader is None:
            return
        if on and connection in self._gates:
            gate, read = self._gates.pop(connection)
            gate.set()
            reader.read = read  # type: ignore[assignment, method-assign]
        elif not on and connection not in self._gates:
            gate = asyncio.Event()
            self._gates[connection] = gate, reader.read
            reader.read = _gated(reader.read, gate)  # type: ignore[assignment, method-assign]

    def _reader(self, connection: Connection) -> asyncio.StreamReader | None:
        io = self._handler.transports.get(connection)
        return io.reader if io and isinstance(io.reader, asyncio.StreamReader) else None

    def unsent(self, connection: Connection) -> int:
        io = self._handler.transports.get(connection)
        if io is None or not isinstance(io.writer, asyncio.StreamWriter):
            return 0
        return io.writer.transport.get_write_buffer_size()

    def forget(self, connection: Connection) -> None:
        io = self._handler.transports.get(connection)
        if io and (io.handler is None or io.handler.done()):
            del self._handler.transports[connection]

    def write_off(self, connection: Connection) -> None:
        """mitmproxy waits for all its writers, and gives all connections up when one fails."""
        io = self._handler.transports.get(connection)
        if io and io.writer:
            io.writer.drain = _at_once  # type: ignore[method-assign]


async def _at_once() -> None:
    return


def _widened(read: Read) -> Read:
    return lambda size: read(_READ_BYTES)


def _gated(read: Read, gate: asyncio.Event) -> Read:
    """Waits before it reads. A reader that is not read stops its transport, and so the peer."""

    async def gated(size: int = -1) -> bytes:
        await gate.wait()
        return await read(size)

    return gated
