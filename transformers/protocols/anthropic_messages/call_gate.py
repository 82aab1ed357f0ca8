"""The call gate: tool calls leave only when the answer is complete, and with them the end of the part before them.

Claude Code asks again by itself when a stream breaks off before any part of it was complete; afterwards it shows an
error (seen with 2.1.197). Its answers are mostly a few words and then a call, and nobody can use half a call. So the
last part before a call stays open, as far as the client can see, until all has come. What is sent is the same, byte
for byte.
"""

import re
from typing import Final

from axonhub.transformers.sse import SseDecoder, is_one_event

_EVENT_END: Final = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
_LONGEST_END: Final = 4
_KIND: Final = re.compile(r'"type"\s*:\s*"(\w+)"')
_CALL: Final = re.compile(r'"content_block"\s*:\s*\{[^{}]*"type"\s*:\s*"tool_use"')
_MOST_BYTES: Final = 4 * 1024 * 1024


class CallGate:
    """One a stream; not thread-safe."""

    def __init__(self) -> None:
        self.dropped = b""
        """What was held back and never sent."""
        self._buffer = b""
        self._held: list[bytes] = []
        self._in_call = False

    def feed(self, piece: bytes) -> bytes:
        """What may go on now, in whole events."""
        if not (self._buffer or self._held) and _is_one_delta(piece):
            return piece
        searched = max(0, len(self._buffer) - _LONGEST_END)
        self._buffer += piece
        passed, start = [], 0
        for end in _EVENT_END.finditer(self._buffer, searched):
            passed.append(self._sorted(self._buffer[start : end.end()]))
            start = end.end()
        self._buffer = self._buffer[start:]
        if len(self._buffer) > _MOST_BYTES:
            passed.append(self.flush())
        return b"".join(passed)

    def flush(self) -> bytes:
        """All that is held back."""
        held, self._held, self._in_call = [*self._held, self._buffer], [], False
        self._buffer = b""
        return b"".join(held)

    def _sorted(self, raw: bytes) -> bytes:
        kind, data = _read(raw)
        if kind == "error":
            return self._given_up() + raw
        if kind == "content_block_stop" and not self._in_call:
            released = self._released()
            self._held.append(raw)
            return released
        if not self._held or kind in ("message_delta", "message_stop"):
            return self._released() + raw
        self._in_call = self._in_call or (kind == "content_block_start" and _CALL.search(data) is not None)
        if self._in_call or kind in ("ping", ""):
            self._held.append(raw)
            return self._released() if sum(map(len, self._held)) > _MOST_BYTES else b""
        return self._released() + raw

    def _released(self) -> bytes:
        held, self._held, self._in_call = self._held, [], False
        return b"".join(held)

    def _given_up(self) -> bytes:
        self.dropped += self._released()
        return b""


def _read(raw: bytes) -> tuple[str, str]:
    """An event's type, as it says it, and its data; deltas, of which there are many, are not looked at."""
    if b"content_block_delta" in raw[:64]:
        return "content_block_delta", ""
    decoder = SseDecoder()
    for event in (*decoder.feed(raw), *decoder.flush()):
        told = _KIND.search(event.data)
        return event.name or (told[1] if told else ""), event.data
    return "", ""


def _is_one_delta(piece: bytes) -> bool:
    """Is it one event of many, whole and alone?"""
    return b"content_block_delta" in piece[:64] and is_one_event(piece)
