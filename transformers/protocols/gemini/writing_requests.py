"""A request for a provider: hub → wire."""

from typing import Final

import orjson

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.effort import budget_of_effort, effort_of_budget
from axonhub.transformers.extensions import leave_behind
from axonhub.transformers.gemini_schemas import for_gemini, for_gemini_json
from axonhub.transformers.hub.parts import Document, Part, ToolResult
from axonhub.transformers.hub.requests import (
    Effort,
    FreeformTool,
    FunctionTool,
    HostedTool,
    OutputFormat,
    Reasoning,
    Request,
    Tool,
    ToolChoice,
    ToolReference,
)
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.pairing import paired
from axonhub.transformers.protocol import Loss, Unsupported, Written
from axonhub.transformers.protocols.gemini.names import NAME
from axonhub.transformers.protocols.gemini.tool_names import Names
from axonhub.transformers.protocols.gemini.writing_contents import ContentsWriter
from axonhub.transformers.reminders import is_billing_block, reminded
from axonhub.transformers.tool_names import freeform_as_function
from axonhub.transformers.web_searches import web_search

STOP_LIMIT: Final = 5
_CONFIG: Final = "generationConfig."
_CALLING: Final = "toolConfig.functionCallingConfig."
_TOOL_CONFIG: Final = "toolConfig."
_TIERS: Final = {"default": "standard", "standard": "standard", "flex": "flex", "priority": "priority"}

_COUNTED: Final = ("systemInstruction", "contents", "tools")

_LEVELS: Final[dict[Effort, str]] = {
    "none": "MINIMAL",
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "XHIGH",
    "max": "MAX",
}
_RISING: Final = tuple(_LEVELS)
_HOSTED: Final = (
    ("web_search", "googleSearch"),
    ("web_fetch", "urlContext"),
    ("code_execution", "codeExecution"),
    ("code_interpreter", "codeExecution"),
)
"""Other vendors' tools by the beginning of their type, and what Gemini runs for the same purpose."""
_CLIENT_TOOLS: Final = ("bash_", "text_editor_", "memory_", "computer_")
"""Tools that the client runs and whose schema only Anthropic's models know."""


def write_request(request: Request, dialect: Dialect) -> Written:
    """Unsupported when a member of the request must not be left away and cannot be said."""
    losses: list[Loss] = []
    leave_behind(request, NAME, losses)
    _leave(request, losses, dialect)
    names = Names.of(request, dialect.tool_name_length)
    body = _conversation(request, dialect, names, losses)
    tools, hosted = _tools(request, dialect, names, losses)
    if tools:
        body["tools"] = tools
        body |= _tool_config(request, names, hosted)
    if config := _generation_config(request, dialect, losses):
        body["generationConfig"] = config
    body |= _members(request, dialect, losses)
    return Written(body, tuple(losses), names.undo)


def count_request(request: Request, dialect: Dialect) -> Written:
    """For the provider's own counter, which takes what costs tokens and nothing else."""
    written = write_request(request, dialect)
    counted: JsonObject = {name: value for name, value in written.body.items() if name in _COUNTED}
    if dialect.count_wrapped:
        counted = {"generateContentRequest": {"model": f"models/{request.model}", **counted}}
    return Written(counted, written.losses, written.undo)


def _conversation(request: Request, dialect: Dialect, names: Names, losses: list[Loss]) -> JsonObject:
    if any(part.annotations for part in request.system):
        losses.append(Loss("system", "citations of system texts are left out", "info"))
    system: list[Json] = [
        {"text": part.text} for part in request.system if part.text and not is_billing_block(part.text)
    ]
    if request.output_format is not None and not _takes_format(request, dialect):
        system.append({"text": _format_in_words(request.output_format)})
        losses.append(Loss("response_format", "beside functions this model is asked for JSON in words only", "warning"))
    turns = paired(reminded(request.turns), losses, trailing="strip")
    contents = ContentsWriter(dialect, names, losses).contents(turns)
    # The system prompt comes first, as the provider's prompt cache has it.
    return {"systemInstruction": {"parts": system}, "contents": contents} if system else {"contents": contents}


# -- tools


def _tools(request: Request, dialect: Dialect, names: Names, losses: list[Loss]) -> tuple[list[Json], frozenset[str]]:
    """The wire's tools, and the kinds of hosted tools that found a place among them."""
    declarations = _declarations(request.tools, dialect, names, losses)
    tools: list[Json] = [{"functionDeclarations": declarations}] if declarations else []
    said: set[str] = set()
    for index, tool in enumerate(request.tools):
        if isinstance(tool, HostedTool):
            written = _hosted(tool, f"tools[{index}]", bool(declarations), dialect, losses)
            if written is not None and written not in tools:
                tools.append(written)
            if written is not None:
                said.add(tool.kind)
    return tools, frozenset(said)


def _declarations(tools: tuple[Tool, ...], dialect: Dialect, names: Names, losses: list[Loss]) -> list[Json]:
    declared: dict[str, Json] = {}
    for index, tool in enumerate(tools):
        if isinstance(tool, HostedTool):
            continue
        declaration = _declaration(tool, dialect, names, losses, f"tools[{index}]")
        name = str(declaration["name"])
        if name in declared:
            losses.append(Loss(f"tools[{index}]", f"a second tool with the name {name!r} is left out"))
        declared.setdefault(name, declaration)
    return list(declared.values())


def _declaration(
    tool: FunctionTool | FreeformTool, dialect: Dialect, names: Names, losses: list[Loss], path: str
) -> JsonObject:
    function = freeform_as_function(tool) if isinstance(tool, FreeformTool) else tool
    declaration: JsonObject = {"name": names.wire(_reference(tool))}
    if function.description:
        declaration["description"] = function.description
    if function.native and function.native.protocol == NAME:
        own = function.native.value
        declaration |= {name: own[name] for name in ("behavior", "response", "responseJsonSchema") if name in own}
    if function.schema:
        _add_schema(declaration, "parameters", "parametersJsonSchema", function.schema, dialect, losses, path)
    return declaration


def _reference(tool: FunctionTool | FreeformTool) -> ToolReference:
    return ToolReference(tool.name, tool.namespace, "freeform" if isinstance(tool, FreeformTool) else "function")


def _add_schema(
    target: JsonObject,
    message_name: str,
    json_name: str,
    schema: JsonObject,
    dialect: Dialect,
    losses: list[Loss],
    path: str,
) -> None:
    if dialect.gemini_schema == "json":
        target[json_name] = for_gemini_json(schema)
    elif message := for_gemini(schema, losses, path):
        target[message_name] = message


def _hosted(
    tool: HostedTool, path: str, beside_functions: bool, dialect: Dialect, losses: list[Loss]
) -> JsonObject | None:
    """Gemini's own tool, or the one it has for the same purpose; None with a Loss."""
    if tool.native.protocol == NAME:
        return tool.native.value
    if tool.kind.startswith(_CLIENT_TOOLS):
        raise Unsupported(f"only Anthropic's models know the tool {tool.kind!r}", path)
    own = next((own for kind, own in _HOSTED if tool.kind.startswith(kind)), None)
    if own is None:
        losses.append(Loss(path, f"Gemini has no tool like {tool.kind!r}"))
        return None
    if beside_functions and not dialect.hosted_with_functions:
        losses.append(Loss(path, f"Gemini's models take {own!r} only when there are no functions"))
        return None
    if search := web_search(tool):
        losses += search.unsaid(path)
    elif any(_asks(value) for name, value in tool.native.value.items() if name not in ("type", "name")):
        losses.append(Loss(path, f"the options of {tool.kind!r} are left out"))
    return {own: {}}


def _asks(option: Json) -> bool:
    """Does an option say more than that the provider may choose?"""
    return any(map(_asks, option.values())) if isinstance(option, dict) else option not in (None, "auto", [])


def _tool_config(request: Request, names: Names, hosted: frozenset[str]) -> JsonObject:
    calling = _calling(request.tool_choice, names, hosted) if request.tool_choice else {}
    own = request.extensions.get(NAME, {})
    calling |= {name.removeprefix(_CALLING): value for name, value in own.items() if name.startswith(_CALLING)}
    config: JsonObject = {"functionCallingConfig": calling} if calling else {}
    for name, value in own.items():
        if name.startswith(_TOOL_CONFIG) and not name.startswith(_CALLING):
            config[name.removeprefix(_TOOL_CONFIG)] = value
    return {"toolConfig": config} if config else {}


def _calling(choice: ToolChoice, names: Names, hosted: frozenset[str]) -> JsonObject:
    wanted = [each for each in choice.allowed if each.kind == "hosted"]
    if wanted and choice.mode == "required":
        missing = [each.name for each in wanted if each.name not in hosted]
        if missing or len(choice.allowed) > len(wanted):
            raise Unsupported("Gemini cannot be forced to use a hosted tool", "tool_choice")
        return {}  # Gemini's own tools are never forced; the only tool of a request is what the caller meant
    allowed: list[Json] = [names.wire(each) for each in choice.allowed if each.kind != "hosted"]
    if choice.mode == "none":
        return {"mode": "NONE"}
    if choice.mode == "required":
        return {"mode": "ANY", "allowedFunctionNames": allowed} if allowed else {"mode": "ANY"}
    # AUTO takes no list of names; VALIDATED is Gemini's word for "text, or one of these".
    return {"mode": "VALIDATED", "allowedFunctionNames": allowed} if allowed else {"mode": "AUTO"}


# -- generationConfig


def _generation_config(request: Request, dialect: Dialect, losses: list[Loss]) -> JsonObject:
    sampling = request.sampling
    said: JsonObject = {
        "maxOutputTokens": request.max_output_tokens,
        "temperature": sampling.temperature,
        "topP": sampling.top_p,
        "topK": sampling.top_k,
        "seed": sampling.seed,
        "presencePenalty": sampling.presence_penalty,
        "frequencyPenalty": sampling.frequency_penalty,
        "candidateCount": sampling.candidates,
        "responseLogprobs": sampling.logprobs,
        "logprobs": sampling.top_logprobs if sampling.logprobs or not sampling.top_logprobs else None,
        "stopSequences": _stop(request.stop, losses) or None,
    }
    config: JsonObject = {name: value for name, value in said.items() if value is not None}
    if thinking := _thinking(request.reasoning, request.max_output_tokens, dialect, losses):
        config["thinkingConfig"] = thinking
    if request.output_format is not None and _takes_format(request, dialect):
        _add_format(config, request.output_format, dialect, losses)
    own = request.extensions.get(NAME, {})
    return config | {name.removeprefix(_CONFIG): value for name, value in own.items() if name.startswith(_CONFIG)}


def _stop(stop: tuple[str, ...], losses: list[Loss]) -> list[Json]:
    if len(stop) > STOP_LIMIT:
        losses.append(Loss("stop", f"Gemini takes {STOP_LIMIT} stop sequences; the first ones are kept"))
    return list(stop[:STOP_LIMIT])


def _thinking(wanted: Reasoning | None, limit: int | None, dialect: Dialect, losses: list[Loss]) -> JsonObject:
    if wanted is None:
        return {}
    if dialect.thinking_control == "none":
        if wanted.mode != "off" and wanted.effort != "none":
            losses.append(Loss("reasoning", "this model does not think"))
        return {}
    config: JsonObject = {}
    if wanted.visible is not False and wanted.mode != "off":
        config["includeThoughts"] = True
    if dialect.thinking_control == "level":
        return config | _level(wanted, dialect)
    return config | {"thinkingBudget": _budget(wanted, limit, dialect, losses)}


def _level(wanted: Reasoning, dialect: Dialect) -> JsonObject:
    """Google's name of the level that these models take and that is nearest, the lower one of two; {}: theirs."""
    effort = effort_of_budget(wanted.budget_tokens) if wanted.budget_tokens is not None else wanted.effort
    effort = "minimal" if wanted.mode == "off" else effort
    if effort is None or not dialect.efforts:
        return {}
    place = _RISING.index(effort)
    return {"thinkingLevel": _LEVELS[min(dialect.efforts, key=lambda each: abs(_RISING.index(each) - place))]}


def _budget(wanted: Reasoning, limit: int | None, dialect: Dialect, losses: list[Loss]) -> int:
    if wanted.mode == "off" or wanted.effort == "none":
        return dialect.thinking_off_tokens
    if wanted.budget_tokens is None and wanted.effort is None:
        return -1  # the model decides
    asked = wanted.budget_tokens
    if asked is None:
        return min(budget_of_effort(wanted.effort or "medium", dialect.budgets, limit), dialect.thinking_most_tokens)
    if asked > dialect.thinking_most_tokens:
        losses.append(Loss("thinking", f"at most {dialect.thinking_most_tokens} tokens of thinking are taken", "info"))
    if asked < dialect.thinking_off_tokens:
        losses.append(Loss("thinking", f"{dialect.thinking_off_tokens} tokens of thinking are the least", "info"))
    return max(min(asked, dialect.thinking_most_tokens), dialect.thinking_off_tokens)


def _takes_format(request: Request, dialect: Dialect) -> bool:
    """Models before Gemini 3 refuse a request for JSON that also declares functions."""
    return dialect.format_with_functions or all(isinstance(tool, HostedTool) for tool in request.tools)


def _format_in_words(wanted: OutputFormat) -> str:
    words = "When you do not call a function, answer with JSON only"
    return f"{words} that fits this schema: {orjson.dumps(wanted.schema).decode()}" if wanted.schema else f"{words}."


def _add_format(config: JsonObject, wanted: OutputFormat, dialect: Dialect, losses: list[Loss]) -> None:
    config["responseMimeType"] = "application/json"
    if wanted.description:
        losses.append(Loss("response_format.description", "Gemini takes the schema alone", "info"))
    if wanted.schema:
        _add_schema(config, "responseSchema", "responseJsonSchema", wanted.schema, dialect, losses, "response_format")


# -- the rest


def _members(request: Request, dialect: Dialect, losses: list[Loss]) -> JsonObject:
    members: JsonObject = {}
    if request.service_tier is not None:
        if tier := _TIERS.get(request.service_tier):
            members["serviceTier"] = tier
        elif request.service_tier != "auto":
            losses.append(Loss("service_tier", f"Gemini has no tier {request.service_tier!r}", "info"))
    if request.metadata and dialect.labels:
        members["labels"] = {
            name: value if isinstance(value, str) else str(value) for name, value in request.metadata.items()
        }
    elif request.metadata:
        losses.append(Loss("metadata", "AI Studio keeps no labels", "info"))
    own = request.extensions.get(NAME, {})
    return members | {name: value for name, value in own.items() if "." not in name}


def _leave(request: Request, losses: list[Loss], dialect: Dialect) -> None:
    """What the hub can hold and Gemini cannot say."""
    if (request.sampling.candidates or 1) > 1 and not dialect.candidates:
        raise Unsupported("this channel gives one answer to a request", "n")
    if request.sampling.top_logprobs and not request.sampling.logprobs:
        losses.append(Loss("top_logprobs", "no log probabilities were asked for", "info"))
    if request.sampling.logit_bias:
        losses.append(Loss("logit_bias", "Gemini has no token biases"))
    if request.parallel_tool_calls is False:
        losses.append(Loss("parallel_tool_calls", "Gemini always may call several tools at once"))
    if request.verbosity is not None:
        losses.append(Loss("verbosity", "Gemini has no verbosity"))
    if any(turn.name for turn in request.turns):
        losses.append(Loss("messages[].name", "Gemini's turns bear no names", "info"))
    if request.user is not None:
        losses.append(Loss("user", "Gemini takes no user id", "info"))
    if request.cache_key is not None:
        losses.append(Loss("prompt_cache_key", "Gemini finds cached prompts by itself", "info"))
    if any(isinstance(tool, FunctionTool) and tool.strict for tool in request.tools):
        losses.append(Loss("tools[].strict", "Gemini decides by itself how strictly it keeps to a schema", "info"))
    if _has_cache_marks(request):
        losses.append(Loss("cache_control", "Gemini caches prompts by itself", "info"))


def _has_cache_marks(request: Request) -> bool:
    parts = (part for turn in request.turns for part in turn.parts)
    return any(map(_is_marked, request.system)) or any(map(_is_marked, request.tools)) or any(map(_is_marked, parts))


def _is_marked(each: Part | Tool) -> bool:
    if getattr(each, "cache", None) is not None:
        return True
    inside = each.parts if isinstance(each, ToolResult) else each.source if isinstance(each, Document) else ()
    return isinstance(inside, tuple) and any(map(_is_marked, inside))
