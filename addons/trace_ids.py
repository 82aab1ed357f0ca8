"""Thread and trace ids: where a client says which conversation a request belongs to.

Order, of the headers and then of the body: what is configured, Claude Code's session, Codex's session; of the body
what is configured comes last. Claude Code names its session in a header and, in three forms over its versions, in
`metadata.user_id`.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

import orjson

from axonhub.addons.config import Trace
from axonhub.addons.exchange import TraceIds
from axonhub.transformers.json_types import Json, JsonObject

# Claude Code before 2.1.78; the account part is empty for users that are not logged in.
_USER_ID = re.compile(r"user_([a-fA-F0-9]{64})_account_(.*?)_session_([a-f0-9-]+)")
_MAX_LENGTH = 256
_CLAUDE_CODE_HEADER = "x-claude-code-session-id"
_CODEX_HEADERS = ("session-id", "session_id", "thread-id", "x-codex-window-id")


def trace_ids(config: Trace, headers: Mapping[str, str], document: JsonObject) -> TraceIds:
    """`headers` by lower-case name; `document` is the parsed body, {} while it has not come."""
    trace_id, source = _in_headers(config, headers)
    if document and not trace_id:
        trace_id, source = _in_body(config, document)
    thread_id, agent_id = _in_header(headers, config.thread_header), _in_header(headers, "x-claude-code-agent-id")
    return TraceIds(trace_id, thread_id, agent_id, source)


def with_body(config: Trace, told: TraceIds, document: JsonObject) -> TraceIds:
    """What the body adds where the headers named no trace."""
    trace_id, source = _in_body(config, document)
    return replace(told, trace_id=trace_id, source=source) if trace_id else told


def _in_headers(config: Trace, headers: Mapping[str, str]) -> tuple[str, str]:
    for name in (config.trace_header, *config.extra_trace_headers):
        if found := _in_header(headers, name):
            return found, name
    if config.claude_code_trace_enabled and (found := _in_header(headers, _CLAUDE_CODE_HEADER)):
        return found, "claude-code"
    if config.codex_trace_enabled and (found := _codex_session(headers)):
        return found, "codex"
    return "", ""


def _in_body(config: Trace, document: JsonObject) -> tuple[str, str]:
    if config.claude_code_trace_enabled and (found := session_of_user_id(_at(document, ("metadata", "user_id")))):
        return found, "claude-code"
    if config.codex_trace_enabled and (found := _clean(_at(document, ("client_metadata", "session_id")))):
        return found, "codex"
    for path in config.extra_trace_body_fields:
        if found := _clean(_at(document, path.split("."))):
            return found, path
    if config.fallback == "first-message" and (found := first_message_hash(document)):
        return found, "first-message"
    return "", ""


def session_of_user_id(user_id: Json) -> str:
    if not isinstance(user_id, str):
        return ""
    text = user_id.strip()
    if text.startswith("{"):
        return _session_of_json(text)
    match = _USER_ID.fullmatch(text)
    return _clean(match[3]) if match else ""


def _session_of_json(text: str) -> str:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return ""
    return _clean(value.get("session_id")) if isinstance(value, dict) else ""


def session_told(headers: Mapping[str, str]) -> str:
    """The client's own name for what it is at, whether or not that makes a trace here; "" where it tells none."""
    return _in_header(headers, _CLAUDE_CODE_HEADER) or _codex_session(headers)


def _codex_session(headers: Mapping[str, str]) -> str:
    for name in _CODEX_HEADERS:
        if found := _in_header(headers, name):
            return found
    return ""


def first_message_hash(document: JsonObject) -> str:
    """A stand-in for a session: the same first message of the same conversation hashes alike."""
    for member in ("messages", "input", "contents"):
        items = document.get(member)
        if isinstance(items, list) and items:
            return "msg-" + hashlib.sha256(orjson.dumps(items[0])).hexdigest()[:24]
    return ""


def _at(document: JsonObject, path: Iterable[str]) -> Json:
    value: Json = document
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _in_header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name.lower())
    return _clean(value) if value else ""


def _clean(value: Json) -> str:
    """An id fit for a header and a column, or ""."""
    text = value.strip() if isinstance(value, str) else ""
    return text if len(text) <= _MAX_LENGTH and text.isprintable() and text.isascii() else ""
