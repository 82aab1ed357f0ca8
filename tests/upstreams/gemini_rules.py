"""What Gemini's API (AI Studio) refuses, besides names that it does not know (gemini_messages.py).

Sources: the reference of `v1beta` (2026-11), its pages on function calling, thinking and thought signatures, and the
error texts that users of gateways reported.
"""

import base64
import re
from collections.abc import Iterable, Iterator

from tests.upstreams.gemini_messages import misfits, told
from tests.upstreams.plan import unsealed
from tests.upstreams.rules import Asked, Json, Rule, into, is_count, is_number, mapping, sequence, text

RULES: list[Rule] = []
rule = into(RULES)

METHODS = ("generateContent", "streamGenerateContent", "countTokens")
DATA = ("text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult")
FUNCTION_NAME = r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}"
NO_SIGNATURE = "skip_thought_signature_validator"
"""Stands in for the signature of a call that Gemini did not make."""
MODES = ("AUTO", "ANY", "NONE", "VALIDATED", "MODE_UNSPECIFIED")
LEVELS = ("MINIMAL", "LOW", "MEDIUM", "HIGH")
TYPES = ("STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL")
IMAGES = {"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif", "image/gif"}
INLINE_TYPES = IMAGES | {"application/pdf"}
FILE_ADDRESSES = (
    "https://generativelanguage.googleapis.com/",
    "https://www.youtube.com/",
    "https://youtu.be/",
    "gs://",
)
BUDGETS = {"pro": (128, 32768), "flash": (0, 24576)}


def model(asked: Asked) -> str:
    return re.sub(r".*/models/|:\w+$", "", asked.request.path)


def method(asked: Asked) -> str:
    return asked.request.path.rpartition(":")[2]


def counts_tokens(asked: Asked) -> bool:
    return method(asked) == "countTokens"


def body(asked: Asked) -> Json:
    """The request proper, its fields' names in one style."""
    given = mapping(told(dict(asked.body), "CountTokensRequest" if counts_tokens(asked) else "GenerateContentRequest"))
    return mapping(given["generateContentRequest"]) if "generateContentRequest" in given else given


def contents(asked: Asked) -> list[Json]:
    return [mapping(content) for content in sequence(body(asked).get("contents"))]


def parts(content: Json) -> list[Json]:
    return [mapping(part) for part in sequence(content.get("parts"))]


def calls(content: Json) -> list[Json]:
    return [mapping(part["functionCall"]) for part in parts(content) if "functionCall" in part]


def responses(content: Json) -> list[Json]:
    return [mapping(part["functionResponse"]) for part in parts(content) if "functionResponse" in part]


def placed_parts(asked: Asked) -> Iterator[tuple[str, Json]]:
    """Of all contents and of the system instruction."""
    for index, part in enumerate(parts(mapping(body(asked).get("systemInstruction")))):
        yield f"system_instruction.parts[{index}]", part
    for at, content in enumerate(contents(asked)):
        for index, part in enumerate(parts(content)):
            yield f"contents[{at}].parts[{index}]", part


def declarations(asked: Asked) -> list[Json]:
    tools = [mapping(tool) for tool in sequence(body(asked).get("tools"))]
    return [mapping(one) for tool in tools for one in sequence(tool.get("functionDeclarations"))]


def config(asked: Asked) -> Json:
    return mapping(body(asked).get("generationConfig"))


def signs_its_calls(asked: Asked) -> bool:
    """Since Gemini 3 a signature that is missing is refused; before it the model only was worse."""
    return re.match(r"gemini-[3-9]", model(asked)) is not None


def current_turn(asked: Asked) -> list[Json]:
    """From the user's last own message on."""
    given = contents(asked)
    own = [at for at, content in enumerate(given) if content.get("role", "user") == "user" and not responses(content)]
    return given[own[-1] :] if own else given


@rule(status=403)
def there_is_a_key(asked: Asked) -> Iterable[str]:
    in_query = re.search(r"(^|&)key=[^&]", asked.request.query)
    if not asked.request.header("x-goog-api-key") and not in_query:
        yield "Method doesn't allow unregistered callers (callers without established identity)."


@rule()
def known_names(asked: Asked) -> Iterable[str]:
    return misfits(dict(asked.body), "CountTokensRequest" if counts_tokens(asked) else "GenerateContentRequest", "")


@rule()
def there_are_contents(asked: Asked) -> Iterable[str]:
    if not contents(asked):
        yield "* GenerateContentRequest.contents: contents is not specified"


@rule()
def known_roles(asked: Asked) -> Iterable[str]:
    given = contents(asked)
    for content in given:
        if content.get("role", "user" if len(given) == 1 else None) not in ("user", "model", "function"):
            yield "Please use a valid role: user, model."


@rule()
def there_are_parts(asked: Asked) -> Iterable[str]:
    if "systemInstruction" in body(asked) and not parts(mapping(body(asked)["systemInstruction"])):
        yield "* GenerateContentRequest.system_instruction.parts: contents.parts must not be empty."
    for at, content in enumerate(contents(asked)):
        if not parts(content):
            yield f"* GenerateContentRequest.contents[{at}].parts: contents.parts must not be empty."


@rule()
def parts_hold_one_thing(asked: Asked) -> Iterable[str]:
    for place, part in placed_parts(asked):
        held = [name for name in DATA if part.get(name) is not None]
        unsaid = part.get("text") == "" and "thoughtSignature" not in part
        if not held or unsaid:
            yield f"* GenerateContentRequest.{place}.data: required oneof field 'data' must have one initialized field"
        elif len(held) > 1:
            yield f"Invalid value at '{place}' (oneof), oneof field 'data' is already set. Cannot set '{held[1]}'"


@rule()
def system_instruction_is_text(asked: Asked) -> Iterable[str]:
    for part in parts(mapping(body(asked).get("systemInstruction"))):
        if not text(part.get("text")):
            yield "System instruction must be text."


@rule()
def files_are_well_formed(asked: Asked) -> Iterable[str]:
    for place, part in placed_parts(asked):
        inside = [mapping(one) for one in sequence(mapping(part.get("functionResponse")).get("parts"))]
        for blob in (mapping(one["inlineData"]) for one in (part, *inside) if "inlineData" in one):
            kind = text(blob.get("mimeType"))
            if kind not in INLINE_TYPES and not kind.startswith(("audio/", "video/", "text/")):
                yield f"Unsupported MIME type: {kind}"
            elif not text(blob.get("data")):
                yield f"Unable to process input image. {place}"
        if "fileData" in part and not text(mapping(part["fileData"]).get("fileUri")).startswith(FILE_ADDRESSES):
            yield f"Invalid or unsupported file uri: {mapping(part['fileData']).get('fileUri')}"


@rule()
def calls_and_responses_are_well_formed(asked: Asked) -> Iterable[str]:
    for place, part in placed_parts(asked):
        for field in ("functionCall", "functionResponse"):
            if field in part and not re.fullmatch(FUNCTION_NAME, text(mapping(part[field]).get("name"))):
                yield f"* GenerateContentRequest.{place}.{field}.name: Invalid function name."
        if "functionResponse" in part and not isinstance(mapping(part["functionResponse"]).get("response"), dict):
            yield f"* GenerateContentRequest.{place}.function_response.response: must be set."


@rule()
def roles_say_what_is_theirs(asked: Asked) -> Iterable[str]:
    for content in contents(asked):
        if calls(content) and content.get("role") != "model":
            yield "Function calls are only allowed in content with the role 'model'."
        if responses(content) and content.get("role") == "model":
            yield "Function responses are not allowed in content with the role 'model'."


@rule()
def function_turns_follow_one_another(asked: Asked) -> Iterable[str]:
    before: Json = {}
    for content in contents(asked):
        if calls(content) and before.get("role", "user") == "model":
            yield (
                "Please ensure that function call turn comes immediately after a user turn or after a function "
                "response turn."
            )
        if responses(content) and not calls(before):
            yield "Please ensure that function response turn comes immediately after a function call turn."
        before = content


@rule()
def every_call_has_its_response(asked: Asked) -> Iterable[str]:
    given = contents(asked)
    for content, following in zip(given, [*given[1:], {}], strict=True):
        if len(calls(content)) != len(responses(following)):
            yield (
                "Please ensure that the number of function response parts is equal to the number of function call "
                "parts of the function call turn."
            )


@rule()
def responses_are_of_those_calls(asked: Asked) -> Iterable[str]:
    given = contents(asked)
    for content, following in zip(given, [*given[1:], {}], strict=True):
        called = sorted((text(call.get("name")), text(call.get("id"))) for call in calls(content))
        told_of = sorted((text(one.get("name")), text(one.get("id"))) for one in responses(following))
        if called != told_of:
            yield f"Function responses {told_of} do not match the function calls {called}."


@rule()
def responses_stand_alone(asked: Asked) -> Iterable[str]:
    """Files may stand behind them, where the model takes none inside."""
    for content in contents(asked):
        if responses(content) and any("text" in part for part in parts(content)):
            yield "Text is not allowed beside function responses."


@rule()
def the_user_speaks_first_and_last(asked: Asked) -> Iterable[str]:
    given = contents(asked)
    if given and given[0].get("role") == "model":
        yield "Please ensure that the conversation begins with a user turn."
    if given and given[-1].get("role") == "model" and not counts_tokens(asked):
        yield "Please ensure that multiturn requests end with a user role or a function response."


@rule()
def current_calls_are_signed(asked: Asked) -> Iterable[str]:
    """The first call of each step of the current turn."""
    for at, content in enumerate(current_turn(asked) if signs_its_calls(asked) else []):
        first = next((part for part in parts(content) if "functionCall" in part), None)
        if first is not None and not text(first.get("thoughtSignature")):
            yield (
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to "
                "work correctly, and missing thought_signature may lead to degraded model performance. Function call "
                f"`default_api:{mapping(first['functionCall']).get('name')}`, position {at}."
            )


@rule()
def signatures_are_our_own(asked: Asked) -> Iterable[str]:
    """Each on the call, or on the text, that it was made for."""
    for place, part in placed_parts(asked):
        signature = text(part.get("thoughtSignature"))
        if not signature or is_stand_in(signature):
            continue
        name = text(mapping(part.get("functionCall")).get("name"))
        if (unsealed(signature) or ("", None))[1] != name:
            yield f"Corrupted thought signature. {place}"


def is_stand_in(signature: str) -> bool:
    return signature in (NO_SIGNATURE, base64.b64encode(NO_SIGNATURE.encode()).decode())


@rule()
def only_first_parallel_call_is_signed(asked: Asked) -> Iterable[str]:
    """As Gemini made them."""
    for at, content in enumerate(contents(asked)):
        called = [part for part in parts(content) if "functionCall" in part]
        if any(part.get("thoughtSignature") for part in called[1:]):
            yield f"Corrupted thought signature. contents[{at}]"


@rule()
def tools_are_well_formed(asked: Asked) -> Iterable[str]:
    names = [text(one.get("name")) for one in declarations(asked)]
    for at, (name, one) in enumerate(zip(names, declarations(asked), strict=True)):
        place = f"* GenerateContentRequest.tools[0].function_declarations[{at}]"
        if not re.fullmatch(FUNCTION_NAME, name):
            yield f"{place}.name: Invalid function name. Must start with a letter or an underscore."
        if "parameters" in one and "parametersJsonSchema" in one:
            yield f"{place}: Only one of parameters and parameters_json_schema can be set."
        yield from schema_faults(one.get("parameters"), f"{place}.parameters")
        yield from json_schema_faults(one.get("parametersJsonSchema"), f"{place}.parameters_json_schema")
    yield from (f"Duplicate function declaration found: {name}" for name in sorted(set(names)) if names.count(name) > 1)
    if any(tool == {} or tool == {"functionDeclarations": []} for tool in sequence(body(asked).get("tools"))):
        yield "* GenerateContentRequest.tools[0].tool_type: required one_of 'tool_type' must have one initialized field"


@rule()
def hosted_tools_stand_alone(asked: Asked) -> Iterable[str]:
    hosted = [name for tool in sequence(body(asked).get("tools")) for name in mapping(tool)]
    if declarations(asked) and set(hosted) - {"functionDeclarations"} and not signs_its_calls(asked):
        yield "Tool use with function calling is unsupported"


@rule()
def calling_can_be_met(asked: Asked) -> Iterable[str]:
    calling = mapping(mapping(body(asked).get("toolConfig")).get("functionCallingConfig"))
    mode, allowed = calling.get("mode", "AUTO"), sequence(calling.get("allowedFunctionNames"))
    declared = {one.get("name") for one in declarations(asked)}
    if mode not in MODES:
        yield f"Invalid value at 'tool_config.function_calling_config.mode', {mode!r}"
    if allowed and mode not in ("ANY", "VALIDATED"):
        yield "Please set allowed_function_names only when function calling mode is ANY."
    if not set(allowed) <= declared:
        yield f"allowed_function_names {allowed} are not all declared."
    if mode == "ANY" and not declared:
        yield "Function calling config is set without function_declarations."


@rule()
def limits_are_counts(asked: Asked) -> Iterable[str]:
    given = config(asked)
    for name, most in {"maxOutputTokens": 65536, "candidateCount": 8, "topK": 1000}.items():
        if given.get(name) is not None and not (is_count(given[name]) and int(str(given[name])) <= most):
            yield f"* GenerateContentRequest.generation_config.{name}: must be in the range [1, {most}]."
    if len(sequence(given.get("stopSequences"))) > 5 or "" in sequence(given.get("stopSequences")):
        yield "* GenerateContentRequest.generation_config.stop_sequences: at most 5, none of them empty."


@rule()
def sampling_is_in_range(asked: Asked) -> Iterable[str]:
    for name, least, most in (
        ("temperature", 0, 2),
        ("topP", 0, 1),
        ("presencePenalty", -2, 2),
        ("frequencyPenalty", -2, 2),
    ):
        value = config(asked).get(name)
        if value is not None and not is_number(value, least, most):
            yield f"* GenerateContentRequest.generation_config.{name}: must be in the range [{least}, {most}]."


@rule()
def thinking_can_be_asked_for(asked: Asked) -> Iterable[str]:
    given = mapping(config(asked).get("thinkingConfig"))
    budget, level = given.get("thinkingBudget"), given.get("thinkingLevel")
    least, most = next((range_ for name, range_ in BUDGETS.items() if name in model(asked)), (0, 32768))
    if budget is not None and level is not None:
        yield "You can only set only one of thinking budget and thinking level."
    elif level is not None and (not signs_its_calls(asked) or str(level).upper() not in LEVELS):
        yield "Thinking level is not supported for this model."
    elif budget is not None and budget != -1 and not is_number(budget, least, most):
        yield f"The thinking budget {budget} is invalid. Please choose a value between {least} and {most}."


@rule()
def answers_format_can_be_met(asked: Asked) -> Iterable[str]:
    given = config(asked)
    kind = given.get("responseMimeType")
    schemas = [name for name in ("responseSchema", "responseJsonSchema") if given.get(name) is not None]
    if kind not in (None, "text/plain", "application/json", "text/x.enum"):
        yield f"* GenerateContentRequest.generation_config.response_mime_type: {kind!r} is not allowed."
    if schemas and kind not in ("application/json", "text/x.enum"):
        yield "Response schema is only supported with the response mime type 'application/json'."
    if len(schemas) > 1:
        yield "Only one of response_schema and response_json_schema can be set."
    if kind == "application/json" and declarations(asked) and not signs_its_calls(asked):
        yield "Function calling with a response mime type: 'application/json' is unsupported"
    yield from schema_faults(given.get("responseSchema"), "response_schema")
    yield from json_schema_faults(given.get("responseJsonSchema"), "response_json_schema")


def schema_faults(schema: object, place: str) -> Iterator[str]:
    """What the Schema message may not say, beyond its fields."""
    one = mapping(schema)
    if not one:
        return
    kind = text(one.get("type")).upper()
    properties = mapping(one.get("properties"))
    if kind not in TYPES and "anyOf" not in one:
        yield f"{place}.type: must be specified"
    if kind == "OBJECT" and not properties:
        yield f"{place}.properties: should be non-empty for OBJECT type"
    if kind == "ARRAY" and not mapping(one.get("items")):
        yield f"{place}.items: missing field."
    if "enum" in one and (kind != "STRING" or "" in sequence(one["enum"])):
        yield f"{place}.enum: only allowed for STRING type, and not empty"
    if kind == "STRING" and one.get("format") not in (None, "enum", "date-time"):
        yield f"{place}.format: only 'enum' and 'date-time' are supported for STRING type"
    for name in sequence(one.get("required")):
        if name not in properties:
            yield f"{place}.required[{name}]: property is not defined"
    for name, inner in properties.items():
        yield from schema_faults(inner, f"{place}.properties[{name}]")
    for index, inner in enumerate([one.get("items"), *sequence(one.get("anyOf"))]):
        yield from schema_faults(inner, f"{place}.items[{index}]")


def json_schema_faults(schema: object, place: str) -> Iterator[str]:
    """JSON Schema is taken as it is (Google's own client sends `$schema`), but for references to elsewhere."""
    one = mapping(schema)
    if not one:
        return
    if "$ref" in one and not text(one["$ref"]).startswith("#"):
        yield f"{place}.$ref: reference to {one['$ref']} is not supported"
    for group in ("properties", "$defs"):
        for name, inner in mapping(one.get(group)).items():
            yield from json_schema_faults(inner, f"{place}.{name}")
    for index, inner in enumerate([one.get("items"), *sequence(one.get("anyOf")), *sequence(one.get("oneOf"))]):
        yield from json_schema_faults(inner, f"{place}[{index}]")
