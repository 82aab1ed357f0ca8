"""Plays the failover layer a conversation without sockets or clock, and writes down what it does.

mitmproxy's own Playbook is in its repository only. This one does what mitmproxy's server does with a layer's commands:
runs hooks, opens and closes connections, fires timers. The test says when a connection opens, who says what, who
leaves, and how time passes.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, cast

from mitmproxy import http
from mitmproxy.addons.clientplayback import MockServer
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.connection import Client, Connection, ConnectionState, Server
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode
from mitmproxy.proxy.mode_specs import ProxyMode

from axonhub.addons.dispatch import Dispatch, RestHook
from axonhub.addons.failover import GatewayLayer, make_ours
from axonhub.addons.failover.connections import GatewayHttp1Server
from axonhub.addons.failover.sockets import Shortcut


@dataclass(eq=False, slots=True)
class Peer:
    """One end of a connection, as the test plays it."""

    book: "Playbook"
    connection: Connection
    name: str
    heard: bytes = b""
    writes: list[bytes] = field(default_factory=list)
    """The same, as it left."""
    closed: bool = False
    """The layer closed the connection."""
    stopped: bool = False
    """The layer reads no further for now."""
    unsent: int = 0
    """So many of the layer's bytes this peer does not take."""

    def says(self, data: bytes | str) -> None:
        self.book.hear(self.connection, data.encode() if isinstance(data, str) else data)

    def leaves(self) -> None:
        """As `handle_connection` tells of an end of file."""
        self.connection.state &= ~ConnectionState.CAN_READ
        self.book.play(events.ConnectionClosed(self.connection))

    def take(self) -> bytes:
        """What was heard since the last time."""
        heard, self.heard = self.heard, b""
        return heard


@dataclass(slots=True)
class Playbook:
    """`hooks` has methods named after hooks. `story` is what the layer did, in order and in few words."""

    hooks: object
    alpn: bytes | None = None
    replayed: http.HTTPFlow | None = None
    """In the place of a client, as mitmproxy's client playback has it."""
    story: list[str] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    now: float = 1000.0
    held: set[str] = field(default_factory=set)
    """Names of hooks that do not complete before `let_go`."""
    at_once: ClassVar[bool] = True
    """As in life: what a plain upstream says takes the shortcut, and hooks run where they arise. Else all takes the way
    through mitmproxy's layers, and hooks are run by its server."""
    layer: GatewayLayer = field(init=False)
    client: Peer = field(init=False)
    _peers: dict[Connection, Peer] = field(default_factory=dict)
    _shortcuts: dict[Connection, Shortcut] = field(default_factory=dict)
    _opening: list[commands.OpenConnection] = field(default_factory=list)
    _waiting: list[commands.StartHook] = field(default_factory=list)
    _timers: list[tuple[float, int, commands.RequestWakeup]] = field(default_factory=list)
    _queue: deque[events.Event] = field(default_factory=deque)
    _numbers: itertools.count = field(default_factory=itertools.count)
    _playing: bool = False

    def __post_init__(self) -> None:
        options = Options()
        Proxyserver().load(options)  # type: ignore[arg-type]
        connection = Client(
            peername=("127.0.0.1", 50000),
            sockname=("127.0.0.1", 8090),
            timestamp_start=0.0,
            state=ConnectionState.OPEN,
            proxy_mode=ProxyMode.parse("reverse:http://127.0.0.1:1"),
            alpn=self.alpn,
        )
        context = Context(connection, options)
        context.server.address = ("127.0.0.1", 1)
        dispatch = cast(Dispatch, self) if self.at_once else None
        self.layer = make_ours(HttpLayer(context, HTTPMode.transparent), sockets=self, dispatch=dispatch)
        self.layer.clock = lambda: self.now
        if self.replayed:
            self.layer.connections[connection] = MockServer(self.replayed, context.fork())
        self.client = self._peers[connection] = Peer(self, connection, "client")
        self.play(events.Start())

    # -- what a test does

    def opens(self, name: str, alpn: bytes | None = None) -> Peer:
        """The oldest connect to that host succeeds."""
        command = self._take_opening(name)
        command.connection.state, command.connection.alpn = ConnectionState.OPEN, alpn
        command.connection.peername, command.connection.sockname = ("127.0.0.1", 1), ("127.0.0.1", 2)
        peer = self._peers[command.connection] = Peer(self, command.connection, name)
        self.play(events.OpenConnectionCompleted(command, None))
        return peer

    def refuses(self, name: str) -> None:
        command = self._take_opening(name)
        command.connection.error = "refused"
        self.play(events.OpenConnectionCompleted(command, "refused"))

    def let_go(self, hook: str) -> None:
        """A held hook completes."""
        self.held.discard(hook)
        for command in [each for each in self._waiting if _name(each) == hook]:
            self._waiting.remove(command)
            self._run_hook(command)
        self.play()

    def passes(self, seconds: float) -> None:
        """Time goes by, and timers fire when they are due."""
        until = self.now + seconds
        while self._timers and self._timers[0][0] <= until:
            self.now, _, timer = heapq.heappop(self._timers)
            self.play(events.Wakeup(timer))
        self.now = until

    @property
    def opening(self) -> list[str]:
        return [_host(command.connection) for command in self._opening]

    @property
    def timers(self) -> int:
        return len(self._timers)

    def chapter(self) -> list[str]:
        """The story since the last time."""
        story, self.story = self.story, []
        return story

    # -- sockets of the layer

    def attend(self, connection: Connection, shortcut: Shortcut | None = None) -> None:
        """What a peer says comes in one piece anyway."""
        if shortcut and self.at_once:
            self._shortcuts[connection] = shortcut

    def hear(self, connection: Connection, data: bytes) -> None:
        """What a peer says takes the shortcut where there is one."""
        shortcut = self._shortcuts.get(connection)
        client = self.layer.connections[connection] if connection is self.client.connection else None
        if self.at_once and isinstance(client, GatewayHttp1Server):
            shortcut = client.arrived
        match shortcut(memoryview(data)) if shortcut else events.DataReceived(connection, data):
            case events.DataReceived() as event:
                self.play(event)
            case commands.SendData() as command:
                self._obey(command)

    def widen(self, connection: Connection, shortcut: Shortcut) -> None:
        raise AssertionError("nobody knows what is around it")

    def begin_at(self, inner: Layer) -> None:
        raise AssertionError("there is no other layer around it")

    def write(self, connection: Connection, pieces: Sequence[bytes]) -> bool:
        """In life in one call; else the layer says it piece by piece."""
        if self.at_once:
            self._obey(commands.SendData(connection, b"".join(pieces)))
        return self.at_once

    def read(self, connection: Connection, on: bool) -> None:
        self._peers[connection].stopped = not on

    def unsent(self, connection: Connection) -> int:
        return self._peers[connection].unsent

    def forget(self, connection: Connection) -> None:
        self._peers.pop(connection, None)

    def write_off(self, connection: Connection) -> None:
        self.story.append(f"write off {self._peers[connection].name}")

    # -- what mitmproxy's server does

    def play(self, *new: events.Event) -> None:
        self._queue.extend(new)
        if self._playing:
            return
        self._playing = True
        while self._queue:
            for command in self.layer.handle_event(self._queue.popleft()):
                self._obey(command)
        self._playing = False

    def begin(self, command: commands.StartHook) -> object | None:
        """In the place of the gateway's `Dispatch`."""
        self.story.append(command.name)
        if command.name in self.held:
            return object()
        self._call(command)
        return None

    def _obey(self, command: commands.Command) -> None:
        match command:
            case RestHook():
                self._waiting.append(command)
            case commands.StartHook():
                self.story.append(command.name)
                if command.name in self.held:
                    self._waiting.append(command)
                else:
                    self._run_hook(command)
            case commands.OpenConnection():
                self.story.append(f"connect {_host(command.connection)}")
                self._opening.append(command)
            case commands.SendData():
                self._peers[command.connection].heard += command.data
                self._peers[command.connection].writes.append(command.data)
            case commands.CloseConnection():
                self._close(command)
            case commands.RequestWakeup():
                heapq.heappush(self._timers, (self.now + command.delay, next(self._numbers), command))
            case commands.Log():
                self.logs.append(command.message)
            case _:
                raise AssertionError(command)

    def _call(self, command: commands.StartHook) -> None:
        method: Callable[..., None] | None = getattr(self.hooks, _name(command), None)
        if method is not None:
            method(*command.args())

    def _run_hook(self, command: commands.StartHook) -> None:
        self._call(command)
        if command.blocking:
            self._queue.append(events.HookCompleted(command))

    def _close(self, command: commands.CloseConnection) -> None:
        connection, half = command.connection, isinstance(command, commands.CloseTcpConnection) and command.half_close
        opening = [each for each in self._opening if each.connection is connection]
        peer = self._peers.get(connection)
        self.story.append(f"{'half-' if half else ''}close {peer.name if peer else _host(connection)}")
        if half:
            connection.state &= ~ConnectionState.CAN_WRITE
            return
        was_open = connection.state is not ConnectionState.CLOSED
        connection.state = ConnectionState.CLOSED
        if peer:
            peer.closed = True
        if opening:
            self._opening.remove(opening[0])
            connection.error = "cancelled"
            self._queue.append(events.OpenConnectionCompleted(opening[0], "cancelled"))
        elif was_open:
            self._queue.append(events.ConnectionClosed(connection))

    def _take_opening(self, name: str) -> commands.OpenConnection:
        command = next(each for each in self._opening if _host(each.connection) == name)
        self._opening.remove(command)
        return command


def _name(command: commands.StartHook) -> str:
    return command.hook.name if isinstance(command, RestHook) else command.name


def _host(connection: Connection) -> str:
    assert isinstance(connection, Server)
    assert connection.address
    return connection.address[0]
