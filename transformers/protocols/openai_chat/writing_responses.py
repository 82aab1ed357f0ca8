"""A hub response → a whole chat completion."""

from dataclasses import replace
from typing import Final

from axonhub.transformers.call_ids import minted_call_id
from axonhub.transformers.carriers import carried
from axonhub.transformers.citations import chat_annotation, web_citation
from axonhub.transformers.fields import as_mapping
from axonhub.transformers.hub.logprobs import TokenLogprob
from axonhub.transformers.hub.parts import Image, Inline, Link, Part, Refusal, Text, Thinking, ToolCall
from axonhub.transformers.hub.requests import FunctionTool, Request
from axonhub.transformers.hub.responses import Response
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.media import data_url
from axonhub.transformers.openai_logprobs import write_tokens
from axonhub.transformers.protocol import Reply
from axonhub.transformers.protocols.openai_chat.names import NAME
from axonhub.transformers.protocols.openai_chat.reasoning import SEPARATOR, carrier_detail, carrier_of, hides_reasoning
from axonhub.transformers.protocols.openai_chat.stops import write_stop
from axonhub.transformers.protocols.openai_chat.usage import write_usage

_PREFIX: Final = "chatcmpl-"


def write_response(response: Response, reply: Reply) -> JsonObject:
    answers = response.answers(reply.request.sampling.candidates)
    choices: list[Json] = [_choice(answer, of_candidate(reply, place), place) for place, answer in enumerate(answers)]
    return {
        "id": response_id(response.id, reply),
        "object": "chat.completion",
        "created": reply.created_s,
        "model": reply.request.model,
        "choices": choices,
        "usage": write_usage(response.usage),
        **response.extensions.get(NAME, {}),
    }


def _choice(answer: Response, reply: Reply, place: int) -> JsonObject:
    legacy = is_legacy(reply.request)
    called = any(isinstance(part, ToolCall) for part in answer.parts)
    return {
        "index": place,
        "message": _message(answer.parts, reply, legacy),
        "logprobs": _logprobs(answer.parts),
        "finish_reason": write_stop(answer.stop, called, legacy),
    }


def of_candidate(reply: Reply, candidate: int) -> Reply:
    """With a seed of its own for the ids of a further answer's calls."""
    return replace(reply, id=f"{candidate}{reply.id}") if candidate else reply


def _logprobs(parts: tuple[Part, ...]) -> JsonObject | None:
    return write_logprobs(
        tuple(token for part in parts if isinstance(part, Text) for token in part.logprobs),
        tuple(token for part in parts if isinstance(part, Refusal) for token in part.logprobs),
    )


def write_logprobs(content: tuple[TokenLogprob, ...], refusal: tuple[TokenLogprob, ...]) -> JsonObject | None:
    """Of a choice; None where nobody told any."""
    if not content and not refusal:
        return None
    return {
        "content": write_tokens(content) if content else None,
        "refusal": write_tokens(refusal) if refusal else None,
    }


def response_id(provider_id: str | None, reply: Reply) -> str:
    """The provider's own id when it is of this protocol, else one made of the reply's seed."""
    return provider_id if provider_id and provider_id.startswith(_PREFIX) else f"{_PREFIX}{reply.id}"


def is_legacy(request: Request) -> bool:
    """Did the client ask with `functions`, and so expects `function_call`?"""
    tools = (tool for tool in request.tools if isinstance(tool, FunctionTool) and tool.native is not None)
    return any(tool.native.protocol == NAME and "function" not in tool.native.value for tool in tools if tool.native)


def call_id(call: ToolCall, reply: Reply, place: int) -> str:
    """Of the call in this place among the answer's calls; one is minted where the provider gave none."""
    return call.id or minted_call_id(reply.id, place, "call_")


def _message(parts: tuple[Part, ...], reply: Reply, legacy: bool) -> JsonObject:
    message: JsonObject = {"role": "assistant", "content": _content(parts)}
    refusals = [part.text for part in parts if isinstance(part, Refusal)]
    message["refusal"] = "".join(refusals) if refusals else None
    _reasoning(message, [part for part in parts if isinstance(part, Thinking)], reply.request)
    images: list[Json] = [write_image(part, place) for place, part in enumerate(_images(parts))]
    if images:
        message["images"] = images
    calls = [part for part in parts if isinstance(part, ToolCall)]
    if calls and legacy:
        message["function_call"] = _function(calls[0])
    elif calls:
        message["tool_calls"] = [_call(call, call_id(call, reply, place)) for place, call in enumerate(calls)]
    if annotations := _annotations(parts):
        message["annotations"] = annotations
    return message


def _content(parts: tuple[Part, ...]) -> Json:
    texts = [part.text for part in parts if isinstance(part, Text)]
    if not texts and any(isinstance(part, ToolCall | Refusal) for part in parts):
        return None
    return "".join(texts)


def _reasoning(message: JsonObject, thoughts: list[Thinking], request: Request) -> None:
    hidden = hides_reasoning(request)
    texts = [thought.text for thought in thoughts if thought.text and not hidden]
    if texts:
        message["reasoning_content"] = SEPARATOR.join(texts)
    carriers = [(carrier_of(thought), 0 if hidden else len(thought.text)) for thought in thoughts]
    details: list[Json] = [
        carrier_detail(carrier, place, length)
        for place, (carrier, length) in enumerate(each for each in carriers if each[0] is not None)
        if carrier is not None
    ]
    if details:
        message["reasoning_details"] = details


def _call(call: ToolCall, known_as: str) -> JsonObject:
    if call.kind == "freeform":
        written: JsonObject = {
            "id": known_as,
            "type": "custom",
            "custom": {"name": call.name, "input": call.arguments},
        }
    else:
        written = {"id": known_as, "type": "function", "function": _function(call)}
    if call.signature is not None:
        written["extra_content"] = {"google": {"thought_signature": carried(call.signature)}}
    return written


def _function(call: ToolCall) -> JsonObject:
    blank = not call.arguments or call.arguments.isspace()
    return {"name": call.name, "arguments": "{}" if blank else call.arguments}


def _images(parts: tuple[Part, ...]) -> list[Image]:
    return [part for part in parts if isinstance(part, Image)]


def write_image(image: Image, index: int) -> JsonObject:
    """An image that the model made, where OpenRouter's clients look for it."""
    match image.source:
        case Inline() as inline:
            url = data_url(inline)
        case Link(link):
            url = link
        case _:
            url = ""
    return {"type": "image_url", "image_url": {"url": url}, "index": index}


def _annotations(parts: tuple[Part, ...]) -> list[Json]:
    written: list[Json] = []
    start = 0
    for part in parts:
        if isinstance(part, Text):
            end = start + len(part.text)
            written += write_annotations(part.annotations, start, end)
            start = end
    return written


def write_annotations(annotations: tuple[JsonObject, ...], start: int, end: int) -> list[Json]:
    """Those of one text part that stands from `start` to `end` in the message's content."""
    return [written for each in annotations if (written := _annotation(each, start, end)) is not None]


def _annotation(annotation: JsonObject, start: int, end: int) -> JsonObject | None:
    citation = web_citation(annotation)
    if citation is None:
        return None
    if isinstance(own := annotation.get("url_citation"), dict):  # chat's own shape counts in the whole content
        return {**annotation, "url_citation": as_mapping(chat_annotation(citation, end)["url_citation"]) | own}
    placed = replace(citation, start=_moved(citation.start, start), end=_moved(citation.end, start))
    return chat_annotation(placed if placed.start is not None else replace(placed, start=start), end)


def _moved(place: int | None, by: int) -> int | None:
    return None if place is None else place + by
