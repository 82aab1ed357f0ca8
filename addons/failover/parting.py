"""mitmproxy's stream, of which nothing stays in memory once it is over."""

from mitmproxy.proxy import events, layer

from axonhub.addons.failover.names import (
    HttpStream,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestTrailers,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseTrailers,
)

type Commands = layer.CommandGenerator[None]

_FROM_CLIENT = (RequestHeaders, RequestData, RequestTrailers, RequestEndOfMessage)
_FROM_UPSTREAM = (ResponseHeaders, ResponseData, ResponseTrailers, ResponseEndOfMessage)


class PartingStream(HttpStream):
    """What is to be done at an event is in `handled`."""

    over = False
    """Nothing comes any more, and nothing is left to be done but what has begun. The layer says so."""

    def _handle_event(self, event: events.Event) -> Commands:
        if not self.over:
            yield from self.handled(event)
            self.settle()

    def settle(self) -> None:
        """Without a way back to itself it is gone at once, and with it the bodies: else they wait for the collector."""
        if self.over:
            self.context.layers.clear()
            self.client_state = self.server_state = nothing

    def handled(self, event: events.Event) -> Commands:
        """As mitmproxy does it, which has two generators more for that."""
        if isinstance(event, _FROM_CLIENT):
            return self.client_state(event)  # type: ignore[no-any-return]  # mitmproxy
        if isinstance(event, _FROM_UPSTREAM):
            return self.server_state(event)  # type: ignore[no-any-return]  # mitmproxy
        return super()._handle_event(event)  # type: ignore[no-any-return]  # mitmproxy


def nothing(event: events.Event) -> Commands:
    """The state of a stream in which nothing follows from any event."""
    yield from ()
