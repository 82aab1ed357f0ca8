"""What a peer says reaches its layer in the moment it comes, in order, and waits where it must."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator
from types import SimpleNamespace

import pytest
import uvloop
from hypothesis import given, strategies as st
from mitmproxy import options
from mitmproxy.connection import ConnectionState, Server
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.server import ConnectionHandler, ConnectionIO
from mitmproxy.test.tflow import tclient_conn

from axonhub.addons.failover.sockets import HandlerSockets, Shortcut, WideProtocol


class Handler(ConnectionHandler):
    """mitmproxy's own, with one upstream and a layer that notes what it hears."""

    ended: asyncio.Event | None = None

    def __init__(self, shortcut: Shortcut | None) -> None:
        super().__init__(Context(tclient_conn(), options.Options()))
        self.heard: list[bytes] = []
        self.upstream = Server(address=("127.0.0.1", 1))
        self.upstream.state = ConnectionState.OPEN
        self.reader = asyncio.StreamReader()
        self.reader.set_transport(SimpleNamespace(pause_reading=lambda: None, resume_reading=lambda: None))  # type: ignore[arg-type]
        self.writer = Writer()
        self.layer = SimpleNamespace(handle_event=self.hear)  # type: ignore[assignment]
        self.reading = asyncio.create_task(self.handle_connection(self.upstream))
        self.transports[self.upstream] = ConnectionIO(handler=self.reading, reader=self.reader, writer=self.writer)
        self.sockets = HandlerSockets(self)
        self.sockets.attend(self.upstream, shortcut)

    def hear(self, event: events.Event) -> Iterator[commands.Command]:
        if isinstance(event, events.DataReceived):
            self.heard.append(event.data)
        elif isinstance(event, events.ConnectionClosed) and self.ended:
            self.ended.set()
        yield from ()

    async def handle_hook(self, hook: commands.StartHook) -> None:
        raise AssertionError(hook)


class Writer(asyncio.StreamWriter):
    """Of a peer that takes what it is told to take."""

    def __init__(self) -> None:
        self.unsent, self.gone = 0, False
        self.room = asyncio.Event()
        self.written: list[list[bytes]] = []

    @property
    def transport(self) -> asyncio.WriteTransport:
        return SimpleNamespace(get_write_buffer_size=lambda: self.unsent)  # type: ignore[return-value]

    def writelines(self, data: Iterable[bytes]) -> None:
        self.written.append([*data])

    def is_closing(self) -> bool:
        return self.gone

    def close(self) -> None:
        self.gone = True

    async def drain(self) -> None:
        if self.gone:
            raise ConnectionResetError
        if self.unsent:
            await self.room.wait()

    def is_read(self) -> None:
        self.unsent = 0
        self.room.set()

    def __del__(self) -> None:
        """There is no socket that would have to be closed."""


def played(scene: Callable[[Handler], Awaitable[None]], shortcut: Shortcut | None = None) -> Handler:
    async def play() -> Handler:
        handler = Handler(shortcut)
        await rounds()
        await scene(handler)
        handler.reading.cancel()
        return handler

    return asyncio.run(play())


async def rounds(count: int = 6) -> None:
    """Lets the loop go round until everybody waits."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_what_comes_is_heard_at_once():
    async def scene(handler: Handler) -> None:
        handler.reader.feed_data(b"one")
        assert handler.heard == [b"one"]
        handler.reader.feed_data(b"two")
        assert handler.heard == [b"one", b"two"]

    played(scene)


def test_what_came_before_is_heard_before():
    async def scene(handler: Handler) -> None:
        handler.sockets.read(handler.upstream, on=False)
        handler.reader.feed_data(b"one")
        await rounds()
        handler.reader.feed_data(b"two")
        handler.sockets.read(handler.upstream, on=True)
        handler.reader.feed_data(b"three")
        await rounds()
        handler.reader.feed_data(b"four")
        assert handler.heard == [b"one", b"twothree", b"four"]

    played(scene)


def test_connection_that_is_held_is_read_no_further():
    async def scene(handler: Handler) -> None:
        handler.sockets.read(handler.upstream, on=False)
        handler.sockets.read(handler.upstream, on=False)
        handler.reader.feed_data(b"of the read that was under way")
        await rounds()
        handler.reader.feed_data(b"late")
        await rounds()
        assert handler.heard == [b"of the read that was under way"]
        handler.sockets.read(handler.upstream, on=True)
        handler.sockets.read(handler.upstream, on=True)
        await rounds()
        assert handler.heard == [b"of the read that was under way", b"late"]

    played(scene)


def test_peer_that_does_not_read_is_waited_for():
    async def scene(handler: Handler) -> None:
        handler.writer.unsent = 1
        handler.reader.feed_data(b"one")
        await rounds()
        handler.reader.feed_data(b"two")
        await rounds()
        assert handler.heard == [b"one"]
        handler.writer.is_read()
        await rounds()
        assert handler.heard == [b"one", b"two"]
        handler.reader.feed_data(b"three")
        assert handler.heard == [b"one", b"two", b"three"]

    played(scene)


def test_peer_that_is_gone_is_noticed():
    async def scene(handler: Handler) -> None:
        handler.writer.gone = True
        handler.reader.feed_data(b"one")
        await rounds()
        assert handler.heard == [b"one"]
        assert handler.reading.cancelled()

    played(scene)


def test_connection_that_was_closed_says_nothing_more():
    async def scene(handler: Handler) -> None:
        handler.close_connection(handler.upstream)
        handler.reader.feed_data(b"late")
        await rounds()
        assert handler.heard == []

    played(scene)


def test_end_comes_after_all_that_was_said():
    async def scene(handler: Handler) -> None:
        handler.reader.feed_data(b"one")
        handler.reader.feed_eof()
        await rounds()
        assert not handler.upstream.state & ConnectionState.CAN_READ

    assert played(scene).heard == [b"one"]


def test_event_that_others_wait_for_does_not_overtake():
    async def scene(handler: Handler) -> None:
        lock = handler._server_event_lock
        await lock.acquire()
        waiting = asyncio.create_task(handler.server_event(events.DataReceived(handler.upstream, b"one")))
        await rounds()
        lock.release()  # the one that waits will have it in the loop's next round
        handler.reader.feed_data(b"two")
        await waiting
        await rounds()
        handler.reader.feed_data(b"three")

    assert played(scene).heard == [b"one", b"two", b"three"]


def test_connection_whose_shortcut_fails_ends(caplog: pytest.LogCaptureFixture):
    def shortcut(data: bytes) -> events.DataReceived:
        raise RuntimeError(data)

    async def scene(handler: Handler) -> None:
        handler.reader.feed_data(b"what cannot be read")
        await rounds()
        assert handler.reading.cancelled()
        assert handler.upstream.state is ConnectionState.CLOSED

    assert played(scene, shortcut).heard == []
    assert "could not be handed on" in caplog.text


def test_what_comes_waits_while_another_event_is_under_way():
    async def scene(handler: Handler) -> None:
        async with handler._server_event_lock:
            handler.reader.feed_data(b"one")
            await rounds()
            handler.reader.feed_data(b"two")
            await rounds()
            assert handler.heard == []
        await rounds()
        assert handler.heard == [b"one", b"two"]
        handler.reader.feed_data(b"three")
        assert handler.heard == [b"one", b"two", b"three"]

    played(scene)


def test_pieces_are_written_in_one_call():
    async def scene(handler: Handler) -> None:
        assert handler.sockets.write(handler.upstream, (b"head", b"body"))
        assert handler.writer.written == [[b"head", b"body"]]

        handler.writer.close()
        assert not handler.sockets.write(handler.upstream, (b"more",))
        assert not handler.sockets.write(Server(address=("127.0.0.1", 2)), (b"more",))
        assert handler.writer.written == [[b"head", b"body"]]

    played(scene)


@pytest.mark.parametrize("loop_factory", [uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def test_connection_that_is_read_widely_says_the_same(loop_factory: Callable[[], asyncio.AbstractEventLoop]):
    """Over a socket: more than fits at once, a while in which nobody reads, and an end."""
    said = random.Random(7).randbytes(5_000_000)

    async def scene() -> None:
        accepted, ended = asyncio.get_running_loop().create_future(), asyncio.Event()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            handler = Handler(None)
            handler.reading.cancel()
            handler.transports[handler.upstream] = ConnectionIO(reader=reader, writer=writer)
            handler.sockets.attend(handler.upstream)
            handler.sockets.widen(handler.upstream, lambda data: events.DataReceived(handler.upstream, bytes(data)))
            assert isinstance(writer.transport.get_protocol(), WideProtocol)
            handler.ended = ended
            handler.reading = asyncio.create_task(handler.handle_connection(handler.upstream))
            accepted.set_result(handler)

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        handler: Handler = await accepted
        await rounds()
        handler.sockets.read(handler.upstream, on=False)
        writer.write(said)
        await rounds()
        handler.sockets.read(handler.upstream, on=True)
        writer.write_eof()
        await asyncio.wait_for(ended.wait(), 20)
        assert b"".join(handler.heard) == said
        handler.reading.cancel()
        writer.close()
        server.close()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(scene())


def test_connection_that_is_closed_is_forgotten():
    async def scene(handler: Handler) -> None:
        handler.close_connection(handler.upstream)
        await rounds()
        handler.sockets.forget(handler.upstream)
        assert handler.sockets._inlets == {}

    played(scene)


STEPS = st.lists(st.sampled_from(("say", "round", "stop", "go on", "full", "read")), max_size=40)


@given(STEPS)
def test_nothing_is_lost_or_overtaken(steps: list[str]):
    said: list[bytes] = []

    async def scene(handler: Handler) -> None:
        for step in steps:
            match step:
                case "say":
                    said.append(b"%d," % len(said))
                    handler.reader.feed_data(said[-1])
                case "round":
                    await asyncio.sleep(0)
                case "stop" | "go on":
                    handler.sockets.read(handler.upstream, on=step == "go on")
                case "full":
                    handler.writer.unsent = 1
                    handler.writer.room.clear()
                case "read":
                    handler.writer.is_read()
        handler.sockets.read(handler.upstream, on=True)
        handler.writer.is_read()
        await rounds(20)

    assert b"".join(played(scene).heard) == b"".join(said)
