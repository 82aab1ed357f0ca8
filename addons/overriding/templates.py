"""Values and conditions as Jinja2 templates, in a sandbox: a template reads what it is given and reaches nothing else.

What a template may use is in `Facts`. A rendered value that is JSON is inserted as such, any other as text.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import orjson
from jinja2 import ChainableUndefined, Template, TemplateError
from jinja2.exceptions import SecurityError
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from axonhub.addons.overriding.secrecy import is_secret
from axonhub.transformers.json_types import Json, JsonObject

_LONGEST = 1_000_000
"""Characters of a rendered text, and the largest number that a template may multiply."""
_GO_HINT: Final = "; names stand without a dot in front: {{ model }}"


class BadTemplate(ValueError):
    """Why a template cannot be compiled."""


class RenderError(Exception):
    """Why a template could not be rendered for this request; never quotes a value."""


class Headers(Mapping[str, str]):
    """The client's headers without its credentials; `x_team` and `X-Team` are one name."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = {name.lower(): value for name, value in fields.items() if not is_secret(name)}

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower().replace("_", "-")]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


@dataclass(frozen=True, slots=True)
class Facts:
    """What templates may use, under these names and under the original's (`RequestModel`, `Model`, …)."""

    request_model: str = ""
    """What the client asked for."""
    model: str = ""
    """What the channel is asked for."""
    request_header: Mapping[str, str] = field(default_factory=dict)
    """The client's, see `Headers`."""
    metadata: JsonObject = field(default_factory=dict)
    """The member of that name in the client's body."""
    key: str = ""
    """The API key's name, as the next four."""
    profile: str = ""
    channel: str = ""
    trace_id: str = ""
    thread_id: str = ""
    stream: bool = False
    find_effort: Callable[[], str] = str
    """Called when a template asks for `reasoning_effort`, since that may take reading the whole request."""


_READERS: Final[Mapping[str, Callable[[Facts], object]]] = {
    "request_model": lambda facts: facts.request_model,
    "model": lambda facts: facts.model,
    "reasoning_effort": lambda facts: facts.find_effort(),
    "metadata": lambda facts: facts.metadata,
    "request_header": lambda facts: facts.request_header,
    "key": lambda facts: facts.key,
    "profile": lambda facts: facts.profile,
    "channel": lambda facts: facts.channel,
    "trace_id": lambda facts: facts.trace_id,
    "thread_id": lambda facts: facts.thread_id,
    "stream": lambda facts: facts.stream,
    "RequestModel": lambda facts: facts.request_model,
    "Model": lambda facts: facts.model,
    "ReasoningEffort": lambda facts: facts.find_effort(),
    "Metadata": lambda facts: facts.metadata,
    "RequestHeader": lambda facts: facts.request_header,
}


class Sandbox(ImmutableSandboxedEnvironment):
    """Also without repetitions that would fill the memory."""

    intercepted_binops = frozenset(("*", "**"))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or not all(isinstance(each, int | float) for each in (left, right)):
            raise SecurityError(f"{operator} is for small numbers only")
        if max(abs(left), abs(right)) > _LONGEST:
            raise SecurityError(f"{operator} is for small numbers only")
        return super().call_binop(context, operator, left, right)


def _shown(value: object) -> object:
    """What stands between braces in JSON's words: `true`, `null`, objects; so that conditions are plain comparisons."""
    return orjson.dumps(value).decode() if value is None or isinstance(value, bool | dict | list) else value


_SANDBOX: Final = Sandbox(undefined=ChainableUndefined, autoescape=False, keep_trailing_newline=True, finalize=_shown)


@dataclass(frozen=True, slots=True)
class Text:
    """A text with or without template in it."""

    source: str
    template: Template | None
    """None: nothing in it is to be replaced."""

    def rendered(self, facts: Facts) -> str:
        """RenderError."""
        if self.template is None:
            return self.source
        try:
            text = self.template.render({name: _READERS[name](facts) for name in _used(self.source)})
        except Exception as error:  # a template calls whatever methods its values have
            raise RenderError(f"the template failed: {type(error).__name__}") from error
        if len(text) > _LONGEST:
            raise RenderError("the template's text is too long")
        return text


def read_text(source: str) -> Text:
    """BadTemplate."""
    if not any(mark in source for mark in ("{{", "{%", "{#")):
        return Text(source, None)
    return Text(source, _compiled(source))


@lru_cache(maxsize=4096)
def _compiled(source: str) -> Template:
    try:
        return _SANDBOX.from_string(source)
    except TemplateError as error:
        hint = _GO_HINT if "{{ ." in source or "{{." in source else ""
        raise BadTemplate(f"bad template: {error.message or type(error).__name__}{hint}") from error


@lru_cache(maxsize=4096)
def _used(source: str) -> tuple[str, ...]:
    """The facts that a template mentions; only these are worked out."""
    return tuple(name for name in find_undeclared_variables(_SANDBOX.parse(source)) if name in _READERS)


def as_json(text: str) -> Json:
    """What the text says as JSON, else the text itself."""
    try:
        value: Json = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return value
