"""mitmproxy's stream, of which nothing stays in memory once it is over."""

from mitmproxy.proxy import events, layer

from axonhub.addons.failover.names import DropStream, HttpStream

type Commands = layer.CommandGenerator[None]


class PartingStream(HttpStream):
    """What is to be done at an event is in `handled`."""

    over = False
    """Nothing comes any more, and nothing is left to be done."""

    def _handle_event(self, event: events.Event) -> Commands:
        if self.over:
            return
        handled, reply = self.handled(event), None
        while True:
            try:
                command = handled.send(reply)
            except StopIteration:
                break
            self.over = self.over or (isinstance(command, DropStream) and command.stream_id == self.stream_id)
            reply = yield command
        if self.over:
            self.let_go()

    def let_go(self) -> None:
        """Without a way back to itself it is gone at once, and with it the bodies: else they wait for the collector."""
        self.context.layers.clear()
        self.client_state = self.server_state = _over

    def handled(self, event: events.Event) -> Commands:
        yield from super()._handle_event(event)


def _over(event: events.Event) -> Commands:
    yield from ()
