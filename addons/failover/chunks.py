"""A body in chunks, taken apart as it comes: RFC 9112 §7.1 (read 2026-11).

h11, which mitmproxy uses, makes an object of each chunk; a stream of tokens is hundreds of small ones.
"""

import re

_SIZE_LINE = re.compile(rb"([0-9a-fA-F]{1,20})(?:;[^\n]*?|[ \t]*)\r\n")
_TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:")
_LONGEST_LINE = 64 * 1024
_END = b"\r\n"


class Chunks:
    """Of one body. Trailers mean nothing to an LLM client and are dropped. Not thread-safe."""

    def __init__(self) -> None:
        self.ended = False
        self.broken = ""
        """Why the body is not in chunks from here on; nothing more may be fed then."""
        self.rest = b""
        """What came behind the body's end."""
        self._line = b""
        """Of a line that has not ended: a chunk's size, or a trailer."""
        self._left = 0
        """Bytes that are missing of a chunk, its line end among them."""
        self._in_trailers = False

    def feed(self, data: bytes) -> bytes:
        """What the data adds to the body, also where that ends badly."""
        if not (self._line or self._left or self._in_trailers) and (whole := _only_chunk(data)):
            return whole
        pieces: list[bytes] = []
        try:
            self._take_apart(self._line + data, pieces)
        except ValueError as error:
            self.broken = str(error)
        return b"".join(pieces)

    def _take_apart(self, data: bytes, pieces: list[bytes]) -> None:
        self._line = b""
        at = self._read_chunk(data, 0, pieces) if self._left else 0
        while at < len(data) and not (self._in_trailers or self._left):
            at = self._read_chunk(data, self._read_size(data, at), pieces)
        while at < len(data) and self._in_trailers:
            at = self._read_trailer(data, at)

    def _read_size(self, data: bytes, at: int) -> int:
        found = _SIZE_LINE.match(data, at)
        if found is None:
            return self._wait(data, at)
        size = int(found[1], 16)
        self._left, self._in_trailers = (size + len(_END), False) if size else (0, True)
        return found.end()

    def _read_chunk(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        """Of the chunk that has begun, if one has, as much as there is."""
        if self._left > len(_END):
            piece = data[at : at + self._left - len(_END)]
            pieces.append(piece)
            at, self._left = at + len(piece), self._left - len(piece)
        if 0 < self._left <= len(_END):
            missing = _END[-self._left :]
            end = data[at : at + len(missing)]
            if not missing.startswith(end):
                raise ValueError("a chunk is longer than it says")
            at, self._left = at + len(end), self._left - len(end)
        return at

    def _read_trailer(self, data: bytes, at: int) -> int:
        end = data.find(_END, at)
        if end < 0:
            return self._wait(data, at)
        if end == at:
            self.ended, self._in_trailers, self.rest = True, False, data[end + len(_END) :]
            return len(data)
        if not _TRAILER.match(data, at, end):
            raise ValueError("a trailer is no header field")
        return end + len(_END)

    def _wait(self, data: bytes, at: int) -> int:
        """For the end of a line."""
        if _END in data[at:] or len(data) - at > _LONGEST_LINE:
            raise ValueError("a chunk has no size")
        self._line = data[at:]
        return len(data)


def _only_chunk(data: bytes) -> bytes:
    """What is in a chunk that came whole and alone, as a stream's events mostly do; b"": it did not."""
    found = _SIZE_LINE.match(data)
    if found is None or not (size := int(found[1], 16)):
        return b""
    end = found.end() + size
    return data[found.end() : end] if len(data) == end + len(_END) and data.endswith(_END) else b""
