"""A client's request: wire → hub."""

from collections.abc import Mapping
from typing import Final

from axonhub.transformers.effort import known_effort
from axonhub.transformers.fields import (
    flag,
    integer,
    mapping,
    needed,
    number,
    text,
    texts,
)
from axonhub.transformers.gemini_schemas import from_gemini
from axonhub.transformers.hub.parts import Native, Text
from axonhub.transformers.hub.requests import (
    FunctionTool,
    HostedTool,
    OutputFormat,
    Reasoning,
    Request,
    Role,
    Sampling,
    Tool,
    ToolChoice,
    ToolReference,
    Turn,
)
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import Unreadable, Unsupported
from axonhub.transformers.protocols.gemini.names import NAME, camel, messages
from axonhub.transformers.protocols.gemini.reading_parts import Calls, joined, read_part

_READ: Final = frozenset(
    "model contents systemInstruction tools toolConfig generationConfig serviceTier labels stream".split()
)
_READ_CONFIG: Final = frozenset(
    "maxOutputTokens temperature topP topK seed presencePenalty frequencyPenalty candidateCount responseLogprobs "
    "logprobs stopSequences thinkingConfig responseMimeType responseSchema responseJsonSchema".split()
)
_READ_DECLARATION: Final = frozenset("name description parameters parametersJsonSchema".split())
_ROLES: Final[dict[str, Role]] = {"user": "user", "model": "assistant", "function": "user"}
_MODES: Final[Mapping[str, ToolChoice]] = {
    "AUTO": ToolChoice("auto"),
    "ANY": ToolChoice("required"),
    "NONE": ToolChoice("none"),
    "VALIDATED": ToolChoice("auto"),
    "MODE_UNSPECIFIED": ToolChoice("auto"),
}
_TIERS: Final = {"standard": "default"}


def read_request(body: JsonObject, model: str | None, stream: bool | None) -> Request:
    """Unreadable, Unsupported. A countTokens body that wraps its request is read as that request."""
    body = camel(body)
    if (wrapped := mapping(body, "generateContentRequest", "")) is not None:
        body = camel(wrapped)
    config = camel(mapping(body, "generationConfig", "") or {})
    extensions, native_only = _rest(body, config)
    tools = _tools(body, extensions)
    calls = Calls(unsaid=extensions)
    return Request(
        model=_model(model or needed(text(body, "model", ""), "model", "")),
        turns=_turns(body, calls),
        system=_system(body, calls),
        tools=tools,
        tool_choice=_tool_choice(body, extensions),
        max_output_tokens=integer(config, "maxOutputTokens", "generationConfig"),
        sampling=_sampling(config),
        stop=tuple(texts(config, "stopSequences", "generationConfig") or ()),
        stream=bool(stream),
        reasoning=_reasoning(config),
        output_format=_output_format(config),
        metadata=dict(mapping(body, "labels", "") or {}),
        service_tier=_tier(text(body, "serviceTier", "")),
        extensions={NAME: extensions} if extensions else {},
        native_only={NAME: native_only} if native_only else {},
    )


def _model(model: str) -> str:
    return model.removeprefix("models/")


def _tier(told: str | None) -> str | None:
    return _TIERS.get(told.lower(), told.lower()) if told else None


def _rest(body: JsonObject, config: JsonObject) -> tuple[JsonObject, tuple[str, ...]]:
    """What no field of the hub can hold, and those of it that no other protocol may leave away."""
    extensions: JsonObject = {name: value for name, value in body.items() if name not in _READ and value is not None}
    for name, value in config.items():
        if value is not None and (name not in _READ_CONFIG or _is_other_media_type(name, value)):
            extensions[f"generationConfig.{name}"] = value
    native_only = ["cachedContent"] if "cachedContent" in extensions else []
    modalities = extensions.get("generationConfig.responseModalities")
    if modalities == ["TEXT"]:
        del extensions["generationConfig.responseModalities"]
    elif modalities:
        native_only.append("generationConfig.responseModalities")
    return extensions, tuple(native_only)


def _is_other_media_type(name: str, value: Json) -> bool:
    """Such as text/x.enum: an answer that is neither plain text nor JSON."""
    return name == "responseMimeType" and value not in ("application/json", "text/plain")


# -- conversation


def _turns(body: JsonObject, calls: Calls) -> tuple[Turn, ...]:
    return tuple(
        _turn(content, f"contents[{index}]", calls) for index, content in enumerate(messages(body, "contents", ""))
    )


def _turn(content: JsonObject, path: str, calls: Calls) -> Turn:
    told = text(content, "role", path) or "user"
    role = _ROLES.get(told)
    if role is None:
        raise Unreadable(f"must be user or model, not {told[:50]!r}", f"{path}.role")
    parts = [
        read_part(part, f"{path}.parts[{index}]", calls) for index, part in enumerate(messages(content, "parts", path))
    ]
    return Turn(role, joined(parts) if role == "assistant" else tuple(parts))


def _system(body: JsonObject, calls: Calls) -> tuple[Text, ...]:
    """The role is ignored; SDKs also send a bare string or a bare part."""
    told = body.get("systemInstruction")
    if told is None:
        return ()
    if isinstance(told, str):
        return (Text(told),)
    content = camel(mapping(body, "systemInstruction", "") or {})
    parts = messages(content, "parts", "systemInstruction") if "parts" in content else [content]
    read = [read_part(part, f"systemInstruction.parts[{index}]", calls) for index, part in enumerate(parts) if part]
    for index, part in enumerate(read):
        if not isinstance(part, Text):
            raise Unsupported("system instructions must be text", f"systemInstruction.parts[{index}]")
    return tuple(part for part in read if isinstance(part, Text))


# -- tools


def _tools(body: JsonObject, extensions: JsonObject) -> tuple[Tool, ...]:
    found: list[Tool] = []
    for index, tool in enumerate(messages(body, "tools", "")):
        path = f"tools[{index}]"
        for place, declaration in enumerate(messages(tool, "functionDeclarations", path)):
            found.append(_function(declaration, f"{path}.functionDeclarations[{place}]"))
            for name in declaration:
                if name not in _READ_DECLARATION:
                    extensions[f"tools[].functionDeclarations[].{name}"] = declaration[name]
        for kind, options in tool.items():
            if kind != "functionDeclarations" and options is not None:
                found.append(HostedTool(kind, Native(NAME, {kind: options})))
    return tuple(found)


def _function(declaration: JsonObject, path: str) -> FunctionTool:
    name = needed(text(declaration, "name", path), "name", path)
    schema = mapping(declaration, "parametersJsonSchema", path)
    if schema is None and (message := mapping(declaration, "parameters", path)) is not None:
        schema = from_gemini(message)
    return FunctionTool(name, text(declaration, "description", path), schema, native=Native(NAME, declaration))


def _tool_choice(body: JsonObject, extensions: JsonObject) -> ToolChoice | None:
    config = camel(mapping(body, "toolConfig", "") or {})
    calling = camel(mapping(config, "functionCallingConfig", "toolConfig") or {})
    path = "toolConfig.functionCallingConfig"
    for source, prefix, known in (
        (config, "toolConfig", ("functionCallingConfig",)),
        (calling, path, ("mode", "allowedFunctionNames")),
    ):
        for name, value in source.items():
            if name not in known and value is not None:
                extensions[f"{prefix}.{name}"] = value
    if not calling:
        return None
    mode = (text(calling, "mode", path) or "AUTO").upper()
    if mode not in _MODES:
        raise Unreadable(f"unknown mode {mode[:50]!r}", f"{path}.mode")
    if mode == "VALIDATED":
        extensions[f"{path}.mode"] = mode
    allowed = tuple(map(ToolReference, texts(calling, "allowedFunctionNames", path) or ()))
    return ToolChoice(_MODES[mode].mode, allowed)


# -- generationConfig


def _sampling(config: JsonObject) -> Sampling:
    path = "generationConfig"
    return Sampling(
        temperature=number(config, "temperature", path),
        top_p=number(config, "topP", path),
        top_k=integer(config, "topK", path),
        seed=integer(config, "seed", path),
        presence_penalty=number(config, "presencePenalty", path),
        frequency_penalty=number(config, "frequencyPenalty", path),
        logprobs=flag(config, "responseLogprobs", path),
        top_logprobs=integer(config, "logprobs", path),
        candidates=integer(config, "candidateCount", path),
    )


def _reasoning(config: JsonObject) -> Reasoning | None:
    path = "generationConfig.thinkingConfig"
    told = mapping(config, "thinkingConfig", "generationConfig")
    if told is None:
        return None
    told = camel(told)
    visible = bool(flag(told, "includeThoughts", path))
    budget = integer(told, "thinkingBudget", path)
    level = text(told, "thinkingLevel", path)
    effort = known_effort(level.lower()) if level else None
    if budget == 0:
        return Reasoning("off", visible=visible or None)
    if budget is not None and budget > 0:
        return Reasoning("budget", budget_tokens=budget, visible=visible)
    if effort is not None:
        return Reasoning("effort", effort, visible=visible)
    return Reasoning("adaptive", visible=visible)


def _output_format(config: JsonObject) -> OutputFormat | None:
    path = "generationConfig"
    media_type = text(config, "responseMimeType", path)
    schema = _schema(config, path)
    if schema is not None:
        return OutputFormat(schema)
    return OutputFormat() if media_type == "application/json" else None


def _schema(config: JsonObject, path: str) -> JsonObject | None:
    plain: Json = config.get("responseJsonSchema")
    if plain is True:  # any JSON at all
        return {}
    if plain is not None:
        return mapping(config, "responseJsonSchema", path)
    message = mapping(config, "responseSchema", path)
    return None if message is None else from_gemini(message)
