"""What Anthropic's service would refuse in a request: its rules as its documentation and its error texts tell them.

Sources: the Messages reference (read 2026-11) and the 400s that users report (edge cases 97 to 156).
"""

import re
from collections.abc import Iterator

type Json = None | bool | int | float | str | list[Json] | dict[str, Json]
type Block = dict[str, Json]

CALL_ID = re.compile(r"[a-zA-Z0-9_-]+")
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
MEMBERS = frozenset(
    "model max_tokens messages system tools tool_choice thinking output_config temperature top_p top_k stop_sequences "
    "stream metadata service_tier cache_control context_management container mcp_servers speed inference_geo".split()
)
IN_ROLE = {
    "user": {"text", "image", "document", "search_result", "tool_result", "container_upload"},
    "assistant": {"text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "web_search_tool_result"},
    "system": {"text"},
}
LIMITS = ("minimum", "maximum", "minLength", "maxLength", "multipleOf", "minItems", "maxItems")
"""Keywords that no output schema may hold (minItems only beyond 1, which we never send either)."""


def anthropic_refusals(body: Block) -> list[str]:
    """Every reason for a 400; none for a body that would be taken."""
    return [*top_level(body), *history(body["messages"]), *marks(body), *thinking(body), *tools(body), *output(body)]


def top_level(body: Block) -> Iterator[str]:
    yield from (f"unknown member {name!r}" for name in body.keys() - MEMBERS)
    if not isinstance(body.get("max_tokens"), int) or body["max_tokens"] < 1:
        yield "max_tokens is required"
    if not 0 <= body.get("temperature", 0) <= 1:
        yield "temperature out of range"
    if "temperature" in body and "top_p" in body:
        yield "temperature and top_p together"
    if any(not sequence.strip() for sequence in body.get("stop_sequences", [])):
        yield "a stop sequence of white space"
    if body.get("system") == []:
        yield "empty system"
    yield from blank_texts("system", body.get("system", []))
    if len(body.get("metadata", {}).get("user_id", "")) > 256:
        yield "user_id too long"


def blank_texts(place: str, blocks: Json) -> Iterator[str]:
    for index, block in enumerate(blocks):
        if block["type"] == "text" and not block["text"].strip():
            yield f"{place}[{index}]: text must hold non-whitespace"


def history(messages: list[Block]) -> Iterator[str]:
    talk = [message for message in messages if message["role"] != "system"]
    if not talk or talk[0]["role"] != "user":
        yield "the first message must be the user's"
    for index, message in enumerate(messages):
        yield from message_refusals(f"messages[{index}]", message)
    yield from pairs(merged(messages))
    if messages and messages[-1]["role"] == "assistant":
        words = messages[-1]["content"][-1].get("text", "")
        if words != words.rstrip():
            yield "final assistant content ends in whitespace"
    ids = [block["id"] for message in messages for block in message["content"] if block["type"] == "tool_use"]
    if len(ids) != len(set(ids)):
        yield "tool_use ids must be unique"


def message_refusals(place: str, message: Block) -> Iterator[str]:
    blocks = message["content"]
    if not blocks:
        yield f"{place}: empty content"
        return
    yield from blank_texts(place, blocks)
    for block in blocks:
        if block["type"] not in IN_ROLE[message["role"]]:
            yield f"{place}: {block['type']} in a {message['role']} message"
        yield from block_refusals(place, block)
    if message["role"] == "assistant" and blocks[-1]["type"] in ("thinking", "redacted_thinking"):
        yield f"{place}: ends with thinking"


def block_refusals(place: str, block: Block) -> Iterator[str]:
    match block["type"]:
        case "tool_use":
            if not CALL_ID.fullmatch(block["id"]) or not TOOL_NAME.fullmatch(block["name"]):
                yield f"{place}: id {block['id']!r}, name {block['name']!r}"
            if not isinstance(block["input"], dict):
                yield f"{place}: input is no object"
        case "tool_result" if isinstance(block.get("content"), list):
            yield from blank_texts(place, block["content"])
            if not block["content"]:
                yield f"{place}: empty list in a result"
        case "thinking":
            if not block["signature"] or block["signature"].startswith("gw1."):
                yield f"{place}: invalid signature in thinking block"
        case "image" if block["source"]["type"] == "base64":
            if block["source"]["media_type"] not in ("image/png", "image/jpeg", "image/gif", "image/webp"):
                yield f"{place}: media type {block['source']['media_type']!r}"
        case _:
            pass


def merged(messages: list[Block]) -> list[tuple[str, list[Block]]]:
    """The turns as the service sees them: neighbours of one role are one."""
    turns: list[tuple[str, list[Block]]] = []
    for message in messages:
        if turns and turns[-1][0] == message["role"]:
            turns[-1][1].extend(message["content"])
        else:
            turns.append((message["role"], list(message["content"])))
    return turns


def pairs(turns: list[tuple[str, list[Block]]]) -> Iterator[str]:
    open_ids: list[str] = []
    for role, blocks in turns:
        answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if set(answered) != set(open_ids) or len(answered) != len(open_ids):
            yield f"calls {open_ids} are followed by results {answered}"
        kinds = [block["type"] == "tool_result" for block in blocks]
        if kinds != sorted(kinds, reverse=True):
            yield "a result stands behind other content"
        open_ids = [block["id"] for block in blocks if block["type"] == "tool_use"] if role == "assistant" else []
    if open_ids:
        yield f"calls {open_ids} have no results"


def marks(body: Block) -> Iterator[str]:
    blocks = [*body.get("tools", []), *body.get("system", [])]
    blocks += [block for message in body["messages"] for block in message["content"]]
    count = sum("cache_control" in block for block in blocks) + ("cache_control" in body)
    if count > 4:
        yield f"{count} blocks with cache_control"
    for block in blocks:
        if "cache_control" in block and block.get("type") in ("thinking", "redacted_thinking"):
            yield "cache_control on thinking"


def thinking(body: Block) -> Iterator[str]:
    config = body.get("thinking") or {"type": "disabled"}
    if config["type"] == "disabled":
        return
    if body.get("temperature", 1) != 1 or "top_k" in body or "top_p" in body:
        yield "sampling with thinking"
    if body.get("tool_choice", {}).get("type") in ("any", "tool"):
        yield "thinking may not be enabled when tool_choice forces tool use"
    if config["type"] == "enabled":
        if not 1024 <= config["budget_tokens"] < body["max_tokens"]:
            yield f"budget {config['budget_tokens']} of {body['max_tokens']}"
        yield from unsigned_loop(merged(body["messages"]))


def unsigned_loop(turns: list[tuple[str, list[Block]]]) -> Iterator[str]:
    talk = [turn for turn in turns if turn[0] != "system"]
    if len(talk) > 1 and any(block["type"] == "tool_result" for block in talk[-1][1]):
        first = talk[-2][1][0]["type"]
        if first not in ("thinking", "redacted_thinking"):
            yield f"Expected thinking, found {first}"


def tools(body: Block) -> Iterator[str]:
    defined = body.get("tools", [])
    names = [tool.get("name") for tool in defined]
    if len(names) != len(set(names)):
        yield "tool names must be unique"
    if defined == [] and ("tools" in body or "tool_choice" in body):
        yield "tool_choice without tools"
    for tool in defined:
        if "input_schema" in tool and tool["input_schema"].get("type") != "object":
            yield f"{tool['name']}: input_schema.type"
        if "input_schema" in tool and not TOOL_NAME.fullmatch(tool["name"]):
            yield f"tool name {tool['name']!r}"
        if "type" not in tool and "input_schema" not in tool:
            yield f"{tool['name']}: input_schema is required"
    choice = body.get("tool_choice", {})
    if choice.get("type") == "tool" and choice["name"] not in names:
        yield f"tool {choice['name']!r} not found"
    if choice.get("type") == "none" and "disable_parallel_tool_use" in choice:
        yield "disable_parallel_tool_use with none"


def output(body: Block) -> Iterator[str]:
    wanted = body.get("output_config", {})
    if wanted.get("effort", "low") not in ("low", "medium", "high", "xhigh", "max"):
        yield f"effort {wanted['effort']!r}"
    if "format" in wanted:
        yield from open_schemas(wanted["format"]["schema"])


def open_schemas(schema: Json) -> Iterator[str]:
    """Objects that are not closed and limits; walks schema positions only."""
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        yield "an object of the output schema is open"
    yield from (f"{limit} in the output schema" for limit in LIMITS if limit in schema)
    for child in [*schema.get("properties", {}).values(), schema.get("items"), *schema.get("anyOf", [])]:
        yield from open_schemas(child)
