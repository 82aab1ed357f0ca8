"""Pipes: a provider's stream on its way to the client, converted or untouched.

Both kinds decide when there is something to show (`committed`), whether the stream is no answer at all (`rejected`),
and count what was used. A pipe never raises: whatever goes wrong ends the client's stream in the client's own protocol.
"""

import logging
import re
from collections.abc import Callable, Iterable

from axonhub.transformers.hub.events import End, Event, Failed, Ping
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.fold import Fold
from axonhub.transformers.protocol import ProtocolError, StreamReader, StreamWriter, WireProtocol
from axonhub.transformers.sse import SseDecoder, SseEvent

logger = logging.getLogger(__name__)

_PING = re.compile(rb"(?:\s*(?::[^\n]*(?:\n|$)|event: ?ping\r?\n|data: ?\{[^\n]*\"ping\"[^\n]*\}))*\s*")
_SHORT_BYTES = 256

type Decode = Callable[[bytes], bytes]


def unreadable(error: ProtocolError) -> Failure:
    return Failure(FailureKind.SERVER, f"The provider's stream is not readable: {error}"[:2000])


class Conversion:
    """Reads one protocol, writes another. One a stream; not thread-safe.

    `client_bytes` and `provider_bytes` are what passed so far, for the record. `on_commit` is called once; `decode`
    undoes a content encoding.
    """

    def __init__(
        self, reader: StreamReader, writer: StreamWriter, on_commit: Callable[[], None], decode: Decode | None = None
    ) -> None:
        self.fold = Fold()
        self.committed = self.rejected = self.closed = False
        self.progress = 0
        self._decoder = SseDecoder()
        self._reader, self._writer, self._on_commit, self._decode = reader, writer, on_commit, decode
        self._sent: list[bytes] = []
        self._received: list[bytes] = []

    @property
    def failure(self) -> Failure | None:
        return self.fold.failure

    @property
    def client_bytes(self) -> bytes:
        return b"".join(self._sent)

    @property
    def provider_bytes(self) -> bytes:
        return b"".join(self._received)

    def feed(self, piece: bytes) -> list[bytes]:
        return self._guarded(lambda: self._read(self._decoder.feed(self._decoded(piece))))

    def finish(self) -> list[bytes]:
        return self._guarded(lambda: [*self._read(self._decoder.flush()), *self._write(self._reader.finish())])

    def abort(self, failure: Failure) -> list[bytes]:
        return self._guarded(lambda: self._write([Failed(failure)]))

    def keepalive(self) -> bytes:
        return b"" if self.closed else self._writer.keepalive()

    def _decoded(self, piece: bytes) -> bytes:
        plain = self._decode(piece) if self._decode else piece
        self._received.append(plain)
        return plain

    def _read(self, sse_events: Iterable[SseEvent]) -> list[bytes]:
        return [chunk for each in sse_events for chunk in self._write(self._reader.read(each))]

    def _write(self, events: Iterable[Event]) -> list[bytes]:
        chunks: list[bytes] = []
        for event in events:
            if self.closed or self.rejected:
                break
            self._take(event)
            if not self.rejected:
                chunks.append(self._writer.write(event))
        sent = [chunk for chunk in chunks if chunk]
        self._sent += sent
        return sent

    def _take(self, event: Event) -> None:
        """Notes what an event means for the stream as a whole."""
        self.fold.add(event)
        match event:
            case Failed():
                self.rejected = not self.committed
                self.closed = self.committed
            case Ping():
                pass
            case _:
                if not self.committed:
                    self.committed = True
                    self._on_commit()
                self.progress += 1
                self.closed = isinstance(event, End)

    def _guarded(self, step: Callable[[], list[bytes]]) -> list[bytes]:
        try:
            return step()
        except ProtocolError as error:
            return self._broken(unreadable(error))
        except Exception:
            # One of the two places that may catch everything: an error here would leave the client hanging.
            logger.exception("a stream converter failed")
            return self._broken(Failure(FailureKind.SERVER, "The gateway could not convert the provider's stream."))

    def _broken(self, failure: Failure) -> list[bytes]:
        """Ends the client's stream, with a writer that may be broken itself."""
        if self.closed or self.rejected:
            return []
        refused = not self.committed
        self._take(Failed(failure))
        try:
            tail = b"" if refused else self._writer.write(Failed(failure))
        except Exception:
            logger.exception("a stream writer failed at the end")
            tail = b""
        self._sent += [tail]
        return [tail] if tail else []


class PassThrough:
    """The provider's bytes, untouched. Looks at them only to know when to commit and, at the end, what was used."""

    def __init__(self, protocol: WireProtocol, writer: StreamWriter, on_commit: Callable[[], None]) -> None:
        self.fold = Fold()
        self.committed = self.rejected = self.closed = False
        self.progress = 0
        self._protocol, self._writer, self._on_commit = protocol, writer, on_commit
        self._decoder = SseDecoder()
        self._received: list[bytes] = []
        self._tail = b""

    @property
    def failure(self) -> Failure | None:
        return self.fold.failure

    @property
    def provider_bytes(self) -> bytes:
        return b"".join(self._received)

    @property
    def client_bytes(self) -> bytes:
        return self.provider_bytes + self._tail

    def feed(self, piece: bytes) -> list[bytes]:
        self._received.append(piece)
        if not self.committed:
            self._look(self._decoder.feed(piece))
        elif len(piece) > _SHORT_BYTES or not _PING.fullmatch(piece):
            self.progress += 1
        return [piece]

    def finish(self) -> list[bytes]:
        if not self.committed:
            self._look(self._decoder.flush())
        self._skim()
        return []

    def abort(self, failure: Failure) -> list[bytes]:
        self._skim()
        self.fold.add(Failed(failure))
        self.closed = True
        torn = not self.provider_bytes.endswith((b"\n\n", b"\r\n\r\n", b"\r\r"))
        self._tail = (b"\n\n" if torn else b"") + self._writer.write(Failed(failure))
        return [self._tail]

    def keepalive(self) -> bytes:
        """Only between events: a comment inside one would change it."""
        whole = self._received and self._received[-1].endswith((b"\n\n", b"\r\n\r\n"))
        return self._writer.keepalive() if whole and not self.closed else b""

    def _look(self, sse_events: Iterable[SseEvent]) -> None:
        """Until commit: is the first event an answer or an error?"""
        for sse_event in sse_events:
            failed = [each for each in self._events(sse_event) if isinstance(each, Failed)]
            if failed:
                self.fold.add(failed[0])
                self.rejected = True
                return
            if not _PING.fullmatch(f"data: {sse_event.data}".encode()):
                self.committed = True
                self.progress += 1
                self._on_commit()
                return

    def _skim(self) -> None:
        decoder = SseDecoder()
        for sse_event in [*decoder.feed(self.provider_bytes), *decoder.flush()]:
            for event in self._events(sse_event):
                self.fold.add(event)

    def _events(self, sse_event: SseEvent) -> Iterable[Event]:
        try:
            return self._protocol.skim(sse_event)
        except ProtocolError:
            return ()  # the client sees the bytes as they are; only our count misses this event
