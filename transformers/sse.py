"""Server-sent events: bytes → events and back. WHATWG HTML, "Server-sent events", read 2026-11.

Any cut of the bytes gives the same events: lines end at LF, CRLF or CR also when the pair is split, a byte-order mark
is skipped, `data:` may lack its space, several data lines join with LF. UTF-8 is decoded per event, never per piece.

Beyond the standard: bare lines of JSON are an event of their own. Google's services, and gateways that speak to
Google's clients, tell an error in mid-stream so; a decoder that keeps to the standard passes over it.
"""

import re
from dataclasses import dataclass

_END_OF_LINE = re.compile(rb"\r\n|\n|\r")
_PLAIN_EVENT = re.compile(rb"(?:event: ([^\r\n]*)\n)?data: ([^\r\n]*)\n\n")
"""As all providers write it."""
_BOM = b"\xef\xbb\xbf"
_FIELDS = (b"data", b"event", b"id", b"retry", b"")


@dataclass(frozen=True, slots=True)
class SseEvent:
    data: str
    name: str = ""
    """The `event:` field; "" when absent."""


class SseDecoder:
    """Feed it bytes as they come. An event without data is dropped, as the standard says. Not thread-safe."""

    def __init__(self) -> None:
        self._buffer = b""
        self._pieces: list[bytes] = []
        """What came of a long line since; joined when it ends, or an image in pieces would cost quadratic time."""
        self._at_start = True
        self._data: list[bytes] = []
        self._name = b""
        self._bare: list[bytes] = []

    def feed(self, piece: bytes) -> list[SseEvent]:
        events, read = _plain_events(piece) if self.rests else ([], 0)
        if read == len(piece):
            return events
        return events + self._read(piece[read:])

    @property
    def rests(self) -> bool:
        """Is the next byte the first one of an event, and not of a stream?"""
        return not (self._at_start or self._buffer or self._pieces or self._data or self._name or self._bare)

    def _read(self, piece: bytes) -> list[SseEvent]:
        self._pieces.append(piece)
        if not (self._at_start or b"\n" in piece or b"\r" in piece or self._buffer.endswith(b"\r")):
            return []
        self._join()
        if self._at_start and not self._skip_bom():
            return []
        return self._take_lines()

    def flush(self) -> list[SseEvent]:
        """The last event of a stream that ended without its blank line: providers do that, so it is not dropped."""
        self._join()
        events = [] if not self._buffer else self._lines([self._buffer.rstrip(b"\r")])
        self._buffer = b""
        return [*events, *self._dispatch()]

    def _join(self) -> None:
        self._buffer = b"".join((self._buffer, *self._pieces))
        self._pieces.clear()

    def _skip_bom(self) -> bool:
        """False while the bytes might still become a byte-order mark."""
        if len(self._buffer) < len(_BOM) and _BOM.startswith(self._buffer):
            return False
        self._buffer = self._buffer.removeprefix(_BOM)
        self._at_start = False
        return True

    def _take_lines(self) -> list[SseEvent]:
        if b"\r" in self._buffer:
            return self._take_any_lines()
        *lines, self._buffer = self._buffer.split(b"\n")
        return self._lines(lines)

    def _take_any_lines(self) -> list[SseEvent]:
        # A CR at the end may be the first half of a CRLF: it waits for the next byte.
        held = b"\r" if self._buffer.endswith(b"\r") else b""
        *lines, rest = _END_OF_LINE.split(self._buffer[: len(self._buffer) - len(held)])
        self._buffer = rest + held
        return self._lines(lines)

    def _lines(self, lines: list[bytes]) -> list[SseEvent]:
        events: list[SseEvent] = []
        for line in lines:
            if not line:
                events += self._dispatch()
                continue
            field, _, value = line.partition(b":")
            if field == b"data":
                self._data.append(value.removeprefix(b" "))
            elif field == b"event":
                self._name = value.removeprefix(b" ")
            elif line[:1] == b"{" or (self._bare and field not in _FIELDS):
                self._bare.append(line)
        return events

    def _dispatch(self) -> list[SseEvent]:
        data, name, bare = self._data, self._name, self._bare
        self._data, self._name, self._bare = [], b"", []
        events = [SseEvent(_decoded(data), name.decode("utf-8", "replace"))] if data else []
        return [*events, SseEvent(_decoded(bare))] if bare else events


def _plain_events(piece: bytes) -> tuple[list[SseEvent], int]:
    """The plain events that a piece begins with, and how many bytes they are."""
    events, end = [], 0
    while found := _PLAIN_EVENT.match(piece, end):
        name, data = found.groups()
        events.append(SseEvent(data.decode("utf-8", "replace"), name.decode("utf-8", "replace") if name else ""))
        end = found.end()
    return events, end


def _decoded(lines: list[bytes]) -> str:
    return b"\n".join(lines).decode("utf-8", "replace")


def encode(data: str, name: str = "") -> bytes:
    """One event in bytes; `data` must hold no line break (JSON never does)."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {data}\n\n".encode()


def is_one_event(piece: bytes) -> bool:
    """Is it one event, whole and alone, as most pieces of a stream are? Said only of one with LF at its line ends."""
    return piece.endswith(b"\n\n") and piece.find(b"\n\n") == len(piece) - 2 and b"\r" not in piece
