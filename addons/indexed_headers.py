"""Headers that find a name in a table.

mitmproxy's own look through all fields for each name. Its layers ask twenty-five times for each request, and once for
each piece of a stream.
"""

from functools import lru_cache
from typing import Any, Self

from mitmproxy import http

from axonhub.addons.header_fields import Fields


class IndexedHeaders(http.Headers):
    _table: dict[bytes, bytes]
    """By lower-case name; of fields that share a name only one, and then it is of no use."""
    _indexed: Fields | None = None
    """The fields that the table is of: a change makes new ones."""

    @classmethod
    def of(cls, fields: Fields) -> Self:
        """Past the checks that mitmproxy makes of fields that anybody may have written."""
        headers = cls.__new__(cls)
        headers.fields = fields
        return headers

    def get_all(self, name: str | bytes) -> list[str]:
        if not self._is_plain():
            return super().get_all(name)
        value = self._table.get(_key(name))
        return [] if value is None else [value.decode("utf-8", "surrogateescape")]

    def get(self, key: str | bytes, default: Any = None) -> Any:
        if not self._is_plain():
            values = super().get_all(key)
            return ", ".join(values) if values else default
        value = self._table.get(_key(key))
        return default if value is None else value.decode("utf-8", "surrogateescape")

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str | bytes):
            return False
        return _key(key) in self._table if self._is_plain() else bool(super().get_all(key))

    def _is_plain(self) -> bool:
        """Has each field a name of its own? Then the table, now up to date, tells all."""
        if self._indexed is not self.fields:
            self._table, self._indexed = {key.lower(): value for key, value in self.fields}, self.fields
        return len(self._table) == len(self.fields)


@lru_cache(maxsize=512)
def _key(name: str | bytes) -> bytes:
    return (name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")).lower()
