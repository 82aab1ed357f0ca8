"""A hub response → a whole Response object. Every member that OpenAI's own has is there: strict readers miss none."""

from typing import Final

from axonhub.transformers.call_ids import clean_call_id, minted_call_id
from axonhub.transformers.carriers import carried, carried_call, carried_redacted
from axonhub.transformers.hub.parts import (
    Hosted,
    Image,
    Inline,
    Part,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    Unknown,
)
from axonhub.transformers.hub.requests import Reasoning, Request, ToolChoice, ToolReference
from axonhub.transformers.hub.responses import Response, StopReason
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.openai_logprobs import write_tokens
from axonhub.transformers.protocol import Reply
from axonhub.transformers.protocols.openai_responses.annotations import flat_annotations
from axonhub.transformers.protocols.openai_responses.names import ITEM_PREFIX, NAME, OWN_ORIGIN
from axonhub.transformers.protocols.openai_responses.usage import write_usage
from axonhub.transformers.protocols.openai_responses.writing_tools import echoed_tools

_INCOMPLETE: Final = {StopReason.LENGTH: "max_output_tokens", StopReason.FILTER: "content_filter"}
_ID: Final = "resp_"


def write_response(response: Response, reply: Reply) -> JsonObject:
    status, details = ending(response.stop)
    writer = ItemWriter(reply, status)
    for part in response.parts:
        writer.add(part)
    finished: JsonObject = {
        "status": status,
        "incomplete_details": details,
        "completed_at": reply.created_s if status == "completed" else None,
        "output": writer.finish(),
        "usage": write_usage(response.usage),
    }
    tier = response.extensions.get(NAME, {}).get("service_tier")
    if tier is not None:
        finished["service_tier"] = tier
    return {**response_object(reply), "id": response_id(reply, response.id), **finished}


def ending(stop: StopReason) -> tuple[str, Json]:
    """Status and incomplete_details."""
    reason = _INCOMPLETE.get(stop)
    return ("incomplete", {"reason": reason}) if reason else ("completed", None)


def response_id(reply: Reply, provider_id: str | None) -> str:
    return provider_id if provider_id and provider_id.startswith(_ID) else f"{_ID}{reply.id}"


def response_object(reply: Reply) -> JsonObject:
    """A response in progress: the request's settings repeated, nothing answered yet."""
    request = reply.request
    own = request.extensions.get(NAME, {})
    sampling = request.sampling
    return {
        "id": response_id(reply, None),
        "object": "response",
        "created_at": reply.created_s,
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": _instructions(request),
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": own.get("max_tool_calls"),
        "model": request.model,
        "output": [],
        "parallel_tool_calls": True if request.parallel_tool_calls is None else request.parallel_tool_calls,
        "presence_penalty": sampling.presence_penalty or 0.0,
        "frequency_penalty": sampling.frequency_penalty or 0.0,
        "previous_response_id": own.get("previous_response_id"),
        "prompt_cache_key": request.cache_key,
        "prompt_cache_retention": own.get("prompt_cache_retention"),
        "reasoning": _reasoning(request.reasoning),
        "safety_identifier": own.get("safety_identifier"),
        "service_tier": request.service_tier or "auto",
        "store": False,
        "temperature": 1.0 if sampling.temperature is None else sampling.temperature,
        "text": _text(request),
        "tool_choice": _choice(request.tool_choice),
        "tools": echoed_tools(request.tools),
        "top_logprobs": sampling.top_logprobs or 0,
        "top_p": 1.0 if sampling.top_p is None else sampling.top_p,
        "truncation": own.get("truncation") or "disabled",
        "usage": None,
        "user": request.user,
        "metadata": dict(request.metadata),
    }


def _instructions(request: Request) -> str | None:
    """What the client gave as `instructions`; its other system messages were items of the input."""
    given = (text.native for text in request.system if text.native is not None and text.native.protocol == NAME)
    words = next((native.value.get("instructions") for native in given), None)
    return words if isinstance(words, str) else None


def _reasoning(asked: Reasoning | None) -> JsonObject:
    if asked is None:
        return {"effort": None, "summary": None}
    return {"effort": "none" if asked.mode == "off" else asked.effort, "summary": asked.summary}


def _text(request: Request) -> JsonObject:
    wanted = request.output_format
    format_: JsonObject = {"type": "text"}
    if wanted is not None and wanted.schema is None:
        format_ = {"type": "json_object"}
    elif wanted is not None:
        format_ = {
            "type": "json_schema",
            "name": wanted.name or "response",
            "description": wanted.description,
            "schema": wanted.schema,
            "strict": bool(wanted.strict),
        }
    return {"format": format_, "verbosity": request.verbosity or "medium"}


def _choice(choice: ToolChoice | None) -> Json:
    if choice is None:
        return "auto"
    if not choice.allowed:
        return choice.mode
    if choice.mode == "required" and len(choice.allowed) == 1:
        return _named(choice.allowed[0])
    return {"type": "allowed_tools", "mode": choice.mode, "tools": [_named(each) for each in choice.allowed]}


def _named(reference: ToolReference) -> JsonObject:
    if reference.kind == "hosted":
        return {"type": reference.name}
    named: JsonObject = {"type": "custom" if reference.kind == "freeform" else "function", "name": reference.name}
    return named if reference.namespace is None else {**named, "namespace": reference.namespace}


class ItemWriter:
    """Parts → output items. Texts and refusals that follow each other are one message."""

    def __init__(self, reply: Reply, status: str) -> None:
        self._reply = reply
        self._status = status
        self._items: list[Json] = []
        self._said: list[Text | Refusal] = []

    def add(self, part: Part) -> None:
        match part:
            case Text() | Refusal():
                if part.text:
                    self._said.append(part)
                if isinstance(part, Text) and part.signature is not None:
                    self._message()
                    self._append("reasoning", signature_item("", part.signature))
            case Thinking():
                self._message()
                if part.text or part.signature is not None or part.redacted is not None:
                    self._append("reasoning", reasoning_item(part), part.item_id)
            case ToolCall():
                self._message()
                item = call_item(part)
                self._append(item_kind(part), item | {"status": "completed"}, part.item_id)
                if part.signature is not None:
                    self._append("reasoning", signature_item(str(item["call_id"]), part.signature))
            case Image(source=Inline(data=data)):
                self._message()
                self._append("image_generation_call", {"status": "completed", "result": data})
            case Hosted() | Unknown():
                if part.native.protocol == NAME:
                    self._message()
                    self._items.append(part.native.value)
            case _:
                pass

    def finish(self) -> list[Json]:
        self._message()
        return with_status(self._items, self._status)

    def _append(self, kind: str, item: JsonObject, item_id: str | None = None) -> None:
        self._items.append({"id": item_id_of(self._reply, kind, len(self._items), item_id), "type": kind, **item})

    def _message(self) -> None:
        if self._said:
            content: list[Json] = [content_part(part) for part in self._said]
            self._append("message", {"status": "completed", "content": content, "role": "assistant"})
            self._said = []


# -- items, shared with the stream writer


def item_id_of(reply: Reply, kind: str, index: int, provider_id: str | None = None) -> str:
    """The provider's id where it is one of this kind; else one made from the reply's id and the item's place."""
    prefix = ITEM_PREFIX[kind]
    return provider_id if provider_id and provider_id.startswith(prefix) else minted_call_id(reply.id, index, prefix)


def with_status(items: list[Json], status: str) -> list[Json]:
    """The items of a response that ended so: what was said last is incomplete when the response is."""
    last = items[-1] if items else None
    if status != "incomplete" or not isinstance(last, dict) or "status" not in last:
        return items
    return [*items[:-1], {**last, "status": status}]


def item_kind(call: ToolCall) -> str:
    return "custom_tool_call" if call.kind == "freeform" else "function_call"


def call_item(call: ToolCall) -> JsonObject:
    """A call's item without id, type and status."""
    item: JsonObject = {"call_id": clean_call_id(call.id), "name": call.name}
    if call.namespace is not None:
        item["namespace"] = call.namespace
    if call.kind == "freeform":
        item["input"] = call.arguments
    else:
        item["arguments"] = call.arguments or "{}"
    return item


def reasoning_item(part: Thinking) -> JsonObject:
    """A reasoning item without id and type: the text as its summary, the proof as its encrypted content."""
    summary: list[Json] = [{"type": "summary_text", "text": part.text}] if part.text else []
    sealed = None
    if part.redacted is not None:
        sealed = carried_redacted(part.redacted, part.signature.origin if part.signature else "")
    elif part.signature is not None:
        # OpenAI's own stays bare: a later turn may pass to OpenAI untouched.
        bare = part.signature.origin == OWN_ORIGIN
        sealed = part.signature.value if bare else carried(part.signature)
    return {"summary": summary, "encrypted_content": sealed}


def signature_item(call_id: str, signature: Signature) -> JsonObject:
    """A reasoning item that holds nothing but the signature of the call, or of the text, before it."""
    return {"summary": [], "encrypted_content": carried_call(call_id, signature)}


def content_part(part: Text | Refusal) -> JsonObject:
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    annotations = flat_annotations(part.annotations, part.text)
    return {
        "type": "output_text",
        "annotations": annotations,
        "logprobs": write_tokens(part.logprobs),
        "text": part.text,
    }
