"""Headers that find a name in a table.

mitmproxy's own look through all fields for each name. Its layers ask twenty-five times for each request, and once for
each piece of a stream.
"""

from collections.abc import Collection
from functools import lru_cache
from typing import Any, Self

from mitmproxy import http

from axonhub.addons.header_fields import Fields, without


class IndexedHeaders(http.Headers):
    _table: dict[bytes, bytes]
    """By lower-case name; of fields that share a name only the last one."""
    _indexed: Fields | None = None
    """The fields that the table is of: a change makes new ones."""
    _plain = False
    """Has each of them a name of its own? Then the table tells all."""
    _checked: Fields | None = None

    @classmethod
    def of(cls, fields: Fields, *, checked: bool = False) -> Self:
        """Past the checks that mitmproxy makes of fields that anybody may have written. `checked`: they are valid."""
        headers = cls.__new__(cls)
        headers.fields = fields
        headers._checked = fields if checked else None
        return headers

    @property
    def are_checked(self) -> bool:
        """Are these still the fields that were said to be valid?"""
        return self._checked is self.fields

    def values_of(self, name: bytes) -> list[bytes]:
        """As they came, of a name in lower case."""
        if self._indexed is not self.fields:
            self._index()
        if not self._plain:
            return [value for key, value in self.fields if key.lower() == name]
        return [self._table[name]] if name in self._table else []

    def take(self, names: Collection[bytes]) -> list[bytes]:
        """Takes out all fields of these names, which are in lower case: their values, by the order of the names."""
        if self._indexed is not self.fields:
            self._index()
        found = [name for name in names if name in self._table]
        if not found:
            return []
        if not self._plain:
            values = [value for name in found for value in self.values_of(name)]
            self.fields = without(self.fields, found)
            return values
        kept = self._table.copy()
        values = [kept.pop(name) for name in found]
        named = zip(self._table, self.fields, strict=True)
        self.fields = self._indexed = tuple([field for name, field in named if name in kept])
        self._table = kept
        return values

    def get_all(self, name: str | bytes) -> list[str]:
        if self._indexed is not self.fields:
            self._index()
        if not self._plain:
            return super().get_all(name)
        value = self._table.get(_key(name))
        return [] if value is None else [value.decode("utf-8", "surrogateescape")]

    def get(self, key: str | bytes, default: Any = None) -> Any:
        if self._indexed is not self.fields:
            self._index()
        if not self._plain:
            values = super().get_all(key)
            return ", ".join(values) if values else default
        value = self._table.get(_key(key))
        return default if value is None else value.decode("utf-8", "surrogateescape")

    def __setitem__(self, key: str | bytes, value: str | bytes) -> None:
        if key in self or not isinstance(value, str):
            super().__setitem__(key, value)
            return
        name, raw = _bytes(key), value.encode("utf-8", "surrogateescape")
        self._table = {**self._table, name.lower(): raw}  # a new one: a twin may have the old one
        self.fields = self._indexed = (*self.fields, (name, raw))

    def __contains__(self, key: object) -> bool:
        if self._indexed is not self.fields:
            self._index()
        return isinstance(key, str | bytes) and _key(key) in self._table

    def _index(self) -> None:
        self._table, self._indexed = {key.lower(): value for key, value in self.fields}, self.fields
        self._plain = len(self._table) == len(self.fields)


def indexed(message: http.Message) -> IndexedHeaders:
    """Its headers; from now on with a table, if they had none."""
    headers = message.headers
    if not isinstance(headers, IndexedHeaders):
        headers = message.headers = IndexedHeaders.of(headers.fields)
    return headers


@lru_cache(maxsize=512)
def _key(name: str | bytes) -> bytes:
    return _bytes(name).lower()


def _bytes(name: str | bytes) -> bytes:
    return name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
