"""What OpenAI's Responses API refuses.

Sources: OpenAI's reference "Create a model response" (2026-11) and the error texts that users of gateways reported.
Nothing is ever stored here, as with `store: false`: only what the request itself holds can be referred to.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from tests.upstreams.chat_rules import (
    EFFORTS,
    NAME,
    OPEN_OBJECT,
    REASONING_MODELS,
    is_base64,
    is_image_address,
    is_json_object,
    loose_objects,
    schema_complaints,
)
from tests.upstreams.plan import unsealed
from tests.upstreams.rules import Asked, Json, Rule, into, is_count, is_number, mapping, sequence, text, unknown_keys

RULES: list[Rule] = []
rule = into(RULES)

FIELDS = frozenset(
    "model input instructions background client_metadata context_management conversation include max_output_tokens "
    "max_tool_calls metadata moderation parallel_tool_calls previous_response_id prompt prompt_cache_key "
    "prompt_cache_options prompt_cache_retention reasoning safety_identifier service_tier store stream stream_options "
    "temperature text tool_choice tools top_logprobs top_p truncation user".split()
)
COUNTED_FIELDS = frozenset(
    "model input instructions tools tool_choice parallel_tool_calls reasoning text truncation previous_response_id "
    "conversation personality".split()
)
ITEM_FIELDS: Mapping[str, str] = {
    "message": "type id role content status phase",
    "reasoning": "type id summary content encrypted_content status",
    "function_call": "type id call_id name namespace arguments status caller async",
    "function_call_output": "type id call_id name namespace output status caller",
    "custom_tool_call": "type id call_id name namespace input status caller async",
    "custom_tool_call_output": "type id call_id output caller",
}
HOSTED_ITEMS = frozenset(
    "web_search_call file_search_call computer_call computer_call_output image_generation_call code_interpreter_call "
    "local_shell_call local_shell_call_output shell_call shell_call_output apply_patch_call apply_patch_call_output "
    "mcp_list_tools mcp_approval_request mcp_approval_response mcp_call tool_search_call tool_search_output "
    "compaction item_reference".split()
)
ID_PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "function_call_output": "fc",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctc",
}
PART_FIELDS = {
    "input_text": "type text prompt_cache_breakpoint",
    "input_image": "type image_url file_id detail prompt_cache_breakpoint",
    "input_file": "type filename file_data file_url file_id detail prompt_cache_breakpoint",
    "output_text": "type text annotations logprobs",
    "refusal": "type refusal",
}
INPUT_PARTS = {"input_text", "input_image", "input_file"}
PARTS_OF = {
    "developer": {"input_text"},
    "system": {"input_text"},
    "user": INPUT_PARTS,
    "assistant": {"output_text", "refusal"},
}
TOOL_FIELDS = {
    "function": "type name description parameters strict async defer_loading allowed_callers output_schema",
    "custom": "type name description format async defer_loading allowed_callers",
    "namespace": "type name description tools",
}
HOSTED_TOOLS = frozenset(
    "web_search web_search_2025_08_26 web_search_preview file_search computer computer_use_preview code_interpreter "
    "image_generation local_shell shell apply_patch mcp tool_search programmatic_tool_calling".split()
)
INCLUDABLE = frozenset(
    "file_search_call.results web_search_call.results web_search_call.action.sources message.input_image.image_url "
    "computer_call_output.output.image_url code_interpreter_call.outputs reasoning.encrypted_content "
    "message.output_text.logprobs".split()
)
CALLS = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}
LED_TO = {"reasoning", *CALLS, *HOSTED_ITEMS}
"""What may follow reasoning besides a message of the assistant."""
LEAST_OUTPUT_TOKENS = 16
REASONED = re.compile(r"(?:msg|fc|ctc)_([0-9a-f]{24})r\d*")
"""The id of an item that reasoning led to: it goes with the reasoning item of the same stem."""


def counts_tokens(asked: Asked) -> bool:
    return asked.request.path.endswith("/input_tokens")


def items(asked: Asked) -> list[Json]:
    """A string is one message of the user. A message need not say its type."""
    given = asked.body.get("input")
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}]
    return [{"type": "message", **item} if "role" in item else item for item in map(mapping, sequence(given))]


def placed_parts(asked: Asked) -> Iterator[tuple[str, set[str], Json]]:
    """Place, allowed types and part, of all messages and outputs with a list as content."""
    for at, item in enumerate(items(asked)):
        kind = text(item.get("type"))
        if kind == "message":
            for index, part in enumerate(sequence(item.get("content"))):
                yield f"input[{at}].content[{index}]", PARTS_OF.get(text(item.get("role")), set()), mapping(part)
        elif kind in CALLS.values():
            for index, part in enumerate(sequence(item.get("output"))):
                yield f"input[{at}].output[{index}]", INPUT_PARTS, mapping(part)


def tools(asked: Asked) -> Iterator[tuple[str, Json]]:
    """Place and tool, those of namespaces behind their namespace."""
    for at, tool in enumerate(map(mapping, sequence(asked.body.get("tools")))):
        yield f"tools[{at}]", tool
        for index, inner in enumerate(map(mapping, sequence(tool.get("tools")))):
            if tool.get("type") == "namespace":
                yield f"tools[{at}].tools[{index}]", inner


def is_reasoning_model(asked: Asked) -> bool:
    return re.match(REASONING_MODELS, text(asked.body.get("model"))) is not None


def complains_of_part(part: Json, place: str) -> Iterator[str]:
    kind = text(part.get("type"))
    if kind in ("input_text", "output_text") and not isinstance(part.get("text"), str):
        yield f"Missing required parameter: '{place}.text'."
    if kind == "refusal" and not isinstance(part.get("refusal"), str):
        yield f"Missing required parameter: '{place}.refusal'."
    if kind == "input_image" and not (text(part.get("file_id")) or is_image_address(part.get("image_url"))):
        yield f"Invalid '{place}.image_url'. Expected a valid URL, but got a value with an invalid format."
    if kind == "input_file" and not is_file(part):
        yield f"Missing required parameter: '{place}.file_id'."


def is_file(part: Json) -> bool:
    """By its id or address, or whole: then with a name, and as a data URL."""
    if text(part.get("file_id")) or text(part.get("file_url")):
        return True
    head, _, data = text(part.get("file_data")).partition(",")
    is_data_url = re.fullmatch(r"data:[\w.+-]+/[\w.+-]+;base64", head) is not None
    return bool(text(part.get("filename"))) and is_data_url and is_base64(data)


@rule(status=401)
def bearer_key(asked: Asked) -> Iterable[str]:
    if not text(asked.request.header("authorization")).removeprefix("Bearer ").strip():
        yield "Missing bearer or basic authentication in header"


@rule()
def body_is_declared_json(asked: Asked) -> Iterable[str]:
    if not text(asked.request.header("content-type")).startswith("application/json"):
        yield "Unsupported content type. This API method only accepts 'application/json' requests."


@rule()
def known_fields(asked: Asked) -> Iterable[str]:
    known = COUNTED_FIELDS if counts_tokens(asked) else FIELDS
    return (f"Unknown parameter: '{key}'." for key in unknown_keys(asked.body, known, ""))


@rule()
def model_is_named(asked: Asked) -> Iterable[str]:
    if not text(asked.body.get("model")):
        yield "Missing required parameter: 'model'."


@rule()
def there_is_input(asked: Asked) -> Iterable[str]:
    given = asked.body.get("input")
    if isinstance(given, str) and given:
        return
    if not isinstance(given, list) or not given:
        yield "Missing required parameter: 'input'."
    elif not all(isinstance(item, dict) for item in given):
        yield "Invalid type for 'input[0]': expected an object."


@rule()
def nothing_stored_is_asked_for(asked: Asked) -> Iterable[str]:
    if asked.body.get("previous_response_id") is not None:
        yield f"Previous response with id '{asked.body['previous_response_id']}' not found."
    if asked.body.get("conversation") is not None:
        yield f"Conversation with id '{asked.body['conversation']}' not found."
    if asked.body.get("prompt") is not None:
        yield "Prompt not found."
    if any(item.get("type") == "item_reference" for item in items(asked)):
        yield "Item not found. Items are not persisted when `store` is set to false."


@rule()
def known_items(asked: Asked) -> Iterable[str]:
    for at, item in enumerate(items(asked)):
        if text(item.get("type")) not in {*ITEM_FIELDS, *HOSTED_ITEMS}:
            yield f"Invalid value: {item.get('type')!r}. Supported values are: {sorted(ITEM_FIELDS)}. input[{at}]"


@rule()
def known_roles(asked: Asked) -> Iterable[str]:
    for at, item in enumerate(items(asked)):
        if item.get("type") == "message" and text(item.get("role")) not in PARTS_OF:
            yield f"Invalid value: {item.get('role')!r}. Supported values are: {sorted(PARTS_OF)}. input[{at}].role"


@rule()
def known_item_fields(asked: Asked) -> Iterable[str]:
    for at, item in enumerate(items(asked)):
        known = ITEM_FIELDS.get(text(item.get("type")), " ".join(item)).split()
        yield from (f"Unknown parameter: 'input[{at}].{key}'." for key in unknown_keys(item, known, ""))


@rule()
def item_ids_are_of_their_type(asked: Asked) -> Iterable[str]:
    for at, item in enumerate(items(asked)):
        prefix, given = ID_PREFIXES.get(text(item.get("type")), ""), item.get("id")
        if given is not None and not text(given).startswith(prefix):
            yield f"Invalid 'input[{at}].id': {given!r}. Expected an ID that begins with '{prefix}'."
        elif given is not None and not 1 <= len(text(given)) <= 64:
            yield f"Invalid 'input[{at}].id': string too long. Expected a string with maximum length 64."


@rule()
def item_ids_are_unique(asked: Asked) -> Iterable[str]:
    given = [str(item["id"]) for item in items(asked) if item.get("id") is not None]
    yield from (f"Duplicate item found with id {one}." for one in sorted(set(given)) if given.count(one) > 1)


@rule()
def content_is_there(asked: Asked) -> Iterable[str]:
    for at, item in enumerate(items(asked)):
        content = item.get("content")
        if item.get("type") != "message" or isinstance(content, str) or (isinstance(content, list) and content):
            continue
        yield f"Invalid type for 'input[{at}].content': expected one of an array of objects or string."


@rule()
def known_parts(asked: Asked) -> Iterable[str]:
    """No input_text from the assistant, no output_text from the user."""
    for place, allowed, part in placed_parts(asked):
        if text(part.get("type")) not in allowed:
            yield f"Invalid value: {part.get('type')!r}. Supported values are: {sorted(allowed)}. {place}"


@rule()
def known_part_fields(asked: Asked) -> Iterable[str]:
    for place, _, part in placed_parts(asked):
        known = PART_FIELDS.get(text(part.get("type")), " ".join(part)).split()
        yield from (f"Unknown parameter: '{place}.{key}'." for key in unknown_keys(part, known, ""))


@rule()
def parts_are_well_formed(asked: Asked) -> Iterable[str]:
    for place, _, part in placed_parts(asked):
        yield from complains_of_part(part, place)


@rule()
def calls_are_well_formed(asked: Asked) -> Iterable[str]:
    for at, item in enumerate(items(asked)):
        kind = text(item.get("type"))
        if kind in {*CALLS, *CALLS.values()} and not 1 <= len(text(item.get("call_id"))) <= 64:
            yield f"Invalid 'input[{at}].call_id': expected a string with a length from 1 to 64."
        if kind in CALLS and not re.fullmatch(NAME, text(item.get("name"))):
            yield f"Invalid 'input[{at}].name': string does not match pattern."
        if kind == "custom_tool_call" and not isinstance(item.get("input"), str):
            yield f"Missing required parameter: 'input[{at}].input'."
        if kind == "function_call" and not is_json_object(item.get("arguments")):
            yield f"Invalid type for 'input[{at}].arguments': expected a string that holds a JSON object."


@rule()
def outputs_are_there(asked: Asked) -> Iterable[str]:
    for at, item in enumerate(items(asked)):
        output = item.get("output")
        if text(item.get("type")) in CALLS.values() and not isinstance(output, str) and not sequence(output):
            yield f"Missing required parameter: 'input[{at}].output'."


@rule()
def outputs_follow_their_calls(asked: Asked) -> Iterable[str]:
    open_calls: list[tuple[str, str]] = []
    for item in items(asked):
        kind, call_id = text(item.get("type")), text(item.get("call_id"))
        if kind in CALLS:
            open_calls.append((CALLS[kind], call_id))
        elif kind in CALLS.values() and (kind, call_id) in open_calls:
            open_calls.remove((kind, call_id))
        elif kind in CALLS.values():
            yield f"No tool call found for {kind.replace('_', ' ')} with call_id {call_id}."
    for kind, call_id in open_calls:
        yield f"No tool output found for {kind.removesuffix('_output').replace('_', ' ')} {call_id}."


@rule()
def call_ids_are_unique(asked: Asked) -> Iterable[str]:
    given = [text(item.get("call_id")) for item in items(asked) if text(item.get("type")) in CALLS]
    yield from (f"Duplicate tool call id {one}." for one in sorted(set(given)) if given.count(one) > 1)


@rule()
def reasoning_is_well_formed(asked: Asked) -> Iterable[str]:
    for at, item in enumerate(items(asked)):
        if item.get("type") != "reasoning":
            continue
        summary, content = item.get("summary"), item.get("content")
        if not isinstance(summary, list):
            yield f"Missing required parameter: 'input[{at}].summary'."
        for name, kind, parts in (("summary", "summary_text", summary), ("content", "reasoning_text", content)):
            for index, part in enumerate(map(mapping, sequence(parts))):
                if part.get("type") != kind or not isinstance(part.get("text"), str):
                    yield f"Invalid value: {part.get('type')!r}. input[{at}].{name}[{index}] must be {kind}."


@rule(status=404)
def reasoning_was_kept_by_the_caller(asked: Asked) -> Iterable[str]:
    for item in items(asked):
        if item.get("type") == "reasoning" and item.get("encrypted_content") is None:
            yield (
                f"Item with id '{item.get('id')}' not found. Items are not persisted when `store` is set to false. Try "
                "again with `store` set to true, or remove this item from your input."
            )


@rule()
def reasoning_is_our_own(asked: Asked) -> Iterable[str]:
    for item in items(asked):
        if item.get("type") == "reasoning" and unsealed(text(item.get("encrypted_content"))) is None:
            yield "The encrypted content for item could not be verified. Reason: it could not be decrypted or parsed."


@rule()
def reasoning_is_followed_by_what_it_led_to(asked: Asked) -> Iterable[str]:
    given = items(asked)
    for item, following in zip(given, [*given[1:], {}], strict=True):
        led_on = following.get("role") == "assistant" or text(following.get("type")) in LED_TO
        if item.get("type") == "reasoning" and not led_on:
            yield f"Item '{item.get('id')}' of type 'reasoning' was provided without its required following item."


@rule()
def what_reasoning_led_to_has_it(asked: Asked) -> Iterable[str]:
    kept = {text(item.get("id")) for item in items(asked) if item.get("type") == "reasoning"}
    for item in items(asked):
        found = REASONED.fullmatch(text(item.get("id")))
        if found and f"rs_{found[1]}" not in kept:
            yield (
                f"Item '{item['id']}' of type '{item['type']}' was provided without its required 'reasoning' item: "
                f"'rs_{found[1]}'."
            )


@rule()
def tools_are_well_formed(asked: Asked) -> Iterable[str]:
    for place, tool in tools(asked):
        kind = text(tool.get("type"))
        if kind not in {*TOOL_FIELDS, *HOSTED_TOOLS}:
            yield f"Invalid value: {tool.get('type')!r}. Supported values are: 'function', 'custom' and others. {place}"
        elif kind in TOOL_FIELDS and not re.fullmatch(NAME, text(tool.get("name"))):
            yield f"Missing required parameter: '{place}.name'."
        if not isinstance(tool.get("description", ""), str | None):
            yield f"Invalid type for '{place}.description': expected a string."
        known = TOOL_FIELDS.get(kind, " ".join(tool)).split()
        yield from (f"Unknown parameter: '{place}.{key}'." for key in unknown_keys(tool, known, ""))


@rule()
def formats_of_custom_tools_are_known(asked: Asked) -> Iterable[str]:
    for place, tool in tools(asked):
        given = mapping(tool.get("format", {"type": "text"}))
        if tool.get("type") != "custom" or given.get("type") == "text":
            continue
        if given.get("type") != "grammar" or given.get("syntax") not in ("lark", "regex"):
            yield f"Invalid value for '{place}.format'."
        elif not text(given.get("definition")):
            yield f"Missing required parameter: '{place}.format.definition'."


@rule()
def parameters_are_a_schema(asked: Asked) -> Iterable[str]:
    for _, tool in tools(asked):
        if tool.get("type") == "function" and tool.get("parameters") is not None:
            for complaint in schema_complaints(tool["parameters"]):
                yield f"Invalid schema for function {tool.get('name')!r}: {complaint}"


@rule()
def strict_schema_is_strict(asked: Asked) -> Iterable[str]:
    for _, tool in tools(asked):
        if tool.get("type") == "function" and tool.get("strict") is True:
            for place in loose_objects(tool.get("parameters"), "()"):
                yield f"Invalid schema for function {tool.get('name')!r}: {place}: {OPEN_OBJECT}"


@rule()
def tool_names_are_unique(asked: Asked) -> Iterable[str]:
    given = [
        (place.rpartition(".tools")[0], tool["name"])
        for place, tool in tools(asked)
        if text(tool.get("type")) in TOOL_FIELDS and text(tool.get("name"))
    ]
    if len(given) != len(set(given)):
        yield "Tool names must be unique."


@rule()
def tool_choice_can_be_met(asked: Asked) -> Iterable[str]:
    choice = asked.body.get("tool_choice", "auto")
    if isinstance(choice, str):
        if choice not in ("none", "auto", "required"):
            yield f"Invalid value: {choice!r}. Supported values are: 'none', 'auto', and 'required'."
        elif choice == "required" and not asked.body.get("tools"):
            yield "Tool choice 'required' must be specified with 'tools' parameter."
        return
    named = mapping(choice)
    wanted = sequence(named.get("tools")) if named.get("type") == "allowed_tools" else [named]
    there = {(tool.get("type"), text(tool.get("name"))) for _, tool in tools(asked)}
    for one in map(mapping, wanted):
        if (one.get("type"), text(one.get("name"))) not in there:
            yield f"Tool choice '{one.get('name') or one.get('type')}' not found in 'tools' parameter."
    if named.get("type") == "allowed_tools" and named.get("mode") not in ("auto", "required"):
        yield "Missing required parameter: 'tool_choice.mode'."


@rule()
def limits_are_counts(asked: Asked) -> Iterable[str]:
    limit = asked.body.get("max_output_tokens")
    if limit is not None and not is_count(limit, LEAST_OUTPUT_TOKENS):
        yield f"Invalid 'max_output_tokens': integer below minimum value. Expected a value >= {LEAST_OUTPUT_TOKENS}."
    if asked.body.get("max_tool_calls") is not None and not is_count(asked.body["max_tool_calls"]):
        yield "Invalid 'max_tool_calls': integer below minimum value."


@rule()
def sampling_is_in_range(asked: Asked) -> Iterable[str]:
    for name, most in {"temperature": 2, "top_p": 1, "top_logprobs": 20}.items():
        value = asked.body.get(name)
        if value is not None and not is_number(value, 0, most):
            yield f"Invalid {name!r}: expected a number from 0 to {most}."
        elif value is not None and is_reasoning_model(asked) and (name, value) != ("temperature", 1):
            yield f"Unsupported parameter: {name!r} is not supported with this model."


@rule()
def reasoning_can_be_asked_for(asked: Asked) -> Iterable[str]:
    given = mapping(asked.body.get("reasoning"))
    known = ("effort", "summary", "generate_summary", "context", "mode")
    yield from (f"Unknown parameter: 'reasoning.{key}'." for key in unknown_keys(given, known, ""))
    effort, summary = given.get("effort"), given.get("summary")
    if effort is not None and effort not in EFFORTS:
        yield f"Invalid value: {effort!r}. Supported values are: {sorted(EFFORTS)}. reasoning.effort"
    for name in ("effort", "summary"):
        if given.get(name) not in (None, "none") and not is_reasoning_model(asked):
            yield f"Unsupported parameter: 'reasoning.{name}' is not supported with this model."
    if summary not in (None, "auto", "concise", "detailed"):
        yield f"Invalid value: {summary!r}. reasoning.summary"


@rule()
def includes_are_known(asked: Asked) -> Iterable[str]:
    given = asked.body.get("include")
    if given is not None and not isinstance(given, list):
        yield "Invalid type for 'include': expected an array."
    for one in sequence(given):
        if one not in INCLUDABLE:
            yield f"Invalid value: {one!r}. Supported values are: {sorted(INCLUDABLE)}. include"
        elif one == "reasoning.encrypted_content" and not is_reasoning_model(asked):
            yield "Encrypted content is not supported with this model."


@rule()
def switches_are_booleans(asked: Asked) -> Iterable[str]:
    for name in ("stream", "store", "background", "parallel_tool_calls"):
        if not isinstance(asked.body.get(name), bool | None):
            yield f"Invalid type for {name!r}: expected a boolean."
    options = asked.body.get("stream_options")
    if options is not None and asked.body.get("stream") is not True:
        yield "The 'stream_options' parameter is only allowed when 'stream' is enabled."
    for key in unknown_keys(options, ("include_obfuscation",), ""):
        yield f"Unknown parameter: 'stream_options.{key}'."


@rule()
def text_format_is_known(asked: Asked) -> Iterable[str]:
    given = asked.body.get("text", {})
    yield from (f"Unknown parameter: 'text.{key}'." for key in unknown_keys(given, ("format", "verbosity"), ""))
    if mapping(given).get("verbosity", "low") not in ("low", "medium", "high"):
        yield "Invalid value for 'text.verbosity'."
    wanted = mapping(mapping(given).get("format", {"type": "text"}))
    if wanted.get("type") not in ("text", "json_object", "json_schema"):
        yield "Invalid value for 'text.format.type'."
    elif wanted["type"] == "json_schema" and not re.fullmatch(NAME, text(wanted.get("name"))):
        yield "Missing required parameter: 'text.format.name'."
    elif wanted["type"] == "json_schema" and not mapping(wanted.get("schema")):
        yield "Missing required parameter: 'text.format.schema'."
    elif wanted["type"] == "json_schema" and wanted.get("strict", True) is not False:
        for place in loose_objects(wanted.get("schema"), "()"):
            yield f"Invalid schema for response_format {wanted['name']!r}: {place}: {OPEN_OBJECT}"


@rule()
def labels_are_short(asked: Asked) -> Iterable[str]:
    for name in ("safety_identifier", "prompt_cache_key", "user"):
        value = asked.body.get(name)
        if value is not None and not 1 <= len(text(value)) <= 64:
            yield f"Invalid {name!r}: string too long. Expected a string with maximum length 64."
    labels = asked.body.get("metadata")
    if labels is not None and not (
        isinstance(labels, dict)
        and len(labels) <= 16
        and all(isinstance(one, str) and len(one) <= 512 for one in labels.values())
    ):
        yield "Invalid 'metadata': expected at most 16 strings of at most 512 characters."
