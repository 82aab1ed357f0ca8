"""From a TinyDB query to the documents that may match it: the only file that reads TinyDB's private query hash.

A plan is a superset or nothing: whoever uses one still runs the query on each candidate, so an index may be stale or
hashed. A shape that is not known here means "scan everything", never a guess.
"""

from collections.abc import Callable, Iterable

from tinydb.queries import QueryLike

from axonhub.addons.store.backend import Scalar

SCALARS = (str, int, float, bool, type(None))

type Lookup = Callable[[str, Scalar], Iterable[int] | None]
"""Field and value → numbers of documents that may hold it; None when the field has no index."""


def plan(query: QueryLike, lookup: Lookup) -> set[int] | None:
    """The documents worth running `query` on; None means all of them."""
    return candidates(getattr(query, "_hash", None), lookup)


def candidates(shape: object, lookup: Lookup) -> set[int] | None:
    match shape:
        case ("==", (str() as name,), value) if isinstance(value, SCALARS) and type(value) in SCALARS:
            found = lookup(name, value)
            return None if found is None else set(found)
        case ("one_of", (str() as name,), tuple() | frozenset() as values) if all(type(v) in SCALARS for v in values):
            return union([candidates(("==", (name,), value), lookup) for value in values])
        case ("or", frozenset() as shapes):
            return union([candidates(each, lookup) for each in shapes])
        case ("and", frozenset() as shapes):
            known = [found for each in shapes if (found := candidates(each, lookup)) is not None]
            return set.intersection(*known) if known else None
        case _:
            return None


def union(parts: list[set[int] | None]) -> set[int] | None:
    known = [part for part in parts if part is not None]
    return set().union(*known) if len(known) == len(parts) else None
