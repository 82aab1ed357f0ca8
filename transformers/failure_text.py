"""Failure text: what a provider's error body says, fit for a client's eyes.

Gateways in front of providers wrap the provider's error into text of their own, often several times; proxies answer
with HTML pages. The innermost message is what helps the caller, once, bounded, and without a credential in it.
"""

import json
import re
from collections.abc import Iterator
from html import unescape

from axonhub.transformers.json_types import Json, JsonObject

MESSAGE_LIMIT = 2_000
"""Characters of a message that travels on."""
_BODY_LIMIT = 200_000
_PAGE_LIMIT = 8_000
"""Characters of an HTML page that are looked at: patterns over unclosed tags take quadratic time."""
_DEPTH = 8
"""How many errors inside errors are opened."""

_MESSAGE_KEYS = (
    "message",
    "msg",
    "error_description",
    "status_msg",
    "error_message",
    "detail",
    "details",
    "title",
    "reason",
)
_CONTAINER_KEYS = ("error", "errors", "base_resp", "detail", "response", "body")
_SLUG = re.compile(r"[a-z]+(?:_[a-z]+)+")
_JSON = json.JSONDecoder()

_CREDENTIAL = re.compile(
    r"\b(?:sk|pk|rk|ak|gsk|xai|pplx|key|api[-_]key)[-_](?:[A-Za-z]+[-_])?[A-Za-z0-9_*.\-]{8,}"
    r"|\bAIza[A-Za-z0-9_*.\-]{8,}"
    r"|\bya29\.[A-Za-z0-9_\-]{8,}"
    r"|\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-.]+"
    r"|(?<=[Bb]earer )[A-Za-z0-9_\-.=+/*]{8,}"
)
_HIDDEN_ELEMENT = re.compile(r"<(script|style|head)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title\s*>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[!/?a-zA-Z][^>]*>")
_HTML = re.compile(r"<(!doctype html|html|head|body)\b", re.IGNORECASE)
_SSE_DATA = re.compile(r"^data: ?(.*)$", re.MULTILINE)
_RETRY = re.compile(r"(?:try again|retry|reset\w*)\s+(?:in|after)\s+(\d+(?:\.\d+)?)\s*(milli|ms|min|m|sec|s)")
_UNIT_S = {"ms": 0.001, "milli": 0.001, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0}

_CONTEXT_LENGTH = re.compile(
    r"context_length_exceeded|prompt is too long|input is too long|maximum context length|max(?:imum)? input length"
    r"|context window|context length|input token count.{0,40}exceeds"
    r"|exceeds? the (?:model'?s )?(?:maximum|max|limit).{0,30}tokens?"
    r"|too many (?:input |prompt )?tokens|reduce the length of the (?:messages|prompt|input)"
    r"|range of input length should be",
    re.IGNORECASE,
)


def bounded(message: str) -> str:
    """The message in one piece of at most 2,000 characters, whatever looks like a credential masked."""
    masked = _CREDENTIAL.sub("[hidden]", message.strip())
    return masked if len(masked) <= MESSAGE_LIMIT else masked[: MESSAGE_LIMIT - 1] + "…"


def failure_from_json(body: bytes) -> tuple[str, str | None, str | None]:
    """Message, type and code of an error body of any form: JSON nested in any way, a list, HTML, an SSE frame, plain
    text.

    The message is bounded and never contains a credential; it is "" when the body says nothing. A numeric code is
    given as text. Type falls back to Gemini's `status`. Never raises.
    """
    text = body[:_BODY_LIMIT].decode("utf-8", "replace").removeprefix("\ufeff").strip()
    parsed = _parsed(text)
    if isinstance(parsed, dict | list):
        return failure_from_object(parsed)
    message, kind, code = _inside_text(parsed if isinstance(parsed, str) else text, 0) or (_plain(text), None, None)
    return bounded(message), kind, code


def failure_from_object(value: Json) -> tuple[str, str | None, str | None]:
    """The same for a body that is parsed already."""
    message, kind, code = _search(value, 0) or ("", None, None)
    return bounded(message), kind, code


def says_context_length(*told: str | None) -> bool:
    """Does a message or code say that the prompt is too long for the model? For readers of protocols without a code
    for it."""
    return any(_CONTEXT_LENGTH.search(each) for each in told if each)


def retry_after_in(message: str) -> float | None:
    """Seconds in a text such as "Please try again in 1.5s"; None when it names none."""
    found = _RETRY.search(message.lower())
    return float(found.group(1)) * _UNIT_S[found.group(2)] if found else None


type _Said = tuple[str, str | None, str | None]


def _search(value: Json, depth: int) -> _Said | None:
    """The innermost message below a value, with the type and code nearest to it."""
    if depth > _DEPTH:
        return None
    match value:
        case str():
            return _inside_text(value, depth) or ((_plain(value), None, None) if value.strip() else None)
        case list():
            return next(filter(None, (_search(each, depth + 1) for each in value[:_DEPTH])), None)
        case dict():
            return _in_object(value, depth)
        case _:
            return None


def _in_object(value: JsonObject, depth: int) -> _Said | None:
    kind, code = _word(value.get("type")) or _word(value.get("status")), _code(value)
    for message, inner_kind, inner_code in _candidates(value, depth):
        return message, inner_kind or kind, inner_code or code
    return ("", kind, code) if "error" in value or code else None


def _candidates(value: JsonObject, depth: int) -> Iterator[_Said]:
    # OpenRouter puts the provider's own words under metadata.raw, beside a message that says only "Provider returned
    # error".
    metadata = value.get("metadata")
    raw = _search(metadata.get("raw"), depth + 1) if isinstance(metadata, dict) else None
    if raw and raw[0]:
        yield raw
    nested = [key for key in _CONTAINER_KEYS if isinstance(value.get(key), dict | list)]
    plain = [key for key in _CONTAINER_KEYS if isinstance(value.get(key), str)]
    for key in (*nested, *_MESSAGE_KEYS, *plain):
        if key in value and (said := _search(value[key], depth + 1)) and said[0]:
            yield said


def _inside_text(text: str, depth: int) -> _Said | None:
    """The error in JSON that stands inside a text, alone or after a prefix, or in an SSE frame; None when there is
    none."""
    if depth > _DEPTH:
        return None
    if data := _SSE_DATA.search(text):
        text = data.group(1)
    start = text.find("{")
    while start >= 0:
        inner, end = _decoded(text, start)
        if isinstance(inner, dict) and _is_error(inner) and (said := _in_object(inner, depth + 1)) and said[0]:
            return said
        start = text.find("{", end) if end > start else -1
    return None


def _is_error(value: JsonObject) -> bool:
    """Texts quote JSON of other kinds too, such as the schema that was refused."""
    return "error" in value or isinstance(value.get("message"), str)


def _decoded(text: str, start: int) -> tuple[Json, int]:
    try:
        inner, end = _JSON.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None, start
    return inner, end


def _parsed(text: str) -> Json:
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value


def _plain(text: str) -> str:
    """Text as one line; of an HTML page its title, else its words."""
    if not _HTML.search(text[:2_000]):
        return text.strip()
    text = text[:_PAGE_LIMIT]
    title = _TITLE.search(text)
    words = title.group(1) if title and title.group(1).strip() else _HIDDEN_ELEMENT.sub(" ", text)
    return " ".join(unescape(_TAG.sub(" ", words)).split())


def _word(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None


def _code(value: JsonObject) -> str | None:
    for key in ("code", "status_code"):
        code = value.get(key)
        if isinstance(code, str) and code:
            return code
        if isinstance(code, int) and not isinstance(code, bool) and code:
            return str(code)
    # OAuth endpoints: {"error": "invalid_grant", "error_description": "..."}
    error = value.get("error")
    return error if isinstance(error, str) and _SLUG.fullmatch(error) else None
