"""A pipe with a gate behind it, which holds some of the client's bytes back until the answer is complete."""

from collections.abc import Iterable

from axonhub.transformers.hub.failures import Failure
from axonhub.transformers.hub.fold import Fold
from axonhub.transformers.pipe import Conversion, PassThrough
from axonhub.transformers.protocol import Gate


class Gated:
    """Says of itself what its pipe says."""

    def __init__(self, pipe: Conversion | PassThrough, gate: Gate) -> None:
        self._pipe, self._gate = pipe, gate

    @property
    def begun(self) -> bool:
        return self._pipe.begun

    @property
    def committed(self) -> bool:
        return self._pipe.committed

    @property
    def rejected(self) -> bool:
        return self._pipe.rejected

    @property
    def closed(self) -> bool:
        return self._pipe.closed

    @property
    def progress(self) -> int:
        return self._pipe.progress

    @property
    def fold(self) -> Fold:
        return self._pipe.fold

    @property
    def failure(self) -> Failure | None:
        return self._pipe.failure

    @property
    def complete(self) -> bool:
        return self._pipe.complete

    @property
    def provider_bytes(self) -> bytes:
        return self._pipe.provider_bytes

    @property
    def client_bytes(self) -> bytes:
        dropped = self._gate.dropped
        return self._pipe.client_bytes.replace(dropped, b"", 1) if dropped else self._pipe.client_bytes

    def show(self) -> None:
        self._pipe.show()

    def feed(self, piece: bytes) -> list[bytes]:
        return self._let_through(self._pipe.feed(piece))

    def finish(self) -> list[bytes]:
        return [*self._let_through(self._pipe.finish()), self._gate.flush()]

    def abort(self, failure: Failure) -> list[bytes]:
        return [*self._let_through(self._pipe.abort(failure)), self._gate.flush()]

    def keepalive(self) -> bytes:
        return self._pipe.keepalive()

    def _let_through(self, chunks: Iterable[bytes]) -> list[bytes]:
        passed = self._gate.feed(b"".join(chunks))
        return [passed] if passed else []
