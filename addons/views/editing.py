"""A JSON body to be edited by hand: shown over many lines, saved as compact as clients write it. Pure."""

import orjson

from axonhub.transformers.protocol import Unreadable


def editable(body: bytes) -> str:
    """Indented. Unreadable."""
    try:
        return orjson.dumps(_loaded(body), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONEncodeError as error:
        raise Unreadable(f"not to be shown as JSON: {error}") from error


def saved(text: str) -> bytes:
    """Unreadable, with the line at fault."""
    return orjson.dumps(_loaded(text.encode("utf-8", "surrogateescape")))


def _loaded(body: bytes) -> object:
    try:
        value: object = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"not JSON: {error}") from error
    return value
