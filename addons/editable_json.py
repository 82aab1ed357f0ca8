"""A JSON body to be edited by hand: shown over many lines, saved as compact as clients write it. Pure.

With the standard library's reader and writer: numbers of any length stay as they are.
"""

import json

from axonhub.transformers.protocol import Unreadable


def editable(body: bytes) -> str:
    """Indented. Unreadable."""
    value = _loaded(body)
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False)
        text.encode()
    except UnicodeEncodeError:  # half of a pair of surrogates, which only an escape can say
        return json.dumps(value, indent=2)
    except RecursionError as error:
        raise Unreadable("nested too deep") from error
    return text


def saved(text: str) -> bytes:
    """Unreadable, with the line at fault."""
    value = _loaded(text.encode("utf-8", "surrogateescape"))
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()
    except RecursionError as error:
        raise Unreadable("nested too deep") from error


def _loaded(body: bytes) -> object:
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error}") from error
    return value
