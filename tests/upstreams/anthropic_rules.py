"""What Anthropic's Messages API refuses.

Sources: its reference (2026-10) and the error texts that users of gateways reported.
"""

import re
from collections.abc import Iterable, Iterator

from tests.upstreams.plan import minted_signature
from tests.upstreams.rules import Asked, Json, Rule, into, is_count, is_number, mapping, sequence, text, unknown_keys

RULES: list[Rule] = []
rule = into(RULES)

FIELDS = frozenset(
    "model messages max_tokens system metadata stop_sequences stream temperature top_p top_k tools tool_choice "
    "thinking service_tier container mcp_servers context_management output_config cache_control "
    "inference_geo speed".split()
)
COUNTED_FIELDS = frozenset(
    "model messages system tools tool_choice thinking mcp_servers context_management output_config cache_control "
    "speed".split()
)
FIELDS_IN_BETA = {
    "context_management": "context-management-",
    "mcp_servers": "mcp-client-",
    "speed": "fast-mode-",
}
BLOCK_FIELDS = {
    "text": "type text cache_control citations",
    "image": "type source cache_control",
    "document": "type source cache_control title context citations",
    "search_result": "type source title content cache_control citations",
    "tool_use": "type id name input cache_control caller",
    "tool_result": "type tool_use_id content is_error cache_control",
    "thinking": "type thinking signature",
    "redacted_thinking": "type data",
    "server_tool_use": "type id name input cache_control caller",
    "web_search_tool_result": "type tool_use_id content cache_control caller",
    "tool_reference": "type tool_name cache_control",
}
ONLY_FROM_USER = {"image", "document", "search_result", "tool_result"}
ONLY_FROM_ASSISTANT = {"tool_use", "thinking", "redacted_thinking", "server_tool_use", "web_search_tool_result"}
IN_TOOL_RESULT = {"text", "image", "document", "search_result", "tool_reference"}
IMAGE_TYPES = {"image/jpeg", "image/png", "image/gif", "image/webp"}
EFFORTS = {"low", "medium", "high", "xhigh", "max"}


def counts_tokens(asked: Asked) -> bool:
    return asked.request.path.endswith("/count_tokens")


def messages(asked: Asked) -> list[Json]:
    return [mapping(message) for message in sequence(asked.body.get("messages"))]


def blocks(content: object) -> list[Json]:
    """A string is one text block."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [mapping(block) for block in sequence(content)]


def placed_blocks(asked: Asked) -> Iterator[tuple[str, str, Json]]:
    """Place, role and block, of all messages."""
    for at, message in enumerate(messages(asked)):
        for index, block in enumerate(blocks(message.get("content"))):
            yield f"messages.{at}.content.{index}", text(message.get("role")), block


def marked_places(asked: Asked) -> Iterator[tuple[str, Json]]:
    """All that may bear a cache_control, with its place."""
    for index, tool in enumerate(sequence(asked.body.get("tools"))):
        yield f"tools.{index}", mapping(tool)
    for index, block in enumerate(blocks(asked.body.get("system"))):
        yield f"system.{index}", block
    for place, _, block in placed_blocks(asked):
        yield place, block
        for index, inner in enumerate(sequence(block.get("content"))):
            yield f"{place}.content.{index}", mapping(inner)


@rule(status=401)
def one_credential(asked: Asked) -> Iterable[str]:
    bearer = text(asked.request.header("authorization")).removeprefix("Bearer ").strip()
    given = [value for value in (bearer, asked.request.header("x-api-key")) if value]
    if len(given) != 1:
        yield f"invalid x-api-key: {len(given)} credentials were given"


@rule()
def anthropic_version_header(asked: Asked) -> Iterable[str]:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text(asked.request.header("anthropic-version"))):
        yield "anthropic-version: header is required"


@rule()
def body_is_declared_json(asked: Asked) -> Iterable[str]:
    if not text(asked.request.header("content-type")).startswith("application/json"):
        yield "content-type: application/json is required"


@rule()
def known_fields(asked: Asked) -> Iterable[str]:
    known = COUNTED_FIELDS if counts_tokens(asked) else FIELDS
    return (f"{key}: Extra inputs are not permitted" for key in unknown_keys(asked.body, known, ""))


@rule()
def beta_fields_need_their_header(asked: Asked) -> Iterable[str]:
    betas = [name.strip() for value in asked.request.values("anthropic-beta") for name in value.split(",")]
    for name, beta in FIELDS_IN_BETA.items():
        if name in asked.body and not any(given.startswith(beta) for given in betas):
            yield f"{name}: Extra inputs are not permitted"


@rule()
def model_is_named(asked: Asked) -> Iterable[str]:
    if not text(asked.body.get("model")):
        yield "model: Field required"


@rule()
def max_tokens_is_given(asked: Asked) -> Iterable[str]:
    if not counts_tokens(asked) and not is_count(asked.body.get("max_tokens")):
        yield (
            "max_tokens: Field required"
            if "max_tokens" not in asked.body
            else "max_tokens: Input should be a valid integer"
        )


@rule()
def there_are_messages(asked: Asked) -> Iterable[str]:
    given = asked.body.get("messages")
    if not isinstance(given, list) or not all(isinstance(message, dict) for message in given):
        yield "messages: Input should be a valid list of objects"
    elif not given:
        yield "messages: at least one message is required"


@rule()
def known_message_fields(asked: Asked) -> Iterable[str]:
    for at, message in enumerate(messages(asked)):
        yield from (
            f"{key}: Extra inputs are not permitted"
            for key in unknown_keys(message, ("role", "content"), f"messages.{at}.")
        )


@rule()
def known_roles(asked: Asked) -> Iterable[str]:
    """System messages within the conversation are in beta."""
    mid_system = "mid-conversation-system-" in ",".join(asked.request.values("anthropic-beta"))
    for at, message in enumerate(messages(asked)):
        role = message.get("role")
        if role not in ("user", "assistant") and not (role == "system" and mid_system):
            yield f'messages.{at}.role: unexpected role {role!r}, allowed are "user" and "assistant"'


@rule()
def user_speaks_first(asked: Asked) -> Iterable[str]:
    given = messages(asked)
    if given and given[0].get("role") != "user":
        yield 'messages: first message must use the "user" role'


@rule()
def messages_are_not_empty(asked: Asked) -> Iterable[str]:
    given = messages(asked)
    for at, message in enumerate(given):
        content = message.get("content")
        if not isinstance(content, str | list):
            yield f"messages.{at}.content: Field required"
        elif not content and not (at == len(given) - 1 and message.get("role") == "assistant"):
            yield f"messages.{at}: all messages but an optional final assistant message must have non-empty content"


@rule()
def texts_are_not_empty(asked: Asked) -> Iterable[str]:
    places = [(place, block) for place, block in marked_places(asked) if block.get("type") == "text"]
    for place, block in places:
        if not isinstance(block.get("text"), str):
            yield f"{place}.text: Field required"
        elif not text(block["text"]).strip():
            yield f"{place}: text content blocks must contain non-whitespace text"


@rule()
def final_assistant_text_has_no_trailing_space(asked: Asked) -> Iterable[str]:
    given = messages(asked)
    if given and given[-1].get("role") == "assistant":
        last = blocks(given[-1].get("content"))[-1:]
        if last and text(last[0].get("text")) != text(last[0].get("text")).rstrip():
            yield "messages: final assistant content cannot end with trailing whitespace"


@rule()
def known_blocks(asked: Asked) -> Iterable[str]:
    for place, role, block in placed_blocks(asked):
        kind = text(block.get("type"))
        if kind not in BLOCK_FIELDS:
            yield f"{place}: Input tag {kind!r} found using 'type' does not match any of the expected tags"
        elif (kind in ONLY_FROM_USER and role == "assistant") or (kind in ONLY_FROM_ASSISTANT and role != "assistant"):
            yield f"{place}: {kind!r} blocks are not permitted in messages of role {role!r}"


@rule()
def known_block_fields(asked: Asked) -> Iterable[str]:
    for place, _, block in placed_blocks(asked):
        known = BLOCK_FIELDS.get(text(block.get("type")))
        if known is not None:
            yield from (
                f"{key}: Extra inputs are not permitted" for key in unknown_keys(block, known.split(), f"{place}.")
            )


@rule()
def system_is_text(asked: Asked) -> Iterable[str]:
    given = asked.body.get("system", "")
    if not isinstance(given, str | list):
        yield "system: Input should be a valid string or list"
    for index, block in enumerate(blocks(given) if isinstance(given, list) else ()):
        if block.get("type") != "text":
            yield f"system.{index}.type: Input should be 'text'"


@rule()
def images_can_be_read(asked: Asked) -> Iterable[str]:
    for place, block in marked_places(asked):
        source = mapping(block.get("source"))
        if block.get("type") != "image":
            continue
        match source.get("type"):
            case "base64" if source.get("media_type") in IMAGE_TYPES and re.fullmatch(
                r"[A-Za-z0-9+/]+=*", text(source.get("data"))
            ):
                pass
            case "url" if text(source.get("url")).startswith("http"):
                pass
            case _:
                yield f"{place}.source: image cannot be read"


@rule()
def tool_use_is_well_formed(asked: Asked) -> Iterable[str]:
    for place, _, block in placed_blocks(asked):
        if block.get("type") != "tool_use":
            continue
        if not re.fullmatch(r"[a-zA-Z0-9_-]+", text(block.get("id"))):
            yield f"{place}.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
        if not isinstance(block.get("input"), dict):
            yield f"{place}.input: Input should be a valid dictionary"
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", text(block.get("name"))):
            yield f"{place}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"


@rule()
def tool_use_ids_are_unique(asked: Asked) -> Iterable[str]:
    seen = set()
    for place, _, block in placed_blocks(asked):
        if block.get("type") == "tool_use":
            if block.get("id") in seen:
                yield f"{place}: `tool_use` ids must be unique"
            seen.add(block.get("id"))


@rule()
def every_tool_use_is_answered_next(asked: Asked) -> Iterable[str]:
    given = turns(asked)
    for at, (role, content) in enumerate(given):
        called = [block.get("id") for block in content if block.get("type") == "tool_use"]
        following = given[at + 1][1] if at + 1 < len(given) else []
        answered = [block.get("tool_use_id") for block in following if block.get("type") == "tool_result"]
        missing = [str(one) for one in called if one not in answered]
        if role == "assistant" and missing:
            yield (
                f"messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(missing)}. Each `tool_use` must have its `tool_result` in the next message."
            )


@rule()
def every_tool_result_has_its_tool_use(asked: Asked) -> Iterable[str]:
    given = turns(asked)
    for at, (_, content) in enumerate(given):
        called = {block.get("id") for block in (given[at - 1][1] if at else []) if block.get("type") == "tool_use"}
        for index, block in enumerate(content):
            if block.get("type") == "tool_result" and block.get("tool_use_id") not in called:
                yield (
                    f"messages.{at}.content.{index}: unexpected `tool_use_id` found in `tool_result` blocks: "
                    f"{block.get('tool_use_id')}. Each `tool_result` must have its `tool_use` in the previous message."
                )


@rule()
def one_result_for_each_tool_use(asked: Asked) -> Iterable[str]:
    for at, (_, content) in enumerate(turns(asked)):
        ids = [block.get("tool_use_id") for block in content if block.get("type") == "tool_result"]
        if len(ids) != len(set(ids)):
            yield f"messages.{at}: each tool_use must have a single result, found several `tool_result` blocks"


@rule()
def tool_results_come_first(asked: Asked) -> Iterable[str]:
    for at, (_, content) in enumerate(turns(asked)):
        kinds = [block.get("type") == "tool_result" for block in content]
        if kinds != sorted(kinds, reverse=True):
            yield f"messages.{at}: `tool_result` blocks must come before any other content of the message"


def turns(asked: Asked) -> list[tuple[str, list[Json]]]:
    """Messages of one role in a row are one turn; a system message between turns does not part them."""
    found: list[tuple[str, list[Json]]] = []
    for message in messages(asked):
        role = text(message.get("role"))
        if role == "system" and found:
            continue
        if found and found[-1][0] == role:
            found[-1][1].extend(blocks(message.get("content")))
        else:
            found.append((role, blocks(message.get("content"))))
    return found


@rule()
def tool_results_hold_content(asked: Asked) -> Iterable[str]:
    for place, _, block in placed_blocks(asked):
        if block.get("type") != "tool_result":
            continue
        content = block.get("content", "")
        if not isinstance(content, str | list):
            yield f"{place}.content: Input should be a valid string or list"
        kinds = [text(mapping(inner).get("type")) for inner in sequence(content)]
        if not set(kinds) <= IN_TOOL_RESULT:
            yield f"{place}.content: unexpected block types {kinds}"
        if not isinstance(block.get("is_error", False), bool):
            yield f"{place}.is_error: Input should be a valid boolean"
        elif block.get("is_error") and set(kinds) - {"text"}:
            yield f"{place}: all content must be type `text` if `is_error` is true"


@rule()
def thinking_is_as_it_was_given(asked: Asked) -> Iterable[str]:
    """The signature is the scripted model's own (`minted_signature`): a changed block does not fit it."""
    for place, _, block in placed_blocks(asked):
        if block.get("type") == "thinking" and block.get("signature") != minted_signature(text(block.get("thinking"))):
            yield f"{place}: Invalid `signature` in `thinking` block"


@rule()
def tool_loop_keeps_its_thinking(asked: Asked) -> Iterable[str]:
    """With a thinking budget, the turn whose tool results are being sent must begin with its thinking."""
    if mapping(asked.body.get("thinking")).get("type") != "enabled":
        return
    assistant = [content for role, content in turns(asked)[-2:] if role == "assistant"]
    for content in assistant:
        kinds = [text(block.get("type")) for block in content]
        if "tool_use" in kinds and kinds[0] not in ("thinking", "redacted_thinking"):
            yield f"messages: Expected `thinking` or `redacted_thinking`, but found `{kinds[0]}`"


@rule()
def thinking_is_set_up(asked: Asked) -> Iterable[str]:
    given = asked.body.get("thinking")
    kind, budget = mapping(given).get("type"), mapping(given).get("budget_tokens")
    if given is not None and kind not in ("enabled", "disabled", "adaptive"):
        yield f"thinking: Input tag {kind!r} does not match any of the expected tags: 'adaptive', 'disabled', 'enabled'"
    if kind == "enabled" and not is_count(budget, 1024):
        yield "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
    elif kind == "enabled" and is_count(asked.body.get("max_tokens")) and not is_less(budget, asked.body["max_tokens"]):
        yield "`max_tokens` must be greater than `thinking.budget_tokens`"


def is_less(one: object, other: object) -> bool:
    return isinstance(one, int) and isinstance(other, int) and one < other


@rule()
def thinking_goes_with_the_rest(asked: Asked) -> Iterable[str]:
    if mapping(asked.body.get("thinking")).get("type") not in ("enabled", "adaptive"):
        return
    if asked.body.get("temperature", 1) != 1:
        yield "`temperature` may only be set to 1 when thinking is enabled"
    if "top_k" in asked.body:
        yield "`top_k` must be unset when thinking is enabled"
    if mapping(asked.body.get("tool_choice")).get("type") in ("any", "tool"):
        yield "Thinking may not be enabled when tool_choice forces tool use."


@rule()
def sampling_is_in_range(asked: Asked) -> Iterable[str]:
    for name in ("temperature", "top_p"):
        if name in asked.body and not is_number(asked.body[name], 0, 1):
            yield f"{name}: range: 0..1"
    if "top_k" in asked.body and not is_count(asked.body["top_k"], 0):
        yield "top_k: Input should be a valid integer"


@rule()
def stop_sequences_are_texts(asked: Asked) -> Iterable[str]:
    for index, one in enumerate(sequence(asked.body.get("stop_sequences", []))):
        if not text(one).strip():
            yield f"stop_sequences.{index}: each stop sequence must contain non-whitespace"
    if not isinstance(asked.body.get("stop_sequences", []), list):
        yield "stop_sequences: Input should be a valid list"


@rule()
def stream_is_a_switch(asked: Asked) -> Iterable[str]:
    if not isinstance(asked.body.get("stream", False), bool):
        yield "stream: Input should be a valid boolean"


@rule()
def metadata_holds_only_the_user(asked: Asked) -> Iterable[str]:
    given = asked.body.get("metadata", {})
    if not isinstance(given, dict):
        yield "metadata: Input should be an object"
    yield from (f"{key}: Extra inputs are not permitted" for key in unknown_keys(given, ("user_id",), "metadata."))


@rule()
def tools_are_well_formed(asked: Asked) -> Iterable[str]:
    if not isinstance(asked.body.get("tools", []), list):
        yield "tools: Input should be a valid list"
    for index, tool in enumerate(mapping(one) for one in sequence(asked.body.get("tools"))):
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", text(tool.get("name"))):
            yield f"tools.{index}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
        kind = tool.get("type", "custom")
        if kind == "custom" and mapping(tool.get("input_schema")).get("type") != "object":
            yield f"tools.{index}.custom.input_schema.type: Input should be 'object'"
        if kind != "custom" and not re.fullmatch(r"[a-z_]+_\d{8}", text(kind)):
            yield f"tools.{index}: Input tag {kind!r} does not match any of the expected tags"


@rule()
def known_tool_fields(asked: Asked) -> Iterable[str]:
    known = "type name description input_schema strict cache_control defer_loading eager_input_streaming input_examples"
    for index, tool in enumerate(mapping(one) for one in sequence(asked.body.get("tools"))):
        if tool.get("type", "custom") == "custom":
            yield from (
                f"{key}: Extra inputs are not permitted" for key in unknown_keys(tool, known.split(), f"tools.{index}.")
            )


@rule()
def tool_names_are_unique(asked: Asked) -> Iterable[str]:
    names = [mapping(tool).get("name") for tool in sequence(asked.body.get("tools"))]
    if len(names) != len({str(name) for name in names}):
        yield "tools: Tool names must be unique."


@rule()
def tool_choice_can_be_met(asked: Asked) -> Iterable[str]:
    if "tool_choice" not in asked.body:
        return
    choice = mapping(asked.body["tool_choice"])
    if choice.get("type") not in ("auto", "any", "tool", "none"):
        yield "tool_choice: Input tag does not match any of the expected tags: 'auto', 'any', 'tool', 'none'"
    if not asked.body.get("tools"):
        yield "tool_choice: may only be specified while providing `tools`"
    names = [mapping(tool).get("name") for tool in sequence(asked.body.get("tools"))]
    if choice.get("type") == "tool" and choice.get("name") not in names:
        yield f"Tool {choice.get('name')!r} not found in provided tools"


@rule()
def cache_marks_are_valid(asked: Asked) -> Iterable[str]:
    marked = [(place, bearer) for place, bearer in marked_places(asked) if bearer.get("cache_control") is not None]
    for place, bearer in marked:
        mark = mapping(bearer["cache_control"])
        if mark.get("type") != "ephemeral" or mark.get("ttl", "5m") not in ("5m", "1h"):
            yield f"{place}.cache_control: Input should be ephemeral, for 5m or 1h"
        if bearer.get("type") in ("thinking", "redacted_thinking"):
            yield f"{place}.cache_control: Extra inputs are not permitted"
    if len(marked) + (asked.body.get("cache_control") is not None) > 4:
        yield f"A maximum of 4 blocks with cache_control may be provided. Found {len(marked)}."


@rule()
def output_config_is_known(asked: Asked) -> Iterable[str]:
    given = mapping(asked.body.get("output_config"))
    yield from (
        f"{key}: Extra inputs are not permitted" for key in unknown_keys(given, ("effort", "format"), "output_config.")
    )
    if given.get("effort", "high") not in EFFORTS:
        yield f"output_config.effort: Input should be one of {sorted(EFFORTS)}"
    form = given.get("format")
    if form is not None and (
        mapping(form).get("type") != "json_schema" or not isinstance(mapping(form).get("schema"), dict)
    ):
        yield "output_config.format: Input should be a JSON schema"
