"""Items of tools that OpenAI runs itself, or that only its models know: kept whole, with plain words for others."""

from collections.abc import Callable, Iterator
from typing import Final

import orjson

from axonhub.transformers.fields import as_items, as_mapping, as_objects, as_text
from axonhub.transformers.hub.parts import Hosted, Native
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocols.openai_responses.names import NAME

USER_ITEMS: Final = frozenset(
    (
        "computer_call_output",
        "local_shell_call_output",
        "shell_call_output",
        "apply_patch_call_output",
        "mcp_approval_response",
        "program_output",
    )
)
"""Hosted items that the client adds; all others come from the model."""


def hosted(kind: str, item: JsonObject) -> Hosted:
    words = _WORDS.get(kind)
    lines = [line for line in words(item) if line] if words else []
    return Hosted(kind, Native(NAME, item), "\n".join(lines))


def _web_search(item: JsonObject) -> Iterator[str]:
    action = as_mapping(item.get("action"))
    queries = [as_text(each) for each in as_items(action.get("queries"))] or [as_text(action.get("query"))]
    yield from (f"[web search: {query}]" for query in queries if query)
    yield from (as_text(each.get("url")) or "" for each in as_objects(action.get("sources")))
    if url := as_text(action.get("url")):
        yield f"[page opened: {url}]"


def _file_search(item: JsonObject) -> Iterator[str]:
    yield from (f"[file search: {each}]" for each in as_items(item.get("queries")) if isinstance(each, str))
    for result in as_objects(item.get("results")):
        yield f"{as_text(result.get('filename')) or ''}: {as_text(result.get('text')) or ''}"


def _code(item: JsonObject) -> Iterator[str]:
    yield _fenced(as_text(item.get("code")))
    yield from (_fenced(as_text(each.get("logs"))) for each in as_objects(item.get("outputs")))


def _mcp(item: JsonObject) -> Iterator[str]:
    called = f"{as_text(item.get('server_label')) or ''}.{as_text(item.get('name')) or ''}"
    yield f"[{called}({as_text(item.get('arguments')) or ''})]"
    yield as_text(item.get("output")) or as_text(item.get("error")) or ""


def _local_shell(item: JsonObject) -> Iterator[str]:
    command = as_items(as_mapping(item.get("action")).get("command"))
    yield "$ " + " ".join(each for each in command if isinstance(each, str))


def _shell(item: JsonObject) -> Iterator[str]:
    commands = as_items(as_mapping(item.get("action")).get("commands"))
    yield from (f"$ {each}" for each in commands if isinstance(each, str))


def _shell_output(item: JsonObject) -> Iterator[str]:
    for chunk in as_objects(item.get("output")):
        yield as_text(chunk.get("stdout")) or ""
        yield as_text(chunk.get("stderr")) or ""


def _patch(item: JsonObject) -> Iterator[str]:
    operation = as_mapping(item.get("operation"))
    yield f"[{as_text(operation.get('type')) or 'patch'} {as_text(operation.get('path')) or ''}]"
    yield _fenced(as_text(operation.get("diff")))


def _output(item: JsonObject) -> Iterator[str]:
    yield as_text(item.get("output")) or as_text(item.get("result")) or ""


def _tool_search(item: JsonObject) -> Iterator[str]:
    yield f"[tool search: {_json(item.get('arguments'))}]"


def _fenced(code: str | None) -> str:
    return f"```\n{code}\n```" if code else ""


def _json(value: Json) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


_WORDS: Final[dict[str, Callable[[JsonObject], Iterator[str]]]] = {
    "web_search_call": _web_search,
    "file_search_call": _file_search,
    "code_interpreter_call": _code,
    "mcp_call": _mcp,
    "local_shell_call": _local_shell,
    "local_shell_call_output": _output,
    "shell_call": _shell,
    "shell_call_output": _shell_output,
    "apply_patch_call": _patch,
    "apply_patch_call_output": _output,
    "program_output": _output,
    "tool_search_call": _tool_search,
    "computer_call": lambda item: iter(("[computer use]",)),
    "computer_call_output": lambda item: iter(()),
    "tool_search_output": lambda item: iter(()),
    "mcp_list_tools": lambda item: iter(()),
    "mcp_approval_request": lambda item: iter(()),
    "mcp_approval_response": lambda item: iter(()),
    "program": lambda item: iter((_fenced(as_text(item.get("code"))),)),
}

KINDS: Final = frozenset(_WORDS)
