"""The body of `POST /v1/responses` → a hub request."""

from typing import Final

from axonhub.transformers.effort import known_effort
from axonhub.transformers.fields import flag, integer, items, mapping, needed, number, objects, text
from axonhub.transformers.hub.parts import Native, Text
from axonhub.transformers.hub.requests import OutputFormat, Reasoning, Request, Sampling, ToolChoice
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import Unreadable
from axonhub.transformers.protocols.openai_responses.names import NAME
from axonhub.transformers.protocols.openai_responses.reading_items import Conversation
from axonhub.transformers.protocols.openai_responses.reading_tools import bound_tools, read_choice, read_tools
from axonhub.transformers.protocols.openai_responses.rest import note_rest

_KNOWN: Final = frozenset(
    "model input instructions tools tool_choice parallel_tool_calls max_output_tokens temperature top_p top_logprobs "
    "stream reasoning text user safety_identifier prompt_cache_key metadata service_tier include".split()
)
_DEFAULTS: Final[JsonObject] = {"background": False, "store": False, "truncation": "disabled"}
"""Members that ask for nothing when they have this value: we keep no answers and cut no prompts."""
_STORED: Final = ("previous_response_id", "conversation", "prompt", "background")
"""Members that need what only OpenAI has stored, or a store of ours that does not exist."""

_REASONING: Final = frozenset(("effort", "summary", "generate_summary"))
_TEXT: Final = frozenset(("format", "verbosity"))
_SCHEMA_FORMAT: Final = frozenset(("type", "name", "description", "schema", "strict"))
_TYPE: Final = frozenset(("type",))

ENCRYPTED: Final = "reasoning.encrypted_content"
LOGPROBS: Final = "message.output_text.logprobs"


def read_request(body: JsonObject, model: str | None = None, stream: bool | None = None) -> Request:
    """Unreadable when a member has the wrong type."""
    rest: JsonObject = {}
    conversation = Conversation(rest)
    system = _instructions(body)
    _input(body, conversation)
    listed, late = objects(body, "tools", "") or [], conversation.late_tools
    tools = read_tools(listed, "tools", rest) + read_tools(late, "input[].tools", rest)
    conversation.native_only += bound_tools(listed, "tools") + bound_tools(late, "input[].tools")
    reasoning, format_, verbosity = _settings(body, conversation, rest)
    include = _include(body)
    user, safety = text(body, "user", ""), text(body, "safety_identifier", "")
    extensions = _extensions(body, include, None if user is None else safety, rest)
    return Request(
        model=model if model is not None else needed(text(body, "model", ""), "model", ""),
        turns=tuple(conversation.turns),
        system=(*system, *conversation.system),
        tools=tools,
        tool_choice=_choice(body, rest),
        parallel_tool_calls=flag(body, "parallel_tool_calls", ""),
        max_output_tokens=integer(body, "max_output_tokens", ""),
        sampling=Sampling(
            temperature=number(body, "temperature", ""),
            top_p=number(body, "top_p", ""),
            logprobs=True if LOGPROBS in include else None,
            top_logprobs=integer(body, "top_logprobs", ""),
        ),
        stream=stream if stream is not None else bool(flag(body, "stream", "")),
        reasoning=reasoning,
        output_format=format_,
        verbosity=verbosity,
        user=safety if user is None else user,
        metadata=mapping(body, "metadata", "") or {},
        service_tier=text(body, "service_tier", ""),
        cache_key=text(body, "prompt_cache_key", ""),
        extensions={NAME: extensions} if extensions else {},
        native_only=_native_only(body, conversation),
    )


def _instructions(body: JsonObject) -> tuple[Text, ...]:
    words = text(body, "instructions", "")
    return (Text(words, native=Native(NAME, {"instructions": words})),) if words else ()


def _input(body: JsonObject, conversation: Conversation) -> None:
    given = body.get("input")
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    if given is not None and not isinstance(given, list):
        raise Unreadable("must be a string or a list of items", "input")
    for index, item in enumerate(given or ()):
        conversation.read(item, f"input[{index}]")
    conversation.close()


def _choice(body: JsonObject, rest: JsonObject) -> ToolChoice | None:
    return read_choice(body.get("tool_choice"), rest)


def _settings(
    body: JsonObject, conversation: Conversation, rest: JsonObject
) -> tuple[Reasoning | None, OutputFormat | None, str | None]:
    """Reasoning and output format; a configuration update among the items overrides the request's own."""
    thought, words = mapping(body, "reasoning", ""), mapping(body, "text", "")
    for update in conversation.updates:
        thought = {**(thought or {}), **(mapping(update, "reasoning", "input[]") or {})}
        words = {**(words or {}), **(mapping(update, "text", "input[]") or {})}
    reasoning = None if thought is None else _reasoning(thought, rest)
    if words is None:
        return reasoning, None, None
    note_rest(rest, words, _TEXT, "text")
    return reasoning, _format(words, rest), text(words, "verbosity", "text")


def _reasoning(value: JsonObject, rest: JsonObject) -> Reasoning | None:
    note_rest(rest, value, _REASONING, "reasoning")
    word = text(value, "effort", "reasoning")
    summary = text(value, "summary", "reasoning") or text(value, "generate_summary", "reasoning")
    visible = True if summary is not None else None
    effort = None if word is None else known_effort(word)
    if effort is None:
        if word is not None:
            rest["reasoning.effort"] = word
        return None if summary is None else Reasoning("adaptive", visible=visible, summary=summary)
    if effort == "none":
        return Reasoning("off", visible=visible, summary=summary)
    return Reasoning("effort", effort, visible=visible, summary=summary)


def _format(words: JsonObject, rest: JsonObject) -> OutputFormat | None:
    wanted = mapping(words, "format", "text")
    if wanted is None:
        return None
    path = "text.format"
    match needed(text(wanted, "type", path), "type", path):
        case "text":
            note_rest(rest, wanted, _TYPE, path)
            return None
        case "json_object":
            note_rest(rest, wanted, _TYPE, path)
            return OutputFormat()
        case "json_schema":
            note_rest(rest, wanted, _SCHEMA_FORMAT, path)
            return OutputFormat(
                needed(mapping(wanted, "schema", path), "schema", path),
                text(wanted, "name", path),
                text(wanted, "description", path),
                flag(wanted, "strict", path),
            )
        case _:
            rest[path] = wanted
            return None


def _include(body: JsonObject) -> list[Json]:
    return items(body, "include", "") or []


def _extensions(body: JsonObject, include: list[Json], safety: str | None, rest: JsonObject) -> JsonObject:
    """`safety` is the identifier beside a user id; where it stands alone it is the user."""
    found: JsonObject = {
        name: value
        for name, value in body.items()
        if name not in _KNOWN and value is not None and (name not in _DEFAULTS or value != _DEFAULTS[name])
    }
    # Encrypted reasoning always comes with our answers, and log probabilities have a hub word.
    if others := [each for each in include if each not in (ENCRYPTED, LOGPROBS)]:
        found["include"] = others
    if safety is not None:
        found["safety_identifier"] = safety
    return found | rest


def _native_only(body: JsonObject, conversation: Conversation) -> dict[str, tuple[str, ...]]:
    paths = [name for name in _STORED if body.get(name) not in (None, False)] + conversation.native_only
    return {NAME: tuple(paths)} if paths else {}
