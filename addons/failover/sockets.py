"""The sockets of one client connection and of its upstreams: to be read or not, and what waits in them."""

import asyncio
from collections import defaultdict
from typing import Protocol
from weakref import WeakKeyDictionary

from mitmproxy.connection import Connection, ConnectionState
from mitmproxy.proxy import events
from mitmproxy.proxy.server import ConnectionHandler

from axonhub.addons.failover.contract import limits

_READ_BYTES = 1 << 20
"""More than ever waits: a reader stops its transport long before."""


class Sockets(Protocol):
    """What mitmproxy keeps from its layers."""

    def attend(self, connection: Connection) -> None:
        """Lets what a peer says reach its layer with no way round through a reader's buffer and a task."""
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


class Inlet:
    """One connection's way in: what comes goes to mitmproxy's layers in the moment it comes.

    mitmproxy has a task that reads: a piece wakes it in the loop's next round, and afterwards it waits for all writers.
    That way remains for all that must wait, for a writer or for the connection to be read on, and for the end.
    """

    def __init__(self, handler: ConnectionHandler, connection: Connection, reader: asyncio.StreamReader) -> None:
        self._handler, self._connection = handler, connection
        self._feed, self._read = reader.feed_data, reader.read
        self._gate: asyncio.Event | None = None
        """Set: the connection is not read."""
        self._waits = False
        """mitmproxy's task has read all there was, and waits for more."""
        reader.feed_data = self.take  # type: ignore[method-assign, assignment]
        reader.read = self.read  # type: ignore[method-assign, assignment]

    async def read(self, size: int = -1) -> bytes:
        """In place of the reader's own. Brings all that is there, however little is asked for: each piece costs."""
        if self._gate:
            await self._gate.wait()
        self._waits = True
        try:
            return await self._read(_READ_BYTES)
        finally:
            self._waits = False

    def take(self, data: bytes) -> None:
        """In place of the reader's own: something has come."""
        if self._waits and self._is_free():
            event = events.DataReceived(self._connection, data)
            # It ends at once, or queues up where mitmproxy's events queue up.
            asyncio.Task(self._handler.server_event(event), loop=asyncio.get_running_loop(), eager_start=True)
        else:
            self._waits = False
            self._feed(data)

    def _is_free(self) -> bool:
        """Is nothing to be waited for? A reader that is not read stops its transport, and so the peer."""
        if self._gate or not self._connection.state & ConnectionState.CAN_READ:
            return False
        return not any(_holds_up(io.writer) for io in self._handler.transports.values())

    def stop(self) -> None:
        self._gate = self._gate or asyncio.Event()

    def go_on(self) -> None:
        if self._gate:
            self._gate.set()
            self._gate = None


class HandlerSockets:
    """The sockets of one client connection and of its upstreams."""

    def __init__(self, handler: ConnectionHandler) -> None:
        self._handler = handler
        self._inlets: WeakKeyDictionary[Connection, Inlet] = WeakKeyDictionary()
        handler.max_conns = defaultdict(lambda: asyncio.Semaphore(limits.upstream_connections))

    def attend(self, connection: Connection) -> None:
        io = self._handler.transports.get(connection)
        if io and isinstance(io.reader, asyncio.StreamReader):
            self._inlets[connection] = Inlet(self._handler, connection, io.reader)

    def read(self, connection: Connection, on: bool) -> None:
        if inlet := self._inlets.get(connection):
            inlet.go_on() if on else inlet.stop()

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


def _holds_up(writer: object) -> bool:
    """Would mitmproxy have to wait for this writer, or learn from it that its peer is gone?"""
    if not isinstance(writer, asyncio.StreamWriter):
        return False
    return writer.transport.get_write_buffer_size() > 0 or writer.is_closing()
