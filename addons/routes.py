"""The addresses on the one port: what a method and path mean, and whose error envelope an unknown one gets."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from axonhub.addons.errors import UnknownPath, WrongMethod
from axonhub.addons.exchange import Address
from axonhub.transformers.protocol import Operation, WireProtocol
from axonhub.transformers.registry import discovered

ANTHROPIC, CHAT, RESPONSES, GEMINI = (
    "anthropic/messages",
    "openai/chat",
    "openai/responses",
    "gemini/generate_content",
)


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    pattern: re.Pattern[str]
    protocol: str
    operation: Operation
    stream: bool | None = None


def _route(method: str, pattern: str, protocol: str, operation: Operation, stream: bool | None = None) -> Route:
    return Route(method, re.compile(pattern), protocol, operation, stream)


_GEMINI_MODEL = r"(?:/gemini)?/v1(?:beta)?/models/(?P<model>[^/:]+(?:/[^/:]+)*)"

_NO_METHOD = r"(?!.*:(?:generateContent|streamGenerateContent|countTokens)$)"

_ROUTES = (
    _route("POST", r"(?:/anthropic)?/v1/messages", ANTHROPIC, "generate"),
    _route("POST", r"(?:/anthropic)?/v1/messages/count_tokens", ANTHROPIC, "count_tokens"),
    _route("GET", r"/anthropic/v1/models(?:/(?P<model>.+))?", ANTHROPIC, "models"),
    _route("POST", r"/v1/chat/completions", CHAT, "generate"),
    _route("POST", r"/v1/embeddings", CHAT, "embeddings"),
    _route("POST", r"/v1/responses", RESPONSES, "generate"),
    _route("POST", r"/v1/responses/input_tokens", RESPONSES, "count_tokens"),
    _route("GET", rf"/v1/models(?:/(?P<model>{_NO_METHOD}.+))?", CHAT, "models"),
    _route("POST", _GEMINI_MODEL + ":generateContent", GEMINI, "generate", stream=False),
    _route("POST", _GEMINI_MODEL + ":streamGenerateContent", GEMINI, "generate", stream=True),
    _route("POST", _GEMINI_MODEL + ":countTokens", GEMINI, "count_tokens"),
    _route("GET", r"(?:/gemini/v1(?:beta)?|/v1beta)/models(?:/(?P<model>[^:]+))?", GEMINI, "models"),
)

_GEMINI_PATHS = re.compile(r"/gemini(?:/|$)|/v1beta/|/v1/models/[^/]+:")
_NEAREST = (
    (re.compile(r"/anthropic(?:/|$)|/v1/messages"), ANTHROPIC),
    (_GEMINI_PATHS, GEMINI),
    (re.compile(r"/v1/responses"), RESPONSES),
)


def claim(method: str, path: str, headers: Mapping[str, str]) -> Address:
    """`path` without query and base path. UnknownPath, WrongMethod."""
    known = _known(path) if len(path) <= _LONGEST_KNOWN else _looked_up(path)
    if not known:
        raise UnknownPath(f"There is nothing at {path[:200]!r} here.")
    for wanted, address in known:
        if wanted == method:
            # Both vendors list their models at /v1/models.
            listed = address.operation == "models" and "anthropic-version" in headers
            return replace(address, protocol=discovered()[ANTHROPIC]) if listed else address
    allowed = ", ".join(sorted({wanted for wanted, _ in known}))
    raise WrongMethod(f"{path[:200]!r} takes {allowed}, not {method[:20]}.", allowed)


def _looked_up(path: str) -> Sequence[tuple[str, Address]]:
    """Methods, and what they mean at this path."""
    found = ((route, route.pattern.fullmatch(path)) for route in _ROUTES if route.protocol in discovered())
    return [(route.method, _address(route, match)) for route, match in found if match]


_LONGEST_KNOWN = 200
"""Characters; whoever has no key must not fill the memory with paths."""
_known = lru_cache(maxsize=256)(_looked_up)


def inside(path: str, base_path: str) -> str:
    """A request's path without its query, the base path and a slash at the end."""
    path = path.partition("?")[0].partition("#")[0]
    within = path == base_path or path.startswith(f"{base_path}/")
    path = path.removeprefix(base_path) if base_path and within else path
    return path.rstrip("/") or "/"


def is_admin(path: str) -> bool:
    """Admin API and console: another door than that of the callers."""
    return path == "/admin" or path.startswith("/admin/")


def takes_key_in_query(path: str) -> bool:
    """Gemini's clients may show their key as `?key=`; on any other path a query is no place for one."""
    return _GEMINI_PATHS.match(path) is not None


def nearest(path: str, headers: Mapping[str, str]) -> WireProtocol:
    """The protocol in which a caller at this path most likely understands an error."""
    for pattern, name in _NEAREST:
        if pattern.match(path) and name in discovered():
            return discovered()[name]
    return discovered()[ANTHROPIC if "anthropic-version" in headers else CHAT]


def _address(route: Route, match: re.Match[str]) -> Address:
    return Address(discovered()[route.protocol], route.operation, match.groupdict().get("model"), route.stream)
