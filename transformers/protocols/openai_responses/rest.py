"""The rest: members of the wire that the hub has no word for, noted by path so that each has a recorded fate."""

from axonhub.transformers.json_types import Json, JsonObject

_NOTHING: tuple[Json, ...] = (None, [], {})


def note_rest(rest: JsonObject, source: JsonObject, known: frozenset[str], path: str) -> None:
    """Adds `path.member` for each unknown member of `source` that says something; the first of its name stays."""
    if source.keys() <= known:
        return
    for name, value in source.items():
        if name not in known and value not in _NOTHING:
            rest.setdefault(f"{path}.{name}", value)
