"""mitmproxy's stream with hooks that run where they arise; and once it is over, nothing of it stays in memory."""

from mitmproxy.proxy import commands, events, layer

from axonhub.addons.dispatch import Dispatch, RestHook
from axonhub.addons.failover.names import DropStream, HttpStream

type Commands = layer.CommandGenerator[None]


class InlineStream(HttpStream):
    """What is to be done at an event is in `handled`."""

    dispatch: Dispatch | None = None
    """None: mitmproxy runs the hooks."""
    over = False
    """Nothing comes any more, and nothing is left to be done."""

    def _handle_event(self, event: events.Event) -> Commands:
        """Runs hooks where they arise. mitmproxy would start a task for each, and come back when that has ended."""
        if self.over:
            return
        handled, dispatch, reply = self.handled(event), self.dispatch, None
        while True:
            try:
                command = handled.send(reply)
            except StopIteration:
                break
            self.over = self.over or (isinstance(command, DropStream) and command.stream_id == self.stream_id)
            if dispatch is None or not isinstance(command, commands.StartHook):
                reply = yield command
            elif (rest := dispatch.begin(command)) is None:
                reply = None
            else:
                reply = yield RestHook.of(command, rest)
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
