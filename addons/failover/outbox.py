"""The outbox: bytes that one event made for a connection leave in one write."""

from mitmproxy.proxy import commands

_WRITE_BYTES = 16 * 1024
"""Less than this is worth copying to save a write."""


class Outbox:
    """Gathers what an event makes of bytes for one connection, so that they leave in one write and in order."""

    def __init__(self) -> None:
        self._waiting: list[commands.SendData] = []
        self._size = 0

    def add(self, command: commands.SendData) -> commands.SendData | None:
        """Gives back what must leave before there is room for this one."""
        full = None
        if self._waiting and (
            self._waiting[0].connection is not command.connection or self._size + len(command.data) > _WRITE_BYTES
        ):
            full = self.take()
        self._waiting.append(command)
        self._size += len(command.data)
        return full

    def take(self) -> commands.SendData | None:
        waiting, self._waiting, self._size = self._waiting, [], 0
        if len(waiting) < 2:
            return waiting[0] if waiting else None
        return commands.SendData(waiting[0].connection, b"".join(each.data for each in waiting))
