"""Hub request → a body for a provider. Deterministic: the same conversation prefix gives the same blocks."""

from hashlib import sha256
from typing import Final

import orjson

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.extensions import leave_behind
from axonhub.transformers.hub.parts import Text
from axonhub.transformers.hub.requests import (
    FreeformTool,
    FunctionTool,
    HostedTool,
    OutputFormat,
    Request,
    Tool,
    ToolChoice,
    ToolReference,
)
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.pairing import is_empty
from axonhub.transformers.protocol import Loss, Unsupported, Written
from axonhub.transformers.protocols.anthropic_messages.history_writing import (
    BlockWriter,
    cache_control,
    history,
    text_block,
)
from axonhub.transformers.protocols.anthropic_messages.names import NAME
from axonhub.transformers.protocols.anthropic_messages.thinking_writing import ThinkingPlan, thinking_plan
from axonhub.transformers.reminders import is_billing_block
from axonhub.transformers.schemas import for_anthropic_output
from axonhub.transformers.tool_names import NameTable, freeform_as_function

_MOST_MARKS: Final = 4
_MOST_USER_ID_CHARACTERS: Final = 256
_WEB_SEARCHES: Final = frozenset(
    {"web_search", "web_search_preview", "web_search_options", "googleSearch", "google_search"}
)
_TIERS: Final = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
_COUNTED: Final = frozenset(
    "cache_control context_management mcp_servers messages model output_config system thinking tool_choice "
    "tools".split()
)
"""What the provider's counter of tokens takes of a request."""
_JSON_ONLY: Final = "Answer with one JSON object and nothing else."


def write_request(request: Request, dialect: Dialect) -> Written:
    losses: list[Loss] = []
    leave_behind(request, NAME, losses)
    if (request.sampling.candidates or 1) > 1:
        raise Unsupported("Anthropic gives one answer to a request", "n")
    names = NameTable.of(request.tools, request.turns, dialect.tool_name_length)
    turns = history(request.turns, dialect, losses)
    plan = thinking_plan(request, turns, dialect, losses)
    tools = _tools(request, dialect, names, losses)
    writer = BlockWriter(names, losses)
    messages = writer.messages(turns)
    body: dict[str, Json] = {"model": request.model, "max_tokens": plan.max_tokens}
    if system := _system(request, dialect, losses):
        body["system"] = system
    if tools:
        body["tools"] = tools
        body |= _tool_choice(request, names, {str(tool.get("name")) for tool in _objects(tools)})
    else:
        _leave_choice(request, losses)
    body["messages"] = messages
    body |= _thinking(request, plan, dialect, losses)
    body |= _sampling(request, plan, dialect, losses)
    body |= _rest(request, losses)
    _keep_marks(body, dialect, losses)
    return Written(body, tuple(losses), names.undo)


def write_count_request(request: Request, dialect: Dialect) -> Written:
    written = write_request(request, dialect)
    return Written({key: value for key, value in written.body.items() if key in _COUNTED}, written.losses, written.undo)


def _system(request: Request, dialect: Dialect, losses: list[Loss]) -> list[Json]:
    told = [part for part in request.system if not is_empty(part, blank_too=True)]
    kept = [part for part in told if dialect.billing_block or not is_billing_block(part.text)]
    return [text_block(part) for part in (*kept, *_format_told(request.output_format, dialect, losses))]


def _format_told(output: OutputFormat | None, dialect: Dialect, losses: list[Loss]) -> tuple[Text, ...]:
    """The wish for JSON in words, where no member can say it."""
    if output is None or (output.schema is not None and dialect.json_schema):
        return ()
    losses.append(Loss("response_format", "told to the model in words; Anthropic cannot enforce it"))
    if output.schema is None:
        return (Text(_JSON_ONLY),)
    return (Text(f"{_JSON_ONLY} It must match this JSON Schema:\n{orjson.dumps(output.schema).decode()}"),)


def _tools(request: Request, dialect: Dialect, names: NameTable, losses: list[Loss]) -> list[Json]:
    written: list[Json] = []
    taken: set[str] = set()
    for index, tool in enumerate(_allowed(request)):
        wire = _tool(tool, f"tools[{index}]", request, dialect, names, losses)
        if wire is None:
            continue
        name = str(wire.get("name"))
        if name in taken:
            losses.append(Loss(f"tools[{index}]", f"a second tool of the name {name!r}"))
            continue
        taken.add(name)
        written.append(wire)
    return written


def _allowed(request: Request) -> tuple[Tool, ...]:
    """The tools that the choice leaves; Anthropic has no list of allowed ones beside the list of all."""
    choice = request.tool_choice
    if choice is None or not choice.allowed or _is_named(choice):
        return request.tools
    return tuple(tool for tool in request.tools if _reference(tool) in choice.allowed)


def _is_named(choice: ToolChoice) -> bool:
    return choice.mode == "required" and len(choice.allowed) == 1


def _reference(tool: Tool) -> ToolReference:
    match tool:
        case FunctionTool(name=name, namespace=namespace):
            return ToolReference(name, namespace)
        case FreeformTool(name=name, namespace=namespace):
            return ToolReference(name, namespace, "freeform")
        case HostedTool(kind=kind):
            return ToolReference(kind, kind="hosted")


def _tool(
    tool: Tool, path: str, request: Request, dialect: Dialect, names: NameTable, losses: list[Loss]
) -> JsonObject | None:
    match tool:
        case FunctionTool():
            return _function(tool, names.wire(ToolReference(tool.name, tool.namespace)), path, dialect, losses)
        case FreeformTool():
            name = names.wire(ToolReference(tool.name, tool.namespace, "freeform"))
            return _function(freeform_as_function(tool), name, path, dialect, losses)
        case HostedTool():
            return _hosted(tool, path, request, dialect, losses)


def _function(tool: FunctionTool, name: str, path: str, dialect: Dialect, losses: list[Loss]) -> JsonObject:
    if tool.native is not None and tool.native.protocol == NAME and name == tool.name and tool.schema:
        return tool.native.value
    wire: dict[str, Json] = {"name": name}
    if tool.description is not None:
        wire["description"] = tool.description
    wire["input_schema"] = _input_schema(tool.schema)
    if tool.strict and dialect.strict_tools:
        wire["strict"] = True
    elif tool.strict:
        losses.append(Loss(f"{path}.strict", "arguments may stray from the schema here", "info"))
    if tool.cache is not None:
        wire["cache_control"] = cache_control(tool.cache)
    return wire


def _input_schema(schema: JsonObject | None) -> JsonObject:
    if not schema:
        return {"type": "object", "properties": {}}
    return schema if "type" in schema else {"type": "object", **schema}


def _hosted(tool: HostedTool, path: str, request: Request, dialect: Dialect, losses: list[Loss]) -> JsonObject | None:
    if tool.native.protocol == NAME:
        return tool.native.value
    if tool.kind in _WEB_SEARCHES and dialect.own_web_search:
        return {"type": dialect.own_web_search, "name": "web_search"}
    choice = request.tool_choice
    if choice is not None and choice.mode == "required" and ToolReference(tool.kind, kind="hosted") in choice.allowed:
        raise Unsupported(f"Anthropic has no tool {tool.kind!r} that could be forced", "tool_choice")
    losses.append(Loss(path, f"only {tool.native.protocol} runs the tool {tool.kind!r}"))
    return None


def _tool_choice(request: Request, names: NameTable, known: set[str]) -> JsonObject:
    choice, wire = request.tool_choice, None
    if choice is not None:
        wire = _choice(choice, request, names, known)
    if request.parallel_tool_calls is False and (choice is None or choice.mode != "none"):
        wire = (wire or {"type": "auto"}) | {"disable_parallel_tool_use": True}
    return {} if wire is None else {"tool_choice": wire}


def _leave_choice(request: Request, losses: list[Loss]) -> None:
    """A choice without tools is a 400 there; it is needless unless it forces a tool that could not be said."""
    choice = request.tool_choice
    if choice is not None and choice.mode == "required" and request.tools:
        raise Unsupported("none of the tools, one of which must be used, can be said to Anthropic", "tool_choice")
    if choice is not None:
        losses.append(Loss("tool_choice", "there are no tools to choose from", "info"))


def _choice(choice: ToolChoice, request: Request, names: NameTable, known: set[str]) -> JsonObject:
    if choice.mode == "none":
        return {"type": "none"}
    if _is_named(choice):
        name = _chosen_name(choice.allowed[0], request, names)
        if name not in known:
            raise Unsupported(f"names {name!r}, which is none of the tools", "tool_choice")
        return {"type": "tool", "name": name}
    return {"type": "any" if choice.mode == "required" else "auto"}


def _chosen_name(chosen: ToolReference, request: Request, names: NameTable) -> str:
    if chosen.kind != "hosted":
        return names.wire(chosen)
    tool = next((tool for tool in request.tools if isinstance(tool, HostedTool) and tool.kind == chosen.name), None)
    if tool is not None and tool.native.protocol == NAME:
        return tool.name or tool.kind
    return "web_search"


def _thinking(request: Request, plan: ThinkingPlan, dialect: Dialect, losses: list[Loss]) -> JsonObject:
    members: dict[str, Json] = {}
    output: dict[str, Json] = {}
    if plan.thinking is not None:
        members["thinking"] = plan.thinking
    if plan.effort is not None:
        output["effort"] = plan.effort
    if request.output_format is not None and request.output_format.schema is not None and dialect.json_schema:
        schema = for_anthropic_output(request.output_format.schema, losses, "response_format")
        output["format"] = {"type": "json_schema", "schema": schema}
    return members | ({"output_config": output} if output else {})


def _sampling(request: Request, plan: ThinkingPlan, dialect: Dialect, losses: list[Loss]) -> JsonObject:
    sampling, kept = request.sampling, {}
    if plan.active or not dialect.sampling:
        reason = (
            "Anthropic's models take no sampling when they think" if plan.active else "these models take no sampling"
        )
        told = {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k}
        losses += (Loss(name, reason) for name, value in told.items() if value is not None and value != 1)
    else:
        kept = _kept_sampling(request, dialect, losses)
    foreign = {
        "seed": sampling.seed,
        "presence_penalty": sampling.presence_penalty or None,
        "frequency_penalty": sampling.frequency_penalty or None,
        "logit_bias": sampling.logit_bias or None,
        "logprobs": sampling.logprobs or None,
        "top_logprobs": sampling.top_logprobs or None,
    }
    losses += (Loss(name, "Anthropic has none") for name, value in foreign.items() if value is not None)
    return kept


def _kept_sampling(request: Request, dialect: Dialect, losses: list[Loss]) -> dict[str, Json]:
    sampling = request.sampling
    kept: dict[str, Json] = {}
    if sampling.temperature is not None:
        kept["temperature"] = min(sampling.temperature, 1)
        if sampling.temperature > 1:
            losses.append(Loss("temperature", "Anthropic's highest is 1"))
    if sampling.top_p is not None and ("temperature" not in kept or dialect.sampling_pair):
        kept["top_p"] = sampling.top_p
    elif sampling.top_p is not None and sampling.top_p != 1:
        losses.append(Loss("top_p", "Anthropic's models take it or the temperature, not both"))
    if sampling.top_k is not None:
        kept["top_k"] = sampling.top_k
    return kept


def _rest(request: Request, losses: list[Loss]) -> JsonObject:
    members: dict[str, Json] = {}
    stop = [each for each in request.stop if each.strip()]
    if stop:
        members["stop_sequences"] = list(stop)
    if len(stop) < len(request.stop):
        losses.append(Loss("stop", "Anthropic refuses stop sequences of white space alone"))
    if request.user is not None:
        members["metadata"] = {"user_id": _user_id(request.user, losses)}
    losses += (Loss(f"metadata.{name}", "Anthropic knows only user_id", "info") for name in request.metadata)
    tier = _TIERS.get(request.service_tier or "")
    if tier is not None:
        members["service_tier"] = tier
    elif request.service_tier is not None:
        losses.append(Loss("service_tier", f"Anthropic has no tier {request.service_tier!r}", "info"))
    if request.verbosity is not None:
        losses.append(Loss("verbosity", "Anthropic has none"))
    if request.cache_key is not None:
        losses.append(Loss("prompt_cache_key", "Anthropic finds cached prefixes itself", "info"))
    if request.stream:
        members["stream"] = True
    own = request.extensions.get(NAME, {})
    return members | {key: value for key, value in own.items() if not ("." in key or "[" in key)}


def _user_id(user: str, losses: list[Loss]) -> str:
    if len(user) <= _MOST_USER_ID_CHARACTERS:
        return user
    losses.append(Loss("user", "too long for Anthropic: its hash goes instead", "info"))
    return sha256(user.encode("utf-8", "surrogatepass")).hexdigest()


def _keep_marks(body: dict[str, Json], dialect: Dialect, losses: list[Loss]) -> None:
    """At most four cache marks: those that stand first in the messages give way."""
    marks = [*_marks_in(body.get("tools")), *_marks_in(body.get("system"))]
    in_messages = [mark for message in _objects(body["messages"]) for mark in _marks_in(message["content"])]
    if not marks and not in_messages and dialect.automatic_cache:
        body.setdefault("cache_control", {"type": "ephemeral"})
    excess = len(marks) + len(in_messages) + ("cache_control" in body) - _MOST_MARKS
    if excess <= 0:
        return
    losses.append(Loss("cache_control", f"Anthropic takes {_MOST_MARKS} marks; {excess} are left out", "info"))
    for blocks, index in [*in_messages, *marks][:excess]:
        # Blocks may be the client's own objects: never changed in place.
        marked = blocks[index]
        if isinstance(marked, dict):
            blocks[index] = {key: value for key, value in marked.items() if key != "cache_control"}


def _marks_in(blocks: Json) -> list[tuple[list[Json], int]]:
    if not isinstance(blocks, list):
        return []
    return [
        (blocks, index) for index, block in enumerate(blocks) if isinstance(block, dict) and "cache_control" in block
    ]


def _objects(values: Json) -> list[JsonObject]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
