"""The messages of Gemini's API as its JSON parser knows them: it refuses a request at the first name it does not know.

Source: the reference of `v1beta` of the Gemini API (2026-11); what only Vertex AI knows is not here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from tests.upstreams.rules import mapping, sequence

type Kind = str
"""The name of a message, `[]` before it for a list and `{}` for a map of them; `any` takes any JSON."""

ANY, TEXT, BYTES, NUMBER, INTEGER, SWITCH, OBJECT = "any text bytes number integer switch object".split()


def fields(kind: Kind, names: str) -> Mapping[str, Kind]:
    return dict.fromkeys(names.split(), kind)


MESSAGES: Mapping[str, Mapping[str, Kind]] = {
    "GenerateContentRequest": {
        **fields(TEXT, "model cachedContent serviceTier"),
        **fields(SWITCH, "store"),
        "contents": "[]Content",
        "systemInstruction": "Content",
        "tools": "[]Tool",
        "toolConfig": "ToolConfig",
        "safetySettings": "[]SafetySetting",
        "generationConfig": "GenerationConfig",
    },
    "CountTokensRequest": {"contents": "[]Content", "generateContentRequest": "GenerateContentRequest"},
    "Content": {"role": TEXT, "parts": "[]Part"},
    "Part": {
        "text": TEXT,
        "thought": SWITCH,
        "thoughtSignature": BYTES,
        "inlineData": "Blob",
        "fileData": "FileData",
        "functionCall": "FunctionCall",
        "functionResponse": "FunctionResponse",
        "executableCode": OBJECT,
        "codeExecutionResult": OBJECT,
        "toolCall": OBJECT,
        "toolResponse": OBJECT,
        "videoMetadata": OBJECT,
        "mediaResolution": OBJECT,
        "partMetadata": OBJECT,
    },
    "Blob": {"mimeType": TEXT, "data": BYTES},
    "FileData": fields(TEXT, "mimeType fileUri"),
    "FunctionCall": {"id": TEXT, "name": TEXT, "args": OBJECT},
    "FunctionResponse": {
        **fields(TEXT, "id name scheduling"),
        "response": OBJECT,
        "willContinue": SWITCH,
        "parts": "[]FunctionResponsePart",
    },
    "FunctionResponsePart": {"inlineData": "Blob"},
    "Tool": {
        "functionDeclarations": "[]FunctionDeclaration",
        **fields(
            OBJECT, "googleSearch googleSearchRetrieval codeExecution urlContext computerUse fileSearch googleMaps"
        ),
        "mcpServers": ANY,
    },
    "FunctionDeclaration": {
        **fields(TEXT, "name description behavior"),
        **fields("Schema", "parameters response"),
        **fields(OBJECT, "parametersJsonSchema responseJsonSchema"),
    },
    "Schema": {
        **fields(TEXT, "type format title description pattern"),
        **fields(SWITCH, "nullable"),
        **fields("[]text", "enum required propertyOrdering"),
        **fields(INTEGER, "maxItems minItems maxProperties minProperties maxLength minLength"),
        **fields(NUMBER, "minimum maximum"),
        **fields(ANY, "example default"),
        "properties": "{}Schema",
        "items": "Schema",
        "anyOf": "[]Schema",
    },
    "ToolConfig": {
        "functionCallingConfig": "FunctionCallingConfig",
        "retrievalConfig": OBJECT,
        "includeServerSideToolInvocations": SWITCH,
    },
    "FunctionCallingConfig": {"mode": TEXT, "allowedFunctionNames": "[]text"},
    "SafetySetting": fields(TEXT, "category threshold"),
    "GenerationConfig": {
        **fields("[]text", "stopSequences responseModalities"),
        **fields(TEXT, "responseMimeType mediaResolution"),
        **fields(INTEGER, "candidateCount maxOutputTokens topK seed logprobs"),
        **fields(NUMBER, "temperature topP presencePenalty frequencyPenalty"),
        **fields(SWITCH, "responseLogprobs enableEnhancedCivicAnswers"),
        **fields(OBJECT, "speechConfig imageConfig"),
        "responseSchema": "Schema",
        "responseJsonSchema": OBJECT,
        "thinkingConfig": "ThinkingConfig",
    },
    "ThinkingConfig": {"includeThoughts": SWITCH, "thinkingBudget": INTEGER, "thinkingLevel": TEXT},
}


def camel(name: str) -> str:
    """The parser takes a field's name in either style."""
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)


def told(value: object, kind: Kind) -> object:
    """The value with its fields' names in one style; what lies in objects of the caller's own stays."""
    if kind.startswith("[]"):
        return [told(one, kind[2:]) for one in sequence(value)]
    if kind.startswith("{}"):
        return {name: told(one, kind[2:]) for name, one in mapping(value).items()}
    known = MESSAGES.get(kind)
    if known is None or not isinstance(value, dict):
        return value
    return {camel(name): told(one, known.get(camel(name), ANY)) for name, one in value.items()}


def misfits(value: object, kind: Kind, place: str) -> Iterator[str]:
    """Every name that is unknown and every value of a wrong type, in the parser's own words; null is as if absent."""
    if value is None or kind == ANY:
        return
    if kind.startswith("[]"):
        yield from list_misfits(value, kind[2:], place)
    elif kind.startswith("{}"):
        for name, one in mapping(value).items():
            yield from misfits(one, kind[2:], f"{place}.{name}")
    elif kind in MESSAGES:
        yield from message_misfits(value, MESSAGES[kind], place)
    elif not TYPES[kind](value):
        yield f"Invalid value at '{place}' ({kind}), {str(value)[:40]!r}"


def list_misfits(value: object, kind: Kind, place: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"Invalid JSON payload received. '{place}' is not a list"
        return
    for at, one in enumerate(value):
        yield from misfits(one, kind, f"{place}[{at}]")


def message_misfits(value: object, known: Mapping[str, Kind], place: str) -> Iterable[str]:
    if not isinstance(value, dict):
        yield f"Invalid value at '{place}', expected an object"
        return
    for name, one in value.items():
        if camel(name) not in known:
            yield f"Invalid JSON payload received. Unknown name \"{name}\" at '{place}': Cannot find field."
        else:
            yield from misfits(one, known[camel(name)], f"{place}.{name}" if place else name)


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_integer(value: object) -> bool:
    """Large integers come as strings."""
    return (is_number(value) and float(str(value)).is_integer()) or (
        isinstance(value, str) and re.fullmatch(r"-?\d+", value) is not None
    )


def is_base64(value: object) -> bool:
    """Of either alphabet, padded or not."""
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9+/_-]*={0,2}", value) is not None


TYPES = {
    TEXT: lambda value: isinstance(value, str),
    BYTES: is_base64,
    NUMBER: is_number,
    INTEGER: is_integer,
    SWITCH: lambda value: isinstance(value, bool),
    OBJECT: lambda value: isinstance(value, dict),
}
