"""Headers that find a name in a table.

mitmproxy's own look through all fields for each name. Its layers ask twenty-five times for each request, and once for
each piece of a stream.
"""

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
        if self._indexed is not self.fields:
            self._table, self._indexed = {key.lower(): value for key, value in self.fields}, self.fields
        if len(self._table) < len(self.fields):
            return super().get_all(name)
        raw = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
        value = self._table.get(raw.lower())
        return [] if value is None else [value.decode("utf-8", "surrogateescape")]

    def get(self, key: str | bytes, default: Any = None) -> Any:
        values = self.get_all(key)
        if len(values) == 1:
            return values[0]
        return ", ".join(values) if values else default

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str | bytes) and bool(self.get_all(key))
