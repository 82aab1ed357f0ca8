"""Sieve: a stream of server-sent events without some of them. What passes keeps its bytes.

An event goes on once it is whole; one too long to be any that somebody would hide goes on piece by piece.
"""

import re
from collections.abc import Callable
from typing import Final

from axonhub.transformers.sse import SseDecoder, SseEvent

_EVENT_END: Final = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
_LONGEST_END: Final = 4
_LONGEST_HIDDEN_BYTES: Final = 65_536


class Sieve:
    """`hides` tells which events stay behind. One a stream; not thread-safe."""

    def __init__(self, hides: Callable[[SseEvent], bool]) -> None:
        self._hides = hides
        self._buffer = b""

    def feed(self, piece: bytes) -> bytes:
        searched = max(0, len(self._buffer) - _LONGEST_END)
        self._buffer += piece
        passed, start = [], 0
        for end in _EVENT_END.finditer(self._buffer, searched):
            passed.append(self._sifted(self._buffer[start : end.end()]))
            start = end.end()
        self._buffer = self._buffer[start:]
        if len(self._buffer) > _LONGEST_HIDDEN_BYTES:
            passed.append(self._buffer)
            self._buffer = b""
        return b"".join(passed)

    def flush(self) -> bytes:
        """What stands after the last end of an event."""
        rest, self._buffer = self._buffer, b""
        return self._sifted(rest)

    def _sifted(self, raw: bytes) -> bytes:
        decoder = SseDecoder()
        events = [*decoder.feed(raw), *decoder.flush()]
        if not events or not all(map(self._hides, events)):
            return raw
        # The second half of a cut CRLF stands before the event that follows it.
        return raw[: len(raw) - len(raw.lstrip(b"\r\n"))]
