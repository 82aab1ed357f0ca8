"""The sockets of one client connection and of its upstreams: to be read or not, and what waits in them."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Coroutine, Generator, Sequence
from functools import partial
from types import coroutine
from typing import Protocol, cast

from mitmproxy.connection import Connection, ConnectionState
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.server import ConnectionHandler, ConnectionIO

from axonhub.addons.failover.contract import limits

logger = logging.getLogger(__name__)

_READ_BYTES = 1 << 20
"""More than ever waits: a reader stops its transport long before."""
_READABLE = (ConnectionState.OPEN, ConnectionState.CAN_READ)


type Shortcut = Callable[[memoryview | bytes], commands.SendData | events.DataReceived | None]
"""What a peer says → what is to be written because of it, or the event that its layers need hear; None: neither. What
is kept of it must be copied."""


class Sockets(Protocol):
    """What mitmproxy keeps from its layers."""

    def attend(self, connection: Connection, shortcut: Shortcut | None = None) -> None:
        """Lets what a peer says reach its layer with no way round through a reader's buffer and a task."""
        ...

    def widen(self, connection: Connection, shortcut: Shortcut) -> None:
        """Reads as much at once as there is, into a place that is there already."""
        ...

    def begin_at(self, inner: layer.Layer) -> None:
        """Events begin their way at this layer from now on. Those around it must have no other part than to hand on."""
        ...

    def write(self, connection: Connection, pieces: Sequence[bytes]) -> bool:
        """Writes at once and in one call, which wakes the peer once; False: that cannot be done here."""
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

    def __init__(
        self, handler: ConnectionHandler, connection: Connection, reader: asyncio.StreamReader, shortcut: Shortcut
    ) -> None:
        self._handler, self._connection, self.shortcut = handler, connection, shortcut
        self._feed, self._read = reader.feed_data, reader.read
        self._gate: asyncio.Event | None = None
        """Set: the connection is not read."""
        self._waits = False
        """mitmproxy's task has read all there was, and waits for more."""
        self._last: asyncio.Task[None] | None = None
        """Of the last event that went straight to the layers."""
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

    def take(self, data: bytes | memoryview) -> None:
        """In place of the reader's own: something has come."""
        if not (self._waits and self._is_free()):
            self._waits = False
            self._feed(data)
            return
        try:
            outcome = self.shortcut(data)
        except Exception:
            logger.exception("what %s said could not be handed on", self._connection.peername)
            self._give_up()
            return
        if isinstance(outcome, events.Event):
            self._last = _begun(self._handler.server_event(outcome))
            return
        self._handler.timeout_watchdog.register_activity()
        if outcome:
            self._write(outcome)

    def _give_up(self) -> None:
        """What has come is lost, so this is the connection's end, of which its layers hear as of any other."""
        io = self._handler.transports.get(self._connection)
        if io and io.handler:
            io.handler.cancel("given up")

    def _write(self, command: commands.SendData) -> None:
        io = self._handler.transports.get(command.connection)
        if io and io.writer and not io.writer.is_closing():
            io.writer.write(command.data)

    def _is_free(self) -> bool:
        """Is nothing to be waited for? A reader that is not read stops its transport, and so the peer."""
        if self._gate or self._connection.state not in _READABLE or (self._last and not self._last.done()):
            return False
        return not any(map(_holds_up, self._handler.transports.values()))

    def stop(self) -> None:
        self._gate = self._gate or asyncio.Event()

    def go_on(self) -> None:
        if self._gate:
            self._gate.set()
            self._gate = None


def _begun(event: Coroutine[asyncio.Future[None], None, None]) -> asyncio.Task[None] | None:
    """Runs it here and now; None: it has ended, as nearly all do. One that must wait, where mitmproxy's events queue
    up, becomes a task."""
    try:
        waited_for = event.send(None)
    except StopIteration:
        return None
    return asyncio.get_running_loop().create_task(_resumed(event, waited_for))


async def _resumed(begun: Coroutine[asyncio.Future[None], None, None], waited_for: asyncio.Future[None]) -> None:
    """A coroutine that waits already."""
    while True:
        await _given_up_to(waited_for)
        try:
            waited_for = begun.send(None)
        except StopIteration:
            return


@coroutine
def _given_up_to(future: asyncio.Future[None]) -> Generator[asyncio.Future[None], None, None]:
    """To wait for a future that has been asked to be waited for."""
    yield future


class WideProtocol(asyncio.BufferedProtocol):
    """In the place of a reader's protocol, which is told all but what comes."""

    def __init__(self, plain: asyncio.StreamReaderProtocol, take: Callable[[memoryview], None]) -> None:
        self._take = take
        self.eof_received, self.connection_lost = plain.eof_received, plain.connection_lost  # type: ignore[method-assign]
        self.pause_writing, self.resume_writing = plain.pause_writing, plain.resume_writing  # type: ignore[method-assign]

    def get_buffer(self, sizehint: int) -> memoryview:
        return _WIDE

    def buffer_updated(self, nbytes: int) -> None:
        self._take(_WIDE[:nbytes])


_WIDE = memoryview(bytearray(_READ_BYTES))
"""Of all connections: what was read is copied before the next one is read."""


class HandlerSockets:
    """The sockets of one client connection and of its upstreams."""

    def __init__(self, handler: ConnectionHandler) -> None:
        self._handler = handler
        self._inlets: dict[Connection, Inlet] = {}
        handler.max_conns = defaultdict(lambda: asyncio.Semaphore(limits.upstream_connections))

    def attend(self, connection: Connection, shortcut: Shortcut | None = None) -> None:
        io = self._handler.transports.get(connection)
        if io and isinstance(io.reader, asyncio.StreamReader):
            way = shortcut or partial(events.DataReceived, connection)
            self._inlets[connection] = Inlet(self._handler, connection, io.reader, way)

    def widen(self, connection: Connection, shortcut: Shortcut) -> None:
        io, inlet = self._handler.transports.get(connection), self._inlets.get(connection)
        if not (io and inlet and isinstance(io.writer, asyncio.StreamWriter)):
            return
        transport = cast(asyncio.Transport, io.writer.transport)  # uvloop's is none by inheritance
        plain = transport.get_protocol()
        if isinstance(plain, asyncio.StreamReaderProtocol) and transport.is_reading():
            inlet.shortcut = shortcut
            transport.pause_reading()  # uvloop sees what kind of protocol it has when it begins to read
            transport.set_protocol(WideProtocol(plain, inlet.take))
            transport.resume_reading()

    def begin_at(self, inner: layer.Layer) -> None:
        self._handler.layer = inner

    def write(self, connection: Connection, pieces: Sequence[bytes]) -> bool:
        io = self._handler.transports.get(connection)
        if io is None or not isinstance(io.writer, asyncio.StreamWriter) or io.writer.is_closing():
            return False
        io.writer.writelines(pieces)
        return True

    def read(self, connection: Connection, on: bool) -> None:
        if inlet := self._inlets.get(connection):
            inlet.go_on() if on else inlet.stop()

    def unsent(self, connection: Connection) -> int:
        io = self._handler.transports.get(connection)
        if io is None or not isinstance(io.writer, asyncio.StreamWriter):
            return 0
        return io.writer.transport.get_write_buffer_size()

    def forget(self, connection: Connection) -> None:
        self._inlets.pop(connection, None)
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


def _holds_up(io: ConnectionIO) -> bool:
    """Would mitmproxy have to wait for this one's peer, or learn that it is gone?"""
    writer = io.writer
    if not isinstance(writer, asyncio.StreamWriter):
        return False
    return writer.transport.get_write_buffer_size() > 0 or writer.is_closing()
