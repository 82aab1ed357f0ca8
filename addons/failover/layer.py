"""One client connection: mitmproxy's HTTP layer with our streams, one timer and a memory that does not grow."""

import itertools
import time
from collections.abc import Callable, Iterable
from functools import partial
from math import inf
from typing import cast

from mitmproxy import ctx
from mitmproxy.connection import Client, Connection, ConnectionState
from mitmproxy.proxy import commands, events, layer

from axonhub.addons.dispatch import Dispatch
from axonhub.addons.failover.connections import GatewayHttp1Client, GatewayHttp1Server, adopt
from axonhub.addons.failover.contract import limits
from axonhub.addons.failover.names import (
    GetHttpConnectionCompleted,
    Http2Server,
    HttpClient,
    HttpLayer,
    ReceiveHttp,
    RegisterHttpConnection,
    ResponseData,
    ReverseProxy,
)
from axonhub.addons.failover.outbox import Outbox
from axonhub.addons.failover.routing import RoutingLayer
from axonhub.addons.failover.sockets import HandlerSockets, Sockets
from axonhub.addons.failover.stream import Deadline, GatewayStream, discreet
from axonhub.addons.failover.twins import forked

type Commands = layer.CommandGenerator[None]

_aliases = itertools.count(1 << 40)
_BACKLOG_BYTES = 256 * 1024
"""So much may wait for an HTTP/2 client to read it before its upstream is read no further."""


def install(next_layer: layer.NextLayer) -> None:
    """For the `next_layer` hook: lets mitmproxy choose its layers, then puts ours in place of its HTTP layer."""
    if next_layer.layer is None:
        ctx.master.addons.get("nextlayer").next_layer(next_layer)
    for each in next_layer.context.layers:
        if type(each) is HttpLayer:
            dispatch = ctx.master.addons if isinstance(ctx.master.addons, Dispatch) else None
            make_ours(each, _sockets(next_layer.context.client), dispatch)


def make_ours(plain: HttpLayer, sockets: Sockets | None = None, dispatch: Dispatch | None = None) -> "GatewayLayer":
    """Puts our class in the place of mitmproxy's, in a layer that has seen no event yet."""
    plain.__class__ = GatewayLayer
    ours = cast(GatewayLayer, plain)
    ours.sockets, ours.dispatch = sockets, dispatch
    ours.choked, ours.timers, ours.alarms, ours.begun = set(), {}, {}, {}
    if sockets:
        sockets.attend(ours.context.client)
    return ours


def _sockets(client: Client) -> HandlerSockets | None:
    handler = ctx.master.addons.get("proxyserver").connections.get(client.id)
    return HandlerSockets(handler) if handler else None


class GatewayLayer(RoutingLayer):
    """mitmproxy's HTTP layer with our streams, one timer and a memory that does not grow."""

    clock: Callable[[], float] = staticmethod(time.monotonic)
    sockets: Sockets | None
    """None: nobody can stop an upstream."""
    choked: set[GatewayStream]
    """Streams whose upstream is not read because the client has too much to read already."""
    timers: dict[commands.RequestWakeup, float]
    """Not fired yet, with the monotonic second when each is due; as a rule one."""
    alarms: dict[commands.RequestWakeup, float]
    """When the layers of connections want to be woken: HTTP/2 sends pings."""
    owed_close: commands.CloseConnection | None = None
    """The client's, put off: mitmproxy ends the upstreams' connections with it, and one of them is read on."""
    block_began: float | None = None
    """When the header block began that is under way."""

    def handle_event(self, event: events.Event) -> Commands:
        """What waits for answers are the streams, so there is no need of what mitmproxy does to pause and go on."""
        return self._handle_event(event)

    def _handle_event(self, event: events.Event) -> Commands:
        outbox = Outbox()
        for command in self.ran(event):
            if isinstance(command, commands.SendData):
                if full := outbox.add(command):
                    yield full
                continue
            if isinstance(command, commands.RequestWakeup):
                self.alarms[command] = self.clock() + command.delay
                continue
            if self.must_wait(command):
                continue
            if isinstance(command, commands.Log):
                command.message = discreet(command.message)
            if last := outbox.take():
                yield last
            yield command
        if last := outbox.take():
            yield last
        if self.choked:
            self.release()
        if self.owed_close and not self.drains():
            owed, self.owed_close = self.owed_close, None
            yield owed
        yield from self.arm()

    def must_wait(self, command: commands.Command) -> bool:
        """Is it the end of the client's connection, while one of its streams shall be read on?"""
        ends = isinstance(command, commands.CloseConnection) and command.connection is self.context.client
        if not (ends and self.drains()):
            return False
        assert isinstance(command, commands.CloseConnection)
        self.owed_close = command
        if self.sockets:
            self.sockets.write_off(command.connection)
        return True

    def drains(self) -> bool:
        streams = self.streams.values()
        return any(isinstance(each, GatewayStream) and each.may_drain for each in streams)

    def handled(self, event: events.Event) -> Commands:
        if isinstance(event, events.DataReceived) and event.connection in self.connections:
            yield from self.event_to_child(self.connections[event.connection], event)
        elif isinstance(event, events.Wakeup) and event.command in self.timers:
            del self.timers[event.command]
            yield from self.wake()
        elif isinstance(event, events.ConnectionEvent) and self.is_forgotten(event.connection):
            return
        else:
            yield from super()._handle_event(event)
            if isinstance(event, events.Start):
                client = self.connections[self.context.client]
                adopt(client)
                if isinstance(client, GatewayHttp1Server):
                    client.keeps, client.holds = self.keeps, self.hold
                if self.sockets and [*map(type, self.context.layers)] == [ReverseProxy, GatewayLayer]:
                    self.sockets.begin_at(self)
                    if isinstance(client, GatewayHttp1Server):
                        self.sockets.widen(self.context.client, client.arrived)

    def begin_stream(self, stream_id: int) -> None:
        self.prune()
        stream = self.streams[stream_id] = GatewayStream(forked(self.context), stream_id)
        stream.gateway, stream.client_state = self, stream.state_wait_for_request_headers

    def register(self, stream: GatewayStream) -> None:
        """Gives the stream a fresh id for its next try."""
        stream.alias = next(_aliases)
        self.streams[stream.alias] = stream

    def register_connection(self, command: RegisterHttpConnection) -> Commands:
        if command.connection in self.waiting_for_establishment:
            way = self.connections[command.connection]
            upstream = way.context.layers[-1]
            adopt(upstream)
            shortcut = None
            if isinstance(upstream, GatewayHttp1Client):
                upstream.forward = self.forward
                shortcut = upstream.shortcut if self.is_plain(way) else None
                if isinstance(way, HttpClient):  # which has nothing more to do, and lets all bytes pass
                    self.connections[command.connection] = upstream
                    upstream.write = partial(self.sockets.write, command.connection) if self.sockets else None
            if self.sockets:
                self.sockets.attend(command.connection, shortcut)
            yield from super().register_connection(command)

    def is_plain(self, way: layer.Layer) -> bool:
        """Is what our layers read and write the very bytes of both sockets, with no TLS and no tunnel in between?"""
        return isinstance(way, HttpClient) and not self.context.client.tls

    def hold(self, held: bool) -> None:
        if self.sockets:
            self.sockets.read(self.context.client, on=not held)

    def keeps(self, stream_id: int, piece: bytes | memoryview) -> bool:
        """Was this piece of a client's body kept, and nothing more is to be done with it?"""
        stream = self.streams.get(stream_id)
        return isinstance(stream, GatewayStream) and stream.keeps(piece)

    def forward(self, stream_id: int, piece: bytes) -> commands.Command | None:
        """What becomes of a piece of an upstream's body; None: nothing. From a stream that flows on to an HTTP/1
        client it goes there straight, since the way from layer to layer takes longer than all that is done with it.
        """
        stream, client = self.streams.get(stream_id), self.connections.get(self.context.client)
        if not (isinstance(stream, GatewayStream) and isinstance(client, GatewayHttp1Server) and stream.flows):
            return ReceiveHttp(ResponseData(stream_id, piece))
        said = stream.say(piece)
        if said is None or isinstance(said, ReceiveHttp):
            return said
        return commands.SendData(self.context.client, said)

    # -- memory

    def prune(self) -> None:
        """Forgets server connections that are closed or never came to be, and streams that broke."""
        for connection in [each for each in self.connections if self.is_dead(each)]:
            self.forget_alarms(self.connections.pop(connection))
            if self.sockets:
                self.sockets.forget(connection)
        broken = [key for key, each in self.streams.items() if each.client_state == each.state_errored]
        for stream_id in broken:
            del self.streams[stream_id]

    def forget_alarms(self, gone: layer.Layer) -> None:
        for alarm in [each for each in self.alarms if self.command_sources.get(each) is gone]:
            del self.alarms[alarm], self.command_sources[alarm]

    def is_dead(self, connection: Connection) -> bool:
        if connection is self.context.client or connection in self.waiting_for_establishment:
            return False
        return bool(connection.error) or connection.state is ConnectionState.CLOSED

    def is_forgotten(self, connection: Connection) -> bool:
        """An upstream that we closed and pruned may still report its end."""
        return connection not in self.connections and connection is not self.context.server

    # -- time

    def waiting(self) -> set[GatewayStream]:
        streams = self.streams.values()
        return {each for each in streams if isinstance(each, GatewayStream) and each.deadline is not None}

    def header_deadline(self) -> float:
        server = self.connections.get(self.context.client)
        if not (isinstance(server, GatewayHttp1Server) and server.in_headers):
            self.block_began = None
            return inf
        if self.block_began is None:
            self.block_began = self.clock()
        return self.block_began + limits.header_timeout_s

    def wake(self) -> Commands:
        now = self.clock()
        for stream in self.waiting():
            if stream.deadline is None or stream.deadline > now:
                continue
            stream.deadline = None
            if stream.connecting:
                yield from self.abandon_connect(stream, "connect time-out")
            else:
                yield from self.event_to_child(stream, Deadline())
        for alarm in [each for each, due in self.alarms.items() if due <= now]:
            del self.alarms[alarm]
            yield from super()._handle_event(events.Wakeup(alarm))
        if now >= self.header_deadline():
            yield from self.close_idler()

    def close_idler(self) -> Commands:
        server = self.connections[self.context.client]
        assert isinstance(server, GatewayHttp1Server)
        server.state = server.done
        yield commands.CloseConnection(self.context.client)

    def abandon_connect(self, stream: GatewayStream, reason: str) -> Commands:
        """Tells the stream at once; the connection is closed when nobody else waits for it."""
        command = stream.connecting
        assert command
        pending = self.waiting_for_establishment.items()
        connection, waiters = next(each for each in pending if any(one is command for one in each[1]))
        waiters[:] = [each for each in waiters if each is not command]
        del self.command_sources[command]
        if not waiters:
            yield commands.CloseConnection(connection)
        yield from self.event_to_child(stream, GetHttpConnectionCompleted(command, (None, reason)))

    def arm(self) -> Commands:
        streams = cast(Iterable[GatewayStream], self.streams.values())
        deadlines = [each.deadline for each in streams if each.deadline is not None]
        earliest = min(*deadlines, *self.alarms.values(), self.header_deadline(), inf)
        if earliest < min(self.timers.values(), default=inf):
            timer = commands.RequestWakeup(max(0.0, earliest - self.clock()))
            self.timers[timer] = earliest
            yield timer

    # -- slow clients

    def watch_backlog(self, stream: GatewayStream) -> None:
        if self.sockets and stream not in self.choked and self.backlog(stream) > _BACKLOG_BYTES:
            self.choked.add(stream)
            self.sockets.read(stream.context.server, on=False)

    def is_unread(self, stream: GatewayStream) -> bool:
        """Does what was said to this client wait, for whatever reason, to be read?"""
        return stream in self.choked or bool(self.sockets and self.sockets.unsent(self.context.client))

    def backlog(self, stream: GatewayStream) -> int:
        """Bytes that wait for an HTTP/2 client to read; mitmproxy itself holds an HTTP/1 upstream back."""
        server = self.connections.get(self.context.client)
        if not isinstance(server, Http2Server):
            return 0
        return sum(len(each.data) for each in server.h2_conn.stream_buffers.get(stream.stream_id, ()))

    def release(self) -> None:
        """Reads on where the client has caught up."""
        assert self.sockets
        free = {each for each in self.choked if self.backlog(each) <= _BACKLOG_BYTES // 2}
        self.choked.difference_update(free)
        still = {each.context.server for each in self.choked}
        for connection in {each.context.server for each in free} - still:
            self.sockets.read(connection, on=True)
