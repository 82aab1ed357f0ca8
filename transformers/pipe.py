"""Pipes: a provider's stream on its way to the client, converted or untouched.

Both kinds decide when an answer has begun (`begun`), when there is something to show of it (`committed`), whether the
stream is no answer at all (`rejected`), and count what was used. A pipe never raises: whatever goes wrong ends the
client's stream in the client's own protocol. Of a stream without end they keep only the beginning, so that no stream
can fill the memory.
"""

import json
import logging
import re
from collections.abc import Callable, Iterable
from typing import Final

from axonhub.transformers.beginnings import EMPTY, ends_empty, shows
from axonhub.transformers.dialect import Dialect
from axonhub.transformers.hub.events import End, Event, Failed, Ping, Start, Stop, TextDelta, UsageTold
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.fold import Fold
from axonhub.transformers.protocol import ProtocolError, StreamReader, StreamWriter, Undo, WireProtocol
from axonhub.transformers.sieve import Sieve
from axonhub.transformers.sse import SseDecoder, SseEvent, is_one_event

logger = logging.getLogger(__name__)

KEPT_BYTES: Final = 8 * 1024 * 1024
"""How much of each side of a stream is kept for the record, from its beginning."""
_PING: Final = re.compile(r'\s*\{\s*"type"\s*:\s*"ping"')
_DONE: Final = "[DONE]"
_LINES: Final = 3
"""Of an event with a name and one line of data, with the empty one behind it."""
_EVENT_ENDS: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")
_OPAQUE: Final = TextDelta(0, "?")
"""Stands for an event that may be anything."""
_CUT: Final = Failure(FailureKind.NETWORK, "The provider's stream ended before its answer was complete.")

type Decode = Callable[[bytes], bytes]


class Alone(bytes):
    """A piece that leaves in a write of its own: Google's JavaScript SDK sees an error only where it reads nothing else
    at once.
    """


def unreadable(error: ProtocolError) -> Failure:
    return Failure(FailureKind.SERVER, f"The provider's stream is not readable: {error}"[:2000])


class Kept:
    """The beginning of a stream."""

    def __init__(self, most_bytes: int) -> None:
        self._pieces: list[bytes] = []
        self._room = most_bytes

    def add(self, piece: bytes) -> None:
        if self._room > 0:
            self._pieces.append(piece[: self._room])
            self._room -= len(piece)

    @property
    def full(self) -> bool:
        return self._room <= 0

    @property
    def content(self) -> bytes:
        return b"".join(self._pieces)


class Conversion:
    """Reads one protocol, writes another. One a stream; not thread-safe.

    `on_commit` is called once; `decode` undoes a content encoding; `refuses_empty`: an answer without content is none.
    """

    def __init__(
        self,
        reader: StreamReader,
        writer: StreamWriter,
        on_commit: Callable[[], None],
        decode: Decode | None = None,
        *,
        kept_bytes: int = KEPT_BYTES,
        refuses_empty: bool = False,
    ) -> None:
        self.fold = Fold()
        self.begun = self.committed = self.rejected = self.closed = False
        self.progress = 0
        self._refuses_empty = refuses_empty
        self._decoder = SseDecoder()
        self._reader, self._writer, self._on_commit, self._decode = reader, writer, on_commit, decode
        self._sent, self._received = Kept(kept_bytes), Kept(kept_bytes)

    @property
    def failure(self) -> Failure | None:
        return self.fold.failure

    @property
    def complete(self) -> bool:
        """The model has said all, whatever became of the bytes that follow."""
        return self.fold.stop is not None and self.fold.failure is None

    @property
    def client_bytes(self) -> bytes:
        return self._sent.content

    @property
    def provider_bytes(self) -> bytes:
        return self._received.content

    def feed(self, piece: bytes) -> list[bytes]:
        return self._guarded(lambda: self._read(self._decoder.feed(self._decoded(piece))))

    def finish(self) -> list[bytes]:
        return self._guarded(lambda: [*self._read(self._decoder.flush()), *self._write(self._reader.finish())])

    def abort(self, failure: Failure) -> list[bytes]:
        """The provider died. Where it had told why the model stopped, nothing is missing but the end."""
        end = self._reader.finish if self.complete else lambda: (Failed(failure),)
        return self._guarded(lambda: self._write(end()))

    def keepalive(self) -> bytes:
        return b"" if self.closed else self._writer.keepalive()

    def show(self) -> None:
        """Commits, although only the beginning of an answer has come."""
        if not self.committed:
            self.committed = True
            self._on_commit()

    def _decoded(self, piece: bytes) -> bytes:
        plain = self._decode(piece) if self._decode else piece
        self._received.add(plain)
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
                told = self._writer.write(event)
                chunks.append(Alone(told) if isinstance(event, Failed) else told)
        sent = [chunk for chunk in chunks if chunk]
        for chunk in sent:
            self._sent.add(chunk)
        return sent

    def _take(self, event: Event) -> None:
        """Notes what an event means for the stream as a whole."""
        if not self._received.full or isinstance(event, Start | UsageTold | Stop | Failed | End):
            self.fold.add(event)
        match event:
            case Failed():
                self.rejected = not self.committed
                self.closed = self.committed
            case Ping():
                pass
            case _ if self._refuses_empty and not self.committed and ends_empty(event):
                self.fold.add(Failed(EMPTY))
                self.rejected = True
            case _:
                self.begun = True
                if shows(event):
                    self.show()
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
        self._sent.add(tail)
        return [Alone(tail)] if tail else []


class PassThrough:
    """The provider's bytes, untouched. Looks at them only to know when to commit, what was used and whether all came.

    `writer` is asked only for what the provider cannot say any more: keep-alives and a proper end.
    """

    closed = False
    """Never before the provider's own end: its bytes are the client's."""

    def __init__(
        self,
        protocol: WireProtocol,
        writer: StreamWriter,
        on_commit: Callable[[], None],
        *,
        omits_terminator: bool = False,
        kept_bytes: int = KEPT_BYTES,
        hides: Callable[[SseEvent], bool] | None = None,
        refuses_empty: bool = False,
        decode: Decode | None = None,
    ) -> None:
        """`omits_terminator`: this provider is known to end a stream without saying that it is complete.

        `decode`: undoes a framing or an encoding that the client does not know; what is inside passes untouched.

        `hides`: events that the client did not ask for; then only whole events pass. `refuses_empty`: as above.
        """
        self.fold = Fold()
        self.begun = self.committed = self.rejected = False
        self.progress = 0
        self._refuses_empty = refuses_empty
        self._preview: StreamReader | None = None
        """Until commit, to see when there is content."""
        self._protocol, self._writer, self._on_commit = protocol, writer, on_commit
        self._skimmed_over = protocol.skimmed_over
        self._omits_terminator, self._done = omits_terminator, False
        self._blind = False
        self._decode = decode
        self._decoder = SseDecoder()
        self._received = Kept(kept_bytes)
        self._sieve = Sieve(hides) if hides else None
        self._sifted = Kept(kept_bytes)
        self._added = b""
        """What the client got of us, at the end."""
        self._last = b""

    @property
    def failure(self) -> Failure | None:
        return self.fold.failure

    @property
    def complete(self) -> bool:
        told = self.fold.stop is not None or self.fold.ended or self._done
        return told and self.fold.failure is None

    @property
    def provider_bytes(self) -> bytes:
        return self._received.content

    @property
    def client_bytes(self) -> bytes:
        return (self._sifted if self._sieve else self._received).content + self._added

    def feed(self, piece: bytes) -> list[bytes]:
        if self._decode is None:
            return self._fed(piece)
        try:
            plain = self._decode(piece)
        except ProtocolError as error:
            return self._undecodable(unreadable(error))
        except Exception:  # as above: an error here would leave the client hanging
            logger.exception("a stream could not be decoded")
            return self._undecodable(Failure(FailureKind.SERVER, "The provider's stream could not be decoded."))
        return self._fed(plain)

    def _fed(self, piece: bytes) -> list[bytes]:
        self._received.add(piece)
        if self._is_skimmed_over(piece):
            self.progress += 1
            return self._passed(piece)
        self._guarded(lambda: self._look(self._decoder.feed(piece)))
        return self._passed(self._sieve.feed(piece) if self._sieve else piece)

    def _is_skimmed_over(self, piece: bytes) -> bool:
        """Is it one event more of an answer that is shown already, of which nothing is to be noted?"""
        plain = self.committed and not self._sieve and self._decoder.rests
        return plain and piece.startswith(self._skimmed_over) and is_one_event(piece) and piece.count(b"\n") == _LINES

    def _undecodable(self, failure: Failure) -> list[bytes]:
        """Nothing that follows can be read either."""
        self._decode = _nothing
        if self.committed:
            return self._cut_off(failure)
        self.rejected = True
        self.fold.add(Failed(failure))
        return []

    def finish(self) -> list[bytes]:
        self._guarded(lambda: self._look(self._decoder.flush()))
        rest = self._passed(self._sieve.flush()) if self._sieve else []
        if not self.committed or self.complete or self._omits_terminator:
            return rest
        return [*rest, *self._cut_off(_CUT)]

    def _passed(self, piece: bytes) -> list[bytes]:
        self._last = (self._last + piece[-4:])[-4:]
        if self._sieve:
            self._sifted.add(piece)
        return [piece] if piece else []

    def abort(self, failure: Failure) -> list[bytes]:
        return [] if self.complete else self._cut_off(failure)

    def keepalive(self) -> bytes:
        """Only between events: a comment inside one would change it."""
        return self._writer.keepalive() if self._between_events() else b""

    def _between_events(self) -> bool:
        return self._last.endswith(_EVENT_ENDS)

    def _cut_off(self, failure: Failure) -> list[bytes]:
        if self.fold.failure is not None:
            return []  # the provider has told of one itself
        self.fold.add(Failed(failure))
        self._guarded(lambda: self._add_end(failure))
        return [Alone(self._added)]

    def _add_end(self, failure: Failure) -> None:
        torn = b"" if self._between_events() else b"\n\n"
        self._added = torn + self._writer.write(Failed(failure))

    def _guarded(self, step: Callable[[], None]) -> None:
        """The bytes pass whatever becomes of our looking at them."""
        if self._blind:
            return
        try:
            step()
        except Exception:  # as above: an error here would leave the client hanging
            logger.exception("a stream could not be looked at")
            self._blind = True
            if not self.rejected:
                self.show()

    def show(self) -> None:
        if not self.committed:
            self.committed = True
            self._writer.write(self.fold.start)  # from here on it may say keep-alives; these bytes are the provider's
            self._on_commit()

    def _look(self, sse_events: Iterable[SseEvent]) -> None:
        for sse_event in sse_events:
            if self.rejected:
                return
            told = self._told(sse_event)
            for event in told:
                self.fold.add(event)
            self._done = self._done or sse_event.data == _DONE
            if not self.committed:
                self._judge_first(sse_event, told)
            if self.committed and not _is_ping(sse_event):
                self.progress += 1

    def _judge_first(self, sse_event: SseEvent, told: Iterable[Event]) -> None:
        """Until commit: is this event the beginning of an answer, an error, or nothing that anybody could read?"""
        if self.fold.failure is not None:
            self.rejected = True
        elif _is_ping(sse_event):
            return
        elif sse_event.data == _DONE:
            if self.begun:
                self._show_if_content((End(),))
        elif not _is_object(sse_event.data):
            self.rejected = True
            self.fold.add(Failed(Failure(FailureKind.SERVER, "The provider's stream is not readable.")))
        else:
            self.begun = True
            self._show_if_content([*told, *self._previewed(sse_event)])

    def _show_if_content(self, events: Iterable[Event]) -> None:
        first = next(filter(shows, events), None)
        if first is None:
            return
        if self._refuses_empty and ends_empty(first):
            self.rejected = True
            self.fold.add(Failed(EMPTY))
        else:
            self.show()

    def _previewed(self, sse_event: SseEvent) -> Iterable[Event]:
        """What is not understood is shown: the client may understand it."""
        self._preview = self._preview or self._protocol.stream_reader(Dialect(), Undo())
        try:
            events = list(self._preview.read(sse_event))
        except ProtocolError:
            return (_OPAQUE,)
        return (_OPAQUE,) if any(isinstance(event, Failed) for event in events) else events

    def _told(self, sse_event: SseEvent) -> Iterable[Event]:
        try:
            return list(self._protocol.skim(sse_event))
        except ProtocolError:
            return ()  # the client sees the bytes as they are; only our count misses this event


def _nothing(piece: bytes) -> bytes:
    return b""


def _is_ping(sse_event: SseEvent) -> bool:
    return sse_event.name == "ping" or (not sse_event.name and _PING.match(sse_event.data) is not None)


def _is_object(data: str) -> bool:
    try:
        return isinstance(json.loads(data), dict)
    except ValueError:
        return False
