"""Features of answers, in hub words, and what becomes of each between a provider and a client."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Final

from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.logprobs import TokenLogprob
from axonhub.transformers.hub.parts import Image, Inline, Part, Refusal, Signature, Text, Thinking, ToolCall
from axonhub.transformers.hub.requests import Reasoning
from axonhub.transformers.hub.responses import Response, StopReason
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocol import Undo
from scripts.matrix.directions import PROVIDERS, protocol, reply
from scripts.matrix.request_fates import KEPT, LOST, NOT_SAID, TRANSLATED
from scripts.matrix.requests import BASE, PNG

_ASKED: Final = replace(BASE, reasoning=Reasoning("effort", "high", visible=True, summary="auto"))
"""The client wants to read the reasoning: some protocols hold it back otherwise."""
BASE_ANSWER: Final = Response((Text("hello"),), StopReason.END, Usage(10, 0, 0, None, 5, 0), "id_1", BASE.model)


@dataclass(frozen=True)
class AnswerFeature:
    group: str
    name: str
    change: Callable[[str], Response]
    """The plain answer with the feature; the argument is the provider's protocol."""
    wire: dict[str, JsonObject] = field(default_factory=dict)
    """The feature as a provider says it, where that differs from what is written to a client of its protocol."""
    said_by: tuple[str, ...] = tuple(PROVIDERS)


def _parts(*parts: Part, stop: StopReason = StopReason.END) -> Callable[[str], Response]:
    return lambda provider: replace(BASE_ANSWER, parts=parts, stop=stop)


def _stop(stop: StopReason, sequence: str | None = None) -> Callable[[str], Response]:
    return lambda provider: replace(BASE_ANSWER, stop=stop, stop_sequence=sequence)


def _usage(**members: int | None) -> Callable[[str], Response]:
    return lambda provider: replace(BASE_ANSWER, usage=replace(BASE_ANSWER.usage, **members))


def _signed(provider: str) -> Response:
    signature = Signature("EqoBCkgIARABGAIiQJ1mEqoBCkgIARABGAIiQJ1m", PROVIDERS[provider].signature_origin)
    return replace(BASE_ANSWER, parts=(Thinking("because", signature), Text("hello")))


def _signed_call(provider: str) -> Response:
    signature = Signature("EqoBCkgIARABGAIiQJ1mEqoBCkgIARABGAIiQJ1m", PROVIDERS[provider].signature_origin)
    call = ToolCall("call_1", "ls", '{"a":"b"}', signature=signature)
    return replace(BASE_ANSWER, parts=(call,), stop=StopReason.TOOL)


def _gemini(*parts: JsonObject) -> JsonObject:
    usage: JsonObject = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
    candidate: JsonObject = {"index": 0, "content": {"role": "model", "parts": list(parts)}, "finishReason": "STOP"}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": BASE.model, "responseId": "id_1"}


_THOUGHT: Final[JsonObject] = {"text": "because", "thought": True}
_SIGNED_TEXT: Final[JsonObject] = {"text": "hello", "thoughtSignature": "CiQB"}
_SIGNED_CALL: Final[JsonObject] = {
    "functionCall": {"name": "ls", "args": {"a": "b"}, "id": "call_1"},
    "thoughtSignature": "CiQB",
}
_CITED: Final = Text(
    "hello",
    annotations=({"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 0, "end_index": 5},),
)
_LS: Final = ToolCall("call_1", "ls", '{"a":"b"}')

ANSWERS: Final = (
    AnswerFeature("Content", "text", _parts(Text("other"))),
    AnswerFeature("Content", "several texts", _parts(Text("hello"), Text("again"))),
    AnswerFeature("Content", "refusal", _parts(Refusal("no"))),
    AnswerFeature("Content", "web citation", _parts(_CITED)),
    AnswerFeature("Content", "generated image", _parts(Text("hello"), Image(Inline("image/png", PNG)))),
    AnswerFeature("Content", "log probabilities", _parts(Text("hello", logprobs=(TokenLogprob("hello", -0.5),)))),
    AnswerFeature("Thinking", "reasoning text", _parts(Thinking("because"), Text("hello"))),
    AnswerFeature(
        "Thinking", "signed reasoning", _signed, {"gemini/generate_content": _gemini(_THOUGHT, _SIGNED_TEXT)}
    ),
    AnswerFeature(
        "Thinking",
        "redacted reasoning",
        _parts(Thinking("", redacted="EmwK"), Text("hello")),
        said_by=("anthropic/messages",),
    ),
    AnswerFeature("Tools", "tool call", _parts(_LS, stop=StopReason.TOOL)),
    AnswerFeature("Tools", "parallel calls", _parts(_LS, replace(_LS, id="call_2"), stop=StopReason.TOOL)),
    AnswerFeature("Tools", "call without arguments", _parts(replace(_LS, arguments="{}"), stop=StopReason.TOOL)),
    AnswerFeature("Tools", "signed call", _signed_call, {"gemini/generate_content": _gemini(_SIGNED_CALL)}),
    AnswerFeature("Stop", "length limit", _stop(StopReason.LENGTH)),
    AnswerFeature("Stop", "stop sequence", _stop(StopReason.SEQUENCE, "END")),
    AnswerFeature("Stop", "filter", _stop(StopReason.FILTER)),
    AnswerFeature("Stop", "pause of the provider's own tools", _stop(StopReason.PAUSE)),
    AnswerFeature("Usage", "cached tokens", _usage(fresh_tokens=6, cache_read_tokens=4)),
    AnswerFeature("Usage", "cache writes, five minutes", _usage(fresh_tokens=6, cache_write_5m_tokens=4)),
    AnswerFeature("Usage", "cache writes, one hour", _usage(fresh_tokens=6, cache_write_1h_tokens=4)),
    AnswerFeature("Usage", "reasoning tokens", _usage(reasoning_tokens=3)),
)


def answer_fate(feature: AnswerFeature, provider: str, client: str) -> str:
    """kept: the client reads what the provider said; translated: another form of it; lost: nothing."""
    if provider not in feature.said_by:
        return NOT_SAID
    wanted, plain = feature.change(provider), _told(BASE_ANSWER, provider)
    wire = feature.wire.get(provider)
    told = _told(wanted, provider) if wire is None else _read(wire, provider)
    if told is None or plain is None or (wire is None and not _says(told, wanted, plain)):
        return NOT_SAID
    heard, heard_plain = _told(told, client), _told(plain, client)
    if heard is None or heard_plain is None or _same(heard, heard_plain):
        return LOST
    return KEPT if _same(heard, told) else TRANSLATED


def _told(response: Response, name: str) -> Response | None:
    """What a reader of this protocol hears of an answer that a writer of it tells."""
    return _read(protocol(name).write_response(response, reply(_ASKED)), name)


def _read(body: JsonObject, name: str) -> Response | None:
    read = protocol(name).read_response(json.loads(json.dumps(body)), PROVIDERS[name], Undo())
    return None if isinstance(read, Failure) else read


def _says(told: Response, wanted: Response, plain: Response) -> bool:
    """Has this protocol a word for what the feature changes?"""
    changed = [each for each in _MEMBERS if getattr(wanted, each) != getattr(BASE_ANSWER, each)]
    return all(_plain(told, each) == _plain(wanted, each) for each in changed) and not _same(told, plain)


def _same(one: Response, other: Response) -> bool:
    return all(_plain(one, each) == _plain(other, each) for each in _MEMBERS)


def _plain(response: Response, member: str) -> object:
    """A member without what each protocol makes up for itself: ids, and citations in its own shape."""
    value = getattr(response, member)
    if member == "usage":
        return tuple(getattr(value, each.name) or 0 for each in fields(Usage))
    return tuple(map(_anonymous, value)) if member == "parts" else value


def _anonymous(part: Part) -> object:
    match part:
        case Thinking(text, signature, redacted):
            return "thinking", text, signature, redacted
        case ToolCall():
            return replace(part, item_id=None, native=None)
        case Text(text, annotations=annotations, signature=signature, logprobs=logprobs):
            cited = [(each.get("url"), each.get("title")) for each in map(_cited, annotations)]
            return "text", text, cited, signature, [(each.token, each.logprob) for each in logprobs]
        case _:
            return part


def _cited(annotation: JsonObject) -> JsonObject:
    nested = annotation.get("url_citation")
    return nested if isinstance(nested, dict) else annotation


_MEMBERS: Final = ("parts", "stop", "stop_sequence", "usage")


def failure_told(kind: FailureKind, client: str) -> str:
    """Status, type and code that a client hears of a provider's failure."""
    status, body = protocol(client).write_failure(Failure(kind, "words"))
    error = body.get("error")
    inside = error if isinstance(error, dict) else {}
    words = [inside.get(name) for name in ("type", "code", "status")]
    return " ".join(f"`{word}`" for word in [status, *words] if word is not None and word != status)
