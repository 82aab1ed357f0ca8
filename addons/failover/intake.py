"""The client's side of a request: its headers, and its body, which is kept for every try or refused."""

import time

from mitmproxy import http
from mitmproxy.proxy import events, layer

from axonhub.addons.failover.contract import RequestTooLargeHook, limits
from axonhub.addons.failover.heads import is_read_here
from axonhub.addons.failover.names import (
    DropStream,
    HttpRequestHook,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    ResponseEndOfMessage,
    SendHttp,
)
from axonhub.addons.failover.parting import Commands, PartingStream
from axonhub.addons.failover.twins import twin

_PATIENCE_BYTES = 64 * 1024
"""A refused request's body is read up to here before the refusal is sent, so that its connection can be kept."""


_PIECE_BYTES = 16 * 1024
"""Less than this is copied: of a body in tiny pieces each would take many times its size."""


class Intake(PartingStream):
    """A stream up to the moment when its request is whole."""

    deadline: float | None = None
    """Monotonic seconds, when the stream wants to be woken; None: nothing is waited for."""
    quiet_since = 0.0
    """When the client last heard anything, or had said all."""
    kept: list[bytes | bytearray | memoryview]
    """The request's body, as far as it has come."""
    kept_bytes = 0
    discarded = 0

    def now(self) -> float:
        """Monotonic seconds."""
        raise NotImplementedError

    def attempts(self) -> Commands:
        """What follows when the request is whole."""
        raise NotImplementedError

    def hang_up(self, message: str) -> Commands:
        """Ends a request whose client does not do its part."""
        raise NotImplementedError

    def state_wait_for_request_headers(self, event: RequestHeaders) -> Commands:
        # Copies, here and of the answer: the connection's own layer decides by what was really said whether it ends.
        own = RequestHeaders(event.stream_id, twin(event.request), event.end_stream, event.replay_flow)
        self.kept = []
        yield from super().state_wait_for_request_headers(own)
        if self.client_state == self.state_consume_request_body:
            self.deadline = self.now() + limits.body_silence_s

    def check_invalid(self, request: bool) -> layer.CommandGenerator[bool]:
        if request and is_read_here(self.flow.request):
            return False
        return (yield from super().check_invalid(request))

    def state_consume_request_body(self, event: events.Event) -> Commands:
        """Keeps the body for every try; a body that is refused already is dropped as it comes."""
        if isinstance(event, RequestData):
            self.deadline = self.now() + limits.body_silence_s
            yield from self.discard(event) if self.flow.response else self.keep(event)
        elif isinstance(event, RequestEndOfMessage):
            self.deadline, self.quiet_since = None, self.now()
            self.flow.request.timestamp_end = time.time()
            self.flow.request.data.content = b"".join(self.kept)
            self.kept.clear()
            self.client_state = self.state_done
            if self.server_state == self.state_done:  # refused and answered already
                self.flow.live = False
                yield DropStream(self.stream_id)
            else:
                yield HttpRequestHook(self.flow)
                yield from self.attempts()

    def keeps(self, piece: bytes | memoryview) -> bool:
        """Keeps a piece of the body where that is all there is to do."""
        free = self.client_state == self.state_consume_request_body and self._paused is None and not self.flow.response
        if not free or self.kept_bytes + len(piece) > limits.body_bytes:
            return False
        self.deadline = self.now() + limits.body_silence_s
        self.add(piece)
        return True

    def add(self, piece: bytes | memoryview) -> None:
        self.kept_bytes += len(piece)
        last = self.kept[-1] if self.kept else None
        if len(piece) >= _PIECE_BYTES:
            self.kept.append(piece)
        elif isinstance(last, bytearray):
            last += piece
        else:
            self.kept.append(bytearray(piece))

    def keep(self, event: RequestData) -> Commands:
        self.add(event.data)
        if self.kept_bytes > limits.body_bytes:
            self.kept.clear()
            yield RequestTooLargeHook(self.flow)
            self.flow.response = self.flow.response or own_failure(413, "The request's body is too large.")
            yield from self.refuse_early()

    def discard(self, event: RequestData) -> Commands:
        self.discarded += len(event.data)
        if self.discarded > _PATIENCE_BYTES:
            yield from self.refuse_early()
        if self.discarded > limits.discard_bytes:
            yield from self.hang_up("a refused body does not end")

    def refuse_early(self) -> Commands:
        """Answers before the body has come: the client learns at once, and nothing is kept of what still comes."""
        if self.flow.response and self.server_state != self.state_done:
            self.flow.response.headers["connection"] = "close"
            yield from self.send_response()
            yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)


def own_failure(status: int, message: str) -> http.Response:
    """In no protocol's envelope: for what happens when our own hooks fail."""
    return http.Response.make(status, f"{message}\n", {"content-type": "text/plain"})
