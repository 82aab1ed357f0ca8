"""What providers of OpenAI's Chat Completions refuse, and in what the compatible ones differ from OpenAI.

Sources: OpenAI's reference (2026-10) and the error texts that users of gateways reported for it, DeepSeek and vLLM.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.upstreams.rules import Asked, Json, Rule, into, is_count, is_number, mapping, sequence, text, unknown_keys


@dataclass(frozen=True, slots=True)
class Dialect:
    """One provider's departures from OpenAI."""

    fields: frozenset[str] = frozenset()
    """Top-level fields it knows besides OpenAI's."""
    message_fields: frozenset[str] = frozenset()
    reasoning_field: str | None = None
    """Where it puts its thinking; None when it shows none."""
    system_only_first: bool = False
    tool_content_is_text: bool = False
    """Refuses the list form of a tool message's content."""
    reasoning_comes_back: bool = False
    """Wants its thinking back with the calls of the current tool loop (DeepSeek's thinking mode)."""
    knows_max_completion_tokens: bool = True
    knows_custom_tools: bool = False
    """Tools whose input is free text."""


OPENAI = Dialect(knows_custom_tools=True)
DEEPSEEK = Dialect(
    fields=frozenset({"thinking"}),
    message_fields=frozenset({"reasoning_content", "prefix"}),
    reasoning_field="reasoning_content",
    tool_content_is_text=True,
    reasoning_comes_back=True,
    knows_max_completion_tokens=False,
)
TEMPLATED = Dialect(
    fields=frozenset(
        {"top_k", "min_p", "repetition_penalty", "chat_template_kwargs", "enable_thinking", "thinking_budget"}
    ),
    message_fields=frozenset({"reasoning_content"}),
    reasoning_field="reasoning_content",
    system_only_first=True,
)
"""A server that renders messages with the model's own template (vLLM, SGLang, llama.cpp)."""

FIELDS = frozenset(
    "model messages audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens "
    "max_tokens metadata modalities n parallel_tool_calls prediction presence_penalty prompt_cache_key "
    "prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier stop store stream "
    "stream_options temperature tool_choice tools top_logprobs top_p user verbosity web_search_options".split()
)
MESSAGE_FIELDS = {
    "developer": "role content name",
    "system": "role content name",
    "user": "role content name",
    "assistant": "role content name refusal audio tool_calls function_call",
    "tool": "role content tool_call_id",
}
PART_FIELDS = {
    "text": "type text",
    "image_url": "type image_url",
    "file": "type file",
    "input_audio": "type input_audio",
    "refusal": "type refusal",
}
PARTS_OF = {
    "developer": {"text"},
    "system": {"text"},
    "user": {"text", "image_url", "file", "input_audio"},
    "assistant": {"text", "refusal"},
    "tool": {"text"},
}
EFFORTS = {"none", "minimal", "low", "medium", "high", "xhigh"}
NAME = r"[a-zA-Z0-9_-]{1,64}"
REASONING_MODELS = r"(o\d|gpt-5)"
OPEN_OBJECT = "'additionalProperties' is required to be false, and 'required' to name every property."


def messages(asked: Asked) -> list[Json]:
    return [mapping(message) for message in sequence(asked.body.get("messages"))]


def tools(asked: Asked) -> list[Json]:
    return [mapping(tool) for tool in sequence(asked.body.get("tools"))]


def placed_parts(asked: Asked) -> Iterator[tuple[str, str, Json]]:
    """Place, role and part, of all messages with a list as content."""
    for at, message in enumerate(messages(asked)):
        for index, part in enumerate(sequence(message.get("content"))):
            yield f"messages[{at}].content[{index}]", text(message.get("role")), mapping(part)


def placed_calls(asked: Asked) -> Iterator[tuple[str, Json]]:
    for at, message in enumerate(messages(asked)):
        for index, call in enumerate(sequence(message.get("tool_calls"))):
            yield f"messages[{at}].tool_calls[{index}]", mapping(call)


def chat_rules(dialect: Dialect) -> list[Rule]:
    """The rules of one provider, in the order in which it looks."""
    book: list[Rule] = []
    rule = into(book)

    @rule(status=401)
    def bearer_key(asked: Asked) -> Iterable[str]:
        if not text(asked.request.header("authorization")).removeprefix("Bearer ").strip():
            yield "You didn't provide an API key."

    @rule()
    def body_is_declared_json(asked: Asked) -> Iterable[str]:
        if not text(asked.request.header("content-type")).startswith("application/json"):
            yield "you must provide a JSON body with content-type application/json"

    @rule()
    def known_fields(asked: Asked) -> Iterable[str]:
        for key in unknown_keys(asked.body, FIELDS | dialect.fields, ""):
            yield f"Unrecognized request argument supplied: {key}"

    @rule()
    def model_is_named(asked: Asked) -> Iterable[str]:
        if not text(asked.body.get("model")):
            yield "you must provide a model parameter"

    @rule()
    def there_are_messages(asked: Asked) -> Iterable[str]:
        given = asked.body.get("messages")
        if not isinstance(given, list) or not given or not all(isinstance(message, dict) for message in given):
            yield "Invalid 'messages': expected an array of objects with at least one element."

    @rule()
    def known_roles(asked: Asked) -> Iterable[str]:
        for at, message in enumerate(messages(asked)):
            if message.get("role") not in MESSAGE_FIELDS:
                yield f"messages[{at}].role: Invalid value: {message.get('role')!r}, not of {sorted(MESSAGE_FIELDS)}."

    @rule()
    def known_message_fields(asked: Asked) -> Iterable[str]:
        for at, message in enumerate(messages(asked)):
            known = {*MESSAGE_FIELDS.get(text(message.get("role")), "role").split(), *dialect.message_fields}
            for key in unknown_keys(message, known, ""):
                yield f"Additional properties are not allowed ({key!r} was unexpected) - 'messages.{at}'"

    @rule()
    def content_is_there(asked: Asked) -> Iterable[str]:
        """Only an assistant message that calls something may be without it."""
        for at, message in enumerate(messages(asked)):
            content, calling = message.get("content"), message.get("tool_calls") or message.get("function_call")
            if content is None and not (message.get("role") == "assistant" and calling):
                yield f"Invalid value for 'content': expected a string, got null. messages[{at}].content"
            elif content is not None and not isinstance(content, str | list):
                yield f"Invalid type for 'messages[{at}].content': expected a string or an array of objects."
            elif content == []:
                yield f"Invalid 'messages[{at}].content': empty array. Expected an array with minimum length 1."

    @rule()
    def known_parts(asked: Asked) -> Iterable[str]:
        """No image in a tool message, no file in a system message."""
        for place, role, part in placed_parts(asked):
            known = PARTS_OF.get(role, set())
            if text(part.get("type")) not in known:
                yield f"{place}: Invalid value: {part.get('type')!r}. Supported values are: {sorted(known)}."

    @rule()
    def known_part_fields(asked: Asked) -> Iterable[str]:
        for place, _, part in placed_parts(asked):
            for key in unknown_keys(part, PART_FIELDS.get(text(part.get("type")), " ".join(part)).split(), ""):
                yield f"Unknown parameter: '{place}.{key}'."

    @rule()
    def parts_are_well_formed(asked: Asked) -> Iterable[str]:
        for place, _, part in placed_parts(asked):
            kind = text(part.get("type"))
            if kind == "text" and not isinstance(part.get("text"), str):
                yield f"Missing required parameter: '{place}.text'."
            if kind == "image_url" and not is_image_address(mapping(part.get("image_url")).get("url")):
                yield f"Invalid image data. {place}.image_url.url"
            if kind == "file" and not is_file(mapping(part.get("file"))):
                yield f"Missing required parameter: '{place}.file.file_id'."

    @rule()
    def names_are_plain(asked: Asked) -> Iterable[str]:
        for at, message in enumerate(messages(asked)):
            if "name" in message and not re.fullmatch(r"[^\s<|\\/>]{1,64}", text(message["name"])):
                yield f"Invalid 'messages[{at}].name'."

    @rule()
    def calls_are_not_an_empty_list(asked: Asked) -> Iterable[str]:
        for at, message in enumerate(messages(asked)):
            if "tool_calls" in message and not sequence(message["tool_calls"]):
                yield f"[] is too short - 'messages.{at}.tool_calls'"

    @rule()
    def calls_are_well_formed(asked: Asked) -> Iterable[str]:
        for place, call in placed_calls(asked):
            if not 1 <= len(text(call.get("id"))) <= 64:
                yield f"Invalid '{place}.id': string too long. Expected a string with maximum length 64."
            if is_custom(call) and dialect.knows_custom_tools:
                yield from custom_call_complaints(call, place)
                continue
            function = mapping(call.get("function"))
            if call.get("type") != "function":
                yield f"Missing required parameter: '{place}.type'."
            if not re.fullmatch(NAME, text(function.get("name"))):
                yield f"Invalid '{place}.function.name': string does not match pattern."
            yield from (
                f"Unknown parameter: '{place}.{key}'." for key in unknown_keys(call, ("id", "type", "function"), "")
            )
            yield from (
                f"Unknown parameter: '{place}.function.{key}'."
                for key in unknown_keys(function, ("name", "arguments"), "")
            )

    @rule()
    def arguments_are_a_json_object(asked: Asked) -> Iterable[str]:
        """Templates of open models read the arguments, and fail on anything else."""
        for place, call in placed_calls(asked):
            if not is_custom(call) and not is_json_object(mapping(call.get("function")).get("arguments")):
                yield f"Invalid type for '{place}.function.arguments': expected a string that holds a JSON object."

    @rule()
    def call_ids_are_unique_in_a_message(asked: Asked) -> Iterable[str]:
        for at, message in enumerate(messages(asked)):
            ids = [str(mapping(call).get("id")) for call in sequence(message.get("tool_calls"))]
            if len(ids) != len(set(ids)):
                yield f"Duplicate value for 'tool_call_id' in messages[{at}]."

    @rule()
    def tool_message_follows_its_call(asked: Asked) -> Iterable[str]:
        pending: set[object] = set()
        for at, message in enumerate(messages(asked)):
            if message.get("role") != "tool":
                pending = {mapping(call).get("id") for call in sequence(message.get("tool_calls"))}
            elif message.get("tool_call_id") not in pending:
                yield (f"messages[{at}]: role 'tool' must be a response to a preceding message with 'tool_calls'.")
            else:
                pending.discard(message.get("tool_call_id"))

    @rule()
    def every_call_is_answered(asked: Asked) -> Iterable[str]:
        given = messages(asked)
        for at, message in enumerate(given):
            called = [str(mapping(call).get("id")) for call in sequence(message.get("tool_calls"))]
            answered = []
            for following in given[at + 1 :]:
                if following.get("role") != "tool":
                    break
                answered.append(following.get("tool_call_id"))
            missing = [one for one in called if one not in answered]
            if missing:
                yield (
                    "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
                    f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(missing)}"
                )

    @rule()
    def somebody_else_than_system_speaks(asked: Asked) -> Iterable[str]:
        """OpenAI itself would answer; templates of open models raise 'No user query found'."""
        if messages(asked) and all(message.get("role") in ("system", "developer") for message in messages(asked)):
            yield "No user query found in messages."

    @rule()
    def system_stands_first(asked: Asked) -> Iterable[str]:
        roles = [message.get("role") in ("system", "developer") for message in messages(asked)]
        if dialect.system_only_first and roles != sorted(roles, reverse=True):
            yield "System message must be at the beginning."

    @rule()
    def tool_content_form(asked: Asked) -> Iterable[str]:
        for at, message in enumerate(messages(asked)):
            if (
                dialect.tool_content_is_text
                and message.get("role") == "tool"
                and not isinstance(message.get("content"), str)
            ):
                yield f"Failed to deserialize: messages[{at}].content: invalid type: sequence, expected a string"

    @rule()
    def thinking_comes_back_with_its_calls(asked: Asked) -> Iterable[str]:
        given = messages(asked)
        last_user = max((at for at, message in enumerate(given) if message.get("role") == "user"), default=-1)
        thinking_off = mapping(asked.body.get("thinking")).get("type") == "disabled"
        for at, message in enumerate(given):
            in_loop = dialect.reasoning_comes_back and not thinking_off and at > last_user and "tool_calls" in message
            if in_loop and not isinstance(message.get(text(dialect.reasoning_field)), str):
                yield "The `reasoning_content` in the thinking mode must be passed back to the API."

    @rule()
    def tools_are_not_an_empty_list(asked: Asked) -> Iterable[str]:
        if "tools" in asked.body and not sequence(asked.body["tools"]):
            yield "Invalid 'tools': empty array. Expected an array with minimum length 1."

    @rule()
    def tools_are_well_formed(asked: Asked) -> Iterable[str]:
        for index, tool in enumerate(tools(asked)):
            if is_custom(tool) and dialect.knows_custom_tools:
                yield from custom_tool_complaints(tool, f"tools[{index}]")
                continue
            function = mapping(tool.get("function"))
            if tool.get("type") != "function":
                yield f"Missing required parameter: 'tools[{index}].type'."
            if not re.fullmatch(NAME, text(function.get("name"))):
                yield f"Invalid 'tools[{index}].function.name': string does not match {NAME!r}."
            if not isinstance(function.get("description", ""), str):
                yield f"Invalid type for 'tools[{index}].function.description': expected a string."
            yield from (
                f"Unknown parameter: 'tools[{index}].{key}'." for key in unknown_keys(tool, ("type", "function"), "")
            )
            known = ("name", "description", "parameters", "strict")
            yield from (
                f"Unknown parameter: 'tools[{index}].function.{key}'." for key in unknown_keys(function, known, "")
            )

    @rule()
    def parameters_are_a_schema(asked: Asked) -> Iterable[str]:
        for tool in tools(asked):
            function = mapping(tool.get("function"))
            if "parameters" in function:
                for complaint in schema_complaints(function["parameters"]):
                    yield f"Invalid schema for function {function.get('name')!r}: {complaint}"

    @rule()
    def strict_schema_is_strict(asked: Asked) -> Iterable[str]:
        """With `strict`, objects are closed and all their properties required."""
        for tool in tools(asked):
            function = mapping(tool.get("function"))
            if function.get("strict") is True:
                for place in loose_objects(function.get("parameters"), "()"):
                    yield f"Invalid schema for function {function.get('name')!r}: {place}: {OPEN_OBJECT}"

    @rule()
    def tool_names_are_unique(asked: Asked) -> Iterable[str]:
        names = [tool_name(tool) for tool in tools(asked)]
        if len(names) != len(set(names)):
            yield "Tool names must be unique."

    @rule()
    def tool_choice_can_be_met(asked: Asked) -> Iterable[str]:
        if "tool_choice" not in asked.body:
            return
        choice = asked.body["tool_choice"]
        if not asked.body.get("tools"):
            yield "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
        elif isinstance(choice, str) and choice not in ("none", "auto", "required"):
            yield f"Invalid value: {choice!r}. Supported values are: 'none', 'auto', and 'required'."
        elif not isinstance(choice, str):
            named = {(tool.get("type"), tool_name(tool)) for tool in tools(asked)}
            if (mapping(choice).get("type"), tool_name(mapping(choice))) not in named:
                yield "Invalid value for 'tool_choice': it must name a function of 'tools'."

    @rule()
    def parallel_tool_calls_needs_tools(asked: Asked) -> Iterable[str]:
        if "parallel_tool_calls" in asked.body and not asked.body.get("tools"):
            yield "Invalid value for 'parallel_tool_calls': only allowed when 'tools' are specified."
        elif not isinstance(asked.body.get("parallel_tool_calls", True), bool):
            yield "Invalid type for 'parallel_tool_calls': expected a boolean."

    @rule()
    def limits_are_counts(asked: Asked) -> Iterable[str]:
        for name in ("max_tokens", "max_completion_tokens"):
            if name in asked.body and not is_count(asked.body[name]):
                yield f"Invalid type for {name!r}: expected an integer of at least 1."
        if "n" in asked.body and not is_count(asked.body["n"]):
            yield "Invalid 'n': integer below minimum value."

    @rule()
    def one_limit_of_the_right_name(asked: Asked) -> Iterable[str]:
        reasoning = bool(re.match(REASONING_MODELS, text(asked.body.get("model"))))
        if "max_tokens" in asked.body and "max_completion_tokens" in asked.body:
            yield "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        elif "max_tokens" in asked.body and reasoning:
            yield "Unsupported parameter: 'max_tokens' with this model. Use 'max_completion_tokens' instead."
        elif "max_completion_tokens" in asked.body and not dialect.knows_max_completion_tokens:
            yield "Unrecognized request argument supplied: max_completion_tokens"

    @rule()
    def sampling_is_in_range(asked: Asked) -> Iterable[str]:
        ranges = {"temperature": (0, 2), "top_p": (0, 1), "presence_penalty": (-2, 2), "frequency_penalty": (-2, 2)}
        for name, (least, most) in ranges.items():
            if name in asked.body and not is_number(asked.body[name], least, most):
                yield f"Invalid {name!r}: expected a number from {least} to {most}."
        if re.match(REASONING_MODELS, text(asked.body.get("model"))) and asked.body.get("temperature", 1) != 1:
            yield "Unsupported value: 'temperature' supports only the default (1) with this model."

    @rule()
    def stop_is_short(asked: Asked) -> Iterable[str]:
        stop = asked.body.get("stop", [])
        given = [stop] if isinstance(stop, str) else sequence(stop)
        if not isinstance(stop, str | list) or not all(isinstance(one, str) and one for one in given):
            yield "Invalid type for 'stop': expected a string or an array of non-empty strings."
        elif len(given) > 4:
            yield "Invalid 'stop': array too long. Expected an array with maximum length 4."

    @rule()
    def stream_is_a_switch(asked: Asked) -> Iterable[str]:
        options = asked.body.get("stream_options")
        if not isinstance(asked.body.get("stream", False), bool):
            yield "Invalid type for 'stream': expected a boolean."
        if options is not None and asked.body.get("stream") is not True:
            yield "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        for key in unknown_keys(options, ("include_usage", "include_obfuscation"), ""):
            yield f"Unknown parameter: 'stream_options.{key}'."

    @rule()
    def effort_is_known(asked: Asked) -> Iterable[str]:
        if asked.body.get("reasoning_effort", "low") not in EFFORTS:
            yield f"Invalid value: {asked.body['reasoning_effort']!r}. Supported values are: {sorted(EFFORTS)}."

    @rule()
    def response_format_is_known(asked: Asked) -> Iterable[str]:
        given = mapping(asked.body.get("response_format", {"type": "text"}))
        schema = mapping(given.get("json_schema"))
        if given.get("type") not in ("text", "json_object", "json_schema"):
            yield "Invalid value for 'response_format.type'."
        elif given["type"] == "json_schema" and not re.fullmatch(NAME, text(schema.get("name"))):
            yield "Missing required parameter: 'response_format.json_schema.name'."
        elif given["type"] == "json_schema" and schema.get("strict") is True:
            for place in loose_objects(schema.get("schema"), "()"):
                yield f"Invalid schema for response_format {schema['name']!r}: {place}: {OPEN_OBJECT}"

    @rule()
    def labels_are_short(asked: Asked) -> Iterable[str]:
        for name in ("safety_identifier", "prompt_cache_key", "user"):
            if name in asked.body and not 1 <= len(text(asked.body[name])) <= 64:
                yield f"Invalid {name!r}: string too long. Expected a string with maximum length 64."
        labels = asked.body.get("metadata", {})
        if labels is not None and not (
            isinstance(labels, dict)
            and len(labels) <= 16
            and all(isinstance(one, str) and len(one) <= 512 for one in labels.values())
        ):
            yield "Invalid 'metadata': expected at most 16 strings of at most 512 characters."

    return book


def is_custom(tool: Json) -> bool:
    """A tool, or a call of one, whose input is free text."""
    return tool.get("type") == "custom"


def tool_name(tool: Json) -> str:
    """Of a tool, a call or a choice, be it a function or custom."""
    return text(mapping(tool.get("custom" if is_custom(tool) else "function")).get("name"))


def custom_call_complaints(call: Json, place: str) -> Iterator[str]:
    custom = mapping(call.get("custom"))
    yield from (f"Unknown parameter: '{place}.{key}'." for key in unknown_keys(call, ("id", "type", "custom"), ""))
    yield from (f"Unknown parameter: '{place}.custom.{key}'." for key in unknown_keys(custom, ("name", "input"), ""))
    if not re.fullmatch(NAME, text(custom.get("name"))) or not isinstance(custom.get("input"), str):
        yield f"Invalid '{place}.custom': expected name and input."


def custom_tool_complaints(tool: Json, place: str) -> Iterator[str]:
    """The format stands one level deeper here than in the Responses API."""
    custom = mapping(tool.get("custom"))
    yield from (f"Unknown parameter: '{place}.{key}'." for key in unknown_keys(tool, ("type", "custom"), ""))
    known = ("name", "description", "format")
    yield from (f"Unknown parameter: '{place}.custom.{key}'." for key in unknown_keys(custom, known, ""))
    if not re.fullmatch(NAME, text(custom.get("name"))):
        yield f"Invalid '{place}.custom.name': string does not match {NAME!r}."
    given = mapping(custom.get("format", {"type": "text"}))
    grammar = mapping(given.get("grammar"))
    if given.get("type") not in ("text", "grammar"):
        yield f"Invalid value for '{place}.custom.format.type'."
    elif given["type"] == "grammar" and not (grammar.get("syntax") in ("lark", "regex") and grammar.get("definition")):
        yield f"Missing required parameter: '{place}.custom.format.grammar'."


def is_image_address(address: object) -> bool:
    head, _, data = text(address).partition(",")
    if re.fullmatch(r"data:image/(jpeg|png|gif|webp);base64", head):
        return is_base64(data)
    return text(address).startswith(("http://", "https://"))


def is_file(file: Json) -> bool:
    """By its id, or whole: then with a name, and as a data URL."""
    if "file_id" in file:
        return bool(text(file["file_id"]))
    head, _, data = text(file.get("file_data")).partition(",")
    return (
        bool(text(file.get("filename")))
        and bool(re.fullmatch(r"data:[\w.+-]+/[\w.+-]+;base64", head))
        and is_base64(data)
    )


def is_base64(data: str) -> bool:
    try:
        return bool(base64.b64decode(data, validate=True))
    except binascii.Error:
        return False


def is_json_object(value: object) -> bool:
    try:
        return isinstance(json.loads(text(value)), dict)
    except ValueError:
        return False


def schema_complaints(schema: object) -> Iterator[str]:
    """What OpenAI checks of a schema that is not strict."""
    if mapping(schema).get("type") != "object":
        yield f"schema must be a JSON Schema of 'type: \"object\"', got 'type: {mapping(schema).get('type')!r}'."
    for place, inner in objects_in(schema, "()"):
        if inner.get("type") == "array" and "items" not in inner:
            yield f"In context={place}, array schema missing items."


def loose_objects(schema: object, place: str) -> Iterator[str]:
    for where, inner in objects_in(schema, place):
        if inner.get("type") == "object":
            names = set(mapping(inner.get("properties")))
            if inner.get("additionalProperties") is not False or names != set(
                map(str, sequence(inner.get("required")))
            ):
                yield where


def objects_in(schema: object, place: str) -> Iterator[tuple[str, Json]]:
    """The schema and all schemas in it; a property that is named like a keyword is no keyword."""
    one = mapping(schema)
    if not one:
        return
    yield place, one
    for name, inner in mapping(one.get("properties")).items():
        yield from objects_in(inner, f"{place}.{name}")
    for name in ("items", "additionalProperties"):
        yield from objects_in(one.get(name), f"{place}.{name}")
    for name in ("anyOf", "oneOf", "allOf"):
        for index, inner in enumerate(sequence(one.get(name))):
            yield from objects_in(inner, f"{place}.{name}[{index}]")
