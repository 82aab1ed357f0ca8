"""The body of a chat completion request → hub request.

OpenAI API reference "Create chat completion", read 2026-11, with the members that other vendors of the family added for
reasoning. Members that are not known here stay in `extensions` under their own names.
"""

from typing import Final

from axonhub.transformers.effort import known_effort
from axonhub.transformers.fields import (
    flag,
    integer,
    items,
    mapping,
    needed,
    number,
    objects,
    text,
    texts,
)
from axonhub.transformers.hub.requests import OutputFormat, Reasoning, Request, Sampling
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocol import Unreadable
from axonhub.transformers.protocols.openai_chat.names import NAME
from axonhub.transformers.protocols.openai_chat.reading_messages import Conversation
from axonhub.transformers.protocols.openai_chat.reading_tools import read_tool_choice, read_tools

_KNOWN: Final = frozenset(
    "model messages tools functions web_search_options tool_choice function_call parallel_tool_calls "
    "max_completion_tokens max_tokens temperature top_p top_k seed presence_penalty frequency_penalty logit_bias "
    "logprobs top_logprobs n stop stream stream_options reasoning reasoning_effort thinking enable_thinking "
    "thinking_budget response_format verbosity user metadata service_tier prompt_cache_key".split()
)


def read_request(body: JsonObject, model: str | None = None, stream: bool | None = None) -> Request:
    """Unreadable when a member is of the wrong type. `model` and `stream` override the body."""
    conversation = Conversation()
    conversation.read(needed(objects(body, "messages", ""), "messages", ""))
    if not conversation.turns and not conversation.system:
        raise Unreadable("must hold at least one message", "messages")
    tools = read_tools(body)
    parallel = flag(body, "parallel_tool_calls", "")
    if parallel is None and items(body, "functions", ""):
        parallel = False  # `function_call` has room for one.
    extensions = _extensions(body) | conversation.unsaid
    return Request(
        model=model if model is not None else needed(text(body, "model", ""), "model", ""),
        turns=tuple(conversation.turns),
        system=tuple(conversation.system),
        tools=tools,
        tool_choice=read_tool_choice(body),
        parallel_tool_calls=parallel,
        max_output_tokens=_max_tokens(body),
        sampling=_sampling(body),
        stop=_stop(body),
        stream=stream if stream is not None else bool(flag(body, "stream", "")),
        stream_usage=flag(mapping(body, "stream_options", "") or {}, "include_usage", "stream_options"),
        reasoning=_reasoning(body),
        output_format=_output_format(body),
        verbosity=text(body, "verbosity", ""),
        user=_user(body),
        metadata=mapping(body, "metadata", "") or {},
        service_tier=text(body, "service_tier", ""),
        cache_key=text(body, "prompt_cache_key", ""),
        extensions={NAME: extensions} if extensions else {},
        native_only=_native_only(body),
    )


def _extensions(body: JsonObject) -> JsonObject:
    kept: JsonObject = {name: value for name, value in body.items() if name not in _KNOWN and value is not None}
    if body.get("user") is None:
        kept.pop("safety_identifier", None)  # It is the user then.
    if _format_type(body) not in _FORMATS:
        kept["response_format"] = body["response_format"]
    if (options := mapping(body, "stream_options", "")) is not None:
        kept |= {f"stream_options.{name}": value for name, value in options.items() if name != "include_usage"}
    return kept


def _native_only(body: JsonObject) -> dict[str, tuple[str, ...]]:
    """Answers in sound or pictures: no other protocol's answer would be what the caller asked for."""
    modalities = texts(body, "modalities", "") or []
    return {NAME: ("modalities",)} if any(each != "text" for each in modalities) else {}


def _max_tokens(body: JsonObject) -> int | None:
    newer = integer(body, "max_completion_tokens", "")
    return newer if newer is not None else integer(body, "max_tokens", "")


def _sampling(body: JsonObject) -> Sampling:
    bias = mapping(body, "logit_bias", "")
    return Sampling(
        temperature=number(body, "temperature", ""),
        top_p=number(body, "top_p", ""),
        top_k=integer(body, "top_k", ""),
        seed=integer(body, "seed", ""),
        presence_penalty=number(body, "presence_penalty", ""),
        frequency_penalty=number(body, "frequency_penalty", ""),
        logit_bias=None if bias is None else {key: number(bias, key, "logit_bias") or 0 for key in bias},
        logprobs=flag(body, "logprobs", ""),
        top_logprobs=integer(body, "top_logprobs", ""),
        candidates=integer(body, "n", ""),
    )


def _stop(body: JsonObject) -> tuple[str, ...]:
    if isinstance(stop := body.get("stop"), str):
        return (stop,)
    return tuple(texts(body, "stop", "") or ())


def _user(body: JsonObject) -> str | None:
    user = text(body, "user", "")
    return user if user is not None else text(body, "safety_identifier", "")


# -- reasoning: the object wins over vendors' own members, those over the flat effort


def _reasoning(body: JsonObject) -> Reasoning | None:
    asked = mapping(body, "reasoning", "")
    if asked:
        return _reasoning_object(asked)
    return _vendor_thinking(body) or _level(text(body, "reasoning_effort", ""))


def _level(word: str | None, visible: bool | None = None) -> Reasoning | None:
    effort = known_effort(word) if word else None
    if effort is None:
        return None
    return Reasoning("off") if effort == "none" else Reasoning("effort", effort, visible=visible)


def _reasoning_object(asked: JsonObject) -> Reasoning | None:
    exclude, enabled = flag(asked, "exclude", "reasoning"), flag(asked, "enabled", "reasoning")
    visible = None if exclude is None else not exclude
    if enabled is False:
        return Reasoning("off")
    budget = integer(asked, "max_tokens", "reasoning")
    if budget is not None:
        return Reasoning("budget", budget_tokens=budget, visible=visible)
    return _level(text(asked, "effort", "reasoning"), visible) or Reasoning("effort", visible=visible)


def _vendor_thinking(body: JsonObject) -> Reasoning | None:
    thinking = mapping(body, "thinking", "")
    enabled = flag(body, "enable_thinking", "")
    budget = integer(body, "thinking_budget", "")
    if thinking:
        enabled = text(thinking, "type", "thinking") != "disabled"
        budget = integer(thinking, "budget_tokens", "thinking")
    if enabled is None:
        return None
    if not enabled:
        return Reasoning("off")
    if budget is not None:
        return Reasoning("budget", budget_tokens=budget)
    return _level(text(body, "reasoning_effort", "")) or Reasoning("effort")


# -- output format

_FORMATS: Final = ("", "text", "json_object", "json_schema")


def _format_type(body: JsonObject) -> str:
    """A type of the future stays an extension."""
    wanted = mapping(body, "response_format", "")
    return "" if wanted is None else needed(text(wanted, "type", "response_format"), "type", "response_format")


def _output_format(body: JsonObject) -> OutputFormat | None:
    match _format_type(body):
        case "json_object":
            return OutputFormat()
        case "json_schema":
            path = "response_format.json_schema"
            outer = mapping(body, "response_format", "") or {}
            wanted = needed(mapping(outer, "json_schema", "response_format"), path, "")
            return OutputFormat(
                mapping(wanted, "schema", path) or {},
                text(wanted, "name", path) or "response",
                text(wanted, "description", path),
                flag(wanted, "strict", path),
            )
        case _:
            return None
