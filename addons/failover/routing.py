"""The way of events, commands and hooks between the connections and streams of one HTTP layer.

This way is what costs a gateway most CPU. mitmproxy asks of each command all that it could be, and comes back for each
hook; here both take as few steps as there can be.
"""

from collections import deque

from mitmproxy.connection import Server
from mitmproxy.proxy import commands, events, layer

from axonhub.addons.dispatch import Dispatch, Rest, RestHook
from axonhub.addons.failover.names import (
    DropStream,
    GetHttpConnection,
    HttpEvent,
    HttpLayer,
    ReceiveHttp,
    RegisterHttpConnection,
    RequestHeaders,
    SendHttp,
)
from axonhub.addons.failover.parting import Commands, PartingStream


class RoutingLayer(HttpLayer):
    """mitmproxy's HTTP layer with shorter ways."""

    dispatch: Dispatch | None
    """None: mitmproxy runs the hooks."""
    begun: dict[commands.StartHook, Rest]
    """Hooks that have begun to run and must be waited for."""
    between = False
    """Is what runs what a hook led to, and no connection in the middle of a message?"""

    def handled(self, event: events.Event) -> Commands:
        """What follows from an event from outside."""
        raise NotImplementedError

    def begin_stream(self, stream_id: int) -> None:
        """A client's connection is about to say a request."""
        raise NotImplementedError

    # -- hooks

    def ran(self, event: events.Event) -> Commands:
        """Runs hooks, where mitmproxy would start a task for each and come back when that has ended. What follows from
        a hook comes after all that the event does: by then no connection is in the middle of a message.
        """
        if isinstance(event, events.HookCompleted) and isinstance(event.command, RestHook):
            event = events.HookCompleted(event.command.hook)
        due, self.between = deque((self.handled(event),)), False
        while due:
            for command in due.popleft():
                if self.dispatch is None or not isinstance(command, commands.StartHook):
                    yield command
                elif (rest := self.begun.pop(command, None) or self.dispatch.begin(command)) is None:
                    source = self.command_sources.pop(command)
                    due.append(self.event_to_child(source, events.HookCompleted(command)))
                else:
                    yield RestHook.of(command, rest)
            self.between = bool(due)

    def runs(self, hook: commands.StartHook) -> bool:
        """Runs a hook without a way through the layers, if that can be now. False: it must be yielded, begun or not."""
        if not (self.between and self.dispatch):
            return False
        rest = self.dispatch.begin(hook)
        if rest is not None:
            self.begun[hook] = rest
        return rest is None

    # -- events and commands

    def event_to_child(self, child: layer.Layer, event: events.Event) -> Commands:
        """As mitmproxy's own, which asks of each command many more things than a gateway's can be."""
        for command in child.handle_event(event):
            if isinstance(command, SendHttp):
                yield from self.event_to_child(self.connections[command.connection], command.event)
            elif isinstance(command, ReceiveHttp):
                yield from self.receive(command.event)
            elif isinstance(command, DropStream):
                self.drop_stream(command.stream_id)
            elif isinstance(command, commands.SendData):
                yield command
            else:
                yield from self.obey(child, command)

    def receive(self, event: HttpEvent) -> Commands:
        """What a connection in the middle of a message says to a stream; to one that is gone, it may be."""
        between, self.between = self.between, False
        if isinstance(event, RequestHeaders):
            self.begin_stream(event.stream_id)
        if stream := self.streams.get(event.stream_id):
            yield from self.event_to_child(stream, event)
        self.between = between

    def drop_stream(self, stream_id: int) -> None:
        stream = self.streams.pop(stream_id, None)
        if isinstance(stream, PartingStream) and stream.stream_id == stream_id:
            stream.over = True

    def obey(self, child: layer.Layer, command: commands.Command) -> Commands:
        """What is rarer. A command that blocks, or wakes, has an outcome, which its layer must hear of."""
        if command.blocking or isinstance(command, commands.RequestWakeup):
            self.command_sources[command] = child
        if isinstance(command, GetHttpConnection):
            yield from self.get_connection(command)
        elif isinstance(command, RegisterHttpConnection):
            yield from self.register_connection(command)
        else:
            if isinstance(command, commands.OpenConnection):
                self.connections[command.connection] = child
            yield command

    def kept(self, wanted: GetHttpConnection) -> Server | None:
        """The connection that mitmproxy would use again; None: it has to find out, or to open one."""
        for connection in self.connections:
            if isinstance(connection, Server) and wanted.connection_spec_matches(connection):
                there = connection.connected and connection not in self.waiting_for_establishment
                one_by_one = self.context.client.alpn == b"h2" and connection.alpn != b"h2"
                return connection if there and not connection.error and not one_by_one else None
        return None
